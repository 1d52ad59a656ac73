/**
 * The viewers of a run with their timers and connections: feeds their state machines and sends what they ask for.
 * It never decides what a viewer asks. Invariant: a viewer has one timer at most, and after `close` nothing is sent.
 */
import type { Clock } from '../system/clock.ts';
import { type Ceiling, passCeiling } from './ceiling.ts';
import { type ClientOptions, type Fetched, ViewerPool } from './http-client.ts';
import type { Ledger } from './ledger.ts';
import type { Ask, AskKind, ViewerInput, ViewerKind } from './model.ts';
import { draw, seedOf } from './seeded.ts';
import { TextDesk } from './text-desk.ts';
import { newViewer, stepViewer, type Viewer } from './viewer.ts';
import type { Habits } from './whims.ts';

export interface CrowdOptions {
  readonly clock: Clock;
  readonly client: ClientOptions;
  readonly habits: Habits;
  readonly seed: number;
  readonly maxRequestsPerSecond: number;
  readonly urlOf: (kind: ViewerKind) => string;
  readonly connectionsOf: (kind: ViewerKind) => number;
  /** Where answers that come now are counted, as the origin counts them. */
  readonly ledger: () => Ledger;
}

interface Member {
  viewer: Viewer;
  readonly pool: ViewerPool;
  wakeAtMs: number | undefined;
  cancelWake: (() => void) | undefined;
}

const TEXTS: ReadonlySet<AskKind> = new Set<AskKind>(['multivariant', 'playlist', 'blocked', 'mpd', 'time']);

export class Crowd {
  readonly #options: CrowdOptions;
  readonly #members: Member[] = [];
  readonly #desk = new TextDesk();
  #ceiling: Ceiling;
  #planned = 0;
  #isClosed = false;

  constructor(options: CrowdOptions) {
    this.#options = options;
    this.#ceiling = { perSecond: options.maxRequestsPerSecond, evenMs: 0 };
  }

  get viewers(): number {
    return this.#members.length;
  }

  /** They join at moments that the seed spreads over `withinMs`. */
  join(kinds: readonly ViewerKind[], withinMs: number): void {
    const { clock, seed } = this.#options;
    for (const kind of kinds) {
      const own = seedOf(seed, this.#planned);
      this.#planned += 1;
      const { value, seed: next } = draw(own);
      clock.after(Math.ceil(value * withinMs), () => this.#joinOne(kind, next));
    }
  }

  /** The first `count` viewers get the input, spread over `withinMs`. */
  disturb(count: number, withinMs: number, inputOf: (share: number) => ViewerInput): void {
    const { clock, seed } = this.#options;
    this.#members.slice(0, count).forEach((member, index) => {
      const when = draw(seedOf(seed ^ 0x5bd1e995, index));
      const share = draw(when.seed).value;
      clock.after(Math.ceil(when.value * withinMs), () => this.#step(member, inputOf(share)));
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const member of this.#members) {
      member.cancelWake?.();
      member.pool.close();
    }
  }

  #joinOne(kind: ViewerKind, seed: number): void {
    if (this.#isClosed) return;
    const { clock, client, habits, urlOf, connectionsOf } = this.#options;
    const viewer = newViewer(kind, urlOf(kind), seed, habits, clock.nowMs());
    const member = {
      viewer,
      pool: new ViewerPool(client, connectionsOf(kind)),
      wakeAtMs: undefined,
      cancelWake: undefined,
    };
    this.#members.push(member);
    this.#step(member, { kind: 'wake' });
  }

  #step(member: Member, input: ViewerInput): void {
    if (this.#isClosed) return;
    const { clock, ledger } = this.#options;
    const nowMs = clock.nowMs();
    const { viewer, asks, wakeAtMs, lateMs } = stepViewer(member.viewer, input, nowMs);
    if (lateMs !== undefined && input.kind === 'answer') ledger().cameLate(input.ask.kind, lateMs);
    // Who leaves a page takes its connections along, and what is under way on them.
    const hasLeft = viewer.session !== member.viewer.session;
    member.viewer = viewer;
    if (hasLeft) member.pool.close();
    for (const ask of asks) this.#send(member, ask);
    this.#wakeAt(member, wakeAtMs, nowMs);
  }

  #wakeAt(member: Member, atMs: number | undefined, nowMs: number): void {
    // Most answers change nothing about it.
    if (member.wakeAtMs === atMs) return;
    member.wakeAtMs = atMs;
    member.cancelWake?.();
    member.cancelWake = undefined;
    if (atMs === undefined) return;
    const { clock, ledger } = this.#options;
    member.cancelWake = clock.after(Math.ceil(atMs - nowMs), () => {
      member.cancelWake = undefined;
      member.wakeAtMs = undefined;
      ledger().generator.add(Math.max(0, clock.nowMs() - Math.max(atMs, nowMs)));
      this.#step(member, { kind: 'wake' });
    });
  }

  #send(member: Member, ask: Ask): void {
    const { clock, ledger } = this.#options;
    const { ceiling, waitMs } = passCeiling(this.#ceiling, clock.nowMs());
    this.#ceiling = ceiling;
    if (waitMs <= 0) {
      this.#get(member, ask);
      return;
    }
    ledger().heldBack += 1;
    clock.after(Math.ceil(waitMs), () => {
      if (!this.#isClosed && member.viewer.session === ask.session) this.#get(member, ask);
    });
  }

  #get(member: Member, ask: Ask): void {
    member.pool.get(ask.url, TEXTS.has(ask.kind), (fetched) => {
      // What was under way when a viewer left, or the run ended, is nobody's failure.
      if (this.#isClosed || (member.viewer.session !== ask.session && fetched.status === 0)) return;
      this.#options.ledger().took(ask.kind, ask.url, fetched);
      this.#step(member, { kind: 'answer', ask, answer: this.#answerOf(ask, fetched) });
    });
  }

  #answerOf(ask: Ask, { status, sentMs, body, isGzip }: Fetched) {
    const isText = status === 200 && body !== undefined;
    const text = isText ? this.#desk.read(ask.kind, ask.url, body, isGzip, this.#options.clock.nowMs()) : undefined;
    return { status, sentMs, text };
  }
}
