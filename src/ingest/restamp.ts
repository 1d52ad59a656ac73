/**
 * Puts tags on a worker's own time: whole ms since the worker's origin, which lies on the Channel's grid.
 * Pure. Invariant: times are never negative and never fall within a kind; tags before the origin are left out.
 */
import { flvTag } from './flv-writer.ts';

export class Restamper {
  readonly #originMs: number;
  #last = new Map<number, number>();

  /** `originMs` is the media time (UTC ms) that becomes 0. */
  constructor(originMs: number) {
    this.#originMs = originMs;
  }

  /** The FLV tag of a body at media time `mediaMs`, or undefined where that is before the origin. */
  restamp(tagType: number, mediaMs: number, body: Buffer): Buffer | undefined {
    const timeMs = Math.round(mediaMs - this.#originMs);
    if (timeMs < 0) return undefined;
    const monotone = Math.max(timeMs, this.#last.get(tagType) ?? 0);
    this.#last.set(tagType, monotone);
    return flvTag(tagType, monotone, body);
  }
}
