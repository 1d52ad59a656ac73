/**
 * The first indices of a presentation: the past, on slate, so that a playlist is whole at once.
 * It never fills. Invariant: nothing of them lies before what an earlier presentation had, in number or in time, and one at least is made.
 * EXT-X-MEDIA-SEQUENCE never falls (RFC 8216bis 6.2.2), also where only the numbers of the one before are known.
 */
import { type Grid, indexAt } from './grid.ts';
import type { CommittedSegment } from './model.ts';
import type { TimelineSettings } from './timeline-settings.ts';

/** Segments: what is begun before it is due. */
const MOST_AHEAD = 2;

/** `over`: the newest Segment of the presentation before. Indices `first` to `last`; `first` has `number`. */
export function backfill(
  grid: Grid,
  over: CommittedSegment | undefined,
  nowMs: number,
  { fillDelayMs, backfillMs, numbersFrom = 0 }: TimelineSettings,
): { readonly first: number; readonly last: number; readonly number: number } {
  const due = indexAt(grid, nowMs - fillDelayMs) - 1;
  const free = Math.ceil((over?.endMs ?? 0) / grid.segmentMs);
  // Numbers are indices, so that it is waited for theirs; where they are far ahead the clock was, or there was an offset.
  const isNear = numbersFrom <= due + MOST_AHEAD;
  const first = Math.max(due - Math.ceil(backfillMs / grid.segmentMs) + 1, free, isNear ? numbersFrom : 0);
  return { first, last: Math.max(due, first), number: Math.max(first, (over?.number ?? -1) + 1, numbersFrom) };
}
