// Facts read from bytes, box by box; nothing here comes from the packager's own reader or writer.
import { expect, test } from 'vitest';
import { formatOf, readInitFacts, readSegmentFacts } from '../../../src/check/media-facts.ts';

const u32 = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => void bytes.writeInt32BE(value | 0, index * 4));
  return bytes;
};
const box = (type: string, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([u32(body.length + 8), Buffer.from(type, 'latin1'), body]);
};
const full = (type: string, version: number, flags: number, ...parts: readonly Buffer[]): Buffer =>
  box(type, u32((version << 24) | flags), ...parts);

function visualEntry(avcC: string): Buffer {
  const fields = Buffer.alloc(78);
  fields.writeUInt16BE(1280, 24);
  fields.writeUInt16BE(720, 26);
  return box('avc1', fields, box('avcC', Buffer.from(avcC, 'hex')));
}

function audioEntry(config: string): Buffer {
  const specific = Buffer.from(config, 'hex');
  const decoder = Buffer.concat([
    Buffer.from([4, 13 + 2 + specific.length, 0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    Buffer.from([5, specific.length]),
    specific,
  ]);
  const es = Buffer.concat([Buffer.from([3, 0x80, 0x80, 0x80, 3 + decoder.length, 0, 1, 0]), decoder]);
  return box('mp4a', Buffer.alloc(28), full('esds', 0, 0, es));
}

function trak(id: number, handler: string, timescale: number, entry: Buffer, edits: readonly Buffer[] = []): Buffer {
  const stbl = box('stbl', full('stsd', 0, 0, u32(1), entry), full('stsz', 0, 0, u32(0, 0)));
  const hdlr = full('hdlr', 0, 0, u32(0), Buffer.from(handler), Buffer.alloc(13));
  return box(
    'trak',
    full('tkhd', 0, 3, u32(0, 0, id, 0, 0), Buffer.alloc(60)),
    ...edits,
    box('mdia', full('mdhd', 0, 0, u32(0, 0, timescale, 0, 0)), hdlr, box('minf', stbl)),
  );
}

const trex = (id: number, duration: number, flags: number): Buffer =>
  full('trex', 0, 0, u32(id, 1, duration, 0, flags));
const ftyp = box('ftyp', Buffer.from('cmfc'), u32(0), Buffer.from('iso6'), Buffer.from('cmfc'));
const video = trak(1, 'vide', 90000, visualEntry('0164001fffe1'));
const init = Buffer.concat([ftyp, box('moov', video, box('mvex', trex(1, 3600, 0x1010000)))]);

interface TrafOptions {
  readonly time?: number;
  readonly trun: Buffer;
  readonly tfhdFlags?: number;
}

const moof = (...trafs: readonly TrafOptions[]): Buffer =>
  Buffer.concat([
    box(
      'moof',
      full('mfhd', 0, 0, u32(1)),
      ...trafs.map(({ time, trun, tfhdFlags = 0x20000 }) =>
        box(
          'traf',
          full('tfhd', 0, tfhdFlags, u32(1), ...(tfhdFlags & 1 ? [u32(0, 0)] : [])),
          ...(time === undefined ? [] : [full('tfdt', 1, 0, u32(0, time))]),
          trun,
        ),
      ),
    ),
    box('mdat', Buffer.alloc(10)),
  ]);

// first_sample_flags: depends on nothing, sync
const keyed = (samples: number): Buffer => full('trun', 0, 0x5, u32(samples, 0, 0x2000000));
const unkeyed = (samples: number): Buffer => full('trun', 0, 0x1, u32(samples, 0));

test('a header gives brands, track, timescale, codec string and picture size', () => {
  expect(readInitFacts(init)).toEqual({
    kind: 'init',
    brands: ['cmfc', 'iso6', 'cmfc'],
    hasMvex: true,
    hasSamples: false,
    tracks: [
      {
        trackId: 1,
        handler: 'vide',
        timescale: 90000,
        codec: 'avc1.64001f',
        width: 1280,
        height: 720,
        editTicks: 0,
        defaultDuration: 3600,
        defaultFlags: 0x1010000,
      },
    ],
  });
});

test.each([
  ['1190', 'mp4a.40.2'],
  ['2b920800', 'mp4a.40.5'],
  ['f8e85000', 'mp4a.40.39'],
])('AudioSpecificConfig %s is %s (RFC 6381 3.3)', (config, codec) => {
  const bytes = Buffer.concat([
    ftyp,
    box('moov', trak(2, 'soun', 48000, audioEntry(config)), box('mvex', trex(2, 1024, 0))),
  ]);
  expect(readInitFacts(bytes).tracks[0]).toMatchObject({ codec, handler: 'soun' });
});

test('a segment of two fragments has one run with the sum of both', () => {
  const facts = readSegmentFacts(
    Buffer.concat([moof({ time: 180000, trun: keyed(25) }), moof({ time: 270000, trun: unkeyed(25) })]),
    readInitFacts(init),
  );
  expect(facts).toMatchObject({ fragments: 2, mostTrafs: 1, missingTfdt: 0, notMoofRelative: 0, unknownTracks: [] });
  expect(facts.runs).toEqual([
    {
      trackId: 1,
      startTicks: 180000,
      presentationTicks: 180000,
      durationTicks: 180000,
      samples: 50,
      startsWithSync: true,
      worstGapTicks: 0,
      timescale: 90000,
      sampleTicks: 3600,
    },
  ]);
});

test('an overlap of one tick between two fragments is measured', () => {
  const facts = readSegmentFacts(
    Buffer.concat([moof({ time: 180000, trun: keyed(25) }), moof({ time: 269999, trun: unkeyed(25) })]),
    readInitFacts(init),
  );
  expect(facts.runs[0]?.worstGapTicks).toBe(-1);
});

test('a first sample without the sync flag, a missing tfdt, two trafs and a base data offset are facts', () => {
  const read = (bytes: Buffer) => readSegmentFacts(bytes, readInitFacts(init));
  expect(read(moof({ time: 0, trun: unkeyed(5) })).runs[0]?.startsWithSync).toBe(false);
  expect(read(moof({ trun: keyed(5) }))).toMatchObject({ missingTfdt: 1, runs: [{ startTicks: undefined }] });
  expect(read(moof({ time: 0, trun: keyed(5) }, { time: 0, trun: keyed(5) })).mostTrafs).toBe(2);
  expect(read(moof({ time: 0, trun: keyed(5), tfhdFlags: 0x20001 })).notMoofRelative).toBe(1);
});

test('presentation begins at tfdt plus the least composition offset less the edit list (ISO/IEC 14496-12 8.6.6)', () => {
  const edited = trak(1, 'vide', 90000, visualEntry('0164001fffe1'), [
    box('edts', full('elst', 0, 0, u32(2, 100, -1, 0x10000, 0, 7200, 0x10000))),
  ]);
  const header = readInitFacts(Buffer.concat([ftyp, box('moov', edited, box('mvex', trex(1, 3600, 0)))]));
  // durations and signed composition offsets: decode 0, 3600, 7200; composition 7200, 18000, 7200
  const trun = full('trun', 1, 0x901, u32(3, 0, 3600, 7200, 3600, 14400, 3600, 0));
  expect(readSegmentFacts(moof({ time: 90000, trun }), header).runs[0]).toMatchObject({
    startTicks: 90000,
    presentationTicks: 90000,
    durationTicks: 10800,
  });
});

test('a box that does not fit is an error with its offset, however the bytes are cut', () => {
  const bytes = moof({ time: 180000, trun: keyed(25) });
  for (let length = 1; length < bytes.length; length += 1) {
    const cut = bytes.subarray(0, length);
    const endOfMoof = bytes.readUInt32BE(0);
    if (length === endOfMoof) continue;
    expect(() => readSegmentFacts(cut, undefined), `cut at ${length}`).toThrow(/offset|stray/);
  }
  expect(() => readInitFacts(ftyp)).toThrow('there is no moov box');
});

test('other formats are told apart by their first bytes', () => {
  expect(formatOf(init)).toBe('isobmff');
  const ts = Buffer.alloc(376);
  ts[0] = 0x47;
  ts[188] = 0x47;
  expect(formatOf(ts)).toBe('mpeg-ts');
  expect(formatOf(Buffer.from('ID3xxxx'))).toBe('packed-audio');
  expect(formatOf(Buffer.from('WEBVTT\n'))).toBe('text');
  expect(formatOf(Buffer.from('<html>'))).toBe('unknown');
});
