/**
 * Counts the Periods of a timeline: which ordinal and which GEN the next one has.
 * It never knows what is in them. Invariant: no two Periods of one journal have the same GEN; ordinals rise by one with each
 * EXT-X-DISCONTINUITY (RFC 8216bis 4.4.3.3).
 */
import type { Period } from './model.ts';
import { type PeriodPlan, periodOf } from './period-plan.ts';
import type { TimelineSnapshot } from './snapshot.ts';

type Counts = Pick<TimelineSnapshot, 'ordinal' | 'restarts' | 'abandoned' | 'isSpent'>;

export class PeriodCounter {
  #incarnation: string;
  #ordinal: number;
  #restarts: number;
  /** Times that a GEN was spent; so that the next one is another, whatever its ordinal. */
  #abandoned: number;
  #isSpent: boolean;

  constructor(incarnation: string, from: Counts = { ordinal: 0, restarts: 0, abandoned: 0, isSpent: false }) {
    this.#incarnation = incarnation;
    this.#ordinal = from.ordinal;
    this.#restarts = from.restarts;
    this.#abandoned = from.abandoned;
    this.#isSpent = from.isSpent;
  }

  get incarnation(): string {
    return this.#incarnation;
  }

  /** The next number may not have the current Period's GEN: something was begun under it that can't be finished. */
  get isSpent(): boolean {
    return this.#isSpent;
  }

  abandon(): void {
    this.#isSpent = true;
    this.#abandoned += 1;
  }

  /** Another presentation begins. */
  reset(): void {
    this.#isSpent = false;
  }

  /** All numbers are given again, from ordinal 1 on. */
  restart(incarnation: string): void {
    this.#incarnation = incarnation;
    this.#restarts += 1;
    this.#ordinal = 0;
    this.#isSpent = false;
  }

  /** hasWhole: something of the Period before was committed. Where nothing was it left no EXT-X-DISCONTINUITY, and this is in its place. */
  next(plan: PeriodPlan, start: Parameters<typeof periodOf>[3], hasWhole: boolean): Period {
    if (!this.#isSpent || hasWhole) this.#ordinal += 1;
    this.#isSpent = false;
    const spent = this.#abandoned > 0 ? `~${this.#abandoned}` : '';
    return periodOf(plan, this.#ordinal, this.#incarnation + '+'.repeat(this.#restarts) + spent, start);
  }
}
