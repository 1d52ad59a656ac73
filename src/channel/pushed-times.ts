/**
 * The times of a push: what its base is, what came before, what jumps, what is late, and when the base is chosen anew.
 * It never places media. Invariants: an unbroken source keeps its base, and of two sources with different times one is refused.
 */
import type { Fragment } from '../cmaf/isobmff/model.ts';
import type { Grid } from '../package/grid.ts';
import { ServiceError } from '../system/errors.ts';
import type { PushedBody, PushedMember } from './pushed-member.ts';
import { isAbsolute, mediaMsOf, type PushBase } from './pushed-time.ts';

export interface PushedTimesOptions {
  /** undefined until the first push has a plan. */
  readonly grid: () => Grid | undefined;
  readonly segmentMs: () => number;
  readonly edgeMs: () => number | undefined;
  readonly lastMediaMs: () => number;
  readonly onNewSource: (track: string, jumpMs: number) => void;
  /** The base is gone; what is placed by it ends. */
  readonly onRebase: () => void;
  readonly onFault: (code: string, message: string) => void;
}

/** A source this far ahead of its own time does not send in real time. */
const AHEAD_MS = 12_000;
/** Media that is late for so long will not catch up. */
const LATE_MS = 6000;
/** Two sources with different times would take the base from each other. */
const REBASE_REST_MS = 10_000;
/** In Segments. */
const RESEND_SEGMENTS = 3;
const SAY_LATE_MS = 30_000;

export class PushedTimes {
  base: PushBase | undefined;
  /** Rises with each source that began anew. */
  epoch = 0;
  readonly #options: PushedTimesOptions;
  #rebasedMs = Number.NEGATIVE_INFINITY;
  #saidLateMs = Number.NEGATIVE_INFINITY;

  constructor(options: PushedTimesOptions) {
    this.#options = options;
  }

  /** False for what came before. Throws for times that the push cannot have; chooses the base anew for a source that began again. */
  isNews(member: PushedMember, body: PushedBody, fragment: Fragment, nowMs: number): boolean {
    if (body.epoch !== undefined && body.epoch !== this.epoch)
      throw new ServiceError('CMAF_SUPERSEDED', `Track ${member.id}: another source has taken over this channel.`, {
        hint: 'Let one encoder push to a channel, or have both send absolute times (UTC) on the same grid.',
      });
    const wasSent = member.resends.isResend(fragment);
    const grid = this.#options.grid();
    const [base, { init }] = [this.base, member];
    if (base === undefined || grid === undefined || init === undefined) return !wasSent;
    const start = { ticks: fragment.decodeTicks, timescale: init.timescale };
    const startMs = mediaMsOf(grid, base, start);
    const endMs = startMs + (fragment.durationTicks / init.timescale) * 1000;
    const newestEndMs = member.newestEndMs ?? startMs;
    const backMs = newestEndMs - startMs;
    const isUtc = base.kind === 'absolute' && isAbsolute(start, nowMs);
    // Interface 1: a source resends after a break of less than three Segments. Further back the same bytes are a file that began again.
    if (wasSent && backMs > 0 && backMs <= RESEND_SEGMENTS * grid.segmentMs) return false;
    // Absolute times cannot begin again: what lies before the newest is the other twin's, and is left out sample by sample.
    if (backMs > grid.segmentMs && !isUtc) this.#jumped(member, body, nowMs, -backMs);
    else if (endMs > nowMs + AHEAD_MS) this.#tooEarly(member, body, nowMs, endMs, -backMs);
    else {
      member.newestEndMs = Math.max(newestEndMs, endMs);
      if (backMs <= 0) this.#watchLateness(member, endMs, nowMs);
    }
    return true;
  }

  #tooEarly(member: PushedMember, body: PushedBody, nowMs: number, endMs: number, jumpMs: number): void {
    if (jumpMs > this.#options.segmentMs() && this.base?.kind === 'relative') this.#jumped(member, body, nowMs, jumpMs);
    else
      throw new ServiceError(
        'CMAF_TIME_AHEAD',
        `Track ${member.id}: media is ${((endMs - nowMs) / 1000).toFixed(1)} s ahead of now.`,
        { hint: "Push in real time (ffmpeg: -re before -i), and keep the encoder's clock by NTP." },
      );
  }

  /** A source whose times jump by itself is refused; a new one gets a new base, which is declared where it must be. */
  #jumped(member: PushedMember, body: PushedBody, nowMs: number, jumpMs: number): void {
    const figure = `Track ${member.id}: its times went ${jumpMs < 0 ? 'back' : 'forward'} by ${(Math.abs(jumpMs) / 1000).toFixed(3)} s`;
    if (body.epoch !== undefined)
      throw new ServiceError('CMAF_TIME_BACKWARDS', `${figure} within one body.`, {
        hint: 'Open a new connection and send the header again when the encoder begins anew.',
      });
    const isContested =
      nowMs - this.#rebasedMs < REBASE_REST_MS && nowMs - this.#options.lastMediaMs() < 1.5 * this.#options.segmentMs();
    if (isContested)
      throw new ServiceError('CMAF_TIME_BACKWARDS', `${figure}, while another source pushes with other times.`, {
        hint: 'Let one encoder push to a channel, or have both send absolute times (UTC) on the same grid.',
      });
    this.#options.onNewSource(member.id, jumpMs);
    this.epoch += 1;
    this.#forgetBase(nowMs);
  }

  #watchLateness(member: PushedMember, endMs: number, nowMs: number): void {
    const edgeMs = this.#options.edgeMs();
    if (edgeMs === undefined || endMs > edgeMs - this.#options.segmentMs() / 2) {
      member.lateSinceMs = undefined;
      return;
    }
    member.lateSinceMs ??= nowMs;
    if (nowMs - member.lateSinceMs < LATE_MS) return;
    const lateMs = nowMs - endMs;
    if (nowMs - this.#saidLateMs > SAY_LATE_MS) {
      this.#saidLateMs = nowMs;
      this.#options.onFault(
        'CMAF_TIME_LATE',
        this.base?.kind === 'absolute'
          ? `Track ${member.id}: media comes ${(lateMs / 1000).toFixed(1)} s after the UTC it states, too late for the air; keep both clocks by NTP, or state times ${Math.ceil(lateMs / 1000)} s later.`
          : `Track ${member.id}: media is ${(lateMs / 1000).toFixed(1)} s late: the push's base is chosen anew.`,
      );
    }
    if (this.base?.kind === 'relative') this.#forgetBase(nowMs);
  }

  #forgetBase(nowMs: number): void {
    this.#rebasedMs = nowMs;
    this.base = undefined;
    this.#options.onRebase();
  }
}
