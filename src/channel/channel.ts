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
import { Announcer } from './announcer.ts';
import { Encoding } from './encoding.ts';
import { judgeAgainst, tellAdvice } from './feed-advice.ts';
import { type ChannelEntry, type FormerLife, planEntry } from './former-life.ts';
import type { ChannelNotice } from './notices.ts';
import { OnAir } from './on-air.ts';
import { type ChannelOperation, type OperatedChannel, operationOf } from './operation.ts';
import { announcePlan, choosePlan, conform, ladderChangeProblem, type PlanInUse } from './plan-in-use.ts';
import { PushedGroup } from './pushed-group.ts';
import { SlateKeeper } from './slate-keeper.ts';
import type { SlateShelf } from './slate-shelf.ts';
import { type SourceCopy, sourceCopyOf } from './source-copy.ts';
import { describeChannel, describeSource } from './status.ts';
import type { ChannelStatus, MediaAnswer, MediaName, PlaylistDirectives, TextAnswer, TextName } from './view.ts';

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
  /** Told at once what happens. */
  readonly onNotice?: (notice: ChannelNotice) => void;
}

/** A publish without a picture for so long will not have one. */
const AWAIT_VIDEO_MS = 10_000;
const TAKEN_OVER = 'another publisher with the key took over';
/** Above every fill delay (timing.ts). */
const GAP_HOLD_MS = 2000;

export class Channel implements OperatedChannel {
  readonly id: string;
  readonly #parts: ChannelParts;
  readonly #onAir: OnAir;
  readonly #slates: SlateKeeper;
  readonly #told: Announcer;
  /** Where external encoders push to; undefined for a Channel that is fed over RTMP. */
  readonly pushPoint: PushedGroup | undefined;
  readonly operation: ChannelOperation;
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
    this.#told = new Announcer(this.#parts);
    this.#onAir = new OnAir(this.#parts, {
      isWanted: () => this.#feed !== undefined || this.pushPoint?.isIn === true,
      lastHeardMs: () => this.#lastHeardMs(),
      plan: () => this.#plan,
      onCommitted: ({ source, number }) => this.#told.to(`${source}-segment`, `number ${number} is ${source}`),
      onFault: (code, message) => this.#told.fault(code, message),
      onBroken: () => void this.close('its window failed again when it was made anew'),
    });
    this.#slates = new SlateKeeper({
      parts,
      channel: settings.id,
      picturePath: settings.slatePath,
      onSlate: (plan, slate) => this.#slateReady(plan, slate),
      onFailed: (message) => this.#told.fault('SLATE_FAILED', message),
      onPictureFailed: (message) =>
        this.#told.fault(
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
      onFault: (fault) => this.#told.workerFault(fault),
    });
    this.operation = operationOf({
      isPushed: this.pushPoint !== undefined,
      store: parts.store,
      onAir: this.#onAir,
      encoding: this.#encoding,
      plan: () => this.#plan,
      feed: () => this.#feed,
      beginAgain: () => this.#beginAgain(),
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
      onFault: (code, message) => this.#told.fault(code, message),
    });
  }

  #pushBegun(plan: PlanInUse): void {
    this.#plan = plan;
    this.#cancelAbsence();
    if (this.#onAir.timeline.isEnded) this.#onAir.reopen(plan);
    this.#told.to('publish-in', 'Tracks are pushed');
    const { address = '', source = '' } = this.pushPoint?.status() ?? {};
    this.#told.publish(address, source);
    if (plan.slate === undefined) this.#slates.want(plan, this.#onAir.isOpen);
  }

  /** Goes on with what a former life left, or encodes the slate of the assumed plan and goes on air with it. */
  open(): void {
    const { former, settings } = this.#parts;
    this.resume();
    const choice = choosePlan(this.#ladder, former.plan?.source, settings.latency);
    if (choice.kind === 'bad') {
      this.#told.fault('LADDER_INVALID', choice.reason);
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
    this.#told.to('slate-ready', 'the window of the former life goes on');
    if (timeline.isEnded) this.#told.to('absent-too-long', 'the presentation had ended');
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
    replaced?.close(TAKEN_OVER);
    if (replaced !== undefined) this.#told.unpublish(TAKEN_OVER);
    this.#parts.log.info({ publish: feed.identity.id, address: feed.identity.address }, 'publisher in');
    this.#parts.metrics.publishes.inc({ channel: this.id });
    tellAdvice(feed, this.#parts);
    feed.listen({
      onSource: (source) => this.#begin(feed, source),
      onSourceChanged: (source) => this.#begin(feed, source),
      // A copy begins again by itself, on the next keyframe.
      onJump: (why) => (this.#copy === undefined ? this.#encoding.restart(why) : this.#encoding.end()),
      onEnd: (how) => this.#publishEnded(feed, how),
    });
  }

  /** A checked ladder from a changed file: used from the next publish on. */
  setLadder(ladder: Ladder): void {
    const problem = ladderChangeProblem(this.#parts.settings.ladder, ladder);
    if (problem !== undefined) {
      this.#told.fault('LADDER_INVALID', problem);
      return;
    }
    this.#ladder = ladder;
    this.#isPlanFixed = false;
    this.#parts.log.info({ ladder: ladder.name }, 'ladder read again; it applies at the next publish');
  }

  #beginAgain(): void {
    const [feed, source] = [this.#feed, this.#feed?.source];
    this.#isPlanFixed = false;
    // Not as one of a publish that is on, which keeps its plan.
    this.#lastFeedMs = 0;
    if (feed !== undefined && source !== undefined) this.#begin(feed, source);
  }

  async close(why = 'the service stops'): Promise<void> {
    this.#told.to('close', why);
    this.#slates.close();
    this.#feed?.close(why);
    this.#onAir.close();
    this.pushPoint?.close();
    this.#publishOver(why);
    await this.#encoding.close();
  }

  #begin(feed: Feed, source: SourceDescription): void {
    if (this.#feed !== feed || this.#told.state === 'closed') return;
    this.#cancelGrace();
    if (this.#isPlanFixed && this.#encoding.adopt(feed)) {
      this.#lastFeedMs = Number.POSITIVE_INFINITY;
      judgeAgainst(this.#plan?.plan, feed);
      this.#parts.log.info({ publish: feed.identity.id }, 'publisher is back; its worker goes on');
      this.#told.publish(feed.identity.address, describeSource(source));
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
    this.#told.to('publish-in', `publish ${feed.identity.id} has a picture`);
    this.#told.publish(feed.identity.address, describeSource(source));
    announcePlan(plan, source, this.#parts.log);
    if (plan.slate === undefined) this.#slates.want(plan, this.#onAir.isOpen);
    this.#encoding.end();
    this.#copy?.close();
    this.#copy = sourceCopyOf({
      plan,
      feed,
      clock: this.#parts.clock,
      onBase: () => this.#encoding.begin({ feed, source, plan, copy: this.#copy }),
      onFault: (message) => this.#told.fault('PUBLISH_COPY', message),
    });
    if (this.#copy === undefined) this.#encoding.begin({ feed, source, plan, copy: undefined });
    else this.#copy.begin();
  }

  /** Sound may come seconds before the picture: a camera that is still starting. */
  #awaitVideo(feed: Feed): void {
    const { clock } = this.#parts;
    clock.after(Math.max(0, feed.identity.startedMs + AWAIT_VIDEO_MS - clock.nowMs()), () => {
      if (this.#feed !== feed || this.#told.state === 'closed' || feed.source?.video !== undefined) return;
      this.#told.fault('PUBLISH_CODEC', 'the feed has no video; set a video encoder (H.264) in the publisher');
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
      this.#told.fault('LADDER_INVALID', choice.reason);
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
    if (how === 'replaced') this.#told.unpublish(TAKEN_OVER);
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
    this.#told.unpublish(why);
    this.#told.to('publish-out', why);
    if (this.#told.state !== 'closed') this.#awaitPublisher();
  }

  /** For absentTimeout. */
  #awaitPublisher(): void {
    const { clock, settings } = this.#parts;
    const { absentTimeoutMs: timeoutMs } = settings;
    if (timeoutMs === undefined) return;
    this.#cancelAbsence();
    this.#cancelAbsence = clock.after(timeoutMs, () => {
      this.#told.to('absent-too-long', `nobody published for ${timeoutMs} ms`);
      if (this.#told.state === 'ended') this.#onAir.end();
    });
  }

  #slateReady(plan: PlanInUse, slate: Slate): void {
    if (this.#told.state === 'closed') return;
    plan.slate = slate;
    if (this.#plan?.key === plan.key) this.#plan.slate = slate;
    if (!this.#onAir.useSlate(plan, slate)) return;
    this.#told.to('slate-ready', 'the slate is encoded');
    if (this.#feed !== undefined || this.pushPoint?.isIn === true)
      this.#told.to('publish-in', 'somebody is in already');
    this.#onAir.tellTexts();
    this.#onAir.advance();
  }

  #lastHeardMs(): number | undefined {
    const us = this.#feed?.statistics().heardUs;
    return us === undefined ? undefined : this.#parts.clock.utcMsOf(us);
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
      state: this.#told.state,
      timeline: this.#onAir.timeline,
      store: this.#parts.store,
      disk: this.#parts.health.state,
      plan: this.#plan,
      feed: this.#feed,
      pushed: this.pushPoint?.status(),
      worker: this.#encoding.worker,
      leftOut: this.#encoding.leftOut,
      runs: this.#encoding.runs,
      faults: this.#told.faults,
      nowMs: this.#parts.clock.nowMs(),
    });
  }
}
