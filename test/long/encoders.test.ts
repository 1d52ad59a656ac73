/**
 * Encoders of other houses against a whole service: GStreamer's two RTMP sinks, and OBS Studio under Xvfb with the profile of
 * samples/. Each must be live by itself, keep every rule of the checker and leave without an error.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { checkStream } from '../../src/check/check-stream.ts';
import { systemClock } from '../../src/system/clock.ts';
import { type Obs, startObs } from '../rig/obs.ts';
import { KEY, ROOT, startTestService, type TestService, waitFor, waitLive } from '../rig/service.ts';

const folder = mkdtempSync(join(tmpdir(), 'long-encoders-'));
const running = new Set<ChildProcess>();
let service: TestService;
let obs: Obs | undefined;

beforeAll(async () => {
  service = await startTestService();
});
afterEach(async () => {
  for (const child of running) child.kill('SIGKILL');
  await obs?.end();
  obs = undefined;
  await waitFor('slate', () => service.directory.get('match')?.status().state === 'slate');
});
afterAll(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A program of a test, which ends with it; `ended` is its exit code. */
function start(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  running.add(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-50_000);
    });
  const ended = new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(-1));
    child.once('close', (code) => resolve(code));
  }).finally(() => running.delete(child));
  return { child, ended, said: () => said };
}

async function expectGoodStream(): Promise<void> {
  for (const name of ['master.m3u8', 'manifest.mpd']) {
    const { findings } = await checkStream({ url: `${service.base}/${name}`, seconds: 8, clock: systemClock() });
    expect(findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
  }
  expect(service.directory.get('match')?.status().onAir).toBe('live');
}

test.each(['rtmp2sink', 'rtmpsink'])('GStreamer, %s', async (sink) => {
  const video = 'videotestsrc is-live=true pattern=ball ! video/x-raw,width=480,height=270,framerate=30/1';
  const h264 = 'x264enc bitrate=600 key-int-max=60 speed-preset=ultrafast ! video/x-h264,profile=high ! h264parse';
  const audio = 'audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=2 ! queue ! voaacenc ! aacparse';
  const location = `location=${service.rtmpUrl}/match?key=${KEY}`;
  const line = `flvmux name=mux streamable=true ! ${sink} ${location} ${video} ! ${h264} ! queue ! mux. ${audio} ! queue ! mux.`;
  const gst = start('gst-launch-1.0', ['-q', '-e', ...line.split(' ')]);
  await waitLive(service);
  expect(service.directory.get('match')?.status().publisher?.source).toContain('GStreamer');
  await expectGoodStream();
  gst.child.kill('SIGINT');
  await gst.ended;
  // A server that closes first is an error to it.
  expect(gst.said()).not.toMatch(/error_callback|Could not/);
});

test('samples/push-gstreamer.sh pushes the generated match', async () => {
  const url = `${service.rtmpUrl}/match?key=${KEY}`;
  const small = { SIZE: '480x270', KBPS: '600' };
  // A session of its own, so that Ctrl-C reaches all of the pipeline as it does from a terminal.
  const push = start('setsid', [join(ROOT, 'samples/push-gstreamer.sh'), url], small);
  await waitLive(service);
  expect(service.directory.get('match')?.status().publisher?.source).toContain('h264 480x270 30 fps, aac 48000 Hz x 2');
  await expectGoodStream();
  process.kill(-(push.child.pid ?? 0), 'SIGINT');
  await push.ended;
  expect(push.said()).not.toMatch(/ERROR/);
});

test('OBS Studio with the profile of samples/obs', async () => {
  obs = await startObs(folder, service.rtmpUrl, `match?key=${KEY}`);
  await waitFor('live', () => service.directory.get('match')?.status().state === 'live', 60_000);
  const source = service.directory.get('match')?.status().publisher?.source;
  expect(source).toContain('obs-output module');
  expect(source).toContain('h264 1280x720 30 fps, aac 48000 Hz x 2');
  // keyint_sec: 2, as the profile says it.
  expect(obs.said()).toMatch(/keyint:\s+60/);
  await expectGoodStream();
});
