/**
 * Brings written files to the disk and closes them, one after the other, in the thread pool: whoever writes never waits for it.
 * Invariant: a descriptor that was handed over is closed once, and few are open at a time; a disk that does not keep up is a fault,
 * not a longer queue.
 */
import type { FileSystem } from './file-system.ts';

/** A start fills what passed meanwhile at once: minutes of slate in each Track. What comes live is a file or two a second. */
const MOST_WAITING = 4096;
/** Descriptors; what waits beyond that is opened again. A process may have 1,024 in all, and viewers need them. */
const MOST_OPEN = 64;

export interface SyncQueueOptions {
  readonly fileSystem: Pick<FileSystem, 'sync' | 'syncFile' | 'close'>;
  readonly onFault: (thrown: unknown) => void;
  /** After the files of a round: the journal, on the disk. */
  readonly syncJournal: () => Promise<void>;
}

interface Waiting {
  /** undefined: closed already. */
  readonly fd: number | undefined;
  readonly path: string;
}

export class SyncQueue {
  readonly #options: SyncQueueOptions;
  readonly #waiting: Waiting[] = [];
  #open = 0;
  #running: Promise<void> | undefined;

  constructor(options: SyncQueueOptions) {
    this.#options = options;
  }

  /** `path`: of the file as it is named for good. What was written to it is on the disk sooner or later. */
  push(fd: number, path: string): void {
    if (this.#open < MOST_OPEN) {
      this.#open += 1;
      this.#waiting.push({ fd, path });
    } else {
      this.drop(fd);
      this.#waiting.push({ fd: undefined, path });
    }
    if (this.#waiting.length > MOST_WAITING)
      this.#options.onFault(new Error(`${this.#waiting.length} files wait to be synced`));
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Closes without syncing: its file is not wanted any more. */
  drop(fd: number): void {
    try {
      this.#options.fileSystem.close(fd);
    } catch {
      // What it wrote was judged when it was written.
    }
  }

  /** Closes all that waits. */
  clear(): void {
    for (const { fd } of this.#waiting.splice(0)) this.#closeKept(fd);
  }

  #closeKept(fd: number | undefined): void {
    if (fd === undefined) return;
    this.#open -= 1;
    this.drop(fd);
  }

  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    const { fileSystem, onFault, syncJournal } = this.#options;
    await Promise.resolve();
    try {
      while (this.#waiting.length > 0) {
        for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
          const { fd, path } = next;
          try {
            await (fd === undefined ? fileSystem.syncFile(path) : fileSystem.sync(fd));
          } finally {
            this.#closeKept(fd);
          }
        }
        await syncJournal();
      }
    } catch (thrown) {
      this.clear();
      onFault(thrown);
    }
  }
}
