/**
 * From RTMP stamps to media time for one publish: unwrapped, anchored, and told so that the next service can go on from it.
 * It never reads a clock: arrivals come as arguments. Invariant: a publish that is taken over keeps its media times to the
 * microsecond, whatever either service's UTC is.
 */
import { Anchor, type Anchored } from './anchor.ts';
import { VIDEO } from './flv-tags.ts';
import type { PlacedTag } from './link-messages.ts';
import type { MediaFrame } from './media-frames.ts';
import { StampUnwrapper } from './unwrap.ts';

/** `stampMs`: unwrapped, and shifted to the common origin of all kinds. */
export type PlacedStamp = Anchored & { readonly stampMs: number };

export class StampPlacer {
  readonly #anchor = new Anchor();
  readonly #unwrapper = new StampUnwrapper();
  readonly #utcMsOf: (monotonicUs: number) => number;
  readonly #prior: PlacedTag | undefined;
  #newest: { readonly kind: number; readonly stamp: number; readonly mediaMs: number } | undefined;

  /** `prior`: where the service before had put a tag of this publish. */
  constructor(utcMsOf: (monotonicUs: number) => number, prior: PlacedTag | undefined) {
    this.#utcMsOf = utcMsOf;
    this.#prior = prior;
  }

  /** Where the newest picture was put; of a feed without pictures, the newest sound. */
  get placed(): PlacedTag | undefined {
    if (this.#newest === undefined) return undefined;
    const { stamp, mediaMs } = this.#newest;
    return { stamp, mediaUs: (mediaMs - this.#utcMsOf(0)) * 1000 };
  }

  place({ kind, stamp }: MediaFrame, arrivalMs: number): PlacedStamp {
    const ownMs = this.#unwrapper.unwrap(stamp);
    this.#carryOn(ownMs);
    const anchored = this.#anchor.place(kind, ownMs, arrivalMs);
    const isLeading = kind === VIDEO || this.#newest?.kind !== VIDEO;
    if (anchored.kind !== 'stale' && isLeading) this.#newest = { kind, stamp, mediaMs: anchored.mediaMs };
    return { ...anchored, stampMs: ownMs + this.#anchor.shiftMsOf(kind) };
  }

  /** Before the first tag. The service before may have seen more wraps: stamps are compared modulo 2^32. */
  #carryOn(stampMs: number): void {
    const prior = this.#prior;
    if (prior === undefined || this.#anchor.offsetMs !== undefined) return;
    this.#anchor.carryOn(stampMs + ((prior.stamp - (stampMs % 2 ** 32)) | 0), this.#utcMsOf(prior.mediaUs));
  }
}
