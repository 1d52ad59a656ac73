/**
 * Which rungs of a ladder are left out for a while, and when each is tried again.
 * It never touches a process or a clock: faults, overload and the time come in, what changes comes out as data.
 * Invariants: one encoded rung is always kept; a rung that is left out comes back after its wait, and the wait doubles while it
 * does not prove itself.
 */

export interface LeftOut {
  readonly rung: string;
  /** failed: it ended its encoder, or made nothing. slow: the machine could not encode all rungs in time. */
  readonly cause: 'failed' | 'slow';
  /** In words, for logs and the status page. */
  readonly reason: string;
  readonly sinceMs: number;
  readonly returnMs: number;
}

interface RungRecord {
  readonly rung: string;
  /** Faults of the last 30 s. */
  readonly faultsMs: readonly number[];
  /** How often it was left out without having proved itself since. */
  readonly times: number;
  readonly out: LeftOut | undefined;
  /** Why it was left out last. */
  readonly cause: LeftOut['cause'];
  /** When it was brought back last. */
  readonly backMs: number | undefined;
}

/** Rungs that nothing was ever held against are not in it. */
export type RungPolicy = readonly RungRecord[];

export interface RungStep {
  readonly policy: RungPolicy;
  /** What was left out by this step. */
  readonly leftOut: LeftOut | undefined;
}

interface Wait {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** All in ms. */
export const RUNG_LIMITS = {
  /** Two faults of one rung within this are no accident. */
  faultWindowMs: 30_000,
  faults: 2,
  /** Within the same window: two ends are replaced at once, the third waits, and this one is no accident any more. */
  crashes: 4,
  crashesOnProbation: 2,
  /** A rung is on probation for so long after its return: one fault is enough. */
  probationMs: 30_000,
  waits: {
    failed: { firstMs: 60_000, longestMs: 600_000 },
    slow: { firstMs: 120_000, longestMs: 1_800_000 },
  },
  /** Rungs come back one at a time, so that what goes wrong then has one cause. */
  apartMs: 30_000,
  /** After a rung was shed the machine is judged anew before the next one is. */
  shedApartMs: 10_000,
} as const;

export function emptyRungPolicy(): RungPolicy {
  return [];
}

export function leftOutBy(policy: RungPolicy): readonly LeftOut[] {
  return policy.flatMap(({ out }) => (out === undefined ? [] : [out]));
}

/** The rungs of `encoded` that are encoded now. */
export function keptRungs(policy: RungPolicy, encoded: readonly string[]): string[] {
  const out = new Set(leftOutBy(policy).map(({ rung }) => rung));
  return encoded.filter((rung) => !out.has(rung));
}

/** `rung` ended its encoder. `encoded`: all encoded rungs of the full plan, descending by bitrate. */
export function afterFault(
  policy: RungPolicy,
  fault: { readonly rung: string; readonly reason: string },
  encoded: readonly string[],
  nowMs: number,
): RungStep {
  const { faultWindowMs, faults, probationMs } = RUNG_LIMITS;
  const kept = keptRungs(policy, encoded);
  if (!kept.includes(fault.rung)) return { policy, leftOut: undefined };
  const record = recordOf(policy, fault.rung);
  const recent = [...record.faultsMs.filter((at) => nowMs - at < faultWindowMs), nowMs].slice(-faults);
  const isOnProbation = record.backMs !== undefined && nowMs - record.backMs < probationMs;
  const isLast = kept.length === 1;
  if (isLast || (recent.length < faults && !isOnProbation))
    return { policy: withRecord(policy, { ...record, faultsMs: recent }), leftOut: undefined };
  return leave(policy, record, 'failed', `failed: ${fault.reason}`, nowMs);
}

/**
 * A signal ended the encoder (a fault of its own, want of memory), and nothing says which rung it was at. When it persists the one
 * that came back last is left out, else the top one: it takes the most memory and does the most work. The same again for the next.
 */
export function afterCrash(
  policy: RungPolicy,
  crash: { readonly signal: string; readonly beforeMs: readonly number[] },
  encoded: readonly string[],
  nowMs: number,
): RungStep & { readonly crashesMs: readonly number[] } {
  const { faultWindowMs, crashes, crashesOnProbation, probationMs } = RUNG_LIMITS;
  const crashesMs = [...crash.beforeMs.filter((at) => nowMs - at < faultWindowMs), nowMs].slice(-crashes);
  const kept = keptRungs(policy, encoded);
  const onTrial = policy.find(
    ({ rung, backMs }) => kept.includes(rung) && backMs !== undefined && nowMs - backMs < probationMs,
  );
  const sinceMs = onTrial?.backMs ?? Number.NEGATIVE_INFINITY;
  const count = crashesMs.filter((at) => at >= sinceMs).length;
  const suspect = onTrial?.rung ?? kept[0];
  if (suspect === undefined || kept.length === 1 || count < (onTrial === undefined ? crashes : crashesOnProbation))
    return { policy, leftOut: undefined, crashesMs };
  const reason = `failed: ${crash.signal} ended the encoder ${count} times within ${faultWindowMs / 1000} s`;
  return { ...leave(policy, recordOf(policy, suspect), 'failed', reason, nowMs), crashesMs: [] };
}

/** A rung that was brought back did not hold: for the cause that it was left out for. */
export function afterTrial(
  policy: RungPolicy,
  { rung, reason }: { readonly rung: string; readonly reason: string },
  nowMs: number,
): RungStep {
  const record = recordOf(policy, rung);
  const words = record.cause === 'failed' ? `failed again: ${reason}` : `shed: machine too slow (${reason})`;
  return leave(policy, record, record.cause, words, nowMs);
}

/** The machine does not keep up: the top encoded rung goes, one at a time, and nothing that was shed before comes back soon. */
export function afterOverload(policy: RungPolicy, reason: string, encoded: readonly string[], nowMs: number): RungStep {
  const postponed = policy.map((record) => postpone(record, nowMs));
  const shed = leftOutBy(policy).filter(({ cause }) => cause === 'slow');
  const isTooSoon = shed.some(({ sinceMs }) => nowMs - sinceMs < RUNG_LIMITS.shedApartMs);
  const [top, second] = keptRungs(policy, encoded);
  if (top === undefined || second === undefined || isTooSoon) return { policy: postponed, leftOut: undefined };
  return leave(postponed, recordOf(postponed, top), 'slow', `shed: machine too slow (${reason})`, nowMs);
}

function postpone(record: RungRecord, nowMs: number): RungRecord {
  if (record.out?.cause !== 'slow') return record;
  const returnMs = Math.max(record.out.returnMs, nowMs + waitMs('slow', record.times));
  return { ...record, out: { ...record.out, returnMs } };
}

function leave(
  policy: RungPolicy,
  record: RungRecord,
  cause: LeftOut['cause'],
  reason: string,
  nowMs: number,
): RungStep {
  const { longestMs } = RUNG_LIMITS.waits[cause];
  const hasProvedItself = record.backMs !== undefined && nowMs - record.backMs >= longestMs;
  const times = hasProvedItself ? 1 : record.times + 1;
  const out: LeftOut = { rung: record.rung, cause, reason, sinceMs: nowMs, returnMs: nowMs + waitMs(cause, times) };
  return { policy: withRecord(policy, { ...record, faultsMs: [], times, out, cause }), leftOut: out };
}

function waitMs(cause: LeftOut['cause'], times: number): number {
  const { firstMs, longestMs }: Wait = RUNG_LIMITS.waits[cause];
  return Math.min(longestMs, firstMs * 2 ** (times - 1));
}

/** The rung that is to be tried again now: the one of the lowest bitrate among those whose wait is over. */
export function dueRung(policy: RungPolicy, encoded: readonly string[], nowMs: number): string | undefined {
  const due = leftOutBy(policy).filter(({ returnMs }) => returnMs <= nowMs);
  if (due.length === 0 || nowMs < apartUntilMs(policy)) return undefined;
  return encoded.findLast((rung) => due.some((out) => out.rung === rung));
}

/** When dueRung is worth asking; undefined while nothing is left out. */
export function nextReturnMs(policy: RungPolicy): number | undefined {
  const out = leftOutBy(policy);
  if (out.length === 0) return undefined;
  return Math.max(apartUntilMs(policy), Math.min(...out.map(({ returnMs }) => returnMs)));
}

function apartUntilMs(policy: RungPolicy): number {
  return Math.max(...policy.map(({ backMs }) => (backMs ?? Number.NEGATIVE_INFINITY) + RUNG_LIMITS.apartMs));
}

export function bringBack(policy: RungPolicy, rung: string, nowMs: number): RungPolicy {
  const record = recordOf(policy, rung);
  return withRecord(policy, { ...record, faultsMs: [], out: undefined, backMs: nowMs });
}

function recordOf(policy: RungPolicy, rung: string): RungRecord {
  const known = policy.find((record) => record.rung === rung);
  return known ?? { rung, faultsMs: [], times: 0, out: undefined, cause: 'failed', backMs: undefined };
}

function withRecord(policy: RungPolicy, record: RungRecord): RungPolicy {
  return [...policy.filter(({ rung }) => rung !== record.rung), record];
}
