/**
 * Brings written files to the disk and closes them, one after the other, in the thread pool: whoever writes never waits for it.
 * Invariant: a descriptor that was handed over is closed once; a disk that does not keep up is a fault, not a longer queue.
 */
import type { FileSystem } from './file-system.ts';

/** A start fills what passed meanwhile at once: minutes of slate in each Track. What comes live is a file or two a second. */
const MOST_WAITING = 4096;

export interface SyncQueueOptions {
  readonly fileSystem: Pick<FileSystem, 'sync' | 'close'>;
  readonly onFault: (thrown: unknown) => void;
  /** After the files of a round: the journal, on the disk. */
  readonly syncJournal: () => Promise<void>;
}

export class SyncQueue {
  readonly #options: SyncQueueOptions;
  readonly #waiting: number[] = [];
  #running: Promise<void> | undefined;

  constructor(options: SyncQueueOptions) {
    this.#options = options;
  }

  /** What is written to it in this turn is synced as well. */
  push(fd: number): void {
    this.#waiting.push(fd);
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
    for (const fd of this.#waiting.splice(0)) this.drop(fd);
  }

  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    const { fileSystem, onFault, syncJournal } = this.#options;
    await Promise.resolve();
    try {
      while (this.#waiting.length > 0) {
        for (let fd = this.#waiting.shift(); fd !== undefined; fd = this.#waiting.shift()) {
          try {
            await fileSystem.sync(fd);
          } finally {
            this.drop(fd);
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
