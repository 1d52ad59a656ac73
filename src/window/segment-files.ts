/**
 * Names of the window's files, and what of them is there at a start: `window/GEN/TRACK/NUMBER.m4s`, `NUMBER.open` while its Segment is
 * not whole, `init-HASH.mp4`. It never decides what is kept. Invariant: what it answers as there has the size that the journal says,
 * and, where a power loss may have taken bytes, the hash; everything else under `window` is removed.
 */
import { join } from 'node:path';
import { contentHash } from '../system/ids.ts';
import type { FileSystem } from './file-system.ts';
import type { SegmentKey } from './model.ts';
import { type BodyFacts, type Found, type RecordOf, segmentName } from './window-record.ts';

/** After a power loss: what was published so long before the newest is on the disk for sure, for each Segment is synced. */
const SYNCED_AFTER_MS = 60_000;
/** Files asked for at once. */
const AT_ONCE = 32;

export class SegmentFiles {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  ofGeneration(gen: string): string {
    return join(this.folder, gen);
  }

  ofTrack(gen: string, track: string): string {
    return join(this.folder, gen, track);
  }

  whole({ gen, track, number }: SegmentKey): string {
    return `${this.folder}/${gen}/${track}/${number}.m4s`;
  }

  open({ gen, track, number }: SegmentKey): string {
    return `${this.folder}/${gen}/${track}/${number}.open`;
  }

  init(gen: string, track: string, hash: string): string {
    return join(this.folder, gen, track, `init-${hash}.mp4`);
  }
}

interface FoundBody<R> {
  readonly record: R;
  readonly bytes: Buffer;
}

/** Of one generation, what can be served. */
export interface FoundBodies {
  /** Something that the journal has is not there, or not as it was. */
  readonly isIncomplete: boolean;
  readonly inits: readonly FoundBody<RecordOf<'init'>>[];
  readonly segments: readonly RecordOf<'segment'>[];
  /** Of Segments that are not whole: their parts in order, from 0 on. */
  readonly open: readonly (readonly FoundBody<RecordOf<'part'>>[])[];
}

/** `lossy`: the machine was started anew since, so that what was not synced may be lost. */
export async function findBodies(
  fileSystem: FileSystem,
  files: SegmentFiles,
  found: Pick<Found<unknown>, 'generations'>,
  lossy: boolean,
): Promise<ReadonlyMap<string, FoundBodies>> {
  const newest = newestOf(found);
  const bodies = new Map<string, FoundBodies>();
  for (const [gen, generation] of found.generations) {
    const there = await namesOf(fileSystem, files, gen);
    const isThere = (record: RecordOf<'segment'>): boolean => there.has(`${record.track}/${record.n}.m4s`);
    const candidates = [...generation.segments.values()].filter(isThere);
    const segments = lossy
      ? await inBatches(candidates, (record) => checked(fileSystem, files, record, newest))
      : candidates;
    const inits = await inBatches(generation.inits, (record) => readInit(fileSystem, files, record));
    const open = await inBatches([...generation.parts.values()], (parts) => readParts(fileSystem, files, parts));
    const partsOf = (all: Iterable<readonly unknown[]>): number =>
      [...all].reduce((sum, { length }) => sum + length, 0);
    const isIncomplete =
      segments.length < generation.segments.size ||
      inits.length < generation.inits.length ||
      partsOf(open) < partsOf(generation.parts.values());
    bodies.set(gen, { inits, segments, open, isIncomplete });
  }
  return bodies;
}

function newestOf({ generations }: Pick<Found<unknown>, 'generations'>): number {
  let newest = 0;
  for (const { segments } of generations.values())
    for (const { at } of segments.values()) newest = Math.max(newest, at);
  return newest;
}

/** `TRACK/NAME` of all files of a generation. */
async function namesOf(fileSystem: FileSystem, files: SegmentFiles, gen: string): Promise<Set<string>> {
  const names = new Set<string>();
  for (const track of await fileSystem.list(files.ofGeneration(gen)))
    for (const name of await fileSystem.list(files.ofTrack(gen, track)).catch(() => [])) names.add(`${track}/${name}`);
  return names;
}

async function inBatches<A, B>(all: readonly A[], ask: (each: A) => Promise<B | undefined>): Promise<B[]> {
  const answers: B[] = [];
  for (let at = 0; at < all.length; at += AT_ONCE) {
    const batch = await Promise.all(all.slice(at, at + AT_ONCE).map(ask));
    for (const answer of batch) if (answer !== undefined) answers.push(answer);
  }
  return answers;
}

function holds(bytes: Buffer | undefined, { size, etag }: BodyFacts): bytes is Buffer {
  return bytes !== undefined && bytes.length === size && etag === `"${contentHash([bytes], 24)}"`;
}

async function checked(
  fileSystem: FileSystem,
  files: SegmentFiles,
  record: RecordOf<'segment'>,
  newest: number,
): Promise<RecordOf<'segment'> | undefined> {
  const path = files.whole({ ...record, number: record.n });
  if (record.at <= newest - SYNCED_AFTER_MS)
    return (await fileSystem.sizeOf(path)) === record.size ? record : undefined;
  return holds(await fileSystem.read(path), record) ? record : undefined;
}

async function readInit(
  fileSystem: FileSystem,
  files: SegmentFiles,
  record: RecordOf<'init'>,
): Promise<FoundBody<RecordOf<'init'>> | undefined> {
  const bytes = await fileSystem.read(files.init(record.gen, record.track, record.hash));
  return holds(bytes, record) ? { record, bytes } : undefined;
}

/** A part whose record is there was served; bytes after the last one were not. */
async function readParts(
  fileSystem: FileSystem,
  files: SegmentFiles,
  records: readonly RecordOf<'part'>[],
): Promise<FoundBody<RecordOf<'part'>>[] | undefined> {
  const [first] = records;
  const bytes = first && (await fileSystem.read(files.open({ ...first, number: first.n })));
  if (bytes === undefined) return undefined;
  const parts: FoundBody<RecordOf<'part'>>[] = [];
  let at = 0;
  for (const record of records) {
    const part = bytes.subarray(at, at + record.size);
    if (!holds(part, record)) break;
    parts.push({ record, bytes: part });
    at += record.size;
  }
  return parts.length === 0 ? undefined : parts;
}

/** The highest number that a file is named by, whoever speaks of it; undefined: there is none. */
export async function highestNumber(fileSystem: FileSystem, files: SegmentFiles): Promise<number | undefined> {
  let highest: number | undefined;
  for (const gen of await fileSystem.list(files.folder))
    for (const name of await namesOf(fileSystem, files, gen)) {
      const number = Number(/\/(\d{1,15})\.(?:m4s|open)$/.exec(name)?.[1]);
      if (number > (highest ?? -1)) highest = number;
    }
  return highest;
}

/** Paths that nothing refers to. `mayGrow`: generations that are written to again, so their files must be gone before. */
export async function findOrphans(
  fileSystem: FileSystem,
  files: SegmentFiles,
  bodies: ReadonlyMap<string, FoundBodies>,
  mayGrow: ReadonlySet<string>,
): Promise<{ readonly atOnce: readonly string[]; readonly later: readonly string[] }> {
  const atOnce: string[] = [];
  const later: string[] = [];
  for (const gen of await fileSystem.list(files.folder)) {
    const kept = bodies.get(gen);
    if (kept === undefined) {
      (mayGrow.has(gen) ? atOnce : later).push(files.ofGeneration(gen));
      continue;
    }
    const names = keptNames(kept);
    for (const name of await namesOf(fileSystem, files, gen))
      if (!names.has(name)) atOnce.push(join(files.ofGeneration(gen), name));
  }
  return { atOnce, later };
}

function keptNames({ inits, segments, open }: FoundBodies): Set<string> {
  return new Set([
    ...inits.map(({ record }) => `${record.track}/init-${record.hash}.mp4`),
    ...segments.map(({ track, n }) => `${segmentName(track, n)}.m4s`),
    ...open.flatMap(([first]) =>
      first === undefined ? [] : [`${segmentName(first.record.track, first.record.n)}.open`],
    ),
  ]);
}
