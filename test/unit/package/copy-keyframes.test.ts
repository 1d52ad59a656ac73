// Where a copied feed's keyframes stand on the Grid, and which feeds are refused with which words.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CopyKeyframes, type KeyframeStep } from '../../../src/package/copy-keyframes.ts';
import { type Grid, makeGrid } from '../../../src/package/grid.ts';

const START_MS = 1_795_296_854_321;
const GRIDS: readonly Grid[] = [
  makeGrid({ num: 25, den: 1 }, 2),
  makeGrid({ num: 30_000, den: 1001 }, 2),
  makeGrid({ num: 50, den: 1 }, 2),
  makeGrid({ num: 60_000, den: 1001 }, 2),
];

function frameMs(grid: Grid): number {
  return (1000 * grid.frameRate.den) / grid.frameRate.num;
}

/** A feed with keyframes at these frames; stamps are whole ms, as RTMP's are. */
function feed(
  grid: Grid,
  frames: readonly number[],
  more: { skew?: number; base?: number; compositionMs?: number } = {},
) {
  const { skew = 1, base = 0, compositionMs = 0 } = more;
  return frames.map((frame) => {
    const stampMs = Math.round(frame * frameMs(grid));
    return { base, stampMs, compositionMs, mediaMs: START_MS + frame * frameMs(grid) * skew };
  });
}

function run(grid: Grid, frames: readonly number[]): { keyframes: CopyKeyframes; steps: KeyframeStep[] } {
  const keyframes = new CopyKeyframes(grid);
  return { keyframes, steps: feed(grid, frames).map((keyframe) => keyframes.take(keyframe)) };
}

const every = (gop: number, count: number) => Array.from({ length: count }, (_, i) => i * gop);

describe.each(GRIDS)('at $frameRate.num/$frameRate.den', (grid) => {
  test.each([1, 2])('a GOP of a Segment by %i is taken, and every Segment begins with a keyframe', (share) => {
    const gop = grid.segmentFrames / share;
    const { keyframes, steps } = run(grid, every(gop, 10));
    expect(steps.map(({ kind }) => kind).slice(0, 3)).toEqual(['waiting', 'base', 'placed']);
    expect(keyframes.gopFrames).toBe(gop);
    const first = keyframes.startFor(0, 0);
    const leadMs = (first?.frame ?? 0) * frameMs(grid) - (first?.mediaMs ?? 0);
    expect((first?.frame ?? 1) % gop).toBe(0);
    // Never late on its own Grid, and early by less than a GOP.
    expect(leadMs).toBeGreaterThanOrEqual(-0.001);
    expect(leadMs).toBeLessThan(gop * frameMs(grid));
  });

  test('the GOP before the base was chosen is not lost', () => {
    const { keyframes } = run(grid, every(grid.segmentFrames, 2));
    expect(keyframes.startFor(0, 0)?.stampMs).toBe(0);
  });

  test('a keyframe that got lost leaves the others on their places', () => {
    const gop = grid.segmentFrames;
    const { keyframes, steps } = run(grid, [0, gop, 3 * gop, 4 * gop]);
    expect(steps.at(-1)).toEqual({ kind: 'placed' });
    const last = keyframes.startFor(Number.MAX_SAFE_INTEGER / 1000, 0);
    expect((last?.frame ?? 0) - (keyframes.startFor(0, 0)?.frame ?? 0)).toBe(4 * gop);
  });

  test('stamps of whole milliseconds never move a keyframe in ten hours', () => {
    const gop = grid.segmentFrames;
    const { keyframes, steps } = run(grid, every(gop, 18_000));
    expect(new Set(steps.map(({ kind }) => kind))).toEqual(new Set(['waiting', 'base', 'placed']));
    const last = keyframes.startFor(Number.MAX_SAFE_INTEGER / 1000, 0);
    expect((last?.frame ?? 0) * frameMs(grid) - (last?.mediaMs ?? 0)).toBeLessThan(grid.segmentMs);
  });
});

describe('what is refused', () => {
  const grid = makeGrid({ num: 25, den: 1 }, 2);

  test('a GOP that does not divide the Segment, with its figure and what to set', () => {
    const { steps } = run(grid, every(42, 2));
    expect(steps.at(-1)).toEqual({
      kind: 'bad',
      reason:
        "the feed's keyframes are 1.680 s (42 frames) apart; that does not divide the segment of 2 s (50 frames), so its pictures can't be copied",
      hint: 'Set the encoder to a keyframe interval of 2, 1 s exactly, without keyframes at scene cuts (OBS: Keyframe Interval 2 s, and scenecut=0 in the x264 options; ffmpeg: -g 50 -sc_threshold 0), or use a ladder without copy.',
    });
  });

  test.each([49, 51, 100, 208, 33, 1.5])('%d frames at a Segment of 50', (gop) => {
    expect(run(grid, every(gop, 2)).steps.at(-1)?.kind).toBe('bad');
  });

  test('a keyframe off the regular places, with its figure', () => {
    const { steps } = run(grid, [0, 50, 100, 110]);
    expect(steps.at(-1)).toMatchObject({
      reason:
        "the feed's keyframes are not regular: after intervals of 2.000 s (50 frames) one came 0.400 s (10 frames) after the one before, so its pictures can't be copied",
    });
  });

  test('property: whatever the interval, a feed is refused exactly when it does not divide the Segment', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 400 }), (gop) => {
        const kinds = run(grid, every(gop, 4)).steps.map(({ kind }) => kind);
        expect(kinds.includes('bad')).toBe(50 % gop !== 0);
      }),
    );
  });
});

describe('the base', () => {
  const grid = makeGrid({ num: 25, den: 1 }, 2);

  test('is chosen anew at the first keyframe after the stamps jumped', () => {
    const { keyframes } = run(grid, every(50, 3));
    const [after] = feed(grid, [1000.25], { base: 1 });
    expect(after && keyframes.take(after)).toEqual({ kind: 'base' });
    expect((keyframes.startFor(0, 0)?.frame ?? 1) % 50).toBe(0);
  });

  test.each([
    ['slow by 200 ppm: media would come too late', 1.0002],
    ['fast by 200 ppm: media would come ever earlier', 0.9998],
  ])('is chosen anew when the publisher is %s', (_, skew) => {
    const keyframes = new CopyKeyframes(grid);
    const steps = feed(grid, every(50, 40_000), { skew }).map((keyframe) => keyframes.take(keyframe));
    const drifts = steps.filter((step) => step.kind === 'drifted');
    expect(drifts.length).toBeGreaterThan(0);
    for (const { leadMs } of drifts) expect(leadMs > -310 && leadMs < 4010).toBe(true);
    // Two Segments in 22 hours and 16 s of drift: seldom.
    expect(drifts.length).toBeLessThan(12);
    const newest = keyframes.startFor(Number.MAX_SAFE_INTEGER / 1000, 0);
    expect((newest?.frame ?? 1) % 50).toBe(0);
  });

  test('counts presentation times: the offset of B-frames does not move the keyframe', () => {
    const [plain, shifted] = [0, 80].map((compositionMs) => {
      const keyframes = new CopyKeyframes(grid);
      for (const keyframe of feed(grid, every(50, 3), { compositionMs })) keyframes.take(keyframe);
      return keyframes.startFor(0, 0)?.frame;
    });
    expect(shifted).toBe(plain);
  });
});

test('a run starts from the newest keyframe at or before its Segment, else from the oldest in the ring', () => {
  const grid = makeGrid({ num: 25, den: 1 }, 2);
  const { keyframes } = run(grid, every(25, 9));
  const first = keyframes.startFor(0, 0)?.frame ?? 0;
  const index = Math.ceil(first / 50) + 2;
  expect(keyframes.startFor(index, 0)?.frame).toBe(index * 50);
  expect(keyframes.startFor(0, START_MS + 3000)?.stampMs).toBe(3000);
});
