/**
 * The plan that a Channel encodes by, with its Grid, facts and slate; decides what a publish is encoded as.
 * It never encodes. Invariant: Grid and Track set are fixed by the first publish and kept while the ladder is the same
 * and the window lives; later feeds are conformed to them.
 */
import { LATENCY_TIMING } from '../config/latency-timing.ts';
import type { Ladder, Latency } from '../config/model.ts';
import type { SourceDescription } from '../ingest/model.ts';
import { type Grid, makeGrid } from '../package/grid.ts';
import type { TrackFacts } from '../package/model.ts';
import type { Slate } from '../package/slate.ts';
import type { Logger } from '../system/log.ts';
import type { PlanSource, TranscodePlan } from '../transcode/model.ts';
import { conformPlan, makePlan } from '../transcode/plan.ts';
import { trackFactsOf } from '../transcode/track-facts.ts';

/** Assumed before the first publish: a 16:9 picture above any rung, and the commonest rate where the ladder says `auto`. */
const ASSUMED: PlanSource = { width: 3840, height: 2160, frameRate: { num: 30, den: 1 } };

export interface PlanInUse {
  readonly plan: TranscodePlan;
  readonly grid: Grid;
  readonly facts: readonly TrackFacts[];
  readonly ladder: Ladder;
  /** Equal for plans that give the same CMAF headers and the same slate. */
  readonly key: string;
  /** What an operator should be told. */
  readonly notes: readonly string[];
  slate: Slate | undefined;
}

export type PlanChoice =
  | { readonly kind: 'ok'; readonly plan: PlanInUse }
  | { readonly kind: 'bad'; readonly reason: string };

/** The plan for a source; undefined source: nothing was ever published. */
export function choosePlan(ladder: Ladder, source: PlanSource | undefined, latency: Latency = 'normal'): PlanChoice {
  const rate = ladder.frameRate === 'auto' ? (source ?? ASSUMED).frameRate : ladder.frameRate;
  const grid = makeGrid(rate, ladder.segmentSeconds, LATENCY_TIMING[latency].partMs);
  const result = makePlan({
    ladder,
    grid,
    latency,
    source: source ?? { ...ASSUMED, frameRate: rate },
    sourceKnown: source !== undefined,
  });
  if (result.kind === 'bad') return result;
  return { kind: 'ok', plan: planInUse(result.plan, grid, ladder, result.notes) };
}

/** The kept plan for a later feed of whatever shape: same Tracks, same CMAF headers, same slate; but for a copy of another shape. */
export function conform(kept: PlanInUse, source: PlanSource): PlanInUse {
  const plan = conformPlan(kept.plan, source);
  const key = keyOf(plan);
  // A copy is the source's own: another shape is another header, and wants a slate of that shape.
  return { ...kept, plan, key, slate: key === kept.key ? kept.slate : undefined };
}

/** Why a running Channel cannot take a ladder that is right in itself. */
export function ladderChangeProblem(running: Ladder, { name, segmentSeconds }: Ladder): string | undefined {
  // RFC 8216bis 4.4.3.1: the value of EXT-X-TARGETDURATION must not change.
  if (segmentSeconds === running.segmentSeconds) return undefined;
  return (
    `ladder ${name} has segments of ${segmentSeconds} s, the channel runs with ${running.segmentSeconds} s; ` +
    'the ladder in force stays. Restart the service to change the segment duration.'
  );
}

/** The rungs that workers encode of the plan, descending by bitrate: those that may be left out. */
export function encodedRungs({ plan }: PlanInUse): string[] {
  return plan.video.filter(({ isCopy }) => !isCopy).map(({ id }) => id);
}

/** The plan without some of its rungs. Its slate is that of the whole plan, and nothing is encoded for it. */
export function withoutRungs(full: PlanInUse, leftOut: readonly { readonly rung: string }[]): PlanInUse {
  const isKept = ({ id }: { readonly id: string }): boolean => leftOut.every(({ rung }) => rung !== id);
  const { plan, grid, facts, ladder, key, notes } = full;
  return {
    plan: { ...plan, video: plan.video.filter(isKept) },
    grid,
    facts: facts.filter(isKept),
    ladder,
    key,
    notes,
    get slate() {
      return full.slate;
    },
  };
}

/** What an operator wants to know of a plan when a publish begins. */
export function announcePlan(plan: PlanInUse, source: SourceDescription, log: Logger): void {
  for (const note of plan.notes) log.info({ note }, 'plan');
  for (const { id, reason } of plan.plan.dropped) log.info({ rung: id, reason }, 'rung left out');
  log.info({ source, tracks: plan.facts.map(({ id }) => id), segmentMs: plan.grid.segmentMs }, 'encoding');
}

export function planInUse(plan: TranscodePlan, grid: Grid, ladder: Ladder, notes: readonly string[]): PlanInUse {
  return { plan, grid, facts: trackFactsOf(plan), ladder, key: keyOf(plan), notes, slate: undefined };
}

function keyOf(plan: TranscodePlan): string {
  return JSON.stringify([plan.grid, plan.latency, plan.video.map((track) => ({ ...track, pad: false })), plan.audio]);
}
