/** Who asks while the service is on its way up waits for it: on its own port, and on a socket of a service manager's that is there all the while. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, test } from 'vitest';
import { endAll, freePorts, serveOn } from '../rig/serve-process.ts';
import { ROOT, TINY_LADDER, waitFor } from '../rig/service.ts';

const folder = mkdtempSync(join(tmpdir(), 'early-'));
const data = join(folder, 'data');
const args = ['--ladder', TINY_LADDER, '--data', data];
const managers: ChildProcess[] = [];
afterAll(() => {
  for (const manager of managers) manager.kill('SIGKILL');
  const left = servicePid();
  if (left !== undefined) process.kill(left, 'SIGKILL');
  endAll(folder);
  rmSync(folder, { recursive: true, force: true });
});

/** As the service says itself; undefined: there is none, or it was stopped in order. */
const servicePid = (): number | undefined => {
  try {
    return (JSON.parse(readFileSync(join(data, 'run/service.json'), 'utf8')) as { readonly pid: number }).pid;
  } catch {
    return undefined;
  }
};
const isTaken = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' }, () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
const list = async (port: number) => {
  // A connection of its own: one that was kept open is reset by a kill.
  const answer = await fetch(`http://127.0.0.1:${port}/live/match/180p/media.m3u8`, {
    headers: { connection: 'close' },
  });
  return [answer.status, (await answer.text()).startsWith('#EXTM3U')];
};

test('connections are taken before the service is loaded, and their requests answered by it', async () => {
  const ports = await freePorts();
  const run = serveOn(ports, args);
  await waitFor('the port is open', () => isTaken(ports.http));
  expect(run.stdout).toBe('');
  expect(await list(ports.http)).toEqual([200, true]);
  expect(run.stdout).toContain('"event":"listening"');
  run.kill('SIGINT');
  expect(await run.ended).toBe(0);
});

/** What systemd does with a socket unit: it listens, never accepts, and starts the service again. */
const MANAGER = `
const { spawnSync } = require('node:child_process');
const server = require('node:net').createServer().listen(0, '127.0.0.1', () => {
  console.log(server.address().port);
  const serve = ['-c', 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"', process.execPath, ...process.argv.slice(1)];
  for (;;) spawnSync('sh', serve, { stdio: ['ignore', 'ignore', 'ignore', server._handle.fd] });
});`;

test('sd_listen_fds(3): a socket that is handed over is served, and refuses nobody over a kill', async () => {
  const { rtmp, control } = await freePorts();
  const serve = [
    join(ROOT, 'dist/main.js'),
    'serve',
    '--rtmp-port',
    `${rtmp}`,
    '--control-port',
    `${control}`,
    ...args,
  ];
  const manager = spawn(process.execPath, ['-e', MANAGER, '--', ...serve], { stdio: ['ignore', 'pipe', 'inherit'] });
  managers.push(manager);
  const [line] = (await once(createInterface({ input: manager.stdout as NodeJS.ReadableStream }), 'line')) as [string];
  const port = Number(line);
  expect(await list(port)).toEqual([200, true]);
  const first = servicePid() ?? 0;
  expect(first).toBeGreaterThan(0);
  process.kill(first, 'SIGKILL');
  expect(await Promise.all([1, 2, 3].map(() => list(port)))).toEqual([1, 2, 3].map(() => [200, true]));
  expect(servicePid()).not.toBe(first);
});
