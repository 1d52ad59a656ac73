/** Who asks while the service is on its way up waits for it: on its own port, and on a socket of a service manager's that is there all the while. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { endAll, freePorts, serveOn } from '../rig/serve-process.ts';
import { TINY_LADDER, waitFor } from '../rig/service.ts';
import { ServiceManager } from '../rig/service-manager.ts';

const folder = mkdtempSync(join(tmpdir(), 'early-'));
const data = join(folder, 'data');
const args = ['--ladder', TINY_LADDER, '--data', data];
let manager: ServiceManager | undefined;
afterAll(async () => {
  await manager?.end();
  endAll(folder);
  rmSync(folder, { recursive: true, force: true });
});

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

test('sd_listen_fds(3): a socket that is handed over is served, and refuses nobody over a kill', async () => {
  manager = new ServiceManager(data, ['--ladder', TINY_LADDER]);
  const { http } = await manager.life(1);
  expect(await list(http)).toEqual([200, true]);
  const first = manager.servicePid ?? 0;
  expect(first).toBeGreaterThan(0);
  process.kill(first, 'SIGKILL');
  expect(await Promise.all([1, 2, 3].map(() => list(http)))).toEqual([1, 2, 3].map(() => [200, true]));
  expect((await manager.life(2)).http).toBe(http);
  expect(manager.servicePid).not.toBe(first);
});
