import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EncodeRun, frameTicksOf } from '../../../src/channel/encode-run.ts';
import { AUDIO_UNIT, audioStart, makeGrid } from '../../../src/package/grid.ts';
import type { Slate } from '../../../src/package/slate.ts';
import { audioFragment, fakeInit, fakeSlate, fakeTrack, videoFragment } from '../../fakes/media.ts';

const grid = makeGrid({ num: 30, den: 1 }, 2);
const ORIGIN = 897_645_600;
const IDS = ['v1', 'v2', 'a1'];
const tracks = IDS.map((id) => fakeTrack(id, grid));
const facts = tracks.map(({ init: _init, initHash: _hash, ...rest }) => rest);
const initOf = (id: string, variant = '') => fakeTrack(id, grid, variant).init;

function runOf(
  delivers: readonly string[] = IDS,
  slate: () => Slate | undefined = () => undefined,
  waitsForSlate: () => boolean = () => false,
) {
  return new EncodeRun({
    id: 'r1',
    grid,
    origin: { index: ORIGIN, part: 0 },
    facts,
    delivers: new Set(delivers),
    slate,
    waitsForSlate,
  });
}

function sendVideo(run: EncodeRun, track: string, n: number) {
  return Array.from({ length: grid.partsPerSegment }, (_, part) => run.onFragment(track, videoFragment(grid, n, part)));
}

function sendAudio(run: EncodeRun, track: string, n: number) {
  const unitAt = (index: number) => (audioStart(grid, index) - audioStart(grid, ORIGIN)) / AUDIO_UNIT;
  const first = unitAt(ORIGIN + n);
  return Array.from({ length: unitAt(ORIGIN + n + 1) - first }, (_, i) =>
    run.onFragment(track, audioFragment(grid, ORIGIN, first + i)),
  );
}

describe('the plan of a run', () => {
  test('is undefined until the CMAF headers of all its Tracks are known', () => {
    const run = runOf();
    for (const id of IDS) {
      expect(run.plan(), `before ${id}`).toBeUndefined();
      expect(run.onInit(id, initOf(id))).toBe(true);
    }
    expect(run.plan()?.tracks).toEqual(tracks);
    expect(run.plan()?.grid).toBe(grid);
  });

  test("the slate's header stands in for a Track that the feed lacks, and only for that one", () => {
    let slate: Slate | undefined;
    const run = runOf(['v1', 'v2'], () => slate);
    run.onInit('v1', initOf('v1'));
    run.onInit('v2', initOf('v2'));
    expect(run.plan()).toBeUndefined();
    slate = fakeSlate(
      grid,
      IDS.map((id) => fakeTrack(id, grid, ' slate')),
    );
    const plan = run.plan();
    expect(plan?.tracks.map(({ init }) => init)).toEqual([initOf('v1'), initOf('v2'), initOf('a1', ' slate')]);
    expect(plan?.slate).toBe(slate);
  });

  test('a Track that the run itself delivers waits for its own header, slate or not', () => {
    const slate = fakeSlate(grid, tracks);
    const run = runOf(IDS, () => slate);
    run.onInit('v1', initOf('v1'));
    run.onInit('a1', initOf('a1'));
    expect(run.plan()).toBeUndefined();
  });

  test('is held back while its slate is awaited, and no longer', () => {
    let slate: Slate | undefined;
    let waits = true;
    const run = runOf(
      IDS,
      () => slate,
      () => waits,
    );
    for (const id of IDS) run.onInit(id, initOf(id));
    expect(run.plan()).toBeUndefined();
    slate = fakeSlate(grid, tracks);
    expect(run.plan()?.slate).toBe(slate);
    slate = undefined;
    expect(run.plan()).toBeUndefined();
    waits = false;
    expect(run.plan()?.tracks).toEqual(tracks);
  });

  test('is the same object until its slate or a header is another', () => {
    let slate: Slate | undefined;
    const run = runOf(IDS, () => slate);
    for (const id of IDS) run.onInit(id, initOf(id));
    const first = run.plan();
    expect(run.plan()).toBe(first);
    slate = fakeSlate(grid, tracks);
    const second = run.plan();
    expect(second).not.toBe(first);
    expect(second?.slate).toBe(slate);
    expect(run.plan()).toBe(second);
    run.onInit('v1', initOf('v1', ' other'));
    expect(run.plan()?.tracks[0]?.init).toEqual(initOf('v1', ' other'));
    expect(run.plan()?.tracks[0]?.initHash).not.toBe(second?.tracks[0]?.initHash);
  });
});

describe('a CMAF header', () => {
  test.each([
    ['v1', fakeInit('video', 15_360)],
    ['v1', fakeInit('video', 48_000)],
    ['a1', fakeInit('audio', 44_100)],
    ['a1', fakeInit('audio', 90_000)],
  ])("of %s with a timescale that is not the Grid's is refused, and its media dropped", (track, init) => {
    const run = runOf();
    expect(run.onInit(track, init)).toBe(false);
    const fragment = track === 'v1' ? videoFragment(grid, 0, 0) : audioFragment(grid, ORIGIN, 0);
    expect(run.onFragment(track, fragment)).toEqual({ kind: 'dropped', reason: 'unknown-track' });
  });

  test('of a Track that the plan does not have is refused', () => {
    expect(runOf().onInit('v9', initOf('v1'))).toBe(false);
  });
});

describe('the media of a run', () => {
  test('becomes parts and Segments by index from the origin on', () => {
    const run = runOf();
    for (const id of IDS) run.onInit(id, initOf(id));
    expect(sendVideo(run, 'v1', 0).map(({ kind }) => kind)).toEqual(['media', 'media', 'media', 'media', 'media']);
    expect(sendAudio(run, 'a1', 0).filter(({ kind }) => kind === 'media')).toHaveLength(grid.partsPerSegment);
    expect([...run.parts.get(ORIGIN)!.get('a1')!.keys()]).toEqual([0, 1, 2, 3, 4]);
    sendVideo(run, 'v1', 1);
    expect([...run.segments.keys()]).toEqual([ORIGIN, ORIGIN + 1]);
    expect([...run.segments.get(ORIGIN)!.keys()]).toEqual(['v1', 'a1']);
    expect(run.segments.get(ORIGIN)!.get('v1')).toMatchObject({ index: ORIGIN, source: 'live' });
  });

  test('a Fragment of a Track without header is dropped by name', () => {
    expect(runOf().onFragment('v1', videoFragment(grid, 0, 0))).toEqual({ kind: 'dropped', reason: 'unknown-track' });
  });

  test('what the segmenter refuses is told with its reason', () => {
    const run = runOf();
    run.onInit('v1', initOf('v1'));
    expect(run.onFragment('v1', videoFragment(grid, 0, 2))).toMatchObject({ kind: 'dropped', reason: 'mid-segment' });
    expect(run.onFragment('v1', videoFragment(grid, -1, 0))).toMatchObject({
      kind: 'dropped',
      reason: 'before-origin',
    });
  });

  test('a Segment that comes again changes nothing: the first one stays', () => {
    const run = runOf();
    run.onInit('v1', initOf('v1'));
    sendVideo(run, 'v1', 0);
    const first = run.segments.get(ORIGIN)!.get('v1');
    for (let part = 0; part < grid.partsPerSegment; part++) run.onFragment('v1', videoFragment(grid, 0, part, 99));
    expect(run.segments.get(ORIGIN)!.get('v1')).toBe(first);
  });

  test('at most 32 Segments are held while nobody takes them; the oldest go', () => {
    const run = runOf();
    run.onInit('v1', initOf('v1'));
    for (let n = 0; n < 40; n++) sendVideo(run, 'v1', n);
    expect([...run.segments.keys()]).toEqual(Array.from({ length: 32 }, (_, i) => ORIGIN + 8 + i));
  });

  test('property: Fragments sent twice or lost never make a Segment of other bytes than the whole one', () => {
    const whole = runOf();
    whole.onInit('v1', initOf('v1'));
    for (const n of [0, 1, 2]) sendVideo(whole, 'v1', n);
    const bytes = (run: EncodeRun, index: number) =>
      run.segments
        .get(index)
        ?.get('v1')
        ?.parts.map((part) => part.bytes);
    fc.assert(
      fc.property(fc.array(fc.constantFrom('once', 'twice', 'lost'), { minLength: 15, maxLength: 15 }), (fates) => {
        const run = runOf();
        run.onInit('v1', initOf('v1'));
        for (const [i, fate] of fates.entries()) {
          const fragment = videoFragment(grid, Math.floor(i / 5), i % 5);
          if (fate !== 'lost') run.onFragment('v1', fragment);
          if (fate === 'twice') run.onFragment('v1', fragment);
        }
        for (const index of run.segments.keys()) expect(bytes(run, index)).toEqual(bytes(whole, index));
      }),
      { numRuns: 60 },
    );
  });
});

test('a half-rate rung has frames of twice the length', () => {
  const full = { ...facts[0]!, frameRate: { num: 50, den: 1 } };
  const grid50 = makeGrid({ num: 50, den: 1 }, 2);
  expect(frameTicksOf(grid50, full)).toBe(1800);
  expect(frameTicksOf(grid50, { ...full, frameRate: { num: 25, den: 1 } })).toBe(3600);
  expect(frameTicksOf(grid50, { ...full, frameRate: undefined })).toBe(1800);
  const grid5994 = makeGrid({ num: 60000, den: 1001 }, 2);
  expect(frameTicksOf(grid5994, { ...full, frameRate: { num: 30000, den: 1001 } })).toBe(2002);
});
