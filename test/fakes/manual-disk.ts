/**
 * A file system in memory with the faults of real ones: it fills up, fails, and loses power. Every change is one step; a test can stop
 * at any of them, and after any byte of an append. What was synced survives a power loss; of the rest, the test says how much.
 */
import type { FileSystem } from '../../src/window/file-system.ts';

interface Inode {
  bytes: Buffer;
  syncedBytes: number;
}

export class PowerLoss extends Error {}

export function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: as the test says`), { code });
}

export class ManualDisk implements FileSystem {
  readonly files = new Map<string, Inode>();
  readonly #descriptors = new Map<number, Inode>();
  #next = 3;
  /** Changes so far; an append counts once per byte. */
  steps = 0;
  /** Power is lost when this many steps are done. */
  stopAt = Number.POSITIVE_INFINITY;
  /** Thrown by every change. */
  fault: NodeJS.ErrnoException | undefined;
  /** Thrown by every question. */
  readFault: NodeJS.ErrnoException | undefined;
  capacityBytes = Number.POSITIVE_INFINITY;
  /** Called before each append: a slow disk moves the clock here. */
  onAppend: () => void = () => undefined;
  readonly removed: string[] = [];

  get openFiles(): number {
    return this.#descriptors.size;
  }

  get usedBytes(): number {
    let sum = 0;
    for (const { bytes } of this.files.values()) sum += bytes.length;
    return sum;
  }

  /** What the next start of the machine finds: of what was not synced, this share. */
  afterPowerLoss(keptShare: (path: string) => number): ManualDisk {
    const disk = new ManualDisk();
    for (const [path, { bytes, syncedBytes }] of this.files) {
      const kept = syncedBytes + Math.round((bytes.length - syncedBytes) * keptShare(path));
      disk.files.set(path, { bytes: Buffer.from(bytes.subarray(0, kept)), syncedBytes: kept });
    }
    return disk;
  }

  /** What the next life finds after a kill: everything. */
  afterKill(): ManualDisk {
    return this.afterPowerLoss(() => 1);
  }

  /** Power is lost, or the process is killed: nothing changes any more. */
  get isDead(): boolean {
    return this.steps >= this.stopAt;
  }

  #step(count = 1): void {
    if (this.steps + count > this.stopAt) {
      this.steps = this.stopAt;
      throw new PowerLoss('no power');
    }
    this.steps += count;
    if (this.fault !== undefined) throw this.fault;
  }

  #inode(fd: number): Inode {
    const inode = this.#descriptors.get(fd);
    if (inode === undefined) throw failure('EBADF');
    return inode;
  }

  open(path: string, how: 'fresh' | 'append'): number {
    this.#step();
    let inode = this.files.get(path);
    if (inode === undefined) {
      inode = { bytes: Buffer.alloc(0), syncedBytes: 0 };
      this.files.set(path, inode);
    }
    if (how === 'fresh') Object.assign(inode, { bytes: Buffer.alloc(0), syncedBytes: 0 });
    this.#descriptors.set(this.#next, inode);
    return this.#next++;
  }

  append(fd: number, bytes: Buffer): void {
    this.onAppend();
    const inode = this.#inode(fd);
    const room = Math.max(0, this.capacityBytes - this.usedBytes);
    const power = this.stopAt - this.steps;
    const done = Math.min(bytes.length, room, power);
    if (this.fault === undefined) inode.bytes = Buffer.concat([inode.bytes, bytes.subarray(0, done)]);
    this.#step(bytes.length > room && power > room ? 0 : bytes.length);
    if (bytes.length > room) throw failure('ENOSPC');
  }

  truncate(fd: number, sizeBytes: number): void {
    this.#step();
    const inode = this.#inode(fd);
    inode.bytes = Buffer.from(inode.bytes.subarray(0, sizeBytes));
    inode.syncedBytes = Math.min(inode.syncedBytes, sizeBytes);
  }

  close(fd: number): void {
    this.#inode(fd);
    this.#descriptors.delete(fd);
  }

  rename(from: string, to: string): void {
    this.#step();
    const inode = this.files.get(from);
    if (inode === undefined) throw failure('ENOENT');
    this.files.delete(from);
    this.files.set(to, inode);
  }

  makeFolder(): void {
    this.#step();
  }

  async sync(fd: number): Promise<void> {
    this.#step();
    const inode = this.#inode(fd);
    inode.syncedBytes = inode.bytes.length;
  }

  async syncFile(path: string): Promise<void> {
    this.#step();
    const inode = this.files.get(path);
    if (inode !== undefined) inode.syncedBytes = inode.bytes.length;
  }

  async writeWhole(path: string, pieces: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
    const fd = this.open(path, 'fresh');
    try {
      for await (const piece of pieces) this.append(fd, piece);
      await this.sync(fd);
    } finally {
      this.close(fd);
    }
  }

  async renameLater(from: string, to: string): Promise<void> {
    this.rename(from, to);
  }

  async read(path: string): Promise<Buffer | undefined> {
    if (this.readFault !== undefined) throw this.readFault;
    return this.files.get(path)?.bytes;
  }

  async sizeOf(path: string): Promise<number | undefined> {
    return (await this.read(path))?.length;
  }

  async list(path: string): Promise<readonly string[]> {
    if (this.readFault !== undefined) throw this.readFault;
    const below = [...this.files.keys()].filter((name) => name.startsWith(`${path}/`));
    return [...new Set(below.map((name) => name.slice(path.length + 1).split('/')[0] ?? ''))];
  }

  async makeFolderLater(): Promise<void> {
    this.#step();
  }

  async remove(path: string): Promise<void> {
    this.#step();
    this.removed.push(path);
    for (const name of this.files.keys()) if (name === path || name.startsWith(`${path}/`)) this.files.delete(name);
  }

  async syncFolder(): Promise<void> {
    this.#step();
  }
}

/** Beacons that outlive a life, as on a memory file system. */
export class ManualBeacons {
  readonly #lit = new Map<string, { incarnation: string; letter: 'written' | 'memory' }>();
  /** Nothing can be written to them. */
  isBroken = false;

  read(name: string, incarnation: string): 'written' | 'memory' | undefined {
    const lit = this.#lit.get(name);
    return lit?.incarnation === incarnation ? lit.letter : undefined;
  }

  open(name: string, incarnation: string) {
    const say = (letter: 'written' | 'memory'): boolean => {
      if (!this.isBroken) this.#lit.set(name, { incarnation, letter });
      return !this.isBroken;
    };
    say('written');
    return { mark: () => say('memory'), clear: () => say('written'), remove: () => void this.#lit.delete(name) };
  }
}
