/**
 * A Channel's settings as the figures in time that its timeline and its manifests run by.
 * It never reads a clock. Invariant: what is promised to players is made while their request for it may still be held.
 */
import { LATENCY_TIMING, LISTED_MS, RETENTION_MS } from '../config/latency-timing.ts';
import type { ChannelSettings } from '../config/model.ts';
import type { TextSettings } from '../package/texts.ts';
import type { TimelineSettings } from '../package/timeline-settings.ts';

/** External encoders have a delay of their own (lookahead, network), and absolute times leave no choice of a base: a second more of each. */
const PUSHED_MARGIN_MS = 2000;
const PUSHED_FILL_DELAY_MS = 1800;
/** minimumUpdatePeriod and max-age of an MPD, 2 s each, and a Segment for the request that is under way. */
const TAIL_MS = 6000;

export function timelineSettings(
  { windowMs, latency, source, whenAbsent }: ChannelSettings,
  incarnation: string,
): TimelineSettings {
  const { publishesParts, fillDelayMs, patienceMs, silenceMs } = LATENCY_TIMING[latency];
  return {
    incarnation,
    windowMs,
    retentionMs: RETENTION_MS,
    tailMs: TAIL_MS,
    publishesParts,
    fillDelayMs: source === 'cmaf' ? PUSHED_FILL_DELAY_MS : fillDelayMs,
    patienceMs,
    silenceMs,
    backfillMs: Math.min(windowMs, LISTED_MS),
    whenAbsent,
  };
}

export function manifestSettings({ id, windowMs, ladder, latency, source }: ChannelSettings): TextSettings {
  const { publishesParts, publishMarginMs, targetLatencyMs } = LATENCY_TIMING[latency];
  return {
    channel: id,
    windowMs,
    listedMs: LISTED_MS,
    hasParts: publishesParts,
    publishMarginMs: source === 'cmaf' ? PUSHED_MARGIN_MS : publishMarginMs,
    targetLatencyMs: targetLatencyMs(ladder.segmentSeconds * 1000),
  };
}
