/**
 * The figures in time that a Channel runs by, for each latency, each with its reason.
 * It never reads a clock. Invariant: what is promised to players is made while their request for it may still be held.
 */
import type { ChannelSettings, Latency } from '../config/model.ts';
import type { TimelineSettings } from '../package/timeline-settings.ts';
import type { ManifestSettings } from './manifests.ts';

interface LatencyTiming {
  /** Wanted duration of a part; the Grid takes the nearest whole number of frames. */
  readonly partMs: number;
  /** undefined: a Segment is published whole. */
  readonly publishesParts: boolean;
  /** Media is promised to DASH players this long after its end (src/README.md: Publishing). */
  readonly publishMarginMs: number;
  /**
   * What is not there by then becomes slate, where nobody publishes. normal: the rest of the margin is for making and storing
   * it. low, ultra: players hold 3 parts, and have two of them left when a part is due.
   */
  readonly fillDelayMs: number;
  /** While tags come in. An encoder is replaced within it; a held DASH request waits for margin and a Segment. */
  readonly patienceMs: number;
  readonly silenceMs: number;
  /** What DASH players aim at, behind the promised edge. normal: a Segment to play, and most of one on its way. */
  readonly targetLatencyMs: (segmentMs: number) => number;
}

export const LATENCY_TIMING: Readonly<Record<Latency, LatencyTiming>> = {
  normal: {
    partMs: 400,
    publishesParts: false,
    publishMarginMs: 1000,
    fillDelayMs: 800,
    patienceMs: 2000,
    silenceMs: 700,
    targetLatencyMs: (segmentMs) => 1.75 * segmentMs,
  },
  low: {
    partMs: 400,
    publishesParts: true,
    publishMarginMs: 300,
    fillDelayMs: 500,
    patienceMs: 2000,
    silenceMs: 500,
    targetLatencyMs: () => 1400,
  },
  ultra: {
    partMs: 200,
    publishesParts: true,
    publishMarginMs: 300,
    fillDelayMs: 300,
    patienceMs: 2000,
    silenceMs: 400,
    targetLatencyMs: () => 800,
  },
};

/** External encoders have a delay of their own (lookahead, network), and absolute times leave no choice of a base: a second more of each. */
const PUSHED_MARGIN_MS = 2000;
const PUSHED_FILL_DELAY_MS = 1800;
/** Fetchable after leaving every list: a player may hold a playlist for a while before it asks. */
const RETENTION_MS = 60_000;
/** minimumUpdatePeriod and max-age of an MPD, 2 s each, and a Segment for the request that is under way. */
const TAIL_MS = 6000;
/** Slate before the first instant: as much as the ordinary live manifests list. */
const BACKFILL_MS = 60_000;

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
    backfillMs: Math.min(windowMs, BACKFILL_MS),
    whenAbsent,
  };
}

export function manifestSettings({ id, windowMs, ladder, latency, source }: ChannelSettings): ManifestSettings {
  const { publishesParts, publishMarginMs, targetLatencyMs } = LATENCY_TIMING[latency];
  return {
    channel: id,
    windowMs,
    hasParts: publishesParts,
    publishMarginMs: source === 'cmaf' ? PUSHED_MARGIN_MS : publishMarginMs,
    targetLatencyMs: targetLatencyMs(ladder.segmentSeconds * 1000),
  };
}
