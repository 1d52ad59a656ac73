import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Grid, indexAt, makeGrid, startMsOf } from '../../../src/package/grid.ts';
import type { CommittedSegment } from '../../../src/package/model.ts';
import { Timeline } from '../../../src/package/timeline.ts';
import type { TimelineEvent } from '../../../src/package/timeline-event.ts';
import { fakeSlate, fakeTrack } from '../../fakes/media.ts';
import { deliver, fakeRun } from '../../fakes/run.ts';

const SETTINGS = {
  incarnation: 'i1',
  windowMs: 120_000,
  retentionMs: 60_000,
  publishesParts: false,
  fillDelayMs: 800,
  patienceMs: 0,
  silenceMs: 0,
  tailMs: 6000,
  backfillMs: 20_000,
};
const NOW = 1_795_291_200_500;
const p30 = makeGrid({ num: 30, den: 1 }, 2);
const p2997 = makeGrid({ num: 30000, den: 1001 }, 2);
const TRACKS = ['v1', 'v2', 'a1'];

function planOf(grid: Grid, variant = '') {
  const tracks = TRACKS.map((id) => fakeTrack(id, grid, variant));
  return { grid, tracks, slate: fakeSlate(grid, tracks) };
}

function opened(grid = p30) {
  const timeline = new Timeline(SETTINGS);
  const events = timeline.open(planOf(grid), NOW);
  return { timeline, events };
}

function committed(events: readonly TimelineEvent[]): CommittedSegment[] {
  return events.flatMap((event) => (event.kind === 'committed' ? [event.segment] : []));
}

describe('the timeline', () => {
  test('opens with slate in the past, so that a playlist has at least six Segments at once (Apple HLS 8.11)', () => {
    const { timeline, events } = opened();
    const segments = committed(events);
    expect(segments).toHaveLength(10);
    expect(segments.every((segment) => segment.source === 'slate')).toBe(true);
    expect(segments.at(-1)?.endMs).toBeLessThanOrEqual(NOW);
    expect(timeline.nextNumber).toBe(indexAt(p30, NOW - 800));
  });

  test('number = floor(media time / Segment duration)', () => {
    const { timeline, events } = opened();
    for (const segment of committed(events)) expect(segment.number).toBe(indexAt(p30, segment.endMs) - 1);
    expect(timeline.find(timeline.nextNumber! - 1)?.number).toBe(timeline.nextNumber! - 1);
  });

  test('RFC 8216bis 6.2.2: where only the numbers of a life before are known, EXT-X-MEDIA-SEQUENCE does not fall below them', () => {
    const due = indexAt(p30, NOW - 800) - 1;
    const numbers = (numbersFrom: number) => {
      const timeline = new Timeline({ ...SETTINGS, numbersFrom });
      const segments = committed(timeline.open(planOf(p30), NOW));
      return segments.map(({ number, endMs }) => [number, indexAt(p30, endMs) - 1]);
    };
    const same = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => [from + i, from + i]);
    // Long ago; a moment ago; what was on air when it ended: the number is the index all the while.
    expect(numbers(due - 100)).toEqual(same(due - 9, due));
    expect(numbers(due - 3)).toEqual(same(due - 3, due));
    expect(numbers(due + 2)).toEqual(same(due + 2, due + 2));
    // The clock was ahead, or the Period had an offset.
    expect(numbers(due + 1800)).toEqual(same(due - 9, due).map(([index], i) => [due + 1800 + i, index]));
  });

  test('a passed index without media becomes slate at its deadline, not before, and none is left empty', () => {
    const { timeline } = opened();
    const next = timeline.nextNumber!;
    const deadlineMs = startMsOf(p30, next + 1) + 800;
    expect(timeline.deadlineMs).toBe(deadlineMs);
    expect(timeline.advance(deadlineMs - 1)).toEqual([]);
    expect(committed(timeline.advance(deadlineMs)).map((segment) => segment.number)).toEqual([next]);
    expect(committed(timeline.advance(deadlineMs + 10_000)).map((segment) => segment.number)).toEqual(
      [1, 2, 3, 4, 5].map((k) => next + k),
    );
  });

  test('after a pause of hours a call makes a bounded number of indices, and the next calls the rest', () => {
    const { timeline } = opened();
    const laterMs = NOW + 3_600_000;
    expect(committed(timeline.advance(laterMs))).toHaveLength(64);
    expect(timeline.deadlineMs!).toBeLessThan(laterMs);
    let calls = 1;
    while (timeline.deadlineMs! <= laterMs) {
      timeline.advance(laterMs);
      calls += 1;
    }
    expect(calls).toBe(Math.ceil(1800 / 64));
    expect(timeline.presentation().segments).toHaveLength(SETTINGS.windowMs / 2000);
  });

  test('media with the same CMAF headers goes on air without a Period or discontinuity', () => {
    const { timeline } = opened();
    const index = timeline.nextNumber!;
    const run = fakeRun('r1', () => planOf(p30), TRACKS);
    timeline.join(run);
    deliver(run, p30, index, TRACKS);
    const events = timeline.advance(NOW);
    expect(events.filter((event) => event.kind === 'period')).toEqual([]);
    expect(committed(events)).toMatchObject([{ number: index, source: 'live' }]);
  });

  test('an index is committed only when all Tracks that the run delivers are whole', () => {
    const { timeline } = opened();
    const index = timeline.nextNumber!;
    const run = fakeRun('r1', () => planOf(p30), TRACKS);
    timeline.join(run);
    deliver(run, p30, index, ['v1', 'a1']);
    expect(timeline.advance(NOW)).toEqual([]);
    deliver(run, p30, index, ['v2']);
    expect(committed(timeline.advance(NOW))).toHaveLength(1);
  });

  test('a Track that the feed does not have is slate at once: silence beside live pictures', () => {
    const { timeline } = opened();
    const index = timeline.nextNumber!;
    const run = fakeRun('r1', () => planOf(p30), ['v1', 'v2']);
    timeline.join(run);
    deliver(run, p30, index, ['v1', 'v2']);
    const [segment] = committed(timeline.advance(NOW));
    expect(segment?.source).toBe('live');
    expect(segment?.tracks.get('a1')?.source).toBe('slate');
    expect(segment?.tracks.get('v1')?.source).toBe('live');
  });

  test('an overdue index keeps what came and fills the rest with slate', () => {
    const { timeline } = opened();
    const index = timeline.nextNumber!;
    const run = fakeRun('r1', () => planOf(p30), TRACKS);
    timeline.join(run);
    deliver(run, p30, index, ['a1']);
    const [segment] = committed(timeline.advance(timeline.deadlineMs!));
    expect(segment?.tracks.get('a1')?.source).toBe('live');
    expect(segment?.tracks.get('v1')?.source).toBe('slate');
  });

  test('other CMAF headers begin a contiguous Period at the first index that the run has whole (RFC 8216bis 4.4.4.3)', () => {
    const { timeline } = opened();
    const index = timeline.nextNumber!;
    const run = fakeRun('r1', () => planOf(p30, ' other'), TRACKS);
    timeline.join(run);
    deliver(run, p30, index + 1, TRACKS);
    const [slate, segment] = committed(timeline.advance(timeline.deadlineMs!));
    expect(slate).toMatchObject({ number: index, period: { ordinal: 1 } });
    expect(segment).toMatchObject({
      number: index + 1,
      period: { ordinal: 2, startNumber: index + 1, startIndex: index + 1 },
    });
    expect(segment?.period.gen).not.toBe(slate?.period.gen);
  });

  test("a slate whose CMAF header is not the run's is declared by a Period, never mixed in", () => {
    const { timeline } = opened();
    const index = timeline.nextNumber!;
    const tracks = TRACKS.map((id) => fakeTrack(id, p30, ' other'));
    const run = fakeRun('r1', () => ({ grid: p30, tracks, slate: fakeSlate(p30, planOf(p30).tracks) }), TRACKS);
    timeline.join(run);
    deliver(run, p30, index, TRACKS);
    timeline.advance(NOW);
    timeline.leave('r1');
    const events = timeline.advance(timeline.deadlineMs!);
    const { gen } = timeline.period!;
    const ofPeriod = events.filter((event) => event.kind !== 'segment' || event.record.gen === gen);
    expect(ofPeriod.map((event) => event.kind)).toEqual(['period', 'segment', 'segment', 'segment', 'committed']);
    expect(committed(events)[0]?.period).toMatchObject({ ordinal: 3, startNumber: index + 1 });
  });

  test('while the slate of a new plan is still being encoded, an overdue index waits for it', () => {
    const { timeline } = opened();
    const plan = { ...planOf(p30, ' other'), slate: undefined };
    const run = fakeRun('r1', () => plan, TRACKS);
    timeline.join(run);
    deliver(run, p30, timeline.nextNumber!, TRACKS);
    timeline.advance(NOW);
    timeline.leave('r1');
    const deadlineMs = timeline.deadlineMs!;
    expect(timeline.advance(deadlineMs)).toEqual([]);
    timeline.setSlate(planOf(p30, ' other').slate);
    expect(committed(timeline.advance(deadlineMs))).toHaveLength(1);
  });

  test('after a declared change the old GEN goes on as slate for as long as players may hold the MPD of before', () => {
    const { timeline } = opened();
    const index = timeline.nextNumber!;
    const before = timeline.period!;
    const run = fakeRun('r1', () => planOf(p30, ' other'), TRACKS);
    timeline.join(run);
    deliver(run, p30, index, TRACKS);
    const events = timeline.advance(NOW);
    const old = events.flatMap((event) => (event.kind === 'segment' && event.record.gen === before.gen ? [event] : []));
    expect(old.map((event) => `${event.track} ${event.record.number - index} ${event.record.source}`)).toEqual(
      [0, 1, 2].flatMap((k) => TRACKS.map((track) => `${track} ${k} slate`)),
    );
    expect(committed(events).map((segment) => segment.period.gen)).not.toContain(before.gen);
  });

  test('where the slate has another CMAF header the old GEN goes on as gaps, which any player of it can take', () => {
    const { timeline } = opened();
    const run = fakeRun('r1', () => ({ ...planOf(p30, ' other'), slate: planOf(p30).slate }), TRACKS);
    timeline.join(run);
    deliver(run, p30, timeline.nextNumber!, TRACKS);
    timeline.advance(NOW);
    const copied = timeline.period!;
    timeline.leave('r1');
    const next = timeline.nextNumber!;
    const events = timeline.advance(timeline.deadlineMs!);
    expect(timeline.period?.gen).not.toBe(copied.gen);
    const old = events.flatMap((event) => (event.kind === 'segment' && event.record.gen === copied.gen ? [event] : []));
    expect(old.map((event) => `${event.track} ${event.record.number - next} ${event.record.source}`)).toEqual(
      [0, 1, 2].flatMap((k) => TRACKS.map((track) => `${track} ${k} gap`)),
    );
    expect(committed(events).map(({ period }) => period.gen)).not.toContain(copied.gen);
  });

  test('another Grid begins a Period with another GEN; numbers go on by one and media time without a gap', () => {
    const { timeline, events } = opened();
    const before = committed(events).at(-1)!;
    const run = fakeRun('r1', () => planOf(p2997), TRACKS);
    timeline.join(run);
    const index = indexAt(p2997, before.endMs);
    deliver(run, p2997, index, TRACKS);
    const [segment] = committed(timeline.advance(NOW));
    expect(segment?.number).toBe(before.number + 1);
    expect(segment?.period.gen).not.toBe(before.period.gen);
    expect(startMsOf(p2997, index)).toBeLessThanOrEqual(before.endMs);
    expect(segment!.endMs).toBeGreaterThan(before.endMs);
  });

  test('late media never replaces what was committed', () => {
    const { timeline } = opened();
    const index = timeline.nextNumber!;
    timeline.advance(timeline.deadlineMs!);
    const run = fakeRun('r1', () => planOf(p30), TRACKS);
    timeline.join(run);
    deliver(run, p30, index, TRACKS);
    timeline.advance(NOW);
    expect(timeline.find(index)?.source).toBe('slate');
    expect(run.segments.size).toBe(0);
  });

  test('what left the lists stays fetchable for the retention, then is evicted by number (RFC 8216bis 6.2.2)', () => {
    const { timeline } = opened();
    const first = timeline.presentation().segments[0]!.number;
    const later = timeline.advance(NOW + SETTINGS.windowMs + 10_000);
    expect(later.filter((event) => event.kind === 'evicted')).toEqual([]);
    expect(timeline.presentation().segments[0]!.number).toBeGreaterThan(first);
    expect(timeline.find(first)).toBeDefined();
    const evicted = timeline
      .advance(NOW + SETTINGS.windowMs + SETTINGS.retentionMs + 10_000)
      .filter((event) => event.kind === 'evicted');
    expect(evicted).toHaveLength(1);
    expect(timeline.find(first)).toBeUndefined();
  });
});

describe('what is not to be had any more', () => {
  test('is in no list, is evicted once, and the numbers stay contiguous', () => {
    const { timeline, events } = opened();
    const all = committed(events);
    const from = all[4]!;
    expect(timeline.forgetBelow(from.number, NOW + 1)).toEqual([
      { kind: 'evicted', gen: from.period.gen, belowNumber: from.number },
    ]);
    const { segments, changedMs } = timeline.presentation();
    expect(segments.map(({ number }) => number)).toEqual(all.slice(4).map(({ number }) => number));
    expect(changedMs).toBe(NOW + 1);
    expect(timeline.forgetBelow(from.number - 1, NOW + 2)).toEqual([]);
    expect(timeline.find(from.number - 1)).toBeUndefined();
  });

  test('is never the newest Segment', () => {
    const { timeline, events } = opened();
    const newest = committed(events).at(-1)!;
    timeline.forgetBelow(newest.number + 100, NOW);
    expect(timeline.presentation().segments.map(({ number }) => number)).toEqual([newest.number]);
    expect(timeline.nextNumber).toBe(newest.number + 1);
  });
});

describe('a window that nobody has been shown', () => {
  test('is made anew under the incarnation that is given, for good', () => {
    const [one, other] = [opened().timeline, opened().timeline];
    one.restart('i2');
    other.restart();
    const genOf = (timeline: Timeline) => committed(timeline.open(planOf(p30), NOW)).at(-1)!.period.gen;
    const first = genOf(one);
    expect(first).not.toBe(genOf(other));
    one.restart();
    expect(genOf(one)).not.toBe(first);
  });

  test('is made anew under another GEN, from ordinal 1, and its numbers are given again', () => {
    const { timeline, events } = opened();
    const before = committed(events).at(-1)!;
    expect(timeline.restart()).toEqual([{ kind: 'generation-gone', gen: before.period.gen }, { kind: 'restarted' }]);
    expect(timeline.presentation().segments).toEqual([]);
    const again = committed(timeline.open(planOf(p30, ' other'), NOW)).at(-1)!;
    expect(again.number).toBe(before.number);
    expect(again.period.ordinal).toBe(1);
    expect(again.period.gen).not.toBe(before.period.gen);
  });
});

/** What a crashing, stalling, restarting service may do to a timeline, one letter an act. */
type Act =
  | 'tick'
  | 'long-pause'
  | 'deliver'
  | 'deliver-part'
  | 'new-run'
  | 'new-init'
  | 'other-grid'
  | 'restart'
  | 'clock-back';

describe('property: one URL never has two bodies', () => {
  const act = fc.constantFrom<Act>(
    'tick',
    'long-pause',
    'deliver',
    'deliver-part',
    'new-run',
    'new-init',
    'other-grid',
    'restart',
    'clock-back',
  );

  test('over random resets, crashes and clock steps (src/README.md: Generation)', () => {
    fc.assert(
      fc.property(fc.array(act, { minLength: 5, maxLength: 60 }), (acts) => {
        const bodies = new Map<string, string>();
        let incarnation = 0;
        let nowMs = NOW;
        let grid = p30;
        let plan = planOf(grid);
        let run = fakeRun('r0', () => plan, TRACKS);
        let timeline = new Timeline({
          ...SETTINGS,
          incarnation: `i${incarnation}`,
        });
        const see = (events: readonly TimelineEvent[]) => {
          for (const event of events) {
            if (event.kind !== 'segment') continue;
            const url = `${event.track}/${event.record.gen}/${event.record.number}`;
            const body = Buffer.concat([...event.parts]).toString('hex');
            expect(bodies.has(url), `${url} twice`).toBe(false);
            bodies.set(url, body);
          }
          const numbers = committed(events).map((segment) => segment.number);
          for (const [i, number] of numbers.entries()) if (i > 0) expect(number).toBe(numbers[i - 1]! + 1);
        };
        see(timeline.open(plan, nowMs));
        timeline.join(run);
        for (const [i, what] of acts.entries()) {
          const edge = indexAt(grid, timeline.edgeMs ?? nowMs);
          if (what === 'tick') nowMs += 700;
          else if (what === 'long-pause') nowMs += 30_000;
          else if (what === 'deliver') deliver(run, grid, edge, TRACKS);
          else if (what === 'deliver-part') deliver(run, grid, edge + (i % 2), TRACKS.slice(0, 1 + (i % 3)));
          else if (what === 'clock-back') nowMs -= 5_000;
          else {
            if (what === 'other-grid') grid = grid === p30 ? p2997 : p30;
            if (what !== 'new-run') plan = planOf(grid, what === 'new-init' ? ` ${i}` : '');
            const runPlan = plan;
            run = fakeRun(`r${i + 1}`, () => runPlan, TRACKS);
            if (what === 'restart') {
              incarnation += 1;
              timeline = new Timeline({
                ...SETTINGS,
                incarnation: `i${incarnation}`,
              });
              see(timeline.open(plan, nowMs));
            }
            timeline.join(run);
          }
          see(timeline.advance(nowMs));
        }
        expect(bodies.size).toBeGreaterThan(0);
      }),
      { numRuns: 150 },
    );
  });
});
