/**
 * RTMP stamps are milliseconds modulo 2^32 and wrap after 49.7 days; this carries them on.
 * Pure. Invariant: two stamps less than 2^31 ms apart keep their signed distance, forwards and backwards.
 */

export class StampUnwrapper {
  #last: number | undefined;

  /** The stamp on a line without wraps; the first one is itself. May be negative after a step back over 0. */
  unwrap(stamp: number): number {
    const last = this.#last;
    // `| 0` reads the difference as a signed 32-bit number (serial arithmetic, RFC 1982).
    const unwrapped = last === undefined ? stamp : last + ((stamp - (last % 2 ** 32)) | 0);
    this.#last = unwrapped;
    return unwrapped;
  }
}
