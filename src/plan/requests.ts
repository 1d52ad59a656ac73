/**
 * Requests as counts: what one viewer asks in a second, what it asks to begin with, and how many different answers there are
 * for a cache to fetch. It never counts a cache twice. Invariant: what a cache fetches does not depend on the number of viewers.
 */
import { LIFETIME_SECONDS, mpdUpdateMs } from '../package/lifetimes.ts';
import type { CapacityCase, Player, Served } from './case.ts';

export type RequestKind = 'multivariant' | 'playlist' | 'mpd' | 'segment' | 'part' | 'init' | 'time';

export const REQUEST_KINDS: readonly RequestKind[] = [
  'multivariant',
  'playlist',
  'mpd',
  'segment',
  'part',
  'init',
  'time',
];

/** Per second, or per start. */
export type Counts = Readonly<Record<RequestKind, number>>;

export function countsOf(some: Partial<Counts>): Counts {
  return { multivariant: 0, playlist: 0, mpd: 0, segment: 0, part: 0, init: 0, time: 0, ...some };
}

export function sumOf(counts: Counts): number {
  return REQUEST_KINDS.reduce((sum, kind) => sum + counts[kind], 0);
}

export function mapCounts(counts: Counts, change: (count: number, kind: RequestKind) => number): Counts {
  return countsOf(Object.fromEntries(REQUEST_KINDS.map((kind) => [kind, change(counts[kind], kind)])));
}

/** A viewer plays one picture and one sound, where there are both. */
function playedTracks({ plan }: Served): number {
  return Math.min(1, plan.video.length) + Math.min(1, plan.audio.length);
}

/**
 * Steady play of one viewer, requests a second. All players of HLS block for the next Segment or part (CAN-BLOCK-RELOAD), so each
 * list is asked for once for each; DASH asks for the MPD once in minimumUpdatePeriod.
 */
export function viewerRequests(player: Player, served: Served): Counts {
  const tracks = playedTracks(served);
  const { segmentMs } = served.grid;
  const perSegment = (1000 * tracks) / segmentMs;
  switch (player) {
    case 'hls':
      return countsOf({ playlist: perSegment, segment: perSegment });
    case 'll-hls': {
      const perPart = (1000 * tracks) / (served.partMs ?? segmentMs);
      return countsOf({ playlist: perPart, part: perPart });
    }
    case 'dash':
    case 'll-dash':
      return countsOf({ mpd: 1000 / mpdUpdateMs(segmentMs), segment: perSegment });
  }
}

/** What one viewer asks once, before it plays on as above. */
export function startRequests(player: Player, served: Served): Counts {
  const tracks = playedTracks(served);
  return player === 'hls' || player === 'll-hls'
    ? countsOf({ multivariant: 1, playlist: tracks, init: tracks })
    : countsOf({ mpd: 1, time: 1, init: tracks });
}

/**
 * Different answers a second, each of which a cache that collapses requests fetches once: at most so much comes from each shield.
 * A list is fetched under its plain address once a life, and under each blocking address once. `/time` is the edges' own.
 */
export function answersPerSecond(mix: CapacityCase['mix'], served: Served): Counts {
  const tracks = served.plan.video.length + served.plan.audio.length;
  const { segmentMs } = served.grid;
  const perSegment = (1000 * tracks) / segmentMs;
  const perPart = (1000 * tracks) / (served.partMs ?? segmentMs);
  const hasParts = mix['ll-hls'] > 0;
  const hasHls = mix.hls > 0 || hasParts;
  const hasDash = mix.dash > 0 || mix['ll-dash'] > 0;
  const when = (condition: boolean, count: number): number => (condition ? count : 0);
  return countsOf({
    multivariant: when(hasHls, 1 / LIFETIME_SECONDS.multivariantInCdn),
    playlist:
      when(hasHls, tracks / LIFETIME_SECONDS.playlist) + when(mix.hls > 0, perSegment) + when(hasParts, perPart),
    mpd: when(hasDash, 1 / LIFETIME_SECONDS.mpd),
    segment: when(mix.hls > 0 || hasDash, perSegment),
    part: when(hasParts, perPart),
  });
}
