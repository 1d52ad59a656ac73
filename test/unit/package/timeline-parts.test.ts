// Parts go on air one by one: in order, each decodable after the one before, and every Segment is finished whatever happens.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Grid, indexAt, makeGrid, partStartMs, startMsOf } from '../../../src/package/grid.ts';
import { Timeline } from '../../../src/package/timeline.ts';
import type { TimelineEvent } from '../../../src/package/timeline-event.ts';
import { fakeSlate, fakeTrack } from '../../fakes/media.ts';
import { deliver, deliverPart, fakeRun } from '../../fakes/run.ts';

const SETTINGS = {
  incarnation: 'i1',
  windowMs: 120_000,
  retentionMs: 60_000,
  publishesParts: true,
  fillDelayMs: 500,
  patienceMs: 2000,
  silenceMs: 400,
  tailMs: 6000,
  backfillMs: 20_000,
};
/** A Segment of 2.000 s ended half a second ago: none of the next one is due. */
const NOW = 1_795_291_200_500;
const p30 = makeGrid({ num: 30, den: 1 }, 2);
const TRACKS = ['v1', 'v2', 'a1'];
const PARTS = [0, 1, 2, 3, 4];

type PartEvent = TimelineEvent & { kind: 'part' };

function planOf(grid: Grid, variant = '', hasIndependentParts = true) {
  const tracks = TRACKS.map((id) => fakeTrack(id, grid, variant));
  return { grid, tracks, slate: fakeSlate(grid, tracks, hasIndependentParts) };
}

/** Open, with everything that is overdue at NOW filled: the next place is `next`, part 0. */
function opened(grid = p30, plan = planOf(grid)) {
  const timeline = new Timeline(SETTINGS);
  timeline.open(plan, NOW);
  timeline.advance(NOW);
  const next = timeline.nextNumber!;
  const endOf = (number: number, part: number) => partStartMs(grid, number, part + 1);
  return { timeline, plan, next, endOf };
}

const partsIn = (events: readonly TimelineEvent[]): PartEvent[] => events.filter((event) => event.kind === 'part');
const said = (events: readonly TimelineEvent[], track = 'v1'): string[] =>
  partsIn(events)
    .filter((event) => event.track === track)
    .map((event) => `${event.number}.${event.part.part} ${event.part.source}`);

describe('parts of a run', () => {
  test('are published as soon as they are there, each Track for itself', () => {
    const { timeline, plan, next } = opened();
    const run = fakeRun('r1', () => plan, TRACKS);
    timeline.join(run);
    deliverPart(run, p30, next, 0, ['v1']);
    expect(partsIn(timeline.advance(NOW)).map(({ track, part }) => `${track} ${part.part}`)).toEqual(['v1 0']);
    deliverPart(run, p30, next, 1, ['v1']);
    deliverPart(run, p30, next, 0, ['a1']);
    expect(partsIn(timeline.advance(NOW)).map(({ track, part }) => `${track} ${part.part}`)).toEqual(['v1 1', 'a1 0']);
    const open = timeline.presentation().open;
    expect(open?.number).toBe(next);
    expect([...(open?.tracks ?? [])].map(([id, parts]) => [id, parts.length])).toEqual([
      ['v1', 2],
      ['v2', 0],
      ['a1', 1],
    ]);
  });

  test('of all Tracks whole: the Segment is committed with the same bytes', () => {
    const { timeline, plan, next } = opened();
    const run = fakeRun('r1', () => plan, TRACKS);
    timeline.join(run);
    for (const part of PARTS) deliverPart(run, p30, next, part, TRACKS);
    const events = timeline.advance(NOW);
    const kinds = events.map((event) => event.kind).filter((kind) => kind !== 'part');
    expect(kinds).toEqual(['segment', 'segment', 'segment', 'committed']);
    const whole = events.find((event) => event.kind === 'segment' && event.track === 'v2');
    const bytes = partsIn(events).filter(({ track }) => track === 'v2');
    expect(whole?.kind === 'segment' && whole.parts).toEqual(bytes.map(({ part }) => part.bytes));
    expect(timeline.find(next)).toMatchObject({ number: next, source: 'live' });
    expect(timeline.nextNumber).toBe(next + 1);
    expect(timeline.presentation().open).toBeUndefined();
  });

  test('wait for the one before: nothing is skipped', () => {
    const { timeline, plan, next } = opened();
    const run = fakeRun('r1', () => plan, TRACKS);
    timeline.join(run);
    deliverPart(run, p30, next, 1, ['v1']);
    expect(said(timeline.advance(NOW))).toEqual([]);
    deliverPart(run, p30, next, 0, ['v1']);
    expect(said(timeline.advance(NOW))).toEqual([`${next}.0 live`, `${next}.1 live`]);
  });

  test('sound that the run of the picture does not deliver is silence at once, not at its deadline', () => {
    const { timeline, plan, next } = opened();
    const run = fakeRun('r1', () => plan, ['v1', 'v2']);
    timeline.join(run);
    deliverPart(run, p30, next, 0, ['v1', 'v2']);
    expect(said(timeline.advance(NOW), 'a1')).toEqual([`${next}.0 slate`]);
  });
});

describe('a part that does not come', () => {
  test('is slate when it is overdue, not before, and an IDR picture begins it', () => {
    const { timeline, next, endOf } = opened();
    const dueMs = endOf(next, 0) + 500;
    expect(timeline.deadlineMs).toBe(dueMs);
    expect(said(timeline.advance(dueMs - 1))).toEqual([]);
    const events = timeline.advance(dueMs);
    expect(said(events)).toEqual([`${next}.0 slate`]);
    expect(partsIn(events).every(({ part }) => part.isIndependent)).toBe(true);
    expect(timeline.deadlineMs).toBe(endOf(next, 1) + 500);
  });

  test('is waited for up to the patience while tags come in, and no longer than the silence after the last', () => {
    const { timeline, plan, next, endOf } = opened();
    timeline.join(fakeRun('r1', () => plan, TRACKS));
    timeline.heard(endOf(next, 0) + 450);
    expect(timeline.deadlineMs).toBe(endOf(next, 0) + 850);
    timeline.heard(endOf(next, 0) + 5000);
    expect(timeline.deadlineMs).toBe(endOf(next, 0) + 2000);
    expect(said(timeline.advance(endOf(next, 0) + 1999))).toEqual([]);
    expect(said(timeline.advance(endOf(next, 0) + 2000))[0]).toBe(`${next}.0 slate`);
  });

  test('is not waited for longer when no run can bring it, whatever the publisher sends', () => {
    const { timeline, plan, next, endOf } = opened();
    timeline.heard(endOf(next, 4) + 5000);
    expect(timeline.deadlineMs).toBe(endOf(next, 0) + 500);
    // Its first media lies later.
    timeline.join(fakeRun('r1', () => plan, TRACKS, { index: next, part: 2 }));
    expect(timeline.deadlineMs).toBe(endOf(next, 0) + 500);
    timeline.advance(endOf(next, 0) + 500);
    expect(timeline.deadlineMs).toBe(endOf(next, 1) + 500);
    timeline.advance(endOf(next, 1) + 500);
    expect(timeline.deadlineMs).toBe(endOf(next, 2) + 2000);
  });

  test('after slate in mid-Segment is waited for only while a run may begin there; its dependent parts are of no use', () => {
    const { timeline, plan, next, endOf } = opened();
    const run = fakeRun('r1', () => plan, TRACKS);
    timeline.join(run);
    deliverPart(run, p30, next, 0, TRACKS);
    for (const part of PARTS.slice(1)) deliverPart(run, p30, next, part, ['a1']);
    timeline.advance(NOW);
    timeline.advance(endOf(next, 1) + 500);
    timeline.heard(endOf(next, 4) + 5000);
    expect(said(timeline.advance(endOf(next, 4) + 500))).toEqual([2, 3, 4].map((part) => `${next}.${part} slate`));
    expect(timeline.deadlineMs).toBe(endOf(next + 1, 0) + 2000);
  });

  test('of a run that has ended is not waited for', () => {
    const { timeline, plan, next, endOf } = opened();
    const run = fakeRun('r1', () => plan, TRACKS);
    timeline.join(run);
    deliverPart(run, p30, next, 0, TRACKS);
    timeline.advance(NOW);
    timeline.heard(endOf(next, 4) + 5000);
    expect(timeline.deadlineMs).toBe(endOf(next, 1) + 2000);
    timeline.leave('r1');
    expect(timeline.deadlineMs).toBe(endOf(next, 1) + 500);
  });

  test('in mid-Segment: slate finishes it, in the same Period, and the Segment counts as live', () => {
    const { timeline, plan, next, endOf } = opened();
    const run = fakeRun('r1', () => plan, TRACKS);
    timeline.join(run);
    for (const part of [0, 1]) deliverPart(run, p30, next, part, TRACKS);
    timeline.advance(NOW);
    timeline.leave('r1');
    const events = timeline.advance(endOf(next, 4) + 500);
    expect(said(events).slice(0, 3)).toEqual([`${next}.2 slate`, `${next}.3 slate`, `${next}.4 slate`]);
    expect(events.some((event) => event.kind === 'period')).toBe(false);
    expect(timeline.find(next)).toMatchObject({ source: 'live' });
  });

  test('never leaves a Segment without its end: no part goes on air of a Period that slate could not finish', () => {
    const plan = planOf(p30, '', false);
    const { timeline, next, endOf } = opened(p30, plan);
    const run = fakeRun('r1', () => plan, TRACKS);
    timeline.join(run);
    for (const part of PARTS.slice(0, 4)) deliverPart(run, p30, next, part, TRACKS);
    expect(timeline.advance(NOW)).toEqual([]);
    expect(timeline.deadlineMs).toBe(endOf(next, 4) + 500);
    deliver(run, p30, next, TRACKS);
    expect(timeline.advance(NOW).map(({ kind }) => kind)).toEqual(['segment', 'segment', 'segment', 'committed']);
  });
});

describe('an end', () => {
  test('finishes the open Segment with slate at once, and nothing comes after it', () => {
    const { timeline, plan, next, endOf } = opened();
    const run = fakeRun('r1', () => plan, TRACKS);
    timeline.join(run);
    deliverPart(run, p30, next, 0, TRACKS);
    timeline.advance(NOW);
    expect(timeline.presentation().ended).toBe(false);
    const events = timeline.end(NOW);
    expect(said(events)).toEqual([1, 2, 3, 4].map((part) => `${next}.${part} slate`));
    expect(events.slice(-2).map(({ kind }) => kind)).toEqual(['committed', 'ended']);
    expect(timeline.presentation()).toMatchObject({ ended: true, open: undefined, changedMs: NOW });
    expect(timeline.deadlineMs).toBeUndefined();
    for (const part of PARTS) deliverPart(run, p30, next + 1, part, TRACKS);
    expect(timeline.advance(endOf(next, 4) + 60_000)).toEqual([]);
  });

  test('is followed by another presentation under another GEN; what ended stays fetchable for window and retention', () => {
    const { timeline, plan } = opened();
    const { gen, ordinal } = timeline.period!;
    const newest = timeline.nextNumber! - 1;
    timeline.end(NOW);
    const laterMs = NOW + 600_000;
    const events = timeline.open(plan, laterMs);
    expect(events.some(({ kind }) => kind === 'generation-gone')).toBe(false);
    expect(timeline.period).toMatchObject({ ordinal: ordinal + 1 });
    expect(timeline.period!.gen).not.toBe(gen);
    const { segments, ended } = timeline.presentation();
    expect(ended).toBe(false);
    expect(segments.every(({ period }) => period.gen === timeline.period!.gen)).toBe(true);
    expect(segments[0]!.number).toBeGreaterThan(newest);
    const goneBy = (ms: number) =>
      timeline.advance(ms).filter((event) => event.kind === 'generation-gone' && event.gen === gen);
    expect(goneBy(laterMs + 179_000)).toHaveLength(0);
    expect(goneBy(laterMs + 190_000)).toHaveLength(1);
  });
});

describe('a presentation that follows an end', () => {
  test.each([0, 1, 3, 30, 600])(
    'begun %i s after it has only higher numbers, at least one Segment, and goes on',
    (seconds) => {
      const { timeline, plan, next } = opened();
      const run = fakeRun('r1', () => plan, TRACKS);
      timeline.join(run);
      deliverPart(run, p30, next, 0, TRACKS);
      timeline.advance(NOW);
      timeline.end(NOW);
      const nowMs = NOW + seconds * 1000;
      timeline.open(plan, nowMs);
      const numbers = timeline.presentation().segments.map(({ number }) => number);
      expect(numbers[0]).toBeGreaterThan(next);
      expect(numbers.length).toBeGreaterThanOrEqual(1);
      expect(numbers.length).toBeLessThanOrEqual(10);
      const edge = timeline.nextNumber!;
      timeline.advance(timeline.deadlineMs!);
      timeline.advance(partStartMs(p30, edge, 5) + 500);
      expect(timeline.find(edge)).toMatchObject({ number: edge, source: 'slate' });
    },
  );

  test('with another Grid its numbers are higher, too, and its media stands where its time is', () => {
    const { timeline } = opened();
    const newest = timeline.nextNumber! - 1;
    timeline.end(NOW);
    const ntsc = makeGrid({ num: 30_000, den: 1001 }, 2);
    timeline.open(planOf(ntsc), NOW + 60_000);
    const { startNumber, startIndex, grid } = timeline.period!;
    expect(startNumber).toBe(newest + 1);
    expect(startMsOf(grid, startIndex)).toBeGreaterThan(NOW);
  });
});

describe('a run that takes over', () => {
  test('begins at the first part that is not published, with an INDEPENDENT part (RFC 8216bis 4.4.4.9)', () => {
    const { timeline, plan, next } = opened();
    const dead = fakeRun('r1', () => plan, TRACKS);
    timeline.join(dead);
    for (const part of [0, 1]) deliverPart(dead, p30, next, part, TRACKS);
    timeline.advance(NOW);
    expect(timeline.resumeAt(p30, NOW)).toEqual({ index: next, part: 2 });
    timeline.leave('r1');
    const second = fakeRun('r2', () => plan, TRACKS);
    timeline.join(second);
    deliverPart(second, p30, next, 2, TRACKS);
    expect(said(timeline.advance(NOW))).toEqual([]);
    second.parts.clear();
    deliverPart(second, p30, next, 2, TRACKS, true);
    deliverPart(second, p30, next, 3, TRACKS);
    expect(said(timeline.advance(NOW))).toEqual([`${next}.2 live`, `${next}.3 live`]);
  });

  test('does not follow slate with a dependent part: it waits for the next IDR picture', () => {
    const { timeline, plan, next, endOf } = opened();
    const run = fakeRun('r1', () => plan, TRACKS);
    timeline.join(run);
    deliverPart(run, p30, next, 0, TRACKS);
    timeline.advance(NOW);
    timeline.advance(endOf(next, 1) + 500);
    deliverPart(run, p30, next, 2, TRACKS);
    expect(said(timeline.advance(endOf(next, 1) + 501))).toEqual([]);
    for (const part of PARTS) deliverPart(run, p30, next + 1, part, TRACKS);
    const events = timeline.advance(endOf(next, 4) + 500);
    expect(said(events)).toContain(`${next}.4 slate`);
    expect(said(events)).toContain(`${next + 1}.0 live`);
  });

  test('of another Period waits for the end of the open Segment, which slate finishes', () => {
    const { timeline, plan, next, endOf } = opened();
    const run = fakeRun('r1', () => plan, TRACKS);
    timeline.join(run);
    deliverPart(run, p30, next, 0, TRACKS);
    timeline.advance(NOW);
    const other = planOf(p30, 'other');
    const second = fakeRun('r2', () => other, TRACKS);
    timeline.leave('r1');
    timeline.join(second);
    expect(timeline.resumeAt(makeGrid({ num: 50, den: 1 }, 2), NOW)).toEqual({ index: next + 1, part: 0 });
    for (const part of PARTS) deliverPart(second, p30, next + 1, part, TRACKS);
    const events = timeline.advance(endOf(next, 4) + 500);
    const period = events.find((event) => event.kind === 'period');
    expect(period?.kind === 'period' && period.period.startNumber).toBe(next + 1);
    expect(said(events)).toEqual([
      ...[1, 2, 3, 4].map((part) => `${next}.${part} slate`),
      ...PARTS.map((part) => `${next + 1}.${part} live`),
    ]);
  });

  test('of another Period begins when the first part of every Track is there, not before', () => {
    const { timeline, next } = opened();
    const other = planOf(p30, 'other');
    const run = fakeRun('r1', () => other, TRACKS);
    timeline.join(run);
    deliverPart(run, p30, next, 0, ['v1', 'v2']);
    expect(timeline.advance(NOW)).toEqual([]);
    deliverPart(run, p30, next, 0, ['a1']);
    expect(timeline.advance(NOW)[0]?.kind).toBe('period');
  });
});

test('whatever runs do, at 29.97, 30 and 50: each part is published once and in order, decodable, and no index is left out', () => {
  const step = fc.record({
    what: fc.constantFrom('join', 'leave', 'deliver', 'deliver', 'deliver', 'wait', 'wait'),
    run: fc.integer({ min: 0, max: 2 }),
    parts: fc.integer({ min: 1, max: 7 }),
    tracks: fc.constantFrom(TRACKS, ['v1'], ['v2', 'a1']),
    variant: fc.constantFrom('', '', '', 'b'),
  });
  const rates = fc.constantFrom({ num: 30_000, den: 1001 }, { num: 30, den: 1 }, { num: 50, den: 1 });
  fc.assert(
    fc.property(rates, fc.array(step, { maxLength: 60 }), (rate, steps) => {
      const grid = makeGrid(rate, 2);
      const { timeline } = opened(grid);
      const plans = new Map(['', 'b'].map((variant) => [variant, planOf(grid, variant)]));
      const runs = new Map<number, { run: ReturnType<typeof fakeRun>; index: number; part: number; fresh: boolean }>();
      const events: TimelineEvent[] = [];
      let nowMs = NOW;
      let made = 0;
      for (const { what, run: slot, parts, tracks, variant } of steps) {
        const known = runs.get(slot);
        if (what === 'join') {
          const run = fakeRun(`r${++made}`, () => plans.get(variant), TRACKS);
          runs.set(slot, { run, ...timeline.resumeAt(grid, nowMs), fresh: true });
          timeline.join(run);
        } else if (what === 'leave' && known !== undefined) {
          timeline.leave(known.run.id);
          runs.delete(slot);
        } else if (what === 'deliver' && known !== undefined) {
          for (let n = 0; n < parts; n++) {
            deliverPart(known.run, grid, known.index, known.part, tracks, known.part === 0 || known.fresh);
            known.fresh = false;
            known.part += 1;
            if (known.part === grid.partsPerSegment) Object.assign(known, { part: 0, index: known.index + 1 });
          }
        } else nowMs += parts * 150;
        events.push(...timeline.advance(nowMs));
      }
      for (const track of TRACKS) {
        const ofTrack = partsIn(events).filter((event) => event.track === track);
        const [first] = ofTrack;
        let expected = first === undefined ? 0 : first.number * grid.partsPerSegment + first.part.part;
        let before: PartEvent | undefined;
        for (const event of ofTrack) {
          expect(event.number * grid.partsPerSegment + event.part.part).toBe(expected++);
          const owner = (bytes: Buffer) => bytes.toString('latin1').split(' ')[0];
          const follows =
            before?.part.source === 'live' &&
            event.part.source === 'live' &&
            owner(before.part.bytes) === owner(event.part.bytes);
          expect(follows || event.part.isIndependent).toBe(true);
          before = event;
        }
      }
      const numbers = events.flatMap((event) => (event.kind === 'committed' ? [event.segment.number] : []));
      expect(numbers).toEqual(numbers.map((_, i) => (numbers[0] ?? 0) + i));
      expect(indexAt(grid, nowMs)).toBeGreaterThanOrEqual((numbers.at(-1) ?? 0) - 20);
    }),
    { numRuns: 150 },
  );
});

describe('a run without one of the Tracks', () => {
  /** The Period has v1, v2 and a1; v1 failed after part 1, and the run that follows is without it. */
  function left() {
    const it = opened();
    const { timeline, plan, next } = it;
    const whole = fakeRun('r1', () => plan, TRACKS);
    timeline.join(whole);
    for (const part of [0, 1]) deliverPart(whole, p30, next, part, TRACKS);
    timeline.advance(NOW);
    timeline.leave('r1');
    const less = { ...plan, tracks: plan.tracks.filter(({ id }) => id !== 'v1') };
    const run = fakeRun('r2', () => less, ['v2', 'a1']);
    timeline.join(run);
    return { ...it, run };
  }

  test('goes on with the open Segment at once: its own parts are live, the missing Track is slate without a wait', () => {
    const { timeline, next, run } = left();
    for (const part of [2, 3, 4]) deliverPart(run, p30, next, part, ['v2', 'a1'], part === 2);
    const events = timeline.advance(NOW);
    expect(said(events, 'v2')).toEqual([`${next}.2 live`, `${next}.3 live`, `${next}.4 live`]);
    expect(said(events, 'v1')).toEqual([`${next}.2 slate`, `${next}.3 slate`, `${next}.4 slate`]);
    expect(timeline.nextNumber).toBe(next + 1);
    expect(timeline.period?.tracks.map(({ id }) => id)).toEqual(TRACKS);
  });

  test('begins another Period with the next Segment, and none of the missing Track', () => {
    const { timeline, next, run } = left();
    for (const part of [2, 3, 4]) deliverPart(run, p30, next, part, ['v2', 'a1'], part === 2);
    deliverPart(run, p30, next + 1, 0, ['v2', 'a1']);
    const events = timeline.advance(NOW);
    expect(events.filter(({ kind }) => kind === 'period')).toHaveLength(1);
    expect(timeline.period).toMatchObject({ startNumber: next + 1, tracks: [{ id: 'v2' }, { id: 'a1' }] });
    expect(said(events.slice(events.findIndex(({ kind }) => kind === 'period')), 'v1')).toEqual([]);
  });

  test('with another CMAF header does not continue a Segment', () => {
    const { timeline, next } = opened();
    const other = planOf(p30, 'other');
    const run = fakeRun('r1', () => other, TRACKS);
    timeline.join(run);
    timeline.advance(NOW + 2900);
    const open = timeline.presentation().open?.number;
    deliverPart(run, p30, open ?? next, 1, TRACKS, true);
    deliverPart(run, p30, open ?? next, 2, TRACKS, true);
    expect(said(timeline.advance(NOW + 2900)).filter((line) => line.includes('live'))).toEqual([]);
  });
});
