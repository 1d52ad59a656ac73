/**
 * One unbroken run of one encoder, seen from the packager: CMAF headers and whole Segments by index.
 * It never starts a process. Invariant: all its media is on the Grid it was begun with, from its origin index on.
 */
import type { Fragment, InitSegment } from '../cmaf/isobmff/model.ts';
import { initHashOf } from '../package/generation.ts';
import type { Grid } from '../package/grid.ts';
import type { AssembledSegment, Track, TrackFacts } from '../package/model.ts';
import { audioSegmenter, type DropReason, type Segmenter, videoSegmenter } from '../package/segmenter.ts';
import type { Slate } from '../package/slate.ts';
import type { PeriodPlan, RunSource } from '../package/timeline.ts';

export interface EncodeRunPlan {
  readonly id: string;
  readonly grid: Grid;
  readonly originIndex: number;
  /** All Tracks of the Period, also those that only slate delivers. */
  readonly facts: readonly TrackFacts[];
  readonly delivers: ReadonlySet<string>;
  /** The slate of this plan, undefined while it is being encoded. */
  readonly slate: () => Slate | undefined;
  /** True while the run's media is better held back until its slate is there: nobody watches yet. */
  readonly waitsForSlate: () => boolean;
}

/** Segments held while the timeline does not take any: the oldest go first. */
const MAX_HELD = 32;

export type RunOutcome =
  | { readonly kind: 'taken' }
  /** At least one Segment became whole. */
  | { readonly kind: 'segments' }
  | { readonly kind: 'dropped'; readonly reason: DropReason | 'unknown-track' | 'timescale' };

export class EncodeRun implements RunSource {
  readonly id: string;
  readonly delivers: ReadonlySet<string>;
  readonly segments = new Map<number, Map<string, AssembledSegment>>();
  readonly #run: EncodeRunPlan;
  readonly #inits = new Map<string, InitSegment>();
  readonly #segmenters = new Map<string, Segmenter>();
  #plan: PeriodPlan | undefined;

  constructor(run: EncodeRunPlan) {
    this.id = run.id;
    this.delivers = run.delivers;
    this.#run = run;
  }

  get originIndex(): number {
    return this.#run.originIndex;
  }

  plan(): PeriodPlan | undefined {
    if (this.#plan !== undefined && this.#plan.slate === this.#run.slate()) return this.#plan;
    const slate = this.#run.slate();
    if (slate === undefined && this.#run.waitsForSlate()) return undefined;
    const tracks: Track[] = [];
    for (const facts of this.#run.facts) {
      const init = this.#inits.get(facts.id) ?? (this.delivers.has(facts.id) ? undefined : slate?.inits.get(facts.id));
      if (init === undefined) return undefined;
      tracks.push({ ...facts, init, initHash: initHashOf(init.bytes) });
    }
    this.#plan = { grid: this.#run.grid, tracks, slate };
    return this.#plan;
  }

  /** The CMAF header of one Track. False when its timescale is not the Grid's: the run is of no use. */
  onInit(track: string, init: InitSegment): boolean {
    const facts = this.#run.facts.find((candidate) => candidate.id === track);
    const { grid, originIndex } = this.#run;
    if (facts === undefined) return false;
    if (init.timescale !== (facts.kind === 'video' ? grid.videoTimescale : 48_000)) return false;
    this.#inits.set(track, init);
    this.#plan = undefined;
    this.#segmenters.set(
      track,
      facts.kind === 'video'
        ? videoSegmenter(grid, originIndex, frameTicksOf(grid, facts))
        : audioSegmenter(grid, originIndex),
    );
    return true;
  }

  onFragment(track: string, fragment: Fragment): RunOutcome {
    const segmenter = this.#segmenters.get(track);
    if (segmenter === undefined) return { kind: 'dropped', reason: 'unknown-track' };
    let outcome: RunOutcome = { kind: 'taken' };
    for (const event of segmenter.push(fragment)) {
      if (event.kind === 'dropped') {
        outcome = event;
        continue;
      }
      const tracks = this.segments.get(event.segment.index) ?? new Map<string, AssembledSegment>();
      if (!tracks.has(track)) tracks.set(track, event.segment);
      this.segments.set(event.segment.index, tracks);
      const oldest = this.segments.keys().next();
      if (this.segments.size > MAX_HELD && !oldest.done) this.segments.delete(oldest.value);
      outcome = { kind: 'segments' };
    }
    return outcome;
  }
}

/** Ticks of one frame of a Track in the Grid's video timescale; a half-rate rung has frames of twice the length. */
export function frameTicksOf(grid: Grid, facts: TrackFacts): number {
  const rate = facts.frameRate ?? grid.frameRate;
  return (grid.videoTimescale * rate.den) / rate.num;
}
