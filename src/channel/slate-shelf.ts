/**
 * Encoded slates in a folder of the data directory, so that a start has its slate at once: by what they were encoded with, and by the
 * CMAF headers that they fit. It never fails: a slate that is not there, or cannot be read, is encoded again.
 * Invariant: a file is whole or it is not taken (package/slate-bytes.ts), and there are at most MAX_FILES of them.
 */
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Period } from '../package/model.ts';
import { isSamePeriod, slatePlan } from '../package/period-plan.ts';
import type { Slate } from '../package/slate.ts';
import { slateOfBytes } from '../package/slate-bytes.ts';
import type { Clock } from '../system/clock.ts';
import { messageOf } from '../system/errors.ts';
import type { Logger } from '../system/log.ts';
import { slateCommand } from '../transcode/arguments.ts';
import type { TranscodePlan } from '../transcode/model.ts';

const SUFFIX = '.slate';
/** Ladders of all Channels, and what was on air before they were changed. */
const MAX_FILES = 32;

export class SlateShelf {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #log: Logger;

  constructor(folder: string, clock: Clock, log: Logger) {
    this.#folder = folder;
    this.#clock = clock;
    this.#log = log;
  }

  read(key: string): Slate | undefined {
    const slate = this.#slateIn(`${key}${SUFFIX}`);
    const path = join(this.#folder, `${key}${SUFFIX}`);
    const seconds = this.#clock.nowMs() / 1000;
    // The oldest by time go first: one in use is not old.
    if (slate !== undefined) this.#tried('touched', () => utimesSync(path, seconds, seconds));
    return slate;
  }

  /**
   * One with the very CMAF headers of this Period: what is unfinished of it can be finished. hasParts: each part must be independent; Channels
   * of all latencies share the shelf, and their headers are equal.
   */
  fitting(period: Period, hasParts: boolean): Slate | undefined {
    let other: Slate | undefined;
    for (const name of this.#names()) {
      const slate = this.#slateIn(name);
      if (slate === undefined || !period.tracks.every(({ id }) => slate.inits.has(id))) continue;
      if (!isSamePeriod(period, slatePlan(slate.grid, period.tracks, slate))) continue;
      if (slate.hasIndependentParts === hasParts) return slate;
      other ??= slate;
    }
    return hasParts ? undefined : other;
  }

  write(key: string, bytes: Buffer): void {
    this.#tried('kept', () => {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      const path = join(this.#folder, `${key}${SUFFIX}`);
      writeFileSync(`${path}.new`, bytes, { mode: 0o600 });
      renameSync(`${path}.new`, path);
      for (const name of this.#names().slice(MAX_FILES)) unlinkSync(join(this.#folder, name));
    });
  }

  #slateIn(name: string): Slate | undefined {
    try {
      return slateOfBytes(readFileSync(join(this.#folder, name)));
    } catch {
      return undefined;
    }
  }

  /** Newest first. */
  #names(): string[] {
    try {
      const names = readdirSync(this.#folder).filter((name) => name.endsWith(SUFFIX));
      const times = new Map(names.map((name) => [name, statSync(join(this.#folder, name)).mtimeMs]));
      return names.toSorted((a, b) => (times.get(b) ?? 0) - (times.get(a) ?? 0));
    } catch {
      return [];
    }
  }

  #tried(what: string, act: () => void): void {
    try {
      act();
    } catch (thrown) {
      this.#log.warn({ folder: this.#folder, problem: messageOf(thrown) }, `an encoded slate could not be ${what}`);
    }
  }
}

/** What a slate is encoded with: its arguments, the program, the picture. Hex. */
export function slateKey(
  plan: TranscodePlan,
  { ffmpegPath, picturePath }: { readonly ffmpegPath: string; readonly picturePath: string | undefined },
): string {
  const picture = picturePath === undefined ? { width: 0, height: 0 } : { path: picturePath };
  const command = slateCommand({ plan, urlOf: (track) => track, headers: {}, picture });
  const hash = createHash('sha256').update(JSON.stringify([command, ffmpegPath, programOf(ffmpegPath)]));
  if (picturePath !== undefined) hash.update(contentOf(picturePath));
  return hash.digest('hex').slice(0, 32);
}

/** Another program has another size or another time. */
function programOf(path: string): readonly number[] {
  try {
    const { size, mtimeMs } = statSync(path);
    return [size, mtimeMs];
  } catch {
    return [];
  }
}

function contentOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}
