/**
 * Bytes per second of one connection, as a token bucket: what was read is paid for afterwards, by a pause.
 * It never waits by itself and knows no clock. Invariant: over any stretch of time, no more than the rate times it,
 * plus the burst, plus one read is let through.
 */

/** An encoder's keyframe, and what piled up while the network was slow, pass at line speed. */
const BURST_SECONDS = 2;

export class TokenBucket {
  readonly #bytesPerSecond: number;
  readonly #burstBytes: number;
  #tokens: number;
  #lastUs: number;

  constructor(bytesPerSecond: number, nowUs: number) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#burstBytes = bytesPerSecond * BURST_SECONDS;
    this.#tokens = this.#burstBytes;
    this.#lastUs = nowUs;
  }

  /** Pays for `bytes` that were read at nowUs; answers for how many ms nothing more may be read, 0 as a rule. */
  take(bytes: number, nowUs: number): number {
    const earned = (Math.max(0, nowUs - this.#lastUs) * this.#bytesPerSecond) / 1e6;
    this.#lastUs = Math.max(this.#lastUs, nowUs);
    this.#tokens = Math.min(this.#burstBytes, this.#tokens + earned) - bytes;
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens * 1000) / this.#bytesPerSecond);
  }
}
