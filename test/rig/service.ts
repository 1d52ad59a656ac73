/**
 * A whole service on free ports for end-to-end tests, and a real ffmpeg that pushes into it.
 * It never leaves a process behind: stop() ends what it started. Media is generated, never committed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadSettings } from '../../src/config/settings.ts';
import { type RunningService, startService } from '../../src/service.ts';
import { type Clock, systemClock } from '../../src/system/clock.ts';
import { type Logger, openLog } from '../../src/system/log.ts';

export const ROOT = resolve(import.meta.dirname, '../..');
export const KEY = 'a-test-key-of-16';
export const TINY_LADDER = resolve(ROOT, 'test/fixtures/ladders/tiny.yaml');
export const FFMPEG = process.env['FFMPEG_PATH'] ?? 'ffmpeg';

export interface TestService extends RunningService {
  /** `http://127.0.0.1:PORT/live/match` */
  readonly base: string;
  readonly rtmpUrl: string;
  push(options?: PushOptions): Push;
  endPushes(signal?: NodeJS.Signals): Promise<void>;
  waitFor(what: string, condition: () => boolean | Promise<boolean>, limitMs?: number): Promise<void>;
}

export interface PushOptions {
  /** ffmpeg's own notation: `25`, `30000/1001`. */
  readonly rate?: string;
  readonly size?: string;
  readonly gopFrames?: number;
  readonly audio?: 'aac' | 'none' | 'mono-44100';
  readonly channel?: string;
  readonly key?: string;
  readonly seconds?: number;
  readonly bitrate?: string;
  readonly encoder?: readonly string[];
}

export interface Push {
  readonly process: ChildProcess;
  readonly stderr: () => string;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** What a test hands in instead of the real one. */
export interface TestParts {
  readonly log?: Logger;
  readonly clock?: Clock;
  readonly ffmpegPath?: string;
}

export async function startTestService(
  flags: Readonly<Record<string, string>> = {},
  environment: Readonly<Record<string, string>> = {},
  parts: TestParts = {},
): Promise<TestService> {
  const reading = await loadSettings({
    flags: {
      port: '0',
      'rtmp-port': '0',
      'control-port': '0',
      data: 'none',
      // A settings file names its own ladders and keys.
      ...(flags['config'] === undefined ? { ladder: TINY_LADDER } : {}),
      ...flags,
    },
    env: { ...(flags['config'] === undefined ? { PITCHSIDE_STREAM_KEY: KEY } : {}), ...environment },
    cwd: ROOT,
  });
  if (reading.kind === 'bad') throw new Error(reading.problems.join('\n'));
  const {
    log = openLog((process.env['TEST_LOG'] ?? 'silent') as 'silent'),
    clock = systemClock(),
    ffmpegPath = FFMPEG,
  } = parts;
  const service = await startService({ settings: reading.settings, ffmpegPath, log, clock });
  const pushes: Push[] = [];
  return {
    ...service,
    base: `http://127.0.0.1:${service.ports.http}/live/match`,
    rtmpUrl: `rtmp://127.0.0.1:${service.ports.rtmp}/live`,
    push(options = {}) {
      const push = startPush(`rtmp://127.0.0.1:${service.ports.rtmp}/live`, options);
      pushes.push(push);
      return push;
    },
    async endPushes(signal) {
      await Promise.all(pushes.splice(0).map((push) => push.stop(signal)));
    },
    waitFor,
    async stop(how) {
      await Promise.all(pushes.map((push) => push.stop()));
      await service.stop(how);
    },
  };
}

/** Polls a condition of a running system; fails with its name. */
export async function waitFor(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs = 20_000,
): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
    await sleep(50);
  }
}

/** A moving test picture with a tone, encoded and pushed in real time. */
export function startPush(server: string, options: PushOptions): Push {
  const { rate = '30', size = '480x270', audio = 'aac', channel = 'match', key = KEY, bitrate = '600k' } = options;
  const [num = 30, den = 1] = rate.split('/').map(Number);
  const gop = options.gopFrames ?? Math.round((2 * num) / den);
  const sound = audio === 'mono-44100' ? ['-ar', '44100', '-ac', '1'] : ['-ar', '48000', '-ac', '2'];
  const args = [
    ...['-hide_banner', '-loglevel', 'error', '-re', '-f', 'lavfi', '-i', `testsrc2=s=${size}:r=${rate}`],
    ...(audio === 'none' ? [] : ['-re', '-f', 'lavfi', '-i', 'sine=440:r=48000']),
    ...(options.seconds === undefined ? [] : ['-t', String(options.seconds)]),
    ...[
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
      '-pix_fmt',
      'yuv420p',
      '-g',
      String(gop),
      '-keyint_min',
      String(gop),
    ],
    ...['-sc_threshold', '0', '-b:v', bitrate, '-maxrate', bitrate, '-bufsize', bitrate],
    ...(options.encoder ?? ['-tune', 'zerolatency']),
    ...(audio === 'none' ? [] : ['-c:a', 'aac', '-b:a', '96k', ...sound]),
    ...['-f', 'flv', `${server}/${channel}?key=${key}`],
  ];
  const child = spawn(FFMPEG, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-10_000);
  });
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  return {
    process: child,
    stderr: () => stderr,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await gone;
    },
  };
}

/** Polls the channel's status until media of the publisher is at the edge. */
export async function waitLive(service: TestService, channel = 'match'): Promise<void> {
  await waitFor(`${channel} live`, () => service.directory.get(channel)?.status().state === 'live');
}
