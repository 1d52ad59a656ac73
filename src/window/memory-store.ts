/**
 * The time-shift window in memory: inits, Segments and parts by key, until the Channel evicts them.
 * It never decides what is listed or for how long. Invariant: a key has one body for ever; a finished Segment is one
 * Buffer and its parts are views of it, so that a byte is held once.
 */
import { AssertionError } from 'node:assert';
import { contentHash } from '../system/ids.ts';
import type { MemoryObject, SegmentInput, SegmentKey, WindowStore } from './model.ts';

interface FinishedSegment {
  readonly object: MemoryObject;
  /** Byte offset of each part in the Segment, and its end. */
  readonly bounds: readonly { readonly start: number; readonly end: number }[];
}

/** One Segment of one Track: parts as they come, then the whole. */
interface Slot {
  readonly parts: Map<number, MemoryObject>;
  finished: FinishedSegment | undefined;
}

interface Generation {
  /** Keyed `TRACK/HASH`. */
  readonly inits: Map<string, MemoryObject>;
  readonly tracks: Map<string, Map<number, Slot>>;
}

interface Content {
  readonly bytes: Buffer;
  readonly contentType: string;
  readonly publishedMs: number;
}

/** A strong validator (RFC 9110 8.8.3), a function of the bytes alone: equal on every origin that made the same bytes. */
function store(content: Content): MemoryObject {
  const { bytes, contentType, publishedMs } = content;
  return {
    bytes,
    etag: `"${contentHash([bytes], 24)}"`,
    contentType,
    publishedMs,
  };
}

function refuse(what: string): never {
  throw new AssertionError({
    message: `${what}: one URL never has two bodies`,
  });
}

function nameOf(key: SegmentKey): string {
  return `Segment ${key.track}/${key.gen}/${key.number}`;
}

/** The parts in order as one exactly sized Buffer. */
function join(parts: readonly Buffer[]): {
  bytes: Buffer;
  bounds: FinishedSegment['bounds'];
} {
  const bytes = Buffer.allocUnsafeSlow(parts.reduce((total, part) => total + part.length, 0));
  const bounds: { start: number; end: number }[] = [];
  let start = 0;
  for (const part of parts) {
    bytes.set(part, start);
    bounds.push({ start, end: start + part.length });
    start += part.length;
  }
  return { bytes, bounds };
}

class MemoryStore implements WindowStore {
  readonly heldFrom = 0;
  readonly #generations = new Map<string, Generation>();
  /** The generation last written to: its inits stay, even while it has no Segment. */
  #newest: string | undefined;
  #bytes = 0;
  #segments = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get segments(): number {
    return this.#segments;
  }

  /** Every encoder run brings its init again: the same bytes under the same hash change nothing. */
  putInit(track: string, gen: string, hash: string, init: Content): void {
    const { inits } = this.#generation(gen);
    const known = inits.get(`${track}/${hash}`);
    if (known !== undefined) {
      if (!known.bytes.equals(init.bytes)) refuse(`Init ${track}/${gen}/${hash}`);
      return;
    }
    inits.set(`${track}/${hash}`, store(init));
    this.#bytes += init.bytes.length;
  }

  init(track: string, gen: string, hash: string): MemoryObject | undefined {
    return this.#generations.get(gen)?.inits.get(`${track}/${hash}`);
  }

  putPart(key: SegmentKey, part: number, content: Content): void {
    const slot = this.#slot(key);
    if (slot.finished !== undefined || slot.parts.has(part)) refuse(`${nameOf(key)} part ${part}`);
    slot.parts.set(part, store(content));
    this.#bytes += content.bytes.length;
  }

  /** Throws AssertionError when the Segment is there already, or when a part that was published has other bytes. */
  putSegment(segment: SegmentInput): MemoryObject {
    const { key, contentType, publishedMs } = segment;
    const slot = this.#slot(key);
    if (slot.finished !== undefined) refuse(nameOf(key));
    const published = [...slot.parts];
    for (const [part, object] of published) {
      if (segment.parts[part]?.equals(object.bytes) !== true) refuse(`${nameOf(key)} part ${part}`);
    }
    const { bytes, bounds } = join(segment.parts);
    for (const [part, object] of published) {
      const bound = bounds[part];
      if (bound === undefined) continue;
      slot.parts.set(part, {
        ...object,
        bytes: bytes.subarray(bound.start, bound.end),
      });
      this.#bytes -= object.bytes.length;
    }
    const object = store({ bytes, contentType, publishedMs });
    slot.finished = { object, bounds };
    this.#bytes += bytes.length;
    this.#segments += 1;
    return object;
  }

  segment(key: SegmentKey): MemoryObject | undefined {
    return this.#find(key)?.finished?.object;
  }

  /** A part that was never put on its own is made of its finished Segment when first asked for. */
  part(key: SegmentKey, part: number): MemoryObject | undefined {
    const slot = this.#find(key);
    const known = slot?.parts.get(part);
    if (slot === undefined || known !== undefined) return known;
    const bound = slot.finished?.bounds[part];
    if (slot.finished === undefined || bound === undefined) return undefined;
    const { object } = slot.finished;
    const view = store({
      ...object,
      bytes: object.bytes.subarray(bound.start, bound.end),
    });
    slot.parts.set(part, view);
    return view;
  }

  evictBelow(gen: string, number: number): void {
    const generation = this.#generations.get(gen);
    if (generation === undefined) return;
    for (const [track, slots] of generation.tracks) {
      for (const [at, slot] of slots) {
        if (at >= number) continue;
        slots.delete(at);
        this.#discount(slot);
      }
      if (slots.size === 0) generation.tracks.delete(track);
    }
    if (generation.tracks.size === 0 && gen !== this.#newest) this.forgetGeneration(gen);
  }

  forgetGeneration(gen: string): void {
    const generation = this.#generations.get(gen);
    if (generation === undefined) return;
    this.#generations.delete(gen);
    for (const init of generation.inits.values()) this.#bytes -= init.bytes.length;
    for (const slots of generation.tracks.values()) {
      for (const slot of slots.values()) this.#discount(slot);
    }
  }

  #generation(gen: string): Generation {
    this.#newest = gen;
    let generation = this.#generations.get(gen);
    if (generation === undefined) {
      generation = { inits: new Map(), tracks: new Map() };
      this.#generations.set(gen, generation);
    }
    return generation;
  }

  #find(key: SegmentKey): Slot | undefined {
    return this.#generations.get(key.gen)?.tracks.get(key.track)?.get(key.number);
  }

  #slot(key: SegmentKey): Slot {
    const { tracks } = this.#generation(key.gen);
    let slots = tracks.get(key.track);
    if (slots === undefined) {
      slots = new Map();
      tracks.set(key.track, slots);
    }
    let slot = slots.get(key.number);
    if (slot === undefined) {
      slot = { parts: new Map(), finished: undefined };
      slots.set(key.number, slot);
    }
    return slot;
  }

  #discount(slot: Slot): void {
    if (slot.finished !== undefined) {
      this.#bytes -= slot.finished.object.bytes.length;
      this.#segments -= 1;
      return;
    }
    for (const part of slot.parts.values()) this.#bytes -= part.bytes.length;
  }
}

/**
 * An empty window. `bytes` counts each byte once, `segments` the finished Segments of all Tracks.
 * The inits of a generation leave when its last Segment does and a newer generation is being written.
 */
export function openMemoryStore(): WindowStore {
  return new MemoryStore();
}
