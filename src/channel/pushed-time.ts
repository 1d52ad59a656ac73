/**
 * Where pushed media stands in the Channel's time: one base for all Tracks of a push.
 * Pure. Invariants: absolute times are taken as they are, so twin encoders agree; others get one constant that puts the
 * reference Track's first keyframe on a Segment boundary, at or after the moment it came (never before: it would be late).
 */
import { type Grid, indexAt, startMsOf } from '../package/grid.ts';

/** An instant of a pushed Track. */
export interface PushedInstant {
  readonly ticks: number;
  readonly timescale: number;
}

export interface PushBase {
  readonly kind: 'absolute' | 'relative';
  /** Index of the Grid whose start is the pushed instant `zero`. */
  readonly originIndex: number;
  readonly zero: PushedInstant;
}

/** The first media of one Track. */
export interface FirstMedia {
  /** Presentation time of its first sample, a keyframe of a video Track. */
  readonly start: PushedInstant;
  readonly durationMs: number;
  /** UTC ms. */
  readonly arrivedMs: number;
}

/** Presentation times this near to UTC are UTC: an encoder that states them has a clock, and clocks are kept by NTP. */
const ABSOLUTE_WITHIN_MS = 60_000;

export function isAbsolute(instant: PushedInstant, nowMs: number): boolean {
  return Math.abs(msOf(instant) - nowMs) <= ABSOLUTE_WITHIN_MS;
}

/** `reference` leads: the first video Track, or the first audio Track where there is none. `all` includes it. */
export function chooseBase(grid: Grid, reference: FirstMedia, all: readonly FirstMedia[]): PushBase {
  if (isAbsolute(reference.start, reference.arrivedMs)) {
    const first = Math.min(...all.map(({ start }) => msOf(start)));
    const originIndex = indexAt(grid, first);
    return { kind: 'absolute', originIndex, zero: { ticks: startMsOf(grid, originIndex), timescale: 1000 } };
  }
  // What comes latest against its own times decides: all Tracks of an index must be there in time.
  const offsetMs = Math.max(...all.map(({ start, durationMs, arrivedMs }) => arrivedMs - (msOf(start) + durationMs)));
  const originIndex = Math.ceil((msOf(reference.start) + offsetMs) / grid.segmentMs);
  return { kind: 'relative', originIndex, zero: reference.start };
}

function msOf({ ticks, timescale }: PushedInstant): number {
  return (ticks / timescale) * 1000;
}

/** Media time in UTC ms of a pushed instant. */
export function mediaMsOf(grid: Grid, { originIndex, zero }: PushBase, instant: PushedInstant): number {
  return startMsOf(grid, originIndex) + unitsSince(zero, instant, { num: 1000, den: 1 });
}

/** From `zero` to `instant` in units of 1/rate seconds. Exact but for the last division: ticks of UTC do not fit into a product. */
export function unitsSince(
  zero: PushedInstant,
  instant: PushedInstant,
  rate: { readonly num: number; readonly den: number },
): number {
  const [zeroScale, scale] = [BigInt(zero.timescale), BigInt(instant.timescale)];
  const difference = BigInt(instant.ticks) * zeroScale - BigInt(zero.ticks) * scale;
  const divisor = scale * zeroScale * BigInt(rate.den);
  const scaled = difference * BigInt(rate.num);
  const whole = scaled / divisor;
  return Number(whole) + Number(scaled - whole * divisor) / Number(divisor);
}
