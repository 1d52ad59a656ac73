/**
 * The timeline of a Channel: which Segment stands under which number, from runs and slate, for ever contiguous.
 * It never reads a clock, waits or does I/O: time is an argument, what happened comes back as events, and the caller acts.
 * Invariant: numbers are committed once, in order, for all Tracks together; no index is ever left out: what has no media is slate,
 * or, by choice, a gap.
 */
import { gapSegment } from './gap.ts';
import { generationOf } from './generation.ts';
import { tailOf } from './generation-tail.ts';
import { type Grid, indexAt, partStartMs, sameGrid, startMsOf } from './grid.ts';
import { type Keeping, KeptSegments } from './kept-segments.ts';
import {
  type AssembledSegment,
  type CommittedSegment,
  indexOf,
  type Period,
  type Presentation,
  type SegmentRecord,
  type Track,
} from './model.ts';
import { OpenEdge } from './open-edge.ts';
import { type Filler, fillerOf, finisherOf, isSamePeriod, type PeriodPlan } from './period-plan.ts';
import { forgetBelow, hasFirstParts, hasMediaFrom, isWholeAt, mayBring, type RunSource } from './run-source.ts';
import type { RunOrigin } from './segmenter.ts';
import type { Slate } from './slate.ts';
import { recordOf, segmentEvent, sourceOf, type TimelineEvent } from './timeline-event.ts';

export interface TimelineSettings extends Keeping {
  readonly incarnation: string;
  /** Parts are published one by one, each as soon as it is there; else a Segment is published whole or not at all. */
  readonly publishesParts: boolean;
  /** After the end of an index (of a part, where parts are published), when what has not come is replaced by slate. */
  readonly fillDelayMs: number;
  /** The same while the publisher's tags keep coming: its encoder is late or being replaced, and its pictures are worth a wait. */
  readonly patienceMs: number;
  /** A publisher that was not heard for so long is not waited for any more. */
  readonly silenceMs: number;
  /** How long players may hold an MPD that does not show the newest Period: its life and its update period. */
  readonly tailMs: number;
  /** Slate before the first instant, so that a player opened early finds a whole playlist. */
  readonly backfillMs: number;
  /**
   * What an index without any media becomes once a publisher has been on air; slate unless said otherwise. A Segment that was
   * begun, or has some of its Tracks, is finished with slate either way.
   */
  readonly whenAbsent?: 'slate' | 'gap';
}

/** Indices made by one call of advance: after a pause of hours the rest waits for the next call, and memory stays flat. */
const MAX_STEPS = 64;

export class Timeline {
  readonly #settings: TimelineSettings;
  #incarnation: string;
  #restarts = 0;
  #period: Period | undefined;
  /** What an overdue index becomes; undefined while the slate of the current plan is still being encoded. */
  #filler: Filler | undefined;
  readonly #kept: KeptSegments;
  /** The Segment whose parts are being published; undefined while none of its parts is. */
  #edge: OpenEdge | undefined;
  #runs: RunSource[] = [];
  /** Runs that left and are kept only for what they have whole. */
  readonly #left = new Set<string>();
  #ordinal = 0;
  #heardMs = Number.NEGATIVE_INFINITY;
  #isEnded = false;
  /** Media of a publisher is or was in this presentation. Before that there are no gaps: a player could not start. */
  #hasBeenLive = false;
  #changedMs = 0;
  #mpdChangedMs = 0;
  #presentation: Presentation | undefined;

  constructor(settings: TimelineSettings) {
    this.#settings = settings;
    this.#incarnation = settings.incarnation;
    this.#kept = new KeptSegments(settings);
  }

  get period(): Period | undefined {
    return this.#period;
  }

  /** The number that is committed next. */
  get nextNumber(): number | undefined {
    const newest = this.#kept.newest;
    return newest === undefined ? undefined : newest.number + 1;
  }

  /** Media time (UTC ms) where the next Segment begins. */
  get edgeMs(): number | undefined {
    return this.#kept.newest?.endMs;
  }

  /** Where a run begins whose first media can still go on air: the first part that is not published yet. */
  resumeAt(grid: Grid, nowMs: number): RunOrigin {
    const edge = this.#edge;
    if (edge === undefined) return { index: indexAt(grid, this.edgeMs ?? nowMs - grid.segmentMs), part: 0 };
    if (sameGrid(edge.period.grid, grid) && edge.nextPart < grid.partsPerSegment)
      return { index: edge.index, part: edge.nextPart };
    return { index: Math.ceil(startMsOf(edge.period.grid, edge.index + 1) / grid.segmentMs), part: 0 };
  }

  /** When tick must be called at the latest. */
  get deadlineMs(): number | undefined {
    if (this.#isEnded) return undefined;
    if (this.#edge !== undefined) return this.#edge.deadlineMs(this.#expected, this.#overdueMs);
    const edgeMs = this.edgeMs;
    if (edgeMs === undefined || this.#period === undefined) return undefined;
    const { grid } = this.#period;
    const index = indexAt(grid, edgeMs);
    const mayCome = this.#expected.some((run) => mayBring(run, index, 0, false));
    const firstMs = this.#finisher === undefined ? grid.segmentMs : partStartMs(grid, 0, 1);
    const dueMs = this.#overdueMs(edgeMs + firstMs, mayCome);
    // A gap is an index that has passed. The patience is no longer than for slate: a DASH request for it is held since its first part.
    return this.#leavesGaps ? Math.max(edgeMs + grid.segmentMs + this.#settings.fillDelayMs, dueMs) : dueMs;
  }

  get #leavesGaps(): boolean {
    return this.#settings.whenAbsent === 'gap' && this.#hasBeenLive;
  }

  /** Something came from the publisher at this moment (UTC ms). */
  heard(atMs: number): void {
    this.#heardMs = Math.max(this.#heardMs, atMs);
  }

  /** When what should have ended at endMs is replaced by slate; there is patience only with what some run may still bring. */
  readonly #overdueMs = (endMs: number, mayCome: boolean): number => {
    const { fillDelayMs, patienceMs, silenceMs } = this.#settings;
    const patientMs = mayCome ? Math.min(endMs + patienceMs, this.#heardMs + silenceMs) : endMs;
    return Math.max(endMs + fillDelayMs, patientMs);
  };

  /** Runs that have not ended. */
  get #expected(): readonly RunSource[] {
    return this.#runs.filter(({ id }) => !this.#left.has(id));
  }

  /** The filler, where it can finish a Segment that is open. */
  get #finisher(): Filler | undefined {
    return this.#settings.publishesParts && this.#filler !== undefined ? finisherOf(this.#filler) : undefined;
  }

  /**
   * The first Period, on slate, with the past filled so that a playlist is whole at once. After an end: another one, whose
   * lists show nothing of what ended, and no number of it; that stays fetchable for the window and the retention.
   */
  open(plan: Filler, nowMs: number): TimelineEvent[] {
    if (this.#period !== undefined && !this.#isEnded) throw new RangeError('the timeline is open already');
    const over = this.#kept.newest;
    this.#kept.retire(nowMs);
    this.#reset();
    const { segmentMs } = plan.grid;
    const due = indexAt(plan.grid, nowMs - this.#settings.fillDelayMs) - 1;
    const free = Math.ceil((over?.endMs ?? 0) / segmentMs);
    const first = Math.max(due - Math.ceil(this.#settings.backfillMs / segmentMs) + 1, free);
    const last = Math.max(due, first);
    const events = this.#begin(plan, Math.max(first, (over?.number ?? -1) + 1), first, nowMs);
    for (let index = first; index <= last; index++) events.push(...this.#commitFrom(undefined, plan, nowMs));
    return events;
  }

  /**
   * Forgets everything that is on air, runs excepted; open() follows. Only for what nobody has been shown: its numbers
   * are given again, under another GEN, and from now on under this incarnation.
   */
  restart(incarnation = this.#incarnation): TimelineEvent[] {
    this.#incarnation = incarnation;
    this.#restarts += 1;
    this.#ordinal = 0;
    this.#reset();
    return this.#kept.clear();
  }

  #reset(): void {
    this.#period = undefined;
    this.#filler = undefined;
    this.#edge = undefined;
    this.#isEnded = false;
    this.#hasBeenLive = false;
    this.#presentation = undefined;
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
    for (let made = 0; made < MAX_STEPS && this.edgeMs !== undefined && !this.#isEnded; made++) {
      const step = this.#step(nowMs);
      if (step.length === 0) break;
      events.push(...step);
    }
    if (events.length > 0) {
      events.push(...this.#kept.evict(nowMs));
      this.#forgetLeft();
    }
    return events;
  }

  /** Numbers below this one are not to be had any more: no list shows them. */
  forgetBelow(number: number, nowMs: number): TimelineEvent[] {
    this.#kept.forgetBelow(number);
    this.#presentation = undefined;
    this.#changedMs = nowMs;
    return this.#kept.evict(nowMs);
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Nothing comes after this: an open Segment is finished with slate, and the lists say that they are final. */
  end(nowMs: number): TimelineEvent[] {
    const events = this.advance(nowMs);
    const finished = this.#edge === undefined ? [] : this.#publish(this.#edge, Number.POSITIVE_INFINITY, nowMs);
    this.#isEnded = true;
    this.#changedMs = nowMs;
    this.#mpdChangedMs = nowMs;
    this.#presentation = undefined;
    return [...events, ...finished];
  }

  presentation(): Presentation {
    this.#presentation ??= {
      segments: this.#kept.listed(),
      open: this.#edge?.snapshot(),
      changedMs: this.#changedMs,
      mpdChangedMs: this.#mpdChangedMs,
      ended: this.#isEnded,
    };
    return this.#presentation;
  }

  #step(nowMs: number): TimelineEvent[] {
    if (this.#period === undefined) return [];
    if (this.#edge !== undefined) return this.#publish(this.#edge, nowMs, nowMs);
    for (const run of this.#runs) {
      const plan = run.plan();
      const step = plan === undefined ? [] : this.#stepFrom(run, plan, this.#period, nowMs);
      if (step.length > 0) return step;
    }
    return this.#stepOverdue(this.#period, nowMs);
  }

  #stepFrom(run: RunSource, plan: PeriodPlan, period: Period, nowMs: number): TimelineEvent[] {
    const index = indexAt(plan.grid, this.edgeMs ?? 0);
    forgetBelow(run, index);
    const isSame = isSamePeriod(period, plan);
    const finisher = this.#settings.publishesParts ? finisherOf(plan) : undefined;
    const isReady =
      finisher === undefined ? isWholeAt(run, plan, index) : hasFirstParts(run, index, isSame ? 'some' : 'all');
    if (!isReady) return [];
    const begun = isSame ? [] : this.#begin(plan, this.nextNumber ?? index, index, nowMs);
    const media =
      finisher === undefined ? this.#commitFrom(run.segments.get(index), plan, nowMs) : this.#open(finisher, nowMs);
    return [...begun, ...media];
  }

  #stepOverdue(period: Period, nowMs: number): TimelineEvent[] {
    const filler = this.#filler;
    if (nowMs < (this.deadlineMs ?? Number.POSITIVE_INFINITY)) return [];
    const edgeMs = this.edgeMs ?? 0;
    const isSame = filler !== undefined && isSamePeriod(period, filler);
    if (this.#leavesGaps && (!isSame || this.#partly(edgeMs) === undefined)) return this.#commitGap(period, nowMs);
    if (filler === undefined) return [];
    const finisher = this.#finisher;
    // The slate's CMAF header may not be the run's: it is declared then, never mixed in.
    const begun = isSame ? [] : this.#begin(filler, this.nextNumber ?? 0, indexAt(filler.grid, edgeMs), nowMs);
    if (finisher !== undefined) return [...begun, ...this.#open(finisher, nowMs)];
    return [...begun, ...this.#commitFrom(isSame ? this.#partly(edgeMs) : undefined, filler, nowMs)];
  }

  /** The next number is open from its first part on. */
  #open(filler: Filler, nowMs: number): TimelineEvent[] {
    const period = this.#period;
    if (period === undefined) return [];
    this.#edge = new OpenEdge(period, this.nextNumber ?? period.startNumber, filler);
    return this.#publish(this.#edge, nowMs, nowMs);
  }

  /** What is overdue at `untilMs` becomes slate. */
  #publish(edge: OpenEdge, untilMs: number, nowMs: number): TimelineEvent[] {
    const events = edge.publish(this.#runs, this.#expected, untilMs, this.#overdueMs);
    if (events.length === 0) return [];
    this.#changedMs = nowMs;
    this.#presentation = undefined;
    const records = edge.whole();
    if (records === undefined) return events;
    this.#edge = undefined;
    return [...events, this.#commit(edge.period, edge.number, records, nowMs)];
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
    const tail = tailOf(this.#period, this.#filler, startNumber, this.#settings.tailMs);
    this.#ordinal += 1;
    const incarnation = this.#incarnation + '+'.repeat(this.#restarts);
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

  #commitFrom(
    media: ReadonlyMap<string, AssembledSegment> | undefined,
    plan: PeriodPlan,
    nowMs: number,
  ): TimelineEvent[] {
    const period = this.#period;
    if (period === undefined) return [];
    return this.#commitEach(period, nowMs, ({ id }, index) => {
      const assembled = media?.get(id) ?? plan.slate?.segment(id, index);
      if (assembled === undefined) throw new RangeError(`no media and no slate for ${id}`);
      return assembled;
    });
  }

  /** In all Tracks of the Period that is on air: nothing has to be declared but the gap itself. */
  #commitGap(period: Period, nowMs: number): TimelineEvent[] {
    return this.#commitEach(period, nowMs, (track, index) => gapSegment(period.grid, track, index));
  }

  #commitEach(
    period: Period,
    nowMs: number,
    mediaOf: (track: Track, index: number) => AssembledSegment,
  ): TimelineEvent[] {
    const number = this.nextNumber ?? period.startNumber;
    const index = indexOf(period, number);
    const events: TimelineEvent[] = [];
    const records = new Map<string, SegmentRecord>();
    for (const track of period.tracks) {
      const assembled = mediaOf(track, index);
      const record = recordOf(assembled, number, period.gen);
      records.set(track.id, record);
      events.push(segmentEvent(track, record, assembled));
    }
    events.push(this.#commit(period, number, records, nowMs));
    return events;
  }

  #commit(period: Period, number: number, tracks: ReadonlyMap<string, SegmentRecord>, nowMs: number): TimelineEvent {
    const endMs = startMsOf(period.grid, indexOf(period, number) + 1);
    const segment = { number, period, tracks, source: sourceOf(period, tracks), endMs, committedMs: nowMs };
    this.#kept.push(segment);
    if (segment.source === 'live') this.#hasBeenLive = true;
    this.#changedMs = nowMs;
    this.#presentation = undefined;
    return { kind: 'committed', segment };
  }

  /** The kept Segment of this number, also those that are in no list any more. */
  find(number: number): CommittedSegment | undefined {
    return this.#kept.find(number);
  }
}
