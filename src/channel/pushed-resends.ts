/**
 * What a pushed Track has sent of late, by decoding time and content: tells a resend from a source that began again.
 * It never keeps media. Invariant: at most KEPT chunks are remembered.
 */
import { createHash } from 'node:crypto';
import type { Fragment } from '../cmaf/isobmff/model.ts';

/** Twenty seconds of one access unit each; of whole Segments, for ever. */
const KEPT = 1024;

export class PushedResends {
  readonly #digests = new Map<number, string>();

  /** True for a chunk that came before; remembered otherwise. mfhd does not count: encoders begin it anew (interface 1). */
  isResend(fragment: Fragment): boolean {
    const { decodeTicks, bytes, dataOffset } = fragment;
    const digest = createHash('sha1').update(bytes.subarray(dataOffset)).digest('base64');
    if (this.#digests.get(decodeTicks) === digest) return true;
    this.#digests.delete(decodeTicks);
    this.#digests.set(decodeTicks, digest);
    const oldest = this.#digests.keys().next();
    if (this.#digests.size > KEPT && !oldest.done) this.#digests.delete(oldest.value);
    return false;
  }

  forget(): void {
    this.#digests.clear();
  }
}
