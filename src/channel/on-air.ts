/**
 * What a Channel has on air: the timeline, its texts and its media, and the timer by which overdue places become slate.
 * It never knows publishers and encoders but by what they deliver. Invariant: a broken invariant of the timeline or the
 * window makes the window anew under another GEN, and reaches nobody else.
 */
import { LATENCY_TIMING } from '../config/latency-timing.ts';
import type { ChannelSettings } from '../config/model.ts';
import type { Grid } from '../package/grid.ts';
import type { CommittedSegment, Presentation } from '../package/model.ts';
import { isSamePeriod, slatePlan } from '../package/period-plan.ts';
import type { RunSource } from '../package/run-source.ts';
import type { RunOrigin } from '../package/segmenter.ts';
import type { Slate } from '../package/slate.ts';
import type { Timeline } from '../package/timeline.ts';
import type { TimelineEvent } from '../package/timeline-event.ts';
import { messageOf } from '../system/errors.ts';
import { blockingReload, partKey, type ReloadAnswer, wholeKey } from './blocking-reload.ts';
import type { ChannelParts } from './channel.ts';
import { Manifests } from './manifests.ts';
import { MediaIndex, mediaKey, mediaPartKey } from './media-index.ts';
import type { PlanInUse } from './plan-in-use.ts';
import { Publication } from './publication.ts';
import { ReadyKeys } from './ready-keys.ts';
import { resumeTimeline } from './resumed-timeline.ts';
import { manifestSettings } from './timing.ts';
import type { MediaAnswer, MediaName, PlaylistDirectives, TextAnswer, TextName } from './view.ts';

/** A slate takes seconds on a busy machine; edges wait for ten. A player that is told 404 here ends. */
const OPENING_HOLD_MS = 8000;

/** Before the service listens: what passed in a quarter of an hour. The rest comes bit by bit, as a disk takes it. */
const CATCH_UP_CALLS = 8;
const LONG_BEHIND_MS = 10_000;
const CATCH_UP_EVERY_MS = 500;

export interface OnAirListener {
  /** UTC ms of the last thing that came from the publisher who is in. */
  lastHeardMs(): number | undefined;
  /** A publisher is in. */
  isWanted(): boolean;
  /** The plan whose slate a window made anew begins with. */
  plan(): PlanInUse | undefined;
  onCommitted(segment: CommittedSegment): void;
  onFault(code: string, message: string): void;
  /** Under a new GEN as well: its journal or its window is broken, and nothing may be served past them. */
  onBroken(): void;
}

export class OnAir {
  readonly timeline: Timeline;
  readonly #parts: ChannelParts;
  readonly #settings: ChannelSettings;
  readonly #listener: OnAirListener;
  readonly #manifests: Manifests;
  readonly #index: MediaIndex;
  readonly #publication: Publication;
  readonly #ready = new ReadyKeys();
  /** Parts are published before their Segment is whole. */
  readonly #hasParts: boolean;
  /** Of the GENs of this Channel, beside the journal's incarnation. */
  readonly #mark: string;
  /** A manifest or media has been answered, in this life or the one before. */
  #isShown: boolean;
  #isClosed = false;
  #heldFrom = 0;
  #cancelTimer: () => void = () => undefined;

  constructor(parts: ChannelParts, listener: OnAirListener) {
    const { settings, store } = parts;
    this.#parts = parts;
    this.#settings = settings;
    this.#listener = listener;
    const { timeline, mark } = resumeTimeline(parts);
    this.timeline = timeline;
    this.#mark = mark;
    this.#isShown = this.isOpen;
    this.#manifests = new Manifests(manifestSettings(settings));
    this.#hasParts = LATENCY_TIMING[settings.latency].publishesParts;
    this.#index = new MediaIndex(this.timeline, store, this.#hasParts);
    this.#publication = new Publication(parts, {
      onPart: ({ track, gen, number, part }) => this.#notePart(track, gen, number, part.part),
      onSegment: (track, gen, number) => this.#noteSegment(track, gen, number),
      onCommitted: (segment) => this.#committed(segment),
    });
  }

  get isOpen(): boolean {
    return this.timeline.period !== undefined;
  }

  get isShown(): boolean {
    return this.#isShown;
  }

  /**
   * What a former life left goes on. What passed meanwhile is filled with the slate from the shelf, or, where the service was away for the
   * whole window, left behind: then the slate of the plan begins another presentation.
   */
  resume(): void {
    const { clock, log, slates } = this.#parts;
    const { timeline } = this;
    const slate = timeline.period && slates?.fitting(timeline.period, this.#hasParts);
    const nowMs = clock.nowMs();
    const { segments, ended } = timeline.presentation();
    const { number: from } = segments[0] ?? {};
    const [newest, beganUs] = [segments.at(-1), clock.monotonicUs()];
    const isOver = timeline.isOver(nowMs);
    if (slate !== undefined && !isOver) timeline.setSlate(slate);
    for (let call = 0; call < CATCH_UP_CALLS && !ended && !isOver && this.#behindMs(nowMs) >= 0; call++) this.advance();
    const awayMs = Math.round(nowMs - (newest?.endMs ?? nowMs));
    const filled = (timeline.nextNumber ?? 0) - 1 - (newest?.number ?? 0);
    const tookMs = Math.round((clock.monotonicUs() - beganUs) / 1000);
    const found = { segments: segments.length, from, to: newest?.number, awayMs, filled, isOver, ended, tookMs };
    log.info(found, 'window of the former life goes on');
  }

  /** The slate of a plan is there. True when the window was begun with it: the first time, or anew. */
  useSlate(plan: PlanInUse, slate: Slate): boolean {
    const filler = slatePlan(plan.grid, plan.facts, slate);
    // The assumed plan was wrong and nobody has watched yet: nothing has to be declared, the window is made anew.
    const isWrong = this.timeline.presentation().segments.some(({ period }) => !isSamePeriod(period, filler));
    if (this.timeline.isEnded) {
      if (this.#listener.isWanted()) this.reopen({ ...plan, slate });
      return false;
    }
    const isOver = this.timeline.isOver(this.#parts.clock.nowMs());
    if (this.isOpen && !isOver && (this.#isShown || !isWrong)) {
      this.timeline.setSlate(slate);
      this.timeline.fallBackOn(filler);
      this.advance();
      return false;
    }
    if (this.isOpen && !isOver) this.#forgetWindow(this.#parts.clock.nowMs());
    this.#guarded((nowMs) => this.timeline.open(filler, nowMs));
    return true;
  }

  /** The lists become final (RFC 8216bis 4.4.3.4); whoever waits asks again and gets them. */
  end(): void {
    this.#guarded((nowMs) => this.timeline.end(nowMs));
    this.#cancelTimer();
    this.#ready.tell('all');
  }

  /** Another presentation after an end, on slate. False while this plan has no slate yet. */
  reopen(plan: PlanInUse): boolean {
    const { slate } = plan;
    if (slate === undefined) return false;
    this.#guarded((nowMs) => this.timeline.open(slatePlan(plan.grid, plan.facts, slate), nowMs));
    this.advance();
    return true;
  }

  /** Carries out what a step of the timeline says; a broken invariant ends here. */
  #guarded(step: (nowMs: number) => TimelineEvent[], nowMs = this.#parts.clock.nowMs()): void {
    try {
      this.#carryOut(step(nowMs), nowMs);
    } catch (thrown) {
      this.#failed(thrown, nowMs);
    }
  }

  join(run: RunSource): void {
    this.#parts.metrics.runs.inc({ channel: this.#settings.id });
    this.timeline.join(run);
  }

  leave(runId: string): void {
    this.timeline.leave(runId);
  }

  resumeAt(grid: Grid): RunOrigin {
    return this.timeline.resumeAt(grid, this.#parts.clock.nowMs());
  }

  /** Everything that is whole or overdue goes on air; then the timer is set for what is due next. */
  advance(): void {
    if (this.#isClosed) return;
    const { clock } = this.#parts;
    const nowMs = clock.nowMs();
    const heardMs = this.#listener.lastHeardMs();
    if (heardMs !== undefined) this.timeline.heard(heardMs);
    this.#guarded(() => this.timeline.advance(nowMs), nowMs);
    this.#cancelTimer();
    const { deadlineMs } = this.timeline;
    // While a slate is missing the deadline is in the past: its arrival, or whole media, calls again.
    if (deadlineMs === undefined || this.#isClosed) return;
    const waitMs = this.#behindMs(nowMs) > LONG_BEHIND_MS ? CATCH_UP_EVERY_MS : Math.max(20, deadlineMs - nowMs);
    this.#cancelTimer = clock.after(waitMs, () => this.advance());
  }

  /** How long ago something was overdue; negative: nothing is. */
  #behindMs(nowMs: number): number {
    return nowMs - (this.timeline.deadlineMs ?? Number.POSITIVE_INFINITY);
  }

  #failed(thrown: unknown, nowMs: number): void {
    const { onFault, onBroken, plan } = this.#listener;
    onFault('CHANNEL_FAILED', messageOf(thrown));
    this.#forgetWindow(nowMs);
    const current = plan();
    if (current?.slate === undefined) return;
    try {
      this.#carryOut(this.timeline.open(slatePlan(current.grid, current.facts, current.slate), nowMs), nowMs);
    } catch (again) {
      onFault('CHANNEL_FAILED', `${messageOf(again)}; the channel is closed until the service is started again`);
      this.#forgetWindow(nowMs);
      onBroken();
    }
  }

  /** Everything is stored before anybody is told of anything: who asks for a text is promised what it names. */
  #carryOut(events: readonly TimelineEvent[], nowMs: number): void {
    this.#publication.carryOut(events, nowMs);
    this.#forgetLost(nowMs);
    this.#ready.tellNoted();
  }

  /** What the window had to let go before its time is not listed either. */
  #forgetLost(nowMs: number): void {
    const { heldFrom } = this.#parts.store;
    if (heldFrom <= this.#heldFrom) return;
    this.#heldFrom = heldFrom;
    this.#publication.carryOut(this.timeline.forgetBelow(heldFrom, nowMs), nowMs);
  }

  #forgetWindow(nowMs: number): void {
    this.#carryOut(this.timeline.restart(this.#parts.journal.incarnation + this.#mark), nowMs);
    // What is being handed out can't be finished.
    this.#ready.tell('all');
  }

  #committed(segment: CommittedSegment): void {
    this.#listener.onCommitted(segment);
    const { number, period } = segment;
    for (const track of segment.tracks.keys()) {
      this.#ready.note(wholeKey(track, number));
      const parts = this.#hasParts ? period.grid.partsPerSegment : 0;
      for (let part = 0; part < parts; part++) this.#ready.note(partKey(track, number, part));
    }
  }

  /** A Segment that was stored whole has its parts from now on, too: also the slate that goes on under the GEN before. */
  #noteSegment(track: string, gen: string, number: number): void {
    this.#ready.note(mediaKey(track, gen, number));
    if (!this.#hasParts) return;
    const count = this.timeline.period?.grid.partsPerSegment ?? 0;
    for (let part = 0; part < count; part++) this.#ready.note(mediaPartKey(track, gen, number, part));
  }

  #notePart(track: string, gen: string, number: number, part: number): void {
    this.#ready.note(mediaPartKey(track, gen, number, part));
    this.#ready.note(partKey(track, number, part));
  }

  text(name: TextName, directives?: PlaylistDirectives): TextAnswer {
    if (!this.isOpen) return { kind: 'pending', key: 'text', holdMs: OPENING_HOLD_MS, late: 'expired' };
    const presentation = this.timeline.presentation();
    const isDirected = directives !== undefined && name.kind === 'hls-media';
    // Decided first: who is held needs no text yet, and it would be another one with each part of each Track.
    const reload = isDirected ? this.#reload(presentation, name.track, directives) : undefined;
    if (reload?.kind === 'wait') return { kind: 'pending', key: reload.key, holdMs: reload.holdMs, late: 'expired' };
    if (reload?.kind === 'refused') return reload;
    const revision = this.#manifests.text(name, presentation, { isDelta: isDirected && directives.skip !== undefined });
    if (revision === undefined)
      return { kind: 'track' in name && this.#index.wasOnAir(name.track) ? 'gone' : 'unknown' };
    this.#isShown = true;
    return { kind: 'ready', revision, of: reload?.of ?? 'current' };
  }

  /** Undefined for a Track that the playlists do not show. */
  #reload(presentation: Presentation, track: string, { msn, part }: PlaylistDirectives): ReloadAnswer | undefined {
    if (presentation.segments.at(-1)?.period.tracks.some(({ id }) => id === track) !== true) return undefined;
    this.#isShown = true;
    // Where no parts are listed whole Segments are waited for, whatever part of them is named.
    return blockingReload(presentation, track, { msn, part: this.#hasParts ? part : undefined });
  }

  media(name: MediaName): MediaAnswer {
    const answer = this.#index.answer(name);
    if (answer.kind === 'ready' || answer.kind === 'growing') this.#isShown = true;
    return answer;
  }

  get segmentMs(): number {
    return this.timeline.period?.grid.segmentMs ?? this.#settings.ladder.segmentSeconds * 1000;
  }

  listen(listener: (key: string) => void): () => void {
    return this.#ready.listen(listener);
  }

  /** The texts are there for whoever waits for the first one. */
  tellTexts(): void {
    this.#ready.tell('text');
  }

  /** Nothing comes any more; who waits is told. */
  close(): void {
    this.#isClosed = true;
    this.#cancelTimer();
    this.#ready.tell('closed');
  }
}
