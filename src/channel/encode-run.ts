/**
 * One unbroken run of one encoder, seen from the packager: CMAF headers and whole Segments by index.
 * It never starts a process. Invariant: all its media is on the Grid it was begun with, from its origin index on.
 */
import type { Fragment, InitSegment } from '../cmaf/isobmff/model.ts';
import { initHashOf } from '../package/generation.ts';
import { type Grid, partStartMs } from '../package/grid.ts';
import type { AssembledPart, AssembledSegment, Track, TrackFacts } from '../package/model.ts';
import type { PeriodPlan } from '../package/period-plan.ts';
import type { RunSource } from '../package/run-source.ts';
import {
  audioSegmenter,
  type DropReason,
  type RunOrigin,
  type Segmenter,
  type SegmenterEvent,
  videoSegmenter,
} from '../package/segmenter.ts';
import type { Slate } from '../package/slate.ts';

export interface EncodeRunPlan {
  readonly id: string;
  readonly grid: Grid;
  /** The place of the run's zero. */
  readonly origin: RunOrigin;
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

export interface Delivered {
  /** Of all Tracks. */
  fragments: number;
  /** Whole ones, of the first Track that the run delivers. */
  segments: number;
}

export type RunOutcome =
  | { readonly kind: 'taken' }
  /** At least one part or Segment became whole. */
  | { readonly kind: 'media' }
  | { readonly kind: 'dropped'; readonly reason: DropReason | 'unknown-track' | 'timescale' };

export class EncodeRun implements RunSource {
  readonly id: string;
  readonly delivers: ReadonlySet<string>;
  readonly segments = new Map<number, Map<string, AssembledSegment>>();
  readonly parts = new Map<number, Map<string, Map<number, AssembledPart>>>();
  /** What came of it so far. */
  readonly delivered: Delivered = { fragments: 0, segments: 0 };
  /** The Track whose Segments are counted. */
  readonly #counted: string | undefined;
  readonly #run: EncodeRunPlan;
  readonly #inits = new Map<string, InitSegment>();
  readonly #segmenters = new Map<string, Segmenter>();
  readonly #outMs = new Map<string, number>();
  #plan: PeriodPlan | undefined;

  constructor(run: EncodeRunPlan) {
    this.id = run.id;
    this.delivers = run.delivers;
    this.#run = run;
    this.#counted = run.facts.find(({ id }) => run.delivers.has(id))?.id;
  }

  get origin(): RunOrigin {
    return this.#run.origin;
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
    const { grid, origin } = this.#run;
    if (facts === undefined) return false;
    if (init.timescale !== (facts.kind === 'video' ? grid.videoTimescale : 48_000)) return false;
    this.#inits.set(track, init);
    this.#plan = undefined;
    this.#segmenters.set(
      track,
      facts.kind === 'video' ? videoSegmenter(grid, origin, frameTicksOf(grid, facts)) : audioSegmenter(grid, origin),
    );
    return true;
  }

  /** Media time up to which this Track has come; at first, where the run begins. */
  outMs(track: string): number {
    return this.#outMs.get(track) ?? partStartMs(this.#run.grid, this.origin.index, this.origin.part);
  }

  hasBrought(track: string): boolean {
    return this.#outMs.has(track);
  }

  /** Media time of the newest picture that came out; undefined for sound. */
  lastPictureMs(track: string): number | undefined {
    const facts = this.#run.facts.find(({ id, kind }) => id === track && kind === 'video');
    if (facts === undefined) return undefined;
    const { num, den } = facts.frameRate ?? this.#run.grid.frameRate;
    return this.outMs(track) - (1000 * den) / num;
  }

  #noteOut(track: string, { decodeTicks, durationTicks }: Fragment): void {
    const { grid, origin } = this.#run;
    const timescale = this.#inits.get(track)?.timescale ?? 1;
    const startMs = partStartMs(grid, origin.index, origin.part);
    this.#outMs.set(track, startMs + ((decodeTicks + durationTicks) * 1000) / timescale);
  }

  onFragment(track: string, fragment: Fragment): RunOutcome {
    this.#noteOut(track, fragment);
    this.delivered.fragments += 1;
    const segmenter = this.#segmenters.get(track);
    if (segmenter === undefined) return { kind: 'dropped', reason: 'unknown-track' };
    let outcome: RunOutcome = { kind: 'taken' };
    for (const event of segmenter.push(fragment)) {
      if (event.kind === 'dropped') {
        outcome = event;
        continue;
      }
      this.#keep(track, event);
      outcome = { kind: 'media' };
    }
    return outcome;
  }

  #keep(track: string, event: Exclude<SegmenterEvent, { kind: 'dropped' }>): void {
    if (event.kind === 'segment') {
      const { segment } = event;
      if (track === this.#counted) this.delivered.segments += 1;
      const tracks = heldAt(this.segments, segment.index, () => new Map<string, AssembledSegment>());
      if (!tracks.has(track)) tracks.set(track, segment);
      return;
    }
    const { index, part } = event.part;
    const tracks = heldAt(this.parts, index, () => new Map<string, Map<number, AssembledPart>>());
    const parts = tracks.get(track) ?? new Map<number, AssembledPart>();
    tracks.set(track, parts);
    if (!parts.has(part)) parts.set(part, event.part);
  }
}

/** The entry of an index, made if need be; the oldest goes when too many are held. */
function heldAt<T>(held: Map<number, T>, index: number, make: () => T): T {
  const known = held.get(index);
  if (known !== undefined) return known;
  const made = make();
  held.set(index, made);
  const oldest = held.keys().next();
  if (held.size > MAX_HELD && !oldest.done) held.delete(oldest.value);
  return made;
}

/** Ticks of one frame of a Track in the Grid's video timescale; a half-rate rung has frames of twice the length. */
export function frameTicksOf(grid: Grid, facts: TrackFacts): number {
  const rate = facts.frameRate ?? grid.frameRate;
  return (grid.videoTimescale * rate.den) / rate.num;
}
