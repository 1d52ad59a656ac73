/**
 * The door of this room: what a case asks of edges, shields, origin, memory and encoder. Pure arithmetic over the functions that
 * make the manifests and the arguments.
 * It never knows a price or a product. Invariant: what the origin is asked never grows with the number of viewers.
 */
import { RETENTION_MS } from '../config/latency-timing.ts';
import { framesPerSecond } from '../system/frame-rate.ts';
import { trackFactsOf } from '../transcode/track-facts.ts';
import { HOT_BOUNDS, UNSTORED_BOUNDS } from '../window/resident-segments.ts';
import { type CapacityCase, mixServed, PLAYERS, type Player, type Served, servedOf } from './case.ts';
import { expectedLatency, type LatencyRange } from './expected-latency.ts';
import {
  answersPerSecond,
  type Counts,
  countsOf,
  mapCounts,
  REQUEST_KINDS,
  startRequests,
  sumOf,
  viewerRequests,
} from './requests.ts';
import { type TextSize, textSizes } from './text-sizes.ts';

/** Requests a second by kind, and their sum. */
export interface Tier {
  readonly byKind: Counts;
  readonly requestsPerSecond: number;
  /** Bits a second that leave the tier. */
  readonly egressBps: number;
}

interface Encoding {
  /** Pictures encoded, in millions of pixels a second. */
  readonly megapixelsPerSecond: number;
  readonly rungs: number;
  /** Cores that the encoder keeps busy; undefined until measured. */
  readonly cores: number | undefined;
}

export interface Capacity {
  readonly segmentMs: number;
  readonly partMs: number | undefined;
  /** What it is that is encoded: `720p 1280x720`, and what was left out. */
  readonly rungs: readonly string[];
  readonly dropped: readonly string[];
  readonly players: readonly {
    readonly player: Player;
    readonly share: number;
    readonly requestsPerSecond: number;
    readonly latency: LatencyRange;
  }[];
  readonly edge: Tier;
  readonly shield: Tier;
  readonly origin: Tier;
  /** All viewers coming within `joinSeconds`: requests a second more at the edge. */
  readonly joinRequestsPerSecond: number;
  /** BANDWIDTH and AVERAGE-BANDWIDTH of the largest variant. */
  readonly top: { readonly id: string; readonly peakBps: number; readonly averageBps: number };
  readonly windowBytes: { readonly average: number; readonly peak: number };
  /** Of a window on disk: what is in memory as well, at most, and as long as the disk is out of order beside it. */
  readonly residentBytes: { readonly usual: number; readonly diskOut: number };
  readonly texts: readonly TextSize[];
  readonly encoding: Encoding;
}

export type CapacityResult =
  | { readonly kind: 'ok'; readonly capacity: Capacity }
  | { readonly kind: 'bad'; readonly reason: string };

/** `cores`: what the encoder was measured to take. `bad`: no encoder could be asked for this. */
export function capacityOf(asked: CapacityCase, cores?: number): CapacityResult {
  const served = servedOf(asked);
  if (served.kind === 'bad') return served;
  const { grid, plan, partMs } = served;
  const mix = mixServed(asked.mix, served);
  const texts = textSizes(asked, served);
  const encoded = plan.video.filter(({ isCopy }) => !isCopy);
  return {
    kind: 'ok',
    capacity: {
      segmentMs: grid.segmentMs,
      partMs,
      rungs: plan.video.map(({ id, width, height }) => `${id} ${width}x${height}`),
      dropped: plan.dropped.map(({ id, reason }) => `${id}: ${reason}`),
      players: PLAYERS.filter((player) => mix[player] > 0).map((player) => ({
        player,
        share: mix[player],
        requestsPerSecond: sumOf(viewerRequests(player, served)),
        latency: expectedLatency(player, asked, served),
      })),
      ...tiersOf(asked, served, texts),
      joinRequestsPerSecond: sumOf(audience(asked, mix, (player) => startRequests(player, served))) / asked.joinSeconds,
      top: topOf(served),
      windowBytes: windowOf(asked, served),
      residentBytes: residentOf(served),
      texts,
      encoding: {
        megapixelsPerSecond: encoded.reduce(
          (sum, { width, height, frameRate }) => sum + (width * height * framesPerSecond(frameRate)) / 1e6,
          0,
        ),
        rungs: encoded.length,
        cores,
      },
    },
  };
}

/** What all viewers together ask. */
function audience(
  { viewers }: CapacityCase,
  mix: CapacityCase['mix'],
  countsOfOne: (player: Player) => Counts,
): Counts {
  const each = PLAYERS.map((player) => ({ viewers: viewers * mix[player], counts: countsOfOne(player) }));
  return countsOf(
    Object.fromEntries(
      REQUEST_KINDS.map((kind) => [kind, each.reduce((sum, one) => sum + one.viewers * one.counts[kind], 0)]),
    ),
  );
}

function tiersOf(
  asked: CapacityCase,
  served: Served,
  texts: readonly TextSize[],
): Pick<Capacity, 'edge' | 'shield' | 'origin'> {
  const mix = mixServed(asked.mix, served);
  const missed = 1 - asked.offload;
  const edge = audience(asked, mix, (player) => viewerRequests(player, served));
  const shield = mapCounts(edge, (count) => count * missed);
  const answers = answersPerSecond(mix, served);
  // A shield fetches an answer once, however many ask; and never oftener than it is asked.
  const origin = mapCounts(answers, (count, kind) => Math.min(count * asked.shields, playing(shield[kind])));
  const edgeBps = asked.viewers * topOf(served).averageBps + textBps(edge, texts);
  return {
    edge: tier(edge, edgeBps),
    shield: tier(shield, edgeBps * missed),
    origin: tier(origin, originMediaBps(served, origin) + textBps(origin, texts)),
  };
}

/** Fetches of a kind are bounded by what is asked of it; nobody asking is no bound on lists that live for a second. */
function playing(requestsPerSecond: number): number {
  return requestsPerSecond === 0 ? Number.POSITIVE_INFINITY : requestsPerSecond;
}

function tier(byKind: Counts, egressBps: number): Tier {
  return { byKind, requestsPerSecond: sumOf(byKind), egressBps };
}

function textBps(counts: Counts, texts: readonly TextSize[]): number {
  const bitsOf = (name: TextSize['text']): number => 8 * (texts.find(({ text }) => text === name)?.gzipBytes ?? 0);
  return (
    counts.multivariant * bitsOf('master.m3u8') +
    counts.playlist * bitsOf('media.m3u8') +
    counts.mpd * bitsOf('manifest.mpd')
  );
}

/** Of each kind of object all Tracks together, by the mean size of one. */
function originMediaBps({ grid, plan, partMs }: Served, origin: Counts): number {
  const facts = trackFactsOf(plan);
  const meanBps = facts.reduce((sum, { averageBps }) => sum + averageBps, 0) / Math.max(1, facts.length);
  return (meanBps / 1000) * (origin.segment * grid.segmentMs + origin.part * (partMs ?? 0));
}

/** The largest picture with the dearest sound: what HLS says of the first variant. */
function topOf({ plan }: Served): Capacity['top'] {
  const facts = trackFactsOf(plan);
  const of = (kind: 'video' | 'audio', rate: 'peakBps' | 'averageBps'): number =>
    Math.max(0, ...facts.filter((track) => track.kind === kind).map((track) => track[rate]));
  return {
    id: plan.video[0]?.id ?? plan.audio[0]?.id ?? '',
    peakBps: of('video', 'peakBps') + of('audio', 'peakBps'),
    averageBps: of('video', 'averageBps') + of('audio', 'averageBps'),
  };
}

/** A part is a view of its Segment, so a byte is held once; Segments stay fetchable for a while after they left every list. */
function windowOf({ windowMs }: CapacityCase, { plan }: Served): Capacity['windowBytes'] {
  const facts = trackFactsOf(plan);
  const bytes = (rate: 'peakBps' | 'averageBps'): number =>
    Math.round((facts.reduce((sum, track) => sum + track[rate], 0) * (windowMs + RETENTION_MS)) / 8000);
  return { average: bytes('averageBps'), peak: bytes('peakBps') };
}

/** Bounded by time and by bytes, by the window itself. */
function residentOf({ plan }: Served): Capacity['residentBytes'] {
  const peakBps = trackFactsOf(plan).reduce((sum, track) => sum + track.peakBps, 0);
  const within = ({ ms, bytes }: typeof HOT_BOUNDS): number => Math.min(bytes, Math.round((peakBps * ms) / 8000));
  return { usual: within(HOT_BOUNDS), diskOut: within(UNSTORED_BOUNDS) };
}
