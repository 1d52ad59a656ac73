/**
 * What a run was, as figures and as text. Pure.
 * It never extrapolates: what was not sent is not in it. Invariant: figures of a phase are of answers that came in it.
 */
import type { EdgeLogCounts } from './edge-log.ts';
import type { KindFigures, Ledger, LedgerFigures } from './ledger.ts';
import { ASK_KINDS, type AskKind, VIEWER_KINDS } from './model.ts';
import { type OriginCounts, total } from './origin-metrics.ts';
import { requestsPerSecond, type StreamFacts, type SwarmPlan } from './plan.ts';
import type { SpreadFigures } from './spread.ts';

export type PhaseName = 'joining' | 'watching' | 'spike' | 'after';

export interface PhaseReport {
  readonly name: PhaseName;
  readonly seconds: number;
  /** At its end. */
  readonly viewers: number;
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** By arithmetic, of `watching` alone. */
  readonly expectedPerSecond: number | undefined;
  readonly kinds: LedgerFigures;
  /** Of those that said something: share of hits. */
  readonly hitShare: number | undefined;
  /** What one shared cache has to ask for to serve these requests: each object once, each text once a lifetime. */
  readonly objectsPerSecond: number;
  readonly errors: number;
  readonly late: number;
  /** By the origin's own count. */
  readonly origin:
    | { readonly requests: number; readonly perSecond: number; readonly byKind: OriginCounts; readonly offload: number }
    | undefined;
  /** By the edge's own log. */
  readonly edgeLog: EdgeLogCounts | undefined;
  /** How late this program itself was, against its viewers' schedule. */
  readonly generatorLateMs: SpreadFigures;
  readonly heldBack: number;
}

export interface SwarmReport {
  readonly plan: SwarmPlan;
  readonly seconds: number;
  /** Ended before its time by a signal. */
  readonly wasStopped: boolean;
  /** Most memory of this process, MB. */
  readonly rssMb: number;
  /** Processor time of this process. */
  readonly cpuSeconds: number;
  readonly phases: readonly PhaseReport[];
}

interface Phase {
  readonly name: PhaseName;
  readonly seconds: number;
  readonly viewers: number;
  readonly ledger: Ledger;
  readonly origin: OriginCounts | undefined;
  readonly edgeLog?: EdgeLogCounts | undefined;
}

export function phaseReport(phase: Phase, plan: SwarmPlan, facts: StreamFacts): PhaseReport {
  const { name, seconds, viewers, ledger, origin } = phase;
  const kinds = ledger.figures();
  const all = Object.values(kinds);
  const sum = (of: (kind: KindFigures) => number) => all.reduce((total, kind) => total + of(kind), 0);
  const requests = sum((kind) => kind.requests);
  const said = sum(({ hits, misses }) => hits + misses);
  const asked = origin === undefined ? 0 : total(origin);
  const expected = VIEWER_KINDS.reduce((rate, kind) => rate + plan.counts[kind] * requestsPerSecond(kind, facts), 0);
  return {
    ...{ name, seconds, viewers, requests, kinds },
    requestsPerSecond: requests / seconds,
    expectedPerSecond: name === 'watching' ? expected : undefined,
    hitShare: said === 0 ? undefined : sum(({ hits }) => hits) / said,
    objectsPerSecond: objectsPerSecond(kinds, seconds),
    errors: sum(({ errors }) => Object.values(errors).reduce((count, one) => count + one, 0)),
    late: sum(({ late }) => late),
    origin:
      origin === undefined
        ? undefined
        : { requests: asked, perSecond: asked / seconds, byKind: origin, offload: 1 - asked / Math.max(1, requests) },
    edgeLog: phase.edgeLog,
    generatorLateMs: ledger.generator.figures(),
    heldBack: ledger.heldBack,
  };
}

/** Texts that are asked for again under the same address, when a shared cache has forgotten them. */
const RENEWED: ReadonlySet<AskKind> = new Set<AskKind>(['multivariant', 'playlist', 'mpd']);

function objectsPerSecond(kinds: LedgerFigures, seconds: number): number {
  return ASK_KINDS.reduce((rate, kind) => {
    const figures = kinds[kind];
    // An edge answers /time by itself.
    if (figures === undefined || kind === 'time') return rate;
    const { objects, requests, lifetimeS } = figures;
    if (!RENEWED.has(kind) || lifetimeS === undefined) return rate + objects / seconds;
    const perObject = lifetimeS === 0 ? Number.POSITIVE_INFINITY : 1 / lifetimeS;
    return rate + Math.min(requests / seconds, objects * perObject);
  }, 0);
}

/** Several lines. */
export function swarmText(report: SwarmReport): string {
  const head = `${report.seconds.toFixed(0)} s${report.wasStopped ? ' (stopped before its time)' : ''}, ${report.rssMb} MB of memory at most, ${report.cpuSeconds.toFixed(1)} s of processor time.`;
  return [head, ...report.phases.flatMap(phaseLines)].join('\n');
}

function phaseLines(phase: PhaseReport): readonly string[] {
  const { name, seconds, viewers, origin, hitShare, generatorLateMs, expectedPerSecond } = phase;
  const expected = expectedPerSecond === undefined ? '' : ` (${expectedPerSecond.toFixed(1)} by arithmetic)`;
  const rows = ASK_KINDS.flatMap((kind) => {
    const figures = phase.kinds[kind];
    return figures === undefined ? [] : [kindRow(kind, figures)];
  });
  return [
    '',
    `${name}: ${seconds.toFixed(1)} s, ${viewers} viewers, ${phase.requests} requests, ${phase.requestsPerSecond.toFixed(1)} a second${expected}`,
    table([HEADER, ...rows]),
    `cache: ${hitShare === undefined ? 'said nothing' : `${(100 * hitShare).toFixed(2)} % hits`}; a shared cache has to ask for ${phase.objectsPerSecond.toFixed(1)} objects a second`,
    ...edgeLogLines(phase.edgeLog),
    origin === undefined
      ? 'origin: not asked (--metrics URL)'
      : `origin: ${origin.requests} requests, ${origin.perSecond.toFixed(2)} a second (${byKind(origin.byKind)}), offload ${(100 * origin.offload).toFixed(2)} %`,
    `${phase.errors} errors, ${phase.late} late segments; this program itself was late by ${generatorLateMs.p50} ms (p99 ${generatorLateMs.p99} ms)${phase.heldBack > 0 ? `, and held ${phase.heldBack} requests back` : ''}`,
  ];
}

function edgeLogLines(counts: EdgeLogCounts | undefined): readonly string[] {
  if (counts === undefined) return [];
  const { hits, misses } = counts;
  const share = hits + misses === 0 ? 'no line' : `${((100 * hits) / (hits + misses)).toFixed(2)} % hits`;
  return [`the edge's log: ${share}, ${hits} hits and ${misses} misses`];
}

function byKind(counts: OriginCounts): string {
  return Object.entries(counts)
    .map(([kind, count]) => `${kind} ${count}`)
    .join(', ');
}

const HEADER = [
  'kind',
  'requests',
  'objects',
  'hits',
  'misses',
  'p50 ms',
  'p95',
  'p99',
  'MB',
  'gzip',
  'late',
  'errors',
];
/** Their time is mostly the wait for what does not exist yet. */
const HELD: ReadonlySet<AskKind> = new Set<AskKind>(['blocked', 'hint']);

function kindRow(kind: AskKind, figures: KindFigures): readonly string[] {
  const { latencyMs, errors } = figures;
  const named = Object.entries(errors).map(([name, count]) => `${name}: ${count}`);
  return [
    HELD.has(kind) ? `${kind} (held)` : kind,
    ...[figures.requests, figures.objects, figures.hits, figures.misses].map(String),
    ...[latencyMs.p50, latencyMs.p95, latencyMs.p99].map(String),
    (figures.bytes / 1e6).toFixed(1),
    String(figures.gzipped),
    figures.late === 0 ? '0' : `${figures.late} (${figures.lateMaxMs} ms)`,
    named.length === 0 ? '0' : named.join(', '),
  ];
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  '),
    )
    .join('\n');
}
