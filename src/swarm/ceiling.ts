/**
 * Never more requests a second than were agreed: each request gets a time to be sent at. Pure (the generic cell rate algorithm).
 * Invariant: in any second at most `perSecond` and a burst of a quarter of it are let through.
 */
export interface Ceiling {
  readonly perSecond: number;
  /** When the next one would be due at an even pace. */
  readonly evenMs: number;
}

const BURST_MS = 250;

/** How long this request has to wait. */
export function passCeiling(ceiling: Ceiling, nowMs: number): { readonly ceiling: Ceiling; readonly waitMs: number } {
  const evenMs = Math.max(ceiling.evenMs, nowMs);
  const waitMs = Math.max(0, evenMs - nowMs - BURST_MS);
  return { ceiling: { ...ceiling, evenMs: evenMs + 1000 / ceiling.perSecond }, waitMs };
}
