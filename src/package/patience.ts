/**
 * When what has not come is replaced: soon after its end where nobody publishes, later while the publisher's tags keep coming.
 * It never reads a clock. Invariant: it is never before the end and the fill delay.
 */
import type { TimelineSettings } from './timeline-settings.ts';

export class Patience {
  readonly #settings: Pick<TimelineSettings, 'fillDelayMs' | 'patienceMs' | 'silenceMs'>;
  #heardMs = Number.NEGATIVE_INFINITY;

  constructor(settings: Pick<TimelineSettings, 'fillDelayMs' | 'patienceMs' | 'silenceMs'>) {
    this.#settings = settings;
  }

  /** Something came from the publisher at this moment (UTC ms). */
  heard(atMs: number): void {
    this.#heardMs = Math.max(this.#heardMs, atMs);
  }

  /** UTC ms when what should have ended at endMs is overdue; there is patience only with what some run may still bring. */
  readonly overdueMs = (endMs: number, mayCome: boolean): number => {
    const { fillDelayMs, patienceMs, silenceMs } = this.#settings;
    const patientMs = mayCome ? Math.min(endMs + patienceMs, this.#heardMs + silenceMs) : endMs;
    return Math.max(endMs + fillDelayMs, patientMs);
  };
}
