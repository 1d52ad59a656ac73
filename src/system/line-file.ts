/**
 * A file of lines that is written behind, or stdout: for logs that must never make the service wait.
 * It never blocks and never grows: what its queue cannot take is dropped and counted. Invariant: lines are written whole and in
 * order; after an error of the file system the next lines are tried again.
 */
import { open } from 'node:fs';
import { promisify } from 'node:util';
import { pino } from 'pino';
import type { Clock } from './clock.ts';
import { messageOf } from './errors.ts';

export interface LineFile {
  /** One line without its end. */
  write(line: string): void;
  /** Writes out what is queued. */
  close(): Promise<void>;
}

export interface LineFileOptions {
  readonly clock: Clock;
  /** An absolute path, appended to; `stdout` is file descriptor 1. */
  readonly target: string;
  /** Most characters that wait to be written. */
  readonly queueLength: number;
  readonly onDrop: () => void;
  /** The first error, and the first after some success. */
  readonly onError: (message: string) => void;
}

/** How long lines may be kept back to be written together. */
const GATHER_MS = 250;
const GATHERED_LENGTH = 8192;
/** A reader of stdout that has stopped reading does not keep the service from ending. */
const CLOSE_MS = 1000;

const openFile = promisify(open);

/** Resolves when the file is open; rejects with the file system's error. */
export async function openLineFile({
  clock,
  target,
  queueLength,
  onDrop,
  onError,
}: LineFileOptions): Promise<LineFile> {
  // Opened here and not by the stream: one that could not open its file throws later, from its timer and when the process ends.
  const fileDescriptor = target === 'stdout' ? 1 : await openFile(target, 'a');
  const stream = pino.destination({
    dest: fileDescriptor,
    sync: false,
    minLength: GATHERED_LENGTH,
    maxLength: queueLength,
  });
  let isFailing = false;
  stream.on('drop', onDrop);
  stream.on('write', () => {
    isFailing = false;
  });
  stream.on('error', (error: unknown) => {
    if (!isFailing) onError(messageOf(error));
    isFailing = true;
  });
  const closed = new Promise<void>((resolve) => stream.once('close', () => resolve()));
  let isClosing = false;
  let cancelFlush: (() => void) | undefined;
  return {
    write(line) {
      if (isClosing) return;
      stream.write(`${line}\n`);
      cancelFlush ??= clock.after(GATHER_MS, () => {
        cancelFlush = undefined;
        stream.flush();
      });
    },
    async close() {
      if (isClosing) return closed;
      isClosing = true;
      cancelFlush?.();
      stream.end();
      let cancelLate = (): void => undefined;
      const late = new Promise<void>((resolve) => {
        cancelLate = clock.after(CLOSE_MS, resolve);
      });
      await Promise.race([closed, late]);
      cancelLate();
      stream.destroy();
    },
  };
}
