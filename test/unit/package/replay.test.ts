/** From the journal the timeline is what it was, byte for byte, and goes on so that nobody can tell. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTimelineEntry } from '../../../src/package/entry-shape.ts';
import { type Grid, indexAt, makeGrid } from '../../../src/package/grid.ts';
import type { TimelineEntry } from '../../../src/package/journal-entry.ts';
import type { PeriodPlan } from '../../../src/package/period-plan.ts';
import { compacted, replay } from '../../../src/package/replay.ts';
import type { TimelineSettings } from '../../../src/package/timeline-settings.ts';
import { JournalledLife } from '../../fakes/journalled-life.ts';
import { fakeSlate, fakeTrack } from '../../fakes/media.ts';
import { deliver, deliverPart, fakeRun } from '../../fakes/run.ts';

const NOW = 1_795_291_200_500;
const TRACKS = ['v1', 'v2', 'a1'];
const SETTINGS = {
  incarnation: 'i1',
  windowMs: 24_000,
  retentionMs: 10_000,
  fillDelayMs: 500,
  patienceMs: 2000,
  silenceMs: 400,
  tailMs: 6000,
  backfillMs: 12_000,
};
const normal: TimelineSettings = { ...SETTINGS, publishesParts: false };
const low: TimelineSettings = { ...SETTINGS, publishesParts: true };
const p30 = makeGrid({ num: 30, den: 1 }, 2);
const p2997 = makeGrid({ num: 30_000, den: 1001 }, 2);
const plans = new Map<string, ReturnType<typeof newPlan>>();

function newPlan(grid: Grid, variant: string, ids: readonly string[]) {
  const tracks = ids.map((id) => fakeTrack(id, grid, variant));
  return { grid, tracks, slate: fakeSlate(grid, tracks, true) };
}

function planOf(grid: Grid, variant = '', ids: readonly string[] = TRACKS) {
  const key = `${grid.frameRate.num} ${variant} ${ids.join()}`;
  const plan = plans.get(key) ?? newPlan(grid, variant, ids);
  plans.set(key, plan);
  return plan;
}

const PLANS = [planOf(p30), planOf(p30, ' other'), planOf(p2997), planOf(p30, ' less', ['v1', 'a1'])];

const act = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('join' as const), plan: fc.constantFrom(0, 0, 0, 1, 2, 3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('deliver' as const),
      parts: fc.integer({ min: 1, max: 7 }),
      tracks: fc.constantFrom(7, 7, 7, 1, 6),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(100, 450, 1000, 2000, 5000) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('end' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('kill' as const),
      inMs: fc.constantFrom(0, 100, 500, 2000, 5000),
      afterWrites: fc.oneof(fc.nat({ max: 12 }), fc.nat({ max: 200 })),
      awayMs: fc.constantFrom(0, 400, 1500, 6000, 15_000, 23_000, 30_000, 3_600_000),
      slate: fc.constantFrom('there', 'there', 'late', 'other'),
    }),
  },
);
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

/** Plays acts on a life; `look` after each step. */
function play(settings: TimelineSettings, acts: readonly Act[], look: (life: JournalledLife, nowMs: number) => void) {
  const life = new JournalledLife(settings);
  let nowMs = NOW;
  let current:
    | { run: ReturnType<typeof fakeRun>; plan: PeriodPlan; index: number; part: number; isFresh: boolean }
    | undefined;
  let runs = 0;
  /** When the slate of the new life is there. */
  let slateAtMs = 0;
  let slate = 'there';
  const step = () => {
    const { timeline } = life;
    if (nowMs >= slateAtMs && slate !== 'there') {
      const filler = PLANS[slate === 'other' ? 1 : 0]!;
      timeline.setSlate(filler.slate);
      timeline.fallBackOn(filler);
    }
    if (timeline.period === undefined || timeline.isOver(nowMs)) life.carry(timeline.open(PLANS[0]!, nowMs), nowMs);
    life.carry(timeline.advance(nowMs), nowMs);
    look(life, nowMs);
  };
  life.carry(life.timeline.open(PLANS[0]!, nowMs), nowMs);
  for (const it of acts) {
    const { timeline } = life;
    switch (it.kind) {
      case 'join': {
        if (timeline.isEnded) life.carry(timeline.open(PLANS[0]!, nowMs), nowMs);
        const plan = PLANS[it.plan]!;
        const run = fakeRun(
          `r${++runs}`,
          () => plan,
          plan.tracks.map(({ id }) => id),
        );
        current = { run, plan, ...timeline.resumeAt(plan.grid, nowMs), isFresh: true };
        timeline.join(run);
        break;
      }
      case 'leave':
        if (current !== undefined) timeline.leave(current.run.id);
        current = undefined;
        break;
      case 'deliver': {
        if (current === undefined) break;
        const { run, plan } = current;
        const tracks = plan.tracks.map(({ id }) => id).filter((_, i) => (it.tracks & (1 << i)) !== 0);
        for (let n = 0; n < it.parts; n++) {
          deliverPart(run, plan.grid, current.index, current.part, tracks, current.part === 0 || current.isFresh);
          current.isFresh = false;
          current.part += 1;
          if (current.part < plan.grid.partsPerSegment) continue;
          deliver(run, plan.grid, current.index, tracks);
          Object.assign(current, { part: 0, index: current.index + 1 });
        }
        break;
      }
      case 'wait':
        nowMs += it.ms;
        break;
      case 'end':
        life.carry(timeline.end(nowMs), nowMs);
        break;
      case 'kill': {
        const atMs = nowMs + it.inMs;
        const events = timeline.advance(atMs);
        nowMs = atMs + it.awayMs;
        current = undefined;
        slate = it.slate;
        slateAtMs = nowMs + 2000;
        life.kill(events, { atMs, afterWrites: it.afterWrites, nowMs }, it.slate === 'there' ? PLANS.toReversed() : []);
        break;
      }
    }
    step();
  }
  return { life, nowMs };
}

const lives = fc.array(act, { minLength: 5, maxLength: 30 });
const both = fc.constantFrom(normal, low);
const RUNS = { numRuns: Number(process.env['RUNS'] ?? 50) };

describe('property: whatever runs, ends and kills there were', () => {
  test('a journal comes to the very texts that were served when its last entry was written', () => {
    fc.assert(
      fc.property(both, lives, (settings, acts) => {
        let steps = 0;
        play(settings, acts, (life) => {
          if (steps++ % 3 > 0) return;
          const again = life.replayed();
          expect(again.presentation()).toEqual(life.timeline.presentation());
          expect(life.textsOf(again)).toEqual(life.texts());
          expect(again.nextNumber).toBe(life.timeline.nextNumber);
          expect(again.periods.map(({ id }) => id)).toEqual(life.timeline.periods.map(({ id }) => id));
          expect(again.isEnded).toBe(life.timeline.isEnded);
        });
      }),
      { numRuns: 30 },
    );
  });

  test('killed between any two writes, however long away: one body a URL, lists that go on, no index left out', () => {
    fc.assert(
      fc.property(both, lives, (settings, acts) => {
        const { life, nowMs } = play(settings, acts, (it) => {
          const numbers = it.timeline.presentation().segments.map(({ number }) => number);
          expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i));
        });
        if (life.timeline.isEnded) return;
        // However it ended, a while later the edge is at the clock.
        for (const filler of PLANS) life.timeline.setSlate(filler.slate);
        life.timeline.fallBackOn(PLANS[0]!);
        let lateMs = nowMs + 15_000;
        for (let n = 0; n < 40; n++, lateMs += 100) life.carry(life.timeline.advance(lateMs), lateMs);
        expect(life.timeline.edgeMs).toBeGreaterThan(lateMs - 3100 - 2000);
        expect(indexAt(p30, life.timeline.edgeMs!)).toBeLessThanOrEqual(indexAt(p30, lateMs) + 60);
      }),
      RUNS,
    );
  });

  test('fewer entries that say the same come to the same, also with what is written after them, wherever they were made fewer', () => {
    fc.assert(
      fc.property(both, lives, fc.array(fc.nat({ max: 400 }), { maxLength: 3 }), (settings, acts, cuts) => {
        const { entries } = play(settings, acts, () => undefined).life;
        let fewer: readonly TimelineEntry[] = [];
        let taken = 0;
        for (const cut of cuts.toSorted((a, b) => a - b)) {
          fewer = compacted([...fewer, ...entries.slice(taken, Math.max(taken, cut))]);
          taken = Math.max(taken, Math.min(cut, entries.length));
        }
        fewer = [...fewer, ...entries.slice(taken)];
        expect(fewer.every((entry) => isTimelineEntry(JSON.parse(JSON.stringify(entry))))).toBe(true);
        expect(replay(fewer)).toEqual(replay(entries));
        expect(replay(compacted(entries))).toEqual(replay(entries));
      }),
      { numRuns: 40 },
    );
  });

  test('entries of ten windows are not more than those of one', () => {
    const { life } = play(
      normal,
      Array.from({ length: 200 }, () => ({ kind: 'wait' as const, ms: 2000 as const })),
      () => undefined,
    );
    const { entries } = life;
    const [kept] = [compacted(entries)];
    expect(entries.length).toBeGreaterThan(200 * 4);
    expect(kept.length).toBeLessThan(4 * 31 + 10);
  });
});
