import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../../src/cmaf/isobmff/format-error.ts';
import { type CmafItem, CmafStreamReader, readCmaf } from '../../../src/cmaf/isobmff/stream.ts';
import {
  ascii,
  audioInit,
  box,
  bytesOf,
  cutAt,
  fragmentBytes,
  ftyp,
  fullBox,
  largeBox,
  NON_SYNC_FLAGS,
  SYNC_FLAGS,
  samplesOf,
  styp,
  u32,
  videoInit,
  zeros,
} from '../../fakes/boxes.ts';

const MIB = 1024 * 1024;

function chunk(index: number, extra: Partial<Parameters<typeof fragmentBytes>[0]> = {}): Buffer {
  return fragmentBytes({
    sequence: index + 1,
    decodeTicks: index * 9000,
    samples: samplesOf([200, 30, 40], { durationTicks: 3000 }),
    defaults: { flags: NON_SYNC_FLAGS },
    firstSampleFlags: SYNC_FLAGS,
    ...extra,
  });
}

function readAll(pieces: readonly Uint8Array[], options = {}): CmafItem[] {
  const reader = new CmafStreamReader(options);
  const items = pieces.flatMap((piece) => reader.push(piece));
  return [...items, ...reader.end()];
}

/** Items as comparable data: bytes by value, errors by their fields. */
function told(items: readonly CmafItem[]): unknown[] {
  return items.map((item) => {
    if (item.kind === 'fault') return { kind: 'fault', code: item.error.code, message: item.error.message };
    return item.kind === 'init'
      ? { ...item.init, bytes: item.init.bytes.toString('hex') }
      : { ...item.fragment, bytes: item.fragment.bytes.toString('hex') };
  });
}

function faultOf(items: readonly CmafItem[]): FormatError {
  const last = items.at(-1);
  if (last?.kind !== 'fault') throw new Error(`no fault, but ${items.map((item) => item.kind).join()}`);
  return last.error;
}

const framing = [
  styp('msdh', 'msix'),
  fullBox('prft', 1, 24, u32(1), zeros(16)),
  fullBox('emsg', 1, 0, zeros(20), ascii('urn:x\0\0')),
  fullBox('sidx', 0, 0, zeros(20)),
  box('free', zeros(77)),
  box('skip'),
  box('uuid', zeros(16), zeros(5)),
  largeBox('abcd', zeros(33)),
];

const whole = bytesOf(
  videoInit(),
  ...framing,
  chunk(0),
  box('free', zeros(9)),
  chunk(1, { largeMdat: true }),
  styp('cmfl'),
  chunk(2, { timeVersion: 0 }),
  chunk(3, { between: box('free', zeros(21)) }),
  chunk(4, { samples: [] }),
  box('mfra', zeros(40)),
);

describe('reading a stream that is cut anywhere', () => {
  const expected = told(readAll([whole]));

  it('gives the header and each chunk once, and drops what only frames them', () => {
    const kinds = readAll([whole]).map((item) => item.kind);
    expect(kinds).toEqual(['init', 'fragment', 'fragment', 'fragment', 'fragment', 'fragment']);
  });

  it('gives the same items one byte at a time', () => {
    expect(told(readAll([...whole].map((byte) => Uint8Array.of(byte))))).toEqual(expected);
  });

  it('gives the same items however the bytes are cut (property)', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length), { maxLength: 40 }), (places) => {
        expect(told(readAll(cutAt(whole, places)))).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('gives the same items and the same fault for damaged bytes, however they are cut (property)', () => {
    const damage = fc.record({ at: fc.nat(whole.length - 1), value: fc.nat(255) });
    fc.assert(
      fc.property(
        fc.array(damage, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(whole.length), { maxLength: 12 }),
        (faults, places) => {
          const damaged = Buffer.from(whole);
          for (const { at, value } of faults) damaged[at] = value;
          expect(told(readAll(cutAt(damaged, places)))).toEqual(told(readAll([damaged])));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('never throws anything for garbage: a fault is an item (property)', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
        for (const lead of [zeros(0), videoInit(), bytesOf(videoInit(), box('moof', garbage))]) {
          expect(readAll([bytesOf(lead, garbage)])).toBeInstanceOf(Array);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('never keeps the bytes of a neighbour: a chunk outlives the received buffer', () => {
    const received = bytesOf(videoInit(), chunk(0));
    const items = readAll([received]);
    const before = told(items);
    received.fill(0xff);
    expect(told(items)).toEqual(before);
  });

  it('keeps moof and mdat contiguous when a box stood between them, and its samples readable', () => {
    const { fragments } = readCmaf(bytesOf(videoInit(), chunk(0, { between: box('free', zeros(21)) })));
    const plain = readCmaf(bytesOf(videoInit(), chunk(0))).fragments[0];
    expect(fragments[0]?.bytes.equals(plain?.bytes ?? zeros(0))).toBe(true);
  });

  it('gives the chunks before a fault in the same push, and nothing after it', () => {
    const reader = new CmafStreamReader();
    const items = reader.push(bytesOf(videoInit(), chunk(0), box('mdat', zeros(4)), chunk(1)));
    expect(items.map((item) => item.kind)).toEqual(['init', 'fragment', 'fault']);
    expect(reader.push(chunk(2))).toEqual([]);
    expect(reader.end()).toEqual([]);
  });
});

describe('headers', () => {
  it('takes media alone when the header is known from an earlier body', () => {
    const { init } = readCmaf(videoInit());
    expect(readAll([chunk(0)], { knownInit: init }).map((item) => item.kind)).toEqual(['fragment']);
    expect(readAll([bytesOf(ftyp(), chunk(0))], { knownInit: init }).map((item) => item.kind)).toEqual(['fragment']);
  });

  it('refuses media before the header as CMAF_NO_HEADER (DASH-IF Live Media Ingest: 412)', () => {
    expect(faultOf(readAll([bytesOf(styp('msdh'), chunk(0))]))).toMatchObject({ code: 'CMAF_NO_HEADER', box: 'moof' });
  });

  it('refuses media of another track_ID than the header as CMAF_NO_HEADER', () => {
    const fault = faultOf(readAll([bytesOf(videoInit({ trackId: 2 }), chunk(0))]));
    expect(fault).toMatchObject({ code: 'CMAF_NO_HEADER', message: expect.stringContaining('track_ID 1') });
  });

  it('reads media after a header sent again by that header', () => {
    const items = readAll([
      bytesOf(videoInit(), chunk(0), audioInit({ trackId: 1 }), chunk(1, { firstSampleFlags: NON_SYNC_FLAGS })),
    ]);
    expect(items.map((item) => item.kind)).toEqual(['init', 'fragment', 'init', 'fragment']);
    expect(items.flatMap((item) => (item.kind === 'fragment' ? item.fragment.isIndependent : []))).toEqual([
      true,
      true,
    ]);
  });

  it('refuses a moov without ftyp', () => {
    const init = videoInit();
    expect(faultOf(readAll([init.subarray(ftyp().length)]))).toMatchObject({
      code: 'CMAF_BOX_INVALID',
      box: 'moov',
      offset: 0,
    });
  });

  it('tells faults in offsets of the stream', () => {
    const lead = bytesOf(box('free', zeros(100)), ftyp(), box('free', zeros(3)));
    expect(faultOf(readAll([bytesOf(lead, box('moov', box('trak')))]))).toMatchObject({
      box: 'moov',
      offset: lead.length,
    });
  });

  it('notices the last segment by brand lmsg', () => {
    const reader = new CmafStreamReader();
    reader.push(bytesOf(videoInit(), styp('msdh', 'cmfs'), chunk(0)));
    expect(reader.sawLastSegment).toBe(false);
    reader.push(bytesOf(styp('msdh', 'lmsg'), chunk(1)));
    expect(reader.sawLastSegment).toBe(true);
  });

  it('readCmaf throws for bytes without a header', () => {
    expect(() => readCmaf(box('free'))).toThrow(FormatError);
  });
});

describe('bounds (ISO/IEC 14496-12 4.2.2)', () => {
  const header = (type: string, ...size: number[]): Buffer => bytesOf(size.slice(0, 4), ascii(type), size.slice(4));
  const large = (type: string, high: number, low: number): Buffer => bytesOf(u32(1), ascii(type), u32(high), u32(low));
  const init = videoInit();
  const moof = chunk(0).subarray(0, chunk(0).readUInt32BE(0));

  it.each([
    ['size 0', header('moof', ...u32(0)), 'CMAF_BOX_INVALID'],
    ['size 2', header('free', ...u32(2)), 'CMAF_BOX_INVALID'],
    ['size 7', header('moof', ...u32(7)), 'CMAF_BOX_INVALID'],
    ['largesize 15', large('moof', 0, 15), 'CMAF_BOX_INVALID'],
    ['largesize 0', large('moof', 0, 0), 'CMAF_BOX_INVALID'],
    ['a moof above 1 MiB', header('moof', ...u32(MIB + 1)), 'CMAF_TOO_LARGE'],
    ['a moov above 1 MiB', header('moov', ...u32(MIB + 1)), 'CMAF_TOO_LARGE'],
    ['an ftyp above 1 MiB', header('ftyp', ...u32(MIB + 1)), 'CMAF_TOO_LARGE'],
    ['an mdat above the limit', bytesOf(moof, header('mdat', ...u32(5001))), 'CMAF_TOO_LARGE'],
    ['an mdat of 2^63 bytes', bytesOf(moof, large('mdat', 0x80000000, 0)), 'CMAF_TOO_LARGE'],
    ['padding above the limit', large('free', 1, 0), 'CMAF_TOO_LARGE'],
    ['an mdat without moof', box('mdat', zeros(4)), 'CMAF_BOX_INVALID'],
    ['two moofs in a row', bytesOf(moof, moof), 'CMAF_BOX_INVALID'],
  ])('refuses %s as soon as its header is there', (_what, bytes, code) => {
    const reader = new CmafStreamReader({ maxMdatBytes: 5000 });
    reader.push(init);
    const fault = faultOf(reader.push(bytes));
    expect(fault.code).toBe(code);
    expect(fault.offset).toBeGreaterThanOrEqual(init.length);
  });

  it('takes an mdat of exactly the limit', () => {
    const bytes = bytesOf(init, chunk(0, { samples: samplesOf([4992], { durationTicks: 1 }) }));
    expect(readAll([bytes], { maxMdatBytes: 5000 }).map((item) => item.kind)).toEqual(['init', 'fragment']);
    expect(faultOf(readAll([bytes], { maxMdatBytes: 4999 })).code).toBe('CMAF_TOO_LARGE');
  });

  it.each([
    ['inside a header', init.subarray(0, 5)],
    ['inside a box', bytesOf(init, chunk(0)).subarray(0, -1)],
    ['inside a skipped box', bytesOf(init, box('free', zeros(8))).subarray(0, -1)],
    ['between moof and mdat', bytesOf(init, moof)],
    ['between ftyp and moov', ftyp()],
  ])('says CMAF_BOX_TRUNCATED when the stream ends %s', (_where, bytes) => {
    expect(faultOf(readAll([bytes])).code).toBe('CMAF_BOX_TRUNCATED');
  });

  it('allocates as bytes arrive, not what a size field claims', () => {
    const reader = new CmafStreamReader({ maxMdatBytes: 1024 * MIB });
    reader.push(init);
    const before = process.memoryUsage().arrayBuffers;
    reader.push(bytesOf(moof, large('mdat', 0, 900 * MIB), zeros(100)));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * MIB);
  });

  it('reads an mdat that grew past its first allocation', () => {
    const bytes = bytesOf(init, chunk(0, { samples: samplesOf([3 * MIB, 17], { durationTicks: 1 }) }));
    const pieces = Array.from({ length: Math.ceil(bytes.length / 60_001) }, (_, i) =>
      bytes.subarray(i * 60_001, (i + 1) * 60_001),
    );
    expect(told(readAll(pieces))).toEqual(told(readAll([bytes])));
  });
});
