/**
 * What came of encoding a clip with each rung of a ladder, and which rungs stand too near to or too far from each other.
 * It never encodes: sizes of frames and figures of quality come in. Invariant: steps are judged between neighbours alone.
 */
import { framesPerSecond } from '../system/frame-rate.ts';
import type { TranscodePlan, VideoTrackPlan } from '../transcode/model.ts';
import { trackFactsOf } from '../transcode/track-facts.ts';
import { type VbvReport, vbvReport } from './vbv.ts';

/** Against the feed, at the size of the largest rung, averaged over all frames. */
export interface Quality {
  readonly psnrDb: number;
  readonly ssim: number;
  /** Where ffmpeg has libvmaf. */
  readonly vmaf: number | undefined;
}

/** One rung as it was encoded. */
export interface RungEncode {
  readonly id: string;
  /** Sizes of its frames in order. */
  readonly frameBytes: readonly number[];
  readonly quality: Quality;
  /** Processor time of the whole ffmpeg, decoding included, and how long it took. */
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
}

export interface RungTrial {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  readonly framesPerSecond: number;
  readonly bitrateBps: number;
  /** Mean over the clip. */
  readonly heldBps: number;
  /** The largest Segment, and what BANDWIDTH says it may be. */
  readonly peakSegmentBps: number;
  readonly declaredPeakBps: number;
  readonly vbv: VbvReport;
  readonly quality: Quality;
  /** Times real time. */
  readonly speed: number;
  /** Cores that it keeps busy in real time. */
  readonly cores: number;
}

type StepVerdict = 'good' | 'near' | 'little gain' | 'far';

interface Step {
  readonly upper: string;
  readonly lower: string;
  /** Of the ladder's bitrates. */
  readonly rateRatio: number;
  readonly gainDb: number;
  readonly verdict: StepVerdict;
  /** What to do, a whole sentence; empty for a good step. */
  readonly advice: string;
}

export interface LadderTrial {
  readonly ladder: string;
  readonly clip: string;
  readonly seconds: number;
  readonly rungs: readonly RungTrial[];
  readonly steps: readonly Step[];
  readonly dropped: readonly string[];
}

/** Apple's HLS authoring specification: adjacent bit rates are a factor of 1.5 to 2 apart. A little on either side is no fault. */
const NEAR_RATIO = 1.4;
const FAR_RATIO = 2.5;
/** Below this nobody sees a difference at a switch. */
const LEAST_GAIN_DB = 0.5;

export interface TrialClip {
  readonly ladder: string;
  readonly clip: string;
  readonly seconds: number;
}

/** In the plan's order; rungs that were not encoded are left out. */
export function ladderTrial(clip: TrialClip, plan: TranscodePlan, encodes: readonly RungEncode[]): LadderTrial {
  const declared = new Map(trackFactsOf(plan).map(({ id, peakBps }) => [id, peakBps]));
  const rungs = plan.video.flatMap((track) => {
    const encode = encodes.find(({ id }) => id === track.id);
    return encode === undefined ? [] : [rungTrial(track, encode, declared.get(track.id) ?? 0)];
  });
  const dropped = plan.dropped.map(({ id, reason }) => `${id}: ${reason}`);
  return { ...clip, rungs, steps: rungs.slice(1).map((lower, i) => stepOf(rungs[i] ?? lower, lower)), dropped };
}

function rungTrial(track: VideoTrackPlan, encode: RungEncode, declaredPeakBps: number): RungTrial {
  const { frameBytes, quality, cpuSeconds, wallSeconds } = encode;
  const fps = framesPerSecond(track.frameRate);
  const mediaSeconds = frameBytes.length / fps;
  const { id, width, height, bitrateBps, maxrateBps, bufferBits } = track;
  return {
    id,
    width,
    height,
    framesPerSecond: fps,
    bitrateBps,
    heldBps: (8 * sum(frameBytes)) / mediaSeconds,
    peakSegmentBps: peakOf(frameBytes, track.segmentFrames, fps),
    declaredPeakBps,
    vbv: vbvReport(frameBytes, { maxrateBps, bufferBits, framesPerSecond: fps }),
    quality,
    speed: mediaSeconds / wallSeconds,
    cores: cpuSeconds / mediaSeconds,
  };
}

/** Whole Segments alone; a clip that is shorter than one is taken as it is. */
function peakOf(frameBytes: readonly number[], segmentFrames: number, fps: number): number {
  let peak = 0;
  for (let from = 0; from + segmentFrames <= frameBytes.length; from += segmentFrames)
    peak = Math.max(peak, (8 * sum(frameBytes.slice(from, from + segmentFrames)) * fps) / segmentFrames);
  return peak === 0 ? (8 * sum(frameBytes) * fps) / Math.max(1, frameBytes.length) : peak;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function stepOf(upper: RungTrial, lower: RungTrial): Step {
  const rateRatio = upper.bitrateBps / lower.bitrateBps;
  const gainDb = upper.quality.psnrDb - lower.quality.psnrDb;
  const verdict = verdictOf(rateRatio, gainDb);
  const advice = adviceOf(verdict, upper.id, lower.id);
  return { upper: upper.id, lower: lower.id, rateRatio, gainDb, verdict, advice };
}

function verdictOf(rateRatio: number, gainDb: number): StepVerdict {
  if (rateRatio < NEAR_RATIO) return 'near';
  if (gainDb < LEAST_GAIN_DB) return 'little gain';
  return rateRatio > FAR_RATIO ? 'far' : 'good';
}

function adviceOf(verdict: StepVerdict, upper: string, lower: string): string {
  switch (verdict) {
    case 'good':
      return '';
    case 'near':
      return `${upper} and ${lower} are hardly apart in rate: leave one out, or move it away.`;
    case 'little gain':
      return `${upper} looks hardly better than ${lower}: give it more bits, a slower preset or a larger picture, or leave it out.`;
    case 'far':
      return `Between ${upper} and ${lower} players fall deep: put a rung between them.`;
  }
}
