/**
 * What is on the screen: which media time plays now, and whether a piece came in time. Pure.
 * It never drops a frame; a piece that is late makes the picture stand still for as long. Invariant: the delay between media
 * time and the clock only grows while a viewer watches.
 */
import type { Span } from './model.ts';

export interface Playback {
  /** Media time at which it began, in each lane that has media by now. */
  readonly starts: readonly (number | undefined)[];
  /** Clock less media time; undefined until each lane has its first piece. */
  readonly delayMs: number | undefined;
}

export function notStarted(lanes: number): Playback {
  return { starts: Array.from({ length: lanes }, () => undefined), delayMs: undefined };
}

export function playheadMs({ delayMs }: Playback, nowMs: number): number | undefined {
  return delayMs === undefined ? undefined : nowMs - delayMs;
}

/** A frame's worth: sooner than that nobody sees that it was late. */
const UNSEEN_MS = 40;

/**
 * `growMs`: how much later than its start the last byte may come, for a Segment that is sent as it is made.
 * `leastDelayMs`: a player that aims at a delay waits until it has it.
 */
export function pieceCame(
  playback: Playback,
  lane: number,
  span: Span,
  nowMs: number,
  { growMs = 0, leastDelayMs = 0 }: { readonly growMs?: number; readonly leastDelayMs?: number } = {},
): { readonly playback: Playback; readonly lateMs: number | undefined } {
  const { delayMs } = playback;
  if (delayMs === undefined)
    return { playback: began(playback, lane, span, nowMs - growMs, leastDelayMs), lateMs: undefined };
  const lateMs = nowMs - (span.startMs + delayMs + growMs);
  if (lateMs <= UNSEEN_MS || !isPlayed(playback, span)) return { playback, lateMs: undefined };
  return { playback: { ...playback, delayMs: delayMs + lateMs }, lateMs };
}

function began(playback: Playback, lane: number, span: Span, nowMs: number, leastDelayMs: number): Playback {
  const starts = playback.starts.map((start, index) => (index === lane ? (start ?? span.startMs) : start));
  if (starts.some((start) => start === undefined)) return { starts, delayMs: undefined };
  return { starts, delayMs: Math.max(leastDelayMs, nowMs - Math.max(...starts.map((start) => start ?? 0))) };
}

/** What lies before the start is decoded and not shown. */
function isPlayed({ starts }: Playback, span: Span): boolean {
  return span.startMs >= Math.max(...starts.map((start) => start ?? 0));
}
