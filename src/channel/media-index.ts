/**
 * Answers what the window has of a Channel's media, by name: there, next, too early, gone or unknown.
 * It never waits. Invariant: a URL that any manifest may have shown is never answered `unknown` or `too-early`.
 */
import type { Period } from '../package/model.ts';
import type { Timeline } from '../package/timeline.ts';
import type { WindowStore } from '../window/model.ts';
import type { MediaAnswer, MediaName } from './view.ts';

/** Periods that have left the window are remembered, so that their URLs answer 410 and not 404, up to this many in all. */
const REMEMBERED_PERIODS = 32;

export class MediaIndex {
  readonly #timeline: Timeline;
  readonly #store: WindowStore;
  readonly #periods: Period[] = [];

  constructor(timeline: Timeline, store: WindowStore) {
    this.#timeline = timeline;
    this.#store = store;
  }

  /** Nobody has been shown any of it. */
  forgetAll(): void {
    this.#periods.length = 0;
  }

  remember(period: Period): void {
    this.#periods.push(period);
    while (this.#periods.length > REMEMBERED_PERIODS && this.#hasOldestLeft()) this.#periods.shift();
  }

  #hasOldestLeft(): boolean {
    const [oldest, second] = this.#periods;
    return second !== undefined && this.#timeline.find(second.startNumber - 1)?.period !== oldest;
  }

  /** True for a Track of an earlier Period that the newest does not have. */
  wasWithdrawn(track: string): boolean {
    const current = this.#timeline.period;
    if (current === undefined || current.tracks.some(({ id }) => id === track)) return false;
    return this.#periods.some((period) => period.tracks.some(({ id }) => id === track));
  }

  answer(name: MediaName): MediaAnswer {
    const ofTrack = this.#periods.filter(
      (period) => period.gen === name.gen && period.tracks.some(({ id }) => id === name.track),
    );
    if (ofTrack.length === 0) return { kind: 'unknown' };
    if (name.kind === 'init') return this.#init(name, ofTrack);
    const { track, gen, number } = name;
    const object =
      name.kind === 'segment'
        ? this.#store.segment({ track, gen, number })
        : this.#store.part({ track, gen, number }, name.part);
    if (object !== undefined) return { kind: 'ready', object };
    return this.#absent(name, ofTrack);
  }

  #init(name: MediaName & { kind: 'init' }, periods: readonly Period[]): MediaAnswer {
    const object = this.#store.init(name.track, name.gen, name.hash);
    if (object !== undefined) return { kind: 'ready', object };
    const known = periods.some((period) =>
      period.tracks.some(({ id, initHash }) => id === name.track && initHash === name.hash),
    );
    return { kind: known ? 'gone' : 'unknown' };
  }

  #absent(name: MediaName & { kind: 'segment' | 'part' }, periods: readonly Period[]): MediaAnswer {
    const next = this.#timeline.nextNumber ?? 0;
    const first = Math.min(...periods.map((period) => period.startNumber));
    if (name.number < first) return { kind: 'unknown' };
    // The GEN of a Period that is over: a player that holds its MPD for too long asks for what comes after its end.
    if (this.#timeline.period?.gen !== name.gen) return { kind: 'gone' };
    if (name.number >= next) {
      return name.number === next
        ? { kind: 'pending', key: mediaKey(name.track, name.gen, name.number) }
        : { kind: 'too-early' };
    }
    // A number of the window whose part does not exist.
    return this.#timeline.find(name.number) === undefined ? { kind: 'gone' } : { kind: 'unknown' };
  }
}

export function mediaKey(track: string, gen: string, number: number): string {
  return `${track}/${gen}/${number}`;
}
