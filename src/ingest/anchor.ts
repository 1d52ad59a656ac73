/**
 * The Anchor of one publish: media time (UTC ms) = stamp + offset; sound may have an origin of its own (`shiftMsOf`).
 * Pure: arrivals come as arguments. Provisional by the first tag; after 2 s the target is the smallest (arrival - stamp)
 * seen, later the smallest of each 10 s, which is what the encoder's clock does against ours.
 * Invariant: between jumps the offset is slewed, at most 200 ppm of the time gone by, and never stepped.
 */

export const SLEW_PER_MS = 200e-6;
const FIRST_WINDOW_MS = 2_000;
const WINDOW_MS = 10_000;
const FORWARD_JUMP_MS = 1_500;
const BACKWARD_JUMP_MS = 1_000;
/**
 * A picture that steps back by more than this is late from then on: more than the publish margin of low latency. It is one step
 * only when the stamps then rise and stay below what they were for a while: some encoders stamp in another order.
 */
const STEP_BACK_MS = 300;
const STEP_SEEN_MS = 250;
/** After a jump, tags of the other kind may still come on the old base for so long. */
const STALE_MS = 2_000;
/** Sound that jumped alone for so long, while pictures go on, has another origin. */
const APART_MS = 1_000;
/** A first tag this far from where it arrives is of another origin; backlogs of encoders are shorter. */
const FOREIGN_MS = 5_000;
/**
 * Each tag later than that for ten seconds is a queue that stays, or a feed slower than real time: slewing would take hours, and what
 * comes so late is slate. It is less than what an encoder's output is waited for (channel/timing.ts).
 */
const LATE_MS = 1_000;
const STAYS_LATE_MS = 10_000;
/** FLV 10.1, E.4.1: TagType of video. The picture leads: keyframes are where anything can begin. */
const VIDEO = 9;

export type BaseReason = 'the stamps jumped' | 'the media stayed late';

export type Anchored =
  | { readonly kind: 'media'; readonly mediaMs: number }
  /** A new base begins with this tag: the stamps jumped, or what comes has stayed late. */
  | { readonly kind: 'jump'; readonly mediaMs: number; readonly why: BaseReason }
  /** A straggler from before a jump. */
  | { readonly kind: 'stale' };

export class Anchor {
  #offsetMs: number | undefined;
  #targetMs: number | undefined;
  #windowMinimumMs = Number.POSITIVE_INFINITY;
  #windowEndMs = 0;
  #lastArrivalMs = 0;
  #priorOffsetMs: number | undefined;
  #newestMediaMs = Number.NEGATIVE_INFINITY;
  /** Newest stamp of any kind, and of each kind, on the present base. */
  #newestStamp: number | undefined;
  #stamps = new Map<number, number>();
  #oldStamps = new Map<number, number>();
  #staleUntilMs = Number.NEGATIVE_INFINITY;
  /** What is added to stamps of a kind, since its origin is not that of the others. */
  readonly #shifts = new Map<number, number>();
  #lastVideoMs = Number.NEGATIVE_INFINITY;
  /** Where the picture was when it stepped back, and when that was. */
  #step: { readonly fromStamp: number; readonly sinceMs: number } | undefined;
  /** Since when everything has come late. */
  #lateSinceMs: number | undefined;
  /** When sound began to be apart from pictures that go on, and its smallest delay since then. */
  #apart: { readonly sinceMs: number; readonly minimumMs: number } | undefined;

  /** Media time minus stamp, in ms; undefined before the first tag. */
  get offsetMs(): number | undefined {
    return this.#offsetMs;
  }

  /** What to add to a kind's stamps to have all kinds on one origin. */
  shiftMsOf(track: number): number {
    return this.#shifts.get(track) ?? 0;
  }

  /**
   * Before the first tag: an Anchor before this one had put this stamp at this media time. It goes on from there, if the first tag
   * shows that its stamps are of the same base.
   */
  carryOn(stampMs: number, mediaMs: number): void {
    this.#priorOffsetMs = mediaMs - stampMs;
  }

  /** `track` is the tag's kind, `stampMs` unwrapped, `arrivalMs` UTC of the socket read. */
  place(track: number, stampMs: number, arrivalMs: number): Anchored {
    if (track === VIDEO) this.#lastVideoMs = arrivalMs;
    const offsetMs = this.#offsetMs;
    if (offsetMs === undefined) {
      this.#begin(track, stampMs, arrivalMs);
      const prior = this.#priorOffsetMs;
      if (prior !== undefined && Math.abs(arrivalMs - stampMs - prior) < FOREIGN_MS) this.#offsetMs = prior;
      return { kind: 'media', mediaMs: this.#media(stampMs) };
    }
    if (this.#hasSteppedBack(track, stampMs, arrivalMs))
      return this.#newBase(track, stampMs, arrivalMs, 'the stamps jumped');
    this.#noticeOrigin(track, stampMs, arrivalMs, offsetMs);
    const common = stampMs + this.shiftMsOf(track);
    const isJump =
      this.#isJump(track, common, arrivalMs, offsetMs) || this.#isSoundAside(track, common, arrivalMs, offsetMs);
    if (track !== VIDEO && !isJump) this.#apart = undefined;
    if (isJump && track !== VIDEO && this.#isVideoAlive(arrivalMs)) return this.#placeApart(track, stampMs, arrivalMs);
    if (isJump) return this.#jump(track, common, arrivalMs);
    if (this.#staysLate(track, common, arrivalMs, offsetMs))
      return this.#newBase(track, stampMs, arrivalMs, 'the media stayed late');
    return this.#go(track, common, arrivalMs);
  }

  /** The first tag of its kind may be of another origin: it is placed by its arrival. */
  #noticeOrigin(track: number, stampMs: number, arrivalMs: number, offsetMs: number): void {
    if (this.#stamps.has(track) || this.#oldStamps.has(track) || this.#shifts.has(track)) return;
    const byMs = arrivalMs - offsetMs - stampMs;
    if (Math.abs(byMs) > FOREIGN_MS) this.#shifts.set(track, byMs);
  }

  /**
   * Beside a picture that goes on, sound is held to the same second both ways: what was put back to the picture must not stay
   * away from it when its stamps are set right. Time goes on while it is apart: what jumped back comes to where it was, too late.
   */
  #isSoundAside(track: number, stampMs: number, arrivalMs: number, offsetMs: number): boolean {
    if (track === VIDEO || !this.#isVideoAlive(arrivalMs)) return false;
    const aheadMs = stampMs + offsetMs - arrivalMs;
    if (this.#apart !== undefined) return Math.abs(aheadMs) > BACKWARD_JUMP_MS;
    return aheadMs > BACKWARD_JUMP_MS && stampMs - (this.#stamps.get(track) ?? stampMs) > BACKWARD_JUMP_MS;
  }

  #isVideoAlive(arrivalMs: number): boolean {
    return arrivalMs - this.#lastVideoMs < STALE_MS;
  }

  /** Sound jumped and pictures go on. Either they follow at once, or the sound is put back to them; neither begins a new base. */
  #placeApart(track: number, stampMs: number, arrivalMs: number): Anchored {
    const { sinceMs = arrivalMs, minimumMs = Number.POSITIVE_INFINITY } = this.#apart ?? {};
    const apart = { sinceMs, minimumMs: Math.min(minimumMs, arrivalMs - stampMs) };
    this.#apart = apart;
    if (arrivalMs - sinceMs < APART_MS) return { kind: 'stale' };
    this.#apart = undefined;
    // Both came over the same network: their smallest delays are the same.
    const smallestMs = Math.min(this.#windowMinimumMs, this.#targetMs ?? Number.POSITIVE_INFINITY);
    this.#shifts.set(track, apart.minimumMs - smallestMs);
    return this.#go(track, stampMs + this.shiftMsOf(track), arrivalMs);
  }

  #hasSteppedBack(track: number, stampMs: number, arrivalMs: number): boolean {
    const previous = this.#stamps.get(track);
    if (track !== VIDEO || previous === undefined) return false;
    const step = this.#step;
    if (step === undefined || stampMs >= step.fromStamp || stampMs < previous) {
      const isStep = stampMs < previous - STEP_BACK_MS;
      this.#step = isStep ? { fromStamp: previous, sinceMs: arrivalMs } : undefined;
      return false;
    }
    return arrivalMs - step.sinceMs >= STEP_SEEN_MS;
  }

  /** True for a picture when each tag of the last ten seconds was late. */
  #staysLate(track: number, stampMs: number, arrivalMs: number, offsetMs: number): boolean {
    const isLate = arrivalMs - stampMs - offsetMs > LATE_MS;
    this.#lateSinceMs = isLate ? (this.#lateSinceMs ?? arrivalMs) : undefined;
    return track === VIDEO && this.#lateSinceMs !== undefined && arrivalMs - this.#lateSinceMs >= STAYS_LATE_MS;
  }

  /** Begins with this tag; what comes of the other kind has stepped with it already, or stays where its publisher says. */
  #newBase(track: number, stampMs: number, arrivalMs: number, why: BaseReason): Anchored {
    this.#stamps = new Map();
    this.#apart = undefined;
    this.#begin(track, stampMs, arrivalMs);
    return { kind: 'jump', mediaMs: this.#media(stampMs), why };
  }

  #jump(track: number, stampMs: number, arrivalMs: number): Anchored {
    const before = this.#oldStamps.get(track);
    if (arrivalMs < this.#staleUntilMs && before !== undefined && Math.abs(stampMs - before) < BACKWARD_JUMP_MS)
      return { kind: 'stale' };
    this.#oldStamps = this.#stamps;
    this.#staleUntilMs = arrivalMs + STALE_MS;
    return this.#newBase(track, stampMs, arrivalMs, 'the stamps jumped');
  }

  #go(track: number, stampMs: number, arrivalMs: number): Anchored {
    this.#slew(arrivalMs);
    this.#observe(stampMs, arrivalMs);
    this.#stamps.set(track, stampMs);
    this.#newestStamp = Math.max(this.#newestStamp ?? stampMs, stampMs);
    return { kind: 'media', mediaMs: this.#media(stampMs) };
  }

  #media(stampMs: number): number {
    const mediaMs = stampMs + (this.#offsetMs ?? 0);
    this.#newestMediaMs = Math.max(this.#newestMediaMs, mediaMs);
    return mediaMs;
  }

  /** A new base never goes behind the media time already given. */
  #begin(track: number, stampMs: number, arrivalMs: number): void {
    this.#offsetMs = Math.max(arrivalMs, this.#newestMediaMs) - stampMs;
    this.#targetMs = undefined;
    this.#lateSinceMs = undefined;
    this.#step = undefined;
    this.#windowMinimumMs = arrivalMs - stampMs;
    this.#windowEndMs = arrivalMs + FIRST_WINDOW_MS;
    this.#lastArrivalMs = arrivalMs;
    this.#newestStamp = stampMs;
    this.#stamps.set(track, stampMs);
  }

  #isJump(track: number, stampMs: number, arrivalMs: number, offsetMs: number): boolean {
    const previous = this.#stamps.get(track) ?? this.#newestStamp ?? stampMs;
    if (stampMs < previous - BACKWARD_JUMP_MS) return true;
    return stampMs - previous > FORWARD_JUMP_MS && stampMs + offsetMs - arrivalMs > FORWARD_JUMP_MS;
  }

  #slew(arrivalMs: number): void {
    const elapsedMs = Math.max(0, arrivalMs - this.#lastArrivalMs);
    this.#lastArrivalMs = Math.max(arrivalMs, this.#lastArrivalMs);
    if (this.#targetMs === undefined || this.#offsetMs === undefined) return;
    const most = elapsedMs * SLEW_PER_MS;
    const wanted = this.#targetMs - this.#offsetMs;
    this.#offsetMs += Math.max(-most, Math.min(most, wanted));
  }

  #observe(stampMs: number, arrivalMs: number): void {
    if (arrivalMs >= this.#windowEndMs) {
      this.#targetMs = this.#windowMinimumMs;
      this.#windowMinimumMs = Number.POSITIVE_INFINITY;
      this.#windowEndMs = arrivalMs + WINDOW_MS;
    }
    this.#windowMinimumMs = Math.min(this.#windowMinimumMs, arrivalMs - stampMs);
  }
}
