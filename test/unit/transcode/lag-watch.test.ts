import { describe, expect, test } from 'vitest';
import { startLagWatch, watchLag } from '../../../src/transcode/lag-watch.ts';

const TICK_MS = 250;
/** Lag in ms of a rung at a moment. */
type Lag = (atMs: number) => number;

/** The first verdict that is not `fine`, and when, for rungs whose lags are given; undefined: none within the time. */
function judge(
  lags: Readonly<Record<string, Lag>>,
  owed: (atMs: number) => number = (atMs) => atMs,
  underWayMs = 0,
  forMs = 60_000,
) {
  let watch = startLagWatch();
  for (let nowMs = 0; nowMs <= forMs; nowMs += TICK_MS) {
    const outMs = new Map(Object.entries(lags).map(([rung, lag]) => [rung, owed(nowMs) - lag(nowMs)]));
    const step = watchLag(watch, { nowMs, owedMs: owed(nowMs), outMs, isUnderWay: nowMs >= underWayMs });
    watch = step.watch;
    if (step.verdict.kind !== 'fine') return { atMs: nowMs, verdict: step.verdict };
  }
  return undefined;
}
const both = (lag: Lag): Record<string, Lag> => ({ top: lag, low: lag });

describe('an encoder that keeps up', () => {
  test.each<[string, Lag]>([
    ['a chunk behind', (at) => 200 + (at % 400)],
    ['late for 3 s, then on time', (at) => (at > 20_000 && at < 23_000 ? 2000 : 300)],
    ['works off 9 s of a ring at twice the speed', (at) => Math.max(300, 9000 - at)],
    [
      'frozen for 2 s, then catches up',
      (at) => (at < 20_000 ? 300 : at < 22_000 ? at - 20_000 : Math.max(300, 2000 - 2 * (at - 22_000))),
    ],
  ])('is left alone: %s', (_what, lag) => {
    expect(judge(both(lag))).toBeUndefined();
  });

  test('and so is one that waits for its publisher', () => {
    expect(
      judge(
        both(() => 300),
        (at) => Math.min(at, 5000),
      ),
    ).toBeUndefined();
  });
});

/** What came out of an encoder that works at `speed` while there is something to do, and is 0.3 s behind at best. */
function worked(owed: (atMs: number) => number, speed: number): Lag {
  const out: number[] = [owed(0) - 300];
  for (let ms = 1; ms <= 60_000; ms++) out.push(Math.min(owed(ms) - 300, (out[ms - 1] ?? 0) + speed));
  return (at) => owed(at) - (out[at] ?? 0);
}

describe('a backlog that is worked off is no overload', () => {
  /** The network stalls for 3 s, then brings all at once, or at three times the speed. */
  const atOnce = (at: number) => (at < 20_000 || at >= 23_000 ? at : 20_000);
  const bySpeed = (at: number) => (at < 20_000 ? at : Math.min(at, 20_000 + 3 * Math.max(0, at - 23_000)));
  const slowly = (at: number) => (at < 20_000 ? at : Math.min(at, 20_000 + 1.2 * Math.max(0, at - 30_000)));
  /** For a minute everything comes 3 s late, then on time again. */
  const lateForLong = (at: number) => (at < 10_000 ? at : at < 40_000 ? Math.max(10_000, at - 3000) : at);

  test.each([
    ['a burst at once', atOnce],
    ['a burst at three times the speed', bySpeed],
    ['media that is 3 s late for half a minute', lateForLong],
    ['ten seconds that are brought at 1.2 times the speed', slowly],
  ])('%s, an encoder with 15 %% to spare', (_what, owed) => {
    expect(judge(both(worked(owed, 1.15)), owed)).toBeUndefined();
  });

  test.each([
    ['a burst at once', atOnce],
    ['a burst at three times the speed', bySpeed],
  ])('but %s that is not worked off is, 4 s after it at the latest', (_what, owed) => {
    const found = judge(both(worked(owed, 1)), owed);
    expect(found?.verdict.kind).toBe('overload');
    expect(found?.atMs).toBeLessThanOrEqual(24_500 + 4000);
  });
});

describe('an encoder that is too slow', () => {
  test.each([
    [0.9, 16_750],
    [0.5, 6500],
    [0.1, 4500],
  ])('at speed %d is found before it is 4 s behind', (speed, latestMs) => {
    const found = judge(both((at) => (1 - speed) * at));
    expect(found?.verdict.kind).toBe('overload');
    expect(found?.atMs).toBeLessThanOrEqual(latestMs);
    expect(found?.verdict.kind === 'overload' && found.verdict.lagMs).toBeLessThanOrEqual(4000);
  });

  test('is found though its lag goes up and down on the way', () => {
    const found = judge(both((at) => 0.3 * at + (at % 1000) / 2));
    expect(found?.verdict.kind).toBe('overload');
  });

  test('that never works off what it was given is found after 2.5 s, or 4 s where it may still be in time', () => {
    expect(judge(both(() => 3000))?.atMs).toBe(2500);
    expect(judge(both((at) => 3000 + 0.4 * at))?.atMs).toBe(2500);
    expect(judge(both(() => 2000))?.atMs).toBe(4000);
  });

  test('is judged by that only once each rung has made something', () => {
    expect(
      judge(
        both(() => 3000),
        undefined,
        1000,
      )?.atMs,
    ).toBe(3500);
    expect(
      judge(
        both(() => 3000),
        undefined,
        60_000,
      )?.atMs,
    ).toBe(4000);
  });
});

describe('a rung that makes nothing', () => {
  test('while the others go on is named within 3 s', () => {
    const found = judge({ top: (at) => Math.max(300, at - 20_000), low: () => 300 });
    expect(found?.verdict).toMatchObject({ kind: 'silent-rung', rung: 'top' });
    expect((found?.atMs ?? 0) - 20_000).toBeLessThanOrEqual(3000);
  });

  test('is not blamed where all have stopped', () => {
    const stopsAt =
      (stopMs: number): Lag =>
      (at) =>
        Math.max(300, at - stopMs);
    const found = judge({ top: stopsAt(18_500), low: stopsAt(20_000) });
    expect(found?.verdict.kind).toBe('overload');
  });
});
