/**
 * What the window asks of a file system: a port, so that faults and power loss can be tried without a disk.
 * The synchronous half is for what must be there before a byte is served: it goes to the page cache, which a kill of the process does
 * not touch. The rest is done by the thread pool. Everything rejects or throws Node's own errors. It never decides.
 */
import {
  closeSync,
  constants,
  fdatasync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { promisify } from 'node:util';

export interface FileSystem {
  /** A file to append to. `fresh`: empty, whatever was there. */
  open(path: string, how: 'fresh' | 'append'): number;
  /** All of it, or it throws; then any share of it may have been written. */
  append(fd: number, bytes: Buffer): void;
  truncate(fd: number, sizeBytes: number): void;
  close(fd: number): void;
  rename(from: string, to: string): void;
  makeFolder(path: string): void;

  /** The data, and as much of the file's facts as is needed to find them, are on the disk. */
  sync(fd: number): Promise<void>;
  /** The same of a file by its name; fine when it is not there. */
  syncFile(path: string): Promise<void>;
  /** A whole file, on the disk when it resolves. */
  writeWhole(path: string, pieces: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void>;
  renameLater(from: string, to: string): Promise<void>;
  /** undefined: there is none. */
  read(path: string): Promise<Buffer | undefined>;
  sizeOf(path: string): Promise<number | undefined>;
  /** Names in a folder; none when there is no such folder. */
  list(path: string): Promise<readonly string[]>;
  makeFolderLater(path: string): Promise<void>;
  /** A file or a folder with all that is in it; fine when it is not there. */
  remove(path: string): Promise<void>;
  /** The folder's names are on the disk. */
  syncFolder(path: string): Promise<void>;
}

const dataSync = promisify(fdatasync);

function codeOf(thrown: unknown): string | undefined {
  return (thrown as NodeJS.ErrnoException | undefined)?.code;
}

async function unlessMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  return asked.catch((thrown) => {
    if (codeOf(thrown) === 'ENOENT') return undefined;
    throw thrown;
  });
}

async function syncFile(path: string): Promise<void> {
  const handle = await unlessMissing(open(path, constants.O_RDONLY));
  try {
    await handle?.datasync();
  } finally {
    await handle?.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeWhole(path: string, pieces: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
  const handle = await open(path, 'w', 0o600);
  try {
    for await (const piece of pieces) await handle.writeFile(piece);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The machine's. Files are for this user alone. */
export const nodeFileSystem: FileSystem = {
  open: (path, how) => openSync(path, how === 'fresh' ? 'w' : 'a', 0o600),
  append(fd, bytes) {
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
  },
  truncate: ftruncateSync,
  close: closeSync,
  rename: renameSync,
  makeFolder: (path) => void mkdirSync(path, { recursive: true, mode: 0o700 }),
  sync: (fd) => dataSync(fd),
  syncFile,
  writeWhole,
  renameLater: rename,
  read: (path) => unlessMissing(readFile(path)),
  sizeOf: async (path) => (await unlessMissing(stat(path)))?.size,
  list: async (path) => (await unlessMissing(readdir(path))) ?? [],
  makeFolderLater: async (path) => void (await mkdir(path, { recursive: true, mode: 0o700 })),
  remove: (path) => rm(path, { recursive: true, force: true }),
  syncFolder,
};

/** Of this start of the machine: what was not synced before it may be lost. undefined where the system does not say. */
export function bootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** Removes a file if it is there. */
export function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (thrown) {
    if (codeOf(thrown) !== 'ENOENT') throw thrown;
  }
}
