import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AUDIO_RATE,
  AUDIO_UNIT,
  audioIndexAt,
  audioOffset,
  audioOrigin,
  audioPartStart,
  audioPartTicks,
  audioStart,
  indexAt,
  makeGrid,
  partTargetSeconds,
  sameGrid,
  startMsOf,
} from '../../../src/package/grid.ts';
import { STANDARD_FRAME_RATES } from '../../../src/system/frame-rate.ts';

describe('the Grid', () => {
  test.each([
    [24000, 1001, 48, 2002, 24000, 48048],
    [24, 1, 48, 2000, 90000, 180000],
    [25, 1, 50, 2000, 90000, 180000],
    [30000, 1001, 60, 2002, 30000, 60060],
    [30, 1, 60, 2000, 90000, 180000],
    [50, 1, 100, 2000, 90000, 180000],
    [60000, 1001, 120, 2002, 60000, 120120],
    [60, 1, 120, 2000, 90000, 180000],
  ])('%d/%d fps has %d frames, %d ms and exact ticks in a Segment', (num, den, frames, ms, timescale, ticks) => {
    const grid = makeGrid({ num, den }, 2);
    expect([grid.segmentFrames, grid.segmentMs, grid.videoTimescale, grid.segmentTicks]).toEqual([
      frames,
      ms,
      timescale,
      ticks,
    ]);
  });

  test('parts are whole frames, an even number where the Segment has one, so that half-rate rungs share them', () => {
    const frames = STANDARD_FRAME_RATES.map((rate) => {
      const grid = makeGrid(rate, 2);
      return [grid.partsPerSegment, grid.segmentFrames / grid.partsPerSegment];
    });
    expect(frames).toEqual([
      [6, 8],
      [6, 8],
      [5, 10],
      [5, 12],
      [5, 12],
      [5, 20],
      [5, 24],
      [5, 24],
    ]);
  });

  test('parts of 0.2 s are near to that at every rate', () => {
    const durations = STANDARD_FRAME_RATES.map((rate) => {
      const { segmentMs, partsPerSegment } = makeGrid(rate, 2, 200);
      return Math.round(segmentMs / partsPerSegment);
    });
    expect(durations).toEqual([167, 167, 200, 200, 200, 200, 200, 200]);
  });

  test.each([
    [25, 1, 400, 0.40534],
    [30_000, 1001, 400, 0.40534],
    [24, 1, 400, 0.34134],
    [24_000, 1001, 400, 0.34134],
    [60, 1, 200, 0.21334],
    [60_000, 1001, 200, 0.21334],
    [24, 1, 200, 0.17067],
  ])(
    'at %d/%d and parts of %d ms PART-TARGET is %d s: the longest part of any Track, rounded up (RFC 8216bis 4.4.3.7)',
    (num, den, partMs, target) => {
      expect(partTargetSeconds(makeGrid({ num, den }, 2, partMs))).toBe(target);
    },
  );

  test('property: no part of any Track is longer than PART-TARGET, and some audio part is as long as audioPartTicks', () => {
    const rates = fc.constantFrom(...STANDARD_FRAME_RATES);
    fc.assert(
      fc.property(
        rates,
        fc.integer({ min: 1, max: 6 }),
        fc.constantFrom(200, 400),
        fc.nat(1e9),
        (rate, seconds, partMs, index) => {
          const grid = makeGrid(rate, seconds, partMs);
          const target = partTargetSeconds(grid);
          expect(grid.segmentMs / grid.partsPerSegment / 1000).toBeLessThanOrEqual(target);
          let longest = 0;
          for (let part = 0; part < 1024; part++)
            longest = Math.max(longest, audioPartStart(grid, index, part + 1) - audioPartStart(grid, index, part));
          expect(longest).toBe(audioPartTicks(grid));
          expect(longest / AUDIO_RATE).toBeLessThanOrEqual(target);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('property: whatever the duration, parts halve where rungs may, and none is longer than its Segment', () => {
    const rates = fc.constantFrom(...STANDARD_FRAME_RATES);
    const lengths = fc.constantFrom(100, 200, 400, 1000);
    fc.assert(
      fc.property(rates, fc.integer({ min: 1, max: 8 }), lengths, (rate, seconds, partMs) => {
        const { segmentFrames, partsPerSegment } = makeGrid(rate, seconds, partMs);
        const frames = segmentFrames / partsPerSegment;
        expect(Number.isInteger(frames)).toBe(true);
        if (segmentFrames % 2 === 0 && rate.num / rate.den > 30.5) expect(frames % 2).toBe(0);
      }),
    );
    expect(makeGrid({ num: 50, den: 1 }, 1).partsPerSegment).toBe(5);
  });

  test('is the same only with the same rate, Segment duration and parts', () => {
    const grid = makeGrid({ num: 30, den: 1 }, 2);
    expect(sameGrid(grid, makeGrid({ num: 30, den: 1 }, 2))).toBe(true);
    expect(sameGrid(grid, makeGrid({ num: 30, den: 1 }, 4))).toBe(false);
    expect(sameGrid(grid, { ...grid, segmentMs: 4000 })).toBe(false);
    expect(sameGrid(grid, makeGrid({ num: 30, den: 1 }, 2, 1000))).toBe(false);
    expect(sameGrid(grid, { ...grid, frameRate: { num: 25, den: 1 } })).toBe(false);
    expect(sameGrid(makeGrid({ num: 30000, den: 1001 }, 2), { ...grid, segmentMs: 2002 })).toBe(false);
  });

  test('a rate without whole frames in a Segment is refused', () => {
    expect(() => makeGrid({ num: 25, den: 2 }, 1)).toThrow(/whole number of frames/);
  });

  test('audio Segments of 2 s cycle 94, 94, 94, 93 access units (IOP: within one unit of video)', () => {
    const grid = makeGrid({ num: 25, den: 1 }, 2);
    const units = [0, 1, 2, 3].map((k) => (audioStart(grid, 4000 + k + 1) - audioStart(grid, 4000 + k)) / AUDIO_UNIT);
    expect(units).toEqual([94, 94, 94, 93]);
  });

  test('property: every access unit is in the Segment that its start lies in, and parts cut Segments without rest', () => {
    const rates = fc.constantFrom(...STANDARD_FRAME_RATES);
    fc.assert(
      fc.property(
        rates,
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 0, max: 2_000_000_000 }),
        (rate, seconds, index) => {
          const grid = makeGrid(rate, seconds);
          const start = audioStart(grid, index);
          expect(start % AUDIO_UNIT).toBe(0);
          expect(audioIndexAt(grid, start)).toBe(index);
          expect(audioIndexAt(grid, start - AUDIO_UNIT)).toBe(index - 1);
          expect(start - audioOrigin(grid, index)).toBeLessThan(AUDIO_UNIT);
          expect(audioOffset(grid, index)).toBe(start - audioOrigin(grid, index));
          expect(audioPartStart(grid, index, 0)).toBe(start);
          expect(audioPartStart(grid, index, grid.partsPerSegment)).toBe(audioStart(grid, index + 1));
          expect(indexAt(grid, startMsOf(grid, index))).toBe(index);
          expect(indexAt(grid, startMsOf(grid, index) - 1)).toBe(index - 1);
        },
      ),
    );
  });
});
