/**
 * The last words of a Channel's encoders, over all their runs, for the console.
 * It never interprets them. Invariant: at most 200 lines of 500 characters are kept.
 */
import type { Clock } from '../system/clock.ts';

export interface EncoderLine {
  /** UTC ms. */
  readonly atMs: number;
  readonly text: string;
}

const KEPT_LINES = 200;
const LINE_LENGTH = 500;

export class EncoderLog {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #lines: EncoderLine[] = [];

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  add(text: string): void {
    const short = text.length > LINE_LENGTH ? `${text.slice(0, LINE_LENGTH - 1)}…` : text;
    this.#lines.push({ atMs: this.#clock.nowMs(), text: short });
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
  }

  /** Newest last. */
  list(): readonly EncoderLine[] {
    return [...this.#lines];
  }
}
