import { describe, expect, test } from 'vitest';
import { figuresOf, freezesOf, percentile, readAges, stallsOf } from '../../bench/latency/figures.ts';
import type { StripRead } from '../../rig/players.ts';

const FEED = { startMs: 1_000_000, loopMs: 32_000 };
const FRAME_MS = 100;

/** Pictures every 100 ms from `fromMs` until before `toMs`. */
const every = (fromMs: number, toMs: number): number[] =>
  Array.from({ length: Math.ceil((toMs - fromMs) / FRAME_MS) }, (_, i) => fromMs + i * FRAME_MS);

/** A look at a picture of that age; `torn` moves the strip but not the player's time line. */
function read(seenMs: number, ageMs: number, more: Partial<StripRead> & { torn?: number } = {}): StripRead {
  const { torn = 0, ...rest } = more;
  const stripMs = seenMs - ageMs - FEED.startMs;
  return {
    seenMs,
    stripMs: stripMs + torn,
    mediaTime: 77 + stripMs / 1000,
    ahead: 0.8,
    rate: 1,
    height: 360,
    ...rest,
  };
}

describe('percentile', () => {
  test('is the nearest rank: a value that was measured', () => {
    expect(percentile([5, 1, 3, 2, 4], 0.5)).toBe(3);
    expect(percentile([1, 2, 3, 4], 0.5)).toBe(2);
    expect(
      percentile(
        Array.from({ length: 100 }, (_, i) => i + 1),
        0.95,
      ),
    ).toBe(95);
    expect(percentile([7], 0.95)).toBe(7);
    expect(percentile([1, 2], 0)).toBe(1);
    expect(percentile([], 0.5)).toBeNaN();
  });
});

describe('stalls', () => {
  test('last from `waiting` to the next picture', () => {
    const frames = [...every(1000, 2000), ...every(2600, 4000)];
    expect(stallsOf({ frames, waits: [1950], endedMs: 4000 })).toEqual([{ fromMs: 1950, toMs: 2600 }]);
  });

  test('before the first picture are start-up', () => {
    expect(stallsOf({ frames: every(1000, 2000), waits: [400, 999], endedMs: 2000 })).toEqual([]);
    expect(stallsOf({ frames: [], waits: [400], endedMs: 2000 })).toEqual([]);
  });

  test('that are told twice are one', () => {
    const frames = [...every(1000, 2000), ...every(3000, 4000)];
    expect(stallsOf({ frames, waits: [1950, 2400, 2950], endedMs: 4000 })).toHaveLength(1);
  });

  test('that follow one another are two', () => {
    const frames = [...every(1000, 2000), 2500, ...every(3500, 4000)];
    expect(stallsOf({ frames, waits: [1950, 2600], endedMs: 4000 })).toEqual([
      { fromMs: 1950, toMs: 2500 },
      { fromMs: 2600, toMs: 3500 },
    ]);
  });

  test('without an end last until one stops looking', () => {
    expect(stallsOf({ frames: every(1000, 2000), waits: [1950], endedMs: 9000 })).toEqual([
      { fromMs: 1950, toMs: 9000 },
    ]);
  });
});

describe('freezes', () => {
  const frames = [...every(1000, 2000), ...every(2500, 3000), ...every(3600, 4000)];

  test('are half a second and more without a picture, where nobody was waiting', () => {
    expect(freezesOf(frames, [])).toEqual([
      { fromMs: 1900, toMs: 2500 },
      { fromMs: 2900, toMs: 3600 },
    ]);
  });

  test('a gap that is a stall is no freeze as well', () => {
    expect(freezesOf(frames, [{ fromMs: 1950, toMs: 2500 }])).toEqual([{ fromMs: 2900, toMs: 3600 }]);
  });
});

describe('reads', () => {
  const good = every(1_100_000, 1_101_000).map((seenMs) => read(seenMs, 900));

  test('become ages', () => {
    const { ages, torn } = readAges(good, FEED);
    expect(ages.map(({ ageMs }) => ageMs)).toEqual(Array.from({ length: 10 }, () => 900));
    expect(torn).toBe(0);
  });

  test('over the end of a round of the feed are of one time line still', () => {
    const over = every(FEED.startMs + 31_500, FEED.startMs + 33_500).map((seenMs) => ({
      ...read(seenMs, 900),
      stripMs: (seenMs - 900 - FEED.startMs) % FEED.loopMs,
    }));
    expect(readAges(over, FEED)).toMatchObject({ torn: 0, ages: { length: 20 } });
  });

  test('in which the strip is that of another picture than the player says are torn, and do not count', () => {
    const { ages, torn } = readAges([...good, read(1_101_000, 900, { torn: 33 })], FEED);
    expect(torn).toBe(1);
    expect(ages).toHaveLength(10);
  });

  test('are not torn by a clock that is slewed by 200 ppm for ten minutes', () => {
    const slewed = every(1_100_000, 1_700_000).map((seenMs, i) => {
      const one = read(seenMs, 900);
      return { ...one, stripMs: (seenMs - 900 - FEED.startMs) % FEED.loopMs, mediaTime: one.mediaTime + i * 0.00002 };
    });
    expect(readAges(slewed, FEED)).toMatchObject({ torn: 0, ages: { length: 6000 } });
  });

  test('that were not possible are no ages', () => {
    expect(readAges([read(1_100_000, 900, { stripMs: null })], FEED)).toEqual({ ages: [], torn: 0 });
  });
});

describe('the figures of a play', () => {
  const frames = [...every(1_100_000, 1_104_000), ...every(1_105_000, 1_110_000)];
  const notes = {
    startedMs: 1_099_300,
    endedMs: 1_110_000,
    frames,
    reads: frames.map((seenMs) =>
      seenMs < 1_102_000
        ? read(seenMs, 2000)
        : read(seenMs, 1000, {
            ahead: 0.5,
            stripMs: seenMs === 1_103_000 ? null : seenMs - 1000 - FEED.startMs,
            mediaTime: (seenMs - 1000 - FEED.startMs) / 1000 + 77,
          }),
    ),
    waits: [1_103_950],
    rateChanges: 3,
  };

  test('ages count after settling; start-up, stalls and unreadable strips from the start on', () => {
    expect(figuresOf(notes, FEED, 2000)).toEqual({
      startUpMs: 700,
      firstAgeMs: 2000,
      p50Ms: 1000,
      p95Ms: 1000,
      reads: 69,
      unreadable: 1,
      torn: 0,
      aheadP50: 0.5,
      stalls: 1,
      longestStallMs: 1050,
      freezes: 0,
      rebufferRatio: 0.105,
      rateChanges: 3,
      heights: [360],
    });
  });

  test('a player that never showed anything has no figures, and no stalls either', () => {
    const nothing = { startedMs: 0, endedMs: 5000, frames: [], reads: [], waits: [10], rateChanges: 0 };
    expect(figuresOf(nothing, FEED, 2000)).toMatchObject({
      startUpMs: Number.NaN,
      p50Ms: Number.NaN,
      stalls: 0,
      rebufferRatio: 0,
    });
  });
});
