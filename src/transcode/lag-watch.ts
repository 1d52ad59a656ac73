/**
 * How far an encoder is behind its feed, and whether that is a machine too slow or one rung that makes nothing.
 * It never touches a process or a clock: samples come in, a verdict goes out.
 * Invariants: an encoder that catches up is left alone, and so is one that waits for its publisher.
 */

export interface LagSample {
  readonly nowMs: number;
  /** Media time up to which the encoder was fed, or would have been if its pipe took more. */
  readonly owedMs: number;
  /** Media time up to which each encoded rung has come out; at the start, where its run begins. */
  readonly outMs: ReadonlyMap<string, number>;
}

export type LagVerdict =
  | { readonly kind: 'fine' }
  /** The whole encoder falls behind. */
  | { readonly kind: 'overload'; readonly lagMs: number }
  /** This rung alone makes nothing, the others go on. */
  | { readonly kind: 'silent-rung'; readonly rung: string; readonly behindMs: number };

/** Since when the encoder is above a bound without gaining, and by how much it was behind then. */
interface Held {
  readonly sinceMs: number;
  readonly lagMs: number;
}

export interface LagWatch {
  /** The encoder was on time once: until then it works off what the ring gave it, and need not hurry while it gains. */
  readonly wasOnTime: boolean;
  readonly late: Held | undefined;
  readonly lost: Held | undefined;
  readonly newest: { readonly outMs: number; readonly atMs: number } | undefined;
  readonly behind: { readonly rung: string; readonly sinceMs: number } | undefined;
}

/** All in ms. */
const LAG_LIMITS = {
  /** A chunk of 0.4 to 0.5 s, 0.4 s of lookahead (latency normal), and some for a busy machine. */
  lateMs: 1250,
  lateForMs: 4000,
  /** What is later than this is slate already: nothing is gained by patience. */
  lostMs: 2500,
  lostForMs: 1250,
  /** Catching up by so much is not overload. */
  gainMs: 300,
  rungBehindMs: 2000,
  rungBehindForMs: 500,
  /** The others go on: their newest chunk is not older than this. */
  flowingMs: 1000,
} as const;

export function startLagWatch(): LagWatch {
  return {
    wasOnTime: false,
    late: undefined,
    lost: undefined,
    newest: undefined,
    behind: undefined,
  };
}

export function watchLag(
  before: LagWatch,
  sample: LagSample,
): { readonly watch: LagWatch; readonly verdict: LagVerdict } {
  const rung = silentRung(before, sample);
  const speed = lateness({ ...before, ...rung.watch }, sample);
  const watch = { ...before, ...rung.watch, ...speed.watch };
  return { watch, verdict: rung.verdict ?? speed.verdict };
}

function lateness(
  before: LagWatch,
  { nowMs, owedMs, outMs }: LagSample,
): { readonly watch: Pick<LagWatch, 'wasOnTime' | 'late' | 'lost'>; readonly verdict: LagVerdict } {
  const { lateMs, lateForMs, lostMs, lostForMs } = LAG_LIMITS;
  const lagMs = outMs.size === 0 ? 0 : owedMs - Math.min(...outMs.values());
  const wasOnTime = before.wasOnTime || lagMs < lateMs;
  const late = heldAbove(before.late, lateMs, lagMs, nowMs);
  const lost = wasOnTime ? heldAbove(before.lost, lostMs, lagMs, nowMs) : undefined;
  const isOverload = heldFor(late, nowMs) >= lateForMs || heldFor(lost, nowMs) >= lostForMs;
  return {
    watch: { wasOnTime, late, lost },
    verdict: isOverload ? { kind: 'overload', lagMs } : { kind: 'fine' },
  };
}

/** Counted anew when it gains: against where it began, so that ups and downs on the way to worse are no gain. */
function heldAbove(before: Held | undefined, boundMs: number, lagMs: number, nowMs: number): Held | undefined {
  if (lagMs < boundMs) return undefined;
  return before === undefined || lagMs < before.lagMs - LAG_LIMITS.gainMs ? { sinceMs: nowMs, lagMs } : before;
}

function heldFor(held: Held | undefined, nowMs: number): number {
  return held === undefined ? 0 : nowMs - held.sinceMs;
}

function silentRung(
  before: LagWatch,
  { nowMs, outMs }: LagSample,
): { readonly watch: Pick<LagWatch, 'newest' | 'behind'>; readonly verdict: LagVerdict | undefined } {
  const { rungBehindMs, rungBehindForMs, flowingMs } = LAG_LIMITS;
  const mostMs = Math.max(...outMs.values());
  const isNews = before.newest === undefined || mostMs > before.newest.outMs;
  const newest = isNews ? { outMs: mostMs, atMs: nowMs } : before.newest;
  const [rung, rungMs] = [...outMs].sort((a, b) => a[1] - b[1])[0] ?? [];
  const isFlowing = newest !== undefined && nowMs - newest.atMs < flowingMs;
  if (rung === undefined || rungMs === undefined || !isFlowing || mostMs - rungMs < rungBehindMs)
    return { watch: { newest, behind: undefined }, verdict: undefined };
  const behind = before.behind?.rung === rung ? before.behind : { rung, sinceMs: nowMs };
  if (nowMs - behind.sinceMs < rungBehindForMs) return { watch: { newest, behind }, verdict: undefined };
  return { watch: { newest, behind }, verdict: { kind: 'silent-rung', rung, behindMs: mostMs - rungMs } };
}
