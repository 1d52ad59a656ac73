/**
 * What the origin carries now, and what it refuses before it carries too much: holds and playlists first, media last, because
 * who has a playlist already can play on, and who gets none asks again in a second.
 * It never refuses what is under way. Invariant: below its limits nothing is refused, and at its limits nothing is let in.
 */
import type { ObjectKind } from './cache-policy.ts';

/** What a request would cost: an answer now, or a wait. */
export type Work = 'text' | 'media' | 'held-text' | 'held-media';

/** Label of `pitchside_shed_total`. */
export type ShedReason = 'waiters' | 'connections' | 'bytes' | 'pipelined' | 'slow-reader' | 'slow-request';

export interface LoadLimits {
  readonly waiters: number;
  readonly connections: number;
  readonly bytesInFlight: number;
}

/** Playlists and holds are refused from this share of a limit on; the rest of it is kept for media. */
const SHARE_WITHOUT_RESERVE = 0.8;

export interface LoadOptions {
  readonly limits: LoadLimits;
  /** Requests held now. */
  readonly waiting: () => number;
  /** Connections open now. */
  readonly connected: () => number;
  /** Told after each change. */
  readonly onBytes: (bytesInFlight: number) => void;
  readonly onShed: (kind: ObjectKind, reason: ShedReason) => void;
}

export class Load {
  readonly #options: LoadOptions;
  #bytesInFlight = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  /** Why this must get 503 now, counted; undefined: it may go on. */
  refuses(work: Work, kind: ObjectKind): ShedReason | undefined {
    const reason = this.#reason(work);
    if (reason !== undefined) this.#options.onShed(kind, reason);
    return reason;
  }

  shed(kind: ObjectKind, reason: ShedReason): void {
    this.#options.onShed(kind, reason);
  }

  /** A body is on its way to a client that has not taken all of it; the returned function says that it is out, once. */
  sending(bytes: number): () => void {
    this.#change(bytes);
    let isOut = false;
    return () => {
      if (!isOut) this.#change(-bytes);
      isOut = true;
    };
  }

  #reason(work: Work): ShedReason | undefined {
    const { limits, waiting, connected } = this.#options;
    const share = work === 'media' || work === 'held-media' ? 1 : SHARE_WITHOUT_RESERVE;
    const isHeld = work === 'held-text' || work === 'held-media';
    if (isHeld && waiting() >= limits.waiters * share) return 'waiters';
    if (this.#bytesInFlight >= limits.bytesInFlight * share) return 'bytes';
    // Media that is there is answered on each connection that was let in; above the limit none is.
    if (work !== 'media' && connected() > limits.connections * SHARE_WITHOUT_RESERVE) return 'connections';
    return undefined;
  }

  #change(by: number): void {
    this.#bytesInFlight += by;
    this.#options.onBytes(this.#bytesInFlight);
  }
}
