/**
 * Up to which media time an encoder was fed, or would have been if its pipe took more.
 * It never reads a clock. Invariant: what comes late over the network is owed when it comes; what comes late because the pipe was
 * full is owed as if it had not been.
 */

/** A pipe that has taken everything for so long, in ms, holds nobody up. */
const TAKES_FOR_MS = 500;

export class OwedMedia {
  /** When the pipe took all again; undefined while it is full. */
  #drainedMs: number | undefined = Number.NEGATIVE_INFINITY;
  /** How late the pictures came while nobody held them up. */
  #lateMs = 0;

  /** The pipe has not drained since a write. */
  get isFull(): boolean {
    return this.#drainedMs === undefined;
  }

  full(): void {
    this.#drainedMs = undefined;
  }

  drained(nowMs: number): void {
    this.#drainedMs = nowMs;
  }

  /** `pictureMs`: media time of the newest picture that came. */
  untilMs(nowMs: number, pictureMs: number): number {
    const isFree = this.#drainedMs !== undefined && nowMs - this.#drainedMs >= TAKES_FOR_MS;
    if (isFree) this.#lateMs = Math.max(0, nowMs - pictureMs);
    return Math.min(nowMs, Math.max(pictureMs, nowMs - this.#lateMs));
  }
}
