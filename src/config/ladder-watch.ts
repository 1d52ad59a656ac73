/**
 * Ladder files watched while the service runs: a good change is handed on, a bad one keeps the last good Ladder.
 * It watches the folders, not the files: editors save by renaming, and mounted configuration is swapped by a link.
 * Invariant: onLadder is called only when what the file means has changed, onBad only when its problems have.
 */
import { dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { watch } from 'chokidar';
import { type Clock, systemClock } from '../system/clock.ts';
import { messageOf } from '../system/errors.ts';
import type { Logger } from '../system/log.ts';
import type { Ladder } from './model.ts';
import { readLadderFile } from './shipped-ladders.ts';

export interface LadderWatchOptions {
  /** Absolute paths, as in ChannelSettings.ladderPath. */
  readonly files: readonly string[];
  readonly log: Logger;
  /** Ladders in force by file; a file that is not in it is read once at the start, and that is in force. */
  readonly known?: ReadonlyMap<string, Ladder>;
  /** The file means something new. */
  onLadder(file: string, ladder: Ladder): void;
  /** The file is wrong or gone; the Ladder in force stays. Every problem as `file:line:column path: ...`. */
  onBad(file: string, problems: readonly string[]): void;
  /** A file that was bad means again what is in force. */
  onRecovered?(file: string): void;
  readonly clock?: Clock;
}

export interface LadderWatch {
  /** After it resolves nothing is called any more. */
  close(): Promise<void>;
}

/** An editor's save is several events within a few milliseconds. */
const SETTLE_MS = 200;
/** Saved by delete and write, the file may be away for longer than that; only then is it called gone. */
const GONE_MS = 1000;

/** Resolves when the folders are watched and every file that is not `known` has been read. */
export async function watchLadders(options: LadderWatchOptions): Promise<LadderWatch> {
  const { log, clock = systemClock() } = options;
  const files = [...new Set(options.files.map((file) => resolve(file)))];
  const folders = [...new Set(files.map((file) => dirname(file)))];
  const watched = files.map((file) => watchedFile(file, options));
  let closed = false;
  let cancel: (() => void) | undefined;
  let reading = Promise.resolve();

  const check = (mayBeGone: boolean): void => {
    reading = reading.then(async () => {
      for (const one of watched) {
        if (closed) return;
        if ((await one.check(mayBeGone, () => closed)) === 'gone' && !closed && cancel === undefined)
          settle(GONE_MS, true);
      }
    });
  };
  const settle = (delayMs: number, mayBeGone: boolean): void => {
    cancel?.();
    cancel = clock.after(delayMs, () => {
      cancel = undefined;
      check(mayBeGone);
    });
  };

  const watcher = watch(folders, {
    depth: 0,
    ignoreInitial: true,
    ignored: (path) => !folders.includes(path) && !files.includes(path) && !isLinkOfMountedConfiguration(path),
  });
  watcher.on('all', () => settle(SETTLE_MS, false));
  watcher.on('error', (error) => log.error({ error: messageOf(error) }, 'watching ladder files failed'));
  await new Promise<void>((ready) => watcher.once('ready', () => ready()));
  check(true);
  await reading;
  return {
    async close() {
      closed = true;
      cancel?.();
      await watcher.close();
      await reading;
    },
  };
}

/** Kubernetes mounts a ConfigMap as FILE -> ..data/FILE and swaps the link ..data; FILE itself never changes. */
function isLinkOfMountedConfiguration(path: string): boolean {
  return path.endsWith('/..data');
}

interface WatchedFile {
  /** `gone`: there is no file now, and it was not yet called gone. */
  check(mayBeGone: boolean, isClosed: () => boolean): Promise<'read' | 'gone'>;
}

function watchedFile(file: string, { known, log, onLadder, onBad, onRecovered }: LadderWatchOptions): WatchedFile {
  let inForce = known?.get(file);
  let reported: readonly string[] | undefined;

  const bad = (problems: readonly string[]): void => {
    if (isDeepStrictEqual(problems, reported)) return;
    reported = problems;
    log.warn({ file, problems }, 'ladder file is bad, the last good one stays in force');
    onBad(file, problems);
  };
  const good = (ladder: Ladder): void => {
    const wasBad = reported !== undefined;
    reported = undefined;
    const before = inForce;
    inForce = ladder;
    if (before === undefined && !wasBad) return;
    if (!isDeepStrictEqual(ladder, before)) {
      log.info({ file }, 'ladder file has changed');
      onLadder(file, ladder);
    } else if (wasBad) {
      log.info({ file }, 'ladder file is good again');
      onRecovered?.(file);
    }
  };
  return {
    async check(mayBeGone, isClosed) {
      const reading = await readLadderFile(file, file);
      if (isClosed()) return 'read';
      if (reading.kind === 'ok') good(reading.ladder);
      else if (reading.kind === 'bad') bad(reading.problems);
      else if (reading.kind === 'unknown') bad([`${file}: ${reading.text}`]);
      else if (mayBeGone) bad([`${file}: the file is gone; put it back, or change the settings`]);
      else return 'gone';
      return 'read';
    },
  };
}
