/**
 * Reading inside a box that is wholly there: its children, and its fields in order (ISO/IEC 14496-12 4.2).
 * It never copies payload. Invariant: no read passes the end of the box it belongs to; a field that would
 * is a FormatError that names box and byte.
 */
import { FormatError } from './format-error.ts';

/** Where a box stands in its Buffer: header from `start`, payload from `body` to `end`. */
export interface BoxSpan {
  /** Four-character code as a number: compared thousands of times a second. */
  readonly type: number;
  readonly start: number;
  readonly body: number;
  readonly end: number;
}

/** `'moof'` as the big-endian number it is on the wire. */
export function fourCc(name: string): number {
  return Buffer.from(name, 'latin1').readUInt32BE(0);
}

export function nameOf(type: number): string {
  return String.fromCharCode(type >>> 24, (type >>> 16) & 0xff, (type >>> 8) & 0xff, type & 0xff);
}

/** The box that begins at `at` and must end by `limit`. Throws FormatError. */
export function boxAt(bytes: Buffer, at: number, limit: number): BoxSpan {
  if (limit - at < 8)
    throw new FormatError('CMAF_BOX_TRUNCATED', 'header', at, `${limit - at} bytes left for a box header`);
  const type = bytes.readUInt32BE(at + 4);
  let size = bytes.readUInt32BE(at);
  let body = at + 8;
  if (size === 1) {
    if (limit - at < 16) throw new FormatError('CMAF_BOX_TRUNCATED', nameOf(type), at, 'no room for largesize');
    size = bytes.readUInt32BE(at + 8) * 2 ** 32 + bytes.readUInt32BE(at + 12);
    body = at + 16;
  }
  if (size < body - at)
    throw new FormatError('CMAF_BOX_INVALID', nameOf(type), at, `size ${size} is less than its own header`);
  if (size > limit - at) {
    throw new FormatError(
      'CMAF_BOX_TRUNCATED',
      nameOf(type),
      at,
      `size ${size} reaches past the ${limit - at} bytes there are`,
    );
  }
  return { type, start: at, body, end: at + size };
}

/** All boxes between two offsets, in order; unknown ones included, for the caller to skip. Throws FormatError. */
export function boxesIn(bytes: Buffer, from: number, to: number): BoxSpan[] {
  const boxes: BoxSpan[] = [];
  for (let at = from; at < to; ) {
    const box = boxAt(bytes, at, to);
    boxes.push(box);
    at = box.end;
  }
  return boxes;
}

/** The one child of that type. Throws CMAF_BOX_INVALID when it is missing. */
export function requiredBox(boxes: readonly BoxSpan[], type: number, parent: BoxSpan): BoxSpan {
  const found = boxes.find((box) => box.type === type);
  if (found === undefined) {
    throw new FormatError('CMAF_BOX_INVALID', nameOf(parent.type), parent.start, `has no ${nameOf(type)}`);
  }
  return found;
}

/** A signed 64-bit time as a safe integer. Throws CMAF_BOX_INVALID beyond 2^53. */
export function readSigned64(bytes: Buffer, at: number, box: BoxSpan): number {
  const value = bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
  if (!Number.isSafeInteger(value)) {
    throw new FormatError('CMAF_BOX_INVALID', nameOf(box.type), at, 'the time is beyond 2^53 ticks');
  }
  return value;
}

/** The fields of one box, read in order. Every method throws CMAF_BOX_TRUNCATED at the end of the box. */
export class FieldReader {
  readonly #bytes: Buffer;
  readonly #box: BoxSpan;
  #at: number;

  constructor(bytes: Buffer, box: BoxSpan) {
    this.#bytes = bytes;
    this.#box = box;
    this.#at = box.body;
  }

  get at(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#box.end - this.#at;
  }

  /** Moves past `count` bytes and says where they began. */
  skip(count: number): number {
    if (count > this.remaining) {
      const what = `${count} bytes wanted, ${this.remaining} left`;
      throw new FormatError('CMAF_BOX_TRUNCATED', nameOf(this.#box.type), this.#at, what);
    }
    const from = this.#at;
    this.#at += count;
    return from;
  }

  u8(): number {
    return this.#bytes.readUInt8(this.skip(1));
  }

  u16(): number {
    return this.#bytes.readUInt16BE(this.skip(2));
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.skip(4));
  }

  signed64(): number {
    return readSigned64(this.#bytes, this.skip(8), this.#box);
  }

  take(count: number): Buffer {
    const from = this.skip(count);
    return this.#bytes.subarray(from, from + count);
  }

  /** FullBox: the version byte and 24 bits of flags. */
  versionAndFlags(): { readonly version: number; readonly flags: number } {
    const word = this.u32();
    return { version: word >>> 24, flags: word & 0xffffff };
  }
}
