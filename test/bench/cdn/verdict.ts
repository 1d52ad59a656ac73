/**
 * From the figures of swarms to lines: what was measured, what follows from it, and which goal it meets. Pure.
 * It never calls an extrapolation measured. Invariant: a crowd counts as held only when it sent nine tenths of what it should have, no
 * viewer ran dry or failed, and the generator's own lateness stayed below a quarter of what its viewers wait for next.
 */
import type { Tier } from '../../../src/plan/capacity.ts';
import type { AskKind } from '../../../src/swarm/model.ts';
import type { PhaseReport, SwarmReport } from '../../../src/swarm/report.ts';
import { type Asked, askedTwice } from './asked-twice.ts';
import type { Show } from './stage.ts';

export interface Measured {
  readonly wanted: number;
  readonly viewers: number;
  readonly requestsPerSecond: number;
  readonly expectedPerSecond: number;
  readonly originPerSecond: number;
  readonly objectsPerSecond: number;
  readonly offload: number;
  readonly late: number;
  readonly errors: number;
  readonly p95Ms: number;
  readonly generatorP99Ms: number;
  readonly rssMb: number;
  /** Processor time of the generator for each request. */
  readonly generatorUs: number;
  readonly isHeld: boolean;
  /** Requests a second at the edge, as plan names them. */
  readonly byKind: Readonly<Record<PlannedKind, number>>;
  /** By the origin's log, from the first viewer on. */
  readonly asked: Asked;
  readonly capped: readonly string[];
}

/** What `plan` counts in steady play, of the swarm's kinds. */
const PLANNED = {
  playlist: ['playlist', 'blocked'],
  mpd: ['mpd'],
  segment: ['segment'],
  part: ['part', 'hint'],
} as const satisfies Partial<Record<string, readonly AskKind[]>>;
type PlannedKind = keyof typeof PLANNED;
const PLANNED_KINDS = Object.keys(PLANNED) as readonly PlannedKind[];

const HELD_SHARE = 0.9;
const HELD_LATE_SHARE = 0.25;
const HELD_LATE_LEAST_MS = 250;

/** `segmentMs`: what viewers wait for next, but for parts. */
export function measuredOf({ report, originLog }: Show, wanted: number, segmentMs: number): Measured {
  const phase = phaseOf(report, 'watching');
  const { viewers, requestsPerSecond, expectedPerSecond = 0, objectsPerSecond, late, errors, generatorLateMs } = phase;
  const { perSecond = Number.NaN, offload = Number.NaN } = phase.origin ?? {};
  const isOnTime = generatorLateMs.p99 <= Math.max(HELD_LATE_LEAST_MS, HELD_LATE_SHARE * segmentMs);
  const isWhole = viewers >= wanted && requestsPerSecond >= HELD_SHARE * expectedPerSecond;
  const isHeld = isWhole && isOnTime && late === 0 && errors === 0;
  return {
    ...{ wanted, viewers, requestsPerSecond, expectedPerSecond, objectsPerSecond, late, errors, isHeld },
    ...{ originPerSecond: perSecond, offload, generatorP99Ms: generatorLateMs.p99, rssMb: report.rssMb },
    generatorUs: (1e6 * report.cpuSeconds) / report.phases.reduce((sum, { requests }) => sum + requests, 0),
    p95Ms: phase.kinds.segment?.latencyMs.p95 ?? phase.kinds.part?.latencyMs.p95 ?? 0,
    byKind: Object.fromEntries(PLANNED_KINDS.map((kind) => [kind, rateOf(phase, PLANNED[kind])])) as Measured['byKind'],
    asked: askedTwice(originLog),
    capped: report.plan.capped,
  };
}

function rateOf({ kinds, seconds }: PhaseReport, of: readonly AskKind[]): number {
  return of.reduce((sum, kind) => sum + (kinds[kind]?.requests ?? 0), 0) / seconds;
}

/** The crowd beside what `plan` says of it: at the edge by kind, and at the origin at most. */
export function planLine(one: Measured, planned: { readonly edge: Tier; readonly origin: Tier }): string {
  const { edge, origin } = planned;
  const kinds = PLANNED_KINDS.filter((kind) => edge.byKind[kind] > 0).map(
    (kind) => `${kind} ${(one.byKind[kind] / edge.byKind[kind]).toFixed(2)} of ${edge.byKind[kind].toFixed(0)}`,
  );
  const all = one.requestsPerSecond / edge.requestsPerSecond;
  return `  plan: ${all.toFixed(2)} of ${edge.requestsPerSecond.toFixed(0)} requests a second at the edge (${kinds.join(', ')}), ${(one.originPerSecond / origin.requestsPerSecond).toFixed(2)} of ${origin.requestsPerSecond.toFixed(1)} at the origin | goal 0.9 to 1.1 at the edge: ${goal(Math.abs(all - 1) <= 0.1)}`;
}

function phaseOf(report: SwarmReport, name: PhaseReport['name']): PhaseReport {
  const phase = report.phases.find((one) => one.name === name);
  if (phase === undefined) throw new Error(`the swarm had no phase ${name}`);
  return phase;
}

export function rowOf(what: string, one: Measured): string {
  const share = (100 * one.requestsPerSecond) / one.expectedPerSecond;
  return [
    `${what}, ${one.viewers} viewers${one.viewers < one.wanted ? ` (of ${one.wanted})` : ''}`,
    one.isHeld ? 'measured' : 'measured, but the machine did not hold their schedule',
    `${one.requestsPerSecond.toFixed(0)} requests a second (${share.toFixed(0)} % of the arithmetic)`,
    Number.isNaN(one.originPerSecond)
      ? "the origin's count could not be read"
      : `origin ${one.originPerSecond.toFixed(2)} of ${one.objectsPerSecond.toFixed(2)} objects a second (${(one.originPerSecond / one.objectsPerSecond).toFixed(2)})`,
    `offload ${(100 * one.offload).toFixed(3)} %`,
    `origin's log: ${logLine(one.asked)}`,
    `late ${one.late}, errors ${one.errors}`,
    `segments p95 ${one.p95Ms} ms, generator late p99 ${one.generatorP99Ms} ms, ${one.rssMb} MB, ${one.generatorUs.toFixed(0)} us of processor a request`,
  ].join(' | ');
}

function logLine({ requests, objects, unkept, early }: Asked): string {
  const first = early[0] === undefined ? '' : ` (${early.slice(0, 3).join('; ')})`;
  return `${requests} requests for ${objects} URLs, ${unkept} not to be kept, ${early.length} before their time${first}`;
}

const goal = (isMet: boolean) => (isMet ? 'met' : 'NOT MET');

/** `goalViewers`: where the goal is set; extrapolated from the largest crowd that was held when it was not reached. */
export function verdictsOf(what: string, every: readonly Measured[], goalViewers: number): readonly string[] {
  const all = every.filter(({ originPerSecond }) => Number.isFinite(originPerSecond));
  const held = all.filter(({ isHeld }) => isHeld);
  const largest = held.at(-1);
  const worst = Math.max(...all.map(({ originPerSecond, objectsPerSecond }) => originPerSecond / objectsPerSecond));
  const lines = [
    `${what}: origin requests / objects, worst of all crowds | ${worst.toFixed(3)} | goal <= 1.05: ${goal(worst <= 1.05)}`,
  ];
  const early = every.reduce((sum, { asked }) => sum + asked.early.length, 0);
  lines.push(`${what}: requests for what a cache still had, all crowds | ${early} | goal 0: ${goal(early === 0)}`);
  if (largest === undefined) return [...lines, `${what}: no crowd was held`];
  const [other] = all.filter(({ viewers }) => viewers >= 10 * largest.viewers);
  const pair = other ?? held.findLast(({ viewers }) => viewers * 5 <= largest.viewers);
  if (pair !== undefined) {
    const ratio = largest.originPerSecond / pair.originPerSecond;
    lines.push(
      `${what}: origin at ${largest.viewers} / origin at ${pair.viewers} viewers | ${ratio.toFixed(3)} | goal 0.95 to 1.05: ${goal(Math.abs(ratio - 1) <= 0.05)}`,
    );
  }
  const perViewer = largest.expectedPerSecond / largest.viewers;
  const offload = 1 - largest.originPerSecond / (perViewer * goalViewers);
  const how =
    largest.viewers >= goalViewers
      ? 'measured'
      : `extrapolated from ${largest.viewers} viewers, the most that were held`;
  lines.push(
    `${what}: offload at ${goalViewers} viewers | ${(100 * offload).toFixed(3)} % | ${how} | goal > 99.9 %: ${goal(offload > 0.999)}`,
  );
  return lines;
}

/** A spike and what followed it: was any object asked for twice before its time? */
export function spikeLines(what: string, { report, originLog }: Show): readonly string[] {
  const phases = report.phases.filter(({ name }) => name === 'spike' || name === 'after');
  const sum = (of: (phase: PhaseReport) => number) => phases.reduce((all, phase) => all + of(phase), 0);
  const { viewers = 0, what: how = '' } = report.plan.spike ?? {};
  const first = report.phases.find(({ name }) => name === 'spike');
  const slowest = Math.max(0, ...Object.values(first?.kinds ?? {}).map(({ latencyMs }) => latencyMs.p99));
  const asked = askedTwice(originLog);
  return [
    [
      `${what}: ${viewers} viewers ${how} within a second`,
      `${sum(({ requests }) => requests)} requests in ${sum(({ seconds }) => seconds).toFixed(0)} s`,
      `origin's log: ${logLine(asked)}`,
      `goal: no object before its time: ${goal(asked.requests > 0 && asked.early.length === 0)}`,
      `errors ${sum(({ errors }) => errors)}, slowest p99 ${slowest} ms, ${report.rssMb} MB`,
    ].join(' | '),
    ...report.plan.capped.map((line) => `  capped: ${line}`),
  ];
}
