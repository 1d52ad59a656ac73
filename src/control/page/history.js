/**
 * The last five minutes of the service's figures, as the charts draw them. Pure: figures and times in.
 * It never keeps more than five minutes or 400 samples. Invariant: every series has one value for each time.
 */

/** One second of the service, the `figures` event. @typedef {import('../api-model.ts').Figures} Figures */
/** @typedef {{ name: string, values: (number | undefined)[] }} Series */
/** @typedef {{ timesMs: number[], series: Series[] }} SeriesOverTime */

export const HISTORY_MS = 5 * 60_000;
const MOST_SAMPLES = 400;
/** A second that is missing is no hole yet. */
const HOLE_MS = 3500;
/** Players ask once a Segment or part: one second alone says more of their phase than of their number. */
const MEAN_MS = 5000;

/** @template {{ atMs: number }} T @param {T[]} samples oldest first @param {T} sample */
function keep(samples, sample) {
  const last = samples.at(-1);
  // A clock that was set back: what is later than now never was.
  if (last && sample.atMs <= last.atMs) samples.splice(samples.findIndex(({ atMs }) => atMs >= sample.atMs));
  samples.push(sample);
  const tooOld = samples.findIndex(({ atMs }) => atMs > sample.atMs - HISTORY_MS);
  samples.splice(0, Math.max(tooOld, samples.length - MOST_SAMPLES));
}

/**
 * Times and values with an unknown sample in each hole.
 * @template {{ atMs: number }} T
 * @param {readonly T[]} samples @param {readonly string[]} names @param {(sample: T, name: string) => number | undefined} read
 * @returns {SeriesOverTime}
 */
function over(samples, names, read) {
  /** @type {(T | undefined)[]} */
  const filled = [];
  /** @type {number[]} */
  const timesMs = [];
  samples.forEach((sample, index) => {
    const before = samples[index - 1];
    if (before && sample.atMs - before.atMs > HOLE_MS) {
      filled.push(undefined);
      timesMs.push(before.atMs + 1);
    }
    filled.push(sample);
    timesMs.push(sample.atMs);
  });
  const series = names.map((name) => ({ name, values: filled.map((sample) => sample && read(sample, name)) }));
  return { timesMs, series };
}

/**
 * A figure as the mean of the last seconds, for each sample.
 * @template {{ atMs: number }} T
 * @param {readonly T[]} samples @param {(sample: T) => number} read @returns {Map<T, number>}
 */
function means(samples, read) {
  /** @type {Map<T, number>} */
  const found = new Map();
  let [first, sum] = [0, 0];
  samples.forEach((sample, index) => {
    sum += read(sample);
    for (let oldest = samples[first]; oldest && oldest.atMs <= sample.atMs - MEAN_MS; oldest = samples[first]) {
      sum -= read(oldest);
      first += 1;
    }
    // Sums of what comes and goes are not exact; nobody was asked less than never.
    found.set(sample, Math.max(0, sum / (index - first + 1)));
  });
  return found;
}

/** @param {Figures['requests']} requests @param {'kind' | 'cache'} by */
function sumBy(requests, by) {
  /** @type {Map<string, number>} */
  const sums = new Map();
  for (const request of requests) sums.set(request[by], (sums.get(request[by]) ?? 0) + request.perSecond);
  return sums;
}

export class FigureHistory {
  /** @type {(Figures & { atMs: number, kind: Map<string, number>, cache: Map<string, number> })[]} */
  #samples = [];

  /** @param {Figures} figures */
  add(figures) {
    const { nowMs: atMs, requests } = figures;
    keep(this.#samples, { ...figures, atMs, kind: sumBy(requests, 'kind'), cache: sumBy(requests, 'cache') });
  }

  get isEmpty() {
    return this.#samples.length === 0;
  }

  /** Requests a second by kind or cache class (means of 5 s), those that were asked for at all, by name. @param {'kind' | 'cache'} by @returns {SeriesOverTime} */
  requests(by) {
    const asked = this.#samples.flatMap((sample) => [...sample[by]].filter(([, perSecond]) => perSecond > 0));
    const names = [...new Set(asked.map(([name]) => name))].sort();
    const of = new Map(names.map((name) => [name, means(this.#samples, (sample) => sample[by].get(name) ?? 0)]));
    return over(this.#samples, names, (sample, name) => of.get(name)?.get(sample));
  }

  /** One figure of the whole service over time (means of 5 s). @param {(figures: Figures) => number} read @returns {(number | undefined)[]} */
  totals(read) {
    const of = means(this.#samples, read);
    return over(this.#samples, ['all'], (sample) => of.get(sample)).series[0]?.values ?? [];
  }

  /** @param {string} channel @returns {SeriesOverTime} */
  speed(channel) {
    return over(
      this.#samples,
      ['encoder'],
      ({ channels }) => channels.find(({ id }) => id === channel)?.encoderSpeed ?? undefined,
    );
  }
}

/** Latencies of one Channel as this page sees them: its player's, and the age of the newest media. */
export class LatencyHistory {
  /** @type {{ atMs: number, player: number | undefined, newest: number | undefined }[]} */
  #samples = [];

  /** @param {{ atMs: number, player: number | undefined, newest: number | undefined }} sample in seconds */
  add(sample) {
    keep(this.#samples, sample);
  }

  forget() {
    this.#samples = [];
  }

  /** @returns {SeriesOverTime} */
  series() {
    return over(this.#samples, ['player', 'newest media'], (sample, name) =>
      name === 'player' ? sample.player : sample.newest,
    );
  }
}
