/**
 * Where a run begins: its place on the Grid, the keyframe it is decoded from, and what is trimmed in between.
 * It never starts anything. Invariant: nothing before the first place that is not on air is encoded.
 */
import type { Feed } from '../ingest/model.ts';
import { indexAt, partStartMs, startMsOf } from '../package/grid.ts';
import type { RunOrigin } from '../package/segmenter.ts';
import type { PlanInUse } from './plan-in-use.ts';
import type { CopyStart, SourceCopy } from './source-copy.ts';

/** Media times of the Channel in ms; `trimMs` counts from `inputOriginMs`. */
export interface RunStart {
  readonly origin: RunOrigin;
  readonly fromMs: number;
  readonly inputOriginMs: number;
  readonly trimMs: number;
  readonly copy?: CopyStart;
}

export interface StartWish {
  readonly plan: PlanInUse;
  readonly feed: Feed;
  readonly copy: SourceCopy | undefined;
  /** The first place that is not on air yet. */
  readonly wanted: RunOrigin;
  /** Begins with the newest keyframe: what the encoder before was late with is given up. */
  readonly skips: boolean;
  /** No slate fills the parts of a Segment before the first picture. */
  readonly leavesGaps: boolean;
}

/**
 * At the first place not on air, from the newest keyframe before it; a fresh publish begins at the part that holds its first
 * keyframe, and constant rate pads from its start to it (first frame repeated).
 */
export function runStart({ plan, feed, copy, wanted, skips, leavesGaps }: StartWish): RunStart {
  const { grid } = plan;
  const copyStart = copy?.startFor(wanted.index);
  if (copyStart !== undefined) {
    const { inputOriginMs, trimMs, originIndex, keyframe } = copyStart;
    return {
      origin: { index: originIndex, part: 0 },
      fromMs: keyframe.mediaMs,
      inputOriginMs,
      trimMs,
      copy: copyStart,
    };
  }
  const wantedMs = partStartMs(grid, wanted.index, wanted.part);
  const newestMs = skips ? feed.keyframeRange()?.newestMs : undefined;
  const keyMs = newestMs ?? feed.keyframeAtOrBefore(wantedMs) ?? wantedMs;
  const origin = keyMs <= wantedMs ? wanted : placeOf(plan, keyMs, leavesGaps ? wanted : undefined);
  const inputOriginMs = startMsOf(grid, indexAt(grid, keyMs));
  return { origin, fromMs: keyMs, inputOriginMs, trimMs: partStartMs(grid, origin.index, origin.part) - inputOriginMs };
}

/**
 * The part in which this moment lies; where parts are not published, its Segment. Where gaps are left (`edge` is the place not on
 * air yet) a Segment that is not begun is begun from its start, or it would be a gap as a whole.
 */
function placeOf({ grid, plan }: PlanInUse, mediaMs: number, edge: RunOrigin | undefined): RunOrigin {
  const index = indexAt(grid, mediaMs);
  const isUnbegunGap = edge !== undefined && (index !== edge.index || edge.part === 0);
  if (plan.latency === 'normal' || isUnbegunGap) return { index, part: 0 };
  const offset = (mediaMs - startMsOf(grid, index)) / grid.segmentMs;
  return { index, part: Math.floor(offset * grid.partsPerSegment) };
}
