/**
 * One outside command that installs something, with a time limit, and what kind of machine it would run on.
 * It never decides what to install and never prints. Invariant: when it answers, the command has ended or has been killed.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';

export interface InstallCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly limitMs: number;
}

/** `why` is half a sentence: `exit code 100: E: Unable to locate package`. */
export type InstallResult = { readonly ok: true } | { readonly ok: false; readonly why: string };

/** What decides how a program can be had. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly root: boolean;
  /** `apt-get` is there: Debian, Ubuntu and their like. */
  readonly apt: boolean;
}

const TERM_GRACE_MS = 5000;
/** A person who pressed Ctrl-C waits 5 s for everything. */
const ABORT_GRACE_MS = 3000;
const INTERRUPTED = 'interrupted';
const TAIL_CHARACTERS = 2000;

export function commandLine({ command, args }: InstallCommand): string {
  return [command, ...args].join(' ');
}

/** Both steps of Debian's way to get packages. A failed update may be survived (old lists), a failed install not. */
export function aptCommands(packages: readonly string[]): {
  readonly update: InstallCommand;
  readonly install: InstallCommand;
} {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  return {
    update: { command: 'apt-get', args: ['update'], env, limitMs: 120_000 },
    install: {
      command: 'apt-get',
      args: ['install', '-y', '--no-install-recommends', ...packages],
      env,
      limitMs: 420_000,
    },
  };
}

/**
 * The absolute path of a program, looked for in the folders of a PATH, then in `extraFolders`; undefined when it is nowhere.
 */
export function findProgram(
  name: string,
  pathVariable: string | undefined,
  extraFolders: readonly string[] = [],
  isExecutable: (file: string) => boolean = canExecute,
  platform: NodeJS.Platform = process.platform,
): string | undefined {
  const { delimiter, join } = platform === 'win32' ? path.win32 : path.posix;
  const file = platform === 'win32' ? `${name}.exe` : name;
  const folders = (pathVariable ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...folders, ...extraFolders].map((folder) => join(folder, file)).find(isExecutable);
}

function canExecute(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

export function thisMachine(env: NodeJS.ProcessEnv = process.env): Machine {
  return {
    platform: process.platform,
    root: process.getuid?.() === 0,
    apt: process.platform === 'linux' && findProgram('apt-get', env['PATH'], ['/usr/bin']) !== undefined,
  };
}

/** Runs it to its end: SIGTERM at the limit or at the abort, SIGKILL a few seconds later. After an abort it begins nothing. */
export function runInstallCommand(step: InstallCommand, signal?: AbortSignal): Promise<InstallResult> {
  if (signal?.aborted) return Promise.resolve({ ok: false, why: INTERRUPTED });
  return new Promise((resolve) => {
    const child = spawn(step.command, step.args, {
      env: { ...process.env, ...step.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let tail = '';
    let stopped: string | undefined;
    let killTimer: NodeJS.Timeout | undefined;
    const stop = (reason: string): void => {
      if (stopped !== undefined) return;
      stopped = reason;
      child.kill('SIGTERM');
      const graceMs = reason === INTERRUPTED ? ABORT_GRACE_MS : TERM_GRACE_MS;
      killTimer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    };
    const limit = setTimeout(() => stop(`stopped after ${step.limitMs / 1000} s`), step.limitMs);
    const onAbort = (): void => stop(INTERRUPTED);
    const finish = (result: InstallResult): void => {
      clearTimeout(limit);
      clearTimeout(killTimer);
      signal?.removeEventListener('abort', onAbort);
      resolve(result);
    };
    signal?.addEventListener('abort', onAbort);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        tail = (tail + chunk.toString()).slice(-TAIL_CHARACTERS);
      });
    }
    child.on('error', (error) => finish({ ok: false, why: error.message }));
    child.on('close', (code, killedBy) => {
      if (code === 0 && stopped === undefined) finish({ ok: true });
      else
        finish({
          ok: false,
          why: stopped ?? `${code === null ? killedBy : `exit code ${code}`}${lastLine(tail)}`,
        });
    });
  });
}

/** The line that says most: the last one that speaks of an error, else the last one with a word in it. */
function lastLine(tail: string): string {
  const lines = tail.split(/[\r\n]+/).filter((text) => /[A-Za-z]{3}/.test(text));
  const line =
    lines.findLast((text) => /^E: |\b[A-Za-z]*Error: /.test(text)) ??
    lines.findLast((text) => /\b[Ee]rror\b|^E: |[Ff]ailed|\bE[A-Z]{4,}\b/.test(text)) ??
    lines.at(-1);
  return line === undefined ? '' : `: ${line.trim().slice(0, 200)}`;
}
