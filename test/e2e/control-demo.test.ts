/** `demo` and `serve` as processes: playable by themselves, ended by a signal, nothing left. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
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

const membersOf = (group: number) =>
  execFileSync('ps', ['-eo', 'pgid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => Number.parseInt(line, 10) === group);

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
  expect(membersOf(group).length).toBeGreaterThan(3);
  const startMs = performance.now();
  process.kill(-group, 'SIGINT');
  expect(await demo.ended).toBe(0);
  expect(performance.now() - startMs).toBeLessThan(5000);
  expect(membersOf(group)).toEqual([]);
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
  serve.child.kill('SIGTERM');
  expect(await serve.ended).toBe(0);
  expect(membersOf(serve.child.pid ?? 0)).toEqual([]);
});
