/**
 * Which standard frame rate a feed has, from what it declares and from its first stamps.
 * Pure. FLV stamps are whole ms, so half a second of them tells 25 from 30 but not 29.97 from 30: declarations say which
 * member of a family it is, stamps say which family. Invariant: the answer is always one of the standard rates, at most 60.
 */
import { type FrameRate, framesPerSecond, STANDARD_FRAME_RATES, standardFrameRate } from '../system/frame-rate.ts';

const FALLBACK: FrameRate = { num: 30, den: 1 };
const FASTEST: FrameRate = { num: 60, den: 1 };
/** Stamps of half a second at 1 ms resolution are good to about half a per cent; frames may be missing. */
const MEASURED_TOLERANCE = 0.03;
const ENOUGH_MS = 480;

export interface RateEvidence {
  /** Of the VUI and of onMetaData. */
  readonly declaredFps: readonly (number | undefined)[];
  /** Stamps (ms) of the first video frames in decoding order. */
  readonly stampsMs: readonly number[];
}

/** True when more stamps would not change the answer: two declarations agree, or half a second has been seen. */
export function isRateKnown(evidence: RateEvidence): boolean {
  const declared = evidence.declaredFps.filter((fps) => fps !== undefined);
  const rates = declared.map((fps) => standardFrameRate(fps));
  const [first] = rates;
  if (declared.length >= 2 && first !== undefined && rates.every((r) => r === first)) return true;
  return spanMs(evidence.stampsMs) >= ENOUGH_MS;
}

export function sourceFrameRate(evidence: RateEvidence): FrameRate {
  const declared = evidence.declaredFps.flatMap((fps) => (fps === undefined ? [] : declaredRate(fps)));
  const measuredFps = measure(evidence.stampsMs);
  if (measuredFps === undefined) return declared[0] ?? FALLBACK;
  if (measuredFps === 'variable') return FALLBACK;
  // 15 is doubled to 30 and 12.5 to 25, so each frame stands twice; above 60 frames are dropped.
  for (const factor of [1, 2]) {
    const fps = measuredFps * factor;
    const agreeing = declared.find((rate) => isNear(rate, fps));
    if (agreeing !== undefined) return agreeing;
    const whole = STANDARD_FRAME_RATES.filter(({ den }) => den === 1)
      .filter((rate) => isNear(rate, fps))
      .sort((a, b) => distance(a, fps) - distance(b, fps))[0];
    if (whole !== undefined) return whole;
  }
  return measuredFps > framesPerSecond(FASTEST) ? FASTEST : FALLBACK;
}

/** The standard rate of a declaration, of its double (fields, or a slow feed); above 60 it is 60. */
function declaredRate(fps: number): FrameRate[] {
  const exact = standardFrameRate(fps) ?? standardFrameRate(fps * 2);
  if (exact !== undefined) return [exact];
  // ffmpeg writes 1000 or 90000 where it does not know.
  return fps > 60 && fps <= 300 ? [FASTEST] : [];
}

function isNear(rate: FrameRate, fps: number): boolean {
  return distance(rate, fps) <= MEASURED_TOLERANCE;
}

function distance(rate: FrameRate, fps: number): number {
  return Math.abs(framesPerSecond(rate) / fps - 1);
}

function spanMs(stampsMs: readonly number[]): number {
  return (stampsMs.at(-1) ?? 0) - (stampsMs[0] ?? 0);
}

/** Frames per second by the typical interval, so that single lost frames do not count; `variable` when there is none. */
function measure(stampsMs: readonly number[]): number | 'variable' | undefined {
  if (spanMs(stampsMs) < ENOUGH_MS) return undefined;
  const intervals = stampsMs
    .slice(1)
    .map((stamp, i) => stamp - (stampsMs[i] ?? 0))
    .sort((a, b) => a - b);
  const median = intervals[Math.floor(intervals.length / 2)] ?? 0;
  const typical = intervals.filter((ms) => Math.abs(ms - median) <= 1.5);
  if (median <= 0 || typical.length < intervals.length * 0.75) return 'variable';
  return (1000 * typical.length) / typical.reduce((sum, ms) => sum + ms, 0);
}
