/**
 * The generated match as a child process whose stdout is pictures (samples/match-feed.mjs, a program of its own so that drawing
 * does not share a thread with serving). Invariant: the child ends when its reader leaves.
 */
import { execFile, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { MatchPicture } from './push-command.ts';

const PROGRAM_PATH = fileURLToPath(new URL('../../samples/match-feed.mjs', import.meta.url));

export interface MatchFeed {
  readonly pictures: Readable;
  /** Resolves when the child has ended, with the last thing that it said. */
  readonly ended: Promise<string>;
  kill(): void;
}

/** The ffmpeg lavfi source of the match's sound. */
export async function matchSound(): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM_PATH, '--beep'], { timeout: 10_000 });
  return stdout.trim();
}

/** Starts the match: endless and in real time, or so many seconds of it as fast as they are read. */
export function startMatchFeed({ size, fps }: MatchPicture, seconds?: number): MatchFeed {
  const pace = seconds === undefined ? ['--realtime'] : ['--seconds', `${seconds}`];
  const child = spawn(process.execPath, [PROGRAM_PATH, ...pace, '--size', size, '--fps', fps], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text: string) => {
    said = `${said}${text}`.slice(-2000);
  });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(said.trim() || `ended with ${signal ?? code}`));
  });
  // A reader that leaves in the middle of a frame is no fault.
  child.stdout.on('error', () => undefined);
  return { pictures: child.stdout, ended, kill: () => child.kill('SIGKILL') };
}
