/**
 * What a Channel has on air: the timeline, its texts and its media, and the timer by which overdue places become slate.
 * It never knows publishers and encoders but by what they deliver. Invariant: a broken invariant of the timeline or the
 * window makes the window anew under another GEN, and reaches nobody else.
 */
import type { ChannelSettings } from '../config/model.ts';
import type { Grid } from '../package/grid.ts';
import type { CommittedSegment } from '../package/model.ts';
import { isSamePeriod, slatePlan } from '../package/period-plan.ts';
import type { RunSource } from '../package/run-source.ts';
import type { RunOrigin } from '../package/segmenter.ts';
import type { Slate } from '../package/slate.ts';
import { Timeline } from '../package/timeline.ts';
import type { TimelineEvent } from '../package/timeline-event.ts';
import { messageOf } from '../system/errors.ts';
import { blockingReload, partKey, wholeKey } from './blocking-reload.ts';
import type { ChannelParts } from './channel.ts';
import { Manifests } from './manifests.ts';
import { MediaIndex, mediaKey, mediaPartKey } from './media-index.ts';
import type { PlanInUse } from './plan-in-use.ts';
import { Publication } from './publication.ts';
import { ReadyKeys } from './ready-keys.ts';
import { LATENCY_TIMING, manifestSettings, timelineSettings } from './timing.ts';
import type { MediaAnswer, MediaName, PlaylistDirectives, TextAnswer, TextName } from './view.ts';

/** A slate takes seconds on a busy machine; edges wait for ten. A player that is told 404 here ends. */
const OPENING_HOLD_MS = 8000;

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
  /** A manifest or media has been answered. */
  #isShown = false;
  #isClosed = false;
  #heldFrom = 0;
  #cancelTimer: () => void = () => undefined;

  constructor(parts: ChannelParts, listener: OnAirListener) {
    const { settings, store, journal } = parts;
    this.#parts = parts;
    this.#settings = settings;
    this.#listener = listener;
    this.timeline = new Timeline(timelineSettings(settings, journal.incarnation));
    this.#manifests = new Manifests(manifestSettings(settings));
    this.#hasParts = LATENCY_TIMING[settings.latency].publishesParts;
    this.#index = new MediaIndex(this.timeline, store, this.#hasParts);
    this.#publication = new Publication(parts, {
      onPeriod: (period) => this.#index.remember(period),
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

  /** The slate of a plan is there. True when the window was begun with it: the first time, or anew. */
  useSlate(plan: PlanInUse, slate: Slate): boolean {
    const nowMs = this.#parts.clock.nowMs();
    const filler = slatePlan(plan.grid, plan.facts, slate);
    // The assumed plan was wrong and nobody has watched yet: nothing has to be declared, the window is made anew.
    const isWrong = this.timeline.presentation().segments.some(({ period }) => !isSamePeriod(period, filler));
    if (this.timeline.isEnded) {
      if (this.#listener.isWanted()) this.reopen({ ...plan, slate });
      return false;
    }
    if (this.isOpen && (this.#isShown || !isWrong)) {
      this.timeline.setSlate(slate);
      this.advance();
      return false;
    }
    if (this.isOpen) this.#forgetWindow(nowMs);
    this.#guarded(() => this.timeline.open(filler, nowMs));
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
  #guarded(step: (nowMs: number) => TimelineEvent[]): void {
    const nowMs = this.#parts.clock.nowMs();
    try {
      this.#carryOut(step(nowMs), nowMs);
    } catch (thrown) {
      this.#failed(thrown, nowMs);
    }
  }

  join(run: RunSource): void {
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
    this.#guarded(() => this.timeline.advance(nowMs));
    this.#cancelTimer();
    const { deadlineMs } = this.timeline;
    // While a slate is missing the deadline is in the past: its arrival, or whole media, calls again.
    if (deadlineMs !== undefined && !this.#isClosed)
      this.#cancelTimer = clock.after(Math.max(20, deadlineMs - nowMs), () => this.advance());
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
    this.#carryOut(this.timeline.restart(this.#parts.journal.incarnation), nowMs);
    this.#index.forgetAll();
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
    const revision = this.#manifests.text(name, presentation, { isDelta: isDirected && directives.skip !== undefined });
    if (revision === undefined)
      return { kind: 'track' in name && this.#index.wasWithdrawn(name.track) ? 'gone' : 'unknown' };
    this.#isShown = true;
    if (!isDirected) return { kind: 'ready', revision, of: 'current' };
    // Where no parts are listed whole Segments are waited for, whatever part of them is named.
    const { msn, part } = directives;
    const answer = blockingReload(presentation, name.track, { msn, part: this.#hasParts ? part : undefined });
    switch (answer.kind) {
      case 'answer':
        return { kind: 'ready', revision, of: answer.of };
      case 'wait':
        return { kind: 'pending', key: answer.key, holdMs: answer.holdMs, late: 'expired' };
      case 'refused':
        return answer;
    }
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
