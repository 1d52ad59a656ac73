/**
 * The first indices of a presentation: the past, on slate, so that a playlist is whole at once.
 * It never fills. Invariant: nothing of them lies before what an earlier presentation had, in number or in time, and one at least is made.
 */
import { type Grid, indexAt } from './grid.ts';
import type { CommittedSegment } from './model.ts';
import type { TimelineSettings } from './timeline-settings.ts';

/** `over`: the newest Segment of the presentation before. Indices `first` to `last`; `first` has `number`. */
export function backfill(
  grid: Grid,
  over: CommittedSegment | undefined,
  nowMs: number,
  { fillDelayMs, backfillMs }: TimelineSettings,
): { readonly first: number; readonly last: number; readonly number: number } {
  const due = indexAt(grid, nowMs - fillDelayMs) - 1;
  const free = Math.ceil((over?.endMs ?? 0) / grid.segmentMs);
  const first = Math.max(due - Math.ceil(backfillMs / grid.segmentMs) + 1, free);
  return { first, last: Math.max(due, first), number: Math.max(first, (over?.number ?? -1) + 1) };
}
