/**
 * How far an encoder is behind its feed, and whether that is a machine too slow or one rung that makes nothing.
 * It never touches a process or a clock: samples come in, a verdict goes out.
 * Invariants: an encoder that catches up is left alone, and so is one that waits for its publisher.
 */

export interface LagSample {
  readonly nowMs: number;
  /** Media time up to which the encoder was fed, or would have been if its pipe took more; never ahead of nowMs. */
  readonly owedMs: number;
  /** Media time up to which each encoded rung has come out; at the start, where its run begins. */
  readonly outMs: ReadonlyMap<string, number>;
  /** Something of each rung has come out. */
  readonly isUnderWay: boolean;
}

export type LagVerdict =
  | { readonly kind: 'fine' }
  /** The whole encoder falls behind. */
  | { readonly kind: 'overload'; readonly lagMs: number }
  /** This rung alone makes nothing, the others go on. */
  | { readonly kind: 'silent-rung'; readonly rung: string; readonly behindMs: number };

/** Since when the encoder is above a bound without gaining, and by how much it was behind time itself then. */
interface Held {
  readonly sinceMs: number;
  readonly behindMs: number;
}

export interface LagWatch {
  /** The encoder was on time since it was given a backlog: by the ring at its start, by a burst, by a hole that it fills. */
  readonly wasOnTime: boolean;
  /** The most that the feed itself was late; when it catches up by a second, that is a backlog. */
  readonly feedLateMs: number;
  readonly late: Held | undefined;
  readonly lost: Held | undefined;
  readonly newest: { readonly outMs: number; readonly atMs: number } | undefined;
  readonly behind: { readonly rung: string; readonly sinceMs: number } | undefined;
}

/** All in ms. */
export const LAG_LIMITS = {
  /** A chunk of 0.4 to 0.5 s, 0.4 s of lookahead (latency normal), and some for a busy machine. */
  lateMs: 1250,
  lateForMs: 4000,
  /** What is later than this is slate already: nothing is gained by patience. */
  lostMs: 2500,
  lostForMs: 1250,
  /** The same while a backlog is worked off: twice that to show that it gains. */
  backlogForMs: 2500,
  backlogMs: 1000,
  /** Catching up with time itself by so much is not overload: what a burst brings is no loss of speed. */
  gainMs: 300,
  rungBehindMs: 2000,
  rungBehindForMs: 500,
  /** The others go on: their newest chunk is not older than this. */
  flowingMs: 1000,
} as const;

export function startLagWatch(): LagWatch {
  return {
    wasOnTime: false,
    feedLateMs: 0,
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
  { nowMs, owedMs, outMs, isUnderWay }: LagSample,
): {
  readonly watch: Pick<LagWatch, 'wasOnTime' | 'feedLateMs' | 'late' | 'lost'>;
  readonly verdict: LagVerdict;
} {
  const { lateMs, lateForMs, lostMs, lostForMs, backlogForMs, backlogMs } = LAG_LIMITS;
  const leastMs = outMs.size === 0 ? owedMs : Math.min(...outMs.values());
  const now = { nowMs, lagMs: owedMs - leastMs, behindMs: nowMs - leastMs };
  const isBacklog = nowMs - owedMs <= before.feedLateMs - backlogMs;
  const feedLateMs = isBacklog ? nowMs - owedMs : Math.max(before.feedLateMs, nowMs - owedMs);
  const wasOnTime = now.lagMs < lateMs || (before.wasOnTime && !isBacklog);
  const late = heldAbove(isBacklog ? undefined : before.late, lateMs, now);
  const lost = isUnderWay ? heldAbove(isBacklog ? undefined : before.lost, lostMs, now) : undefined;
  const isOverload =
    heldFor(late, nowMs) >= lateForMs || heldFor(lost, nowMs) >= (wasOnTime ? lostForMs : backlogForMs);
  return {
    watch: { wasOnTime, feedLateMs, late, lost },
    verdict: isOverload ? { kind: 'overload', lagMs: now.lagMs } : { kind: 'fine' },
  };
}

/** Counted anew when it gains: against where it began, so that ups and downs on the way to worse are no gain. */
function heldAbove(
  before: Held | undefined,
  boundMs: number,
  now: { readonly nowMs: number; readonly lagMs: number; readonly behindMs: number },
): Held | undefined {
  if (now.lagMs < boundMs) return undefined;
  const hasGained = before !== undefined && now.behindMs < before.behindMs - LAG_LIMITS.gainMs;
  return before === undefined || hasGained ? { sinceMs: now.nowMs, behindMs: now.behindMs } : before;
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
