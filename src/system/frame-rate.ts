/**
 * Frame rates as exact fractions, and the eight of them that sports feeds use.
 * It never keeps a rate as a float: 29.97 is 30000/1001.
 */

export interface FrameRate {
  readonly num: number;
  readonly den: number;
}

export const STANDARD_FRAME_RATES: readonly FrameRate[] = [
  { num: 24000, den: 1001 },
  { num: 24, den: 1 },
  { num: 25, den: 1 },
  { num: 30000, den: 1001 },
  { num: 30, den: 1 },
  { num: 50, den: 1 },
  { num: 60000, den: 1001 },
  { num: 60, den: 1 },
];

export function framesPerSecond(rate: FrameRate): number {
  return rate.num / rate.den;
}

export function sameFrameRate(a: FrameRate, b: FrameRate): boolean {
  return a.num * b.den === b.num * a.den;
}

/** The standard rate within `tolerance` (relative) of fps, or undefined. 29.97, 29.970 and 29.97003 are all 30000/1001. */
export function standardFrameRate(fps: number, tolerance = 0.0004): FrameRate | undefined {
  return STANDARD_FRAME_RATES.find((rate) => Math.abs(framesPerSecond(rate) / fps - 1) <= tolerance);
}

/** `29.97`, `25`, `23.976`: as people write it. */
export function formatFrameRate(rate: FrameRate): string {
  return String(Math.round(framesPerSecond(rate) * 1000) / 1000);
}
