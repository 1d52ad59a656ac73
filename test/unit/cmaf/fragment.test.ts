import { describe, expect, it } from 'vitest';
import { MAX_SAMPLES, readFragment, sampleData } from '../../../src/cmaf/isobmff/fragment.ts';
import type { SampleDefaults } from '../../../src/cmaf/isobmff/model.ts';
import {
  box,
  bytesOf,
  type FragmentOptions,
  fragmentBytes,
  fullBox,
  NON_SYNC_FLAGS,
  SYNC_FLAGS,
  s64,
  samplesOf,
  u32,
  zeros,
} from '../../fakes/boxes.ts';

const NO_DEFAULTS: SampleDefaults = { durationTicks: 0, sizeBytes: 0, flags: 0 };

function read(options: Partial<FragmentOptions>, kind: 'video' | 'audio' = 'video', defaults = NO_DEFAULTS) {
  return readFragment(fragmentBytes({ decodeTicks: 0, samples: samplesOf([10, 20]), ...options }), { kind, defaults });
}

/** A moof around a traf of these boxes, with a small mdat. */
function chunkOf(...inTraf: readonly Buffer[]): Buffer {
  const moof = box('moof', fullBox('mfhd', 0, 0, u32(1)), box('traf', ...inTraf));
  return bytesOf(moof, box('mdat', zeros(100)));
}

const tfhd = fullBox('tfhd', 0, 0x20000, u32(1));
const tfdt = fullBox('tfdt', 1, 0, s64(0));
const init = { kind: 'video', defaults: NO_DEFAULTS } as const;

describe('tfdt (ISO/IEC 14496-12 8.8.12)', () => {
  it('version 1 is read as signed: the AAC priming of ffmpeg, 2^64 - 1024, is -1024', () => {
    expect(read({ decodeTicks: -1024 }).decodeTicks).toBe(-1024);
  });

  it('version 1 carries UTC at 90 kHz exactly', () => {
    expect(read({ decodeTicks: 160_650_123_456_789 }).decodeTicks).toBe(160_650_123_456_789);
  });

  it('version 0 is unsigned', () => {
    expect(read({ decodeTicks: 0xfffffffe, timeVersion: 0 })).toMatchObject({
      decodeTicks: 0xfffffffe,
      timeIs64Bit: false,
    });
  });

  it('a time beyond 2^53 is refused, not rounded', () => {
    expect(() => read({ decodeTicks: 2n ** 53n })).toThrow(
      expect.objectContaining({ code: 'CMAF_BOX_INVALID', box: 'tfdt' }),
    );
  });
});

describe('where a sample gets its fields (ISO/IEC 14496-12 8.8.8)', () => {
  const trex = { durationTicks: 512, sizeBytes: 10, flags: NON_SYNC_FLAGS };

  it('trun goes before tfhd', () => {
    const samples = samplesOf([10, 20], { durationTicks: 7, flags: 9 });
    expect(read({ samples, defaults: { durationTicks: 1, flags: 2 } }, 'video', trex).samples[1]).toEqual({
      durationTicks: 7,
      sizeBytes: 20,
      flags: 9,
      compositionOffsetTicks: 0,
    });
  });

  it('tfhd goes before trex', () => {
    const fragment = read(
      { defaults: { durationTicks: 1, sizeBytes: 15, flags: 2 }, writesSizes: false },
      'video',
      trex,
    );
    expect(fragment.samples[0]).toEqual({ durationTicks: 1, sizeBytes: 15, flags: 2, compositionOffsetTicks: 0 });
  });

  it('trex fills what nobody else says', () => {
    const fragment = read({ samples: samplesOf([10, 10, 10]), writesSizes: false }, 'video', trex);
    expect(fragment.samples[2]).toEqual({ ...trex, compositionOffsetTicks: 0 });
    expect(fragment.durationTicks).toBe(3 * 512);
  });

  it('first_sample_flags hold for the first sample only', () => {
    const fragment = read({ firstSampleFlags: SYNC_FLAGS }, 'video', trex);
    expect(fragment.samples.map((sample) => sample.flags)).toEqual([SYNC_FLAGS, NON_SYNC_FLAGS]);
  });

  it('composition offsets are signed in version 1 and unsigned in version 0', () => {
    const samples = samplesOf([4], { compositionOffsetTicks: -3000 });
    expect(read({ samples }).samples[0]?.compositionOffsetTicks).toBe(-3000);
    expect(read({ samples, runVersion: 0 }).samples[0]?.compositionOffsetTicks).toBe(2 ** 32 - 3000);
  });
});

describe('independence', () => {
  it.each([
    ['a sync sample that depends on nothing', SYNC_FLAGS, true],
    ['a sync sample that does not say (depends_on 0)', 0, true],
    ['a sync sample that depends on others', 0x0100_0000, false],
    ['a non-sync sample', NON_SYNC_FLAGS, false],
    ['a non-sync sample without dependencies', 0x0201_0000, false],
  ])('of video: %s', (_what, flags, isIndependent) => {
    expect(read({ firstSampleFlags: flags }).isIndependent).toBe(isIndependent);
  });

  it('of audio: always', () => {
    expect(read({ firstSampleFlags: NON_SYNC_FLAGS }, 'audio').isIndependent).toBe(true);
  });

  it('of nothing: a chunk without samples starts nothing', () => {
    expect(read({ samples: [] })).toMatchObject({ samples: [], durationTicks: 0, isIndependent: false });
  });
});

describe('the media of a chunk', () => {
  it('sampleData gives each sample, as a view', () => {
    const fragment = read({ samples: samplesOf([3, 0, 2]) });
    expect(sampleData(fragment).map((data) => [...data])).toEqual([[1, 1, 1], [], [3, 3]]);
    expect(sampleData(fragment)[0]?.buffer).toBe(fragment.bytes.buffer);
  });

  it('begins after a 64-bit mdat header when there is one', () => {
    const fragment = read({ largeMdat: true });
    expect([...fragment.bytes.subarray(fragment.dataOffset, fragment.dataOffset + 2)]).toEqual([1, 1]);
  });

  it('may be in several runs that follow each other', () => {
    const run = (offset: number | undefined, sizes: readonly number[]): Buffer =>
      fullBox(
        'trun',
        0,
        offset === undefined ? 0x200 : 0x201,
        u32(sizes.length),
        offset === undefined ? [] : u32(offset),
        ...sizes.map(u32),
      );
    const moofBytes = chunkOf(tfhd, tfdt, run(0, [60]), run(undefined, [30])).readUInt32BE(0);
    const fragment = readFragment(chunkOf(tfhd, tfdt, run(moofBytes + 8, [60]), run(undefined, [30])), init);
    expect(fragment.samples.map((sample) => sample.sizeBytes)).toEqual([60, 30]);
    const holes = () => readFragment(chunkOf(tfhd, tfdt, run(200, [10]), run(215, [10])), init);
    expect(holes).toThrow(expect.objectContaining({ code: 'CMAF_UNSUPPORTED', box: 'trun' }));
  });
});

describe('what CMAF forbids (ISO/IEC 23000-19 7.3.2, 7.5)', () => {
  const run = fullBox('trun', 0, 1, u32(0), u32(0));
  const refusal = (bytes: Buffer) => {
    try {
      readFragment(bytes, init);
    } catch (error) {
      return error;
    }
    return undefined;
  };

  it.each([
    [
      'two trafs',
      bytesOf(
        box('moof', fullBox('mfhd', 0, 0, u32(1)), box('traf', tfhd, tfdt, run), box('traf', tfhd, tfdt, run)),
        box('mdat'),
      ),
      'CMAF_UNSUPPORTED',
      'moof',
    ],
    ['no traf', bytesOf(box('moof', fullBox('mfhd', 0, 0, u32(1))), box('mdat')), 'CMAF_BOX_INVALID', 'moof'],
    ['no mfhd', bytesOf(box('moof', box('traf', tfhd, tfdt, run)), box('mdat')), 'CMAF_BOX_INVALID', 'moof'],
    ['no tfdt', chunkOf(tfhd, run), 'CMAF_BOX_INVALID', 'traf'],
    ['no tfhd', chunkOf(tfdt, run), 'CMAF_BOX_INVALID', 'traf'],
    ['base_data_offset', chunkOf(fullBox('tfhd', 0, 1, u32(1), s64(0)), tfdt, run), 'CMAF_UNSUPPORTED', 'tfhd'],
    ['a second sample entry', chunkOf(fullBox('tfhd', 0, 2, u32(1), u32(2)), tfdt, run), 'CMAF_UNSUPPORTED', 'tfhd'],
    ['a run without data_offset', chunkOf(tfhd, tfdt, fullBox('trun', 0, 0, u32(0))), 'CMAF_BOX_INVALID', 'trun'],
    [
      'samples before the mdat',
      chunkOf(tfhd, tfdt, fullBox('trun', 0, 0x201, u32(1), u32(0), u32(4))),
      'CMAF_BOX_INVALID',
      'trun',
    ],
    [
      'samples past the mdat',
      chunkOf(tfhd, tfdt, fullBox('trun', 0, 0x201, u32(1), u32(100), u32(9999))),
      'CMAF_BOX_INVALID',
      'trun',
    ],
    [
      'more entries than the trun has room for',
      chunkOf(tfhd, tfdt, fullBox('trun', 0, 0x201, u32(3), u32(100), u32(1))),
      'CMAF_BOX_TRUNCATED',
      'trun',
    ],
    [
      'millions of samples made of defaults',
      chunkOf(tfhd, tfdt, fullBox('trun', 0, 1, u32(MAX_SAMPLES + 1), u32(100))),
      'CMAF_TOO_LARGE',
      'trun',
    ],
    [
      'a tfdt too short for its version',
      chunkOf(tfhd, fullBox('tfdt', 1, 0, u32(0)), run),
      'CMAF_BOX_TRUNCATED',
      'tfdt',
    ],
    [
      'a child that reaches past its parent',
      chunkOf(tfhd, tfdt, bytesOf(u32(500), Buffer.from('free'))),
      'CMAF_BOX_TRUNCATED',
      'free',
    ],
    ['bytes after the mdat', bytesOf(chunkOf(tfhd, tfdt, run), box('free')), 'CMAF_BOX_INVALID', 'mdat'],
    ['no moof at all', box('free', zeros(8)), 'CMAF_BOX_INVALID', 'free'],
  ])('refuses %s', (_what, bytes, code, at) => {
    expect(refusal(bytes)).toMatchObject({ name: 'FormatError', code, box: at, offset: expect.any(Number) });
  });

  it('skips boxes it does not know', () => {
    const run1 = fullBox('trun', 0, 0x201, u32(1), u32(200), u32(4));
    const moof = chunkOf(tfhd, box('free', zeros(9)), tfdt, box('uuid', zeros(20)), run1, box('sgpd', zeros(4)));
    expect(readFragment(moof, init).samples).toHaveLength(1);
  });
});
