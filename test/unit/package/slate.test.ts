import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readFragment, sampleData } from '../../../src/cmaf/isobmff/fragment.ts';
import { AUDIO_UNIT, audioStart, makeGrid, videoStartTicks } from '../../../src/package/grid.ts';
import { makeSlate, type Slate, type SlateInput } from '../../../src/package/slate.ts';
import { STANDARD_FRAME_RATES } from '../../../src/system/frame-rate.ts';
import { audioFragment, fakeInit, frameTicksOf, videoFragment } from '../../fakes/media.ts';

const grid = makeGrid({ num: 30, den: 1 }, 2);

function inputs(of = grid): { video: SlateInput; audio: SlateInput } {
  return {
    video: {
      id: 'v1',
      init: fakeInit('video', of.videoTimescale),
      frameTicks: frameTicksOf(of),
      fragments: Array.from({ length: of.partsPerSegment }, (_, part) => videoFragment(of, 0, part)),
    },
    audio: {
      id: 'a1',
      init: fakeInit('audio', 48_000),
      frameTicks: undefined,
      fragments: Array.from({ length: 47 }, (_, unit) => audioFragment(of, 0, unit)),
    },
  };
}

function slateOf(of = grid): Slate {
  const { video, audio } = inputs(of);
  const result = makeSlate(of, [video, audio]);
  if (result.kind === 'bad') throw new Error(result.reason);
  return result.slate;
}

const reasonOf = (input: SlateInput) => {
  const result = makeSlate(grid, [input]);
  return result.kind === 'bad' ? result.reason : 'ok';
};

describe('slate', () => {
  test.each(STANDARD_FRAME_RATES.map((rate) => [`${rate.num}/${rate.den}`, rate] as const))(
    'property: at %s it is a pure function of the index, exactly as long as the index, in every Track',
    (_, rate) => {
      const of = makeGrid(rate, 2);
      const [slate, other] = [slateOf(of), slateOf(of)];
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 1_800_000_000 }), (index) => {
          for (const track of ['v1', 'a1']) {
            const segment = slate.segment(track, index);
            const isVideo = track === 'v1';
            const start = isVideo ? videoStartTicks(of, index) : audioStart(of, index);
            const end = isVideo ? videoStartTicks(of, index + 1) : audioStart(of, index + 1);
            expect(segment).toMatchObject({ index, startTicks: start, durationTicks: end - start, source: 'slate' });
            expect(segment.parts.reduce((sum, part) => sum + part.durationTicks, 0)).toBe(end - start);
            expect(segment.parts).toHaveLength(of.partsPerSegment);
            expect(other.segment(track, index)).toEqual(segment);
            const init = fakeInit(isVideo ? 'video' : 'audio', segment.timescale);
            expect(readFragment(segment.parts[0]!.bytes, init).decodeTicks).toBe(start);
          }
        }),
        { numRuns: 15 },
      );
    },
  );

  test('its silence is the middle access unit again and again: by then the encoder has settled', () => {
    const [part] = slateOf().segment('a1', 897_645_600).parts;
    const units = sampleData(readFragment(part!.bytes, fakeInit('audio', 48_000)));
    expect(units.length).toBe(part!.durationTicks / AUDIO_UNIT);
    for (const unit of units) expect(unit).toEqual(Buffer.from([1, 2, 23]));
  });

  test('what the encoder posted beyond one Segment or before its zero is left out', () => {
    const { video } = inputs();
    const more = [videoFragment(grid, -1, 4), ...video.fragments, videoFragment(grid, 1, 0)];
    const result = makeSlate(grid, [{ ...video, fragments: more }]);
    if (result.kind === 'bad') throw new Error(result.reason);
    expect(result.slate.segment('v1', 5)).toEqual(slateOf().segment('v1', 5));
  });

  test('is refused when its loop is not one whole Segment, with the reason and Track', () => {
    const { video } = inputs();
    expect(reasonOf({ ...video, fragments: video.fragments.slice(0, 4) })).toBe(
      'track v1: the slate is not one whole Segment',
    );
    expect(reasonOf({ ...video, fragments: video.fragments.slice(1) })).toBe(
      'track v1: the slate is not one whole Segment (mid-segment at 36000)',
    );
    expect(reasonOf({ ...video, fragments: [] })).toContain('not one whole Segment');
  });

  test('is refused without an access unit, or with another audio timescale', () => {
    const { audio } = inputs();
    expect(reasonOf({ ...audio, fragments: [] })).toBe('track a1: no audio access unit came');
    expect(reasonOf({ ...audio, init: fakeInit('audio', 44_100) })).toBe(
      'track a1: audio timescale 44100, expected 48000',
    );
  });

  test('has no Tracks but its own', () => {
    expect([...slateOf().inits.keys()]).toEqual(['v1', 'a1']);
    expect(() => slateOf().segment('v9', 1)).toThrow(/no slate for track v9/);
  });
});
