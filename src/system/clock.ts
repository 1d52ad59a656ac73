/**
 * Where time comes from. Everything that waits or stamps is handed a Clock; `Date.now` occurs in this file alone.
 * It never follows steps of the system clock: UTC is read once and carried on by the monotonic clock,
 * so that numbers derived from it do not move while the service runs.
 */

export interface Clock {
  /** UTC in milliseconds since 1970, fractional, never going back while the process lives. */
  nowMs(): number;
  /** The machine's monotonic clock in microseconds; comparable between processes of one machine. */
  monotonicUs(): number;
  /** UTC in ms of an instant of the monotonic clock. */
  utcMsOf(monotonicUs: number): number;
  /** Calls once after delayMs; the returned function cancels. Timers do not keep the process alive. */
  after(delayMs: number, call: () => void): () => void;
}

function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** A Clock over the machine's clocks; UTC is anchored at the call. */
export function systemClock(): Clock {
  const startUs = monotonicUs();
  const startMs = Date.now();
  const utcMsOf = (us: number): number => startMs + (us - startUs) / 1000;
  return {
    nowMs: () => utcMsOf(monotonicUs()),
    monotonicUs,
    utcMsOf,
    after(delayMs, call) {
      const timer = setTimeout(call, Math.max(0, delayMs));
      timer.unref();
      return () => clearTimeout(timer);
    },
  };
}

/** A Clock that runs ahead of another by a constant. */
export function aheadClock(clock: Clock, byMs: number): Clock {
  return {
    nowMs: () => clock.nowMs() + byMs,
    monotonicUs: () => clock.monotonicUs(),
    utcMsOf: (us) => clock.utcMsOf(us) + byMs,
    after: (delayMs, call) => clock.after(delayMs, call),
  };
}
