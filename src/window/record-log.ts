/**
 * The journal file's format, version 1; pure. A header of 16 bytes: `PITCHSJL`, version (u32), CRC-32 of those 12 bytes. Then records:
 * length of the payload (u32), CRC-32 of that length and the payload (u32), the payload: JSON in UTF-8. All numbers little-endian.
 * What a record means stands in window-record.ts. Invariant: a reading has only records whose checksum is right, in the order they
 * were written, and says whether anything after them was cut off.
 */
import { crc32 } from 'node:zlib';

const VERSION = 1;
const MAGIC = Buffer.from('PITCHSJL', 'latin1');
const HEADER_BYTES = 16;
const FRAME_BYTES = 8;
/** Larger than any record; a length above it is no length. */
const MAX_PAYLOAD_BYTES = 16 * 1024 * 1024;

export type LogReading =
  | {
      readonly kind: 'read';
      readonly records: readonly unknown[];
      /** Where the last right record ends. */
      readonly endByte: number;
      /** What follows it is one record that was not written to its end; 0: nothing does. */
      readonly tornBytes: number;
    }
  /** No journal of this version. */
  | { readonly kind: 'foreign'; readonly why: string }
  /** A right record follows a wrong one: what was noted in between is not known. */
  | { readonly kind: 'corrupt'; readonly why: string };

/** What a new file begins with. */
export function logHeader(): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32LE(VERSION, 8);
  header.writeUInt32LE(crc32(header.subarray(0, 12)), 12);
  return header;
}

export function encodeRecord(record: unknown): Buffer {
  const payload = JSON.stringify(record);
  const bytes = Buffer.allocUnsafe(FRAME_BYTES + Buffer.byteLength(payload));
  bytes.writeUInt32LE(bytes.length - FRAME_BYTES, 0);
  bytes.write(payload, FRAME_BYTES);
  bytes.writeUInt32LE(checksum(bytes, 0, bytes.length), 4);
  return bytes;
}

/** Of the frame's length and its payload, as if the checksum between them were not there. */
function checksum(bytes: Buffer, start: number, end: number): number {
  return crc32(bytes.subarray(start + FRAME_BYTES, end), crc32(bytes.subarray(start, start + 4)));
}

/** Where the record at this byte ends, if it is a right one. */
function endOfRecord(bytes: Buffer, start: number): number | undefined {
  if (start + FRAME_BYTES > bytes.length) return undefined;
  const length = bytes.readUInt32LE(start);
  const end = start + FRAME_BYTES + length;
  if (length === 0 || length > MAX_PAYLOAD_BYTES || end > bytes.length) return undefined;
  return bytes.readUInt32LE(start + 4) === checksum(bytes, start, end) ? end : undefined;
}

/** A file that is shorter than its header was never used: it reads as empty and torn. */
export function readLog(bytes: Buffer): LogReading {
  const header = logHeader();
  if (bytes.length < HEADER_BYTES && header.subarray(0, bytes.length).equals(bytes))
    return { kind: 'read', records: [], endByte: 0, tornBytes: bytes.length };
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC))
    return { kind: 'foreign', why: 'it is no journal of this program' };
  if (!bytes.subarray(0, HEADER_BYTES).equals(header))
    return { kind: 'foreign', why: `its format is version ${bytes.readUInt32LE(8)}, this program writes ${VERSION}` };
  const records: unknown[] = [];
  let at = HEADER_BYTES;
  for (let end = endOfRecord(bytes, at); end !== undefined; end = endOfRecord(bytes, at)) {
    const record = parsed(bytes.toString('utf8', at + FRAME_BYTES, end));
    if (record === undefined) return { kind: 'corrupt', why: `the record at byte ${at} is no JSON` };
    records.push(record);
    at = end;
  }
  const later = rightRecordAfter(bytes, at);
  if (later !== undefined)
    return { kind: 'corrupt', why: `the record at byte ${at} is damaged, the one at ${later} is not` };
  return { kind: 'read', records, endByte: at, tornBytes: bytes.length - at };
}

/** Only looked for when something is wrong: a damaged length says nothing about where the next record begins. */
function rightRecordAfter(bytes: Buffer, wrong: number): number | undefined {
  for (let at = wrong + 1; at + FRAME_BYTES < bytes.length; at++) {
    // JSON of a record is an object: a cheap filter before the checksum.
    if (bytes[at + FRAME_BYTES] === 0x7b && endOfRecord(bytes, at) !== undefined) return at;
  }
  return undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
