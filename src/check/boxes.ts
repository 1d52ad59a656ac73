/**
 * Walks ISO BMFF boxes (ISO/IEC 14496-12 4.2) for judging: type, offset, payload.
 * It is deliberately not the packager's reader: a fault in that one must not hide itself here.
 * It throws a plain Error with the offset where a box does not fit into what holds it.
 */

export interface Box {
  readonly type: string;
  readonly offset: number;
  /** Payload, after size and type. */
  readonly body: Buffer;
}

export function* boxesIn(bytes: Buffer, base = 0): Generator<Box> {
  let offset = 0;
  while (offset < bytes.length) {
    if (bytes.length - offset < 8) throw new Error(`${bytes.length - offset} stray bytes at offset ${base + offset}`);
    const type = bytes.toString('latin1', offset + 4, offset + 8);
    const { size, header } = sizeOf(bytes, offset);
    if (size < header || offset + size > bytes.length)
      throw new Error(`box "${type}" of ${size} bytes at offset ${base + offset} does not fit`);
    yield { type, offset: base + offset, body: bytes.subarray(offset + header, offset + size) };
    offset += size;
  }
}

function sizeOf(bytes: Buffer, offset: number): { size: number; header: number } {
  const small = bytes.readUInt32BE(offset);
  if (small === 0) return { size: bytes.length - offset, header: 8 };
  if (small !== 1) return { size: small, header: 8 };
  if (bytes.length - offset < 16) throw new Error(`box header cut off at offset ${offset}`);
  return { size: Number(bytes.readBigUInt64BE(offset + 8)), header: 16 };
}

export function childBoxes(bytes: Buffer, type: string): readonly Box[] {
  return [...boxesIn(bytes)].filter((box) => box.type === type);
}

/** The first box at the path, undefined when any step is missing. */
export function boxAt(bytes: Buffer, ...path: readonly string[]): Box | undefined {
  let body: Buffer | undefined = bytes;
  let box: Box | undefined;
  for (const type of path) {
    box = body === undefined ? undefined : childBoxes(body, type)[0];
    body = box?.body;
  }
  return box;
}

/** version and flags of a FullBox. */
export function fullBox(body: Buffer): { readonly version: number; readonly flags: number } {
  return { version: body.readUInt8(0), flags: body.readUIntBE(1, 3) };
}
