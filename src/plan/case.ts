/**
 * What capacity is asked for: a ladder as it would be served, an audience, and the caches between.
 * It never reads a file. Invariant: shares of the mix add up to 1.
 */
import { LATENCY_TIMING } from '../config/latency-timing.ts';
import type { Ladder, Latency } from '../config/model.ts';
import { type Grid, makeGrid } from '../package/grid.ts';
import type { PlanSource, TranscodePlan } from '../transcode/model.ts';
import { makePlan } from '../transcode/plan.ts';

/** How a player asks. Without parts a low-latency player asks as its ordinary form does. */
export type Player = 'hls' | 'll-hls' | 'dash' | 'll-dash';

export const PLAYERS: readonly Player[] = ['hls', 'll-hls', 'dash', 'll-dash'];

export interface CapacityCase {
  readonly ladder: Ladder;
  readonly latency: Latency;
  readonly source: PlanSource;
  readonly windowMs: number;
  readonly viewers: number;
  readonly mix: Readonly<Record<Player, number>>;
  /** Caches that ask the origin, each for itself. */
  readonly shields: number;
  /** Share of requests, and of bytes, that edges answer by themselves. */
  readonly offload: number;
  /** All viewers come within this time. */
  readonly joinSeconds: number;
}

/** What is encoded and served for a case. */
export interface Served {
  readonly grid: Grid;
  readonly plan: TranscodePlan;
  /** ms of a part; undefined where Segments are published whole. */
  readonly partMs: number | undefined;
}

export type ServedResult = (Served & { readonly kind: 'ok' }) | { readonly kind: 'bad'; readonly reason: string };

/** As the service would choose it for a first publish of this source. */
export function servedOf({
  ladder,
  latency,
  source,
}: Pick<CapacityCase, 'ladder' | 'latency' | 'source'>): ServedResult {
  const { partMs, publishesParts } = LATENCY_TIMING[latency];
  const frameRate = ladder.frameRate === 'auto' ? source.frameRate : ladder.frameRate;
  const grid = makeGrid(frameRate, ladder.segmentSeconds, partMs);
  const result = makePlan({ ladder, grid, latency, source: { ...source, frameRate }, sourceKnown: true });
  if (result.kind === 'bad') return result;
  return {
    kind: 'ok',
    grid,
    plan: result.plan,
    partMs: publishesParts ? grid.segmentMs / grid.partsPerSegment : undefined,
  };
}

/** Low-latency players of a channel without parts are ordinary ones. */
export function mixServed(mix: CapacityCase['mix'], { partMs }: Served): CapacityCase['mix'] {
  if (partMs !== undefined) return mix;
  return { hls: mix.hls + mix['ll-hls'], 'll-hls': 0, dash: mix.dash + mix['ll-dash'], 'll-dash': 0 };
}
