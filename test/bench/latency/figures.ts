/**
 * From what a page noted to what is printed: ages of pictures, stalls, freezes, shares. Pure.
 * Invariant: time before the first picture is start-up, never a stall; an unreadable strip counts as such and as nothing else.
 */
import { ageOf } from '../../rig/picture-clock.js';
import type { GlassNotes, StripRead } from '../../rig/players.ts';

/** A new picture that comes later than this without a `waiting` is a freeze: the browser, not the stream. */
const FREEZE_MS = 500;
/** The strip and the player's time line must move alike; half a frame at 30 fps is less than this. */
const TORN_MS = 25;
/** Reads before and after that say what is usual: three seconds. */
const TORN_BESIDE = 9;

export interface Feed {
  readonly startMs: number;
  readonly loopMs: number;
}

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Nearest rank (the smallest value that `share` of all do not exceed); NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** From each `waiting` until the next picture, overlapping ones as one; the last may be open until the end. */
export function stallsOf({ frames, waits, endedMs }: Pick<GlassNotes, 'frames' | 'waits' | 'endedMs'>): Span[] {
  const stalls: Span[] = [];
  const firstMs = frames[0] ?? Number.POSITIVE_INFINITY;
  for (const fromMs of waits) {
    if (fromMs < firstMs || fromMs < (stalls.at(-1)?.toMs ?? 0)) continue;
    stalls.push({ fromMs, toMs: frames.find((ms) => ms > fromMs) ?? endedMs });
  }
  return stalls;
}

/** Gaps between pictures that no stall accounts for. */
export function freezesOf(frames: readonly number[], stalls: readonly Span[]): Span[] {
  const gaps = frames.slice(1).map((toMs, i) => ({ fromMs: frames[i] ?? toMs, toMs }));
  const isStall = (gap: Span) => stalls.some(({ fromMs, toMs }) => fromMs < gap.toMs && toMs > gap.fromMs);
  return gaps.filter((gap) => gap.toMs - gap.fromMs > FREEZE_MS && !isStall(gap));
}

interface DatedRead extends StripRead {
  readonly ageMs: number;
}

/**
 * The readable ones, each with its age. `torn` are those in which the strip had moved against the player's time line: the picture
 * was drawn after the next one had come, so the age would be that of another picture. They are left out.
 */
export function readAges(reads: readonly StripRead[], feed: Feed): { ages: DatedRead[]; torn: number } {
  const readable = reads.flatMap((read) =>
    read.stripMs === null ? [] : [{ ...read, ageMs: ageOf(read.stripMs, read.seenMs, feed) }],
  );
  // Where a picture stands on the player's time line against where it was filmed. The service slews one against the other, slowly.
  const offsets = readable.map((read) => read.seenMs - read.ageMs - read.mediaTime * 1000);
  const usualAt = (i: number): number =>
    percentile(offsets.slice(Math.max(0, i - TORN_BESIDE), i + TORN_BESIDE + 1), 0.5);
  const ages = readable.filter((_, i) => Math.abs((offsets[i] ?? 0) - usualAt(i)) < TORN_MS);
  return { ages, torn: readable.length - ages.length };
}

export interface WatchFigures {
  readonly startUpMs: number;
  readonly firstAgeMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly reads: number;
  readonly unreadable: number;
  readonly torn: number;
  /** Seconds in the buffer beyond what is shown, median. */
  readonly aheadP50: number;
  readonly stalls: number;
  readonly longestStallMs: number;
  readonly freezes: number;
  /** Stalled time by time since the first picture. */
  readonly rebufferRatio: number;
  readonly rateChanges: number;
  readonly heights: readonly number[];
}

/** Ages count from `settleMs` after the first picture on; all else from the first picture on. */
export function figuresOf(notes: GlassNotes, feed: Feed, settleMs: number): WatchFigures {
  const firstMs = notes.frames[0] ?? notes.endedMs;
  const { ages, torn } = readAges(notes.reads, feed);
  const settled = ages.filter(({ seenMs }) => seenMs >= firstMs + settleMs);
  const stalls = stallsOf(notes);
  const lengths = stalls.map(({ fromMs, toMs }) => toMs - fromMs);
  const watchedMs = Math.max(1, notes.endedMs - firstMs);
  return {
    startUpMs: notes.frames.length === 0 ? Number.NaN : firstMs - notes.startedMs,
    firstAgeMs: ages[0]?.ageMs ?? Number.NaN,
    p50Ms: percentile(
      settled.map(({ ageMs }) => ageMs),
      0.5,
    ),
    p95Ms: percentile(
      settled.map(({ ageMs }) => ageMs),
      0.95,
    ),
    reads: settled.length,
    unreadable: notes.reads.filter(({ stripMs }) => stripMs === null).length,
    torn,
    aheadP50: percentile(
      settled.map(({ ahead }) => ahead),
      0.5,
    ),
    stalls: stalls.length,
    longestStallMs: Math.max(0, ...lengths),
    freezes: freezesOf(notes.frames, stalls).length,
    rebufferRatio: lengths.reduce((sum, ms) => sum + ms, 0) / watchedMs,
    rateChanges: notes.rateChanges,
    heights: [...new Set(settled.map(({ height }) => height))].toSorted((a, b) => a - b),
  };
}
