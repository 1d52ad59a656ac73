/**
 * What external encoders push to one Channel: gathers its Tracks, gives them one base, puts them on the Grid, and says what does not fit.
 * It never encodes and never decides numbers. Invariants: all Tracks of a push have the same base; what is refused is refused by name,
 * with the figure, and disturbs neither its neighbours nor another Channel.
 */
import { FormatError } from '../cmaf/isobmff/format-error.ts';
import type { Fragment, InitSegment } from '../cmaf/isobmff/model.ts';
import { type NormalHeader, normalHeader } from '../cmaf/isobmff/normal-header.ts';
import type { PushPoint } from '../cmaf/push-receiver.ts';
import type { CmafRefusal, CmafSink } from '../cmaf/sink.ts';
import type { ChannelSettings, Ladder } from '../config/model.ts';
import type { RunSource } from '../package/timeline.ts';
import type { Clock } from '../system/clock.ts';
import { messageOf, ServiceError } from '../system/errors.ts';
import { type FrameRate, formatFrameRate, sameFrameRate } from '../system/frame-rate.ts';
import type { Logger } from '../system/log.ts';
import type { Metrics } from '../system/metrics.ts';
import type { PlanInUse } from './plan-in-use.ts';
import { checkPushedHeader, type PushedFacts, pushedPlan, pushedRate } from './pushed-plan.ts';
import { PushedResends } from './pushed-resends.ts';
import { PushedRuns } from './pushed-runs.ts';
import {
  chooseBase,
  type FirstMedia,
  isAbsolute,
  mediaMsOf,
  type PushBase,
  type PushedInstant,
} from './pushed-time.ts';
import { type PushedTrack, pushedTrack } from './pushed-track.ts';
import type { ChannelStatus } from './view.ts';

export interface PushedGroupOptions {
  readonly settings: ChannelSettings;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly ladder: () => Ladder;
  readonly edgeMs: () => number | undefined;
  readonly waitsForSlate: () => boolean;
  /** What is pushed from now on; its slate is wanted. */
  readonly onPlan: (plan: PlanInUse) => void;
  readonly onRun: (run: RunSource) => void;
  readonly onRunEnd: (runId: string) => void;
  readonly onMedia: () => void;
  readonly onGone: () => void;
  readonly onFault: (code: string, message: string) => void;
}

/** How long Tracks are waited for from the first media on. */
const GATHER_MS = 5000;
/** Media held while Tracks are waited for. */
const MAX_PENDING_BYTES = 64 * 1024 * 1024;
/** A source this far ahead of its own time does not send in real time. */
const AHEAD_MS = 12_000;
/** Media that is late for so long will not catch up. */
const LATE_MS = 6000;
/** Two sources with different times would take the base from each other. */
const REBASE_REST_MS = 10_000;
const RESEND_SEGMENTS = 3;
const LOOK_MS = 500;
/** In Segments: a push without media for so long is over; sooner when its bodies have ended. */
const IDLE_SEGMENTS = 3;
const ENDED_SEGMENTS = 1.5;

/** One request body, from its first byte to its last. */
interface Body {
  readonly address: string;
  /** Of the base that its media counts by. */
  epoch: number | undefined;
  refusal: ServiceError | undefined;
}

interface Member {
  readonly id: string;
  readonly isVideo: boolean;
  init: InitSegment | undefined;
  header: NormalHeader | undefined;
  track: PushedTrack | undefined;
  readonly resends: PushedResends;
  /** Media time where the newest chunk ends. */
  newestEndMs: number | undefined;
  lateSinceMs: number | undefined;
  hasEnded: boolean;
}

interface Pending {
  readonly member: Member;
  readonly body: Body;
  readonly fragment: Fragment;
  readonly arrivedMs: number;
}

/** A Track whose first media is there. */
interface Ready {
  readonly member: Member;
  readonly init: InitSegment;
  readonly rate: FrameRate | undefined;
  readonly first: FirstMedia;
}

export class PushedGroup implements PushPoint {
  readonly secrets: readonly string[];
  readonly #options: PushedGroupOptions;
  readonly #members = new Map<string, Member>();
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #base: PushBase | undefined;
  #epoch = 0;
  #rebasedMs = Number.NEGATIVE_INFINITY;
  #runs: PushedRuns | undefined;
  #plan: PlanInUse | undefined;
  #runCount = 0;
  #publisher: { readonly address: string; readonly sinceMs: number } | undefined;
  #lastMediaMs = 0;
  #saidLateMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;
  #ladderInUse: Ladder;
  #cancelGather: () => void = () => undefined;
  #cancelLook: () => void = () => undefined;

  constructor(options: PushedGroupOptions) {
    this.#options = options;
    this.#ladderInUse = options.ladder();
    this.secrets = options.settings.keys.map(({ secret }) => secret);
  }

  /** In the ladder's order. */
  get tracks(): readonly string[] {
    const { video, audio } = this.#ladder;
    return [...video, ...audio].map(({ id }) => id);
  }

  /** A changed ladder applies at the next push. */
  get #ladder(): Ladder {
    if (!this.isIn) this.#ladderInUse = this.#options.ladder();
    return this.#ladderInUse;
  }

  get idleMs(): number {
    return IDLE_SEGMENTS * this.#segmentMs;
  }

  get #segmentMs(): number {
    return this.#plan?.grid.segmentMs ?? this.#ladder.segmentSeconds * 1000;
  }

  get isIn(): boolean {
    return this.#publisher !== undefined;
  }

  status(): ChannelStatus['publisher'] {
    if (this.#publisher === undefined) return undefined;
    const there = [...this.#members.values()].filter(({ track }) => track !== undefined).map(({ id }) => id);
    const times = this.#base === undefined ? 'waiting for its tracks' : `${this.#base.kind} times`;
    return { ...this.#publisher, source: `CMAF push, ${times}: ${there.join(', ') || 'no track yet'}` };
  }

  openBody(track: string, address: string): CmafSink {
    const body: Body = { address, epoch: undefined, refusal: undefined };
    return {
      onInit: (_track, init) => this.#takeHeader(track, init),
      onFragment: (_track, fragment) => this.#take(track, body, fragment),
      onEnd: (_track, how) => {
        const member = this.#members.get(track);
        if (member !== undefined && how === 'clean') member.hasEnded = true;
      },
      onRefused: (_track, why) => this.#refused(track, why),
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#out('the service stops');
  }

  #refused(track: string, { code, message, hint }: CmafRefusal): void {
    const text = message.startsWith('Track ') ? message : `Track ${track}: ${message}`;
    this.#options.onFault(code, hint === '' ? text : `${text} ${hint}`);
  }

  #memberOf(id: string): Member {
    const known = this.#members.get(id);
    if (known !== undefined) return known;
    const isVideo = this.#ladder.video.some((rung) => rung.id === id);
    const member: Member = {
      ...{ id, isVideo, init: undefined, header: undefined, track: undefined, resends: new PushedResends() },
      ...{ newestEndMs: undefined, lateSinceMs: undefined, hasEnded: false },
    };
    this.#members.set(id, member);
    return member;
  }

  #takeHeader(id: string, init: InitSegment): void {
    checkPushedHeader(this.#ladder, id, init);
    const member = this.#memberOf(id);
    const wasCarried = member.track !== undefined;
    member.init = init;
    member.header = undefined;
    member.track = undefined;
    // Another header is another Period: all Tracks are gathered for it, the base stays while times go on.
    if (wasCarried) this.#gather();
  }

  #take(id: string, body: Body, fragment: Fragment): void {
    const { clock, metrics, settings } = this.#options;
    if (this.#isClosed) return;
    if (body.refusal !== undefined) throw body.refusal;
    const nowMs = clock.nowMs();
    const member = this.#memberOf(id);
    if (member.init === undefined) throw new ServiceError('CMAF_NO_HEADER', `Track ${id}: its header was refused.`);
    metrics.fragments.inc({ channel: settings.id, track: id });
    metrics.ingestBytes.inc({ channel: settings.id }, fragment.bytes.length);
    if (!this.#isNews(member, body, fragment, nowMs)) return;
    body.epoch = this.#epoch;
    member.hasEnded = false;
    this.#lastMediaMs = nowMs;
    if (this.#publisher === undefined) this.#in(body.address, nowMs);
    const pending = { member, body, fragment, arrivedMs: nowMs };
    if (this.#runs !== undefined && member.track !== undefined) this.#place(pending, member.track);
    else this.#await(pending);
  }

  /** False for what came before. Throws for times that the push cannot have; chooses the base anew for a source that began again. */
  #isNews(member: Member, body: Body, fragment: Fragment, nowMs: number): boolean {
    if (body.epoch !== undefined && body.epoch !== this.#epoch)
      throw new ServiceError('CMAF_SUPERSEDED', `Track ${member.id}: another source has taken over this channel.`, {
        hint: 'Let one encoder push to a channel, or have both send absolute times (UTC) on the same grid.',
      });
    const wasSent = member.resends.isResend(fragment);
    const [base, plan, init] = [this.#base, this.#plan, member.init];
    if (base === undefined || plan === undefined || init === undefined) return !wasSent;
    const start = { ticks: fragment.decodeTicks, timescale: init.timescale };
    const startMs = mediaMsOf(plan.grid, base, start);
    const endMs = startMs + (fragment.durationTicks / init.timescale) * 1000;
    const newestEndMs = member.newestEndMs ?? startMs;
    const backMs = newestEndMs - startMs;
    const isUtc = base.kind === 'absolute' && isAbsolute(start, nowMs);
    // Interface 1: a source resends after a break of less than three Segments. Further back the same bytes are a file that began again.
    if (wasSent && backMs > 0 && backMs <= RESEND_SEGMENTS * plan.grid.segmentMs) return false;
    // Absolute times cannot begin again: what lies before the newest is the other twin's, and is left out sample by sample.
    if (backMs > plan.grid.segmentMs && !isUtc) this.#jumped(member, body, nowMs, -backMs);
    else if (endMs > nowMs + AHEAD_MS) this.#tooEarly(member, body, nowMs, endMs, -backMs);
    else {
      member.newestEndMs = Math.max(newestEndMs, endMs);
      if (backMs <= 0) this.#watchLateness(member, endMs, nowMs);
    }
    return true;
  }

  #tooEarly(member: Member, body: Body, nowMs: number, endMs: number, jumpMs: number): void {
    if (jumpMs > this.#segmentMs && this.#base?.kind === 'relative') this.#jumped(member, body, nowMs, jumpMs);
    else
      throw new ServiceError(
        'CMAF_TIME_AHEAD',
        `Track ${member.id}: media is ${((endMs - nowMs) / 1000).toFixed(1)} s ahead of now.`,
        { hint: "Push in real time (ffmpeg: -re before -i), and keep the encoder's clock by NTP." },
      );
  }

  /** A source whose times jump by itself is refused; a new one gets a new base, which is declared where it must be. */
  #jumped(member: Member, body: Body, nowMs: number, jumpMs: number): void {
    const figure = `Track ${member.id}: its times went ${jumpMs < 0 ? 'back' : 'forward'} by ${(Math.abs(jumpMs) / 1000).toFixed(3)} s`;
    if (body.epoch !== undefined)
      throw new ServiceError('CMAF_TIME_BACKWARDS', `${figure} within one body.`, {
        hint: 'Open a new connection and send the header again when the encoder begins anew.',
      });
    const isContested = nowMs - this.#rebasedMs < REBASE_REST_MS && nowMs - this.#lastMediaMs < 1.5 * this.#segmentMs;
    if (isContested)
      throw new ServiceError('CMAF_TIME_BACKWARDS', `${figure}, while another source pushes with other times.`, {
        hint: 'Let one encoder push to a channel, or have both send absolute times (UTC) on the same grid.',
      });
    this.#options.log.info({ jumpMs: Math.round(jumpMs), track: member.id }, 'push begins anew');
    this.#epoch += 1;
    this.#rebase(nowMs);
  }

  #watchLateness(member: Member, endMs: number, nowMs: number): void {
    const edgeMs = this.#options.edgeMs();
    if (edgeMs === undefined || endMs > edgeMs - this.#segmentMs / 2) {
      member.lateSinceMs = undefined;
      return;
    }
    member.lateSinceMs ??= nowMs;
    if (nowMs - member.lateSinceMs < LATE_MS) return;
    const lateMs = nowMs - endMs;
    if (nowMs - this.#saidLateMs > 30_000) {
      this.#saidLateMs = nowMs;
      this.#options.onFault(
        'CMAF_TIME_LATE',
        this.#base?.kind === 'absolute'
          ? `Track ${member.id}: media comes ${(lateMs / 1000).toFixed(1)} s after the UTC it states, too late for the air; keep both clocks by NTP, or state times ${Math.ceil(lateMs / 1000)} s later.`
          : `Track ${member.id}: media is ${(lateMs / 1000).toFixed(1)} s late: the push's base is chosen anew.`,
      );
    }
    if (this.#base?.kind === 'relative') this.#rebase(nowMs);
  }

  #rebase(nowMs: number): void {
    this.#rebasedMs = nowMs;
    this.#base = undefined;
    for (const member of this.#members.values()) {
      member.newestEndMs = undefined;
      member.lateSinceMs = undefined;
      member.resends.forget();
    }
    this.#gather();
  }

  /** Runs end with what they have whole; the next ones begin when the Tracks are there again. */
  #gather(): void {
    this.#cancelGather();
    this.#cancelGather = () => undefined;
    this.#runs?.close();
    this.#runs = undefined;
    this.#pending = [];
    this.#pendingBytes = 0;
    for (const member of this.#members.values()) member.track = undefined;
  }

  #await(pending: Pending): void {
    if (this.#runs !== undefined) {
      this.#joinLate(pending);
      return;
    }
    if (this.#pending.length === 0) {
      this.#cancelGather();
      this.#cancelGather = this.#options.clock.after(GATHER_MS, () => this.#begin(undefined, true));
    }
    this.#pending.push(pending);
    this.#pendingBytes += pending.fragment.bytes.length;
    const isFull = this.#pendingBytes > MAX_PENDING_BYTES;
    const isThere = (id: string) =>
      this.#pending.some(({ member, fragment }) => member.id === id && fragment.isIndependent);
    if (isFull || this.tracks.every(isThere)) this.#begin(pending.body, isFull);
  }

  /** All Tracks are there, or were waited for long enough. Throws what is wrong with the Track of `current`. */
  #begin(current: Body | undefined, isOverdue: boolean): void {
    const pending = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#cancelGather();
    const ready = this.#readyOf(pending);
    const reference = ready.find(({ member }) => member.isVideo);
    if (isOverdue || reference === undefined) this.#tellMissing(ready);
    if (reference !== undefined) this.#start(ready, reference, pending, current);
    if (current?.refusal !== undefined) throw current.refusal;
  }

  #tellMissing(ready: readonly Ready[]): void {
    const missing = this.tracks.filter((id) => !ready.some(({ member }) => member.id === id));
    if (missing.length === 0) return;
    const whatNext = ready.some(({ member }) => member.isVideo)
      ? 'the others go on air without'
      : 'nothing can go on air';
    this.#options.onFault(
      'CMAF_TRACK_MISSING',
      `${missing.join(', ')} did not come within ${GATHER_MS / 1000} s, ${whatNext}; push every Track of the ladder, header first.`,
    );
  }

  #readyOf(pending: readonly Pending[]): Ready[] {
    const ladder = this.#ladder;
    let gridRate = ladder.frameRate === 'auto' ? undefined : ladder.frameRate;
    return this.tracks.flatMap((id): Ready[] => {
      const first = pending.find(({ member, fragment }) => member.id === id && fragment.isIndependent);
      if (first === undefined) return [];
      const ready = this.#readyFrom(first, gridRate);
      if (ready === undefined) return [];
      gridRate ??= ready.rate;
      return [ready];
    });
  }

  /** undefined: the Track cannot be carried, and its body is told at its next chunk. */
  #readyFrom({ member, fragment, body, arrivedMs }: Pending, gridRate: FrameRate | undefined): Ready | undefined {
    const { init } = member;
    if (init === undefined) return undefined;
    try {
      member.header ??= normalHeader(init, init.timescale);
      const { editTicks } = member.header;
      const rate = member.isVideo ? rateOf(member.id, fragment, init.timescale, gridRate) : undefined;
      const offset = member.isVideo ? (fragment.samples[0]?.compositionOffsetTicks ?? 0) : 0;
      const start: PushedInstant = { ticks: fragment.decodeTicks + offset - editTicks, timescale: init.timescale };
      const durationMs = (fragment.durationTicks / init.timescale) * 1000;
      return { member, init, rate, first: { start, durationMs, arrivedMs } };
    } catch (thrown) {
      this.#hold(body, thrown);
      return undefined;
    }
  }

  /** Said when it happens, answered when the body sends again. */
  #hold(body: Body, thrown: unknown): void {
    const why = asRefusal(thrown);
    body.refusal = why;
    this.#options.onFault(why.code, `${why.message} ${why.hint}`);
  }

  #start(ready: readonly Ready[], reference: Ready, pending: readonly Pending[], current: Body | undefined): void {
    const { log, onFault, onRun, onRunEnd, onMedia, waitsForSlate, metrics, settings } = this.#options;
    const plan = this.#planOf(ready);
    if (plan === undefined) return;
    const base =
      this.#base ??
      chooseBase(
        plan.grid,
        reference.first,
        ready.map(({ first }) => first),
      );
    this.#base = base;
    const runs = new PushedRuns(plan, {
      ...{ originIndex: base.originIndex, waitsForSlate, onRun, onRunEnd, onMedia },
      nextRunId: () => `${settings.id}-push-${++this.#runCount}`,
      onDropped: (reason) => metrics.fragmentsDropped.inc({ channel: settings.id, reason }),
      onTracks: (carried, lost) => {
        log.info({ tracks: carried, lost }, 'pushed tracks changed');
        if (lost.length > 0)
          onFault('CMAF_TRACK_MISSING', `${lost.join(', ')} fell silent: the others go on air without.`);
      },
    });
    this.#runs = runs;
    for (const each of ready) this.#carry(each, plan, base, runs);
    log.info(
      { times: base.kind, tracks: ready.map(({ member }) => member.id), origin: base.originIndex },
      'push on the grid',
    );
    runs.begin();
    for (const waiting of pending) {
      const { member, body } = waiting;
      if (member.track === undefined || body.refusal !== undefined) continue;
      try {
        this.#place(waiting, member.track);
      } catch (thrown) {
        if (body === current) body.refusal = asRefusal(thrown);
        else this.#hold(body, thrown);
      }
    }
  }

  #planOf(ready: readonly Ready[]): PlanInUse | undefined {
    const carried = [...this.#members.values()].filter(({ track }) => track !== undefined);
    const known = ready.map(({ member, init, rate }): PushedFacts => ({ id: member.id, init, rate }));
    const before = carried.flatMap(({ id, init }): PushedFacts[] => {
      const rate = this.#plan?.plan.video.find((track) => track.id === id)?.frameRate;
      return init === undefined || known.some((track) => track.id === id) ? [] : [{ id, init, rate }];
    });
    const choice = pushedPlan(this.#ladder, [...known, ...before]);
    if (choice.kind === 'bad') {
      this.#options.onFault('LADDER_INVALID', choice.reason);
      return undefined;
    }
    if (choice.plan.key === this.#plan?.key) choice.plan.slate = this.#plan.slate;
    this.#plan = choice.plan;
    this.#options.onPlan(choice.plan);
    return choice.plan;
  }

  #carry({ member, init, rate }: Ready, plan: PlanInUse, base: PushBase, runs: PushedRuns): void {
    const { grid } = plan;
    const header = normalHeader(init, member.isVideo ? grid.videoTimescale : 48_000);
    member.header = header;
    const { timescale } = init;
    const { editTicks } = header;
    member.track = pushedTrack({ id: member.id, grid, base, init: header.init, timescale, editTicks }, rate);
    runs.add(member.id, header.init, plan);
  }

  /** A Track that was missing, or was refused and mended, while others are on air. */
  #joinLate(pending: Pending): void {
    const { member, fragment, body } = pending;
    const [base, runs, plan] = [this.#base, this.#runs, this.#plan];
    if (!fragment.isIndependent || base === undefined || runs === undefined || plan === undefined) return;
    const ready = this.#readyFrom(pending, plan.grid.frameRate);
    if (body.refusal !== undefined) throw body.refusal;
    const next = ready === undefined ? undefined : this.#planOf([ready]);
    if (ready === undefined || next === undefined) return;
    this.#carry(ready, next, base, runs);
    if (member.track !== undefined) this.#place(pending, member.track);
  }

  #place({ member, fragment }: Pending, track: PushedTrack): void {
    for (const placed of track.place(fragment)) this.#runs?.push(member.id, placed);
  }

  #in(address: string, nowMs: number): void {
    const { log, metrics, settings } = this.#options;
    this.#publisher = { address, sinceMs: nowMs };
    log.info({ address }, 'publisher in');
    metrics.publishes.inc({ channel: settings.id });
    this.#look();
  }

  #look(): void {
    const { clock } = this.#options;
    const sent = [...this.#members.values()].filter(({ newestEndMs }) => newestEndMs !== undefined);
    const hasEnded = sent.length > 0 && sent.every((member) => member.hasEnded);
    const limitMs = (hasEnded ? ENDED_SEGMENTS : IDLE_SEGMENTS) * this.#segmentMs;
    if (clock.nowMs() - this.#lastMediaMs > limitMs) this.#out(hasEnded ? 'ended' : 'idle');
    else this.#cancelLook = clock.after(LOOK_MS, () => this.#look());
  }

  #out(how: string): void {
    this.#cancelLook();
    this.#gather();
    if (this.#publisher === undefined) return;
    this.#options.log.info({ address: this.#publisher.address, how }, 'publisher gone');
    this.#publisher = undefined;
    this.#options.onGone();
  }
}

function asRefusal(thrown: unknown): ServiceError {
  if (thrown instanceof ServiceError) return thrown;
  return new ServiceError(thrown instanceof FormatError ? thrown.code : 'HTTP_INTERNAL', messageOf(thrown));
}

function rateOf(id: string, fragment: Fragment, timescale: number, gridRate: FrameRate | undefined): FrameRate {
  const rate = pushedRate(fragment, timescale, gridRate);
  const fps = (fragment.samples.length * timescale) / Math.max(1, fragment.durationTicks);
  const isFit =
    rate !== undefined &&
    (gridRate === undefined ||
      sameFrameRate(rate, gridRate) ||
      sameFrameRate({ num: rate.num * 2, den: rate.den }, gridRate));
  if (rate !== undefined && isFit) return rate;
  const wanted = gridRate === undefined ? 'a standard rate' : `${formatFrameRate(gridRate)} or half of it`;
  throw new ServiceError(
    'CMAF_OFF_GRID',
    `Track ${id}: has ${Math.round(fps * 1000) / 1000} frames a second, the channel ${wanted}.`,
    { hint: `Encode at a constant rate of ${wanted} (ffmpeg: -r and -fps_mode cfr).` },
  );
}
