import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeClock,
  encodeClock,
  planeLuma,
  rgbaLuma,
  STRIP_CELLS,
  STRIP_HEIGHT,
} from '../../../samples/clock-strip.mjs';

const anyMs = fc.integer({ min: 0, max: 2 ** 42 - 1 });

/** A strip as a sampler: each cell its bit, at the given levels. */
function drawn(bits: readonly number[], black = 16, white = 235): (x: number, y: number) => number {
  return (x, y) => (y < STRIP_HEIGHT && bits[Math.floor(x * STRIP_CELLS)] === 1 ? white : black);
}

describe('the clock strip', () => {
  test('reads back every millisecond until 2109', () => {
    fc.assert(fc.property(anyMs, (ms) => decodeClock(drawn(encodeClock(ms))) === ms));
  });

  test('is 64 cells that begin with the sync pattern 1 0 1 1 0 0', () => {
    const bits = encodeClock(1_700_000_000_000);
    expect(bits).toHaveLength(64);
    expect(bits.slice(0, 6)).toEqual([1, 0, 1, 1, 0, 0]);
  });

  test('holds the time most significant bit first, then CRC-16/CCITT-FALSE of its six bytes', () => {
    // "123456" in ASCII is 0x313233343536, above 42 bits: the check is made with 0x000102030405, whose CRC is known by long division.
    const bits = encodeClock(0x0102030405);
    expect(Number.parseInt(bits.slice(6, 48).join(''), 2)).toBe(0x0102030405);
    expect(Number.parseInt(bits.slice(48).join(''), 2)).toBe(crcByDivision([0, 1, 2, 3, 4, 5]));
  });

  test('one, two or three wrong cells are noticed, never read as another time', () => {
    const wrong = fc.uniqueArray(fc.integer({ min: 6, max: 63 }), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(anyMs, wrong, (ms, cells) => {
        const bits = encodeClock(ms);
        for (const cell of cells) bits[cell] = 1 - (bits[cell] ?? 0);
        return decodeClock(drawn(bits)) === undefined;
      }),
    );
  });

  test('survives washed-out levels and noise, and refuses a grey picture', () => {
    const ms = 1_700_000_123_456;
    expect(decodeClock(drawn(encodeClock(ms), 60, 150))).toBe(ms);
    const noisy = drawn(encodeClock(ms));
    let turn = 0;
    expect(decodeClock((x, y) => noisy(x, y) + 60 * Math.sin(turn++ * 12.9898))).toBe(ms);
    expect(decodeClock(() => 128)).toBeUndefined();
    expect(decodeClock(drawn(encodeClock(ms), 110, 140))).toBeUndefined();
  });

  test('a time outside 42 bits is refused', () => {
    for (const ms of [-1, 2 ** 42, Number.NaN]) expect(() => encodeClock(ms)).toThrow(RangeError);
  });

  test('planes and RGBA are sampled at the place that was asked for', () => {
    const plane = Uint8Array.from([1, 2, 3, 4, 5, 6]);
    expect(planeLuma(plane, 3, 2)(0.99, 0.1)).toBe(3);
    expect(planeLuma(plane, 3, 2)(0.1, 0.6)).toBe(4);
    const rgba = Uint8Array.from([0, 0, 0, 255, 255, 255, 255, 255]);
    expect(rgbaLuma(rgba, 2, 1)(0.75, 0.5)).toBeCloseTo(255);
    expect(rgbaLuma(rgba, 2, 1)(0.25, 0.5)).toBe(0);
  });
});

/** The same CRC the slow way: long division of bits, start value 0xFFFF. */
function crcByDivision(bytes: readonly number[]): number {
  const bits = bytes.flatMap((byte) => Array.from({ length: 8 }, (_, bit) => (byte >> (7 - bit)) & 1));
  let register = 0xffff;
  for (const bit of bits) {
    const out = ((register >> 15) & 1) ^ bit;
    register = ((register << 1) & 0xffff) ^ (out ? 0x1021 : 0);
  }
  return register;
}
