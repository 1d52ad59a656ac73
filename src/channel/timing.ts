/**
 * The figures in time that a Channel of latency `normal` runs by, each with its reason.
 * It never reads a clock. Invariant: the fill delay is below the publish margin, so that what is promised is made.
 */
import type { ChannelSettings } from '../config/model.ts';
import type { TimelineSettings } from '../package/timeline.ts';
import type { ManifestSettings } from './manifests.ts';

/** Media is promised to DASH players this long after its end (src/README.md: Publishing). */
const PUBLISH_MARGIN_MS = 1000;
/** An index that is not whole by then becomes slate; the rest of the margin is for making and storing it. */
const FILL_DELAY_MS = 800;
/** Fetchable after leaving every list: a player may hold a playlist for a while before it asks. */
const RETENTION_MS = 60_000;
/** minimumUpdatePeriod and max-age of an MPD, 2 s each, and a Segment for the request that is under way. */
const TAIL_MS = 6000;
/** Slate before the first instant: as much as the ordinary live manifests list. */
const BACKFILL_MS = 60_000;
/** Two Segments behind the promised edge: one to play, one on its way. */
const TARGET_LATENCY_SEGMENTS = 2;

export function timelineSettings({ windowMs }: ChannelSettings, incarnation: string): TimelineSettings {
  return {
    incarnation,
    windowMs,
    retentionMs: RETENTION_MS,
    tailMs: TAIL_MS,
    fillDelayMs: FILL_DELAY_MS,
    backfillMs: Math.min(windowMs, BACKFILL_MS),
  };
}

export function manifestSettings({ id, windowMs, ladder }: ChannelSettings): ManifestSettings {
  return {
    channel: id,
    windowMs,
    publishMarginMs: PUBLISH_MARGIN_MS,
    targetLatencyMs: TARGET_LATENCY_SEGMENTS * ladder.segmentSeconds * 1000,
  };
}
