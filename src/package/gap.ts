/**
 * A gap: what an index becomes that passed without media where slate is not wanted (`whenAbsent: gap`). One fragment without
 * samples at the index's place: DASH players that ask for a passed index are answered, and HLS marks it with EXT-X-GAP.
 * It never holds a sample. Invariant: a gap is a pure function of Track and index, as slate is.
 */
import { writeFragment } from '../cmaf/isobmff/writer.ts';
import { AUDIO_RATE, audioStart, type Grid, videoStartTicks } from './grid.ts';
import type { AssembledSegment, Track } from './model.ts';

/** ISO/IEC 14496-12 8.8.8: a trun may have no samples; tfdt says where they would have begun. */
export function gapSegment(grid: Grid, track: Track, index: number): AssembledSegment {
  const isVideo = track.kind === 'video';
  const start = (at: number): number => (isVideo ? videoStartTicks(grid, at) : audioStart(grid, at));
  const startTicks = start(index);
  const durationTicks = start(index + 1) - startTicks;
  const bytes = writeFragment({
    trackId: track.init.trackId,
    sequence: index + 1,
    decodeTicks: startTicks,
    samples: [],
    data: [],
  });
  const timescale = isVideo ? grid.videoTimescale : AUDIO_RATE;
  const only = { durationTicks, isIndependent: true, sizeBytes: bytes.length, bytes };
  return { index, startTicks, durationTicks, timescale, source: 'gap', parts: [only] };
}
