/**
 * What makes guessing of stream keys slow: an address with wrong keys behind it waits before it is listened to again.
 * It never locks anybody out, as honest encoders may stand behind the same address. Sans-I/O.
 * Invariant: at most MOST_ADDRESSES are remembered, each for FORGOTTEN_AFTER_MS; the one silent for longest goes first.
 */

const MOST_ADDRESSES = 1024;
const LONGEST_DELAY_MS = 2_000;
const FORGOTTEN_AFTER_MS = 10_000;
const MOST_DOUBLINGS = 10;

export class GuessDelay {
  readonly #firstMs: number;
  readonly #longestMs: number;
  /** In the order of the last wrong key. */
  readonly #wrong = new Map<string, { count: number; lastUs: number }>();

  /** `firstMs` is the wait after one wrong key; 0 never waits. Half of `deadlineMs` at most is waited, or the right key would not get in either. */
  constructor(firstMs: number, deadlineMs: number) {
    this.#firstMs = firstMs;
    this.#longestMs = Math.min(LONGEST_DELAY_MS, deadlineMs / 2);
  }

  /** A wrong key came from there. */
  refused(address: string, nowUs: number): void {
    if (this.#firstMs === 0) return;
    const count = (this.#known(address, nowUs)?.count ?? 0) + 1;
    this.#wrong.delete(address);
    this.#wrong.set(address, { count, lastUs: nowUs });
    const [oldest] = this.#wrong.keys();
    if (this.#wrong.size > MOST_ADDRESSES && oldest !== undefined) this.#wrong.delete(oldest);
  }

  /** For how many ms a new connection from there is not read; 0 for everybody else. */
  delayMs(address: string, nowUs: number): number {
    const known = this.#known(address, nowUs);
    if (known === undefined) return 0;
    return Math.min(this.#longestMs, this.#firstMs * 2 ** Math.min(known.count - 1, MOST_DOUBLINGS));
  }

  #known(address: string, nowUs: number): { readonly count: number } | undefined {
    const known = this.#wrong.get(address);
    if (known === undefined) return undefined;
    if (nowUs - known.lastUs <= FORGOTTEN_AFTER_MS * 1000) return known;
    this.#wrong.delete(address);
    return undefined;
  }
}
