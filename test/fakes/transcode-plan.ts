/** Ladders, grids and plans for encoder tests, with only what a test wants to say about them. */
import type { Ladder, LadderVideo, Latency } from '../../src/config/model.ts';
import type { FrameRate } from '../../src/system/frame-rate.ts';
import { framesPerSecond } from '../../src/system/frame-rate.ts';
import type { EncodeGrid, PlanSource, TranscodePlan } from '../../src/transcode/model.ts';
import { makePlan } from '../../src/transcode/plan.ts';

export function rate(num: number, den = 1): FrameRate {
  return { num, den };
}

/** The grid of a rate as the service makes it: 2 s or 2.002 s, five parts (four at film rates). */
export function gridOf(frameRate: FrameRate): EncodeGrid {
  const ntsc = frameRate.den === 1001;
  const segmentFrames = Math.round(framesPerSecond(frameRate) * 2);
  return {
    frameRate,
    segmentFrames,
    partsPerSegment: segmentFrames % 5 === 0 ? 5 : 4,
    segmentMs: ntsc ? 2002 : 2000,
    videoTimescale: ntsc ? frameRate.num : 90_000,
  };
}

export function rung(id: string, height: number, more: Partial<LadderVideo> = {}): LadderVideo {
  const bitrateBps = height * 2500;
  return {
    id,
    height,
    width: undefined,
    frameRate: 'full',
    bitrateBps,
    maxrateBps: bitrateBps,
    bufferBits: bitrateBps,
    codec: 'h264',
    profile: 'high',
    preset: 'superfast',
    ...more,
  };
}

export function ladderOf(video: readonly LadderVideo[], channels: 1 | 2 = 2): Ladder {
  return {
    name: 'test',
    segmentSeconds: 2,
    frameRate: 'auto',
    video,
    audio: [
      {
        id: 'a',
        codec: 'aac',
        bitrateBps: 128_000,
        channels,
        language: 'en',
        name: 'Commentary',
        whenMissing: 'silence',
      },
    ],
  };
}

export function sourceOf(width: number, height: number, frameRate: FrameRate): PlanSource {
  return { width, height, frameRate };
}

export function planOf(ladder: Ladder, source: PlanSource, latency: Latency = 'normal'): TranscodePlan {
  const result = makePlan({ ladder, grid: gridOf(source.frameRate), latency, source, sourceKnown: true });
  if (result.kind === 'bad') throw new Error(result.reason);
  return result.plan;
}
