/**
 * Whether the tags that come are of now, or still those that were kept while no service was there to take them.
 * Pure: it never reads a clock. Invariant: once it is over it stays over, and it is over a second after the first tag at the latest.
 */

/** A tag that took no longer to get here is of now. */
const OF_NOW_US = 250_000;
/** Whoever takes longer over what was kept is so slow that he had better begin. */
const LONGEST_US = 1_000_000;

export class Backlog {
  #beganUs: number | undefined;
  #isOver = false;

  /** One tag: when it arrived and when it is looked at, both on the monotonic clock. */
  take(arrivalUs: number, nowUs: number): void {
    this.#beganUs ??= nowUs;
    this.#isOver ||= nowUs - arrivalUs <= OF_NOW_US || nowUs - this.#beganUs >= LONGEST_US;
  }

  get isOver(): boolean {
    return this.#isOver;
  }
}
