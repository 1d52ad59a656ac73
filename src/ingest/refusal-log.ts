/**
 * Which refusals become lines of the log: strangers decide how many there are, so they must not decide how much is written.
 * Sans-I/O; every refusal is counted in the metrics all the same. Invariant: at most LINES a window and reason.
 */
import type { RefusalReason } from './link-messages.ts';

const LINES = 20;
const WINDOW_US = 10_000_000;

export class RefusalLog {
  readonly #windows = new Map<RefusalReason, { fromUs: number; said: number; unsaid: number }>();

  /** How many of this reason went unsaid since the last line, or undefined where this one goes unsaid too. */
  refused(reason: RefusalReason, nowUs: number): number | undefined {
    let window = this.#windows.get(reason);
    if (window === undefined || nowUs - window.fromUs >= WINDOW_US) {
      window = { fromUs: nowUs, said: 0, unsaid: window?.unsaid ?? 0 };
      this.#windows.set(reason, window);
    }
    if (window.said >= LINES) {
      window.unsaid += 1;
      return undefined;
    }
    const { unsaid } = window;
    window.said += 1;
    window.unsaid = 0;
    return unsaid;
  }
}
