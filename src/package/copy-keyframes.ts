/**
 * Where the keyframes of a feed that is copied stand on the Channel's Grid: their interval, their frame numbers, the base.
 * It never sees media and never reads a clock. Invariants: every accepted keyframe has a frame number that is a whole
 * number of GOPs, so that every Segment boundary is a keyframe's place; numbers only rise within a base.
 */
import type { Grid } from './grid.ts';

export interface KeyframeTimes {
  /** Rises when the stamps jump. */
  readonly base: number;
  /** Decoding stamp of the publisher, ms. */
  readonly stampMs: number;
  readonly compositionMs: number;
  /** UTC of arrival as the Anchor has it, ms. */
  readonly mediaMs: number;
}

/** A keyframe and its frame of the Grid, counted from 1970 in frames of the Grid's rate. */
export interface PlacedKeyframe extends KeyframeTimes {
  readonly frame: number;
}

export type KeyframeStep =
  /** The interval is not known yet. */
  | { readonly kind: 'waiting' }
  /** The base was chosen: media can begin. */
  | { readonly kind: 'base' }
  | { readonly kind: 'placed' }
  /** The publisher's clock has run away from ours by too much. The base was chosen anew. */
  | { readonly kind: 'drifted'; readonly leadMs: number }
  | { readonly kind: 'bad'; readonly reason: string; readonly hint: string };

/** A keyframe may be this far off its place: stamps are whole ms and jitter. */
export const TOLERANCE_FRAMES = 0.5;
/** Media may arrive this much after its place on the Grid: what is not whole 800 ms after an index is filled. */
const MOST_LATE_MS = 300;
/** The last keyframes that are kept: the ring's 12 s at four a second. */
const KEPT = 64;

export class CopyKeyframes {
  readonly #grid: Grid;
  readonly #frameMs: number;
  #gopFrames: number | undefined;
  #first: KeyframeTimes | undefined;
  #placed: PlacedKeyframe[] = [];

  constructor(grid: Grid) {
    this.#grid = grid;
    this.#frameMs = (1000 * grid.frameRate.den) / grid.frameRate.num;
  }

  /** Frames from keyframe to keyframe; undefined until two have come. */
  get gopFrames(): number | undefined {
    return this.#gopFrames;
  }

  take(keyframe: KeyframeTimes): KeyframeStep {
    const last = this.#placed.at(-1) ?? this.#first;
    if (last === undefined || last.base !== keyframe.base) return this.#begin(keyframe);
    const frames = (presentationMs(keyframe) - presentationMs(last)) / this.#frameMs;
    const gopFrames = this.#gopFrames ?? gopOf(this.#grid, frames);
    const distance = Math.round(frames / (gopFrames ?? 1)) * (gopFrames ?? 1);
    if (gopFrames === undefined) return this.#unfit(frames);
    if (distance === 0 || Math.abs(frames - distance) > TOLERANCE_FRAMES) return this.#irregular(frames, gopFrames);
    const previous = this.#placed.at(-1);
    this.#gopFrames = gopFrames;
    if (previous === undefined) {
      this.#choose(keyframe, gopFrames);
      const frame = (this.#placed.at(-1)?.frame ?? 0) - distance;
      // The base is chosen by the newest keyframe, since the Anchor knows more by then; the GOP before it is not lost.
      this.#placed.unshift({ ...last, frame });
      return { kind: 'base' };
    }
    return this.#place(keyframe, previous.frame + distance, gopFrames);
  }

  /** Forgets where the base is, not the interval: the next keyframe chooses a new one. */
  #begin(keyframe: KeyframeTimes): KeyframeStep {
    this.#placed = [];
    this.#first = keyframe;
    if (this.#gopFrames === undefined) return { kind: 'waiting' };
    this.#choose(keyframe, this.#gopFrames);
    return { kind: 'base' };
  }

  /** The first place at or after the time of arrival: media is never late on its own Grid, and early by less than a GOP. */
  #choose(keyframe: KeyframeTimes, gopFrames: number): void {
    const gops = Math.ceil(keyframe.mediaMs / (gopFrames * this.#frameMs) - 1e-9);
    this.#placed = [{ ...keyframe, frame: gops * gopFrames }];
  }

  #place(keyframe: KeyframeTimes, frame: number, gopFrames: number): KeyframeStep {
    const leadMs = frame * this.#frameMs - keyframe.mediaMs;
    if (leadMs < -MOST_LATE_MS || leadMs > gopFrames * this.#frameMs + this.#grid.segmentMs) {
      this.#choose(keyframe, gopFrames);
      return { kind: 'drifted', leadMs };
    }
    this.#placed = [...this.#placed.slice(1 - KEPT), { ...keyframe, frame }];
    return { kind: 'placed' };
  }

  /** The keyframe to start from for a Segment: the newest at or before its start that is still in the ring, else the oldest. */
  startFor(index: number, ringOldestMs: number): PlacedKeyframe | undefined {
    const kept = this.#placed.filter(({ mediaMs }) => mediaMs >= ringOldestMs);
    const start = index * this.#grid.segmentFrames;
    return kept.findLast(({ frame }) => frame <= start) ?? kept[0] ?? this.#placed.at(-1);
  }

  #unfit(frames: number): KeyframeStep {
    const { segmentFrames, segmentMs } = this.#grid;
    const seconds = this.#seconds(frames);
    return {
      kind: 'bad',
      reason:
        `the feed's keyframes are ${seconds} s (${Math.round(frames)} frames) apart; ` +
        `that does not divide the segment of ${segmentMs / 1000} s (${segmentFrames} frames), so its pictures can't be copied`,
      hint: this.#advice(),
    };
  }

  #irregular(frames: number, gopFrames: number): KeyframeStep {
    return {
      kind: 'bad',
      reason:
        `the feed's keyframes are not regular: after intervals of ${this.#seconds(gopFrames)} s (${gopFrames} frames) ` +
        `one came ${this.#seconds(frames)} s (${Math.round(frames)} frames) after the one before, so its pictures can't be copied`,
      hint: this.#advice(),
    };
  }

  #seconds(frames: number): string {
    return ((frames * this.#frameMs) / 1000).toFixed(3);
  }

  #advice(): string {
    const { segmentFrames, segmentMs } = this.#grid;
    const shares = [1, 2, 4].filter((share) => segmentFrames % share === 0);
    const intervals = shares.map((share) => `${segmentMs / 1000 / share}`).join(', ');
    return (
      `Set the encoder to a keyframe interval of ${intervals} s exactly, without keyframes at scene cuts ` +
      `(OBS: Keyframe Interval ${Math.round(segmentMs / 1000)} s, and scenecut=0 in the x264 options; ffmpeg: -g ${segmentFrames} -sc_threshold 0), ` +
      'or use a ladder without copy.'
    );
  }
}

/** Presentation time: the one that stands on the Grid (D-042). */
function presentationMs({ stampMs, compositionMs }: Pick<KeyframeTimes, 'stampMs' | 'compositionMs'>): number {
  return stampMs + compositionMs;
}

/** The GOP of an observed interval: a whole share of the Segment in whole frames, or none. */
function gopOf(grid: Grid, frames: number): number | undefined {
  const share = Math.round(grid.segmentFrames / frames);
  if (!Number.isFinite(share) || share < 1 || grid.segmentFrames % share !== 0) return undefined;
  const gopFrames = grid.segmentFrames / share;
  return Math.abs(frames - gopFrames) <= TOLERANCE_FRAMES ? gopFrames : undefined;
}
