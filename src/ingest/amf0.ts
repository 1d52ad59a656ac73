/**
 * The hints of an onMetaData message (AMF0 specification; FLV 10.1, E.5): its flat fields, and nothing nested.
 * Pure and bounded: depth, number of values and length are limited, and what cannot be read ends the reading.
 * It never builds objects from what a publisher names: fields are a Map.
 */

export type MetadataValue = number | boolean | string;

const MAX_DEPTH = 8;
const MAX_VALUES = 512;
const MAX_TEXT = 256;

/** Thrown inside this file only. */
class Unreadable extends Error {}

/** The fields of `onMetaData`, with or without `@setDataFrame` before it; undefined for any other message. */
export function readMetadata(body: Buffer): ReadonlyMap<string, MetadataValue> | undefined {
  const reader = new Amf0Reader(body);
  const fields = new Map<string, MetadataValue>();
  try {
    let name = reader.value(0, undefined);
    if (name === '@setDataFrame') name = reader.value(0, undefined);
    if (name !== 'onMetaData') return undefined;
    reader.value(0, fields);
  } catch (thrown) {
    if (!(thrown instanceof Unreadable)) throw thrown;
    // Hints: those read so far are as good as any.
  }
  return fields.size > 0 ? fields : undefined;
}

class Amf0Reader {
  readonly #bytes: Buffer;
  #at = 0;
  #values = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** One value; the flat fields of an object or array go to `fields` when given. Objects read as undefined. */
  value(depth: number, fields: Map<string, MetadataValue> | undefined): MetadataValue | undefined {
    if (depth > MAX_DEPTH || ++this.#values > MAX_VALUES) throw new Unreadable();
    const marker = this.#take(1)[0];
    switch (marker) {
      case 0x00:
        return this.#take(8).readDoubleBE(0);
      case 0x01:
        return this.#take(1)[0] !== 0;
      case 0x02:
        return this.#text(this.#take(2).readUInt16BE(0));
      case 0x0c:
      case 0x0f:
        return this.#text(this.#take(4).readUInt32BE(0));
      case 0x05:
      case 0x06:
        return undefined;
      case 0x0b:
        this.#take(10);
        return undefined;
      case 0x08:
        this.#take(4);
        return this.#fields(depth, fields);
      case 0x03:
        return this.#fields(depth, fields);
      case 0x0a:
        return this.#strictArray(depth);
      default:
        throw new Unreadable();
    }
  }

  #fields(depth: number, fields: Map<string, MetadataValue> | undefined): undefined {
    for (;;) {
      const name = this.#text(this.#take(2).readUInt16BE(0));
      if (name === '' && this.#bytes[this.#at] === 0x09) {
        this.#at++;
        return undefined;
      }
      const value = this.value(depth + 1, undefined);
      if (value !== undefined) fields?.set(name, value);
    }
  }

  #strictArray(depth: number): undefined {
    const count = this.#take(4).readUInt32BE(0);
    for (let i = 0; i < count; i++) this.value(depth + 1, undefined);
    return undefined;
  }

  #text(length: number): string {
    return this.#take(length).toString('utf8', 0, Math.min(length, MAX_TEXT));
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new Unreadable();
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
