import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readFragment, sampleData } from '../../../src/cmaf/isobmff/fragment.ts';
import type { Sample } from '../../../src/cmaf/isobmff/model.ts';
import { restampFragment, writeFragment } from '../../../src/cmaf/isobmff/writer.ts';
import {
  bytesOf,
  type FragmentOptions,
  fragmentBytes,
  fullBox,
  NON_SYNC_FLAGS,
  SYNC_FLAGS,
  s64,
  samplesOf,
  u32,
} from '../../fakes/boxes.ts';

const init = { kind: 'video', defaults: { durationTicks: 0, sizeBytes: 0, flags: 0 } } as const;

function received(options: Partial<FragmentOptions> = {}) {
  const samples = samplesOf([50, 7], { durationTicks: 3000, compositionOffsetTicks: -1500 });
  return readFragment(fragmentBytes({ decodeTicks: 12_345, sequence: 4, samples, ...options }), init);
}

describe('restamping a chunk', () => {
  it('changes tfdt and mfhd and no other byte', () => {
    const original = received();
    const copy = restampFragment(original, { decodeTicks: 160_650_123_456_789, sequence: 77 });
    const again = readFragment(copy, init);
    expect(again).toMatchObject({ decodeTicks: 160_650_123_456_789, sequence: 77, samples: original.samples });
    expect(restampFragment(again, { decodeTicks: 12_345, sequence: 4 }).equals(original.bytes)).toBe(true);
  });

  it('leaves its input as it was', () => {
    const original = received();
    const before = Buffer.from(original.bytes);
    restampFragment(original, { decodeTicks: 1, sequence: 1 });
    expect(original.bytes.equals(before)).toBe(true);
  });

  it('writes a negative time', () => {
    expect(readFragment(restampFragment(received(), { decodeTicks: -1024, sequence: 1 }), init).decodeTicks).toBe(
      -1024,
    );
  });

  it('takes the mfhd number modulo 2^32', () => {
    expect(readFragment(restampFragment(received(), { decodeTicks: 0, sequence: 2 ** 32 + 5 }), init).sequence).toBe(5);
  });

  it('refuses a time that is no safe integer', () => {
    expect(() => restampFragment(received(), { decodeTicks: 2 ** 53, sequence: 1 })).toThrow(RangeError);
  });

  it.each([false, true])('a 32-bit tfdt grows to 64 bits and data_offset follows (64-bit mdat: %s)', (largeMdat) => {
    const short = received({ timeVersion: 0, largeMdat });
    const again = readFragment(restampFragment(short, { decodeTicks: 160_650_123_456_789, sequence: 9 }), init);
    expect(again).toMatchObject({
      timeIs64Bit: true,
      decodeTicks: 160_650_123_456_789,
      sequence: 9,
      samples: short.samples,
    });
    expect(again.bytes.length).toBe(short.bytes.length + 4);
    expect(sampleData(again)).toEqual(sampleData(short));
  });

  it.each([0, 1])('a growing tfdt moves the saio offsets behind it and not those before it (version %i)', (version) => {
    const entry = (offset: number) => (version === 0 ? u32(offset) : s64(offset));
    const saio = fullBox('saio', version, 1, Buffer.from('cenc'), u32(0), u32(2), entry(150), entry(10));
    const short = received({ timeVersion: 0, afterRun: saio });
    const grown = restampFragment(short, { decodeTicks: 1, sequence: 9 });
    const at = grown.indexOf('saio') + 4 + 4 + 8 + 4;
    const offsets =
      version === 0
        ? [grown.readUInt32BE(at), grown.readUInt32BE(at + 4)]
        : [grown.readUInt32BE(at + 4), grown.readUInt32BE(at + 12)];
    expect(offsets).toEqual([154, 10]);
  });
});

const anySample = fc.record({
  durationTicks: fc.nat(100_000),
  sizeBytes: fc.nat(60),
  flags: fc.constantFrom(SYNC_FLAGS, NON_SYNC_FLAGS, 0),
  compositionOffsetTicks: fc.constantFrom(0, 3000, -3000),
});

function dataOf(samples: readonly Sample[]): Buffer[] {
  return samples.map((sample, index) => Buffer.alloc(sample.sizeBytes, index + 1));
}

describe('writing a chunk', () => {
  it('is read back as it was given (property)', () => {
    fc.assert(
      fc.property(
        fc.array(anySample, { maxLength: 12 }),
        fc.maxSafeInteger(),
        fc.nat(2 ** 32 - 1),
        (samples, decodeTicks, sequence) => {
          const data = dataOf(samples);
          const fragment = readFragment(writeFragment({ trackId: 3, sequence, decodeTicks, samples, data }), init);
          expect(fragment).toMatchObject({ trackId: 3, sequence, decodeTicks, samples });
          expect(Buffer.concat(sampleData(fragment)).equals(Buffer.concat(data))).toBe(true);
        },
      ),
    );
  });

  it('sets default-base-is-moof, tfdt version 1 and trun version 1 (ISO/IEC 23000-19 7.5)', () => {
    const bytes = writeFragment({ trackId: 1, sequence: 1, decodeTicks: 0, samples: [], data: [] });
    expect(bytes.readUInt32BE(bytes.indexOf('tfhd') + 4)).toBe(0x0002_0000);
    expect(bytes[bytes.indexOf('tfdt') + 4]).toBe(1);
    expect(bytes[bytes.indexOf('trun') + 4]).toBe(1);
  });

  it('says once what all samples share: eighteen access units cost four bytes each', () => {
    const audio: Sample[] = Array.from({ length: 18 }, () => ({
      durationTicks: 1024,
      sizeBytes: 300,
      flags: SYNC_FLAGS,
      compositionOffsetTicks: 0,
    }));
    const bytes = writeFragment({ trackId: 1, sequence: 1, decodeTicks: 0, samples: audio, data: dataOf(audio) });
    expect(bytes.readUInt32BE(0)).toBe(8 + 16 + 8 + 24 + 20 + 20 + 18 * 4);
  });

  it('says a key frame by first_sample_flags', () => {
    const picture = (flags: number): Sample => ({
      durationTicks: 3000,
      sizeBytes: 1,
      flags,
      compositionOffsetTicks: 0,
    });
    const samples = [picture(SYNC_FLAGS), picture(NON_SYNC_FLAGS), picture(NON_SYNC_FLAGS)];
    const bytes = writeFragment({ trackId: 1, sequence: 1, decodeTicks: 0, samples, data: dataOf(samples) });
    expect(bytes.readUInt32BE(bytes.indexOf('trun') + 4)).toBe(0x0100_0205);
  });

  it('an empty chunk is a whole chunk with an empty mdat', () => {
    const bytes = writeFragment({ trackId: 1, sequence: 1, decodeTicks: 9, samples: [], data: [] });
    expect(readFragment(bytes, init)).toMatchObject({ decodeTicks: 9, samples: [] });
    expect(bytes.subarray(-8)).toEqual(bytesOf(u32(8), Buffer.from('mdat')));
  });

  it('gathers one-unit chunks into one, the media untouched', () => {
    const units = [0, 1, 2].map((index) =>
      received({ decodeTicks: index * 1024, samples: samplesOf([20 + index], { durationTicks: 1024 }) }),
    );
    const bytes = writeFragment({
      trackId: 1,
      sequence: 1,
      decodeTicks: 0,
      samples: units.flatMap((unit) => unit.samples),
      data: units.flatMap((unit) => sampleData(unit)),
    });
    const gathered = readFragment(bytes, init);
    expect(gathered.durationTicks).toBe(3 * 1024);
    expect(sampleData(gathered)).toEqual(units.flatMap((unit) => sampleData(unit)));
  });

  it('refuses data that is not the samples', () => {
    expect(() =>
      writeFragment({ trackId: 1, sequence: 1, decodeTicks: 0, samples: [], data: [Buffer.alloc(1)] }),
    ).toThrow(RangeError);
  });
});
