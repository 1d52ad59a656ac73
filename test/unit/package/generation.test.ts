import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { generationOf, initHashOf } from '../../../src/package/generation.ts';
import { makeGrid } from '../../../src/package/grid.ts';
import { STANDARD_FRAME_RATES } from '../../../src/system/frame-rate.ts';

const grid = makeGrid({ num: 30, den: 1 }, 2);

describe('GEN', () => {
  test('is ten hex digits and the same for the same, whenever it is asked', () => {
    expect(generationOf(grid, 0, 1, 'i1')).toMatch(/^[0-9a-f]{10}$/);
    expect(generationOf({ ...grid }, 0, 1, 'i1')).toBe(generationOf(grid, 0, 1, 'i1'));
  });

  test.each([
    ['rate', generationOf(makeGrid({ num: 25, den: 1 }, 2), 0, 1, 'i1')],
    ['Segment duration', generationOf(makeGrid({ num: 30, den: 1 }, 4), 0, 1, 'i1')],
    ['part grid', generationOf(makeGrid({ num: 30, den: 1 }, 2, 1000), 0, 1, 'i1')],
    ['number offset', generationOf(grid, 1, 1, 'i1')],
    ['number offset the other way', generationOf(grid, -1, 1, 'i1')],
    ['Period', generationOf(grid, 0, 2, 'i1')],
    ['incarnation', generationOf(grid, 0, 1, 'i2')],
    ['incarnation after a window was made anew', generationOf(grid, 0, 1, 'i1+')],
  ])('another %s is another GEN (src/README.md: Generation)', (_, other) => {
    expect(other).not.toBe(generationOf(grid, 0, 1, 'i1'));
  });

  test('property: no two of Grid, part grid, offset, Period and incarnation share one', () => {
    const facts = fc.record({
      rate: fc.constantFrom(...STANDARD_FRAME_RATES),
      seconds: fc.integer({ min: 1, max: 6 }),
      partMs: fc.constantFrom(200, 400, 2000),
      offset: fc.integer({ min: -50, max: 50 }),
      ordinal: fc.integer({ min: 1, max: 9 }),
      incarnation: fc.stringMatching(/^[0-9a-f]{4}\+{0,2}$/),
    });
    const seen = new Map<string, string>();
    fc.assert(
      fc.property(facts, ({ rate, seconds, partMs, offset, ordinal, incarnation }) => {
        const of = makeGrid(rate, seconds, partMs);
        const gen = generationOf(of, offset, ordinal, incarnation);
        const what = JSON.stringify([of, offset, ordinal, incarnation]);
        expect(seen.get(gen) ?? what).toBe(what);
        seen.set(gen, what);
      }),
      { numRuns: 500 },
    );
  });
});

test('the hash of a CMAF header is sixteen hex digits of its bytes', () => {
  expect(initHashOf(Buffer.from('a'))).toMatch(/^[0-9a-f]{16}$/);
  expect(initHashOf(Buffer.from('a'))).toBe(initHashOf(Buffer.from('a')));
  expect(initHashOf(Buffer.from('a'))).not.toBe(initHashOf(Buffer.from('b')));
});
