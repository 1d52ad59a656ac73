/**
 * Writes the window's files: parts are added to the file of their Segment, a whole one is renamed, then synced in the thread pool.
 * It never decides and keeps no bytes; it throws what the disk throws, and then letGo() is due.
 * Invariant: a file under its final name was written whole before it was renamed.
 */
import type { FileSystem } from './file-system.ts';
import type { SegmentKey } from './model.ts';
import type { SegmentFiles } from './segment-files.ts';
import { SyncQueue, type SyncQueueOptions } from './sync-queue.ts';

interface OpenFile {
  readonly key: SegmentKey;
  readonly fd: number;
  parts: number;
  sizeBytes: number;
}

export interface SegmentWriterOptions extends Omit<SyncQueueOptions, 'fileSystem'> {
  readonly fileSystem: FileSystem;
  readonly files: SegmentFiles;
}

export function nameOf({ gen, track, number }: SegmentKey): string {
  return `${gen}/${track}/${number}`;
}

export class SegmentWriter {
  readonly #files: SegmentFiles;
  readonly #fileSystem: FileSystem;
  readonly #syncs: SyncQueue;
  /** Of Segments that are not whole. */
  readonly #open = new Map<string, OpenFile>();
  readonly #folders = new Set<string>();

  constructor(options: SegmentWriterOptions) {
    this.#files = options.files;
    this.#fileSystem = options.fileSystem;
    this.#syncs = new SyncQueue(options);
  }

  writeInit(gen: string, track: string, hash: string, bytes: Buffer): void {
    const path = this.#files.init(gen, track, hash);
    this.#makeFolder(gen, track);
    const fd = this.#fileSystem.open(`${path}.new`, 'fresh');
    try {
      this.#fileSystem.append(fd, bytes);
      this.#fileSystem.rename(`${path}.new`, path);
    } finally {
      this.#syncs.push(fd, path);
    }
  }

  /** How many parts of it are in its file. */
  partsOf(key: SegmentKey): number {
    return this.#open.get(nameOf(key))?.parts ?? 0;
  }

  bytesOf(key: SegmentKey): number {
    return this.#open.get(nameOf(key))?.sizeBytes ?? 0;
  }

  /** Goes on with the file that a former life left; what is in it after these bytes was never served. */
  resume(key: SegmentKey, parts: number, sizeBytes: number): void {
    const fd = this.#fileSystem.open(this.#files.open(key), 'append');
    this.#open.set(nameOf(key), { key, fd, parts, sizeBytes });
    this.#fileSystem.truncate(fd, sizeBytes);
  }

  appendPart(key: SegmentKey, bytes: Buffer): void {
    const file = this.#fileOf(key);
    this.#fileSystem.append(file.fd, bytes);
    file.parts += 1;
    file.sizeBytes += bytes.length;
  }

  /** `bytes`: of the whole Segment. */
  finish(key: SegmentKey, bytes: Buffer): void {
    const file = this.#fileOf(key);
    this.#fileSystem.append(file.fd, bytes.subarray(file.sizeBytes));
    const path = this.#files.whole(key);
    this.#fileSystem.rename(this.#files.open(key), path);
    this.#open.delete(nameOf(key));
    this.#syncs.push(file.fd, path);
  }

  #fileOf(key: SegmentKey): OpenFile {
    const known = this.#open.get(nameOf(key));
    if (known !== undefined) return known;
    this.#makeFolder(key.gen, key.track);
    const file = { key, fd: this.#fileSystem.open(this.#files.open(key), 'fresh'), parts: 0, sizeBytes: 0 };
    this.#open.set(nameOf(key), file);
    return file;
  }

  #makeFolder(gen: string, track: string): void {
    const folder = this.#files.ofTrack(gen, track);
    if (this.#folders.has(folder)) return;
    this.#fileSystem.makeFolder(folder);
    this.#folders.add(folder);
  }

  /** It will never be whole. False: it has no file. */
  drop(key: SegmentKey): boolean {
    const file = this.#open.get(nameOf(key));
    if (file === undefined) return false;
    this.#open.delete(nameOf(key));
    this.#syncs.drop(file.fd);
    return true;
  }

  dropGeneration(gen: string): void {
    for (const { key } of [...this.#open.values()]) if (key.gen === gen) this.drop(key);
    for (const folder of this.#folders)
      if (folder.startsWith(this.#files.ofGeneration(gen))) this.#folders.delete(folder);
  }

  /** The disk is out of order: what is not whole is written anew when it is back. */
  letGo(): void {
    for (const { fd } of this.#open.values()) this.#syncs.drop(fd);
    this.#open.clear();
    this.#folders.clear();
    this.#syncs.clear();
  }

  /** Resolves when all that was written is on the disk. */
  async close(): Promise<void> {
    for (const { fd, key } of this.#open.values()) this.#syncs.push(fd, this.#files.open(key));
    this.#open.clear();
    await this.#syncs.idle();
  }
}
