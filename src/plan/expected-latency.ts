/**
 * How far behind the publisher's picture each kind of player plays, from what manifests say and what the encoder holds back.
 * It never measures. Invariant: every term is the constant that makes the stream so.
 */
import { LATENCY_TIMING } from '../config/latency-timing.ts';
import { partTargetSeconds } from '../package/grid.ts';
import { HOLD_BACK_TARGETS } from '../package/hls/media-playlist.ts';
import { framesPerSecond } from '../system/frame-rate.ts';
import { lookaheadFrames } from '../transcode/encode-options.ts';
import type { CapacityCase, Player, Served } from './case.ts';

/** ms; what lies between is where in a Segment or part a viewer came in. */
export interface LatencyRange {
  readonly fromMs: number;
  readonly toMs: number;
}

/** ffmpeg's muxer writes a chunk when the frame after it comes. */
const MUXER_FRAMES = 1;
/** Decoding, scaling, encoding a frame and handing it on. */
const WORK_MS = 20;

export function expectedLatency(player: Player, { latency, ladder }: CapacityCase, served: Served): LatencyRange {
  const { grid, partMs } = served;
  const encoderMs = (1000 * (lookaheadFrames(latency) + MUXER_FRAMES)) / framesPerSecond(grid.frameRate) + WORK_MS;
  const { publishMarginMs, targetLatencyMs } = LATENCY_TIMING[latency];
  switch (player) {
    case 'hls': {
      const fromMs = 1000 * HOLD_BACK_TARGETS * Math.round(grid.segmentMs / 1000) + encoderMs;
      return { fromMs, toMs: fromMs + grid.segmentMs };
    }
    case 'll-hls': {
      const fromMs = 1000 * HOLD_BACK_TARGETS * partTargetSeconds(grid) + encoderMs;
      return { fromMs, toMs: fromMs + (partMs ?? grid.segmentMs) };
    }
    case 'dash':
    case 'll-dash': {
      // With parts Latency@target counts from the media's own time (ProducerReferenceTime), without them from the promised edge.
      const target = targetLatencyMs(ladder.segmentSeconds * 1000) + (partMs === undefined ? publishMarginMs : 0);
      // Who takes Segments only when they are whole can't be nearer than one.
      const least = player === 'dash' ? grid.segmentMs + publishMarginMs : 0;
      return { fromMs: Math.max(target, least), toMs: Math.max(target, least) };
    }
  }
}
