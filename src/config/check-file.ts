/**
 * A ladder or settings file, looked at as the service would read it: what it is, and every problem in it.
 * It never starts anything and makes no key. Invariant: a file that has no problem here is taken by `serve`.
 */
import { resolve } from 'node:path';
import { parseLadder } from './ladder.ts';
import { loadSettings } from './settings.ts';
import { STREAM_KEY_VARIABLE } from './settings-overrides.ts';
import { shownPath } from './shipped-ladders.ts';
import { readTextFile } from './text-file.ts';
import type { Environment } from './variables.ts';

export interface FileReport {
  readonly kind: 'ladder' | 'settings';
  /** `file:line:column path: what is wrong; what would be right`, in the order of the file. */
  readonly problems: readonly string[];
  /** What is taken otherwise than written. */
  readonly notes: readonly string[];
}

const MAX_BYTES = 1_000_000;
/** Keys that only a ladder has at its top. */
const LADDER_KEYS = /^(?:video|audio|segment|frameRate)\s*:/m;
const SETTINGS_KEYS = /^(?:channels|http|rtmp|rtmps|cmaf|control|webhooks)\s*:/m;

/** undefined: there is no such file. */
export async function checkFile(path: string, env: Environment, cwd: string): Promise<FileReport | undefined> {
  const absolute = resolve(cwd, path);
  const shownAs = shownPath(absolute, cwd);
  const file = await readTextFile(absolute, MAX_BYTES);
  if (file.kind === 'missing') return undefined;
  if (file.kind === 'unreadable') return { kind: 'settings', problems: [`${shownAs}: ${file.reason}`], notes: [] };
  if (LADDER_KEYS.test(file.text) && !SETTINGS_KEYS.test(file.text)) {
    const reading = parseLadder(file.text, shownAs);
    return reading.kind === 'ok'
      ? { kind: 'ladder', problems: [], notes: reading.notes }
      : { kind: 'ladder', problems: reading.problems, notes: [] };
  }
  const reading = await loadSettings({ flags: {}, env: withoutOverrides(env, file.text), cwd, configFile: absolute });
  return reading.kind === 'ok'
    ? { kind: 'settings', problems: [], notes: reading.notes }
    : { kind: 'settings', problems: reading.problems, notes: [] };
}

/** It is the file that is looked at, not this shell; what the file itself takes from it stays. */
function withoutOverrides(env: Environment, text: string): Environment {
  const isKept = (name: string): boolean =>
    !name.startsWith('PITCHSIDE_') || name === STREAM_KEY_VARIABLE || text.includes(`\${${name}}`);
  return Object.fromEntries(Object.entries(env).filter(([name]) => isKept(name)));
}
