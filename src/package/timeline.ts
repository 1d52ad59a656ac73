/**
 * The timeline of a Channel: which Segment stands under which number, from runs and slate, for ever contiguous.
 * It never reads a clock, waits or does I/O: time is an argument, what happened comes back as events, and the caller acts.
 * Invariant: numbers are committed once, in order, for all Tracks together; no index is ever left out: what has no media is slate,
 * or, by choice, a gap.
 */
import { backfill } from './backfill.ts';
import { tailOf } from './generation-tail.ts';
import { type Grid, indexAt, partStartMs, startMsOf } from './grid.ts';
import { JoinedRuns } from './joined-runs.ts';
import { KeptSegments } from './kept-segments.ts';
import { type AssembledSegment, type CommittedSegment, indexOf, type Period, type Presentation } from './model.ts';
import { gapMedia, type NumberMedia, restOf, runMedia } from './number-media.ts';
import { OpenEdge } from './open-edge.ts';
import { Patience } from './patience.ts';
import { PeriodCounter } from './period-counter.ts';
import { type Filler, fillerOf, finisherOf, isSamePeriod, type PeriodPlan } from './period-plan.ts';
import type { Resumed } from './resume.ts';
import { resumePlace } from './resume-place.ts';
import { forgetBelow, hasFirstParts, isWholeAt, mayBring, type RunSource } from './run-source.ts';
import type { RunOrigin } from './segmenter.ts';
import type { Slate } from './slate.ts';
import type { UnfinishedSegment } from './snapshot.ts';
import { sourceOf, type TimelineEvent } from './timeline-event.ts';
import type { TimelineSettings } from './timeline-settings.ts';

/** Indices made by one call of advance: after a pause of hours the rest waits for the next call, and memory stays flat. */
const MAX_STEPS = 64;
/** A slate is encoded in less, where the one of a former life is not kept. */
const AWAIT_FILLER_MS = 10_000;

export class Timeline {
  readonly #settings: TimelineSettings;
  #period: Period | undefined;
  /** What an overdue index becomes; undefined while the slate of the current plan is still being encoded. */
  #filler: Filler | undefined;
  readonly #kept: KeptSegments;
  /** The Segment whose parts are being published; undefined while none of its parts is. */
  #edge: OpenEdge | undefined;
  /** A Segment that is published whole, of which a former life had stored some Tracks. */
  #half: UnfinishedSegment | undefined;
  /** A Segment of a former life is not waited for any longer than this. */
  #giveUpMs = Number.NEGATIVE_INFINITY;
  readonly #runs = new JoinedRuns();
  readonly #counter: PeriodCounter;
  readonly #patience: Patience;
  #isEnded = false;
  #hasBeenLive = false;
  #changedMs = 0;
  #mpdChangedMs = 0;
  #presentation: Presentation | undefined;

  /** `resumed`: it goes on from there; until a slate is there (setSlate) nothing that is overdue is filled. */
  constructor(settings: TimelineSettings, resumed?: Resumed) {
    this.#settings = settings;
    this.#counter = new PeriodCounter(settings.incarnation, resumed?.snapshot);
    this.#patience = new Patience(settings);
    this.#kept = new KeptSegments(settings, resumed?.snapshot);
    if (resumed !== undefined) this.#resume(resumed);
  }

  #resume({ snapshot, bytesOf, atMs }: Resumed): void {
    const { unfinished } = snapshot;
    this.#period = snapshot.period;
    this.#hasBeenLive = snapshot.hasBeenLive;
    this.#isEnded = snapshot.isEnded;
    this.#changedMs = snapshot.changedMs;
    this.#mpdChangedMs = snapshot.mpdChangedMs;
    this.#giveUpMs = atMs + AWAIT_FILLER_MS;
    if (unfinished === undefined) return;
    const isHalf = [...unfinished.tracks.values()].every(({ parts }) => parts.length === 0);
    if (isHalf) this.#half = unfinished;
    else this.#edge = new OpenEdge(unfinished.period, unfinished.number, undefined, { unfinished, bytesOf });
  }

  /** Those whose URLs are still known, oldest first. */
  get periods(): readonly Period[] {
    return this.#kept.periods;
  }

  /** Nothing that is kept would be in a list any more: the service was away for the whole window. */
  isOver(nowMs: number): boolean {
    return this.edgeMs !== undefined && this.edgeMs <= nowMs - this.#settings.windowMs;
  }

  /** Media of a publisher is or was in this presentation. Before that there are no gaps: a player could not start. */
  get hasBeenLive(): boolean {
    return this.#hasBeenLive;
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
    const freeMs = (this.edgeMs ?? nowMs - grid.segmentMs) + (this.#half?.period.grid.segmentMs ?? 0);
    return resumePlace(grid, this.#edge, freeMs);
  }

  /** When tick must be called at the latest. */
  get deadlineMs(): number | undefined {
    if (this.#isEnded) return undefined;
    if (this.#half !== undefined) return this.edgeMs;
    if (this.#edge !== undefined) return this.#edge.deadlineMs(this.#runs.expected, this.#patience.overdueMs);
    const edgeMs = this.edgeMs;
    if (edgeMs === undefined || this.#period === undefined) return undefined;
    const { grid } = this.#period;
    const index = indexAt(grid, edgeMs);
    const mayCome = this.#runs.expected.some((run) => mayBring(run, index, 0, false));
    const firstMs = this.#finisher === undefined ? grid.segmentMs : partStartMs(grid, 0, 1);
    const dueMs = this.#patience.overdueMs(edgeMs + firstMs, mayCome);
    // A gap is an index that has passed. The patience is no longer than for slate: a DASH request for it is held since its first part.
    return this.#leavesGaps ? Math.max(edgeMs + grid.segmentMs + this.#settings.fillDelayMs, dueMs) : dueMs;
  }

  get #leavesGaps(): boolean {
    return this.#settings.whenAbsent === 'gap' && this.#hasBeenLive;
  }

  /** Something came from the publisher at this moment (UTC ms). */
  heard(atMs: number): void {
    this.#patience.heard(atMs);
  }

  /** The filler, where it can finish a Segment that is open. */
  get #finisher(): Filler | undefined {
    return this.#settings.publishesParts && this.#filler !== undefined ? finisherOf(this.#filler) : undefined;
  }

  /**
   * The first Period, on slate, with the past filled so that a playlist is whole at once. After an end, and when all that was is over:
   * another one, whose lists show nothing of what was, and no number of it; that stays fetchable for the window and the retention.
   */
  open(plan: Filler, nowMs: number): TimelineEvent[] {
    if (this.#period !== undefined && !this.#isEnded && !this.isOver(nowMs))
      throw new RangeError('the timeline is open already');
    const over = this.#kept.newest;
    const retired = this.#kept.retire(nowMs);
    this.#reset();
    const { first, last, number } = backfill(plan.grid, over, nowMs, this.#settings);
    const events: TimelineEvent[] = [{ kind: 'opened', retired }, ...this.#begin(plan, number, first, nowMs)];
    for (let index = first; index <= last; index++) events.push(...this.#commitFrom(undefined, plan, nowMs));
    return events;
  }

  /**
   * Forgets everything that is on air, runs excepted; open() follows. Only for what nobody has been shown: its numbers
   * are given again, under another GEN, and from now on under this incarnation.
   */
  restart(incarnation = this.#counter.incarnation): TimelineEvent[] {
    this.#counter.restart(incarnation);
    this.#reset();
    return [...this.#kept.clear(), { kind: 'restarted' }];
  }

  #reset(): void {
    this.#period = undefined;
    this.#filler = undefined;
    this.#edge = undefined;
    this.#half = undefined;
    this.#counter.reset();
    this.#isEnded = false;
    this.#hasBeenLive = false;
    this.#presentation = undefined;
  }

  /** Joins a run; the newest run is asked first. Its Segments count from the next index on. */
  join(run: RunSource): void {
    this.#runs.join(run);
  }

  /** What the run has delivered whole stays usable until committed or overtaken. */
  leave(runId: string): void {
    this.#runs.leave(runId, this.edgeMs ?? 0);
  }

  /** The slate of the current Period became ready. A slate of other Tracks or another Grid is not taken. */
  setSlate(slate: Slate): void {
    if (this.#period === undefined) return;
    this.#filler = fillerOf({ ...this.#period, slate }) ?? this.#filler;
    const finisher = this.#edge === undefined ? undefined : finisherOf({ ...this.#edge.period, slate });
    if (finisher !== undefined) this.#edge?.useFiller(finisher);
  }

  /** Where there is no slate of the current Period at all, another Period begins with this one when something is overdue. */
  fallBackOn(filler: Filler): void {
    this.#filler ??= filler;
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
      this.#runs.forgetLeft(this.edgeMs ?? 0);
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
    if (this.#edge !== undefined) events.push(...this.#publish(this.#edge, Number.POSITIVE_INFINITY, nowMs));
    // Of a former life, and no slate fits: what players have of it they keep.
    if (this.#edge !== undefined || this.#half !== undefined) events.push(this.#abandon(nowMs));
    this.#isEnded = true;
    this.#changed(nowMs);
    this.#mpdChangedMs = nowMs;
    return [...events, { kind: 'ended' }];
  }

  #changed(nowMs: number): void {
    this.#changedMs = nowMs;
    this.#presentation = undefined;
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
    if (this.#edge !== undefined) return this.#stepEdge(this.#edge, nowMs);
    if (this.#half !== undefined) return this.#stepHalf(this.#half, nowMs);
    for (const run of this.#runs.all) {
      const plan = run.plan();
      const step = plan === undefined ? [] : this.#stepFrom(run, plan, this.#period, nowMs);
      if (step.length > 0) return step;
    }
    return this.#stepOverdue(this.#period, nowMs);
  }

  #stepEdge(edge: OpenEdge, nowMs: number): TimelineEvent[] {
    const events = this.#publish(edge, nowMs, nowMs);
    return events.length > 0 || edge.hasFiller || nowMs < (this.deadlineMs ?? 0) ? events : this.#giveUp(nowMs);
  }

  #stepHalf(half: UnfinishedSegment, nowMs: number): TimelineEvent[] {
    const rest = restOf(half, this.#filler);
    if (rest === undefined) return this.#giveUp(nowMs);
    this.#half = undefined;
    return this.#commit(half.period, half.number, rest, nowMs);
  }

  /** Where the slate that is there does not fit what is unfinished, or none came for too long. */
  #giveUp(nowMs: number): TimelineEvent[] {
    return this.#filler !== undefined || nowMs >= this.#giveUpMs ? [this.#abandon(nowMs)] : [];
  }

  #abandon(nowMs: number): TimelineEvent {
    const { period, number } = this.#edge ?? this.#half ?? { period: this.#period, number: this.nextNumber ?? 0 };
    this.#edge = undefined;
    this.#half = undefined;
    this.#counter.abandon();
    this.#changed(nowMs);
    return { kind: 'abandoned', gen: period?.gen ?? '', number };
  }

  /** Nothing has to be declared when this plan goes on after the Period. */
  #continues(period: Period, plan: PeriodPlan): boolean {
    return !this.#counter.isSpent && isSamePeriod(period, plan);
  }

  #stepFrom(run: RunSource, plan: PeriodPlan, period: Period, nowMs: number): TimelineEvent[] {
    const index = indexAt(plan.grid, this.edgeMs ?? 0);
    forgetBelow(run, index);
    const isSame = this.#continues(period, plan);
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
    const isSame = filler !== undefined && this.#continues(period, filler);
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
    const events = edge.publish(this.#runs.all, this.#runs.expected, untilMs, this.#patience.overdueMs);
    const records = edge.whole();
    // All may have been published in a former life.
    if (events.length === 0 && records === undefined) return [];
    this.#changed(nowMs);
    if (records === undefined) return events;
    this.#edge = undefined;
    return this.#commit(edge.period, edge.number, { events, records }, nowMs);
  }

  /** What the newest run of this Period has of an overdue index; the rest becomes slate. */
  #partly(edgeMs: number): ReadonlyMap<string, AssembledSegment> | undefined {
    return this.#runs.partly((plan) => this.#period !== undefined && this.#continues(this.#period, plan), edgeMs);
  }

  #begin(plan: PeriodPlan, startNumber: number, startIndex: number, nowMs: number): TimelineEvent[] {
    // Of a GEN that is spent it is not known what players were given.
    const before = this.#counter.isSpent ? undefined : this.#period;
    const tail = tailOf(before, this.#filler, startNumber, this.#settings.tailMs);
    const start = { number: startNumber, index: startIndex, atMs: nowMs };
    this.#period = this.#counter.next(plan, start, this.#kept.newest?.period === this.#period);
    this.#mpdChangedMs = nowMs;
    this.#filler = fillerOf(plan);
    this.#kept.begin(this.#period);
    return [{ kind: 'period', period: this.#period }, ...tail];
  }

  #commitFrom(
    media: ReadonlyMap<string, AssembledSegment> | undefined,
    plan: PeriodPlan,
    nowMs: number,
  ): TimelineEvent[] {
    const period = this.#period;
    if (period === undefined) return [];
    const number = this.nextNumber ?? period.startNumber;
    return this.#commit(period, number, runMedia(period, number, media, plan), nowMs);
  }

  #commitGap(before: Period, nowMs: number): TimelineEvent[] {
    const number = this.nextNumber ?? before.startNumber;
    const slate = this.#filler?.slate;
    const begun = this.#counter.isSpent
      ? this.#begin({ ...before, slate }, number, indexOf(before, number), nowMs)
      : [];
    const period = this.#period ?? before;
    return [...begun, ...this.#commit(period, number, gapMedia(period, number), nowMs)];
  }

  #commit(period: Period, number: number, { events, records }: NumberMedia, nowMs: number): TimelineEvent[] {
    const endMs = startMsOf(period.grid, indexOf(period, number) + 1);
    const source = sourceOf(period, records);
    const segment = { number, period, tracks: records, source, endMs, committedMs: nowMs };
    this.#kept.push(segment);
    if (segment.source === 'live') this.#hasBeenLive = true;
    this.#changed(nowMs);
    return [...events, { kind: 'committed', segment }];
  }

  /** The kept Segment of this number, also those that are in no list any more. */
  find(number: number): CommittedSegment | undefined {
    return this.#kept.find(number);
  }
}
