/**
 * The journal file of one window: records are appended before what they say is served, and the file is written anew when it has grown.
 * It never interprets a record (window-record.ts does). Invariant: at any moment the file named `journal` is whole but for its tail; a
 * new one takes its place by rename, with everything that was appended meanwhile.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Attempt, Disk } from './disk.ts';
import type { FileSystem } from './file-system.ts';
import { encodeRecord, logHeader } from './record-log.ts';
import type { WindowRecord } from './window-record.ts';

/** Written anew when it has doubled, and not below this size. */
const LEAST_BYTES = 1024 * 1024;
/** Records encoded in one turn of the event loop. */
const TURN_RECORDS = 256;

export interface WindowLogOptions {
  readonly fileSystem: FileSystem;
  /** The file. */
  readonly path: string;
  readonly folder: string;
  readonly disk: Disk;
  /** All there is to say, when the file is written anew. May be walked while the window changes: reading is idempotent. */
  readonly records: () => Iterable<WindowRecord>;
}

export class WindowLog {
  readonly #options: WindowLogOptions;
  #fd: number | undefined;
  #sizeBytes = 0;
  #baseBytes = 0;
  /** What was appended while the file is being written anew. */
  #tail: Buffer[] | undefined;
  #syncing: Promise<void> | undefined;
  #wantsSync = false;

  constructor(options: WindowLogOptions) {
    this.#options = options;
  }

  /** Goes on after the last right record of the file, or begins a new one. Throws what the disk throws. */
  open(endByte: number): void {
    const { fileSystem, path } = this.#options;
    this.#close();
    const fd = fileSystem.open(path, endByte > 0 ? 'append' : 'fresh');
    this.#fd = fd;
    if (endByte > 0) fileSystem.truncate(fd, endByte);
    else fileSystem.append(fd, logHeader());
    this.#sizeBytes = Math.max(endByte, logHeader().length);
    this.#baseBytes = this.#sizeBytes;
  }

  /** Of the file. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  append(record: WindowRecord): Attempt {
    const { disk } = this.#options;
    const bytes = encodeRecord(record);
    this.#tail?.push(bytes);
    const attempt = disk.attempt(bytes.length, () => this.#write(bytes));
    if (attempt === 'done' && this.#sizeBytes > Math.max(LEAST_BYTES, 2 * this.#baseBytes)) void this.#compact();
    return attempt;
  }

  #write(bytes: Buffer): void {
    const { fileSystem } = this.#options;
    if (this.#fd === undefined) throw Object.assign(new Error('the journal is not open'), { code: 'ENOENT' });
    try {
      fileSystem.append(this.#fd, bytes);
    } catch (thrown) {
      this.#takeBack(this.#fd);
      throw thrown;
    }
    this.#sizeBytes += bytes.length;
  }

  /** Half a record would read as a torn one. Where that fails too, it is cut off at the next start. */
  #takeBack(fd: number): void {
    try {
      this.#options.fileSystem.truncate(fd, this.#sizeBytes);
    } catch {
      this.#close();
    }
  }

  async #compact(): Promise<void> {
    const { disk } = this.#options;
    if (this.#tail !== undefined) return;
    try {
      await this.replace(() => undefined);
    } catch (thrown) {
      disk.fault(thrown);
    }
  }

  /** Writes the file anew; `swapped` is called in the turn in which it took its place. Rejects with what the disk says. */
  async replace(swapped: () => void): Promise<void> {
    const { fileSystem, path, folder, records } = this.#options;
    const tail: Buffer[] = [];
    this.#tail = tail;
    try {
      const written = { bytes: 0 };
      // Asked for in this turn: what is noted after it is in the tail, and in it alone.
      const all = records();
      await fileSystem.writeWhole(`${path}.new`, encoded(all, written));
      this.#swap(tail, written.bytes);
    } finally {
      this.#tail = undefined;
    }
    swapped();
    await fileSystem.syncFolder(folder);
  }

  #swap(tail: readonly Buffer[], writtenBytes: number): void {
    const { fileSystem, path } = this.#options;
    const fd = fileSystem.open(`${path}.new`, 'append');
    try {
      const bytes = Buffer.concat(tail);
      if (bytes.length > 0) fileSystem.append(fd, bytes);
      fileSystem.rename(`${path}.new`, path);
      this.#close();
      this.#fd = fd;
      this.#sizeBytes = writtenBytes + bytes.length;
      this.#baseBytes = this.#sizeBytes;
    } catch (thrown) {
      fileSystem.close(fd);
      throw thrown;
    }
  }

  /** What was appended so far is on the disk when it resolves; calls that come together share one. */
  sync(): Promise<void> {
    if (this.#syncing !== undefined) {
      this.#wantsSync = true;
      return this.#syncing;
    }
    this.#syncing = this.#syncAll().finally(() => {
      this.#syncing = undefined;
    });
    return this.#syncing;
  }

  async #syncAll(): Promise<void> {
    do {
      this.#wantsSync = false;
      // The file may be another one by the time it is synced: that one was synced as a whole.
      const fd = this.#fd;
      if (fd === undefined) return;
      try {
        await this.#options.fileSystem.sync(fd);
        await this.#mustBeThere();
      } catch (thrown) {
        if (fd === this.#fd) throw thrown;
      }
    } while (this.#wantsSync);
  }

  /** A file that somebody has removed, or a folder that is mounted over, takes writes as before. */
  async #mustBeThere(): Promise<void> {
    const { fileSystem, path } = this.#options;
    if ((await fileSystem.sizeOf(path)) !== undefined) return;
    throw Object.assign(new Error(`${path} is not there any more`), { code: 'ENOENT' });
  }

  /** Nothing may be appended after it. */
  close(): void {
    this.#close();
  }

  #close(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd === undefined) return;
    try {
      this.#options.fileSystem.close(fd);
    } catch {
      // The descriptor is gone either way; what it wrote was judged when it was written.
    }
  }
}

async function* encoded(records: Iterable<WindowRecord>, written: { bytes: number }): AsyncGenerator<Buffer> {
  let pieces = [logHeader()];
  let count = 0;
  for (const record of records) {
    pieces.push(encodeRecord(record));
    count += 1;
    if (count % TURN_RECORDS !== 0) continue;
    const piece = Buffer.concat(pieces);
    written.bytes += piece.length;
    pieces = [];
    yield piece;
    await nextTurn();
  }
  const last = Buffer.concat(pieces);
  written.bytes += last.length;
  yield last;
}
