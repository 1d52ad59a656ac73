/**
 * The conductor of one Channel: takes what happens (a feed, media, time passing), asks the timeline, does what it says.
 * It never decides numbers or texts and never awaits inside a transition. Invariant: nothing that happens here
 * reaches another Channel, and a Segment is journalled as begun before it can be served.
 */
import type { CmafReceiver } from '../cmaf/receiver.ts';
import type { ChannelSettings, Ladder } from '../config/model.ts';
import type { Feed, FeedEnd, SourceDescription } from '../ingest/model.ts';
import type { Slate } from '../package/slate.ts';
import type { Clock } from '../system/clock.ts';
import type { Logger } from '../system/log.ts';
import type { Metrics } from '../system/metrics.ts';
import type { PlanSource } from '../transcode/model.ts';
import type { DiskHealth, Journal, WindowStore } from '../window/model.ts';
import type { OpenWindow } from '../window/open-window.ts';
import { type ChannelEvent, type ChannelState, nextChannelState } from './channel-state.ts';
import { Encoding } from './encoding.ts';
import { FaultLog } from './fault-log.ts';
import { judgeAgainst, tellAdvice } from './feed-advice.ts';
import { type ChannelEntry, type FormerLife, planEntry } from './former-life.ts';
import { OnAir } from './on-air.ts';
import { announcePlan, choosePlan, conform, type PlanInUse } from './plan-in-use.ts';
import { PushedGroup } from './pushed-group.ts';
import { SlateKeeper } from './slate-keeper.ts';
import type { SlateShelf } from './slate-shelf.ts';
import { type SourceCopy, sourceCopyOf } from './source-copy.ts';
import { showState } from './state-figures.ts';
import { describeChannel } from './status.ts';
import type {
  ChannelStatus,
  ChannelView,
  MediaAnswer,
  MediaName,
  PlaylistDirectives,
  TextAnswer,
  TextName,
} from './view.ts';
import type { WorkerFault } from './worker.ts';

export interface ChannelParts {
  readonly settings: ChannelSettings;
  readonly receiver: CmafReceiver;
  readonly ffmpegPath: string;
  readonly store: WindowStore;
  readonly journal: Journal<ChannelEntry>;
  /** What the journal says of the life before. */
  readonly former: FormerLife & Pick<OpenWindow<ChannelEntry>, 'isContinued' | 'numbersFrom'>;
  /** Slates that were encoded before; undefined where nothing is kept. */
  readonly slates: SlateShelf | undefined;
  readonly health: DiskHealth;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** A publish without a picture for so long will not have one. */
const AWAIT_VIDEO_MS = 10_000;
/** Above every fill delay (timing.ts). */
const GAP_HOLD_MS = 2000;

export class Channel implements ChannelView {
  readonly id: string;
  readonly #parts: ChannelParts;
  readonly #onAir: OnAir;
  readonly #slates: SlateKeeper;
  readonly #faults: FaultLog;
  /** Where external encoders push to; undefined for a Channel that is fed over RTMP. */
  readonly pushPoint: PushedGroup | undefined;
  #state: ChannelState = 'opening';
  #ladder: Ladder;
  #plan: PlanInUse | undefined;
  /** Set by the first publish: Grid and Tracks are kept from then on. */
  #isPlanFixed = false;
  #isResumed = false;
  #feed: Feed | undefined;
  readonly #encoding: Encoding;
  #copy: SourceCopy | undefined;
  /** When the last publish ended; infinite while one is encoded. */
  #lastFeedMs = 0;
  #cancelGrace: () => void = () => undefined;
  #cancelAbsence: () => void = () => undefined;

  constructor(parts: ChannelParts) {
    const { settings } = parts;
    this.id = settings.id;
    this.#parts = { ...parts, log: parts.log.child({ channel: settings.id }) };
    this.#ladder = settings.ladder;
    this.#faults = new FaultLog((code) => parts.metrics.faults.inc({ channel: settings.id, code }));
    showState(parts.metrics, settings.id, this.#state);
    this.#onAir = new OnAir(this.#parts, {
      isWanted: () => this.#feed !== undefined || this.pushPoint?.isIn === true,
      lastHeardMs: () => this.#lastHeardMs(),
      plan: () => this.#plan,
      onCommitted: ({ source, number }) => this.#to(`${source}-segment`, `number ${number} is ${source}`),
      onFault: (code, message) => this.#fault(code, message),
      onBroken: () => void this.close('its window failed again when it was made anew'),
    });
    this.#slates = new SlateKeeper({
      parts,
      channel: settings.id,
      picturePath: settings.slatePath,
      onSlate: (plan, slate) => this.#slateReady(plan, slate),
      onFailed: (message) => this.#fault('SLATE_FAILED', message),
      onPictureFailed: (message) =>
        this.#fault(
          'SLATE_PICTURE',
          message,
          'The built-in slate is shown: put a PNG there and start the service again.',
        ),
    });
    this.pushPoint = settings.source === 'cmaf' ? this.#openPushPoint() : undefined;
    this.#encoding = new Encoding({
      parts: this.#parts,
      onAir: this.#onAir,
      waitsForSlate: () => !this.#onAir.isShown && this.#slates.isBusy,
      onFault: (fault) => this.#workerFault(fault),
    });
  }

  #openPushPoint(): PushedGroup {
    return new PushedGroup({
      ...this.#parts,
      ladder: () => this.#ladder,
      edgeMs: () => this.#onAir.timeline.edgeMs,
      waitsForSlate: () => !this.#onAir.isShown && this.#slates.isBusy,
      onPlan: (plan) => this.#pushBegun(plan),
      onRun: (run) => this.#onAir.join(run),
      onRunEnd: (runId) => this.#onAir.leave(runId),
      onMedia: () => this.#onAir.advance(),
      onGone: () => this.#publishOver('the pushed Tracks have ended'),
      onFault: (code, message) => this.#fault(code, message),
    });
  }

  #pushBegun(plan: PlanInUse): void {
    this.#plan = plan;
    this.#cancelAbsence();
    if (this.#onAir.timeline.isEnded) this.#onAir.reopen(plan);
    this.#to('publish-in', 'Tracks are pushed');
    if (plan.slate === undefined) this.#slates.want(plan, this.#onAir.isOpen);
  }

  /** Goes on with what a former life left, or encodes the slate of the assumed plan and goes on air with it. */
  open(): void {
    const { former, settings } = this.#parts;
    this.resume();
    const choice = choosePlan(this.#ladder, former.plan?.source, settings.latency);
    if (choice.kind === 'bad') {
      this.#fault('LADDER_INVALID', choice.reason);
      return;
    }
    this.#plan = choice.plan;
    // The ladder is the same: Grid and Tracks are kept for as long as the window lives.
    this.#isPlanFixed = former.plan !== undefined && former.plan.key === choice.plan.key;
    if (this.#isPlanFixed) this.#lastFeedMs = this.#onAir.timeline.edgeMs ?? 0;
    this.#slates.want(choice.plan, this.#onAir.isOpen);
  }

  /** Once, before anybody can ask: a player that asks for what passed meanwhile gets it. */
  resume(): void {
    const { timeline } = this.#onAir;
    if (timeline.period === undefined || this.#isResumed) return;
    this.#isResumed = true;
    this.#onAir.resume();
    if (timeline.isOver(this.#parts.clock.nowMs()) && !timeline.isEnded) return;
    this.#to('slate-ready', 'the window of the former life goes on');
    if (timeline.isEnded) this.#to('absent-too-long', 'the presentation had ended');
    else if (timeline.hasBeenLive) this.#awaitPublisher();
    this.#onAir.tellTexts();
  }

  /** False while a publisher is in, who must not be replaced. */
  get takesPublish(): boolean {
    return this.#feed === undefined || this.#parts.settings.takeover === 'replace';
  }

  /** A publish that the gate has let in. */
  publish(feed: Feed): void {
    this.#cancelAbsence();
    const replaced = this.#feed;
    this.#feed = feed;
    // Its end may be told after this; it is no longer ours then.
    replaced?.close('another publisher with the key took over');
    this.#parts.log.info({ publish: feed.identity.id, address: feed.identity.address }, 'publisher in');
    this.#parts.metrics.publishes.inc({ channel: this.id });
    tellAdvice(feed, this.#parts);
    feed.listen({
      onSource: (source) => this.#begin(feed, source),
      onSourceChanged: (source) => this.#begin(feed, source),
      // A copy begins again by itself, on the next keyframe.
      onJump: () => (this.#copy === undefined ? this.#encoding.restart('the stamps jumped') : this.#encoding.end()),
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

  async close(why = 'the service stops'): Promise<void> {
    this.#to('close', why);
    this.#slates.close();
    this.#feed?.close(why);
    this.#onAir.close();
    this.pushPoint?.close();
    this.#publishOver(why);
    await this.#encoding.close();
  }

  #begin(feed: Feed, source: SourceDescription): void {
    if (this.#feed !== feed || this.#state === 'closed') return;
    this.#cancelGrace();
    if (this.#isPlanFixed && this.#encoding.adopt(feed)) {
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
    if (this.#onAir.timeline.isEnded) this.#onAir.reopen(plan);
    this.#to('publish-in', `publish ${feed.identity.id} has a picture`);
    announcePlan(plan, source, this.#parts.log);
    if (plan.slate === undefined) this.#slates.want(plan, this.#onAir.isOpen);
    this.#encoding.end();
    this.#copy?.close();
    this.#copy = sourceCopyOf({
      plan,
      feed,
      clock: this.#parts.clock,
      onBase: () => this.#encoding.begin({ feed, source, plan, copy: this.#copy }),
      onFault: (message) => this.#fault('PUBLISH_COPY', message),
    });
    if (this.#copy === undefined) this.#encoding.begin({ feed, source, plan, copy: undefined });
    else this.#copy.begin();
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
    const choice = choosePlan(this.#ladder, source, this.#parts.settings.latency);
    if (choice.kind === 'bad') {
      this.#fault('LADDER_INVALID', choice.reason);
      return undefined;
    }
    this.#isPlanFixed = true;
    this.#parts.journal.note(planEntry(choice.plan.key, source));
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
    if (!this.#encoding.isRunning || settings.reconnectGraceMs === 0 || how === 'closed') {
      this.#publishOver(`publisher gone: ${how}`);
      return;
    }
    // Whoever came back and left again before its media begins a new grace.
    this.#cancelGrace();
    const { reconnectGraceMs: graceMs } = settings;
    this.#cancelGrace = clock.after(graceMs, () =>
      this.#publishOver(`publisher gone: ${how}; nobody was back within ${graceMs} ms`),
    );
  }

  #publishOver(why: string): void {
    this.#cancelGrace();
    this.#encoding.end();
    this.#to('publish-out', why);
    if (this.#state !== 'closed') this.#awaitPublisher();
  }

  /** For absentTimeout. */
  #awaitPublisher(): void {
    const { clock, settings } = this.#parts;
    const { absentTimeoutMs: timeoutMs } = settings;
    if (timeoutMs === undefined) return;
    this.#cancelAbsence();
    this.#cancelAbsence = clock.after(timeoutMs, () => {
      this.#to('absent-too-long', `nobody published for ${timeoutMs} ms`);
      if (this.#state === 'ended') this.#onAir.end();
    });
  }

  #slateReady(plan: PlanInUse, slate: Slate): void {
    if (this.#state === 'closed') return;
    plan.slate = slate;
    if (this.#plan?.key === plan.key) this.#plan.slate = slate;
    if (!this.#onAir.useSlate(plan, slate)) return;
    this.#to('slate-ready', 'the slate is encoded');
    if (this.#feed !== undefined || this.pushPoint?.isIn === true) this.#to('publish-in', 'somebody is in already');
    this.#onAir.tellTexts();
    this.#onAir.advance();
  }

  #lastHeardMs(): number | undefined {
    const us = this.#feed?.statistics().heardUs;
    return us === undefined ? undefined : this.#parts.clock.utcMsOf(us);
  }

  #to(event: ChannelEvent, why: string): void {
    const next = nextChannelState(this.#state, event);
    if (next === this.#state) return;
    // A Channel that never opened has nothing to tell: a start that fails says why in one line.
    const level = this.#state === 'opening' && next === 'closed' ? 'debug' : 'info';
    this.#parts.log[level]({ from: this.#state, to: next, event, why }, 'channel state');
    this.#state = next;
    showState(this.#parts.metrics, this.id, next);
  }

  #fault(code: string, message: string, hint?: string): void {
    this.#faults.add({ atMs: this.#parts.clock.nowMs(), code, message, ...(hint === undefined ? {} : { hint }) });
    this.#parts.log.error({ code, hint }, message);
  }

  #workerFault({ level, code, message, hint, lines }: WorkerFault): void {
    this.#faults.add({ atMs: this.#parts.clock.nowMs(), code, message, hint });
    this.#parts.log[level]({ code, hint, lines }, message);
  }

  text(name: TextName, directives?: PlaylistDirectives): TextAnswer {
    return this.#onAir.text(name, directives);
  }

  media(name: MediaName): MediaAnswer {
    return this.#onAir.media(name);
  }

  onReady(listener: (key: string) => void): () => void {
    return this.#onAir.listen(listener);
  }

  get segmentMs(): number {
    return this.#onAir.segmentMs;
  }

  /** Up to one Segment (src/README.md: Publishing); a gap is known only when its Segment is overdue. */
  get holdMs(): number {
    return this.segmentMs + (this.#parts.settings.whenAbsent === 'gap' ? GAP_HOLD_MS : 0);
  }

  status(): ChannelStatus {
    return describeChannel({
      id: this.id,
      state: this.#state,
      timeline: this.#onAir.timeline,
      store: this.#parts.store,
      disk: this.#parts.health.state,
      plan: this.#plan,
      feed: this.#feed,
      pushed: this.pushPoint?.status(),
      worker: this.#encoding.worker,
      leftOut: this.#encoding.leftOut,
      runs: this.#encoding.runs,
      faults: this.#faults.list(),
      nowMs: this.#parts.clock.nowMs(),
    });
  }
}
