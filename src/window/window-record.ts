/**
 * What the records of a window's journal mean, version 1, and what is known after reading them all; pure.
 * Keys are short because there are several a second. Invariant: reading is idempotent but for `note`: a journal that is written anew
 * while it is appended to may say a thing twice.
 */

/** What is known of a body besides its place. */
export interface BodyFacts {
  readonly size: number;
  /** With its quotes. */
  readonly etag: string;
  readonly type: string;
  /** UTC ms of publication. */
  readonly at: number;
}

export type WindowRecord<Entry = unknown> =
  /** A life of the service begins: the first record of each. */
  | { readonly k: 'life'; readonly incarnation: string; readonly boot?: string | undefined; readonly at: number }
  /** The first byte of this number may now be served; every lower one of the GEN was begun or never will be. */
  | { readonly k: 'begin'; readonly gen: string; readonly n: number }
  /** No Period will ever have this GEN again. */
  | { readonly k: 'retire'; readonly gen: string }
  /** An entry of the timeline's. */
  | { readonly k: 'note'; readonly e: Entry }
  | ({ readonly k: 'init'; readonly track: string; readonly gen: string; readonly hash: string } & BodyFacts)
  /** A part was added to the file of its Segment, which is not whole yet; parts are added in order, from 0 on. */
  | ({
      readonly k: 'part';
      readonly track: string;
      readonly gen: string;
      readonly n: number;
      readonly part: number;
    } & BodyFacts)
  /** The file of the Segment is whole. */
  | ({
      readonly k: 'segment';
      readonly track: string;
      readonly gen: string;
      readonly n: number;
      /** Where each part ends in it. */
      readonly ends: readonly number[];
      /** ETag and time of the parts that were published on their own, by part; null for the others. */
      readonly own: readonly (OwnPart | null)[];
    } & BodyFacts)
  /** Segments of the GEN below this number have left the window. */
  | { readonly k: 'evict'; readonly gen: string; readonly below: number }
  | { readonly k: 'forget'; readonly gen: string }
  /** Numbers below this one may be missing, in all generations. */
  | { readonly k: 'held'; readonly from: number }
  /** The life has ended in order: everything of it is on the disk. */
  | { readonly k: 'closed' };

type OwnPart = readonly [etag: string, atMs: number];
export type RecordOf<K extends WindowRecord['k']> = Extract<WindowRecord, { k: K }>;

/** One generation as the journal has it. */
interface FoundGeneration {
  readonly inits: RecordOf<'init'>[];
  /** By `TRACK/NUMBER`, in the order of their records. */
  readonly segments: Map<string, RecordOf<'segment'>>;
  /** Of Segments that are not whole. */
  readonly parts: Map<string, RecordOf<'part'>[]>;
  /** Numbers below it have left. */
  below: number;
}

/** What a journal says. */
export interface Found<Entry> {
  incarnation: string | undefined;
  boot: string | undefined;
  hasEnded: boolean;
  readonly begun: Map<string, number>;
  readonly generations: Map<string, FoundGeneration>;
  entries: Entry[];
  heldFrom: number;
}

const kinds: ReadonlySet<string> = new Set([
  ...['life', 'begin', 'retire', 'note', 'init', 'part', 'segment', 'evict', 'forget', 'held', 'closed'],
]);

/** A record of ours has a checksum, so its kind is enough to believe the rest. */
function isRecord(record: unknown): record is WindowRecord {
  return typeof record === 'object' && record !== null && 'k' in record && kinds.has(String(record.k));
}

/** undefined: there is a record that this version does not know. */
export function readRecords<Entry>(records: readonly unknown[]): Found<Entry> | undefined {
  const found: Found<Entry> = {
    incarnation: undefined,
    boot: undefined,
    hasEnded: false,
    begun: new Map(),
    generations: new Map(),
    entries: [],
    heldFrom: 0,
  };
  for (const record of records) {
    if (!isRecord(record)) return undefined;
    take(found, record);
  }
  // Once for all records: a journal of hours has thousands of evictions.
  for (const generation of found.generations.values()) evict(generation, Math.max(generation.below, found.heldFrom));
  return found;
}

function take<Entry>(found: Found<Entry>, record: WindowRecord): void {
  found.hasEnded = record.k === 'closed';
  switch (record.k) {
    case 'life':
      found.incarnation = record.incarnation;
      found.boot = record.boot;
      return;
    case 'begin':
      found.begun.set(record.gen, Math.max(found.begun.get(record.gen) ?? 0, record.n));
      return;
    case 'retire':
      found.begun.delete(record.gen);
      return;
    case 'note':
      found.entries.push(record.e as Entry);
      return;
    case 'held':
      found.heldFrom = Math.max(found.heldFrom, record.from);
      return;
    case 'forget':
      found.generations.delete(record.gen);
      return;
    case 'evict': {
      const generation = found.generations.get(record.gen);
      if (generation !== undefined) generation.below = Math.max(generation.below, record.below);
      return;
    }
    case 'closed':
      return;
    default:
      takeBody(generationOf(found, record.gen), record);
  }
}

function takeBody(generation: FoundGeneration, record: RecordOf<'init' | 'part' | 'segment'>): void {
  if (record.k === 'init') {
    if (!generation.inits.some(({ track, hash }) => track === record.track && hash === record.hash))
      generation.inits.push(record);
    return;
  }
  const name = segmentName(record.track, record.n);
  if (record.k === 'segment') {
    generation.segments.set(name, record);
    generation.parts.delete(name);
  } else if (!generation.segments.has(name)) {
    const parts = generation.parts.get(name) ?? [];
    if (parts.length === record.part) generation.parts.set(name, [...parts, record]);
  }
}

function generationOf<Entry>(found: Found<Entry>, gen: string): FoundGeneration {
  const known = found.generations.get(gen);
  if (known !== undefined) return known;
  const made: FoundGeneration = { inits: [], segments: new Map(), parts: new Map(), below: 0 };
  found.generations.set(gen, made);
  return made;
}

function evict({ segments, parts }: FoundGeneration, below: number): void {
  for (const [name, { n }] of segments) if (n < below) segments.delete(name);
  for (const [name, [first]] of parts) if ((first?.n ?? 0) < below) parts.delete(name);
}

export function segmentName(track: string, number: number): string {
  return `${track}/${number}`;
}
