/**
 * How long caches may keep what is made here, in seconds: what the cache policy says and what capacity is counted from.
 * It never names a header field. Invariant: a text's life is at most the time in which players expect it to change.
 */
export const LIFETIME_SECONDS = {
  /** Changes only with the set of Tracks; an old one may name a Track that was withdrawn. */
  multivariant: 5,
  /** In shared caches: browsers ask for it once, so that the edges' copy is what is asked for. */
  multivariantInCdn: 30,
  /** Grows by a Segment every few seconds; 1 s is the finest life there is. */
  playlist: 1,
  /** RFC 8216bis, appendix B: 6 x target duration; of Segments of 2 s, the shortest that ladders have with parts. */
  blockedPlaylist: 6 * 2,
  /** Never older than minimumUpdatePeriod. */
  mpd: 2,
  /** One URL has one body for ever; a day outlives every window. */
  media: 86_400,
  /** Edges answer it themselves. */
  time: 1,
} as const;

/** minimumUpdatePeriod: with Segments shorter than an MPD's life players need not ask oftener. */
export function mpdUpdateMs(segmentMs: number): number {
  return Math.max(LIFETIME_SECONDS.mpd * 1000, segmentMs);
}
