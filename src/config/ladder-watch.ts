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

/** What a file means now. */
type LadderVerdict =
  | { readonly kind: 'good'; readonly ladder: Ladder }
  | { readonly kind: 'bad'; readonly problems: readonly string[] };

export interface LadderWatch {
  /** Reads a watched file at once; a change is told as any other before this resolves. Files that are not watched are bad. */
  reload(file: string): Promise<LadderVerdict>;
  /** After it resolves nothing is called any more. */
  close(): Promise<void>;
}

/** A save is over when nothing has happened for this long, and the same is read again as long after that: 200 ms in all. */
const QUIET_MS = 100;
/** Saved by delete and write, the file may be away for a while; only then is it called gone. */
const GONE_MS = 1000;
/** Network and desktop mounts send no events, and a folder that was replaced loses its watch. */
const RECHECK_MS = 10_000;

/** Resolves when the folders are watched and every file that is not `known` has been read. */
export async function watchLadders(options: LadderWatchOptions): Promise<LadderWatch> {
  const { log, clock = systemClock() } = options;
  const files = [...new Set(options.files.map((file) => resolve(file)))];
  const folders = [...new Set(files.map((file) => dirname(file)))];
  const watched = files.map((file) => watchedFile(file, options));
  let closed = false;
  let cancel: (() => void) | undefined;
  let reading = Promise.resolve();

  const check = (mode: CheckMode): void => {
    reading = reading
      .then(() => checkAll(mode))
      .catch((thrown: unknown) => {
        log.error({ error: messageOf(thrown) }, 'what was called about a ladder file has failed');
        if (!closed) checkAfter(RECHECK_MS, 'usual');
      });
  };
  const checkAll = async (mode: CheckMode): Promise<void> => {
    const outcomes: CheckOutcome[] = [];
    for (const one of watched) if (!closed) outcomes.push(await one.check(mode, () => closed));
    if (closed || cancel !== undefined) return;
    if (outcomes.includes('unsettled')) checkAfter(QUIET_MS, 'usual');
    else if (outcomes.includes('gone')) checkAfter(GONE_MS, 'may-be-gone');
    else checkAfter(RECHECK_MS, 'usual');
  };
  const checkAfter = (delayMs: number, mode: CheckMode): void => {
    cancel?.();
    cancel = clock.after(delayMs, () => {
      cancel = undefined;
      check(mode);
    });
  };

  const watcher = watch(folders, {
    depth: 0,
    ignoreInitial: true,
    ignored: (path) => !folders.includes(path) && !files.includes(path) && !isLinkOfMountedConfiguration(path),
  });
  watcher.on('all', () => {
    if (!closed) checkAfter(QUIET_MS, 'usual');
  });
  watcher.on('error', (error) => log.error({ error: messageOf(error) }, 'watching ladder files failed'));
  await new Promise<void>((ready) => watcher.once('ready', () => ready()));
  check('first');
  await reading;
  return {
    reload(file) {
      const one = watched[files.indexOf(resolve(file))];
      if (one === undefined || closed) return Promise.resolve({ kind: 'bad', problems: [`${file}: is not watched`] });
      const verdict = reading.then(() => one.reload(() => closed));
      reading = verdict.then(
        () => undefined,
        () => undefined,
      );
      return verdict;
    },
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

/** `first` acts on what it reads at once, the others only on what they have read twice. */
type CheckMode = 'first' | 'usual' | 'may-be-gone';
type CheckOutcome = 'settled' | 'unsettled' | 'gone';

interface WatchedFile {
  reload(isClosed: () => boolean): Promise<LadderVerdict>;
  check(mode: CheckMode, isClosed: () => boolean): Promise<CheckOutcome>;
}

function watchedFile(file: string, options: LadderWatchOptions): WatchedFile {
  const { log } = options;
  let inForce = options.known?.get(file);
  let acted: LadderVerdict | undefined = inForce === undefined ? undefined : { kind: 'good', ladder: inForce };
  let seen: LadderVerdict | undefined;

  const act = (verdict: LadderVerdict): void => {
    const before = acted;
    acted = verdict;
    if (verdict.kind === 'bad') {
      log.warn({ file, problems: verdict.problems }, 'ladder file is bad, the last good one stays in force');
      options.onBad(file, verdict.problems);
    } else if (before === undefined) inForce = verdict.ladder;
    else if (isDeepStrictEqual(verdict.ladder, inForce)) {
      log.info({ file }, 'ladder file is good again');
      options.onRecovered?.(file);
    } else {
      inForce = verdict.ladder;
      log.info({ file }, 'ladder file has changed');
      options.onLadder(file, verdict.ladder);
    }
  };
  return {
    async reload(isClosed) {
      const found = await read(file);
      const verdict: LadderVerdict = found === 'gone' ? { kind: 'bad', problems: [goneText(file)] } : found;
      if (!isClosed() && !isDeepStrictEqual(verdict, acted)) act(verdict);
      return verdict;
    },
    async check(mode, isClosed) {
      const found = await read(file);
      if (isClosed()) return 'settled';
      const gone = found === 'gone';
      const verdict: LadderVerdict = gone ? { kind: 'bad', problems: [goneText(file)] } : found;
      if (isDeepStrictEqual(verdict, acted)) return 'settled';
      if (gone && mode === 'usual') return 'gone';
      // A file caught while it is being written reads differently a moment later.
      const settled = gone || mode === 'first' || isDeepStrictEqual(verdict, seen);
      seen = verdict;
      if (!settled) return 'unsettled';
      act(verdict);
      return 'settled';
    },
  };
}

function goneText(file: string): string {
  return `${file}: the file is gone; put it back, or change the settings`;
}

async function read(file: string): Promise<LadderVerdict | 'gone'> {
  const reading = await readLadderFile(file, file);
  if (reading.kind === 'ok') return { kind: 'good', ladder: reading.ladder };
  if (reading.kind === 'bad') return { kind: 'bad', problems: reading.problems };
  return reading.kind === 'missing' ? 'gone' : { kind: 'bad', problems: [`${file}: ${reading.text}`] };
}
