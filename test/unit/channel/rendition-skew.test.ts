import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RenditionSkew } from '../../../src/channel/rendition-skew.ts';
import { makeGrid, startMsOf } from '../../../src/package/grid.ts';

const GRID = makeGrid({ num: 30_000, den: 1001 }, 2);
const INDEX = 800_000_000;
const endMs = (n: number) => startMsOf(GRID, INDEX + n + 1);

it('is the time between the first and the last Track whose Segment was all there, told once', () => {
  const skew = new RenditionSkew(GRID, INDEX, ['v720', 'v360', 'a']);
  expect(skew.take('v360', endMs(0) - 400, 1000)).toBeUndefined();
  expect(skew.take('v360', endMs(0), 1400)).toBeUndefined();
  // The media of an access unit may reach into the next Segment.
  expect(skew.take('a', endMs(0) + 12, 1410)).toBeUndefined();
  expect(skew.take('v360', endMs(0) + 400, 1800)).toBeUndefined();
  expect(skew.take('v720', endMs(0) - 1e-4, 1850)).toBe(450);
  expect(skew.take('v720', endMs(0) + 400, 1900)).toBeUndefined();
});

it('passes over Tracks that are not of this encoder, and Segments that a Track never ends', () => {
  const skew = new RenditionSkew(GRID, INDEX, ['v720', 'a']);
  expect(skew.take('copied', endMs(0), 0)).toBeUndefined();
  for (let n = 0; n < 50; n++) expect(skew.take('v720', endMs(n), n * 2000)).toBeUndefined();
  expect(skew.take('a', endMs(0), 99_000)).toBeUndefined();
  expect(skew.take('a', endMs(49), 99_000)).toBe(1000);
});

it('is that of each Segment, in whatever pieces and order of Tracks the media comes', () => {
  const pieces = fc.array(
    fc.record({ track: fc.constantFrom('v720', 'v360', 'a'), partsMore: fc.integer({ min: 1, max: 4 }) }),
    {
      minLength: 20,
      maxLength: 120,
    },
  );
  const check = fc.property(pieces, (steps) => {
    const skew = new RenditionSkew(GRID, INDEX, ['v720', 'v360', 'a']);
    const out = new Map<string, number>();
    const wholeAt = new Map<string, number>();
    let nowMs = 0;
    const told: number[] = [];
    for (const { track, partsMore } of steps) {
      nowMs += 37;
      const parts = (out.get(track) ?? 0) + partsMore;
      out.set(track, parts);
      const index = Math.floor(parts / GRID.partsPerSegment) - 1;
      if (!wholeAt.has(`${track} ${index}`)) wholeAt.set(`${track} ${index}`, nowMs);
      const ms = skew.take(track, startMsOf(GRID, INDEX) + (parts * GRID.segmentMs) / GRID.partsPerSegment, nowMs);
      if (ms === undefined) continue;
      const times = ['v720', 'v360', 'a'].map((name) => wholeAt.get(`${name} ${index}`) ?? Number.NaN);
      expect(ms).toBe(Math.max(...times) - Math.min(...times));
      told.push(index);
    }
    expect(told.every((index) => index >= 0)).toBe(true);
    expect(told).toEqual([...new Set(told)].sort((a, b) => a - b));
  });
  fc.assert(check, { numRuns: 200 });
});
