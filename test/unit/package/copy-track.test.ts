// A copied Track: samples on whole frames of the Grid, parts and Segments that the segmenter takes as they are.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sampleData } from '../../../src/cmaf/isobmff/fragment.ts';
import { readInit } from '../../../src/cmaf/isobmff/init.ts';
import type { Fragment } from '../../../src/cmaf/isobmff/model.ts';
import { CopyTrack } from '../../../src/package/copy-track.ts';
import { type Grid, makeGrid } from '../../../src/package/grid.ts';
import { videoSegmenter } from '../../../src/package/segmenter.ts';
import { videoInit } from '../../fakes/boxes.ts';

const RATES = [
  { num: 25, den: 1 },
  { num: 30_000, den: 1001 },
  { num: 50, den: 1 },
];
const ORIGIN = 1000;

function trackOf(grid: Grid, gopFrames: number, keyframe: { stampMs: number; compositionMs: number; frame: number }) {
  const init = readInit(videoInit({ timescale: grid.videoTimescale }));
  const start = { ...keyframe, base: 0, mediaMs: 0 };
  return new CopyTrack({ grid, init, originIndex: ORIGIN, gopFrames, keyframe: start });
}

/** Display order I b b P b b P...: decoding order and offsets of a closed GOP with two B-frames between. */
function reordered(gop: number): number[] {
  const order = [0];
  for (let p = 3; p < gop; p += 3) order.push(p, p - 2, p - 1);
  for (let rest = order.length; rest < gop; rest++) order.push(rest);
  return order;
}

interface Pushed {
  readonly grid: Grid;
  readonly gop: number;
  readonly gops: number;
  readonly withB?: boolean;
  readonly jitterMs?: (n: number) => number;
  readonly lost?: ReadonlySet<number>;
}

function push({ grid, gop, gops, withB = false, jitterMs = () => 0, lost = new Set() }: Pushed): Fragment[] {
  const frameMs = (1000 * grid.frameRate.den) / grid.frameRate.num;
  const delay = withB ? 2 : 0;
  const track = trackOf(grid, gop, {
    stampMs: 5000,
    compositionMs: Math.round(delay * frameMs),
    frame: ORIGIN * grid.segmentFrames,
  });
  const order = withB ? reordered(gop) : Array.from({ length: gop }, (_, i) => i);
  const fragments: Fragment[] = [];
  for (let n = 0; n <= gop * gops; n++) {
    if (lost.has(n)) continue;
    const displayed = Math.floor(n / gop) * gop + (order[n % gop] ?? 0);
    const stampMs = 5000 + Math.round(n * frameMs) + (n === 0 ? 0 : jitterMs(n));
    const compositionMs = Math.round((displayed + delay - n) * frameMs);
    const isKeyframe = n % gop === 0;
    const pushed = track.push({ stampMs, compositionMs, isKeyframe, data: [Buffer.from([0, 0, 0, 1, n & 0xff])] });
    if (typeof pushed === 'string') throw new Error(pushed);
    fragments.push(...pushed);
  }
  return fragments;
}

describe.each(RATES)('at $num/$den', (rate) => {
  const grid = makeGrid(rate, 2);
  const frameTicks = grid.segmentTicks / grid.segmentFrames;

  test.each([false, true])(
    'B-frames %s: Segments are whole, cut at IDR pictures, and every sample lasts one frame',
    (withB) => {
      const gop = grid.segmentFrames / 2;
      const fragments = push({ grid, gop, gops: 6, withB });
      const segmenter = videoSegmenter(grid, { index: ORIGIN, part: 0 }, frameTicks);
      const events = fragments.flatMap((fragment) => segmenter.push(fragment)).filter(({ kind }) => kind !== 'part');
      expect(events.map((event) => (event.kind === 'segment' ? event.segment.index : event))).toEqual([
        1000, 1001, 1002,
      ]);
      for (const fragment of fragments)
        for (const { durationTicks } of fragment.samples) expect(durationTicks).toBe(frameTicks);
    },
  );

  test('ISO/IEC 14496-12 8.8.8: composition offsets are signed, and the first picture is shown at the start of its Segment', () => {
    const fragments = push({ grid, gop: grid.segmentFrames, gops: 2, withB: true });
    const samples = fragments.flatMap(({ samples }) => samples).slice(0, grid.segmentFrames);
    expect(samples[0]?.compositionOffsetTicks).toBe(0);
    expect(samples.some(({ compositionOffsetTicks }) => compositionOffsetTicks < 0)).toBe(true);
    const shown = samples.map(({ compositionOffsetTicks }, n) => n + compositionOffsetTicks / frameTicks);
    expect([...shown].sort((a, b) => a - b)).toEqual(samples.map((_, n) => n));
  });

  test('a part is a Fragment', () => {
    const fragments = push({ grid, gop: grid.segmentFrames, gops: 1 });
    expect(fragments.map(({ samples }) => samples.length)).toEqual(
      new Array(grid.partsPerSegment).fill(grid.segmentFrames / grid.partsPerSegment),
    );
    expect(fragments.map(({ isIndependent }) => isIndependent)).toEqual(fragments.map((_, i) => i === 0));
  });

  test('property: whatever the jitter below half a frame, no tick of gap or overlap and no byte lost', () => {
    const most = Math.floor((450 * rate.den) / rate.num);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -most, max: most }), { minLength: 10, maxLength: 50 }), (jitters) => {
        const gop = grid.segmentFrames;
        const jitterMs = (n: number) => (n % gop === 0 ? 0 : (jitters[n % jitters.length] ?? 0));
        const fragments = push({ grid, gop, gops: 2, jitterMs });
        let next = 0;
        for (const fragment of fragments) {
          expect(fragment.decodeTicks).toBe(next);
          next += fragment.durationTicks;
        }
        expect(next).toBe(2 * grid.segmentTicks);
        const data = fragments.flatMap((fragment) => sampleData(fragment).map((bytes) => bytes[4]));
        expect(data).toEqual(Array.from({ length: 2 * gop }, (_, n) => n & 0xff));
      }),
      { numRuns: 25 },
    );
  });
});

test('pictures that were dropped on the way make the one before last longer; keyframes stay where they are', () => {
  const grid = makeGrid({ num: 25, den: 1 }, 2);
  const fragments = push({ grid, gop: 50, gops: 2, lost: new Set([48, 49, 60]) });
  const samples = fragments.flatMap(({ samples }) => samples);
  expect(samples[47]?.durationTicks).toBe(3 * 3600);
  expect(fragments.filter(({ isIndependent }) => isIndependent).map(({ decodeTicks }) => decodeTicks)).toEqual([
    0, 180_000,
  ]);
});

test('more pictures than the rate has room for are refused', () => {
  const grid = makeGrid({ num: 25, den: 1 }, 2);
  const track = trackOf(grid, 50, { stampMs: 0, compositionMs: 0, frame: ORIGIN * 50 });
  const outcomes = Array.from({ length: 101 }, (_, n) =>
    track.push({ stampMs: n * 20, compositionMs: 0, isKeyframe: n % 100 === 0, data: [Buffer.alloc(5)] }),
  );
  expect(outcomes.some((outcome) => typeof outcome === 'string')).toBe(true);
});

test('the time of any tag follows the newest keyframe, so sound keeps with the pictures while the clock of the feed runs away', () => {
  const grid = makeGrid({ num: 25, den: 1 }, 2);
  const track = trackOf(grid, 50, { stampMs: 0, compositionMs: 80, frame: ORIGIN * 50 });
  expect(track.mediaMsOf(80)).toBe(ORIGIN * 2000);
  for (let gop = 0; gop <= 1800; gop++)
    track.push({
      stampMs: Math.round(gop * 2000 * 1.0001),
      compositionMs: 80,
      isKeyframe: true,
      data: [Buffer.alloc(5)],
    });
  // An hour at 100 ppm: 360 ms by the stamps, nothing by the Grid.
  expect(track.mediaMsOf(Math.round(1800 * 2000 * 1.0001) + 80)).toBe((ORIGIN + 1800) * 2000);
});
