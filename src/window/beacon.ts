/**
 * Says to the next life, without the disk, whether all that this life served is in its journal. One small file on a memory file system
 * (and in the folder for temporary files, when that is elsewhere than the data) holds the incarnation and a letter that is written over
 * in place: `w` all is written, `m` something was served from memory alone. Both outlive a kill of the process, neither a new start of
 * the machine, which is another incarnation anyway (D-141).
 * Invariant: `w` is only found if mark() was never called for this incarnation, or clear() after it.
 */
import { closeSync, constants, fstatSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeFile } from './file-system.ts';

export interface Beacon {
  /** Something is about to be served that the journal cannot note. False: the next life could not know. */
  mark(): boolean;
  /** All that was served is in the journal. False: the next life will take it that it is not. */
  clear(): boolean;
  /** The journal says itself that this life has ended. */
  remove(): void;
}

const READ_LIMIT_BYTES = 256;
const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

/** Where beacons of this data folder stand: the memory file system, and the temporary folder of another device. */
export function beaconPlaces(dataFolder: string): string[] {
  const device = (path: string): number | undefined => {
    try {
      return statSync(path).dev;
    } catch {
      return undefined;
    }
  };
  const [ofData, memory, temporary] = [device(dataFolder), device('/dev/shm'), device(tmpdir())];
  const places: string[] = [];
  if (memory !== undefined && memory !== ofData) places.push('/dev/shm');
  // A container that is started again has another memory file system and the same temporary folder; a Kubernetes pod the other way round.
  if (temporary !== undefined && temporary !== memory && (temporary !== ofData || places.length === 0))
    places.push(tmpdir());
  return places;
}

function pathIn(place: string, name: string): string {
  return join(place, `pitchside-${process.getuid?.() ?? 0}-${name}`);
}

/** What the life of this incarnation left; undefined when nothing is found. */
export function readBeacon(
  places: readonly string[],
  name: string,
  incarnation: string,
): 'written' | 'memory' | undefined {
  const found = places.flatMap((place) => readOne(pathIn(place, name), incarnation) ?? []);
  if (found.length === 0) return undefined;
  return found.every((letter) => letter === 'w') ? 'written' : 'memory';
}

function readOne(path: string, incarnation: string): string | undefined {
  try {
    const fd = openSync(path, O_RDWR | O_NOFOLLOW);
    try {
      // Anybody may put a file there: only our own counts.
      if (fstatSync(fd).uid !== (process.getuid?.() ?? 0)) return undefined;
      const bytes = Buffer.alloc(READ_LIMIT_BYTES);
      const text = bytes.toString('latin1', 0, readSync(fd, bytes, 0, READ_LIMIT_BYTES, 0));
      return text.slice(1) === ` ${incarnation}\n` ? text[0] : undefined;
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
}

/** Puts a beacon, `w`, into each place that takes one. In none: mark() is false then. */
export function openBeacon(places: readonly string[], name: string, incarnation: string): Beacon {
  const files = places.flatMap((place) => {
    const path = pathIn(place, name);
    try {
      removeFile(path);
      const fd = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      writeSync(fd, `w ${incarnation}\n`, 0);
      return [{ path, fd }];
    } catch {
      return [];
    }
  });
  const write = (letter: 'w' | 'm'): boolean =>
    files.every(({ fd }) => {
      try {
        return writeSync(fd, letter, 0) === 1;
      } catch {
        return false;
      }
    });
  return {
    mark: () => files.length > 0 && write('m'),
    clear: () => write('w'),
    remove() {
      for (const { path, fd } of files.splice(0)) {
        closeSync(fd);
        removeFile(path);
      }
    },
  };
}
