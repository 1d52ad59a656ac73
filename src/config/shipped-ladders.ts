/**
 * Where a ladder's name or path leads, and the ladders that come with the product.
 * It never falls back to another ladder: what is named is found, or is a problem that lists what there is.
 */
import { readdir } from 'node:fs/promises';
import { basename, isAbsolute, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type LadderReading, MAX_LADDER_BYTES, parseLadder } from './ladder.ts';
import type { ProblemCode } from './problem.ts';
import { nearestOf } from './shape.ts';
import { readTextFile } from './text-file.ts';

/** Two levels up from src/config and from dist/config alike. */
export const LADDERS_DIRECTORY = fileURLToPath(new URL('../../ladders', import.meta.url));

const SHIPPED_NAME = /^[a-z0-9][a-z0-9-]*$/;

/** Names without `.yaml`, sorted. */
async function shippedLadderNames(): Promise<string[]> {
  const files = await readdir(LADDERS_DIRECTORY).catch((): string[] => []);
  return files
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort();
}

export type LadderLookup =
  | (Extract<LadderReading, { kind: 'ok' }> & { readonly path: string })
  | {
      readonly kind: 'unknown';
      readonly code: ProblemCode;
      /** What is wrong with the reference; the place is the caller's. */
      readonly text: string;
    }
  | (Extract<LadderReading, { kind: 'bad' }> & { readonly path: string });

/** A bare word is a shipped ladder; anything with a dot or slash is a path relative to `baseDirectory`. */
export async function findLadder(reference: string, baseDirectory: string, cwd: string): Promise<LadderLookup> {
  const shipped = SHIPPED_NAME.test(reference);
  const path = shipped ? resolve(LADDERS_DIRECTORY, `${reference}.yaml`) : resolve(baseDirectory, reference);
  const reading = await readLadderFile(path, shownPath(path, cwd));
  if (reading.kind !== 'missing') return reading.kind === 'unknown' ? reading : { ...reading, path };
  const names = await shippedLadderNames();
  const nearest = shipped ? nearestOf(reference, names) : undefined;
  const meant = nearest === undefined ? '' : `did you mean ${nearest}? `;
  const missing = shipped ? 'there is no shipped ladder of this name' : `there is no file ${shownPath(path, cwd)}`;
  return {
    kind: 'unknown',
    code: 'LADDER_UNKNOWN',
    text: `${missing}; ${meant}shipped are ${names.join(', ') || '(none)'}; your own is named by its path, such as ./my-ladder.yaml`,
  };
}

/** Reads and checks one ladder file; `shownAs` is what problems call it. */
export async function readLadderFile(
  path: string,
  shownAs: string,
): Promise<
  | LadderReading
  | {
      readonly kind: 'unknown';
      readonly code: ProblemCode;
      readonly text: string;
    }
  | { kind: 'missing' }
> {
  const file = await readTextFile(path, MAX_LADDER_BYTES);
  if (file.kind === 'missing') return { kind: 'missing' };
  if (file.kind === 'unreadable')
    return {
      kind: 'unknown',
      code: 'CONFIG_UNREADABLE',
      text: `the ladder ${shownAs} cannot be used: ${file.reason}`,
    };
  return parseLadder(file.text, shownAs, basename(path).replace(/\.ya?ml$/i, ''));
}

/** Relative to cwd where the file is inside of it, so that terminals and editors can open `file:line:column`. */
export function shownPath(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return short === '' || short.startsWith('..') || isAbsolute(short) ? path : short;
}
