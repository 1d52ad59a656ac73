/**
 * The timeline of a Channel: which Segment stands under which number, from runs and slate, for ever contiguous.
 * It never reads a clock, waits or does I/O: time is an argument, what happened comes back as events, and the caller acts.
 * Invariant: numbers are committed once, in order, for all Tracks together; no index is ever left empty.
 */
import { generationOf, initHashOf } from './generation.ts';
import { type Grid, indexAt, sameGrid, startMsOf } from './grid.ts';
import {
  type AssembledSegment,
  type CommittedSegment,
  indexOf,
  type Period,
  type Presentation,
  type SegmentRecord,
  type Track,
  type TrackFacts,
} from './model.ts';
import type { Slate } from './slate.ts';

export interface TimelineSettings {
  readonly incarnation: string;
  /** Listed by the DVR manifests. */
  readonly windowMs: number;
  /** Kept fetchable after it left every list. */
  readonly retentionMs: number;
  /** After the end of an index, when what has not come is replaced by slate. Below the publish margin. */
  readonly fillDelayMs: number;
  /** How long players may hold an MPD that does not show the newest Period: its life and its update period. */
  readonly tailMs: number;
  /** Slate before the first instant, so that a player opened early finds a whole playlist. */
  readonly backfillMs: number;
}

/** What a Period is made of; `slate` is undefined while it is still being encoded. */
export interface PeriodPlan {
  readonly grid: Grid;
  readonly tracks: readonly Track[];
  readonly slate: Slate | undefined;
}

/** Media on its way from one EncodeRun: whole Segments by index and Track. */
export interface RunSource {
  readonly id: string;
  /** undefined until all CMAF headers are known. */
  plan(): PeriodPlan | undefined;
  /** Tracks that this run itself delivers; others are slate's (silence for a feed without audio). */
  readonly delivers: ReadonlySet<string>;
  readonly segments: Map<number, Map<string, AssembledSegment>>;
}

export type TimelineEvent =
  | { readonly kind: 'period'; readonly period: Period }
  | {
      readonly kind: 'segment';
      readonly track: string;
      readonly trackKind: 'video' | 'audio';
      readonly record: SegmentRecord;
      readonly parts: readonly Buffer[];
    }
  /** After the `segment` events of all its Tracks. */
  | { readonly kind: 'committed'; readonly segment: CommittedSegment }
  | {
      readonly kind: 'evicted';
      readonly gen: string;
      readonly belowNumber: number;
    }
  | { readonly kind: 'generation-gone'; readonly gen: string };

/** Whole Segments of a run that wait for their turn; more than this and the oldest are dropped. */
const MAX_WAITING = 16;
/** Indices made by one call of advance: after a pause of hours the rest waits for the next call, and memory stays flat. */
const MAX_STEPS = 64;

export class Timeline {
  readonly #settings: TimelineSettings;
  #restarts = 0;
  #period: Period | undefined;
  /** What an overdue index becomes; undefined while the slate of the current plan is still being encoded. */
  #filler: Filler | undefined;
  #segments: CommittedSegment[] = [];
  #runs: RunSource[] = [];
  /** Runs that left and are kept only for what they have whole. */
  readonly #left = new Set<string>();
  #ordinal = 0;
  #changedMs = 0;
  #mpdChangedMs = 0;
  #presentation: Presentation | undefined;

  constructor(settings: TimelineSettings) {
    this.#settings = settings;
  }

  get period(): Period | undefined {
    return this.#period;
  }

  /** The number that is committed next. */
  get nextNumber(): number | undefined {
    const newest = this.#segments.at(-1);
    return newest === undefined ? undefined : newest.number + 1;
  }

  /** Media time (UTC ms) where the next Segment begins. */
  get edgeMs(): number | undefined {
    return this.#segments.at(-1)?.endMs;
  }

  /** When tick must be called at the latest. */
  get deadlineMs(): number | undefined {
    const edgeMs = this.edgeMs;
    return edgeMs === undefined || this.#period === undefined
      ? undefined
      : edgeMs + this.#period.grid.segmentMs + this.#settings.fillDelayMs;
  }

  /** The first Period, on slate, with the past filled so that a playlist is whole at once. */
  open(plan: PeriodPlan & { readonly slate: Slate }, nowMs: number): TimelineEvent[] {
    if (this.#period !== undefined) throw new RangeError('the timeline is open already');
    const { segmentMs } = plan.grid;
    const last = indexAt(plan.grid, nowMs - this.#settings.fillDelayMs) - 1;
    const first = last - Math.ceil(this.#settings.backfillMs / segmentMs) + 1;
    const events = this.#begin(plan, first, first, nowMs);
    for (let index = first; index <= last; index++) events.push(...this.#commitFrom(undefined, plan, nowMs));
    return events;
  }

  /**
   * Forgets everything that is on air, runs excepted; open() follows. Only for what nobody has been shown: its numbers
   * are given again, under another GEN.
   */
  restart(): TimelineEvent[] {
    const gens = new Set(this.#segments.map((segment) => segment.period.gen));
    this.#restarts += 1;
    this.#period = undefined;
    this.#filler = undefined;
    this.#segments = [];
    this.#ordinal = 0;
    this.#presentation = undefined;
    return [...gens].map((gen) => ({ kind: 'generation-gone', gen }));
  }

  /** Joins a run; the newest run is asked first. Its Segments count from the next index on. */
  join(run: RunSource): void {
    this.#left.delete(run.id);
    this.#runs = [run, ...this.#runs.filter((other) => other.id !== run.id)];
  }

  /** What the run has delivered whole stays usable until committed or overtaken. */
  leave(runId: string): void {
    this.#left.add(runId);
    this.#forgetLeft();
  }

  #forgetLeft(): void {
    if (this.#left.size === 0) return;
    const edgeMs = this.edgeMs ?? 0;
    this.#runs = this.#runs.filter((run) => !this.#left.has(run.id) || hasMediaFrom(run, edgeMs));
    for (const id of this.#left) if (!this.#runs.some((run) => run.id === id)) this.#left.delete(id);
  }

  /** The slate of the current Period became ready. A slate of other Tracks or another Grid is not taken. */
  setSlate(slate: Slate): void {
    if (this.#period !== undefined) this.#filler = fillerOf({ ...this.#period, slate }) ?? this.#filler;
  }

  /** Commits what is whole or overdue, at most 64 indices a call; while `deadlineMs` is in the past there is more. */
  advance(nowMs: number): TimelineEvent[] {
    const events: TimelineEvent[] = [];
    for (let made = 0; made < MAX_STEPS && this.edgeMs !== undefined; made++) {
      const step = this.#step(nowMs);
      if (step.length === 0) break;
      events.push(...step);
    }
    if (events.length > 0) {
      events.push(...this.#evict());
      this.#forgetLeft();
    }
    return events;
  }

  presentation(): Presentation {
    this.#presentation ??= {
      segments: this.#listed(),
      open: undefined,
      changedMs: this.#changedMs,
      mpdChangedMs: this.#mpdChangedMs,
      ended: false,
    };
    return this.#presentation;
  }

  #step(nowMs: number): TimelineEvent[] {
    const edgeMs = this.edgeMs ?? 0;
    const period = this.#period;
    if (period === undefined) return [];
    for (const run of this.#runs) {
      const plan = run.plan();
      if (plan === undefined) continue;
      const index = indexAt(plan.grid, edgeMs);
      forgetBelow(run, index);
      const tracks = run.segments.get(index);
      if (tracks === undefined || tracks.size < run.delivers.size) continue;
      if (!isComplete(plan, tracks)) continue;
      if (isSamePeriod(period, plan)) return this.#commitFrom(tracks, plan, nowMs);
      const begun = this.#begin(plan, this.nextNumber ?? index, index, nowMs);
      return [...begun, ...this.#commitFrom(tracks, plan, nowMs)];
    }
    const filler = this.#filler;
    if (nowMs < (this.deadlineMs ?? Number.POSITIVE_INFINITY) || filler === undefined) return [];
    if (isSamePeriod(period, filler)) return this.#commitFrom(this.#partly(edgeMs), filler, nowMs);
    // The slate's CMAF header is not the run's: it is declared, never mixed in.
    const begun = this.#begin(filler, this.nextNumber ?? 0, indexAt(filler.grid, edgeMs), nowMs);
    return [...begun, ...this.#commitFrom(undefined, filler, nowMs)];
  }

  /** What the newest run of this Period has of an overdue index; the rest becomes slate. */
  #partly(edgeMs: number): Map<string, AssembledSegment> | undefined {
    for (const run of this.#runs) {
      const plan = run.plan();
      if (plan === undefined || this.#period === undefined || !isSamePeriod(this.#period, plan)) continue;
      const tracks = run.segments.get(indexAt(plan.grid, edgeMs));
      if (tracks !== undefined) return tracks;
    }
    return undefined;
  }

  #begin(plan: PeriodPlan, startNumber: number, startIndex: number, nowMs: number): TimelineEvent[] {
    const tail = this.#tail(startNumber);
    this.#ordinal += 1;
    const incarnation = this.#settings.incarnation + '+'.repeat(this.#restarts);
    const gen = generationOf(plan.grid, startNumber - startIndex, this.#ordinal, incarnation);
    this.#period = {
      id: `${gen}-${startNumber}`,
      ordinal: this.#ordinal,
      gen,
      grid: plan.grid,
      startNumber,
      startIndex,
      tracks: plan.tracks,
      announcedMs: nowMs,
    };
    this.#mpdChangedMs = nowMs;
    this.#filler = fillerOf(plan);
    return [{ kind: 'period', period: this.#period }, ...tail];
  }

  /**
   * A DASH player that holds the MPD of before the change goes on asking for the old GEN's next numbers until it has
   * seen the new one: for that long they are slate. They are in no list and never committed.
   */
  #tail(startNumber: number): TimelineEvent[] {
    const period = this.#period;
    const filler = this.#filler;
    if (period === undefined || filler === undefined || !isSamePeriod(period, filler)) return [];
    const count = Math.ceil(this.#settings.tailMs / period.grid.segmentMs);
    const numbers = Array.from({ length: count }, (_, i) => startNumber + i);
    return numbers.flatMap((number) =>
      period.tracks.map((track) => {
        const assembled = filler.slate.segment(track.id, indexOf(period, number));
        return segmentEvent(track, recordOf(assembled, number, period.gen), assembled);
      }),
    );
  }

  #commitFrom(
    media: ReadonlyMap<string, AssembledSegment> | undefined,
    plan: PeriodPlan,
    nowMs: number,
  ): TimelineEvent[] {
    const period = this.#period;
    if (period === undefined) return [];
    const number = this.nextNumber ?? period.startNumber;
    const index = indexOf(period, number);
    const events: TimelineEvent[] = [];
    const records = new Map<string, SegmentRecord>();
    let source: 'live' | 'slate' = 'slate';
    for (const track of period.tracks) {
      const assembled = media?.get(track.id) ?? plan.slate?.segment(track.id, index);
      if (assembled === undefined) throw new RangeError(`no media and no slate for ${track.id}`);
      if (track.kind === 'video' && assembled.source === 'live') source = 'live';
      if (period.tracks.length === 1) source = assembled.source;
      const record = recordOf(assembled, number, period.gen);
      records.set(track.id, record);
      events.push(segmentEvent(track, record, assembled));
    }
    const segment = {
      number,
      period,
      tracks: records,
      source,
      endMs: startMsOf(period.grid, index + 1),
      committedMs: nowMs,
    };
    this.#segments.push(segment);
    this.#changedMs = nowMs;
    this.#presentation = undefined;
    events.push({ kind: 'committed', segment });
    return events;
  }

  #listed(): readonly CommittedSegment[] {
    const edgeMs = this.edgeMs ?? 0;
    return this.#segments.filter((segment) => segment.endMs > edgeMs - this.#settings.windowMs);
  }

  /** RFC 8216bis 6.2.2: a Segment stays fetchable for its duration plus that of the longest playlist that listed it. */
  #evict(): TimelineEvent[] {
    const keepFromMs = (this.edgeMs ?? 0) - this.#settings.windowMs - this.#settings.retentionMs;
    const kept = this.#segments.findIndex((segment) => segment.endMs > keepFromMs);
    if (kept <= 0) return [];
    const removed = this.#segments.splice(0, kept);
    const oldest = this.#segments[0];
    if (oldest === undefined) return [];
    const gens = new Set(removed.map((segment) => segment.period.gen));
    return [...gens].map((gen) => {
      const oldestOfGen = this.#segments.find((segment) => segment.period.gen === gen);
      return oldestOfGen === undefined
        ? { kind: 'generation-gone', gen }
        : { kind: 'evicted', gen, belowNumber: oldestOfGen.number };
    });
  }

  /** The kept Segment of this number, also those that are in no list any more. */
  find(number: number): CommittedSegment | undefined {
    const oldest = this.#segments[0];
    return oldest === undefined ? undefined : this.#segments[number - oldest.number];
  }
}

type Filler = PeriodPlan & { readonly slate: Slate };

/** A plan with the slate's own CMAF headers. Throws RangeError when the slate lacks a Track. */
export function slatePlan(grid: Grid, facts: readonly TrackFacts[], slate: Slate): Filler {
  const tracks = facts.map((track) => {
    const init = slate.inits.get(track.id);
    if (init === undefined) throw new RangeError(`the slate has no track ${track.id}`);
    return { ...track, init, initHash: initHashOf(init.bytes) };
  });
  return { grid, tracks, slate };
}

function fillerOf(plan: PeriodPlan): Filler | undefined {
  const { slate } = plan;
  if (slate === undefined || !sameGrid(slate.grid, plan.grid)) return undefined;
  return plan.tracks.every(({ id }) => slate.inits.has(id)) ? slatePlan(plan.grid, plan.tracks, slate) : undefined;
}

function segmentEvent(track: Track, record: SegmentRecord, assembled: AssembledSegment): TimelineEvent {
  const parts = assembled.parts.map((part) => part.bytes);
  return { kind: 'segment', track: track.id, trackKind: track.kind, record, parts };
}

function recordOf(assembled: AssembledSegment, number: number, gen: string): SegmentRecord {
  const { startTicks, durationTicks, timescale, source } = assembled;
  const parts = assembled.parts.map(({ durationTicks, isIndependent, sizeBytes }) => ({
    durationTicks,
    isIndependent,
    sizeBytes,
  }));
  const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  return {
    number,
    gen,
    startTicks,
    durationTicks,
    timescale,
    source,
    parts,
    sizeBytes,
  };
}

function isComplete(plan: PeriodPlan, tracks: ReadonlyMap<string, AssembledSegment>): boolean {
  return plan.tracks.every((track) => tracks.has(track.id) || plan.slate !== undefined);
}

/** Same Grid, same Tracks, same CMAF headers: nothing has to be declared (src/README.md: Continuity). */
export function isSamePeriod(period: Period, plan: PeriodPlan): boolean {
  return (
    sameGrid(period.grid, plan.grid) &&
    period.tracks.length === plan.tracks.length &&
    period.tracks.every((track, i) => track.id === plan.tracks[i]?.id && track.initHash === plan.tracks[i]?.initHash)
  );
}

function forgetBelow(run: RunSource, index: number): void {
  for (const waiting of run.segments.keys()) if (waiting < index) run.segments.delete(waiting);
  while (run.segments.size > MAX_WAITING) {
    const oldest = run.segments.keys().next();
    if (oldest.done) break;
    run.segments.delete(oldest.value);
  }
}

function hasMediaFrom(run: RunSource, edgeMs: number): boolean {
  const plan = run.plan();
  return plan !== undefined && [...run.segments.keys()].some((index) => startMsOf(plan.grid, index) >= edgeMs);
}
