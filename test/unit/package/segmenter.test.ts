import { describe, expect, test } from 'vitest';
import { readFragment } from '../../../src/cmaf/isobmff/fragment.ts';
import {
  AUDIO_UNIT,
  audioOffset,
  audioPartStart,
  audioStart,
  makeGrid,
  videoStartTicks,
} from '../../../src/package/grid.ts';
import { audioSegmenter, type SegmenterEvent, videoSegmenter } from '../../../src/package/segmenter.ts';
import { audioFragment, fakeInit, frameTicksOf, videoFragment } from '../../fakes/media.ts';

const grid = makeGrid({ num: 30000, den: 1001 }, 2);
const ORIGIN = 894_000_000;

function parts(n: number): number[] {
  return Array.from({ length: grid.partsPerSegment }, (_, i) => i).map((part) => part + n * 0);
}

function segmentsOf(events: readonly SegmenterEvent[]) {
  return events.flatMap((event) => (event.kind === 'segment' ? [event.segment] : []));
}

describe('the video segmenter', () => {
  test('makes one Segment an index, re-stamped to absolute media time, one part per Fragment', () => {
    const segmenter = videoSegmenter(grid, { index: ORIGIN, part: 0 }, frameTicksOf(grid));
    const events = [0, 1].flatMap((n) => parts(n).flatMap((part) => segmenter.push(videoFragment(grid, n, part))));
    const segments = segmentsOf(events);
    expect(segments.map((segment) => segment.index)).toEqual([ORIGIN, ORIGIN + 1]);
    expect(segments.map((segment) => segment.startTicks)).toEqual([ORIGIN * 60060, (ORIGIN + 1) * 60060]);
    const read = segments[1]?.parts.map((part) => readFragment(part.bytes, fakeInit('video', 30000)).decodeTicks);
    expect(read).toEqual(parts(1).map((part) => (ORIGIN + 1) * 60060 + part * 12012));
    expect(segments[0]?.parts.map((part) => part.isIndependent)).toEqual([true, false, false, false, false]);
  });

  test('the same index has the same bytes whichever run it comes from (two origins agree by arithmetic)', () => {
    const late = videoSegmenter(grid, { index: ORIGIN + 1, part: 0 }, frameTicksOf(grid));
    const early = videoSegmenter(grid, { index: ORIGIN, part: 0 }, frameTicksOf(grid));
    for (const part of parts(0)) early.push(videoFragment(grid, 0, part));
    const a = segmentsOf(parts(1).flatMap((part) => early.push(videoFragment(grid, 1, part))));
    // The fake's payload carries the run's own count in its second byte; only the boxes are compared.
    const b = segmentsOf(parts(0).flatMap((part) => late.push(videoFragment(grid, 0, part))));
    expect(a[0]?.parts[0]?.bytes.subarray(0, 64)).toEqual(b[0]?.parts[0]?.bytes.subarray(0, 64));
  });

  test('a missing Fragment breaks its Segment alone; the next whole one comes out', () => {
    const segmenter = videoSegmenter(grid, { index: ORIGIN, part: 0 }, frameTicksOf(grid));
    const events = [0, 1].flatMap((n) =>
      parts(n).flatMap((part) => (n === 0 && part === 2 ? [] : segmenter.push(videoFragment(grid, n, part)))),
    );
    expect(segmentsOf(events).map((segment) => segment.index)).toEqual([ORIGIN + 1]);
    expect(events.filter((event) => event.kind === 'dropped').map((event) => event.reason)).toEqual([
      'hole',
      'mid-segment',
    ]);
  });

  test('media from before the zero of the run is dropped by name', () => {
    const segmenter = videoSegmenter(grid, { index: ORIGIN, part: 0 }, frameTicksOf(grid));
    const [event] = segmenter.push(videoFragment(grid, -1, 4));
    expect(event).toEqual({
      kind: 'dropped',
      reason: 'before-origin',
      startTicks: videoStartTicks(grid, ORIGIN) - 12012,
    });
  });

  test('a Segment that does not begin with a sync sample is refused (ISO/IEC 23000-19 7.3.2.3)', () => {
    const segmenter = videoSegmenter(grid, { index: ORIGIN, part: 0 }, frameTicksOf(grid));
    const inter = { ...videoFragment(grid, 0, 0), isIndependent: false };
    expect(segmenter.push(inter)).toMatchObject([{ kind: 'dropped', reason: 'not-independent' }]);
  });

  test('times between frames are off the Grid', () => {
    const segmenter = videoSegmenter(grid, { index: ORIGIN, part: 0 }, frameTicksOf(grid));
    const fragment = videoFragment(grid, 0, 0);
    expect(segmenter.push({ ...fragment, decodeTicks: 1 })).toMatchObject([{ reason: 'off-grid' }]);
  });

  test('a Fragment that does not last whole frames is off the Grid, and so is the Segment it is in', () => {
    const segmenter = videoSegmenter(grid, { index: ORIGIN, part: 0 }, frameTicksOf(grid));
    const events = parts(0).flatMap((part) => {
      const fragment = videoFragment(grid, 0, part);
      return segmenter.push(part === 1 ? { ...fragment, durationTicks: fragment.durationTicks + 1 } : fragment);
    });
    expect(events.map((event) => (event.kind === 'dropped' ? event.reason : event.kind))).toEqual([
      'part',
      'off-grid',
      ...['mid-segment', 'mid-segment', 'mid-segment'],
    ]);
  });

  test('mfhd numbers fit 32 bits and are never 0, also where the count of frames wraps (ISO/IEC 14496-12 8.8.5)', () => {
    const p30 = makeGrid({ num: 30, den: 1 }, 2);
    const wrap = 2 ** 32 * 12;
    const index = Math.floor(wrap / 60) - 1;
    const segmenter = videoSegmenter(p30, { index, part: 0 }, frameTicksOf(p30));
    const events = [0, 1, 2].flatMap((n) =>
      Array.from({ length: 5 }, (_, part) => part).flatMap((part) => segmenter.push(videoFragment(p30, n, part))),
    );
    const numbers = segmentsOf(events)
      .flatMap((segment) => segment.parts)
      .map((part) => readFragment(part.bytes, fakeInit('video', 90_000)).sequence);
    expect(numbers).toHaveLength(15);
    for (const [i, number] of numbers.entries()) expect(number).toBe(((index * 60 + i * 12) % 0xffff_fffe) + 1);
  });
});

describe('the audio segmenter', () => {
  const units = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

  test('drops the priming unit, cuts on the video grid and writes one chunk a part, 0 ticks of gap', () => {
    const segmenter = audioSegmenter(grid, { index: ORIGIN, part: 0 });
    const events = units(-1, 300).flatMap((unit) => segmenter.push(audioFragment(grid, ORIGIN, unit)));
    expect(events[0]).toMatchObject({
      kind: 'dropped',
      reason: 'before-origin',
    });
    const segments = segmentsOf(events);
    expect(segments.map((segment) => segment.index)).toEqual([ORIGIN, ORIGIN + 1, ORIGIN + 2]);
    let next = audioStart(grid, ORIGIN);
    for (const segment of segments) {
      expect(segment.parts).toHaveLength(grid.partsPerSegment);
      for (const part of segment.parts) {
        const fragment = readFragment(part.bytes, fakeInit('audio', 48_000));
        expect(fragment.decodeTicks).toBe(next);
        next += fragment.durationTicks;
        expect(fragment.durationTicks).toBe(part.durationTicks);
      }
    }
    expect(next).toBe(audioStart(grid, ORIGIN + 3));
  });

  test('a lost access unit breaks its Segment alone', () => {
    const segmenter = audioSegmenter(grid, { index: ORIGIN, part: 0 });
    const events = units(0, 300).flatMap((unit) =>
      unit === 40 ? [] : segmenter.push(audioFragment(grid, ORIGIN, unit)),
    );
    expect(segmentsOf(events).map((segment) => segment.index)).toEqual([ORIGIN + 1, ORIGIN + 2]);
  });

  test('units off the 1024-sample grid are refused', () => {
    const segmenter = audioSegmenter(grid, { index: ORIGIN, part: 0 });
    const fragment = audioFragment(grid, ORIGIN, 3);
    const events = segmenter.push({
      ...fragment,
      decodeTicks: fragment.decodeTicks + 8,
    });
    expect(events).toMatchObject([{ kind: 'dropped', reason: 'off-grid' }]);
    expect(AUDIO_UNIT).toBe(1024);
  });

  test('access units of another length are refused', () => {
    const segmenter = audioSegmenter(grid, { index: ORIGIN, part: 0 });
    const fragment = audioFragment(grid, ORIGIN, 0);
    const samples = fragment.samples.map((sample) => ({ ...sample, durationTicks: 960 }));
    expect(segmenter.push({ ...fragment, samples })).toMatchObject([{ kind: 'dropped', reason: 'off-grid' }]);
  });
});

describe('a run that begins in the middle of a Segment', () => {
  const MIDDLE = { index: ORIGIN, part: 3 };
  const said = (events: readonly SegmenterEvent[]) =>
    events.map((event) => (event.kind === 'part' ? `${event.part.index - ORIGIN}.${event.part.part}` : event.kind));

  test('gives the parts that are left of it, and whole Segments from the next on', () => {
    const segmenter = videoSegmenter(grid, MIDDLE, frameTicksOf(grid));
    const shifted = (n: number, part: number) => {
      const fragment = videoFragment(grid, n, part, 7, n === 0 ? part === 3 : part === 0);
      return { ...fragment, decodeTicks: fragment.decodeTicks - 3 * 12012 };
    };
    const first = [3, 4].flatMap((part) => segmenter.push(shifted(0, part)));
    expect(said(first)).toEqual(['0.3', '0.4']);
    expect(first.map((event) => event.kind === 'part' && event.part.isIndependent)).toEqual([true, false]);
    const second = parts(1).flatMap((part) => segmenter.push(shifted(1, part)));
    expect(said(second)).toEqual(['1.0', '1.1', '1.2', '1.3', '1.4', 'segment']);
    const part = first[0]?.kind === 'part' ? first[0].part : undefined;
    expect(readFragment(part!.bytes, fakeInit('video', 30000)).decodeTicks).toBe(ORIGIN * 60060 + 3 * 12012);
  });

  test('must begin with an IDR picture, or nothing of the Segment comes (ISO/IEC 23000-19 7.3.2.3)', () => {
    const segmenter = videoSegmenter(grid, MIDDLE, frameTicksOf(grid));
    expect(segmenter.push(videoFragment(grid, 0, 0, 7, false))).toMatchObject([{ reason: 'not-independent' }]);
  });

  test('sound: on the absolute grid of access units, also where a part begins between two samples', () => {
    const offset = audioOffset(grid, MIDDLE.index, MIDDLE.part);
    const segmenter = audioSegmenter(grid, MIDDLE);
    const unit = (n: number) => {
      const fragment = audioFragment(grid, ORIGIN, n);
      return { ...fragment, decodeTicks: offset + n * AUDIO_UNIT };
    };
    const events = Array.from({ length: 60 }, (_, n) => n - 1).flatMap((n) => segmenter.push(unit(n)));
    expect(said(events).slice(0, 4)).toEqual(['dropped', '0.3', '0.4', '1.0']);
    const part = events[1]?.kind === 'part' ? events[1].part : undefined;
    const { decodeTicks } = readFragment(part!.bytes, fakeInit('audio', 48_000));
    expect(decodeTicks).toBe(audioPartStart(grid, ORIGIN, 3));
    expect(part!.durationTicks).toBe(audioPartStart(grid, ORIGIN, 4) - audioPartStart(grid, ORIGIN, 3));
  });
});
