/**
 * Six hours of a publisher whose clock is 100 ppm off, either way, through Anchor, run and timeline on simulated time: nothing
 * steps, no index is slate, and each Segment is on air before the MPD's promise of it (README: Publishing), so nobody gets 404.
 */
import { expect, test } from 'vitest';
import { EncodeRun } from '../../src/channel/encode-run.ts';
import { timelineSettings } from '../../src/channel/timing.ts';
import { LATENCY_TIMING } from '../../src/config/latency-timing.ts';
import { Anchor, SLEW_PER_MS } from '../../src/ingest/anchor.ts';
import { audioStart, indexAt, makeGrid, startMsOf } from '../../src/package/grid.ts';
import { Timeline } from '../../src/package/timeline.ts';
import type { TimelineEvent } from '../../src/package/timeline-event.ts';
import { channelSettings } from '../fakes/channel-settings.ts';
import { audioFragment, fakeSlate, fakeTrack, videoFragment } from '../fakes/media.ts';
import { seeded } from '../fakes/simulated-feed.ts';
import { ladderOf, rung } from '../fakes/transcode-plan.ts';

const [VIDEO, AUDIO] = [9, 8];
const START = Date.parse('2026-11-21T06:00:00Z');
const LENGTH_MS = 6 * 3_600_000;
const FRAME_MS = 40;
const ENCODING_MS = 250;

test.each([100, -100])(
  'a clock that is %d ppm off for 6 h: no step, no slate, all Segments on air before they are promised',
  (ppm) => {
    const grid = makeGrid({ num: 25, den: 1 }, 2, 2_000);
    const tracks = ['v1', 'a1'].map((id) => fakeTrack(id, grid));
    const slate = fakeSlate(grid, tracks);
    const timeline = new Timeline(timelineSettings(channelSettings(ladderOf([rung('v1', 720)])), 'i'));
    let [live, slates, worstLateMs] = [0, 0, 0];
    const check = (events: readonly TimelineEvent[], nowMs: number) => {
      for (const event of events) {
        if (event.kind === 'period') expect(event.period.ordinal).toBe(1);
        if (event.kind !== 'committed' || event.segment.endMs < START + 4_000) continue;
        if (event.segment.source === 'live') live += 1;
        else slates += 1;
        worstLateMs = Math.max(worstLateMs, nowMs - event.segment.endMs);
      }
    };
    timeline.open({ grid, tracks, slate }, START);
    const origin = { index: indexAt(grid, START), part: 0 };
    const facts = tracks.map(({ init: _init, initHash: _hash, ...rest }) => rest);
    const run = new EncodeRun({
      ...{ id: 'r', grid, origin, facts, delivers: new Set(['v1', 'a1']) },
      ...{ slate: () => slate, waitsForSlate: () => false },
    });
    for (const track of tracks) run.onInit(track.id, track.init);
    timeline.join(run);
    const random = seeded(7);
    const anchor = new Anchor();
    const video = videoFragment(grid, 0, 0);
    const unit = audioFragment(grid, 0, 0);
    let [segment, units, worstStep, lastMs] = [0, 0, 0, START];
    let [lastOffset, worstOffMs] = [Number.NaN, 0];
    for (let stamp = 0; stamp < LENGTH_MS; stamp += FRAME_MS) {
      const sentMs = stamp * (1 + ppm / 1e6);
      const arrivalMs = Math.max(lastMs, START + sentMs + random() * 15);
      const placed = anchor.place(VIDEO, stamp, arrivalMs);
      const sound = anchor.place(AUDIO, stamp + 10, arrivalMs);
      if (placed.kind !== 'media' || sound.kind !== 'media') throw new Error(`${placed.kind} at ${stamp}`);
      const offset = anchor.offsetMs ?? Number.NaN;
      worstStep = Math.max(worstStep, Math.abs(offset - lastOffset) - (arrivalMs - lastMs) * SLEW_PER_MS || 0);
      if (stamp > 60_000) worstOffMs = Math.max(worstOffMs, Math.abs(placed.mediaMs - arrivalMs));
      [lastOffset, lastMs] = [offset, arrivalMs];
      if (placed.mediaMs + FRAME_MS < startMsOf(grid, origin.index + segment + 1)) continue;
      run.onFragment('v1', { ...video, decodeTicks: segment * grid.segmentTicks });
      const fromSample = audioStart(grid, origin.index);
      const untilSample = audioStart(grid, origin.index + segment + 1) - fromSample;
      for (; units * 1024 < untilSample; units++)
        run.onFragment('a1', {
          ...unit,
          decodeTicks: fromSample - startMsOf(grid, origin.index) * 48 + units * 1024,
        });
      segment += 1;
      check(timeline.advance(arrivalMs + ENCODING_MS), arrivalMs + ENCODING_MS);
    }
    expect(worstStep).toBeLessThan(1e-3);
    expect(worstOffMs).toBeLessThan(40);
    expect(live).toBeGreaterThan(LENGTH_MS / 2_000 - 5);
    expect(slates).toBe(0);
    expect(worstLateMs).toBeLessThan(LATENCY_TIMING.normal.publishMarginMs);
  },
  60_000,
);
