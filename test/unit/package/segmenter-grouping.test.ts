/** However an encoder groups its frames and access units into Fragments, the same Segments come out. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readFragment, sampleData } from '../../../src/cmaf/isobmff/fragment.ts';
import type { Fragment } from '../../../src/cmaf/isobmff/model.ts';
import { writeFragment } from '../../../src/cmaf/isobmff/writer.ts';
import { AUDIO_UNIT, audioOffset, audioPartStart, audioStart, makeGrid } from '../../../src/package/grid.ts';
import type { AssembledSegment } from '../../../src/package/model.ts';
import { audioSegmenter, type Segmenter, videoSegmenter } from '../../../src/package/segmenter.ts';
import { fakeInit, frameTicksOf } from '../../fakes/media.ts';

const grid = makeGrid({ num: 30, den: 1 }, 2);
const p2997 = makeGrid({ num: 30000, den: 1001 }, 2);
const ORIGIN = 897_645_600;
const SYNC = 0x0200_0000;
const NON_SYNC = 0x0101_0000;
const UNITS = 300;

/** Frames `from` to `to` of a run; the first of each Segment is a sync sample; sizes differ. */
function frames(from: number, to: number): Fragment {
  const numbers = Array.from({ length: to - from }, (_, i) => from + i);
  const data = numbers.map((n) => Buffer.alloc(1 + (n % 5), n % 251));
  const bytes = writeFragment({
    trackId: 1,
    sequence: 1 + from,
    decodeTicks: from * frameTicksOf(grid),
    samples: numbers.map((n, i) => ({
      durationTicks: frameTicksOf(grid),
      sizeBytes: data[i]!.length,
      flags: n % grid.segmentFrames === 0 ? SYNC : NON_SYNC,
      compositionOffsetTicks: 0,
    })),
    data,
  });
  return readFragment(bytes, fakeInit('video', grid.videoTimescale));
}

function units(of: typeof grid, from: number, to: number): Fragment {
  const numbers = Array.from({ length: to - from }, (_, i) => from + i);
  const data = numbers.map((n) => Buffer.alloc(1 + (Math.abs(n) % 7), Math.abs(n) % 251));
  const bytes = writeFragment({
    trackId: 1,
    sequence: 1,
    decodeTicks: audioOffset(of, ORIGIN) + from * AUDIO_UNIT,
    samples: data.map(({ length }) => ({
      durationTicks: AUDIO_UNIT,
      sizeBytes: length,
      flags: SYNC,
      compositionOffsetTicks: 0,
    })),
    data,
  });
  return readFragment(bytes, fakeInit('audio', 48_000));
}

function segmentsOf(segmenter: Segmenter, fragments: readonly Fragment[]): AssembledSegment[] {
  return fragments
    .flatMap((fragment) => segmenter.push(fragment))
    .flatMap((event) => (event.kind === 'segment' ? [event.segment] : []));
}

/** Ends of groups of the given sizes over `total` items from `first` on; the sizes are used over and over. */
function grouped<T>(
  first: number,
  total: number,
  sizes: readonly number[],
  make: (from: number, to: number) => T,
): T[] {
  const groups: T[] = [];
  for (let from = first, i = 0; from < total; i++) {
    const to = Math.min(total, from + sizes[i % sizes.length]!);
    groups.push(make(from, to));
    from = to;
  }
  return groups;
}

const sizes = (most: number) => fc.array(fc.integer({ min: 1, max: most }), { minLength: 1, maxLength: 12 });

describe('audio', () => {
  test.each([
    ['30', grid],
    ['29.97', p2997],
  ])('property: at %s, however access units are grouped, the same Segments byte by byte', (_, of) => {
    const single = segmentsOf(
      audioSegmenter(of, { index: ORIGIN, part: 0 }),
      grouped(-1, UNITS, [1], (a, b) => units(of, a, b)),
    );
    expect(single.map(({ index }) => index)).toEqual([ORIGIN, ORIGIN + 1, ORIGIN + 2]);
    fc.assert(
      fc.property(sizes(200), (list) => {
        const fragments = grouped(-1, UNITS, list, (a, b) => units(of, a, b));
        expect(segmentsOf(audioSegmenter(of, { index: ORIGIN, part: 0 }), fragments)).toEqual(single);
      }),
      { numRuns: 20 },
    );
  });

  test('every access unit is there once, in order, and parts end where the part grid has them', () => {
    const segments = segmentsOf(
      audioSegmenter(grid, { index: ORIGIN, part: 0 }),
      grouped(-1, UNITS, [40], (a, b) => units(grid, a, b)),
    );
    let unit = 0;
    for (const { index, parts, startTicks, durationTicks } of segments) {
      expect(startTicks).toBe(audioStart(grid, index));
      expect(durationTicks).toBe(audioStart(grid, index + 1) - startTicks);
      for (const [n, part] of parts.entries()) {
        const fragment = readFragment(part.bytes, fakeInit('audio', 48_000));
        expect(fragment.decodeTicks).toBe(audioPartStart(grid, index, n));
        expect(part.isIndependent).toBe(true);
        expect(part.sizeBytes).toBe(part.bytes.length);
        for (const bytes of sampleData(fragment)) expect(bytes).toEqual(Buffer.alloc(1 + (unit % 7), unit++ % 251));
      }
    }
    expect(unit * AUDIO_UNIT).toBe(audioStart(grid, ORIGIN + 3) - audioStart(grid, ORIGIN));
  });
});

describe('video', () => {
  /** Groups that do not cross a Segment: an encoder with a fixed GOP begins a Fragment with each keyframe. */
  const cut = (list: readonly number[]) =>
    [0, 1, 2].flatMap((n) =>
      grouped(n * grid.segmentFrames, (n + 1) * grid.segmentFrames, list, (from, to) => frames(from, to)),
    );

  test('property: however frames are grouped within a Segment, the same frames at the same times come out', () => {
    fc.assert(
      fc.property(sizes(grid.segmentFrames), (list) => {
        const segments = segmentsOf(videoSegmenter(grid, { index: ORIGIN, part: 0 }, frameTicksOf(grid)), cut(list));
        expect(segments.map(({ index }) => index)).toEqual([ORIGIN, ORIGIN + 1, ORIGIN + 2]);
        for (const { index, startTicks, durationTicks, parts } of segments) {
          expect([startTicks, durationTicks]).toEqual([index * grid.segmentTicks, grid.segmentTicks]);
          expect(parts.reduce((sum, part) => sum + part.durationTicks, 0)).toBe(grid.segmentTicks);
          expect(parts[0]!.isIndependent).toBe(true);
          expect(parts.length).toBeLessThanOrEqual(grid.partsPerSegment);
          const first = (index - ORIGIN) * grid.segmentFrames;
          const data = parts.flatMap((part) => chunksOf(part.bytes).flatMap(sampleData));
          expect(Buffer.concat(data)).toEqual(
            Buffer.concat(
              Array.from({ length: grid.segmentFrames }, (_, i) =>
                Buffer.alloc(1 + ((first + i) % 5), (first + i) % 251),
              ),
            ),
          );
        }
      }),
      { numRuns: 15 },
    );
  });

  test('frames one by one make the parts of the grid, several chunks each', () => {
    const [segment] = segmentsOf(videoSegmenter(grid, { index: ORIGIN, part: 0 }, frameTicksOf(grid)), cut([1]));
    expect(segment!.parts.map(({ durationTicks }) => durationTicks)).toEqual(Array(5).fill(36_000));
    expect(segment!.parts.map(({ isIndependent }) => isIndependent)).toEqual([true, false, false, false, false]);
    const chunks = segment!.parts.flatMap((part) => chunksOf(part.bytes));
    expect(chunks).toHaveLength(grid.segmentFrames);
    expect(chunks.map(({ decodeTicks }) => decodeTicks)).toEqual(
      chunks.map((_, i) => ORIGIN * grid.segmentTicks + i * frameTicksOf(grid)),
    );
    const { sequence } = chunks[0]!;
    expect(chunks.map((chunk) => chunk.sequence - sequence)).toEqual(chunks.map((_, i) => i));
  });

  test('a Fragment that runs over the end of its Segment is off the Grid: that Segment is not made', () => {
    const segmenter = videoSegmenter(grid, { index: ORIGIN, part: 0 }, frameTicksOf(grid));
    segmenter.push(frames(0, 50));
    expect(segmenter.push(frames(50, 61))).toMatchObject([{ kind: 'dropped', reason: 'off-grid' }]);
    expect(segmenter.push(frames(61, 120))).toMatchObject([{ kind: 'dropped', reason: 'mid-segment' }]);
    expect(segmentsOf(segmenter, [frames(120, 180)])).toMatchObject([{ index: ORIGIN + 2 }]);
  });
});

/** The chunks of a part, one by one. */
function chunksOf(bytes: Buffer): Fragment[] {
  const chunks: Fragment[] = [];
  for (let at = 0; at < bytes.length; ) {
    const moof = bytes.readUInt32BE(at);
    const end = at + moof + bytes.readUInt32BE(at + moof);
    chunks.push(readFragment(bytes.subarray(at, end), fakeInit('video', grid.videoTimescale)));
    at = end;
  }
  return chunks;
}
