/**
 * What bounds the origin: how many, how much and how long. It never counts anything itself.
 * Invariant: nothing here loads a room, for the port is open before the rest of the program is there (listener.ts).
 */
import type { LoadLimits } from './load.ts';

export interface OriginLimits extends LoadLimits {
  /** Requests held for objects to come, growing ones included; over it 503, for playlists from four fifths on. */
  readonly waiters: number;
  /** Open connections; over it new ones are dropped, and holds and playlists get 503 from four fifths on. */
  readonly connections: number;
  /** Bytes of bodies that clients have not taken yet; over it 503, for holds and playlists from four fifths on. */
  readonly bytesInFlight: number;
  /** Requests under way on one connection; over it 503. CDNs do not pipeline. */
  readonly pipelined: number;
  /** Request line and header fields in bytes; over it 431. Holds a 64 kB query, which then gets its 414. */
  readonly headerBytes: number;
  /** A client that takes no byte of its answer for this long is cut off. */
  readonly stallMs: number;
  /** Longest time one body may take in all. */
  readonly bodyMs: number;
  /** Longest time a whole request may take to arrive, after which it gets 408. */
  readonly requestMs: number;
  /** Longer than the keep-alive of CDNs (60 s), so that it is they who close. */
  readonly keepAliveMs: number;
  /** How long bodies of Segments under way may go on after drain: a Segment, and what it may be late. */
  readonly growMs: number;
  /** How long bodies may go on after drain or close. */
  readonly closeMs: number;
}

export const ORIGIN_LIMITS: OriginLimits = {
  waiters: 16_000,
  connections: 16_000,
  bytesInFlight: 4 * 1024 ** 3,
  pipelined: 32,
  headerBytes: 96 * 1024,
  stallMs: 30_000,
  bodyMs: 120_000,
  requestMs: 20_000,
  keepAliveMs: 65_000,
  growMs: 2800,
  closeMs: 4000,
};
