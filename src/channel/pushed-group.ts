/**
 * What external encoders push to one Channel: gathers its Tracks, gives them one base, puts them on the Grid, and says what does not fit.
 * It never encodes and never decides numbers. Invariants: all Tracks of a push have the same base; what is refused is refused by name,
 * with the figure, and disturbs neither its neighbours nor another Channel.
 */
import type { Fragment, InitSegment } from '../cmaf/isobmff/model.ts';
import { normalHeader } from '../cmaf/isobmff/normal-header.ts';
import type { PushPoint } from '../cmaf/push-receiver.ts';
import type { CmafRefusal, CmafSink } from '../cmaf/sink.ts';
import type { ChannelSettings, Ladder } from '../config/model.ts';
import type { RunSource } from '../package/run-source.ts';
import type { Clock } from '../system/clock.ts';
import { ServiceError } from '../system/errors.ts';
import type { FrameRate } from '../system/frame-rate.ts';
import type { Logger } from '../system/log.ts';
import type { Metrics } from '../system/metrics.ts';
import type { PlanInUse } from './plan-in-use.ts';
import {
  asRefusal,
  newMember,
  type PendingMedia,
  type PushedBody,
  type PushedMember,
  type ReadyTrack,
  readyFrom,
} from './pushed-member.ts';
import { checkPushedHeader, type PushedFacts, pushedPlan } from './pushed-plan.ts';
import { PushedRuns } from './pushed-runs.ts';
import { chooseBase, type PushBase } from './pushed-time.ts';
import { PushedTimes } from './pushed-times.ts';
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
const LOOK_MS = 500;
/** In Segments: a push without media for so long is over; sooner when its bodies have ended. */
const IDLE_SEGMENTS = 3;
const ENDED_SEGMENTS = 1.5;

export class PushedGroup implements PushPoint {
  readonly secrets: readonly string[];
  readonly #options: PushedGroupOptions;
  readonly #times: PushedTimes;
  readonly #members = new Map<string, PushedMember>();
  #pending: PendingMedia[] = [];
  #pendingBytes = 0;
  #runs: PushedRuns | undefined;
  #plan: PlanInUse | undefined;
  #runCount = 0;
  #publisher: { readonly address: string; readonly sinceMs: number } | undefined;
  #lastMediaMs = 0;
  #isClosed = false;
  #ladderInUse: Ladder;
  #cancelGather: () => void = () => undefined;
  #cancelLook: () => void = () => undefined;

  constructor(options: PushedGroupOptions) {
    this.#options = options;
    this.#ladderInUse = options.ladder();
    this.#times = new PushedTimes({
      grid: () => this.#plan?.grid,
      segmentMs: () => this.#segmentMs,
      edgeMs: options.edgeMs,
      lastMediaMs: () => this.#lastMediaMs,
      onNewSource: (track, jumpMs) => options.log.info({ track, jumpMs: Math.round(jumpMs) }, 'push begins anew'),
      onRebase: () => this.#rebased(),
      onFault: options.onFault,
    });
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
    const times = this.#times.base === undefined ? 'waiting for its tracks' : `${this.#times.base.kind} times`;
    return { ...this.#publisher, source: `CMAF push, ${times}: ${there.join(', ') || 'no track yet'}` };
  }

  openBody(track: string, address: string): CmafSink {
    const body: PushedBody = { address, epoch: undefined, refusal: undefined };
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

  #memberOf(id: string): PushedMember {
    const known = this.#members.get(id);
    if (known !== undefined) return known;
    const isVideo = this.#ladder.video.some((rung) => rung.id === id);
    const member = newMember(id, isVideo);
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

  #take(id: string, body: PushedBody, fragment: Fragment): void {
    const { clock, metrics, settings } = this.#options;
    if (this.#isClosed) return;
    if (body.refusal !== undefined) throw body.refusal;
    const nowMs = clock.nowMs();
    const member = this.#memberOf(id);
    if (member.init === undefined) throw new ServiceError('CMAF_NO_HEADER', `Track ${id}: its header was refused.`);
    metrics.fragments.inc({ channel: settings.id, track: id });
    metrics.ingestBytes.inc({ channel: settings.id }, fragment.bytes.length);
    if (!this.#times.isNews(member, body, fragment, nowMs)) return;
    body.epoch = this.#times.epoch;
    member.hasEnded = false;
    this.#lastMediaMs = nowMs;
    if (this.#publisher === undefined) this.#in(body.address, nowMs);
    const pending = { member, body, fragment, arrivedMs: nowMs };
    if (this.#runs !== undefined && member.track !== undefined) this.#place(pending, member.track);
    else this.#await(pending);
  }

  #rebased(): void {
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

  #await(pending: PendingMedia): void {
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
  #begin(current: PushedBody | undefined, isOverdue: boolean): void {
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

  #tellMissing(ready: readonly ReadyTrack[]): void {
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

  #readyOf(pending: readonly PendingMedia[]): ReadyTrack[] {
    const ladder = this.#ladder;
    let gridRate = ladder.frameRate === 'auto' ? undefined : ladder.frameRate;
    return this.tracks.flatMap((id): ReadyTrack[] => {
      const first = pending.find(({ member, fragment }) => member.id === id && fragment.isIndependent);
      if (first === undefined) return [];
      const ready = this.#readyFrom(first, gridRate);
      if (ready === undefined) return [];
      gridRate ??= ready.rate;
      return [ready];
    });
  }

  /** undefined: the Track cannot be carried, and its body is told at its next chunk. */
  #readyFrom(pending: PendingMedia, gridRate: FrameRate | undefined): ReadyTrack | undefined {
    const { init } = pending.member;
    if (init === undefined) return undefined;
    try {
      return readyFrom(pending, init, gridRate);
    } catch (thrown) {
      this.#hold(pending.body, thrown);
      return undefined;
    }
  }

  /** Said when it happens, answered when the body sends again. */
  #hold(body: PushedBody, thrown: unknown): void {
    const why = asRefusal(thrown);
    body.refusal = why;
    this.#options.onFault(why.code, `${why.message} ${why.hint}`);
  }

  #start(
    ready: readonly ReadyTrack[],
    reference: ReadyTrack,
    pending: readonly PendingMedia[],
    current: PushedBody | undefined,
  ): void {
    const { log, onFault, onRun, onRunEnd, onMedia, waitsForSlate, metrics, settings } = this.#options;
    const plan = this.#planOf(ready);
    if (plan === undefined) return;
    const base =
      this.#times.base ??
      chooseBase(
        plan.grid,
        reference.first,
        ready.map(({ first }) => first),
      );
    this.#times.base = base;
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

  #planOf(ready: readonly ReadyTrack[]): PlanInUse | undefined {
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

  #carry({ member, init, rate }: ReadyTrack, plan: PlanInUse, base: PushBase, runs: PushedRuns): void {
    const { grid } = plan;
    const header = normalHeader(init, member.isVideo ? grid.videoTimescale : 48_000);
    member.header = header;
    const { timescale } = init;
    const { editTicks } = header;
    member.track = pushedTrack({ id: member.id, grid, base, init: header.init, timescale, editTicks }, rate);
    runs.add(member.id, header.init, plan);
  }

  /** A Track that was missing, or was refused and mended, while others are on air. */
  #joinLate(pending: PendingMedia): void {
    const { member, fragment, body } = pending;
    const [base, runs, plan] = [this.#times.base, this.#runs, this.#plan];
    if (!fragment.isIndependent || base === undefined || runs === undefined || plan === undefined) return;
    const ready = this.#readyFrom(pending, plan.grid.frameRate);
    if (body.refusal !== undefined) throw body.refusal;
    const next = ready === undefined ? undefined : this.#planOf([ready]);
    if (ready === undefined || next === undefined) return;
    this.#carry(ready, next, base, runs);
    if (member.track !== undefined) this.#place(pending, member.track);
  }

  #place({ member, fragment }: PendingMedia, track: PushedTrack): void {
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
