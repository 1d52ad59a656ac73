/**
 * The real doors: each loads its room when it is first gone through, so that `--help` starts at once and `push` loads no origin.
 * It never decides; it only turns what rooms answer into what commands expect.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Settings } from '../config/model.ts';
import type { Clock } from '../system/clock.ts';
import { type ErrorCode, ServiceError } from '../system/errors.ts';
import { openLog } from '../system/log.ts';
import { startEncoder } from '../transcode/ffmpeg-process.ts';
import { checkFfmpeg, type FfmpegLocation, locateFfmpeg } from '../transcode/locate.ts';
import { checkDataFolder } from './data-folder.ts';
import { ffmpegEffects, ffmpegFacts, provisionFfmpeg } from './provision-ffmpeg.ts';
import type { Doors, ProvisionRequest, SettingsRequest } from './service-door.ts';

const FFMPEG_CODES: Readonly<Record<Exclude<FfmpegLocation['kind'], 'found'>, ErrorCode>> = {
  missing: 'FFMPEG_MISSING',
  'too-old': 'FFMPEG_TOO_OLD',
  'no-encoder': 'FFMPEG_NO_ENCODER',
};

/** Every problem of the settings becomes part of the one line that a command may say. */
async function settingsOf({ flags, env, workingDirectory, note }: SettingsRequest): Promise<Settings> {
  const [{ loadSettings }, { withStreamKeys }] = await Promise.all([
    import('../config/settings.ts'),
    import('../config/stream-key.ts'),
  ]);
  const reading = await loadSettings({ flags, env, cwd: workingDirectory });
  if (reading.kind === 'bad') throw new ServiceError(reading.code, reading.problems.join('; '));
  for (const line of reading.notes) note(line);
  const isNamed = Boolean(flags['data'] ?? env['PITCHSIDE_DATA']);
  await checkDataFolder(reading.settings.dataDirectory, isNamed, note);
  return (await withStreamKeys(reading.settings)).settings;
}

async function locatedFfmpeg(setting: string | undefined, environment: SettingsRequest['env']): Promise<string> {
  const location = await locateFfmpeg({ setting, environment });
  if (location.kind === 'found') return location.path;
  const { kind, message, hint } = location;
  throw new ServiceError(FFMPEG_CODES[kind], message, { hint });
}

async function provisionedFfmpeg({ setting, install, signal, say }: ProvisionRequest): Promise<string> {
  const problemOf = async (file: string): Promise<string | undefined> => {
    if (!existsSync(file)) return `${file} is not there`;
    const location = await checkFfmpeg(file, 'PATH');
    return location.kind === 'found' ? undefined : location.message;
  };
  const settingPath = setting === undefined ? undefined : resolve(setting);
  const { path, source } = await provisionFfmpeg(
    ffmpegFacts(settingPath, !install),
    ffmpegEffects(problemOf, say, signal),
  );
  say(`ffmpeg: ${path} (${source})`);
  return path;
}

async function listeningEarly(settings: Settings, env: SettingsRequest['env']): ReturnType<Doors['listenEarly']> {
  const listener = await (await import('../early-listener.ts')).listenEarly(settings, env);
  // What is wrong with it is told to who starts it.
  import('../service.ts').catch(() => undefined);
  return listener;
}

export function openDoors(clock: Clock): Doors {
  return {
    clock,
    openLog: (level) => openLog(level),
    loadSettings: settingsOf,
    listenEarly: listeningEarly,
    startService: async (options) => (await import('../service.ts')).startService(options),
    locateFfmpeg: locatedFfmpeg,
    provisionFfmpeg: provisionedFfmpeg,
    startEncode: (ffmpegPath, command, listener) => startEncoder({ ffmpegPath, command, listener }),
    checkFile: async (path, { env, workingDirectory }) =>
      (await import('../config/check-file.ts')).checkFile(path, env, workingDirectory),
    readSettings: async ({ flags, env, workingDirectory }) =>
      (await import('../config/settings.ts')).loadSettings({ flags, env, cwd: workingDirectory }),
    findLadder: async (reference, workingDirectory) =>
      (await import('../config/shipped-ladders.ts')).findLadder(reference, workingDirectory, workingDirectory),
    calibrate: async (request) => (await import('./trial/run-trial.ts')).calibrate(request),
    tryLadder: async (request) => (await import('./trial/run-trial.ts')).tryLadder(request),
    examineMachine: async (request) => (await import('./doctor/machine-facts.ts')).examineMachine(request),
    checkStream: async (options) => (await import('../check/check-stream.ts')).checkStream(options),
    runSwarm: async (options) => (await import('../swarm/run-swarm.ts')).runSwarm(options),
  };
}
