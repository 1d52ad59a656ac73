/** A Clock that stands still until the test moves it; due calls run in order. */
import type { Clock } from '../../src/system/clock.ts';

export interface HandClock extends Clock {
  /** Moves on, and lets promises settle between the calls that become due. */
  advance(ms: number): Promise<void>;
  readonly waiting: number;
}

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

export function handClock(startMs = 1_790_604_236_000): HandClock {
  let nowMs = startMs;
  const timers = new Set<{ readonly dueMs: number; readonly call: () => void }>();
  return {
    nowMs: () => nowMs,
    monotonicUs: () => (nowMs - startMs) * 1000,
    utcMsOf: (us) => startMs + us / 1000,
    after(delayMs, call) {
      const timer = { dueMs: nowMs + Math.max(0, delayMs), call };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    async advance(ms) {
      const endMs = nowMs + ms;
      await settle();
      for (;;) {
        const next = [...timers].filter(({ dueMs }) => dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs)[0];
        if (next === undefined) break;
        timers.delete(next);
        nowMs = Math.max(nowMs, next.dueMs);
        next.call();
        await settle();
      }
      nowMs = endMs;
    },
    get waiting() {
      return timers.size;
    },
  };
}
