/**
 * How large the manifests of a case are, plain and as they go over the wire: rendered by what serves them.
 * It never guesses a size. Invariant: the bytes are those of the simulated presentation, compressed as the origin compresses.
 */
import { gzipSync } from 'node:zlib';
import { LATENCY_TIMING, LISTED_MS } from '../config/latency-timing.ts';
import { renderText, type TextName, type TextSettings } from '../package/texts.ts';
import type { CapacityCase, Served } from './case.ts';
import { simulatedPresentation } from './simulated-presentation.ts';

export interface TextSize {
  readonly text: 'master.m3u8' | 'media.m3u8' | 'media.m3u8?_HLS_skip' | 'manifest.mpd' | 'dvr.m3u8';
  readonly bytes: number;
  readonly gzipBytes: number;
}

/** The largest media playlist stands for all; the delta update is there with parts alone. */
export function textSizes(capacity: CapacityCase, served: Served): readonly TextSize[] {
  const presentation = simulatedPresentation(served, capacity.windowMs);
  const settings = settingsOf(capacity);
  const sizeOf = (text: TextSize['text'], name: TextName, isDelta = false): TextSize => {
    const body = renderText(settings, name, presentation, isDelta) ?? '';
    return { text, bytes: Buffer.byteLength(body), gzipBytes: gzipSync(body).length };
  };
  const tracks = [...served.plan.video, ...served.plan.audio];
  const largest = (text: TextSize['text'], kind: 'hls-media' | 'hls-dvr-media', isDelta = false): TextSize =>
    tracks
      .map(({ id }) => sizeOf(text, { kind, track: id }, isDelta))
      .reduce((a, b) => (b.gzipBytes > a.gzipBytes ? b : a));
  return [
    sizeOf('master.m3u8', { kind: 'hls-master' }),
    largest('media.m3u8', 'hls-media'),
    ...(served.partMs === undefined ? [] : [largest('media.m3u8?_HLS_skip', 'hls-media', true)]),
    sizeOf('manifest.mpd', { kind: 'dash' }),
    largest('dvr.m3u8', 'hls-dvr-media'),
  ];
}

function settingsOf({ ladder, latency, windowMs }: CapacityCase): TextSettings {
  const { publishesParts, publishMarginMs, targetLatencyMs } = LATENCY_TIMING[latency];
  return {
    channel: 'match',
    windowMs,
    listedMs: LISTED_MS,
    hasParts: publishesParts,
    publishMarginMs,
    targetLatencyMs: targetLatencyMs(ladder.segmentSeconds * 1000),
  };
}
