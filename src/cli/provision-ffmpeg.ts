/**
 * A usable ffmpeg for `demo` and for the tests: first what is there, then a download, then Debian's package, else what to do by hand.
 * The plan is pure; the walk over it is thin and says each step before it takes it. It never touches an ffmpeg that somebody named:
 * a path from the settings or FFMPEG_PATH that does not work is an error, never a reason to take another.
 */
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { ServiceError } from '../system/errors.ts';
import {
  aptCommands,
  commandLine,
  findProgram,
  type InstallCommand,
  type InstallResult,
  type Machine,
  runInstallCommand,
  thisMachine,
} from './install-step.ts';

/** Where an ffmpeg came from, in the words that people read. */
type FfmpegSource = '--ffmpeg (or PITCHSIDE_FFMPEG)' | 'FFMPEG_PATH' | 'ffmpeg-static' | 'PATH' | 'apt-get';

export interface FfmpegFacts {
  readonly machine: Machine;
  /** `ffmpegPath` of the settings. */
  readonly settingPath: string | undefined;
  /** FFMPEG_PATH of the environment. */
  readonly environmentPath: string | undefined;
  /** Where ffmpeg-static keeps its file, whether it is there or not; undefined when the package is not installed. */
  readonly staticPath: string | undefined;
  /** `ffmpeg` of PATH. */
  readonly onPath: string | undefined;
  /** `--no-install`: only look. */
  readonly lookOnly: boolean;
}

export type FfmpegStep =
  /** Takes the file when it is there and works. `named`: somebody chose it, so nothing else may be taken. */
  | {
      readonly kind: 'look';
      readonly source: FfmpegSource;
      readonly path: string;
      readonly named: boolean;
    }
  /** Installs, then takes the file when it works. `path` undefined: look on PATH again. */
  | {
      readonly kind: 'install';
      readonly source: FfmpegSource;
      readonly says: string;
      readonly commands: readonly InstallCommand[];
      readonly path: string | undefined;
    };

/** How long ffmpeg-static's own installer may take: where its site is blackholed it would wait for minutes. */
export const STATIC_DOWNLOAD_LIMIT_MS = 45_000;

const INSTALL_SCRIPT = 'install.js';

/** The steps in order; the first that yields a working ffmpeg ends the walk. */
export function planFfmpeg(facts: FfmpegFacts): readonly FfmpegStep[] {
  const { machine, settingPath, environmentPath, staticPath, onPath } = facts;
  if (settingPath !== undefined)
    return [{ kind: 'look', source: '--ffmpeg (or PITCHSIDE_FFMPEG)', path: settingPath, named: true }];
  if (environmentPath)
    return [
      {
        kind: 'look',
        source: 'FFMPEG_PATH',
        path: environmentPath,
        named: true,
      },
    ];
  const steps: FfmpegStep[] = [];
  if (staticPath !== undefined)
    steps.push({
      kind: 'look',
      source: 'ffmpeg-static',
      path: staticPath,
      named: false,
    });
  if (onPath !== undefined) steps.push({ kind: 'look', source: 'PATH', path: onPath, named: false });
  if (facts.lookOnly) return steps;
  if (staticPath !== undefined) steps.push(downloadStep(staticPath));
  if (machine.apt && machine.root) {
    const { update, install } = aptCommands(['ffmpeg']);
    const says = `installing Debian's ffmpeg (${commandLine(install)})`;
    steps.push({
      kind: 'install',
      source: 'apt-get',
      says,
      commands: [update, install],
      path: undefined,
    });
  }
  return steps;
}

function downloadStep(staticPath: string): FfmpegStep {
  const script = path.join(path.dirname(staticPath), INSTALL_SCRIPT);
  const command = {
    command: process.execPath,
    args: [script],
    env: { CI: '1', FFMPEG_BIN: staticPath },
    limitMs: STATIC_DOWNLOAD_LIMIT_MS,
  };
  const says = `downloading ffmpeg by the package ffmpeg-static (at most ${STATIC_DOWNLOAD_LIMIT_MS / 1000} s)`;
  return {
    kind: 'install',
    source: 'ffmpeg-static',
    says,
    commands: [command],
    path: staticPath,
  };
}

/** What a person can do on this machine, a whole sentence. */
export function ffmpegHint(machine: Machine): string {
  const ways: Partial<Record<NodeJS.Platform, string>> = {
    darwin: 'Run `brew install ffmpeg`',
    win32: 'Run `winget install Gyan.FFmpeg` and open a new terminal',
  };
  const linux = machine.apt ? 'Run `sudo apt-get install ffmpeg`' : "Install ffmpeg by the system's package manager";
  return `${ways[machine.platform] ?? linux}, or set FFMPEG_PATH to an ffmpeg 5.1 or newer with libx264.`;
}

/** The effects of the walk, given so that the walk can be tested. */
export interface FfmpegEffects {
  /** undefined when the file is a usable ffmpeg, else half a sentence: `has no libx264`. */
  check(file: string): Promise<string | undefined>;
  run(command: InstallCommand): Promise<InstallResult>;
  findOnPath(): string | undefined;
  remove(file: string): void;
  /** Somebody wants the walk to end: nothing more is begun. */
  stopped(): boolean;
  /** A line for people. */
  say(line: string): void;
}

export interface ProvisionedFfmpeg {
  readonly path: string;
  readonly source: FfmpegSource;
}

/**
 * Walks the plan.
 * @throws ServiceError PROVISION_FAILED with every reason and what to do; the process edge answers it with exit code 2
 */
export async function provisionFfmpeg(facts: FfmpegFacts, effects: FfmpegEffects): Promise<ProvisionedFfmpeg> {
  const steps = planFfmpeg(facts);
  const reasons: string[] = [];
  let announced = false;
  for (const step of steps) {
    if (effects.stopped()) break;
    if (step.kind === 'install' && !announced) {
      effects.say(announcement(steps));
      announced = true;
    }
    const taken = step.kind === 'look' ? await look(step, effects, reasons) : await install(step, effects, reasons);
    if (taken !== undefined) return { path: taken, source: step.source };
  }
  const named = steps.find((step) => step.kind === 'look' && step.named);
  throw new ServiceError(
    'PROVISION_FAILED',
    named ? `${named.source} names an ffmpeg that is of no use` : 'no usable ffmpeg',
    {
      hint: `${reasons.length > 0 ? `Tried: ${reasons.join('; ')}. ` : ''}${named ? NAMED_HINT : wayOut(facts)}`,
      details: { reasons },
    },
  );
}

const NAMED_HINT = 'Name an ffmpeg 5.1 or newer with libx264 there, or leave it out to take the one on PATH.';

function wayOut({ machine, lookOnly }: FfmpegFacts): string {
  return `${ffmpegHint(machine)}${lookOnly ? ' Without --no-install it is fetched.' : ''}`;
}

/** Said once, before anything is fetched. */
function announcement(steps: readonly FfmpegStep[]): string {
  const ways = steps.flatMap((step) => (step.kind === 'install' ? [step.says] : []));
  return `ffmpeg is missing. What will be tried: ${ways.join(', then ')}.`;
}

async function look(
  step: FfmpegStep & { kind: 'look' },
  effects: FfmpegEffects,
  reasons: string[],
): Promise<string | undefined> {
  const problem = await effects.check(step.path);
  if (problem === undefined) return step.path;
  reasons.push(
    problem.includes(step.path) ? `${step.source}: ${problem}` : `${step.source} (${step.path}): ${problem}`,
  );
  return undefined;
}

async function install(
  step: FfmpegStep & { kind: 'install' },
  effects: FfmpegEffects,
  reasons: string[],
): Promise<string | undefined> {
  // The installer takes any file that is there for a finished one, also half a download.
  if (step.path !== undefined) effects.remove(step.path);
  let why: string | undefined;
  for (const command of step.commands) {
    if (effects.stopped()) break;
    effects.say(`ffmpeg: ${commandLine(command)}`);
    const result = await effects.run(command);
    why = result.ok ? undefined : result.why;
  }
  const file = step.path ?? effects.findOnPath();
  const problem = file === undefined ? 'not found afterwards' : await effects.check(file);
  if (file !== undefined && problem === undefined) return file;
  if (step.path !== undefined) effects.remove(step.path);
  const reason = `${step.source}: ${why ?? problem}`;
  reasons.push(reason);
  effects.say(`ffmpeg: ${reason}`);
  return undefined;
}

/** Where ffmpeg-static's file is or would be; undefined when the optional package was not installed. */
function ffmpegStaticPath(): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve('ffmpeg-static/package.json');
    return path.join(path.dirname(manifest), process.platform === 'win32' ? 'ffmpeg.exe' : 'ffmpeg');
  } catch {
    return undefined;
  }
}

/** The facts of this machine; `settingPath` comes from the settings, `lookOnly` from `--no-install`. */
export function ffmpegFacts(
  settingPath: string | undefined,
  lookOnly: boolean,
  env: NodeJS.ProcessEnv = process.env,
): FfmpegFacts {
  return {
    machine: thisMachine(env),
    settingPath,
    environmentPath: env['FFMPEG_PATH'],
    staticPath: ffmpegStaticPath(),
    onPath: findProgram('ffmpeg', env['PATH']),
    lookOnly,
  };
}

/** The real effects; an aborted `signal` stops what is being installed. */
export function ffmpegEffects(
  check: FfmpegEffects['check'],
  say: FfmpegEffects['say'],
  signal?: AbortSignal,
): FfmpegEffects {
  return {
    check,
    say,
    run: (command) => runInstallCommand(command, signal),
    findOnPath: () => findProgram('ffmpeg', process.env['PATH']),
    remove: (file) => rmSync(file, { force: true }),
    stopped: () => signal?.aborted === true,
  };
}
