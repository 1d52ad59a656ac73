// The journal's file format: what is read back after any damage to its bytes.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readJournal } from '../../../src/window/former-journal.ts';
import { encodeRecord, logHeader, readLog } from '../../../src/window/record-log.ts';

const RECORDS = [
  { k: 'life', incarnation: 'i1', boot: 'b', at: 1 },
  { k: 'begin', gen: 'g', n: 7 },
  { k: 'note', e: { text: 'ü'.repeat(50) } },
  { k: 'begin', gen: 'g', n: 8 },
];
const encoded = RECORDS.map(encodeRecord);
const file = Buffer.concat([logHeader(), ...encoded]);
const endOf = (count: number): number =>
  logHeader().length + encoded.slice(0, count).reduce((sum, { length }) => sum + length, 0);

it('reads back what was written', () => {
  expect(readLog(file)).toEqual({ kind: 'read', records: RECORDS, endByte: file.length, tornBytes: 0 });
});

it('cuts off a tail that was torn at any byte of any record', () => {
  for (let length = logHeader().length; length < file.length; length++) {
    const whole = encoded.findLastIndex((_, index) => endOf(index + 1) <= length) + 1;
    expect(readLog(file.subarray(0, length))).toEqual({
      kind: 'read',
      records: RECORDS.slice(0, whole),
      endByte: endOf(whole),
      tornBytes: length - endOf(whole),
    });
  }
});

it('reads a header that was torn at any byte as an empty journal', () => {
  for (let length = 0; length < logHeader().length; length++)
    expect(readLog(file.subarray(0, length))).toMatchObject({
      kind: 'read',
      records: [],
      endByte: 0,
      tornBytes: length,
    });
});

it('never takes a damaged record for a right one, and calls one in the middle corrupt', () => {
  for (let at = logHeader().length; at < file.length; at++) {
    const damaged = Buffer.from(file);
    damaged.writeUInt8((damaged.readUInt8(at) ^ 0x55) & 0xff, at);
    const reading = readLog(damaged);
    if (at < endOf(RECORDS.length - 1)) expect(reading.kind).toBe('corrupt');
    else expect(reading).toMatchObject({ kind: 'read', records: RECORDS.slice(0, -1), endByte: endOf(3) });
  }
});

it('tells another version and another kind of file by their names', () => {
  const older = Buffer.from(file);
  older.writeUInt32LE(0, 8);
  expect(readJournal(older)).toMatchObject({
    kind: 'unreadable',
    code: 'JOURNAL_VERSION',
    why: expect.stringContaining('version 0'),
  });
  expect(readJournal(Buffer.from('{"not":"a journal"}'))).toMatchObject({
    kind: 'unreadable',
    code: 'JOURNAL_VERSION',
  });
  const newer = Buffer.concat([file, encodeRecord({ k: 'from-the-future' })]);
  expect(readJournal(newer)).toMatchObject({ kind: 'unreadable', code: 'JOURNAL_VERSION' });
});

it('property: any bytes read as something, and never as more than there is', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
      const reading = readLog(Buffer.concat([file, tail]));
      if (reading.kind === 'read') expect(reading.endByte + reading.tornBytes).toBe(file.length + tail.length);
    }),
  );
});
