/**
 * A Clock that stands still until the test moves it. Timers fire in the order of their times, each at its own time.
 * It never waits for promises: what a timer's call leaves to a promise, the test awaits. Invariant: UTC never goes back.
 */
import type { Clock } from '../../src/system/clock.ts';

interface Timer {
  readonly dueMs: number;
  readonly call: () => void;
}

export class ManualClock implements Clock {
  readonly startMs: number;
  #nowMs: number;
  readonly #timers = new Set<Timer>();

  constructor(startMs = 1_795_291_200_500) {
    this.startMs = startMs;
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicUs(): number {
    return (this.#nowMs - this.startMs) * 1000;
  }

  utcMsOf(monotonicUs: number): number {
    return this.startMs + monotonicUs / 1000;
  }

  after(delayMs: number, call: () => void): () => void {
    const timer = { dueMs: this.#nowMs + Math.max(0, delayMs), call };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.#timers.size;
  }

  advance(ms: number): void {
    this.advanceTo(this.#nowMs + ms);
  }

  advanceTo(utcMs: number): void {
    for (let timer = this.#next(utcMs); timer !== undefined; timer = this.#next(utcMs)) {
      this.#timers.delete(timer);
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
      timer.call();
    }
    this.#nowMs = Math.max(this.#nowMs, utcMs);
  }

  #next(untilMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs <= untilMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
    }
    return next;
  }
}
