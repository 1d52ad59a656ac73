/**
 * The log of what strangers send: they decide how many refusals there are, so they must not decide how much is written.
 * It never drops what is not a warning. Invariant: at most LINES warnings of a code in a window; the next line says how many went unsaid.
 */
import type { Clock } from '../system/clock.ts';
import type { Logger } from '../system/log.ts';

const LINES = 20;
const WINDOW_MS = 10_000;

interface Window {
  fromMs: number;
  said: number;
  unsaid: number;
}

export class PushLog implements Logger {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #windows: Map<string, Window>;

  constructor(log: Logger, clock: Clock, windows = new Map<string, Window>()) {
    this.#log = log;
    this.#clock = clock;
    this.#windows = windows;
  }

  warn(fields: object, message: string): void {
    const nowMs = this.#clock.nowMs();
    const code = 'code' in fields ? String(fields.code) : '';
    let window = this.#windows.get(code);
    if (window === undefined || nowMs - window.fromMs >= WINDOW_MS) {
      window = { fromMs: nowMs, said: 0, unsaid: window?.unsaid ?? 0 };
      this.#windows.set(code, window);
    }
    if (window.said >= LINES) {
      window.unsaid += 1;
      return;
    }
    const { unsaid } = window;
    window.said += 1;
    window.unsaid = 0;
    this.#log.warn(unsaid === 0 ? fields : { ...fields, unsaid }, message);
  }

  debug(fields: object, message: string): void {
    this.#log.debug(fields, message);
  }

  info(fields: object, message: string): void {
    this.#log.info(fields, message);
  }

  error(fields: object, message: string): void {
    this.#log.error(fields, message);
  }

  child(bindings: object): Logger {
    return new PushLog(this.#log.child(bindings), this.#clock, this.#windows);
  }
}
