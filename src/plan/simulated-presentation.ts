/**
 * A presentation as a Channel would have it in the middle of a Segment, with a full window, made of a plan alone: what manifests are
 * rendered from to know their size. It never encodes and never reads a clock.
 * Invariant: Segments and parts lie on the Grid, and their sizes are what the plan promises on average.
 */
import type { InitSegment } from '../cmaf/isobmff/model.ts';
import { generationOf, initHashOf } from '../package/generation.ts';
import {
  AUDIO_RATE,
  audioPartStart,
  audioStart,
  type Grid,
  indexAt,
  startMsOf,
  videoPartTicks,
} from '../package/grid.ts';
import type { CommittedSegment, PartRecord, Period, Presentation, SegmentRecord, Track } from '../package/model.ts';
import type { VideoTrackPlan } from '../transcode/model.ts';
import { trackFactsOf } from '../transcode/track-facts.ts';
import type { Served } from './case.ts';

/** Any instant gives texts of the same length; this one has the numbers of our years. */
const NOW_MS = Date.UTC(2026, 10, 21, 18);

/** With `windowMs` of whole Segments, and half of the parts of the next where there are parts. */
export function simulatedPresentation(served: Served, windowMs: number): Presentation {
  const { grid } = served;
  const next = indexAt(grid, NOW_MS);
  const count = Math.ceil(windowMs / grid.segmentMs);
  const period = periodOf(served, next - count);
  const segments = Array.from({ length: count }, (_, n) => segmentOf(period, next - count + n));
  const half = Math.ceil(grid.partsPerSegment / 2);
  return {
    segments,
    open:
      served.partMs === undefined
        ? undefined
        : {
            number: next,
            period,
            tracks: new Map(period.tracks.map((track) => [track.id, partsOf(grid, track, next).slice(0, half)])),
          },
    changedMs: startMsOf(grid, next),
    mpdChangedMs: startMsOf(grid, next - count),
    ended: false,
  };
}

function periodOf({ grid, plan }: Served, startIndex: number): Period {
  const pictures = new Map(plan.video.map((track) => [track.id, track]));
  const tracks = trackFactsOf(plan).map((facts): Track => {
    const init = headerOf(facts.id, grid, pictures.get(facts.id));
    return { ...facts, init, initHash: initHashOf(init.bytes) };
  });
  return {
    id: '1',
    ordinal: 1,
    gen: generationOf(grid, 0, 1, 'planned'),
    grid,
    startNumber: startIndex,
    startIndex,
    tracks,
    announcedMs: startMsOf(grid, startIndex),
  };
}

/** What manifests say of a header; it has no boxes. */
function headerOf(id: string, grid: Grid, picture: VideoTrackPlan | undefined): InitSegment {
  return {
    bytes: Buffer.from(id),
    trackId: 1,
    kind: picture === undefined ? 'audio' : 'video',
    timescale: picture === undefined ? AUDIO_RATE : grid.videoTimescale,
    codec: picture === undefined ? 'mp4a.40.2' : avcCodec(picture),
    language: 'und',
    brands: [],
    width: picture?.width,
    height: picture?.height,
    sampleRate: picture === undefined ? AUDIO_RATE : undefined,
    channels: undefined,
    defaults: { durationTicks: 0, sizeBytes: 0, flags: 0 },
  };
}

const PROFILE_HEX = { baseline: '42c0', main: '4d40', high: '6400' } as const;

/** RFC 6381 3.3: profile, constraints and level in hexadecimal. */
function avcCodec({ profile, level }: VideoTrackPlan): string {
  const levelHex = Math.round(Number(level) * 10)
    .toString(16)
    .padStart(2, '0');
  return `avc1.${PROFILE_HEX[profile]}${levelHex}`;
}

function segmentOf(period: Period, index: number): CommittedSegment {
  const { grid } = period;
  const endMs = startMsOf(grid, index + 1);
  return {
    number: index,
    period,
    tracks: new Map(period.tracks.map((track) => [track.id, recordOf(period, track, index)])),
    source: 'live',
    endMs,
    committedMs: endMs,
  };
}

function recordOf({ grid, gen }: Period, track: Track, index: number): SegmentRecord {
  const isVideo = track.kind === 'video';
  const startTicks = isVideo ? index * grid.segmentTicks : audioStart(grid, index);
  const parts = partsOf(grid, track, index);
  return {
    number: index,
    gen,
    startTicks,
    durationTicks: isVideo ? grid.segmentTicks : audioStart(grid, index + 1) - startTicks,
    timescale: track.init.timescale,
    source: 'live',
    parts,
    sizeBytes: parts.reduce((sum, part) => sum + part.sizeBytes, 0),
  };
}

function partsOf(grid: Grid, track: Track, index: number): PartRecord[] {
  const sizeBytes = Math.round((track.averageBps * grid.segmentMs) / grid.partsPerSegment / 8000);
  return Array.from({ length: grid.partsPerSegment }, (_, part) => ({
    durationTicks:
      track.kind === 'video'
        ? videoPartTicks(grid)
        : audioPartStart(grid, index, part + 1) - audioPartStart(grid, index, part),
    isIndependent: track.kind === 'audio' || part === 0,
    sizeBytes,
  }));
}
