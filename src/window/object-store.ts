/**
 * The time-shift window as objects by key: inits, Segments and parts, until the Channel evicts them. Their bytes are in memory, or,
 * where a disk keeps them too, in a file: cool() and adopt() are for that.
 * It never decides what is listed or for how long, and touches no file. Invariant: a key has one body for ever; a finished Segment in
 * memory is one Buffer and its parts are views of it, so that a byte is held once.
 */
import { AssertionError } from 'node:assert';
import { contentHash } from '../system/ids.ts';
import type { MemoryObject, SegmentInput, SegmentKey, StoredObject, WindowStore } from './model.ts';

/** What is known of a finished Segment wherever its bytes are. */
export interface SegmentFacts {
  readonly sizeBytes: number;
  readonly etag: string;
  readonly contentType: string;
  readonly publishedMs: number;
  /** Where each part ends. */
  readonly ends: readonly number[];
  /** ETag and time of the parts that were published on their own, by part. */
  readonly own: readonly (readonly [etag: string, publishedMs: number] | null)[];
}

/** One Segment of one Track: parts as they come, then the whole. Views of parts are made when asked for. */
interface Slot {
  parts: Map<number, MemoryObject> | undefined;
  facts: SegmentFacts | undefined;
  object: MemoryObject | undefined;
}

interface Generation {
  /** Keyed `TRACK/HASH`. */
  readonly inits: Map<string, MemoryObject>;
  readonly tracks: Map<string, Map<number, Slot>>;
}

export interface Content {
  readonly bytes: Buffer;
  readonly contentType: string;
  readonly publishedMs: number;
}

/** What keeps the bytes of Segments that are not in memory. */
export interface ColdPlace {
  pathOf(key: SegmentKey): string;
  /** These left the window. */
  onGone(key: SegmentKey): void;
  onGenerationGone(gen: string): void;
}

/** A strong validator (RFC 9110 8.8.3), a function of the bytes alone: equal on every origin that made the same bytes. */
function store({ bytes, contentType, publishedMs }: Content): MemoryObject {
  return { bytes, etag: `"${contentHash([bytes], 24)}"`, contentType, publishedMs };
}

function refuse(what: string): never {
  throw new AssertionError({ message: `${what}: one URL never has two bodies` });
}

function nameOf(key: SegmentKey): string {
  return `Segment ${key.track}/${key.gen}/${key.number}`;
}

function endsOf(parts: readonly Buffer[]): number[] {
  let end = 0;
  return parts.map((part) => {
    end += part.length;
    return end;
  });
}

/** The parts in order as one exactly sized Buffer. */
function join(parts: readonly Buffer[], sizeBytes: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(sizeBytes);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export class ObjectStore implements WindowStore {
  readonly #place: ColdPlace | undefined;
  readonly #generations = new Map<string, Generation>();
  /** The generation last written to: its inits stay, even while it has no Segment. */
  #newest: string | undefined;
  #bytes = 0;
  #segments = 0;
  #heldFrom = 0;

  constructor(place?: ColdPlace) {
    this.#place = place;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get segments(): number {
    return this.#segments;
  }

  get heldFrom(): number {
    return this.#heldFrom;
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

  /** Every init as it is kept, for a journal that is written anew. */
  *inits(): Generator<readonly [gen: string, track: string, hash: string, object: MemoryObject]> {
    for (const [gen, { inits }] of this.#generations)
      for (const [name, object] of inits) {
        const [track = '', hash = ''] = name.split('/');
        yield [gen, track, hash, object];
      }
  }

  putPart(key: SegmentKey, part: number, content: Content): void {
    const slot = this.#slot(key);
    if (slot.facts !== undefined || slot.parts?.has(part) === true) refuse(`${nameOf(key)} part ${part}`);
    slot.parts ??= new Map();
    slot.parts.set(part, store(content));
    this.#bytes += content.bytes.length;
  }

  /** Throws AssertionError when the Segment is there already, or when a part that was published has other bytes. */
  putSegment(segment: SegmentInput): MemoryObject {
    const { key, contentType, publishedMs } = segment;
    const slot = this.#slot(key);
    if (slot.facts !== undefined) refuse(nameOf(key));
    const published = [...(slot.parts ?? [])];
    for (const [part, object] of published) {
      if (segment.parts[part]?.equals(object.bytes) !== true) refuse(`${nameOf(key)} part ${part}`);
    }
    const ends = endsOf(segment.parts);
    const bytes = join(segment.parts, ends.at(-1) ?? 0);
    const own: [string, number][] = [];
    for (const [part, object] of published) {
      slot.parts?.set(part, { ...object, bytes: bytes.subarray(ends[part - 1] ?? 0, ends[part]) });
      own[part] = [object.etag, object.publishedMs];
      this.#bytes -= object.bytes.length;
    }
    const object = store({ bytes, contentType, publishedMs });
    const facts = { sizeBytes: bytes.length, etag: object.etag, contentType, publishedMs, ends };
    slot.object = object;
    slot.facts = { ...facts, own: Array.from(own, (each) => each ?? null) };
    this.#bytes += bytes.length;
    this.#segments += 1;
    return object;
  }

  /** A finished Segment of a former life: its bytes are where the ColdPlace says. */
  adopt(key: SegmentKey, facts: SegmentFacts): void {
    const slot = this.#slot(key);
    if (slot.facts !== undefined || slot.parts !== undefined) refuse(nameOf(key));
    slot.facts = facts;
    this.#bytes += facts.sizeBytes;
    this.#segments += 1;
  }

  /** The bytes of a finished Segment are read from its file from now on. */
  cool(key: SegmentKey): void {
    const slot = this.#find(key);
    if (slot?.facts === undefined) return;
    slot.object = undefined;
    slot.parts = undefined;
  }

  facts(key: SegmentKey): SegmentFacts | undefined {
    return this.#find(key)?.facts;
  }

  segment(key: SegmentKey): StoredObject | undefined {
    const slot = this.#find(key);
    if (slot?.object !== undefined || slot?.facts === undefined) return slot?.object;
    return this.#inFile(key, slot.facts, slot.facts, 0, slot.facts.sizeBytes);
  }

  /** A part that was never put on its own is made of its finished Segment when first asked for. */
  part(key: SegmentKey, part: number): StoredObject | undefined {
    const slot = this.#find(key);
    const known = slot?.parts?.get(part);
    if (slot?.facts === undefined || known !== undefined) return known;
    const { ends, own, etag, publishedMs, contentType } = slot.facts;
    const [start, end] = [ends[part - 1] ?? 0, ends[part]];
    if (end === undefined) return undefined;
    // Without its bytes at hand its validator still has to follow from them alone.
    const [ownEtag, ownMs] = own[part] ?? [`${etag.slice(0, -1)}.${part}"`, publishedMs];
    const facts = { etag: ownEtag, publishedMs: ownMs, contentType };
    if (slot.object === undefined) return this.#inFile(key, facts, slot.facts, start, end);
    const view: MemoryObject = { ...facts, bytes: slot.object.bytes.subarray(start, end) };
    slot.parts ??= new Map();
    slot.parts.set(part, view);
    return view;
  }

  #inFile(
    key: SegmentKey,
    { etag, publishedMs }: Pick<SegmentFacts, 'etag' | 'publishedMs'>,
    { contentType }: SegmentFacts,
    start: number,
    end: number,
  ): StoredObject | undefined {
    if (this.#place === undefined) return undefined;
    const file = { path: this.#place.pathOf(key), offset: start, sizeBytes: end - start };
    return { file, etag, contentType, publishedMs };
  }

  /** Keys of every Segment that is whole, or of those that are not, in no order. */
  *keys(which: 'whole' | 'open'): Generator<SegmentKey> {
    for (const [gen, { tracks }] of this.#generations)
      for (const [track, slots] of tracks)
        for (const [number, { facts }] of slots)
          if ((facts !== undefined) === (which === 'whole')) yield { track, gen, number };
  }

  /** Everything below this number goes, in all generations, and is not listed any more. */
  holdFrom(number: number): void {
    this.#heldFrom = Math.max(this.#heldFrom, number);
    for (const gen of [...this.#generations.keys()]) this.evictBelow(gen, number);
  }

  /** The lowest number that has anything; undefined: nothing has. */
  get lowestNumber(): number | undefined {
    let lowest: number | undefined;
    for (const { tracks } of this.#generations.values())
      for (const slots of tracks.values()) {
        // They are put in rising order.
        const [first] = slots.keys();
        if (first !== undefined && first < (lowest ?? Number.POSITIVE_INFINITY)) lowest = first;
      }
    return lowest;
  }

  evictBelow(gen: string, number: number): void {
    const generation = this.#generations.get(gen);
    if (generation === undefined) return;
    for (const [track, slots] of generation.tracks) {
      for (const [at, slot] of slots) {
        if (at >= number) continue;
        slots.delete(at);
        this.#discount(slot);
        this.#place?.onGone({ track, gen, number: at });
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
    this.#place?.onGenerationGone(gen);
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
      slot = { parts: undefined, facts: undefined, object: undefined };
      slots.set(key.number, slot);
    }
    return slot;
  }

  #discount(slot: Slot): void {
    if (slot.facts !== undefined) {
      this.#bytes -= slot.facts.sizeBytes;
      this.#segments -= 1;
      return;
    }
    for (const part of slot.parts?.values() ?? []) this.#bytes -= part.bytes.length;
  }
}
