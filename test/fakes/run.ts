/** A RunSource fed by hand: whole Segments of made-up media for the timeline's tests. It never encodes. */

import {
  AUDIO_UNIT,
  audioPartStart,
  audioStart,
  type Grid,
  videoPartTicks,
  videoStartTicks,
} from '../../src/package/grid.ts';
import type { AssembledSegment } from '../../src/package/model.ts';
import type { PeriodPlan } from '../../src/package/period-plan.ts';
import type { RunSource } from '../../src/package/run-source.ts';

/** From the beginning of time unless `origin` says otherwise. */
export function fakeRun(
  id: string,
  plan: () => PeriodPlan | undefined,
  delivers: readonly string[],
  origin = { index: 0, part: 0 },
): RunSource {
  return { id, origin, plan, delivers: new Set(delivers), segments: new Map(), parts: new Map() };
}

function liveSegment(grid: Grid, track: string, index: number, mark = 'live'): AssembledSegment {
  const isVideo = !track.startsWith('a');
  const startTicks = isVideo ? videoStartTicks(grid, index) : audioStart(grid, index);
  const endTicks = isVideo ? videoStartTicks(grid, index + 1) : audioStart(grid, index + 1);
  const bytes = Buffer.from(`${mark} ${track} ${index}`);
  return {
    index,
    startTicks,
    durationTicks: endTicks - startTicks,
    timescale: isVideo ? grid.videoTimescale : 48_000,
    source: 'live',
    parts: [
      {
        durationTicks: endTicks - startTicks,
        isIndependent: true,
        sizeBytes: bytes.length,
        bytes,
      },
    ],
  };
}

/** Gives the run a whole index of the named Tracks. */
export function deliver(run: RunSource, grid: Grid, index: number, tracks: readonly string[]): void {
  const existing = run.segments.get(index) ?? new Map<string, AssembledSegment>();
  for (const track of tracks) existing.set(track, liveSegment(grid, track, index, run.id));
  run.segments.set(index, existing);
}

/** Gives the run one part of the named Tracks; only the first of a Segment is independent unless said otherwise (sound always is). */
export function deliverPart(
  run: RunSource,
  grid: Grid,
  index: number,
  part: number,
  tracks: readonly string[],
  isIndependent = part === 0,
): void {
  const atIndex = run.parts.get(index) ?? new Map();
  run.parts.set(index, atIndex);
  for (const track of tracks) {
    const isVideo = !track.startsWith('a');
    const units = (audioPartStart(grid, index, part + 1) - audioPartStart(grid, index, part)) / AUDIO_UNIT;
    const bytes = Buffer.from(`${run.id} ${track} ${index}.${part} `);
    const ofTrack = atIndex.get(track) ?? new Map();
    atIndex.set(track, ofTrack);
    ofTrack.set(part, {
      index,
      part,
      source: 'live',
      durationTicks: isVideo ? videoPartTicks(grid) : units * AUDIO_UNIT,
      isIndependent: isIndependent || !isVideo,
      sizeBytes: bytes.length,
      bytes,
    });
  }
}
