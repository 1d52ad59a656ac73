import { describe, expect, test } from 'vitest';
import { startLagWatch, watchLag } from '../../../src/transcode/lag-watch.ts';

const TICK_MS = 250;
/** Lag in ms of a rung at a moment. */
type Lag = (atMs: number) => number;

/** The first verdict that is not `fine`, and when, for rungs whose lags are given; undefined: none within the time. */
function judge(lags: Readonly<Record<string, Lag>>, forMs = 60_000, owed: (atMs: number) => number = (atMs) => atMs) {
  let watch = startLagWatch();
  for (let nowMs = 0; nowMs <= forMs; nowMs += TICK_MS) {
    const outMs = new Map(Object.entries(lags).map(([rung, lag]) => [rung, owed(nowMs) - lag(nowMs)]));
    const step = watchLag(watch, { nowMs, owedMs: owed(nowMs), outMs });
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
        60_000,
        (at) => Math.min(at, 5000),
      ),
    ).toBeUndefined();
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

  test('that never works off what it was given is found after 4 s', () => {
    expect(judge(both(() => 3000))?.atMs).toBe(4000);
    expect(judge(both((at) => 3000 + 0.4 * at))?.atMs).toBe(4000);
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
