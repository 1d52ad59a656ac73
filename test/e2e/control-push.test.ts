/** `push` as a process against a real RTMP listener (ffmpeg's own), and the process edge. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const ROOT = new URL('../..', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'control-push-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Run {
  readonly child: ChildProcess;
  stdout: string;
  stderr: string;
  readonly ended: Promise<number | null>;
}

function run(program: string, args: readonly string[]): Run {
  const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  const one: Run = { child, stdout: '', stderr: '', ended: new Promise((resolve) => child.once('close', resolve)) };
  child.stdout?.on('data', (text) => {
    one.stdout += text;
  });
  child.stderr?.on('data', (text) => {
    one.stderr += text;
  });
  return one;
}

const pitchside = (...args: string[]) => run(process.execPath, ['--import', 'tsx', 'src/main.ts', ...args]);

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Takes one publish for some seconds and writes it down. */
async function listener(seconds: number) {
  const url = `rtmp://127.0.0.1:${await freePort()}/live/match?key=S3CRET`;
  const file = join(folder, `${url.replace(/\W+/g, '-')}.flv`);
  const server = run('ffmpeg', [
    '-nostdin',
    '-loglevel',
    'error',
    '-listen',
    '1',
    '-i',
    url,
    '-t',
    String(seconds),
    '-c',
    'copy',
    file,
  ]);
  await new Promise((resolve) => setTimeout(resolve, 500));
  return { url, file, server };
}

const probe = (file: string) => {
  const entries = 'stream=codec_name,width,height,r_frame_rate,sample_rate';
  return JSON.parse(
    execFileSync('ffprobe', ['-v', 'error', '-show_entries', entries, '-of', 'json', file], { encoding: 'utf8' }),
  );
};

describe('push', () => {
  test('pushes the generated match with picture and sound, says so without the key, and ends with a signal', async () => {
    const { url, file, server } = await listener(4);
    const push = pitchside('push', '--once', '--size', '320x180', url);
    await server.ended;
    expect(server.stderr).toBe('');
    expect(probe(file).streams).toMatchObject([
      { codec_name: 'h264', width: 320, height: 180, r_frame_rate: '30/1' },
      { codec_name: 'aac', sample_rate: '48000' },
    ]);
    // The listener has left: that ends the push, with the reason.
    expect(await push.ended).toBe(1);
    expect(push.stdout).toContain('Pushing the generated match to rtmp://127.0.0.1');
    expect(push.stderr).toMatch(/^ENCODER_EXITED: the push ended: .+\n$/);
    expect(push.stdout + push.stderr).not.toContain('S3CRET');
  });

  test('pushes a file in a loop without encoding it again, and SIGTERM ends it with 0 and leaves nothing', async () => {
    const clip = join(folder, 'clip.mp4');
    const sources = ['-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=25', '-f', 'lavfi', '-i', 'sine=r=48000', '-t', '2'];
    execFileSync('ffmpeg', [
      '-nostdin',
      '-loglevel',
      'error',
      ...sources,
      '-c:v',
      'libx264',
      '-g',
      '25',
      '-pix_fmt',
      'yuv420p',
      '-c:a',
      'aac',
      clip,
    ]);
    const { url, server } = await listener(60);
    const push = pitchside('push', clip, url);
    await expect.poll(() => push.stdout, { timeout: 20_000, interval: 200 }).toMatch(/Mbit\/s, 2\d fps/);
    await new Promise((resolve) => setTimeout(resolve, 4000));
    // The clip is 2 s long: whoever is still pushing after 4 s has begun again.
    expect(push.child.exitCode).toBeNull();
    push.child.kill('SIGTERM');
    expect(await push.ended).toBe(0);
    server.child.kill('SIGKILL');
    await server.ended;
    expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })).not.toContain(clip);
  });

  test('says why when there is nobody to push to', async () => {
    const push = pitchside('push', `rtmp://127.0.0.1:${await freePort()}/live/k`);
    expect(await push.ended).toBe(1);
    expect(push.stderr).toMatch(/^ENCODER_EXITED: the push ended: .*(refused|Input\/output error).*\n$/i);
    expect(push.stderr).not.toContain('/live/k');
  });

  test('says which file it cannot read', async () => {
    const push = pitchside('push', '/nowhere/match.mp4', 'rtmp://127.0.0.1/live/k');
    expect(await push.ended).toBe(2);
    expect(push.stderr).toMatch(/^USAGE: the file cannot be read: .*\/nowhere\/match\.mp4.*\n$/);
  });
});

describe('check', () => {
  test('says that a server cannot be reached, not that it answered', async () => {
    const check = pitchside('check', `http://127.0.0.1:${await freePort()}/live/match/master.m3u8`);
    expect(await check.ended).toBe(1);
    expect(check.stderr).toMatch(/HTTP_NOT_FOUND: \S+ cannot be reached: .*ECONNREFUSED.* See whether the server runs/);
  });
});

describe('the process edge', () => {
  test('hands arguments in and the exit code out', async () => {
    const [version, wrong] = [pitchside('--version'), pitchside('bogus')];
    expect([await version.ended, version.stdout]).toEqual([0, expect.stringMatching(/^pitchside \d+\.\d+\.\d+\n$/)]);
    expect([await wrong.ended, wrong.stderr]).toEqual([2, "USAGE: unknown command 'bogus'. Try: pitchside --help\n"]);
  });

  test('answers an unknown ladder and a wrong port with one line and 1', async () => {
    const serve = pitchside('serve', '--ladder', 'nope', '--data', 'none');
    expect(await serve.ended).toBe(1);
    expect(serve.stderr).toMatch(/^LADDER_UNKNOWN: [^\n]+\n$/);
    expect(serve.stdout).toBe('');
  });
});
