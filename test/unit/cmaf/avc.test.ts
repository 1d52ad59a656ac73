// H.264 that nobody of ours encoded: its samples without what does not belong into them, and its CMAF header.
import { describe, expect, test } from 'vitest';
import { writeAvcHeader } from '../../../src/cmaf/isobmff/avc-header.ts';
import { avcSample, readAvcParameterSets } from '../../../src/cmaf/isobmff/avc-sample.ts';
import { readInit } from '../../../src/cmaf/isobmff/init.ts';

const SPS = Buffer.from('6742c00dda0507ec05a808080a00000300020000030079', 'hex');
const PPS = Buffer.from('68ce3c80', 'hex');
const AVCC = Buffer.concat([
  Buffer.from([1, 0x42, 0xc0, 0x0d, 0xff, 0xe1, 0, SPS.length]),
  SPS,
  Buffer.from([1, 0, PPS.length]),
  PPS,
]);
const IDR = Buffer.from([0x65, 1, 2, 3]);
const SLICE = Buffer.from([0x41, 9]);

const units = (...nals: readonly Buffer[]) =>
  Buffer.concat(nals.map((nal) => Buffer.concat([Buffer.from([0, 0, 0, nal.length]), nal])));
const sets = () => readAvcParameterSets(AVCC) ?? { lengthBytes: 0, sets: [] };

describe('an AVC sample', () => {
  test('ISO/IEC 14496-15 5.4.2.1: parameter sets stand in the sample entry alone and leave the sample', () => {
    const sample = avcSample(units(SPS, PPS, IDR), sets());
    expect(sample.kind === 'ok' && Buffer.concat([...sample.data])).toEqual(units(IDR));
    expect(sample).toMatchObject({ kind: 'ok', hasIdr: true });
  });

  test('filler units leave it, SEI and delimiters stay', () => {
    const [filler, sei, delimiter] = [
      Buffer.from([0x0c, 255, 255, 128]),
      Buffer.from([6, 5, 1, 0, 128]),
      Buffer.from([9, 16]),
    ];
    const sample = avcSample(units(delimiter, sei, SLICE, filler), sets());
    expect(sample.kind === 'ok' && Buffer.concat([...sample.data])).toEqual(units(delimiter, sei, SLICE));
    expect(sample).toMatchObject({ hasIdr: false });
  });

  test('parameter sets that are not those of the header are told', () => {
    const other = Buffer.from(PPS);
    other[2] = 0;
    expect(avcSample(units(other, IDR), sets())).toEqual({ kind: 'other-sets' });
  });

  test.each([
    ['a length beyond its end', Buffer.from([0, 0, 0, 9, 0x65])],
    ['a cut length', Buffer.from([0, 0])],
    ['nothing', Buffer.alloc(0)],
    ['nothing but parameter sets', units(SPS, PPS)],
  ])('%s is malformed', (_, bytes) => {
    expect(avcSample(bytes, sets())).toEqual({ kind: 'malformed' });
  });

  test('a record that is cut anywhere is none', () => {
    for (let length = 0; length < AVCC.length; length++)
      expect(readAvcParameterSets(AVCC.subarray(0, length))).toBeUndefined();
    expect(sets().sets).toEqual([SPS, PPS]);
  });
});

describe('an AVC header', () => {
  const init = readInit(writeAvcHeader({ trackId: 1, timescale: 90_000, width: 320, height: 180, avcC: AVCC }));

  test('ISO/IEC 23000-19 7.3.1: one Track with its size, timescale and codec, and no samples', () => {
    expect(init).toMatchObject({
      trackId: 1,
      kind: 'video',
      timescale: 90_000,
      codec: 'avc1.42c00d',
      language: 'und',
      brands: ['iso6', 'iso6', 'cmfc', 'mp41'],
      width: 320,
      height: 180,
    });
  });

  test('carries the publisher’s record as it came', () => {
    expect(init.bytes.includes(AVCC)).toBe(true);
  });
});
