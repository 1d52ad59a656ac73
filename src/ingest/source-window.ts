/**
 * Five seconds of a feed in figures: spacing of frames, composition times, bitrate, delay, distance of audio and video.
 * Pure; it never judges. Invariant: state is bounded by MAX_FRAMES stamps, however many tags come.
 */

/** One media tag as the Feed sees it. */
export interface ObservedTag {
  readonly track: 'video' | 'audio';
  /** Unwrapped. */
  readonly stampMs: number;
  readonly arrivalMs: number;
  readonly bytes: number;
  readonly keyframe: boolean;
  readonly compositionMs: number;
}

export interface WindowFigures {
  /** Typical distance of two frames. */
  readonly frameMs: number | undefined;
  /** Standard deviation of the stamps against the best evenly spaced line through them. */
  readonly unevenMs: number | undefined;
  /** True when what is uneven are whole frames that are not there. */
  readonly lacksFrames: boolean;
  /** Largest minus smallest composition time: 0 without B-frames. */
  readonly compositionSpreadMs: number;
  /** Bits per second of media time: what the encoder makes, whatever the network does with it. */
  readonly videoBps: number | undefined;
  readonly totalBps: number | undefined;
  /** Arrival minus stamp. */
  readonly leastDelayMs: number | undefined;
  readonly mostDelayMs: number | undefined;
  /** Mean distance of audio stamps from the newest video stamp; above 0 audio is ahead. */
  readonly audioLeadMs: number | undefined;
}

const MAX_FRAMES = 1_200;
/** Fewer say nothing of spacing. */
const ENOUGH_FRAMES = 40;
const ENOUGH_MEDIA_MS = 1_000;

export class SourceWindow {
  readonly #stampsMs: number[] = [];
  /** Newest stamp before this window: where its media begins. */
  readonly #startMs: number | undefined;
  #firstMs: number | undefined;
  #newestMs: number | undefined;
  #newestVideoMs: number | undefined;
  #bytes = { video: 0, audio: 0 };
  #composition = { least: Number.POSITIVE_INFINITY, most: Number.NEGATIVE_INFINITY };
  #delay = { least: Number.POSITIVE_INFINITY, most: Number.NEGATIVE_INFINITY };
  #lead = { sumMs: 0, count: 0 };

  constructor(before?: SourceWindow) {
    this.#startMs = before?.newestMs;
    this.#newestVideoMs = before?.newestVideoMs;
  }

  get newestMs(): number | undefined {
    return this.#newestMs ?? this.#startMs;
  }

  get newestVideoMs(): number | undefined {
    return this.#newestVideoMs;
  }

  take(tag: ObservedTag): void {
    const { track, stampMs, arrivalMs, bytes } = tag;
    this.#firstMs ??= stampMs;
    this.#newestMs = Math.max(this.#newestMs ?? stampMs, stampMs);
    this.#bytes[track] += bytes;
    const delayMs = arrivalMs - stampMs;
    this.#delay.least = Math.min(this.#delay.least, delayMs);
    this.#delay.most = Math.max(this.#delay.most, delayMs);
    if (track === 'video') this.#takeFrame(tag);
    else if (this.#newestVideoMs !== undefined) {
      this.#lead.sumMs += stampMs - this.#newestVideoMs;
      this.#lead.count++;
    }
  }

  #takeFrame({ stampMs, compositionMs }: ObservedTag): void {
    this.#newestVideoMs = stampMs;
    this.#composition.least = Math.min(this.#composition.least, compositionMs);
    this.#composition.most = Math.max(this.#composition.most, compositionMs);
    if (this.#stampsMs.length < MAX_FRAMES) this.#stampsMs.push(stampMs);
  }

  figures(): WindowFigures {
    const intervals = this.#stampsMs.slice(1).map((stampMs, i) => stampMs - (this.#stampsMs[i] ?? 0));
    const frameMs = median(intervals);
    const unevenMs =
      this.#stampsMs.length < ENOUGH_FRAMES ? undefined : unevenness(this.#stampsMs.map((y, x) => ({ x, y })));
    const mediaMs = (this.#newestMs ?? 0) - (this.#startMs ?? this.#firstMs ?? 0);
    const rate = (bytes: number) => (mediaMs < ENOUGH_MEDIA_MS ? undefined : (bytes * 8000) / mediaMs);
    const finite = (value: number) => (Number.isFinite(value) ? value : undefined);
    return {
      frameMs,
      unevenMs,
      lacksFrames:
        unevenMs !== undefined &&
        frameMs !== undefined &&
        frameMs > 0 &&
        unevennessFilled(this.#stampsMs, intervals, frameMs) < unevenMs / 2,
      compositionSpreadMs: Math.max(0, this.#composition.most - this.#composition.least),
      videoBps: rate(this.#bytes.video),
      totalBps: rate(this.#bytes.video + this.#bytes.audio),
      leastDelayMs: finite(this.#delay.least),
      mostDelayMs: finite(this.#delay.most),
      audioLeadMs: this.#lead.count === 0 ? undefined : this.#lead.sumMs / this.#lead.count,
    };
  }
}

/** The middle value; the upper one of two. */
function median(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** What is uneven when each interval counts as the whole number of frames nearest to it. */
function unevennessFilled(stampsMs: readonly number[], intervals: readonly number[], frameMs: number): number {
  let x = 0;
  const points = stampsMs.map((y, i) => {
    x += i === 0 ? 0 : Math.max(1, Math.round((intervals[i - 1] ?? 0) / frameMs));
    return { x, y };
  });
  return unevenness(points);
}

/** Jitter leaves the line where it is and shows in full, but small; a rate that moves bends it and shows much larger. */
function unevenness(points: readonly { readonly x: number; readonly y: number }[]): number {
  const { slope, meanX, meanY } = fitLine(points);
  const squares = points.reduce((sum, { x, y }) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  return Math.sqrt(squares / points.length);
}

/** The line of least squares. At least two points of different x. */
export function fitLine(points: readonly { readonly x: number; readonly y: number }[]) {
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / points.length;
  let products = 0;
  let squares = 0;
  for (const { x, y } of points) {
    products += (x - meanX) * (y - meanY);
    squares += (x - meanX) ** 2;
  }
  return { slope: products / squares, meanX, meanY };
}
