/**
 * The last seconds of a feed, by whole GOPs, so that a new worker starts at once on a keyframe.
 * Pure. Invariant: never more than 12 s nor 32 MB. Old GOPs leave whole, from the front; the newest is never split at its
 * front: where it alone exceeds a bound, its first part is kept and the rest is not (`isCut`).
 */

export interface RingTag {
  readonly tagType: number;
  readonly mediaMs: number;
  /** The publisher's own, unwrapped; undefined for a sequence header. */
  readonly stampMs?: number | undefined;
  /** Shared: copy before writing. */
  readonly body: Buffer;
}

export interface RingBounds {
  readonly maxMs: number;
  readonly maxBytes: number;
}

const RING_BOUNDS: RingBounds = {
  maxMs: 12_000,
  maxBytes: 32 * 1024 * 1024,
};

/** A tag's own cost besides its body, so that a flood of tiny tags is bounded too. */
const TAG_OVERHEAD_BYTES = 128;

interface Gop {
  readonly startMs: number;
  readonly tags: RingTag[];
  bytes: number;
  endMs: number;
  isCut: boolean;
}

export class GopRing {
  readonly #bounds: RingBounds;
  #gops: Gop[] = [];
  #bytes = 0;

  constructor(bounds: RingBounds = RING_BOUNDS) {
    this.#bounds = bounds;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** True while the newest GOP is longer or larger than may be kept. */
  get isCut(): boolean {
    return this.#gops.at(-1)?.isCut ?? false;
  }

  /** Media times of the oldest and the newest start. */
  range(): { oldestMs: number; newestMs: number } | undefined {
    const oldest = this.#gops[0];
    const newest = this.#gops.at(-1);
    if (oldest === undefined || newest === undefined) return undefined;
    return { oldestMs: oldest.startMs, newestMs: newest.startMs };
  }

  clear(): void {
    this.#gops = [];
    this.#bytes = 0;
  }

  /** `isStart` is true for keyframes. Tags before the first start are not kept. */
  push(tag: RingTag, isStart: boolean): void {
    if (isStart)
      this.#gops.push({
        startMs: tag.mediaMs,
        tags: [],
        bytes: 0,
        endMs: tag.mediaMs,
        isCut: false,
      });
    const newest = this.#gops.at(-1);
    if (newest === undefined || newest.isCut) return;
    const bytes = tag.body.length + TAG_OVERHEAD_BYTES;
    newest.endMs = Math.max(newest.endMs, tag.mediaMs);
    this.#dropOld(newest, bytes);
    if (newest.endMs - newest.startMs > this.#bounds.maxMs || newest.bytes + bytes > this.#bounds.maxBytes) {
      newest.isCut = true;
      return;
    }
    newest.tags.push(tag);
    newest.bytes += bytes;
    this.#bytes += bytes;
  }

  #dropOld(newest: Gop, bytes: number): void {
    while (this.#gops.length > 1) {
      const oldest = this.#gops[0];
      if (oldest === undefined) return;
      if (newest.endMs - oldest.startMs <= this.#bounds.maxMs && this.#bytes + bytes <= this.#bounds.maxBytes) return;
      this.#gops.shift();
      this.#bytes -= oldest.bytes;
    }
  }

  /** The newest start at or before mediaMs, or the oldest there is. */
  startAtOrBefore(mediaMs: number): number | undefined {
    return this.#gops[this.#indexAtOrBefore(mediaMs)]?.startMs;
  }

  /**
   * Everything from that start on, in order of arrival; first what arrived shortly before the start but lies at or
   * after it (audio that the encoder interleaved ahead of the keyframe).
   */
  from(mediaMs: number): RingTag[] {
    const index = this.#indexAtOrBefore(mediaMs);
    const start = this.#gops[index];
    if (start === undefined) return [];
    const startType = start.tags[0]?.tagType;
    const ahead = (this.#gops[index - 1]?.tags ?? []).filter(
      (tag) => tag.tagType !== startType && tag.mediaMs >= start.startMs,
    );
    return [...ahead, ...this.#gops.slice(index).flatMap((gop) => gop.tags)];
  }

  #indexAtOrBefore(mediaMs: number): number {
    const index = this.#gops.findLastIndex((gop) => gop.startMs <= mediaMs);
    return Math.max(index, 0);
  }
}
