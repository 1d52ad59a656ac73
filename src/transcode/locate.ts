/**
 * Finds an ffmpeg that can do the work, and says what is wrong with the one that cannot.
 * It never installs anything. Invariant: a path that a person named is taken or refused, never silently passed over.
 */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

type FfmpegOrigin = 'setting' | 'FFMPEG_PATH' | 'ffmpeg-static' | 'PATH';

export type FfmpegLocation =
  | { readonly kind: 'found'; readonly path: string; readonly version: string; readonly origin: FfmpegOrigin }
  | {
      readonly kind: 'missing' | 'too-old' | 'no-encoder';
      /** The last candidate that was looked at, if there was one. */
      readonly path: string | undefined;
      readonly message: string;
      readonly hint: string;
    };

export interface LocateRequest {
  /** `ffmpegPath` of the settings. */
  readonly setting: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What locate needs of the machine; tests hand in their own. */
export interface LocateMachine {
  isExecutable(path: string): Promise<boolean>;
  /** What ffmpeg-static would run, if the package is there. */
  staticPath(): Promise<string | undefined>;
  /** stdout and stderr of the program, or undefined when it could not be run or failed. */
  run(path: string, args: readonly string[]): Promise<string | undefined>;
}

const OLDEST = { major: 5, minor: 1 };
const INSTALL_HINT =
  'Install ffmpeg 5.1 or newer with libx264 (`apt-get install ffmpeg`, `brew install ffmpeg`) or set FFMPEG_PATH.';
const NAMED_HINT = 'Name an ffmpeg 5.1 or newer with libx264 there, or leave it out to use the one on PATH.';

/** The first usable of: setting, FFMPEG_PATH, ffmpeg-static if its file is there, `ffmpeg` on PATH. */
export async function locateFfmpeg(
  request: LocateRequest,
  machine: LocateMachine = thisMachine,
): Promise<FfmpegLocation> {
  if (request.setting !== undefined) return checkNamed(request.setting, 'setting', machine);
  const named = request.environment['FFMPEG_PATH'];
  if (named !== undefined && named !== '') return checkNamed(named, 'FFMPEG_PATH', machine);
  let unusable: FfmpegLocation | undefined;
  for (const candidate of await candidates(request, machine)) {
    const location = await checkFfmpeg(candidate.path, candidate.origin, machine);
    if (location.kind === 'found') return location;
    unusable = location;
  }
  return unusable ?? { kind: 'missing', path: undefined, message: 'no ffmpeg was found', hint: INSTALL_HINT };
}

async function candidates(
  { environment }: LocateRequest,
  machine: LocateMachine,
): Promise<{ readonly path: string; readonly origin: FfmpegOrigin }[]> {
  const found: { path: string; origin: FfmpegOrigin }[] = [];
  const fromPackage = await machine.staticPath();
  // Its install step downloads; where that was refused the package is there and its file is not.
  if (fromPackage !== undefined && (await machine.isExecutable(fromPackage))) {
    found.push({ path: fromPackage, origin: 'ffmpeg-static' });
  }
  for (const directory of (environment['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, process.platform === 'win32' ? 'ffmpeg.exe' : 'ffmpeg');
    if (directory !== '' && (await machine.isExecutable(path))) found.push({ path, origin: 'PATH' });
  }
  return found;
}

async function checkNamed(path: string, origin: FfmpegOrigin, machine: LocateMachine): Promise<FfmpegLocation> {
  if (await machine.isExecutable(path)) {
    const location = await checkFfmpeg(path, origin, machine);
    return location.kind === 'found' ? location : { ...location, hint: NAMED_HINT };
  }
  const where = origin === 'setting' ? 'the setting ffmpeg (--ffmpeg, PITCHSIDE_FFMPEG)' : 'FFMPEG_PATH';
  return {
    kind: 'missing',
    path,
    message: `${where} names ${path}, which is not a program that can be run`,
    hint: 'Correct the path, or leave it out to use the ffmpeg on PATH.',
  };
}

/** Runs the program and looks at its version, encoders, formats and protocols. */
export async function checkFfmpeg(
  path: string,
  origin: FfmpegOrigin,
  machine: LocateMachine = thisMachine,
): Promise<FfmpegLocation> {
  const banner = await machine.run(path, ['-hide_banner', '-version']);
  const version = banner === undefined ? undefined : /^ffmpeg version (\S+)/m.exec(banner)?.[1];
  if (version === undefined) {
    const message = `${path} does not answer \`-version\` like an ffmpeg`;
    return { kind: 'missing', path, message, hint: INSTALL_HINT };
  }
  if (isTooOld(version)) {
    const message = `${path} is ffmpeg ${version}; ${OLDEST.major}.${OLDEST.minor} or newer is needed`;
    return { kind: 'too-old', path, message, hint: INSTALL_HINT };
  }
  const lacks = await missingParts(path, machine);
  if (lacks.length > 0) {
    const message = `${path} (ffmpeg ${version}) was built without ${lacks.join(', ')}`;
    return { kind: 'no-encoder', path, message, hint: INSTALL_HINT };
  }
  return { kind: 'found', path, version, origin };
}

/** Release numbers are `5.1.9-0+deb12u1`, `n6.0` or `7.0.2-static`; builds of the master branch (`N-118...`, `git-...`, `2024-...`) are new enough. */
export function isTooOld(version: string): boolean {
  const release = /^n?(\d{1,2})\.(\d+)/.exec(version);
  if (release === null) return false;
  const major = Number(release[1]);
  return major < OLDEST.major || (major === OLDEST.major && Number(release[2]) < OLDEST.minor);
}

interface Needed {
  readonly list: string;
  readonly pattern: RegExp;
  readonly name: string;
}

const NEEDED: readonly Needed[] = [
  { list: '-encoders', pattern: /^\s*V\S*\s+libx264\s/m, name: 'the libx264 encoder' },
  { list: '-encoders', pattern: /^\s*A\S*\s+aac\s/m, name: 'the aac encoder' },
  { list: '-demuxers', pattern: /^\s*D\S*\s+(?:\S+,)?flv(?:,|\s)/m, name: 'the flv demuxer' },
  { list: '-muxers', pattern: /^\s*E\S*\s+mp4\s/m, name: 'the mp4 muxer' },
  { list: '-protocols', pattern: /^\s*http\s*$/m, name: 'the http protocol' },
];

async function missingParts(path: string, machine: LocateMachine): Promise<string[]> {
  // At once: a service that starts again is waited for.
  const names = [...new Set(NEEDED.map((needed) => needed.list))];
  const texts = await Promise.all(names.map((list) => machine.run(path, ['-hide_banner', list])));
  const lists = new Map(names.map((list, i) => [list, texts[i] ?? '']));
  return NEEDED.filter(({ list, pattern }) => !pattern.test(lists.get(list) ?? '')).map(({ name }) => name);
}

const thisMachine: LocateMachine = {
  async isExecutable(path) {
    try {
      await access(path, constants.X_OK);
      return (await stat(path)).isFile();
    } catch {
      // Not there or not ours to run: both mean "not this one".
      return false;
    }
  },
  async staticPath() {
    try {
      const loaded: { readonly default?: unknown } = await import('ffmpeg-static');
      return typeof loaded.default === 'string' ? loaded.default : undefined;
    } catch {
      // An optional dependency that was not installed.
      return undefined;
    }
  },
  run(path, args) {
    return new Promise((resolve) => {
      const options = { timeout: 10_000, maxBuffer: 4 * 1024 * 1024, killSignal: 'SIGKILL' } as const;
      execFile(path, [...args], options, (error, stdout) => resolve(error === null ? stdout : undefined));
    });
  },
};
