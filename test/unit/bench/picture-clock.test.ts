import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeClock, STRIP_CELLS } from '../../../samples/clock-strip.mjs';
import { ageOf, readStrip, STRIP_PIXELS } from '../../rig/picture-clock.js';

interface Picture {
  /** Width of the rung's picture. */
  readonly width: number;
  readonly black: number;
  readonly white: number;
  /** Peak of the noise. */
  readonly noise: number;
  readonly seed: number;
}

/** Mean of a row over [from, to), the ends counted by their share: what a smooth scaler does. */
function mean(row: readonly number[], from: number, to: number): number {
  let sum = 0;
  for (let at = Math.floor(from); at < to; at += 1) {
    sum += (row[Math.min(at, row.length - 1)] ?? 0) * (Math.min(at + 1, to) - Math.max(at, from));
  }
  return sum / (to - from);
}

/** The strip as an encoder's rung shows it, drawn to STRIP_PIXELS: scaled down, scaled again, with noise. */
function shown(bits: readonly number[], { width, black, white, noise, seed }: Picture): Uint8ClampedArray {
  const cells = bits.map((bit) => (bit === 1 ? white : black));
  const rung = Array.from({ length: width }, (_, x) =>
    mean(cells, (x * STRIP_CELLS) / width, ((x + 1) * STRIP_CELLS) / width),
  );
  const rgba = new Uint8ClampedArray(STRIP_PIXELS.width * STRIP_PIXELS.height * 4);
  let state = seed;
  for (let y = 0; y < STRIP_PIXELS.height; y += 1) {
    for (let x = 0; x < STRIP_PIXELS.width; x += 1) {
      const scale = width / STRIP_PIXELS.width;
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      const luma = mean(rung, x * scale, (x + 1) * scale) + noise * (state / 2 ** 30 - 1);
      rgba.set([luma, luma, luma, 255], 4 * (y * STRIP_PIXELS.width + x));
    }
  }
  return rgba;
}

const anyPicture = fc.record({
  width: fc.constantFrom(180, 320, 426, 480, 640, 854, 1280, 1920),
  black: fc.integer({ min: 0, max: 40 }),
  white: fc.integer({ min: 200, max: 255 }),
  noise: fc.integer({ min: 0, max: 50 }),
  seed: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
});
const anyMs = fc.integer({ min: 0, max: 2 ** 42 - 1 });

describe('the strip as a page draws it', () => {
  test('is read at every width from 180 pixels on, through noise and weak levels', () => {
    fc.assert(fc.property(anyMs, anyPicture, (ms, picture) => readStrip(shown(encodeClock(ms), picture)) === ms));
  });

  test('of two pictures blended in equal shares, is unreadable or one of the two, never a third time', () => {
    fc.assert(
      fc.property(anyMs, fc.integer({ min: 1, max: 5000 }), anyPicture, (ms, laterMs, picture) => {
        const [one, other] = [encodeClock(ms), encodeClock(Math.min(ms + laterMs, 2 ** 42 - 1))];
        const rows = one.map((bit, i) => (bit + (other[i] ?? 0)) / 2);
        const cells = [shown(one, picture), shown(other, picture)];
        const blend = shown(rows, picture).map((_, i) => ((cells[0]?.[i] ?? 0) + (cells[1]?.[i] ?? 0)) / 2);
        const read = readStrip(blend);
        // A CRC of 16 bits passes one wrong strip in 65 536; none is among these.
        return read === undefined || read === ms || read === Math.min(ms + laterMs, 2 ** 42 - 1);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  test('is undefined where there is no strip: the slate, a black picture', () => {
    const none = new Uint8ClampedArray(STRIP_PIXELS.width * STRIP_PIXELS.height * 4).fill(16);
    expect(readStrip(none)).toBeUndefined();
  });
});

describe('the age of a picture', () => {
  const feed = { startMs: 1_700_000_000_000, loopMs: 32_000 };

  test('is what has passed since its frame was due, whichever round of the loop it is from', () => {
    const rounds = fc.integer({ min: 0, max: 1000 });
    const strip = fc.integer({ min: 0, max: 31_999 });
    const age = fc.integer({ min: 0, max: 31_999 });
    fc.assert(
      fc.property(rounds, strip, age, (round, stripMs, ageMs) => {
        const seenMs = feed.startMs + round * feed.loopMs + stripMs + ageMs;
        return ageOf(stripMs, seenMs, feed) === ageMs;
      }),
    );
  });

  test('of the last frame of a round, seen in the next, is not a round too much', () => {
    expect(ageOf(31_966, feed.startMs + 32_000 + 800, feed)).toBe(834);
  });
});
