/**
 * Made-up Tracks and Fragments for the packager's tests: right in their times, empty in their pictures.
 * It never needs ffmpeg. Invariant: a worker's Fragments start at its zero and follow the Grid it was given.
 */
import { readFragment } from '../../src/cmaf/isobmff/fragment.ts';
import type { Fragment, InitSegment } from '../../src/cmaf/isobmff/model.ts';
import { writeFragment } from '../../src/cmaf/isobmff/writer.ts';
import { initHashOf } from '../../src/package/generation.ts';
import { AUDIO_UNIT, audioOffset, type Grid } from '../../src/package/grid.ts';
import type { Track } from '../../src/package/model.ts';
import { makeSlate, type Slate } from '../../src/package/slate.ts';

const SYNC = 0x0200_0000;
const NON_SYNC = 0x0101_0000;

export function fakeInit(kind: 'video' | 'audio', timescale: number, variant = ''): InitSegment {
  return {
    bytes: Buffer.from(`init ${kind} ${timescale} ${variant}`),
    trackId: 1,
    kind,
    timescale,
    codec: kind === 'video' ? 'avc1.64001f' : 'mp4a.40.2',
    language: 'und',
    brands: ['cmfc', 'iso6'],
    width: kind === 'video' ? 1280 : undefined,
    height: kind === 'video' ? 720 : undefined,
    sampleRate: kind === 'audio' ? 48_000 : undefined,
    channels: kind === 'audio' ? 2 : undefined,
    defaults: { durationTicks: 0, sizeBytes: 0, flags: 0 },
  };
}

export function fakeTrack(id: string, grid: Grid, variant = ''): Track {
  const kind = id.startsWith('a') ? 'audio' : 'video';
  const init = fakeInit(kind, kind === 'video' ? grid.videoTimescale : 48_000, `${id}${variant}`);
  return {
    id,
    kind,
    peakBps: kind === 'video' ? 3_000_000 : 140_000,
    averageBps: kind === 'video' ? 2_000_000 : 130_000,
    frameRate: kind === 'video' ? grid.frameRate : undefined,
    language: kind === 'audio' ? 'en' : 'und',
    name: kind === 'audio' ? 'English' : '',
    channels: kind === 'audio' ? 2 : undefined,
    init,
    initHash: initHashOf(init.bytes),
  };
}

export function frameTicksOf(grid: Grid): number {
  return grid.segmentTicks / grid.segmentFrames;
}

/** Part `part` of the run's `n`-th Segment, with times from the run's zero; the first begins with an IDR picture. */
export function videoFragment(grid: Grid, n: number, part: number, fill = 7, isIndependent = part === 0): Fragment {
  const frames = grid.segmentFrames / grid.partsPerSegment;
  const durationTicks = frameTicksOf(grid);
  const samples = Array.from({ length: frames }, (_, i) => ({
    durationTicks,
    sizeBytes: 2,
    flags: isIndependent && i === 0 ? SYNC : NON_SYNC,
    compositionOffsetTicks: 0,
  }));
  const bytes = writeFragment({
    trackId: 1,
    sequence: 1,
    decodeTicks: n * grid.segmentTicks + part * frames * durationTicks,
    samples,
    data: samples.map(() => Buffer.from([fill, n % 251])),
  });
  return readFragment(bytes, fakeInit('video', grid.videoTimescale));
}

/** One access unit of a run whose zero is index `origin`; unit -1 is the encoder's priming. */
export function audioFragment(grid: Grid, origin: number, unit: number): Fragment {
  const bytes = writeFragment({
    trackId: 1,
    sequence: 1,
    decodeTicks: audioOffset(grid, origin) + unit * AUDIO_UNIT,
    samples: [
      {
        durationTicks: AUDIO_UNIT,
        sizeBytes: 3,
        flags: SYNC,
        compositionOffsetTicks: 0,
      },
    ],
    data: [Buffer.from([1, 2, unit & 0xff])],
  });
  return readFragment(bytes, fakeInit('audio', 48_000));
}

export function fakeSlate(grid: Grid, tracks: readonly Track[], hasIndependentParts = false): Slate {
  const result = makeSlate(
    grid,
    tracks.map((track) => ({
      id: track.id,
      init: track.init,
      frameTicks: track.kind === 'video' ? frameTicksOf(grid) : undefined,
      fragments:
        track.kind === 'video'
          ? Array.from({ length: grid.partsPerSegment }, (_, part) =>
              videoFragment(grid, 0, part, 0, hasIndependentParts || part === 0),
            )
          : Array.from({ length: 10 }, (_, unit) => audioFragment(grid, 0, unit)),
    })),
  );
  if (result.kind === 'bad') throw new Error(result.reason);
  return result.slate;
}
