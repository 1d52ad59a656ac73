/**
 * The Grid of a Channel: where Segments and parts begin, for ever, by arithmetic on media time (UTC ms since 1970).
 * It never counts and never looks at a clock: index = floor(media time / Segment duration).
 * Invariant: a Segment is a whole number of frames and of ms; a part is a whole number of frames of every Track.
 */

/** A frame rate as an exact fraction. */
export interface Rate {
  readonly num: number;
  readonly den: number;
}

export interface Grid {
  readonly frameRate: Rate;
  /** Frames of a full-rate video Track in one Segment. */
  readonly segmentFrames: number;
  readonly partsPerSegment: number;
  /** Exact: 2000 at whole rates, 2002 at NTSC rates, for a nominal 2 s. */
  readonly segmentMs: number;
  readonly videoTimescale: number;
  /** Segment duration in ticks of videoTimescale. */
  readonly segmentTicks: number;
}

/** The one sampling rate of the service and the length of an AAC access unit (ISO/IEC 14496-3: 1024 samples). */
export const AUDIO_RATE = 48_000;
export const AUDIO_UNIT = 1024;

/**
 * The Grid for a frame rate: nominal seconds, times 1.001 at NTSC rates, parts as near to partMs as whole frames allow.
 * Even numbers of frames per part are preferred so that half-rate rungs share the part grid: always above 30 fps, where there
 * are such rungs; below unless that misses the wanted duration by far (25 fps: 0.2 s is 5 frames of 50).
 */
export function makeGrid(frameRate: Rate, segmentSeconds: number, partMs = 400): Grid {
  const isNtsc = frameRate.den === 1001;
  const nominal = isNtsc ? frameRate.num / 1000 : frameRate.num / frameRate.den;
  const segmentFrames = nominal * segmentSeconds;
  const segmentMs = segmentSeconds * (isNtsc ? 1001 : 1000);
  const videoTimescale = isNtsc ? frameRate.num : 90_000;
  const ticksPerFrame = (videoTimescale * frameRate.den) / frameRate.num;
  if (!Number.isSafeInteger(segmentFrames) || !Number.isSafeInteger(ticksPerFrame)) {
    throw new RangeError(
      `no whole number of frames or ticks at ${frameRate.num}/${frameRate.den} x ${segmentSeconds} s`,
    );
  }
  const partsPerSegment = choosePartCount(frameRate, segmentFrames, segmentMs, partMs);
  return {
    frameRate,
    segmentFrames,
    partsPerSegment,
    segmentMs,
    videoTimescale,
    segmentTicks: segmentFrames * ticksPerFrame,
  };
}

/** Above this a rung may have half the rate (as in the plan), so its parts must be whole frames too. */
const MOST_FULL_RATE = 30.5;
/** Even parts that are shorter or longer than this share of the wanted duration are no use where nobody needs them even. */
const EVEN_SHARES = [0.6, 1.5] as const;

function choosePartCount(frameRate: Rate, segmentFrames: number, segmentMs: number, partMs: number): number {
  const even = nearestCount(segmentFrames, segmentMs, partMs, segmentFrames % 2 === 0 ? 2 : 1);
  const share = segmentMs / even / partMs;
  const isNear = share >= EVEN_SHARES[0] && share <= EVEN_SHARES[1];
  if (isNear || frameRate.num / frameRate.den > MOST_FULL_RATE) return even;
  return nearestCount(segmentFrames, segmentMs, partMs, 1);
}

/** Parts are whole multiples of `step` frames. */
function nearestCount(segmentFrames: number, segmentMs: number, partMs: number, step: 1 | 2): number {
  let best = 1;
  for (let count = 1; count <= segmentFrames; count++) {
    const frames = segmentFrames / count;
    if (!Number.isInteger(frames) || frames % step !== 0) continue;
    if (Math.abs(segmentMs / count - partMs) < Math.abs(segmentMs / best - partMs)) best = count;
  }
  return best;
}

export function sameGrid(a: Grid, b: Grid): boolean {
  return (
    a.frameRate.num === b.frameRate.num &&
    a.frameRate.den === b.frameRate.den &&
    a.segmentMs === b.segmentMs &&
    a.partsPerSegment === b.partsPerSegment
  );
}

/** Index of the Segment that holds this media time. */
export function indexAt(grid: Grid, mediaMs: number): number {
  return Math.floor(mediaMs / grid.segmentMs);
}

export function startMsOf(grid: Grid, index: number): number {
  return index * grid.segmentMs;
}

/** First tick of a video Segment, in grid.videoTimescale. */
export function videoStartTicks(grid: Grid, index: number): number {
  return index * grid.segmentTicks;
}

/** Duration of one video part in ticks: whole frames, also of a half-rate rung. */
export function videoPartTicks(grid: Grid): number {
  return grid.segmentTicks / grid.partsPerSegment;
}

/** Media time in ms where a part begins; a fraction of a ms at NTSC rates. `part` may be the count: the Segment's end. */
export function partStartMs(grid: Grid, index: number, part: number): number {
  return index * grid.segmentMs + (part * grid.segmentMs) / grid.partsPerSegment;
}

/** Part of a video Segment in which an offset from the Segment's start lies. */
export function videoPartAt(grid: Grid, offsetTicks: number): number {
  return Math.floor((offsetTicks * grid.partsPerSegment) / grid.segmentTicks);
}

function samplesPerSegment(grid: Grid): number {
  return grid.segmentMs * (AUDIO_RATE / 1000);
}

/**
 * First sample of part `part` of an audio Segment: the first access unit of the absolute 1024-sample grid
 * that starts at or after the boundary, so audio is within one access unit of video (DASH-IF live guidelines).
 */
export function audioPartStart(grid: Grid, index: number, part: number): number {
  const boundaryTimesParts = (index * grid.partsPerSegment + part) * samplesPerSegment(grid);
  return Math.ceil(boundaryTimesParts / (grid.partsPerSegment * AUDIO_UNIT)) * AUDIO_UNIT;
}

/** First sample of an audio Segment; the same whatever the number of parts. */
export function audioStart(grid: Grid, index: number): number {
  return Math.ceil((index * samplesPerSegment(grid)) / AUDIO_UNIT) * AUDIO_UNIT;
}

/** Index of the Segment that an access unit starting at `sample` belongs to. */
export function audioIndexAt(grid: Grid, sample: number): number {
  return Math.floor(sample / samplesPerSegment(grid));
}

/**
 * Sample position of a worker's zero, the start of part `part` of Segment `index`, in the absolute audio timeline. At NTSC rates a
 * part begins between two samples: the nearest is taken, and audioOffset makes up for it.
 */
export function audioOrigin(grid: Grid, index: number, part = 0): number {
  return index * samplesPerSegment(grid) + Math.round((part * samplesPerSegment(grid)) / grid.partsPerSegment);
}

/** Offset of the first access unit at or after a worker's zero: what `aresample=first_pts` is given. */
export function audioOffset(grid: Grid, index: number, part = 0): number {
  return audioPartStart(grid, index, part) - audioOrigin(grid, index, part);
}

/** Access units of the longest audio part: a stretch of L units holds floor(L) or ceil(L) starts of the 1024-sample grid. */
function audioPartUnits(grid: Grid): number {
  return Math.ceil(samplesPerSegment(grid) / (grid.partsPerSegment * AUDIO_UNIT));
}

/** Ticks of the longest audio part, in samples. */
export function audioPartTicks(grid: Grid): number {
  return audioPartUnits(grid) * AUDIO_UNIT;
}

/**
 * PART-TARGET in seconds, one for all Tracks of a Grid: the longest part there is, rounded up to 5 decimals, so that no
 * DURATION rounded to 5 decimals is above it (RFC 8216bis 4.4.4.9).
 */
export function partTargetSeconds(grid: Grid): number {
  const video = Math.ceil((grid.segmentMs * 100) / grid.partsPerSegment);
  const audio = Math.ceil((audioPartTicks(grid) * 1e5) / AUDIO_RATE);
  return Math.max(video, audio) / 1e5;
}
