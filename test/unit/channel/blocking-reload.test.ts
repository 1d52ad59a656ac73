import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { blockingReload, partKey, wholeKey } from '../../../src/channel/blocking-reload.ts';
import { makeGrid, partTargetSeconds } from '../../../src/package/grid.ts';
import type { Presentation } from '../../../src/package/model.ts';
import { lowLatencyWorld } from '../../fakes/low-latency.ts';

const low = lowLatencyWorld(makeGrid({ num: 30, den: 1 }, 2), ['v1', 'a1'], 12_000);
const ultra = lowLatencyWorld(makeGrid({ num: 30, den: 1 }, 2, 200), ['v1', 'a1'], 12_000);
const EDGE = { kind: 'answer', of: 'edge' };
const PAST = { kind: 'answer', of: 'past' };
const CURRENT = { kind: 'answer', of: 'current' };
const N = low.next;
const ask = (presentation: Presentation, msn?: number, part?: number) =>
  blockingReload(presentation, 'v1', { msn, part });
const waitsFor = (key: string) => ({ kind: 'wait', key, holdMs: 6000 });

describe('asked at once', () => {
  test('without a number it is the playlist as it stands (RFC 8216bis 6.2.5.1: skip blocks nothing)', () => {
    expect(ask(low.withOpen(2))).toEqual(CURRENT);
    expect(ask(low.withOpen(2), undefined, 3)).toEqual(CURRENT);
  });

  test('directives are ignored after EXT-X-ENDLIST (RFC 8216bis 6.2.5.2)', () => {
    const ended = { ...low.withOpen(2), ended: true };
    for (const [msn, part] of [[N], [N, 3], [N + 50], [N, 900], [1, 1]]) expect(ask(ended, msn, part)).toEqual(CURRENT);
  });

  test('before the first Segment it is the playlist as it stands', () => {
    expect(ask({ ...low.presentation, segments: [] }, 5, 0)).toEqual(CURRENT);
  });

  test('what is older than the window is answered with the whole playlist, not with an error (RFC 8216bis 6.2.5.2)', () => {
    for (const [msn, part] of [[0], [0, 0], [N - 7], [N - 7, 2], [N - 7, 900], [N - 2], [N - 2, 4]])
      expect(ask(low.withOpen(2), msn, part)).toEqual(PAST);
  });
});

describe('a number alone: that Segment whole, or anything later (RFC 8216bis 6.2.5.2)', () => {
  test('the newest whole one is there, whatever is open after it', () => {
    for (let n = 0; n <= 5; n++) expect(ask(low.withOpen(n), N - 1)).toEqual(EDGE);
    expect(ask(low.presentation, N - 1)).toEqual(EDGE);
  });

  test('parts of the Segment at the edge are not the Segment', () => {
    for (let n = 0; n <= 5; n++) expect(ask(low.withOpen(n), N)).toEqual(waitsFor(wholeKey('v1', N)));
    expect(ask(low.later().presentation, N)).toEqual(EDGE);
  });

  test('two beyond the newest whole one is waited for, three is refused (RFC 8216bis 6.2.5.2)', () => {
    expect(ask(low.withOpen(2), N + 1)).toEqual(waitsFor(wholeKey('v1', N + 1)));
    expect(ask(low.withOpen(2), N + 2)).toMatchObject({ kind: 'refused', why: expect.stringContaining('_HLS_msn') });
    expect(ask(low.withOpen(2), N + 2, 0)).toMatchObject({ kind: 'refused' });
  });
});

describe('a number and a part: that part, or anything later (RFC 8216bis 6.2.5.2)', () => {
  test('the next one is waited for under its own key, at most three target durations', () => {
    expect(ask(low.withOpen(2), N, 2)).toEqual(waitsFor(`list/v1/${N}.2`));
    expect(ask(low.presentation, N, 0)).toEqual(waitsFor(partKey('v1', N, 0)));
    const long = lowLatencyWorld(makeGrid({ num: 30, den: 1 }, 4), ['v1'], 24_000);
    expect(ask(long.withOpen(2), long.next, 2)).toMatchObject({ holdMs: 12_000 });
  });

  test('the newest one, and the one before it, are the edge; older ones are past', () => {
    const presentation = low.withOpen(3);
    expect([2, 1, 0].map((part) => ask(presentation, N, part))).toEqual([EDGE, EDGE, PAST]);
    expect([4, 3].map((part) => ask(low.presentation, N - 1, part))).toEqual([EDGE, EDGE]);
    expect(ask(low.presentation, N - 1, 2)).toEqual(PAST);
    expect(ask(low.withOpen(1), N - 1, 4)).toEqual(EDGE);
    expect(ask(low.withOpen(2), N - 1, 4)).toEqual(PAST);
  });

  test('each Track for itself: one may be ahead of another', () => {
    const presentation = low.withOpen({ v1: 1, a1: 3 });
    expect(blockingReload(presentation, 'a1', { msn: N, part: 2 })).toEqual(EDGE);
    expect(blockingReload(presentation, 'v1', { msn: N, part: 2 })).toEqual(waitsFor(partKey('v1', N, 2)));
  });

  test('beyond the last part of a Segment it means part 0 of the next, whole or open', () => {
    expect(ask(low.presentation, N - 1, 5)).toEqual(waitsFor(partKey('v1', N, 0)));
    expect(ask(low.presentation, N - 1, 900)).toEqual(waitsFor(partKey('v1', N, 0)));
    expect(ask(low.withOpen(1), N - 1, 5)).toEqual(EDGE);
    expect(ask(low.withOpen(4), N, 5)).toEqual(waitsFor(partKey('v1', N + 1, 0)));
    expect(ask(low.withOpen(4), N, 7)).toEqual(waitsFor(partKey('v1', N + 1, 0)));
    expect(ask(low.withOpen(5), N, 5)).toEqual(waitsFor(partKey('v1', N + 1, 0)));
    // hls.js outside its low-latency mode asks for the last part of the Segment after the newest one.
    expect(ask(low.presentation, N, 4)).toEqual(waitsFor(partKey('v1', N, 4)));
  });

  test.each([
    ['low', low, 8],
    ['ultra', ultra, 15],
  ] as const)(
    '%s: beyond the Advance Part Limit of 3 / PART-TARGET it is refused (RFC 8216bis 6.2.5.2)',
    (_, world, limit) => {
      expect(Math.ceil(3 / partTargetSeconds(world.period.grid))).toBe(limit);
      const { partsPerSegment } = world.period.grid;
      for (let published = 0; published < partsPerSegment; published++) {
        const presentation = world.withOpen(published);
        expect(ask(presentation, world.next, published - 1 + limit)).toMatchObject({ kind: 'wait' });
        expect(ask(presentation, world.next, published + limit)).toMatchObject({ kind: 'refused' });
        const inNext = published + limit - partsPerSegment;
        if (inNext >= 0) expect(ask(presentation, world.next + 1, inNext)).toMatchObject({ kind: 'refused' });
      }
      expect(ask(world.presentation, world.next, 9000)).toMatchObject({ why: expect.stringContaining('_HLS_part') });
    },
  );

  test('with parts of a second and more the limit is three parts (RFC 8216bis 6.2.5.2)', () => {
    const world = lowLatencyWorld(makeGrid({ num: 30, den: 1 }, 4, 1000), ['v1'], 24_000);
    expect(partTargetSeconds(world.period.grid)).toBeGreaterThanOrEqual(1);
    expect(ask(world.withOpen(1), world.next, 3)).toMatchObject({ kind: 'wait' });
    expect(ask(world.withOpen(1), world.next, 4)).toMatchObject({ kind: 'refused' });
  });
});

test('property: who waits is answered when the key that it was given is published, and not before', () => {
  const moments = [low, low.later()].flatMap((world) => [0, 1, 2, 3, 4, 5].map((n) => ({ world, n })));
  fc.assert(
    fc.property(
      fc.nat(moments.length - 1),
      fc.integer({ min: N - 3, max: N + 3 }),
      fc.option(fc.nat(12), { nil: undefined }),
      (at, msn, part) => {
        const answers = moments.slice(at).map(({ world, n }) => ask(world.withOpen(n), msn, part));
        const [first] = answers;
        if (first?.kind !== 'wait') return;
        const woken = moments.slice(at).findIndex(({ world, n }) => {
          const number = world.next;
          return (
            first.key === partKey('v1', number, n - 1) ||
            (n === 0 && first.key === wholeKey('v1', number - 1)) ||
            (n > 0 && first.key === partKey('v1', number, 0))
          );
        });
        const answered = answers.findIndex((answer) => answer.kind === 'answer');
        expect(answered).toBe(woken);
        if (answered >= 0) expect(answers[answered]).toEqual(EDGE);
      },
    ),
  );
});
