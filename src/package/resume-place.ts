/** Where a run begins whose first media can still go on air. It never looks at a clock. Invariant: nothing there is published yet. */
import { type Grid, indexAt, sameGrid, startMsOf } from './grid.ts';
import type { OpenEdge } from './open-edge.ts';
import type { RunOrigin } from './segmenter.ts';

/** The first part of the open Segment that is not published; `freeMs`: media time from which on nothing is, where none is open. */
export function resumePlace(grid: Grid, edge: OpenEdge | undefined, freeMs: number): RunOrigin {
  if (edge === undefined) return { index: indexAt(grid, freeMs), part: 0 };
  if (sameGrid(edge.period.grid, grid) && edge.nextPart < grid.partsPerSegment)
    return { index: edge.index, part: edge.nextPart };
  return { index: Math.ceil(startMsOf(edge.period.grid, edge.index + 1) / grid.segmentMs), part: 0 };
}
