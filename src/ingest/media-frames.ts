/**
 * The framing of a publish's own connection: {u32 body length, u8 kind, u64 arrival us, u32 stamp} body, big-endian.
 * Pure. Invariant: however the bytes are cut, the same frames come out, and no body above the bound is reserved.
 */

const FRAME_HEADER_BYTES = 17;

/** One FLV tag as the child read it from RTMP. */
export interface MediaFrame {
  /** FLV TagType: 8 audio, 9 video, 18 script. */
  readonly kind: number;
  /** Monotonic us at socket read. */
  readonly arrivalUs: number;
  /** RTMP stamp: ms modulo 2^32. */
  readonly stamp: number;
  /** Own memory, never reused. */
  readonly body: Buffer;
}

/** The header that goes before `frame.body`. */
export function frameHeader(frame: MediaFrame): Buffer {
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  header.writeUInt32BE(frame.body.length, 0);
  header.writeUInt8(frame.kind, 4);
  header.writeBigUInt64BE(BigInt(frame.arrivalUs), 5);
  header.writeUInt32BE(frame.stamp, 13);
  return header;
}

export class FrameReader {
  readonly #maxBodyBytes: number;
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  #headerBytes = 0;
  #body: Buffer | undefined;
  #bodyBytes = 0;

  constructor(maxBodyBytes: number) {
    this.#maxBodyBytes = maxBodyBytes;
  }

  /** The frames completed by these bytes. Throws RangeError on a body above the bound. */
  push(bytes: Buffer): MediaFrame[] {
    const frames: MediaFrame[] = [];
    let at = 0;
    while (at < bytes.length || this.#isComplete()) {
      if (this.#body === undefined) at += this.#takeHeader(bytes, at);
      else at += this.#takeBody(this.#body, bytes, at);
      if (this.#isComplete()) frames.push(this.#frame());
    }
    return frames;
  }

  #isComplete(): boolean {
    return this.#body !== undefined && this.#bodyBytes === this.#body.length;
  }

  #takeHeader(bytes: Buffer, at: number): number {
    const taken = bytes.copy(this.#header, this.#headerBytes, at, at + FRAME_HEADER_BYTES - this.#headerBytes);
    this.#headerBytes += taken;
    if (this.#headerBytes < FRAME_HEADER_BYTES) return taken;
    const length = this.#header.readUInt32BE(0);
    if (length > this.#maxBodyBytes) throw new RangeError('a frame of the link is too large');
    this.#body = Buffer.allocUnsafe(length);
    this.#bodyBytes = 0;
    return taken;
  }

  #takeBody(body: Buffer, bytes: Buffer, at: number): number {
    const taken = bytes.copy(body, this.#bodyBytes, at, at + body.length - this.#bodyBytes);
    this.#bodyBytes += taken;
    return taken;
  }

  #frame(): MediaFrame {
    const body = this.#body ?? Buffer.alloc(0);
    this.#body = undefined;
    this.#headerBytes = 0;
    return {
      kind: this.#header.readUInt8(4),
      arrivalUs: Number(this.#header.readBigUInt64BE(5)),
      stamp: this.#header.readUInt32BE(13),
      body,
    };
  }
}
