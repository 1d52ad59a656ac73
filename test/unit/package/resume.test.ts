/** What a timeline goes on with: only what is there, and nothing twice under one GEN. */
import { describe, expect, test } from 'vitest';
import { isTimelineEntry } from '../../../src/package/entry-shape.ts';
import { makeGrid } from '../../../src/package/grid.ts';
import { entryOf, type TimelineEntry } from '../../../src/package/journal-entry.ts';
import { replay } from '../../../src/package/replay.ts';
import { type KeptMedia, resumable } from '../../../src/package/resume.ts';
import type { TimelineSnapshot } from '../../../src/package/snapshot.ts';
import { Timeline } from '../../../src/package/timeline.ts';
import { fakeSlate, fakeTrack } from '../../fakes/media.ts';

const NOW = 1_795_291_200_500;
const SETTINGS = {
  ...{ incarnation: 'i1', windowMs: 60_000, retentionMs: 30_000, publishesParts: false, fillDelayMs: 800 },
  ...{ patienceMs: 0, silenceMs: 0, tailMs: 6000, backfillMs: 12_000 },
};
const grid = makeGrid({ num: 30, den: 1 }, 2);
const planOf = (variant: string) => {
  const tracks = ['v1', 'v2', 'a1'].map((id) => fakeTrack(id, grid, variant));
  return { grid, tracks, slate: fakeSlate(grid, tracks, true) };
};
const plan = planOf('');
const other = planOf(' other');

function journal(until = Number.POSITIVE_INFINITY): TimelineEntry[] {
  const timeline = new Timeline(SETTINGS);
  const events = [...timeline.open(plan, NOW), ...timeline.advance(NOW + 2400)];
  return events.map((event) => entryOf(event, NOW)).slice(0, until);
}

function snapshotOf(entries: readonly TimelineEntry[]): TimelineSnapshot {
  const replayed = replay(entries);
  if (replayed.kind === 'bad') throw new Error(replayed.reason);
  return replayed.snapshot;
}

const having = (has: (number: number) => boolean): KeptMedia => ({
  hasSegment: (_track, _gen, number) => has(number),
  partBytes: () => undefined,
});
const numbersOf = ({ segments }: TimelineSnapshot) => segments.map(({ number }) => number);
const goOn = (snapshot: TimelineSnapshot) =>
  new Timeline(SETTINGS, { snapshot, atMs: NOW, bytesOf: () => Buffer.alloc(0) });

describe('what the window has lost', () => {
  const whole = snapshotOf(journal());
  const all = numbersOf(whole);

  test('at the front is not listed, and nothing is declared', () => {
    const held = resumable(
      whole,
      having((number) => number >= all[3]!),
      true,
    );
    expect([numbersOf(held), held.isSpent]).toEqual([all.slice(3), false]);
  });

  test('in the middle, of a life that is gone on with: what follows it is listed', () => {
    const held = resumable(
      whole,
      having((number) => number !== all[3]),
      true,
    );
    expect([numbersOf(held), held.isSpent]).toEqual([all.slice(4), false]);
  });

  test('of a life whose last lines may be lost: what is before the first hole is listed, and another GEN follows', () => {
    const held = resumable(
      whole,
      having((number) => number !== all[0] && number !== all[4]),
      false,
    );
    expect(numbersOf(held)).toEqual(all.slice(1, 4));
    const timeline = goOn(held);
    timeline.setSlate(plan.slate);
    const events = timeline.advance(NOW + 10_000);
    expect(events[0]).toMatchObject({ kind: 'period', period: { startNumber: all[4], ordinal: 2 } });
    expect(timeline.period?.gen).not.toBe(whole.period?.gen);
  });
});

describe('a number of which only some Tracks were stored (latency normal)', () => {
  /** Without `committed`, and without the last Track's Segment. */
  const cut = journal(journal().findLastIndex(({ kind }) => kind === 'committed') - 1);
  const half = resumable(
    snapshotOf(cut),
    having(() => true),
    true,
  );

  test('is finished with slate in the others, at once and under its own URL', () => {
    const timeline = goOn(half);
    const { number, period } = half.unfinished!;
    expect(timeline.presentation().open).toBeUndefined();
    expect(timeline.resumeAt(grid, NOW).index).toBe(number + 1);
    expect(timeline.advance(NOW)).toEqual([]);
    timeline.setSlate(plan.slate);
    const events = timeline.advance(NOW);
    expect(events.map(({ kind }) => kind)).toEqual(['segment', 'committed']);
    expect(events[0]).toMatchObject({ track: 'a1', record: { number, gen: period.gen, source: 'slate' } });
  });

  test('is given up when no slate fits: another Period begins with the number', () => {
    const timeline = goOn(half);
    timeline.fallBackOn(other);
    const events = timeline.advance(NOW + 5000);
    const { number, period } = half.unfinished!;
    expect(events[0]).toEqual({ kind: 'abandoned', gen: period.gen, number });
    expect(events[1]).toMatchObject({ kind: 'period', period: { startNumber: number, ordinal: 2 } });
    expect(timeline.find(number)?.period.gen).not.toBe(period.gen);
  });

  test('is given up when no slate comes for ten seconds', () => {
    const timeline = goOn(half);
    expect(timeline.advance(NOW + 9999)).toEqual([]);
    expect(timeline.advance(NOW + 10_000).map(({ kind }) => kind)).toEqual(['abandoned']);
  });
});

describe('a Segment whose parts were being published (latency low)', () => {
  const low = { ...SETTINGS, publishesParts: true };
  /** All entries of a timeline that has published five parts of a number and committed it. */
  function lived(): TimelineEntry[] {
    const timeline = new Timeline(low);
    const events = timeline.open(plan, NOW);
    for (let ms = 0; ms <= 4500; ms += 100) events.push(...timeline.advance(NOW + ms));
    return events.map((event) => entryOf(event, NOW));
  }
  const entries = lived();
  const having = (parts: number): KeptMedia => ({
    hasSegment: () => true,
    partBytes: (_track, _gen, _number, part) => (part < parts ? Buffer.from('part') : undefined),
  });
  const lowly = (snapshot: TimelineSnapshot) =>
    new Timeline(low, { snapshot, atMs: NOW, bytesOf: () => Buffer.from('part') });
  const lastCommit = entries.findLastIndex(({ kind }) => kind === 'committed');

  test('and was whole in all Tracks, but not committed yet, is committed', () => {
    const held = resumable(snapshotOf(entries.slice(0, lastCommit)), having(5), true);
    const events = lowly(held).advance(NOW + 4500);
    expect(events).toMatchObject([{ kind: 'committed', segment: { number: held.unfinished?.number } }]);
  });

  test('has the parts that were stored; what was noted and not stored is made again in its place', () => {
    const third = entries.findLastIndex((entry) => entry.kind === 'part' && entry.track === 'v1' && entry.part === 2);
    const cut = entries.slice(0, third + 1);
    const held = resumable(snapshotOf(cut), having(2), true);
    expect(held.unfinished?.tracks.get('v1')?.parts).toHaveLength(2);
    const timeline = lowly(held);
    timeline.setSlate(plan.slate);
    const more = timeline.advance(NOW + 4500);
    expect(more).toContainEqual(
      expect.objectContaining({ kind: 'part', track: 'v1', part: expect.objectContaining({ part: 2 }) }),
    );
    const written = more.map((event) => entryOf(event, NOW + 4500));
    const again = written.findIndex((entry) => entry.kind === 'part' && entry.track === 'v1');
    const next = snapshotOf([...cut, ...written.slice(0, again + 1)]);
    expect(next.unfinished?.tracks.get('v1')?.parts).toHaveLength(3);
    const all = snapshotOf([...cut, ...written]);
    const parts = all.segments.find(({ number }) => number === held.unfinished?.number)?.tracks.get('v1')?.parts;
    expect(parts).toHaveLength(5);
  });

  test('of a Period that has nothing else: given up twice, each GEN is another, the ordinal is the same', () => {
    // Of the number that begins half a second before NOW: its parts are overdue one by one.
    const first = entries.findIndex((entry) => entry.kind === 'part' && entry.number * grid.segmentMs === NOW - 500);
    expect(first).toBeGreaterThan(0);
    const gens = new Set<string>();
    let known = entries.slice(0, first);
    for (let life = 0; life < 3; life++) {
      const timeline = lowly(resumable(snapshotOf(known), having(1), true));
      timeline.fallBackOn(life % 2 === 0 ? other : plan);
      const atMs = NOW + 750 + 400 * life;
      const events = timeline.advance(atMs);
      expect(timeline.period?.ordinal).toBe(2);
      gens.add(timeline.period?.gen ?? '');
      known = [...known, ...events.map((event) => entryOf(event, atMs))];
    }
    expect(gens.size).toBe(3);
  });
});

describe('entries', () => {
  const lines = journal().map((entry) => JSON.parse(JSON.stringify(entry)) as Record<string, unknown>);

  test('are taken as they were written', () => {
    expect(lines.every(isTimelineEntry)).toBe(true);
    expect(replay(lines.filter(isTimelineEntry))).toEqual(replay(journal()));
  });

  test('with a key more, a key less or a value of another type are not', () => {
    for (const line of new Map(lines.map((entry) => [entry['kind'], entry])).values()) {
      expect(isTimelineEntry({ ...line, more: 1 })).toBe(false);
      for (const key of Object.keys(line)) {
        const { [key]: _value, ...less } = line;
        expect(isTimelineEntry(less)).toBe(false);
        expect(isTimelineEntry({ ...line, [key]: Symbol.iterator })).toBe(false);
      }
    }
    for (const foreign of [null, 7, 'text', [], {}, { kind: 'of-the-future' }])
      expect(isTimelineEntry(foreign)).toBe(false);
  });

  test('that cannot be of one timeline are told, not thrown', () => {
    const committed = lines.findIndex(({ kind }) => kind === 'committed');
    const missing = lines.filter((_, i) => i !== committed - 1).filter(isTimelineEntry);
    expect(replay(missing)).toMatchObject({ kind: 'bad', reason: expect.stringContaining('lacks a1') });
    expect(replay(lines.filter(({ kind }) => kind !== 'period').filter(isTimelineEntry)).kind).toBe('bad');
  });
});
