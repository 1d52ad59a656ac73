/**
 * The time-shift window on a disk: the newest Segments in memory as well, the long window in files that the origin sends from.
 * A part is added to the file of its Segment before it is served, a whole Segment is renamed and journalled; while the disk is out of
 * order everything stays in memory, for as long as memory alone would keep it. It never reads a Segment back.
 * Invariant: what is served is in memory, or in a file that the journal has; what memory had to drop is below heldFrom.
 */
import { AssertionError } from 'node:assert';
import type { Logger } from '../system/log.ts';
import type { Metrics } from '../system/metrics.ts';
import type { Attempt, Disk } from './disk.ts';
import type { FileSystem } from './file-system.ts';
import type { MemoryObject, SegmentInput, SegmentKey, StoredObject, WindowStore } from './model.ts';
import { type ColdPlace, type Content, ObjectStore, type SegmentFacts } from './object-store.ts';
import { ResidentSegments } from './resident-segments.ts';
import type { FoundBodies, SegmentFiles } from './segment-files.ts';
import { SegmentWriter } from './segment-writer.ts';
import type { WindowRecord } from './window-record.ts';

const SHORTENED_SAID_EVERY_MS = 3_600_000;

export interface DiskStoreOptions {
  readonly channel: string;
  readonly files: SegmentFiles;
  readonly fileSystem: FileSystem;
  readonly disk: Disk;
  readonly maxBytes: number;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'windowShortened'>;
  readonly append: (record: WindowRecord) => Attempt;
  /** The journal, on the disk. */
  readonly syncJournal: () => Promise<void>;
}

export class DiskStore implements WindowStore, ColdPlace {
  readonly #options: DiskStoreOptions;
  readonly #objects = new ObjectStore(this);
  readonly #writer: SegmentWriter;
  readonly #residents = new ResidentSegments();
  readonly #storedInits = new Set<string>();
  /** The files cannot be read. */
  #isGone = false;
  #saidShortenedMs = Number.NEGATIVE_INFINITY;

  constructor(options: DiskStoreOptions) {
    this.#options = options;
    this.#writer = new SegmentWriter({ ...options, onFault: (thrown) => options.disk.fault(thrown) });
  }

  get bytes(): number {
    return this.#objects.bytes;
  }

  get segments(): number {
    return this.#objects.segments;
  }

  get heldFrom(): number {
    return this.#objects.heldFrom;
  }

  init(track: string, gen: string, hash: string): MemoryObject | undefined {
    return this.#objects.init(track, gen, hash);
  }

  segment(key: SegmentKey): StoredObject | undefined {
    return this.#objects.segment(key);
  }

  part(key: SegmentKey, part: number): StoredObject | undefined {
    return this.#objects.part(key, part);
  }

  pathOf(key: SegmentKey): string {
    return this.#options.files.whole(key);
  }

  /** What a former life left. */
  adopt(bodies: ReadonlyMap<string, FoundBodies>, heldFrom: number): void {
    for (const [gen, { inits, segments, open }] of bodies) {
      for (const { record, bytes } of inits) {
        const { track, hash, type, at } = record;
        this.#objects.putInit(track, gen, hash, { bytes, contentType: type, publishedMs: at });
        this.#storedInits.add(`${gen}/${track}/${hash}`);
      }
      for (const { track, n, size, etag, type, at, ends, own } of segments) {
        const facts = { sizeBytes: size, etag, contentType: type, publishedMs: at, ends, own };
        this.#objects.adopt({ track, gen, number: n }, facts);
      }
      for (const parts of open) this.#adoptOpen(gen, parts);
    }
    this.#objects.holdFrom(heldFrom);
  }

  /** Its file is gone on with, if the disk lets us; else it is written anew. */
  #adoptOpen(gen: string, parts: FoundBodies['open'][number]): void {
    const [first] = parts;
    if (first === undefined) return;
    const key = { track: first.record.track, gen, number: first.record.n };
    for (const { record, bytes } of parts)
      this.#objects.putPart(key, record.part, { bytes, contentType: record.type, publishedMs: record.at });
    const sizeBytes = parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#options.disk.attempt(0, () => this.#writer.resume(key, parts.length, sizeBytes));
  }

  putInit(track: string, gen: string, hash: string, init: Content): void {
    this.#objects.putInit(track, gen, hash, init);
    this.#storeInit(track, gen, hash);
  }

  #storeInit(track: string, gen: string, hash: string): void {
    const object = this.#objects.init(track, gen, hash);
    const name = `${gen}/${track}/${hash}`;
    if (object === undefined || this.#storedInits.has(name)) return;
    const write = (): void => this.#writer.writeInit(gen, track, hash, object.bytes);
    if (this.#commit(object.bytes.length, write, { k: 'init', track, gen, hash, ...factsOf(object) }))
      this.#storedInits.add(name);
  }

  putPart(key: SegmentKey, part: number, content: Content): void {
    this.#objects.putPart(key, part, content);
    this.#storeParts(key);
  }

  /** The parts of a Segment that are there and not in its file yet, in order. */
  #storeParts(key: SegmentKey): void {
    for (let part = this.#writer.partsOf(key); ; part++) {
      const object = this.#objects.part(key, part);
      if (object?.bytes === undefined) return;
      const { bytes } = object;
      const write = (): void => this.#writer.appendPart(key, bytes);
      if (!this.#commit(bytes.length, write, partRecord(key, part, object))) return;
    }
  }

  putSegment(segment: SegmentInput): MemoryObject {
    const { key } = segment;
    const object = this.#objects.putSegment(segment);
    this.#residents.add(key, object.bytes.length, object.publishedMs);
    this.#storeSegment(key, object.bytes);
    this.#boundMemory(key.number, object.publishedMs);
    this.#boundBytes(key.number, object.publishedMs);
    return object;
  }

  #storeSegment(key: SegmentKey, bytes: Buffer): void {
    const facts = this.#objects.facts(key);
    if (facts === undefined) return;
    const write = (): void => this.#writer.finish(key, bytes);
    if (this.#commit(bytes.length - this.#writer.bytesOf(key), write, segmentRecord(key, facts)))
      this.#residents.stored(key);
  }

  /** True: it is in its file and in the journal. Throws when it must not be served. */
  #commit(bytes: number, write: () => void, record: WindowRecord): boolean {
    const attempt = this.#options.disk.attempt(bytes, write);
    if (attempt === 'done') return this.#note(record);
    if (attempt === 'unsafe') refuseUnnoted();
    return false;
  }

  #boundMemory(newest: number, nowMs: number): void {
    const residents = this.#residents;
    const isOk = this.#options.disk.isOk;
    for (let key = residents.nextToCool(nowMs, newest, isOk); key; key = residents.nextToCool(nowMs, newest, isOk)) {
      if (this.#isGone) this.#holdFrom(key.number + 1);
      residents.gone(key);
      this.#objects.cool(key);
    }
    for (let key = residents.nextToLose(nowMs, newest); key; key = residents.nextToLose(nowMs, newest))
      this.#holdFrom(key.number + 1);
  }

  #boundBytes(newest: number, nowMs: number): void {
    const { maxBytes, log, metrics, channel } = this.#options;
    const before = this.heldFrom;
    while (this.bytes > maxBytes) {
      const lowest = this.#objects.lowestNumber;
      if (lowest === undefined || lowest >= newest) break;
      this.#holdFrom(lowest + 1);
    }
    if (this.heldFrom === before) return;
    metrics.windowShortened.inc({ channel });
    if (nowMs < this.#saidShortenedMs + SHORTENED_SAID_EVERY_MS) return;
    this.#saidShortenedMs = nowMs;
    log.warn({ code: 'WINDOW_SHORTENED', maxBytes }, 'the window is over its size on disk: its oldest Segments go');
  }

  #holdFrom(number: number): void {
    this.#objects.holdFrom(number);
    this.#note({ k: 'held', from: number });
  }

  evictBelow(gen: string, number: number): void {
    this.#note({ k: 'evict', gen, below: number });
    this.#objects.evictBelow(gen, number);
  }

  forgetGeneration(gen: string): void {
    this.#objects.forgetGeneration(gen);
  }

  /** True: it is in the journal. */
  #note(record: WindowRecord): boolean {
    const attempt = this.#options.append(record);
    if (attempt === 'unsafe') refuseUnnoted();
    return attempt === 'done';
  }

  onGone(key: SegmentKey): void {
    const { files } = this.#options;
    if (this.#writer.drop(key)) this.#remove(files.open(key));
    else if (!this.#residents.gone(key)) this.#remove(files.whole(key));
  }

  onGenerationGone(gen: string): void {
    this.#writer.dropGeneration(gen);
    for (const name of this.#storedInits) if (name.startsWith(`${gen}/`)) this.#storedInits.delete(name);
    this.#remove(this.#options.files.ofGeneration(gen));
    this.#note({ k: 'forget', gen });
  }

  #remove(path: string): void {
    this.#options.fileSystem.remove(path).catch((thrown) => this.#options.disk.fault(thrown));
  }

  /** The disk is out of order. */
  async onDegraded(mayBeGone: boolean): Promise<void> {
    this.#writer.letGo();
    if (!mayBeGone) return;
    const stored = [...this.#objects.keys('whole')].filter((key) => !this.#residents.isUnstored(key));
    const [first] = stored;
    if (first === undefined || (await this.#isThere(first))) return;
    this.#isGone = true;
    const lost = stored.filter((key) => !this.#residents.isResident(key)).map(({ number }) => number);
    if (lost.length > 0) this.#holdFrom(Math.max(...lost) + 1);
  }

  async #isThere(key: SegmentKey): Promise<boolean> {
    const { fileSystem, files } = this.#options;
    return fileSystem.sizeOf(files.whole(key)).then(
      (size) => size !== undefined,
      () => false,
    );
  }

  /** Writes what is in memory alone, one file after the other, in the thread pool. */
  async backfill(): Promise<void> {
    const { fileSystem, files } = this.#options;
    if (this.#isGone) {
      this.#residents.unstoreAll();
      this.#storedInits.clear();
      this.#isGone = false;
    }
    for (const key of this.#residents.unstored()) {
      const bytes = this.#objects.segment(key)?.bytes;
      if (bytes === undefined) continue;
      await fileSystem.makeFolderLater(files.ofTrack(key.gen, key.track));
      await fileSystem.writeWhole(files.open(key), [bytes]);
      await fileSystem.renameLater(files.open(key), files.whole(key));
      if (!this.#residents.stored(key)) await fileSystem.remove(files.whole(key));
    }
  }

  /** The rest of it, at once: what came while the journal was written anew, and what is not whole. */
  flush(): void {
    for (const [gen, track, hash] of [...this.#objects.inits()]) this.#storeInit(track, gen, hash);
    for (const key of this.#residents.unstored()) {
      const bytes = this.#objects.segment(key)?.bytes;
      if (bytes !== undefined) this.#storeSegment(key, bytes);
    }
    for (const key of [...this.#objects.keys('open')]) this.#storeParts(key);
  }

  /** All that is in files, for a journal that is written anew. */
  *records(): Generator<WindowRecord> {
    yield { k: 'held', from: this.heldFrom };
    for (const [gen, track, hash, object] of this.#objects.inits())
      if (this.#storedInits.has(`${gen}/${track}/${hash}`)) yield { k: 'init', track, gen, hash, ...factsOf(object) };
    for (const key of this.#objects.keys('whole')) {
      const facts = this.#objects.facts(key);
      if (facts !== undefined && !this.#residents.isUnstored(key)) yield segmentRecord(key, facts);
    }
    for (const key of this.#objects.keys('open')) yield* this.#partRecords(key);
  }

  *#partRecords(key: SegmentKey): Generator<WindowRecord> {
    for (let part = 0; part < this.#writer.partsOf(key); part++) {
      const object = this.#objects.part(key, part);
      if (object?.bytes !== undefined) yield partRecord(key, part, object);
    }
  }

  /** Resolves when all that was written is on the disk. */
  close(): Promise<void> {
    return this.#writer.close();
  }
}

function refuseUnnoted(): never {
  throw new AssertionError({ message: 'neither the disk nor its beacon can be written: one URL never has two bodies' });
}

function factsOf({ bytes, etag, contentType, publishedMs }: MemoryObject) {
  return { size: bytes.length, etag, type: contentType, at: publishedMs };
}

function partRecord({ track, gen, number }: SegmentKey, part: number, object: MemoryObject): WindowRecord {
  return { k: 'part', track, gen, n: number, part, ...factsOf(object) };
}

function segmentRecord({ track, gen, number }: SegmentKey, facts: SegmentFacts): WindowRecord {
  const { sizeBytes, etag, contentType, publishedMs, ends, own } = facts;
  return { k: 'segment', track, gen, n: number, size: sizeBytes, etag, type: contentType, at: publishedMs, ends, own };
}
