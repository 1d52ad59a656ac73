/**
 * The runs of one push, as the timeline takes them: whole Segments of the Tracks that are there. A Track that falls silent is left
 * out of the next run and let in again by another, so that one dead encoder does not take the others off the air.
 * It never reads a clock. Invariant: a run offers an index only when all of its Tracks have it, so that nothing is mixed with slate.
 */
import type { Fragment, InitSegment } from '../cmaf/isobmff/model.ts';
import { initHashOf } from '../package/generation.ts';
import type { AssembledPart, AssembledSegment, Track } from '../package/model.ts';
import type { PeriodPlan } from '../package/period-plan.ts';
import type { RunSource } from '../package/run-source.ts';
import { audioSegmenter, type Segmenter, videoSegmenter } from '../package/segmenter.ts';
import type { Slate } from '../package/slate.ts';

import { frameTicksOf } from './encode-run.ts';
import type { PlanInUse } from './plan-in-use.ts';

export interface PushedRunsOptions {
  readonly nextRunId: () => string;
  readonly originIndex: number;
  /** True while media is better held back until its slate is there: nobody watches yet. */
  readonly waitsForSlate: () => boolean;
  readonly onRun: (run: RunSource) => void;
  readonly onRunEnd: (runId: string) => void;
  readonly onMedia: () => void;
  readonly onDropped: (reason: string) => void;
  /** Which Tracks are carried from now on, and which of those that were are not. */
  readonly onTracks: (carried: readonly string[], lost: readonly string[]) => void;
}

/** Whole Segments that wait for their turn. */
const MAX_HELD = 32;
/** A Track that is so many whole Segments behind the others is left out. */
const BEHIND = 2;

interface Lane {
  readonly init: InitSegment;
  readonly segmenter: Segmenter;
  newestIndex: number;
}

class PushedRun implements RunSource {
  readonly id: string;
  /** A push has no begin of its own: it may bring any Segment. */
  readonly origin = { index: 0, part: 0 };
  readonly delivers: ReadonlySet<string>;
  readonly segments = new Map<number, Map<string, AssembledSegment>>();
  /** Latency `normal`: Segments go on air whole. */
  readonly parts = new Map<number, Map<string, Map<number, AssembledPart>>>();
  readonly #tracks: readonly Track[];
  readonly #plan: PlanInUse;
  readonly #waitsForSlate: () => boolean;
  #period: PeriodPlan | undefined;

  constructor(id: string, plan: PlanInUse, tracks: readonly Track[], waitsForSlate: () => boolean) {
    this.id = id;
    this.#plan = plan;
    this.#tracks = tracks;
    this.delivers = new Set(tracks.map((track) => track.id));
    this.#waitsForSlate = waitsForSlate;
  }

  plan(): PeriodPlan | undefined {
    const slate: Slate | undefined = this.#plan.slate;
    if (slate === undefined && this.#waitsForSlate()) return undefined;
    if (this.#period === undefined || this.#period.slate !== slate)
      this.#period = { grid: this.#plan.grid, tracks: this.#tracks, slate };
    return this.#period;
  }

  offer(index: number, whole: ReadonlyMap<string, AssembledSegment>): boolean {
    const mine = [...this.delivers].flatMap((id) => {
      const segment = whole.get(id);
      return segment === undefined ? [] : [[id, segment] as const];
    });
    if (mine.length < this.delivers.size) return false;
    this.segments.set(index, new Map(mine));
    const oldest = this.segments.keys().next();
    if (this.segments.size > MAX_HELD && !oldest.done) this.segments.delete(oldest.value);
    return true;
  }
}

export class PushedRuns {
  readonly #options: PushedRunsOptions;
  #plan: PlanInUse;
  readonly #lanes = new Map<string, Lane>();
  readonly #whole = new Map<number, Map<string, AssembledSegment>>();
  /** Newest first; the one before stays until the newest has media. */
  #runs: PushedRun[] = [];

  constructor(plan: PlanInUse, options: PushedRunsOptions) {
    this.#plan = plan;
    this.#options = options;
  }

  /** A Track with media on the way. `plan` knows its shape. */
  add(id: string, init: InitSegment, plan: PlanInUse): void {
    const facts = plan.facts.find((track) => track.id === id);
    if (facts === undefined) return;
    this.#plan = plan;
    const origin = { index: this.#options.originIndex, part: 0 };
    const segmenter =
      facts.kind === 'video'
        ? videoSegmenter(plan.grid, origin, frameTicksOf(plan.grid, facts))
        : audioSegmenter(plan.grid, origin);
    this.#lanes.set(id, { init, segmenter, newestIndex: Number.NEGATIVE_INFINITY });
  }

  /** The first run carries whatever was added so far. */
  begin(): void {
    this.#open([...this.#lanes.keys()]);
  }

  push(id: string, fragment: Fragment): void {
    const lane = this.#lanes.get(id);
    if (lane === undefined) return;
    for (const event of lane.segmenter.push(fragment)) {
      if (event.kind === 'dropped') this.#options.onDropped(event.reason);
      if (event.kind === 'segment') this.#take(id, lane, event.segment);
    }
  }

  #take(id: string, lane: Lane, segment: AssembledSegment): void {
    const { index } = segment;
    lane.newestIndex = Math.max(lane.newestIndex, index);
    const whole = this.#whole.get(index) ?? new Map<string, AssembledSegment>();
    if (!whole.has(id)) whole.set(id, segment);
    this.#whole.set(index, whole);
    const oldest = this.#whole.keys().next();
    if (this.#whole.size > MAX_HELD && !oldest.done) this.#whole.delete(oldest.value);
    this.#judgeTracks();
    const [newest, ...before] = this.#runs;
    if (newest?.offer(index, whole)) for (const run of before) this.#close(run);
    else for (const run of before) run.offer(index, whole);
    this.#options.onMedia();
  }

  #judgeTracks(): void {
    const current = this.#runs[0]?.delivers;
    if (current === undefined) return;
    const newest = Math.max(...[...this.#lanes.values()].map(({ newestIndex }) => newestIndex));
    const ids = [...this.#lanes].flatMap(([id, lane]) => {
      const behind = newest - lane.newestIndex;
      // One that was never whole yet is waited for as long as one that fell silent.
      const isThere = current.has(id) ? !(behind >= BEHIND && this.#isOverdue(lane, newest)) : behind < BEHIND - 1;
      return isThere ? [id] : [];
    });
    const isVideo = (id: string) => this.#plan.facts.some((track) => track.id === id && track.kind === 'video');
    if (!ids.some(isVideo) || (ids.length === current.size && ids.every((id) => current.has(id)))) return;
    this.#open(ids);
    this.#options.onTracks(
      ids,
      [...current].filter((id) => !ids.includes(id)),
    );
  }

  #isOverdue(lane: Lane, newest: number): boolean {
    if (Number.isFinite(lane.newestIndex)) return true;
    return [...this.#whole.keys()].filter((index) => index <= newest).length > BEHIND;
  }

  #open(ids: readonly string[]): void {
    const tracks = this.#plan.facts.flatMap((facts): Track[] => {
      const init = ids.includes(facts.id) ? this.#lanes.get(facts.id)?.init : undefined;
      return init === undefined ? [] : [{ ...facts, init, initHash: initHashOf(init.bytes) }];
    });
    const run = new PushedRun(this.#options.nextRunId(), this.#plan, tracks, this.#options.waitsForSlate);
    for (const [index, whole] of this.#whole) run.offer(index, whole);
    for (const old of this.#runs.slice(1)) this.#close(old);
    this.#runs = [run, ...this.#runs];
    this.#options.onRun(run);
  }

  #close(run: PushedRun): void {
    this.#runs = this.#runs.filter((other) => other !== run);
    this.#options.onRunEnd(run.id);
  }

  close(): void {
    for (const run of this.#runs) this.#close(run);
  }
}
