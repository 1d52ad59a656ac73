import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { Manifests } from '../../../src/channel/manifests.ts';
import { MediaIndex, mediaKey } from '../../../src/channel/media-index.ts';
import type { MediaName } from '../../../src/channel/view.ts';
import { type Grid, indexAt, makeGrid } from '../../../src/package/grid.ts';
import { Timeline } from '../../../src/package/timeline.ts';
import type { TimelineEvent } from '../../../src/package/timeline-event.ts';
import { openMemoryStore } from '../../../src/window/memory-store.ts';
import { fakeSlate, fakeTrack } from '../../fakes/media.ts';
import { deliver, fakeRun } from '../../fakes/run.ts';

const NOW = 1_795_291_200_500;
const SETTINGS = {
  incarnation: 'i1',
  windowMs: 20_000,
  retentionMs: 10_000,
  publishesParts: false,
  fillDelayMs: 800,
  patienceMs: 0,
  silenceMs: 0,
  tailMs: 6000,
  backfillMs: 8000,
};
const TRACKS = ['v1', 'v2', 'a1'];
const p30 = makeGrid({ num: 30, den: 1 }, 2);
const p25 = makeGrid({ num: 25, den: 1 }, 2);
const plans = new Map<string, ReturnType<typeof newPlan>>();

function newPlan(grid: Grid, variant: string, ids: readonly string[]) {
  const tracks = ids.map((id) => fakeTrack(id, grid, variant));
  return { grid, tracks, slate: fakeSlate(grid, tracks) };
}

/** Kept, for a slate costs a millisecond and the properties ask for thousands. */
function planOf(grid: Grid, variant = '', ids: readonly string[] = TRACKS) {
  const key = `${grid.frameRate.num} ${variant} ${ids.join()}`;
  const plan = plans.get(key) ?? newPlan(grid, variant, ids);
  plans.set(key, plan);
  return plan;
}

/** A timeline whose events go where the Channel lets them go. */
function world(windowMs = SETTINGS.windowMs) {
  const timeline = new Timeline({ ...SETTINGS, windowMs });
  const store = openMemoryStore();
  const index = new MediaIndex(timeline, store);
  const manifests = new Manifests({
    channel: 'm',
    windowMs,
    listedMs: 60_000,
    publishMarginMs: 1000,
    targetLatencyMs: 4000,
  });
  const act = (events: readonly TimelineEvent[]) => {
    for (const event of events) {
      if (event.kind === 'period') {
        for (const { id, init, initHash, kind } of event.period.tracks)
          store.putInit(id, event.period.gen, initHash, {
            bytes: init.bytes,
            contentType: `${kind}/mp4`,
            publishedMs: 1,
          });
      } else if (event.kind === 'segment') {
        const { track, record, parts } = event;
        const key = { track, gen: record.gen, number: record.number };
        store.putSegment({ key, parts, contentType: 'video/mp4', publishedMs: 1 });
      } else if (event.kind === 'evicted') store.evictBelow(event.gen, event.belowNumber);
      else if (event.kind === 'generation-gone') store.forgetGeneration(event.gen);
    }
  };
  return { timeline, store, index, manifests, act };
}

/** Every media URL that a text shows. */
function urlsIn(track: string, text: string): MediaName[] {
  return [...text.matchAll(/([0-9a-f]{10})\/(?:init-([0-9a-f]+)\.mp4|(\d+)\.m4s)/g)].map(
    ([, gen = '', hash, number]) =>
      hash === undefined ? { kind: 'segment', track, gen, number: Number(number) } : { kind: 'init', track, gen, hash },
  );
}

describe('what the window says of a name', () => {
  let it: ReturnType<typeof world>;
  let gen: string;
  let next: number;

  beforeEach(() => {
    it = world();
    it.act(it.timeline.open(planOf(p30), NOW));
    gen = it.timeline.period!.gen;
    next = it.timeline.nextNumber!;
  });

  const segment = (number: number, track = 'v1', of = gen): MediaName => ({ kind: 'segment', track, gen: of, number });
  const part = (number: number, n: number, track = 'v1'): MediaName => ({ kind: 'part', track, gen, number, part: n });
  const kindOf = (name: MediaName) => it.index.answer(name).kind;

  test('ready: what is in the window, whole or by part', () => {
    const answer = it.index.answer(segment(next - 1));
    expect(answer).toEqual({ kind: 'ready', object: it.store.segment({ track: 'v1', gen, number: next - 1 }) });
    expect(kindOf(segment(next - 4))).toBe('ready');
    expect(kindOf(part(next - 1, 0))).toBe('ready');
    expect(kindOf(part(next - 1, p30.partsPerSegment - 1, 'a1'))).toBe('ready');
  });

  test('pending: the next number alone, under the key that the Channel wakes', () => {
    expect(it.index.answer(segment(next))).toEqual({ kind: 'pending', key: mediaKey('v1', gen, next) });
    expect(it.index.answer(part(next, 2, 'a1'))).toEqual({ kind: 'pending', key: mediaKey('a1', gen, next) });
  });

  test('too-early: beyond the next', () => {
    expect(kindOf(segment(next + 1))).toBe('too-early');
    expect(kindOf(segment(next + 100_000))).toBe('too-early');
    expect(kindOf(part(next + 1, 0))).toBe('too-early');
  });

  test('gone: was in the window and has left it', () => {
    const first = it.timeline.presentation().segments[0]!.number;
    it.act(it.timeline.advance(NOW + 60_000));
    expect(kindOf(segment(first))).toBe('gone');
    expect(kindOf(part(first, 0))).toBe('gone');
    expect(kindOf(segment(next))).toBe('gone');
  });

  test('unknown: before the first number, other Tracks, other generations, parts that a Segment does not have', () => {
    const first = it.timeline.presentation().segments[0]!.number;
    expect(kindOf(segment(first - 1))).toBe('unknown');
    expect(kindOf(segment(first))).toBe('ready');
    expect(kindOf(segment(next, 'v9'))).toBe('unknown');
    expect(kindOf(segment(next, 'v1', 'ffffffffff'))).toBe('unknown');
    expect(kindOf(part(next - 1, p30.partsPerSegment))).toBe('unknown');
  });

  test('inits: ready while the generation has media, gone after it, unknown under another hash', () => {
    const { initHash } = it.timeline.period!.tracks[0]!;
    const init = (hash: string, track = 'v1'): MediaName => ({ kind: 'init', track, gen, hash });
    expect(kindOf(init(initHash))).toBe('ready');
    expect(kindOf(init('0123456789abcdef'))).toBe('unknown');
    expect(kindOf(init(initHash, 'v2'))).toBe('unknown');
    it.store.forgetGeneration(gen);
    expect(kindOf(init(initHash))).toBe('gone');
    expect(kindOf(init('0123456789abcdef'))).toBe('unknown');
  });

  test('a generation that is over: what it had stays, a player with the old MPD gets slate for a while, then 410', () => {
    const other = planOf(p25);
    const run = fakeRun('r1', () => other, TRACKS);
    it.timeline.join(run);
    deliver(run, p25, indexAt(p25, it.timeline.edgeMs!), TRACKS);
    it.act(it.timeline.advance(NOW));
    expect(it.timeline.period!.gen).not.toBe(gen);
    expect(kindOf(segment(next - 1))).toBe('ready');
    expect([next, next + 1, next + 2].map((number) => kindOf(segment(number)))).toEqual(['ready', 'ready', 'ready']);
    expect(kindOf(segment(next + 3))).toBe('gone');
    expect(kindOf(segment(next + 1, 'v1', it.timeline.period!.gen))).toBe('pending');
    // Its own numbers before it belong to the other generation.
    expect(kindOf(segment(next - 1, 'v1', it.timeline.period!.gen))).toBe('unknown');
  });

  test('a withdrawn Track: its media stays, for a while it has slate under its old URLs, and it is known', () => {
    const less = planOf(p30, ' less', ['v1', 'a1']);
    const run = fakeRun('r1', () => less, ['v1', 'a1']);
    it.timeline.join(run);
    deliver(run, p30, next, ['v1', 'a1']);
    it.act(it.timeline.advance(NOW));
    expect(it.index.wasOnAir('v2')).toBe(true);
    expect(it.index.wasOnAir('v9')).toBe(false);
    expect(kindOf(segment(next - 1, 'v2'))).toBe('ready');
    expect(kindOf(segment(next, 'v2'))).toBe('ready');
    expect(kindOf(segment(next + 3, 'v2'))).toBe('gone');
    expect(kindOf(segment(next, 'v2', it.timeline.period!.gen))).toBe('unknown');
    expect(kindOf(segment(next, 'v1', it.timeline.period!.gen))).toBe('ready');
  });

  test('a window made anew: nothing of the old one is remembered', () => {
    it.act(it.timeline.restart());
    expect(kindOf(segment(next - 1))).toBe('unknown');
    it.act(it.timeline.open(planOf(p30), NOW));
    expect(kindOf(segment(next - 1))).toBe('unknown');
    expect(kindOf(segment(next - 1, 'v1', it.timeline.period!.gen))).toBe('ready');
  });

  test('before the Channel is open everything is unknown', () => {
    it = world();
    expect(kindOf(segment(next))).toBe('unknown');
    expect(it.index.wasOnAir('v1')).toBe(false);
  });

  test('Periods are forgotten when their media has left, not before, however many there are', () => {
    it = world(120_000);
    it.act(it.timeline.open(planOf(p30), NOW));
    gen = it.timeline.period!.gen;
    const withdrawn = it.timeline.period!.tracks[1]!;
    const change = (i: number) => {
      const plan = planOf(p30, ` ${i}`, ['v1', 'a1']);
      const run = fakeRun(`r${i}`, () => plan, ['v1', 'a1']);
      it.timeline.join(run);
      deliver(run, p30, indexAt(p30, it.timeline.edgeMs!), ['v1', 'a1']);
      it.act(it.timeline.advance(NOW));
    };
    // All within one window: the clock stands still while the runs are ahead of it.
    for (let i = 0; i < 40; i++) {
      change(i);
      const oldest = it.timeline.presentation().segments[0]!;
      expect(kindOf(segment(oldest.number, 'v2')), `after ${i + 1} Periods`).toBe('ready');
      expect(kindOf({ kind: 'init', track: 'v2', gen, hash: withdrawn.initHash })).toBe('ready');
    }
    expect(it.index.wasOnAir('v2')).toBe(true);
  });
});

test('of Periods whose media has left, the last 32 are remembered, and no more', () => {
  const it = world();
  it.act(it.timeline.open(planOf(p30), NOW));
  const first = it.timeline.period!;
  let nowMs = NOW;
  const kind = () => it.index.answer({ kind: 'segment', track: 'v1', gen: first.gen, number: first.startNumber }).kind;
  const change = (i: number) => {
    const plan = planOf(p30, ` ${i % 4}`);
    const run = fakeRun(`r${i}`, () => plan, TRACKS);
    it.timeline.join(run);
    deliver(run, p30, indexAt(p30, it.timeline.edgeMs!), TRACKS);
    nowMs += 2000;
    it.act(it.timeline.advance(nowMs));
  };
  for (let i = 0; i < 31; i++) change(i);
  expect(kind()).toBe('gone');
  change(31);
  expect(kind()).toBe('unknown');
});

type Act = 'second' | 'half-minute' | 'media' | 'new-init' | 'other-grid' | 'fewer' | 'all';

test('property: a URL that any manifest has shown is never answered unknown or too-early', () => {
  const act = fc.constantFrom<Act>('second', 'half-minute', 'media', 'new-init', 'other-grid', 'fewer', 'all');
  fc.assert(
    fc.property(fc.array(act, { minLength: 5, maxLength: 50 }), (acts) => {
      const it = world();
      const shown = new Map<string, MediaName>();
      let nowMs = NOW;
      let grid = p30;
      let ids: readonly string[] = TRACKS;
      let plan = planOf(grid);
      let run = fakeRun('r0', () => plan, ids);
      const look = () => {
        for (const kind of ['hls-media', 'hls-dvr-media'] as const) {
          for (const track of TRACKS) {
            const text = it.manifests.text({ kind, track }, it.timeline.presentation())?.text ?? '';
            for (const name of urlsIn(track, text)) shown.set(JSON.stringify(name), name);
          }
        }
        for (const [key, name] of shown) {
          const { kind } = it.index.answer(name);
          expect(['ready', 'gone'], `${key} is ${kind}`).toContain(kind);
        }
      };
      it.act(it.timeline.open(plan, nowMs));
      it.timeline.join(run);
      look();
      for (const [i, what] of acts.entries()) {
        if (what === 'second') nowMs += 1000;
        else if (what === 'half-minute') nowMs += 31_000;
        else if (what === 'media') deliver(run, grid, indexAt(grid, it.timeline.edgeMs!), ids);
        else {
          if (what === 'other-grid') grid = grid === p30 ? p25 : p30;
          if (what === 'fewer') ids = ['v1', 'a1'];
          if (what === 'all') ids = TRACKS;
          plan = planOf(grid, what === 'new-init' ? ` ${i % 4}` : '', ids);
          const runPlan = plan;
          run = fakeRun(`r${i + 1}`, () => runPlan, ids);
          it.timeline.join(run);
          deliver(run, grid, indexAt(grid, it.timeline.edgeMs!), ids);
        }
        it.act(it.timeline.advance(nowMs));
        look();
      }
      expect(shown.size).toBeGreaterThan(3);
    }),
    { numRuns: 20 },
  );
});
