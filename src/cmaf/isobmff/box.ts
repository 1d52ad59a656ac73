/**
 * The box scanner: bytes cut anywhere in, whole top-level boxes out (ISO/IEC 14496-12 4.2).
 * It never looks inside a box and never keeps a received chunk: each kept byte is copied once, into its box.
 * Invariant: memory is bounded by the bytes received so far, by twice that while a box grows, and by the plan's limits,
 * never by what a size field claims.
 */
import { FormatError } from './format-error.ts';

/** What to do with a box, decided when its header is known. `lead` is put before the box, into the same Buffer. */
export type BoxPlan = 'skip' | { readonly maxBytes: number; readonly lead?: Buffer };

export interface BoxHandler {
  /** May throw a FormatError to refuse the box. `offset` counts from the first byte of the stream. */
  plan(type: string, offset: number, sizeBytes: number): BoxPlan;
  /** A whole kept box: the lead and the box with its header, as received. */
  box(type: string, offset: number, bytes: Buffer): void;
}

interface OpenBox {
  readonly type: string;
  readonly offset: number;
  readonly endsAt: number;
  remaining: number;
  /** Undefined while skipping. */
  bytes: Buffer | undefined;
  filled: number;
  /** Length of lead and box together. */
  readonly wanted: number;
}

const COMPACT_HEADER_BYTES = 8;
const LARGE_HEADER_BYTES = 16;
/** Above this a box is not allocated whole on the word of its size field: it doubles as bytes arrive. */
const FIRST_ALLOCATION_BYTES = 1024 * 1024;

export class BoxScanner {
  readonly #handler: BoxHandler;
  readonly #maxSkippedBytes: number;
  readonly #header = Buffer.alloc(LARGE_HEADER_BYTES);
  #headerFilled = 0;
  #offset = 0;
  #open: OpenBox | undefined;

  /** Skipped boxes above `maxSkippedBytes` are refused: a stream that is all padding is no stream. */
  constructor(handler: BoxHandler, maxSkippedBytes: number) {
    this.#handler = handler;
    this.#maxSkippedBytes = maxSkippedBytes;
  }

  /** Throws FormatError; the scanner is of no use afterwards. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      at += this.#open === undefined ? this.#takeHeader(bytes, at) : this.#takeBody(this.#open, bytes, at);
    }
  }

  /** Throws CMAF_BOX_TRUNCATED when the stream ends inside a box. */
  end(): void {
    if (this.#open !== undefined) {
      const { type, offset, remaining } = this.#open;
      throw new FormatError(
        'CMAF_BOX_TRUNCATED',
        type,
        offset,
        `the stream ends ${remaining} bytes before the box does`,
      );
    }
    if (this.#headerFilled > 0) {
      throw new FormatError('CMAF_BOX_TRUNCATED', 'header', this.#offset, 'the stream ends inside a box header');
    }
  }

  #takeHeader(bytes: Uint8Array, at: number): number {
    const wanted = this.#headerFilled < COMPACT_HEADER_BYTES ? COMPACT_HEADER_BYTES : LARGE_HEADER_BYTES;
    const taken = Math.min(wanted - this.#headerFilled, bytes.length - at);
    this.#header.set(bytes.subarray(at, at + taken), this.#headerFilled);
    this.#headerFilled += taken;
    if (this.#headerFilled === COMPACT_HEADER_BYTES) {
      const size = this.#header.readUInt32BE(0);
      // 4.2.2: size 1 means that largesize follows.
      if (size !== 1) this.#begin(size, COMPACT_HEADER_BYTES);
    } else if (this.#headerFilled === LARGE_HEADER_BYTES) {
      const size = this.#header.readUInt32BE(8) * 2 ** 32 + this.#header.readUInt32BE(12);
      this.#begin(size, LARGE_HEADER_BYTES);
    }
    return taken;
  }

  #begin(size: number, headerBytes: number): void {
    const type = this.#header.toString('latin1', 4, 8);
    const offset = this.#offset;
    if (size === 0 && headerBytes === COMPACT_HEADER_BYTES) {
      // 4.2.2: size 0 is a box that reaches the end of the file; a live stream has no such end.
      throw new FormatError(
        'CMAF_BOX_INVALID',
        type,
        offset,
        'size 0 (to the end of the file) has no meaning in a stream',
      );
    }
    if (size < headerBytes) {
      throw new FormatError('CMAF_BOX_INVALID', type, offset, `size ${size} is less than its own header`);
    }
    const plan = this.#handler.plan(type, offset, size);
    const maxBytes = plan === 'skip' ? this.#maxSkippedBytes : plan.maxBytes;
    if (size > maxBytes) {
      throw new FormatError('CMAF_TOO_LARGE', type, offset, `${size} bytes, at most ${maxBytes} are taken`);
    }
    const lead = plan === 'skip' ? undefined : plan.lead;
    const wanted = (lead?.length ?? 0) + size;
    const open: OpenBox = {
      type,
      offset,
      endsAt: offset + size,
      remaining: size - headerBytes,
      bytes: undefined,
      filled: 0,
      wanted,
    };
    if (plan !== 'skip') {
      open.bytes = Buffer.allocUnsafe(Math.min(wanted, (lead?.length ?? 0) + FIRST_ALLOCATION_BYTES));
      if (lead !== undefined) open.filled += lead.copy(open.bytes);
      open.filled += this.#header.copy(open.bytes, open.filled, 0, headerBytes);
    }
    this.#headerFilled = 0;
    this.#open = open;
    if (open.remaining === 0) this.#finish(open);
  }

  #takeBody(open: OpenBox, bytes: Uint8Array, at: number): number {
    const taken = Math.min(open.remaining, bytes.length - at);
    if (open.bytes !== undefined) {
      if (open.filled + taken > open.bytes.length) open.bytes = grown(open.bytes, open.filled, taken, open.wanted);
      open.bytes.set(bytes.subarray(at, at + taken), open.filled);
      open.filled += taken;
    }
    open.remaining -= taken;
    if (open.remaining === 0) this.#finish(open);
    return taken;
  }

  #finish(open: OpenBox): void {
    this.#open = undefined;
    this.#offset = open.endsAt;
    if (open.bytes !== undefined) this.#handler.box(open.type, open.offset, open.bytes);
  }
}

/** Doubling keeps the copying linear in the bytes received. */
function grown(bytes: Buffer, filled: number, more: number, wanted: number): Buffer {
  const larger = Buffer.allocUnsafe(Math.min(wanted, Math.max(bytes.length * 2, filled + more)));
  bytes.copy(larger, 0, 0, filled);
  return larger;
}
