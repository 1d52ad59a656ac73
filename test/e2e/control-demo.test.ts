/** `demo` and `serve` as processes: playable by themselves, ended by a signal, nothing left. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';

const ROOT = new URL('../..', import.meta.url).pathname;

interface Run {
  readonly child: ChildProcess;
  readonly stdout: string[];
  stderr: string;
  readonly ended: Promise<number | null>;
}

function pitchside(...args: string[]): Run {
  // A process group of its own: a terminal's Ctrl-C goes to all of it.
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts', ...args], {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const run: Run = { child, stdout: [], stderr: '', ended: new Promise((resolve) => child.once('close', resolve)) };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => run.stdout.push(...text.trim().split('\n')));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    run.stderr += text;
  });
  return run;
}

/** The process and all that it started, and they started: encoders have process groups of their own. */
function familyOf(pid: number): number[] {
  const rows = execFileSync('ps', ['-eo', 'pid,ppid'], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const family = [pid];
  for (const member of family) for (const [child = 0, parent] of rows) if (parent === member) family.push(child);
  return family;
}

/** What has ended and was not waited for by its parent (Z) does nothing any more. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z');
}

const FREE_PORTS = ['--port', '0', '--rtmp-port', '0', '--control-port', '0'];

test('demo plays its own match, is ready, and Ctrl-C ends it with 0 within 5 s and leaves no process', async () => {
  const demo = pitchside('demo', '--no-install', '--json', ...FREE_PORTS);
  const group = demo.child.pid ?? 0;
  await expect.poll(() => demo.stdout.length, { timeout: 100_000, interval: 250 }).toBe(2);
  const [listening, playable] = demo.stdout.map((line) => JSON.parse(line));
  expect(listening).toEqual({
    event: 'listening',
    http: expect.any(Number),
    rtmp: expect.any(Number),
    control: expect.any(Number),
  });
  expect(playable).toMatchObject({ event: 'playable', channel: 'match' });
  expect((await fetch(`http://127.0.0.1:${listening.control}/readyz`)).status).toBe(200);
  const master = await fetch(`http://127.0.0.1:${listening.http}/live/match/master.m3u8`);
  expect([master.status, (await master.text()).startsWith('#EXTM3U')]).toEqual([200, true]);
  const family = familyOf(group);
  // The demo, the RTMP child, the match, its push and the encoder.
  expect(family.length).toBeGreaterThanOrEqual(5);
  const startMs = performance.now();
  process.kill(-group, 'SIGINT');
  expect(await demo.ended).toBe(0);
  expect(performance.now() - startMs).toBeLessThan(5000);
  expect(family.filter(isAlive)).toEqual([]);
});

test('serve says in one line that a port is taken and what to do, and ends with 1', async () => {
  const taken = createServer().listen(0, '0.0.0.0');
  await new Promise((resolve) => taken.once('listening', resolve));
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const serve = pitchside('serve', '--data', 'none', '--log-level', 'silent', ...FREE_PORTS, '--port', String(port));
  expect(await serve.ended).toBe(1);
  taken.close();
  expect(serve.stdout).toEqual([]);
  expect(serve.stderr).toMatch(/^PORT_IN_USE: [^\n]+\n$/);
});

test('serve ends with 0 after SIGTERM, its first line on stdout being the listening event', async () => {
  const serve = pitchside('serve', '--data', 'none', '--log-level', 'silent', '--json', ...FREE_PORTS);
  await expect.poll(() => serve.stdout.length, { timeout: 30_000 }).toBe(1);
  expect(JSON.parse(serve.stdout[0] ?? '')).toMatchObject({ event: 'listening' });
  const family = familyOf(serve.child.pid ?? 0);
  expect(family.length).toBeGreaterThanOrEqual(2);
  serve.child.kill('SIGTERM');
  expect(await serve.ended).toBe(0);
  expect(family.filter(isAlive)).toEqual([]);
});
