/**
 * Thirty hours of a feed, replayed: stamps in whole ms with jitter, an encoder clock that is off, three wraps of 2^32.
 * The encoder is stood in for by what constant rate does: every frame of the worker's own grid, from its zero on.
 */
import { expect, test } from 'vitest';
import { EncodeRun } from '../../src/channel/encode-run.ts';
import { Anchor } from '../../src/ingest/anchor.ts';
import { StampUnwrapper } from '../../src/ingest/unwrap.ts';
import { audioStart, indexAt, makeGrid, startMsOf, videoStartTicks } from '../../src/package/grid.ts';
import { Timeline } from '../../src/package/timeline.ts';
import type { TimelineEvent } from '../../src/package/timeline-event.ts';
import { audioFragment, fakeSlate, fakeTrack, frameTicksOf, videoFragment } from '../fakes/media.ts';

const HOURS = 30;
const PUBLISHES = 3;
const DRIFT_PPM = 80;
const START = Date.parse('2026-11-21T06:00:00Z');
const SETTINGS = {
  incarnation: 'i',
  windowMs: 20_000,
  retentionMs: 2_000,
  publishesParts: false,
  fillDelayMs: 800,
  patienceMs: 0,
  silenceMs: 0,
  tailMs: 6000,
  backfillMs: 12_000,
};

/** A small repeatable source of noise (a linear congruential generator). */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test.each([
  [30000, 1001],
  [60000, 1001],
])(
  '30 hours at %d/%d fps with jitter, drift and three wraps: 0 ticks of error at every boundary',
  (num, den) => {
    const grid = makeGrid({ num, den }, 2, 2002);
    const tracks = ['v1', 'a1'].map((id) => fakeTrack(id, grid));
    const slate = fakeSlate(grid, tracks);
    const timeline = new Timeline(SETTINGS);
    const random = noise(num);
    const frameMs = (1000 * den) / num;
    let expectedNumber: number | undefined;
    let live = 0;
    const check = (events: readonly TimelineEvent[]) => {
      for (const event of events) {
        if (event.kind === 'period' && event.period.ordinal > 1) throw new Error('a Period was declared');
        if (event.kind !== 'committed') continue;
        const { number, tracks: records, endMs, source } = event.segment;
        if (expectedNumber !== undefined && number !== expectedNumber)
          throw new Error(`${number} after ${expectedNumber}`);
        expectedNumber = number + 1;
        if (source === 'live') live += 1;
        const video = records.get('v1');
        const audio = records.get('a1');
        const exact =
          endMs === startMsOf(grid, number + 1) &&
          video?.startTicks === videoStartTicks(grid, number) &&
          video.durationTicks === grid.segmentTicks &&
          audio?.startTicks === audioStart(grid, number) &&
          audio.startTicks + audio.durationTicks === audioStart(grid, number + 1);
        if (!exact) throw new Error(`boundary of ${number} is off`);
      }
    };
    check(timeline.open({ grid, tracks, slate }, START));

    let nowMs = START;
    let worstMs = 0;
    const video = videoFragment(grid, 0, 0);
    const unit = audioFragment(grid, 0, 0);
    for (let publish = 0; publish < PUBLISHES; publish++) {
      const unwrapper = new StampUnwrapper();
      const anchor = new Anchor();
      // Half of each publish lies behind the wrap.
      const publishMs = (HOURS * 3_600_000) / PUBLISHES;
      const firstStamp = 2 ** 32 - publishMs / 2;
      const publishStartMs = nowMs;
      const originIndex = indexAt(grid, nowMs);
      const facts = tracks.map(({ init: _init, initHash: _hash, ...rest }) => rest);
      const run = new EncodeRun({
        id: `r${publish}`,
        grid,
        origin: { index: originIndex, part: 0 },
        facts,
        delivers: new Set(['v1', 'a1']),
        slate: () => slate,
        waitsForSlate: () => false,
      });
      for (const track of tracks) run.onInit(track.id, track.init);
      timeline.join(run);
      const originMs = startMsOf(grid, originIndex);
      let segment = 0;
      let units = 0;
      for (let frame = 0; frame * frameMs < publishMs; frame++) {
        const sentMs = frame * frameMs * (1 + DRIFT_PPM / 1e6);
        nowMs = publishStartMs + sentMs + random() * 15;
        const stamp = Math.round(firstStamp + frame * frameMs) % 2 ** 32;
        const placed = anchor.place(9, unwrapper.unwrap(stamp), nowMs);
        if (placed.kind !== 'media') throw new Error(`${placed.kind} at frame ${frame}`);
        if (frame * frameMs > 60_000) worstMs = Math.max(worstMs, Math.abs(placed.mediaMs - nowMs));
        if (placed.mediaMs - originMs < (segment + 1) * grid.segmentMs) continue;
        run.onFragment('v1', { ...video, decodeTicks: segment * grid.segmentTicks });
        const untilSample = audioStart(grid, originIndex + segment + 1) - audioStart(grid, originIndex);
        for (; units * 1024 < untilSample; units++) {
          run.onFragment('a1', { ...unit, decodeTicks: audioStart(grid, originIndex) - originMs * 48 + units * 1024 });
        }
        segment += 1;
        check(timeline.advance(nowMs));
      }
      timeline.leave(run.id);
    }
    expect(live).toBeGreaterThan((HOURS * 3_600_000) / grid.segmentMs - 3 * PUBLISHES);
    // Media time is UTC of arrival: drift is followed, jitter is not.
    expect(worstMs).toBeLessThan(40);
    expect(frameTicksOf(grid)).toBe(1001);
  },
  60_000,
);
