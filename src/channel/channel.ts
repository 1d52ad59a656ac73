/**
 * The conductor of one Channel: takes what happens (a feed, media, time passing), asks the timeline, does what it says.
 * It never decides numbers or texts and never awaits inside a transition. Invariant: nothing that happens here
 * reaches another Channel, and a Segment is journalled as begun before it can be served.
 */
import type { CmafReceiver } from '../cmaf/receiver.ts';
import type { ChannelSettings, Ladder } from '../config/model.ts';
import type { Feed, FeedEnd, SourceDescription } from '../ingest/model.ts';
import type { CommittedSegment } from '../package/model.ts';
import type { Slate } from '../package/slate.ts';
import { isSamePeriod, type PeriodPlan, slatePlan, Timeline } from '../package/timeline.ts';
import type { Clock } from '../system/clock.ts';
import { messageOf } from '../system/errors.ts';
import type { Logger } from '../system/log.ts';
import type { Metrics } from '../system/metrics.ts';
import type { PlanSource } from '../transcode/model.ts';
import type { Journal, WindowStore } from '../window/model.ts';
import { type ChannelEvent, type ChannelState, nextChannelState } from './channel-state.ts';
import { EndingWorkers } from './ending-workers.ts';
import { FaultLog } from './fault-log.ts';
import { judgeAgainst, tellAdvice } from './feed-advice.ts';
import { Manifests } from './manifests.ts';
import { MediaIndex, mediaKey } from './media-index.ts';
import { announcePlan, choosePlan, conform, type PlanInUse } from './plan-in-use.ts';
import { Publication } from './publication.ts';
import { SlateKeeper } from './slate-keeper.ts';
import { type SourceCopy, sourceCopyOf } from './source-copy.ts';
import { describeChannel } from './status.ts';
import { manifestSettings, timelineSettings } from './timing.ts';
import type { ChannelStatus, ChannelView, MediaAnswer, MediaName, TextAnswer, TextName } from './view.ts';
import { Worker, type WorkerFault } from './worker.ts';

export interface ChannelParts {
  readonly settings: ChannelSettings;
  readonly receiver: CmafReceiver;
  readonly ffmpegPath: string;
  readonly store: WindowStore;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** A publish without a picture for so long will not have one. */
const AWAIT_VIDEO_MS = 10_000;
export class Channel implements ChannelView {
  readonly id: string;
  readonly #parts: ChannelParts;
  readonly #timeline: Timeline;
  readonly #manifests: Manifests;
  readonly #index: MediaIndex;
  readonly #slates: SlateKeeper;
  readonly #publication: Publication;
  readonly #faults = new FaultLog();
  readonly #ready = new Set<(key: string) => void>();
  #state: ChannelState = 'opening';
  #ladder: Ladder;
  #plan: PlanInUse | undefined;
  /** Set by the first publish: Grid and Tracks are kept from then on. */
  #isPlanFixed = false;
  /** A manifest or media of this Channel has been answered. */
  #isShown = false;
  #feed: Feed | undefined;
  #worker: Worker | undefined;
  #copy: SourceCopy | undefined;
  readonly #ending = new EndingWorkers();
  /** When the last publish ended; infinite while one is encoded. */
  #lastFeedMs = 0;
  #runCount = 0;
  #cancelTimer: () => void = () => undefined;
  #cancelGrace: () => void = () => undefined;

  constructor(parts: ChannelParts) {
    const { settings } = parts;
    this.id = settings.id;
    this.#parts = { ...parts, log: parts.log.child({ channel: settings.id }) };
    this.#ladder = settings.ladder;
    this.#timeline = new Timeline(timelineSettings(settings, parts.journal.incarnation));
    this.#manifests = new Manifests(manifestSettings(settings));
    this.#index = new MediaIndex(this.#timeline, parts.store);
    this.#publication = new Publication(this.#parts, {
      onPeriod: (period) => this.#index.remember(period),
      onCommitted: (segment) => this.#committed(segment),
    });
    this.#slates = new SlateKeeper({
      parts,
      channel: settings.id,
      onSlate: (plan, slate) => this.#slateReady(plan, slate),
      onFailed: (message) => this.#fault('SLATE_FAILED', message),
    });
  }

  /** Encodes the slate of the assumed plan and goes on air with it. */
  open(): void {
    const choice = choosePlan(this.#ladder, undefined);
    if (choice.kind === 'bad') {
      this.#fault('LADDER_INVALID', choice.reason);
      return;
    }
    this.#plan = choice.plan;
    this.#slates.want(choice.plan, false);
  }

  /** True while a publisher is in: another one is refused (takeover: refuse). */
  get isPublishing(): boolean {
    return this.#feed !== undefined;
  }

  /** A publish that the gate has let in. */
  publish(feed: Feed): void {
    this.#feed = feed;
    this.#parts.log.info({ publish: feed.identity.id, address: feed.identity.address }, 'publisher in');
    this.#parts.metrics.publishes.inc({ channel: this.id });
    tellAdvice(feed, this.#parts);
    feed.listen({
      onSource: (source) => this.#begin(feed, source),
      onSourceChanged: (source) => this.#begin(feed, source),
      // A copy begins again by itself, on the next keyframe.
      onJump: () => (this.#copy === undefined ? this.#worker?.kill('the stamps jumped') : this.#endWorker()),
      onEnd: (how) => this.#publishEnded(feed, how),
    });
  }

  /** A checked ladder from a changed file: used from the next publish on. */
  setLadder(ladder: Ladder): void {
    if (ladder.segmentSeconds !== this.#parts.settings.ladder.segmentSeconds) {
      // RFC 8216bis 4.4.3.1: the value of EXT-X-TARGETDURATION must not change.
      this.#fault(
        'LADDER_INVALID',
        `ladder ${ladder.name} has segments of ${ladder.segmentSeconds} s, the channel runs with ${this.#parts.settings.ladder.segmentSeconds} s; ` +
          'the ladder in force stays. Restart the service to change the segment duration.',
      );
      return;
    }
    this.#ladder = ladder;
    this.#isPlanFixed = false;
    this.#parts.log.info({ ladder: ladder.name }, 'ladder read again; it applies at the next publish');
  }

  async close(): Promise<void> {
    this.#to('close');
    this.#cancelTimer();
    this.#slates.close();
    this.#feed?.close('the service stops');
    this.#wake('closed');
    this.#publishOver();
    await this.#ending.close(this.#parts.clock);
  }

  #endWorker(): void {
    this.#ending.end(this.#worker);
    this.#worker = undefined;
  }

  #begin(feed: Feed, source: SourceDescription): void {
    if (this.#feed !== feed || this.#state === 'closed') return;
    this.#cancelGrace();
    if (this.#isPlanFixed && this.#worker?.adopt(feed)) {
      this.#lastFeedMs = Number.POSITIVE_INFINITY;
      judgeAgainst(this.#plan?.plan, feed);
      this.#parts.log.info({ publish: feed.identity.id }, 'publisher is back; its worker goes on');
      return;
    }
    if (source.video === undefined) {
      this.#awaitVideo(feed);
      return;
    }
    const plan = this.#planFor(source.video);
    if (plan === undefined) {
      feed.close('no plan for this source');
      return;
    }
    this.#plan = plan;
    judgeAgainst(plan.plan, feed);
    this.#lastFeedMs = Number.POSITIVE_INFINITY;
    this.#to('publish-in');
    announcePlan(plan, source, this.#parts.log);
    if (plan.slate === undefined) this.#slates.want(plan, this.#timeline.period !== undefined);
    this.#endWorker();
    this.#copy?.close();
    this.#copy = sourceCopyOf({
      plan,
      feed,
      clock: this.#parts.clock,
      onBase: () => this.#startWorker(feed, source, plan),
      onFault: (message) => this.#fault('PUBLISH_COPY', message),
    });
    if (this.#copy === undefined) this.#startWorker(feed, source, plan);
    else this.#copy.begin();
  }

  #startWorker(feed: Feed, source: SourceDescription, plan: PlanInUse): void {
    this.#endWorker();
    this.#worker = new Worker({
      parts: this.#parts,
      feed,
      source,
      plan,
      copy: this.#copy,
      nextRunId: () => `${this.id}-${feed.identity.id}-${++this.#runCount}`,
      edgeMs: () => this.#timeline.edgeMs,
      waitsForSlate: () => !this.#isShown && this.#slates.isBusy,
      onRun: (run) => this.#timeline.join(run),
      onRunEnd: (runId) => this.#timeline.leave(runId),
      onMedia: () => this.#advance(),
      onFault: (fault) => this.#workerFault(fault),
    });
    this.#worker.start();
  }

  /** Sound may come seconds before the picture: a camera that is still starting. */
  #awaitVideo(feed: Feed): void {
    const { clock } = this.#parts;
    clock.after(Math.max(0, feed.identity.startedMs + AWAIT_VIDEO_MS - clock.nowMs()), () => {
      if (this.#feed !== feed || this.#state === 'closed' || feed.source?.video !== undefined) return;
      this.#fault('PUBLISH_CODEC', 'the feed has no video; set a video encoder (H.264) in the publisher');
      feed.close('no video');
    });
  }

  #planFor(source: PlanSource): PlanInUse | undefined {
    const idleMs = this.#parts.clock.nowMs() - this.#lastFeedMs;
    // A publish under way keeps its plan, also when its feed changes or the ladder was read again.
    const keepsPlan = idleMs < 0 || (this.#isPlanFixed && idleMs < this.#parts.settings.windowMs);
    if (keepsPlan && this.#plan !== undefined) return conform(this.#plan, source);
    const choice = choosePlan(this.#ladder, source);
    if (choice.kind === 'bad') {
      this.#fault('LADDER_INVALID', choice.reason);
      return undefined;
    }
    this.#isPlanFixed = true;
    const slate = this.#plan?.key === choice.plan.key ? this.#plan.slate : undefined;
    return { ...choice.plan, slate };
  }

  /** For the grace the worker waits for its publisher: who comes back unchanged goes on where it was. */
  #publishEnded(feed: Feed, how: FeedEnd): void {
    if (this.#feed !== feed) return;
    const { log, clock, settings } = this.#parts;
    log.info({ publish: feed.identity.id, how }, 'publisher gone');
    this.#feed = undefined;
    this.#lastFeedMs = clock.nowMs();
    if (this.#worker === undefined || settings.reconnectGraceMs === 0 || how === 'closed') {
      this.#publishOver();
      return;
    }
    // Whoever came back and left again before its media begins a new grace.
    this.#cancelGrace();
    this.#cancelGrace = clock.after(settings.reconnectGraceMs, () => this.#publishOver());
  }

  #publishOver(): void {
    this.#cancelGrace();
    this.#endWorker();
    this.#to('publish-out');
  }

  #slateReady(plan: PlanInUse, slate: Slate): void {
    if (this.#state === 'closed') return;
    plan.slate = slate;
    if (this.#plan?.key === plan.key) this.#plan.slate = slate;
    const nowMs = this.#parts.clock.nowMs();
    const filler = slatePlan(plan.grid, plan.facts, slate);
    if (this.#timeline.period !== undefined && !this.#mayBeginAnew(filler)) {
      this.#timeline.setSlate(slate);
      this.#advance();
      return;
    }
    if (this.#timeline.period !== undefined) this.#forgetWindow(nowMs);
    try {
      this.#publication.carryOut(this.#timeline.open(filler, nowMs), nowMs);
    } catch (thrown) {
      this.#failed(thrown, nowMs);
    }
    this.#to('slate-ready');
    if (this.#feed !== undefined) this.#to('publish-in');
    this.#wake('text');
    this.#advance();
  }

  /** The assumed plan was wrong and nobody has watched yet: nothing has to be declared, the window is made anew. */
  #mayBeginAnew(filler: PeriodPlan): boolean {
    return !this.#isShown && this.#timeline.presentation().segments.some(({ period }) => !isSamePeriod(period, filler));
  }

  /** Everything that is whole or overdue goes on air; then the timer is set for the next index. */
  #advance(): void {
    if (this.#state === 'closed') return;
    const nowMs = this.#parts.clock.nowMs();
    try {
      this.#publication.carryOut(this.#timeline.advance(nowMs), nowMs);
    } catch (thrown) {
      this.#failed(thrown, nowMs);
    }
    this.#cancelTimer();
    const { deadlineMs } = this.#timeline;
    // While a slate is missing the deadline is in the past: its arrival, or a whole Segment, calls again.
    if (deadlineMs !== undefined)
      this.#cancelTimer = this.#parts.clock.after(Math.max(20, deadlineMs - nowMs), () => this.#advance());
  }

  /** A broken invariant fails this Channel alone: its window is made anew under another GEN, its feed and worker go on. */
  #failed(thrown: unknown, nowMs: number): void {
    this.#fault('CHANNEL_FAILED', messageOf(thrown));
    this.#forgetWindow(nowMs);
    const plan = this.#plan;
    if (plan?.slate === undefined) return;
    try {
      this.#publication.carryOut(this.#timeline.open(slatePlan(plan.grid, plan.facts, plan.slate), nowMs), nowMs);
    } catch (again) {
      // Under a new GEN as well: its journal or its window is broken, and nothing may be served past them.
      this.#fault('CHANNEL_FAILED', `${messageOf(again)}; the channel is closed until the service is started again`);
      this.#forgetWindow(nowMs);
      void this.close();
    }
  }

  #forgetWindow(nowMs: number): void {
    this.#publication.carryOut(this.#timeline.restart(), nowMs);
    this.#index.forgetAll();
  }

  #committed(segment: CommittedSegment): void {
    this.#to(segment.source === 'live' ? 'live-segment' : 'slate-segment');
    for (const track of segment.tracks.keys()) this.#wake(mediaKey(track, segment.period.gen, segment.number));
  }

  #to(event: ChannelEvent): void {
    const next = nextChannelState(this.#state, event);
    if (next === this.#state) return;
    this.#parts.log.info({ from: this.#state, to: next, event }, 'channel state');
    this.#state = next;
  }

  #wake(key: string): void {
    for (const listener of this.#ready) listener(key);
  }

  #fault(code: string, message: string): void {
    this.#faults.add({ atMs: this.#parts.clock.nowMs(), code, message });
    this.#parts.log.error({ code }, message);
  }

  #workerFault({ level, code, message, hint, lines }: WorkerFault): void {
    this.#faults.add({ atMs: this.#parts.clock.nowMs(), code, message });
    this.#parts.log[level]({ code, hint, lines }, message);
  }

  text(name: TextName): TextAnswer {
    if (this.#timeline.period === undefined)
      return { kind: 'pending', key: 'text', holdMs: this.holdMs, late: 'not-yet' };
    const revision = this.#manifests.text(name, this.#timeline.presentation());
    if (revision !== undefined) {
      this.#isShown = true;
      return { kind: 'ready', revision, of: 'current' };
    }
    return { kind: 'track' in name && this.#index.wasWithdrawn(name.track) ? 'gone' : 'unknown' };
  }

  media(name: MediaName): MediaAnswer {
    const answer = this.#index.answer(name);
    if (answer.kind === 'ready') this.#isShown = true;
    return answer;
  }

  onReady(listener: (key: string) => void): () => void {
    this.#ready.add(listener);
    return () => this.#ready.delete(listener);
  }

  get segmentMs(): number {
    return this.#timeline.period?.grid.segmentMs ?? this.#ladder.segmentSeconds * 1000;
  }

  /** Up to one Segment (src/README.md: Publishing). */
  get holdMs(): number {
    return this.segmentMs;
  }

  status(): ChannelStatus {
    return describeChannel({
      id: this.id,
      state: this.#state,
      timeline: this.#timeline,
      store: this.#parts.store,
      plan: this.#plan,
      feed: this.#feed,
      worker: this.#worker,
      faults: this.#faults.list(),
      nowMs: this.#parts.clock.nowMs(),
    });
  }
}
