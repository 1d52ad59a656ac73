/** The push scripts of samples/ as a stranger runs them, against a real service; Ctrl-C ends all of a script. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FFMPEG, KEY, ROOT, startTestService, type TestService, waitFor, waitLive } from '../rig/service.ts';

const folder = mkdtempSync(join(tmpdir(), 'samples-push-'));
let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});

afterAll(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const status = () => service.directory.get('match')?.status();

function clip(): string {
  const file = join(folder, 'clip.mp4');
  const sources = ['-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=25', '-f', 'lavfi', '-i', 'sine=440:r=44100'];
  const coding = ['-t', '2', '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-c:a', 'aac'];
  execFileSync(FFMPEG, ['-hide_banner', '-loglevel', 'error', ...sources, ...coding, file]);
  return file;
}

/** In a process group of its own, as a terminal gives it. */
function run(args: readonly string[]) {
  const env = { ...process.env, FFMPEG, SIZE: '480x270', BITRATE: '600k' };
  const script = join(ROOT, 'samples/push-ffmpeg.sh');
  const child = spawn(script, args, { env, detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { pid: child.pid ?? 0, ended, said: () => said };
}

test.each([
  ['the generated match', () => [], 'h264 480x270 30 fps, aac 48000 Hz x 2'],
  ['a file in a loop', () => [clip()], 'h264 320x180 25 fps, aac 48000 Hz x 2'],
] as const)('samples/push-ffmpeg.sh pushes %s, and Ctrl-C leaves nothing behind', async (_what, file, source) => {
  const url = `${service.rtmpUrl}/match?key=${KEY}`;
  const push = run([url, ...file()]);
  await waitLive(service);
  expect(status()?.publisher?.source).toContain(source);
  process.kill(-push.pid, 'SIGINT');
  await push.ended;
  await waitFor('its publisher is gone', () => status()?.publisher === undefined);
  expect(() => process.kill(-push.pid, 0)).toThrow(/ESRCH/);
  await waitFor('slate', () => status()?.onAir === 'slate');
});

test('samples/push-ffmpeg.sh without an address says which one it wants', async () => {
  const push = run([]);
  expect(await push.ended).not.toBe(0);
  expect(push.said()).toContain('rtmp://127.0.0.1:1935/live/match?key=SECRET');
});
