/**
 * What a Period is made of, and whether another plan continues it: Grid, Tracks with their CMAF headers, slate.
 * It never commits anything. Invariant: what has another Grid, Track or header is another Period (src/README.md: Continuity).
 */
import { generationOf, initHashOf } from './generation.ts';
import { type Grid, sameGrid } from './grid.ts';
import type { Period, Track, TrackFacts } from './model.ts';
import type { Slate } from './slate.ts';

/** `slate` is undefined while it is still being encoded. */
export interface PeriodPlan {
  readonly grid: Grid;
  readonly tracks: readonly Track[];
  readonly slate: Slate | undefined;
}

/** What an overdue place becomes. */
export type Filler = PeriodPlan & { readonly slate: Slate };

/** A plan with the slate's own CMAF headers. Throws RangeError when the slate lacks a Track. */
export function slatePlan(grid: Grid, facts: readonly TrackFacts[], slate: Slate): Filler {
  const tracks = facts.map((track) => {
    const init = slate.inits.get(track.id);
    if (init === undefined) throw new RangeError(`the slate has no track ${track.id}`);
    return { ...track, init, initHash: initHashOf(init.bytes) };
  });
  return { grid, tracks, slate };
}

/** The filler of a plan; undefined when its slate is missing or of other Tracks or another Grid. */
export function fillerOf(plan: PeriodPlan): Filler | undefined {
  const { slate } = plan;
  if (slate === undefined || !sameGrid(slate.grid, plan.grid)) return undefined;
  return plan.tracks.every(({ id }) => slate.inits.has(id)) ? slatePlan(plan.grid, plan.tracks, slate) : undefined;
}

/**
 * The filler that can finish a Segment of this plan from any of its parts on: same CMAF headers, each part independent.
 * Without it no part may be published before its Segment is whole, for nothing could be promised of the rest.
 */
export function finisherOf(plan: PeriodPlan): Filler | undefined {
  const filler = fillerOf(plan);
  return filler?.slate.hasIndependentParts === true && haveSameHeaders(plan, filler) ? filler : undefined;
}

function haveSameHeaders(a: { readonly tracks: readonly Track[] }, b: { readonly tracks: readonly Track[] }): boolean {
  return (
    a.tracks.length === b.tracks.length &&
    a.tracks.every((track, i) => track.id === b.tracks[i]?.id && track.initHash === b.tracks[i]?.initHash)
  );
}

/** Same Grid, same Tracks, same CMAF headers: nothing has to be declared (src/README.md: Continuity). */
export function isSamePeriod(period: Period, plan: PeriodPlan): boolean {
  return sameGrid(period.grid, plan.grid) && haveSameHeaders(period, plan);
}

/** A Period made of a plan; `ordinal` counts them, `incarnation` is the journal's (generation.ts). */
export function periodOf(
  { grid, tracks }: PeriodPlan,
  ordinal: number,
  incarnation: string,
  start: { readonly number: number; readonly index: number; readonly atMs: number },
): Period {
  const { number: startNumber, index: startIndex, atMs: announcedMs } = start;
  const gen = generationOf(grid, startNumber - startIndex, ordinal, incarnation);
  return { id: `${gen}-${startNumber}`, ordinal, gen, grid, startNumber, startIndex, tracks, announcedMs };
}
