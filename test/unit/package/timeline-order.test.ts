/** Whatever comes in whatever order, the timeline is one row of numbers. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { generationOf } from '../../../src/package/generation.ts';
import { audioStart, type Grid, indexAt, makeGrid, startMsOf, videoStartTicks } from '../../../src/package/grid.ts';
import { mediaLines, renderMediaPlaylist } from '../../../src/package/hls/media-playlist.ts';
import { wholePlaylistText } from '../../../src/package/hls/playlist-text.ts';
import type { CommittedSegment } from '../../../src/package/model.ts';
import type { PeriodPlan } from '../../../src/package/period-plan.ts';
import type { RunSource } from '../../../src/package/run-source.ts';
import { Timeline } from '../../../src/package/timeline.ts';
import type { TimelineEvent } from '../../../src/package/timeline-event.ts';
import { fakeSlate, fakeTrack } from '../../fakes/media.ts';
import { deliver, fakeRun } from '../../fakes/run.ts';

const NOW = 1_795_291_200_500;
const SETTINGS = {
  incarnation: 'i1',
  windowMs: 60_000,
  retentionMs: 30_000,
  publishesParts: false,
  fillDelayMs: 800,
  patienceMs: 0,
  silenceMs: 0,
  tailMs: 6000,
  backfillMs: 8000,
};
const p30 = makeGrid({ num: 30, den: 1 }, 2);
const p2997 = makeGrid({ num: 30000, den: 1001 }, 2);
const TRACKS = ['v1', 'v2', 'a1'];
const slates = new Map<string, ReturnType<typeof newPlan>>();

function newPlan(grid: Grid, variant: string, ids: readonly string[]) {
  const tracks = ids.map((id) => fakeTrack(id, grid, variant));
  return { grid, tracks, slate: fakeSlate(grid, tracks) };
}

function planOf(grid: Grid, variant = '', ids: readonly string[] = TRACKS) {
  const key = `${grid.frameRate.num} ${variant} ${ids.join()}`;
  const plan = slates.get(key) ?? newPlan(grid, variant, ids);
  slates.set(key, plan);
  return plan;
}

function opened(): Timeline {
  const timeline = new Timeline(SETTINGS);
  timeline.open(planOf(p30), NOW);
  return timeline;
}

const committed = (events: readonly TimelineEvent[]): CommittedSegment[] =>
  events.flatMap((event) => (event.kind === 'committed' ? [event.segment] : []));

const run = fc.nat({ max: 3 });
const acts = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('join' as const), run }),
    fc.record({ kind: fc.constant('leave' as const), run }),
    fc.record({
      kind: fc.constant('deliver' as const),
      run,
      ahead: fc.integer({ min: -2, max: 4 }),
      tracks: fc.integer({ min: 1, max: 7 }),
    }),
    fc.record({ kind: fc.constant('advance' as const), ms: fc.constantFrom(0, 100, 900, 2000, 2900, 15_000, -3000) }),
    fc.record({ kind: fc.constant('slate' as const), run }),
  ),
  { minLength: 5, maxLength: 80 },
);

describe('property: whatever interleaving of join, leave, deliver and advance', () => {
  /** Four runs: of the slate's own headers, of others, of another Grid, and one without sound whose slate comes late. */
  const runs = () => {
    let late: PeriodPlan = { ...planOf(p30, ' late'), slate: undefined };
    const list: RunSource[] = [
      fakeRun('same', () => planOf(p30), TRACKS),
      fakeRun('other', () => planOf(p30, ' other'), TRACKS),
      fakeRun('grid', () => planOf(p2997), TRACKS),
      fakeRun('late', () => late, ['v1', 'v2']),
    ];
    return {
      list,
      slateIsThere: () => {
        late = planOf(p30, ' late');
      },
    };
  };

  test('numbers are committed once, in order, for all Tracks of the Period, none early, none left empty', () => {
    fc.assert(
      fc.property(acts, (list) => {
        const timeline = new Timeline(SETTINGS);
        const world = runs();
        let nowMs = NOW;
        let gen = timeline.period?.gen ?? '';
        let next = timeline.nextNumber;
        const see = (events: readonly TimelineEvent[]) => {
          let parts = new Set<string>();
          for (const event of events) {
            if (event.kind === 'period') {
              expect(event.period.startNumber).toBe(next ?? event.period.startNumber);
              gen = event.period.gen;
              continue;
            }
            // What an old GEN still gets for players that hold its MPD is no part of the presentation.
            if (event.kind === 'segment' && event.record.gen !== gen) continue;
            if (event.kind === 'segment') {
              expect(event.record.number).toBe(next ?? event.record.number);
              expect(parts.has(event.track)).toBe(false);
              parts.add(event.track);
              continue;
            }
            if (event.kind !== 'committed') continue;
            const { number, period, tracks, endMs } = event.segment;
            expect(number).toBe(next ?? number);
            next = number + 1;
            expect([...parts]).toEqual(period.tracks.map(({ id }) => id));
            expect([...tracks.keys()]).toEqual([...parts]);
            const index = period.startIndex + number - period.startNumber;
            expect(endMs).toBe(startMsOf(period.grid, index + 1));
            for (const record of tracks.values()) expect(record).toMatchObject({ number, gen: period.gen });
            parts = new Set();
          }
        };
        see(timeline.open(planOf(p30), nowMs));
        for (const act of list) {
          const source = 'run' in act ? world.list[act.run]! : world.list[0]!;
          if (act.kind === 'join') timeline.join(source);
          else if (act.kind === 'leave') timeline.leave(source.id);
          else if (act.kind === 'slate') world.slateIsThere();
          else if (act.kind === 'advance') nowMs += act.ms;
          else {
            const { grid } = source.plan()!;
            const index = indexAt(grid, timeline.edgeMs!) + act.ahead;
            deliver(
              source,
              grid,
              index,
              [...source.delivers].filter((_, i) => (act.tracks & (1 << i)) !== 0),
            );
          }
          see(timeline.advance(nowMs));
          expect(timeline.nextNumber).toBe(next);
          const numbers = timeline.presentation().segments.map(({ number }) => number);
          expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i));
          // Nothing is overdue after advance, as long as the slate of the Period is there.
          if (timeline.period?.tracks.some(({ initHash }) => initHash === planOf(p30).tracks[0]!.initHash))
            expect(timeline.deadlineMs).toBeGreaterThan(nowMs);
        }
      }),
      { numRuns: 80 },
    );
  });
});

describe('runs', () => {
  test('the newest is asked first; the one before it serves on until the newest has the index whole', () => {
    const timeline = opened();
    const index = timeline.nextNumber!;
    const [first, second] = [fakeRun('r1', () => planOf(p30), TRACKS), fakeRun('r2', () => planOf(p30), TRACKS)];
    timeline.join(first);
    timeline.join(second);
    deliver(first, p30, index, TRACKS);
    deliver(first, p30, index + 1, TRACKS);
    deliver(second, p30, index + 1, TRACKS);
    const bodies = timeline
      .advance(NOW)
      .flatMap((event) => (event.kind === 'segment' && event.track === 'v1' ? [event.parts[0]?.toString()] : []));
    expect(bodies).toEqual([`r1 v1 ${index}`, `r2 v1 ${index + 1}`]);
  });

  test('one that left is still used for what it has whole, and then forgotten', () => {
    const timeline = opened();
    const index = timeline.nextNumber!;
    let asked = 0;
    const run = fakeRun(
      'r1',
      () => {
        asked += 1;
        return planOf(p30);
      },
      TRACKS,
    );
    timeline.join(run);
    // Audio is ahead of the pictures, as it is whenever an encoder dies.
    deliver(run, p30, index + 1, ['a1']);
    timeline.leave('r1');
    timeline.advance(timeline.deadlineMs!);
    const [second] = committed(timeline.advance(timeline.deadlineMs!));
    expect(second?.tracks.get('a1')?.source).toBe('live');
    timeline.advance(timeline.deadlineMs!);
    asked = 0;
    timeline.advance(timeline.deadlineMs!);
    expect(asked).toBe(0);
  });

  test('one that left with nothing is forgotten at once, one that stays is asked on', () => {
    const timeline = opened();
    const asked: string[] = [];
    for (const id of ['r1', 'r2'])
      timeline.join(
        fakeRun(
          id,
          () => {
            asked.push(id);
            return planOf(p30);
          },
          TRACKS,
        ),
      );
    timeline.leave('r1');
    asked.length = 0;
    timeline.advance(timeline.deadlineMs!);
    expect(asked).toContain('r2');
    expect(asked).not.toContain('r1');
  });

  test('one that left and joins again stays, media or not', () => {
    const timeline = opened();
    let asked = 0;
    const source = fakeRun(
      'r1',
      () => {
        asked += 1;
        return planOf(p30);
      },
      TRACKS,
    );
    timeline.join(source);
    deliver(source, p30, timeline.nextNumber! + 1, ['a1']);
    timeline.leave('r1');
    timeline.join(source);
    for (let n = 0; n < 4; n++) timeline.advance(timeline.deadlineMs!);
    asked = 0;
    timeline.advance(timeline.deadlineMs!);
    expect(asked).toBeGreaterThan(0);
  });

  test('one with a Track more than the Period begins a Period', () => {
    const timeline = new Timeline(SETTINGS);
    timeline.open(planOf(p30, '', ['v1', 'a1']), NOW);
    const both = planOf(p30, '', ['v1', 'a1', 'v2']);
    const source = fakeRun('r1', () => both, ['v1', 'a1', 'v2']);
    timeline.join(source);
    deliver(source, p30, timeline.nextNumber!, ['v1', 'a1', 'v2']);
    timeline.advance(NOW);
    expect(timeline.period?.ordinal).toBe(2);
    expect(timeline.period?.tracks.map(({ id }) => id)).toEqual(['v1', 'a1', 'v2']);
  });

  test('one that joins again counts once', () => {
    const timeline = opened();
    let asked = 0;
    const source = fakeRun(
      'r1',
      () => {
        asked += 1;
        return undefined;
      },
      TRACKS,
    );
    timeline.join(source);
    timeline.join(source);
    timeline.advance(NOW);
    expect(asked).toBe(1);
  });

  test('at most 16 whole Segments of a run wait for their turn', () => {
    const timeline = opened();
    const source = fakeRun('r1', () => planOf(p30), TRACKS);
    timeline.join(source);
    const from = timeline.nextNumber! + 2;
    for (let n = 0; n < 30; n++) deliver(source, p30, from + n, TRACKS);
    timeline.advance(NOW);
    expect(source.segments.size).toBe(16);
  });
});

describe('slate', () => {
  test('of other Tracks or another Grid is not taken for this Period', () => {
    const timeline = new Timeline(SETTINGS);
    timeline.open(planOf(p30), NOW);
    const late: PeriodPlan = { ...planOf(p30, ' late'), slate: undefined };
    const source = fakeRun('r1', () => late, TRACKS);
    timeline.join(source);
    deliver(source, p30, timeline.nextNumber!, TRACKS);
    timeline.advance(NOW);
    timeline.leave('r1');
    const number = timeline.nextNumber!;
    const dueMs = timeline.deadlineMs!;
    timeline.setSlate(planOf(p2997).slate);
    timeline.setSlate(planOf(p30, ' less', ['v1', 'v2']).slate);
    expect(timeline.advance(dueMs + 4000)).toEqual([]);
    timeline.setSlate(planOf(p30, ' late').slate);
    expect(committed(timeline.advance(dueMs + 4000)).map((segment) => segment.number)).toEqual([
      number,
      number + 1,
      number + 2,
    ]);
  });

  test('that does not fit leaves the one in place', () => {
    const timeline = opened();
    timeline.setSlate(planOf(p2997).slate);
    expect(committed(timeline.advance(timeline.deadlineMs!))).toHaveLength(1);
  });

  test('of the video decides what is on air: silence of the slate does not make a live Segment slate', () => {
    const timeline = opened();
    const source = fakeRun('r1', () => planOf(p30), ['a1']);
    timeline.join(source);
    deliver(source, p30, timeline.nextNumber!, ['a1']);
    const [segment] = committed(timeline.advance(NOW));
    expect(segment?.source).toBe('slate');
  });

  test('audio alone: its own source decides', () => {
    const plan = planOf(p30, '', ['a1']);
    const timeline = new Timeline(SETTINGS);
    timeline.open(plan, NOW);
    const source = fakeRun('r1', () => plan, ['a1']);
    timeline.join(source);
    deliver(source, p30, timeline.nextNumber!, ['a1']);
    expect(committed(timeline.advance(NOW))[0]?.source).toBe('live');
  });
});

test('the GEN of a Period that is over goes on as slate for the tail, at its own times, in no list (D-011)', () => {
  const timeline = new Timeline({ ...SETTINGS, tailMs: 6000 });
  timeline.open(planOf(p30), NOW);
  const before = timeline.period!;
  const next = timeline.nextNumber!;
  const source = fakeRun('r1', () => planOf(p2997), TRACKS);
  timeline.join(source);
  deliver(source, p2997, indexAt(p2997, timeline.edgeMs!), TRACKS);
  const events = timeline.advance(NOW);
  const tail = events.flatMap((event) =>
    event.kind === 'segment' && event.record.gen === before.gen ? [{ track: event.track, ...event.record }] : [],
  );
  expect(tail.map(({ track, number }) => `${track} ${number - next}`)).toEqual(
    [0, 1, 2].flatMap((n) => TRACKS.map((track) => `${track} ${n}`)),
  );
  for (const record of tail) {
    const isVideo = record.track !== 'a1';
    const start = isVideo ? videoStartTicks(p30, record.number) : audioStart(p30, record.number);
    expect(record).toMatchObject({ source: 'slate', startTicks: start });
  }
  expect(committed(events).map(({ number, period }) => [number, period.ordinal])).toEqual([[next, 2]]);
});

describe('the window', () => {
  test('lists exactly its length, and keeps exactly the retention beyond it', () => {
    const timeline = opened();
    timeline.advance(NOW + 200_000);
    const { segments } = timeline.presentation();
    expect(segments).toHaveLength(30);
    const newest = timeline.nextNumber! - 1;
    expect(timeline.find(newest - 44)).toBeDefined();
    expect(timeline.find(newest - 45)).toBeUndefined();
  });

  test('GEN is made of the Grid, the offset of the numbers, the Period and the incarnation (D-004, D-011)', () => {
    const timeline = opened();
    const offsets = new Set<number>();
    for (const [n, grid] of [p2997, p30, p2997, p30].entries()) {
      const plan = planOf(grid);
      const source = fakeRun(`r${n}`, () => plan, TRACKS);
      timeline.join(source);
      deliver(source, grid, indexAt(grid, timeline.edgeMs!), TRACKS);
      timeline.advance(NOW);
      const { gen, startNumber, startIndex, ordinal } = timeline.period!;
      offsets.add(startNumber - startIndex);
      expect(gen).toBe(generationOf(grid, startNumber - startIndex, ordinal, SETTINGS.incarnation));
    }
    expect(offsets.size).toBeGreaterThan(1);
  });

  test('property: blocks of kept text, Periods at whatever number and any list length read as the whole at once', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 140 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(lengths, fc.boolean(), fc.integer({ min: 1, max: 300 }), (periods, isAligned, listed) => {
        const timeline = new Timeline({ ...SETTINGS, windowMs: 3_600_000 });
        timeline.open(planOf(p30), NOW);
        for (const [n, length] of periods.entries()) {
          const plan = planOf(p30, ` ${n}`);
          const source = fakeRun(`r${n}`, () => plan, TRACKS);
          // Half of the time the Period begins with a block, where kept text must not be used.
          if (isAligned) while (timeline.nextNumber! % 64 !== 0) timeline.advance(timeline.deadlineMs!);
          timeline.join(source);
          deliver(source, p30, timeline.nextNumber!, TRACKS);
          timeline.advance(NOW);
          for (let i = 1; i < length; i++) timeline.advance(timeline.deadlineMs!);
        }
        const presentation = timeline.presentation();
        for (const listedMs of [Number.POSITIVE_INFINITY, listed * 2000]) {
          const lines = mediaLines(presentation, 'v1', { listedMs });
          const first = presentation.segments.at(-lines.length)!;
          const header = {
            targetDuration: 2,
            mediaSequence: first.number,
            discontinuitySequence: first.period.ordinal,
          };
          const text = renderMediaPlaylist(presentation, 'v1', { listedMs });
          expect(text === wholePlaylistText(header, lines)).toBe(true);
        }
      }),
      { numRuns: 8 },
    );
  });

  test('that ended says so at its end (RFC 8216bis 4.4.3.4)', () => {
    const presentation = opened().presentation();
    const window = { listedMs: 60_000 };
    expect(renderMediaPlaylist(presentation, 'v1', window)).not.toContain('#EXT-X-ENDLIST');
    expect(renderMediaPlaylist({ ...presentation, ended: true }, 'v1', window)).toMatch(/\n#EXT-X-ENDLIST\n$/);
  });
});

test('a Track that left and came back lists only what follows without a hole (RFC 8216bis 4.4.3.2, 6.2.2)', () => {
  const timeline = opened();
  const put = (id: string, ids: readonly string[]) => {
    const plan = planOf(p30, ` ${id}`, ids);
    const source = fakeRun(id, () => plan, ids);
    timeline.join(source);
    deliver(source, p30, timeline.nextNumber!, ids);
    timeline.advance(NOW);
  };
  put('less', ['v1', 'a1']);
  put('again', TRACKS);
  put('more', TRACKS);
  const all = { listedMs: Number.POSITIVE_INFINITY };
  const text = renderMediaPlaylist(timeline.presentation(), 'v2', all)!;
  const numbers = [...text.matchAll(/\/(\d+)\.m4s/g)].map((match) => Number(match[1]));
  const sequence = Number(/#EXT-X-MEDIA-SEQUENCE:(\d+)/.exec(text)?.[1]);
  expect(numbers).toEqual(numbers.map((_, i) => sequence + i));
  expect(numbers.at(-1)).toBe(timeline.nextNumber! - 1);
  const first = timeline.find(sequence)!;
  const header = { targetDuration: 2, mediaSequence: sequence, discontinuitySequence: first.period.ordinal };
  expect(text).toBe(wholePlaylistText(header, mediaLines(timeline.presentation(), 'v2', all)));
});
