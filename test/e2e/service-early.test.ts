/** Who asks while the service is on its way up waits for it: on its own port, and on a socket of a service manager's that is there all the while. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { listenOrigin } from '../../src/origin/listener.ts';
import { openOrigin } from '../../src/origin/server.ts';
import { systemClock } from '../../src/system/clock.ts';
import { openLog } from '../../src/system/log.ts';
import { openMetrics } from '../../src/system/metrics.ts';
import { fakeDirectory } from '../fakes/channel-view.ts';
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
/** A connection of its own: one that was kept open is reset by a kill. */
const statusOf = async (port: number, path: string): Promise<number> => {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } });
  await answer.arrayBuffer();
  return answer.status;
};
const LIST = '/live/match/180p/media.m3u8';

test('requests that came before the origin is there wait, and are answered by it', async () => {
  const listener = await listenOrigin({ host: '127.0.0.1', port: 0 });
  const { port } = listener;
  const answered: string[] = [];
  const asked = ['/time', '/time?second', '/no/such'].map(async (path) => {
    answered.push(`${path} ${await statusOf(port, path)}`);
  });
  await waitFor('three connections', () => listener.early.size === 3);
  await sleep(100);
  expect(answered).toEqual([]);
  const metrics = openMetrics();
  const common = { host: '127.0.0.1', port, clock: systemClock(), log: openLog('silent'), metrics };
  const origin = await openOrigin({ ...common, directory: fakeDirectory([]), listener });
  expect(origin.port).toBe(port);
  await Promise.all(asked);
  expect(answered.toSorted()).toEqual(['/no/such 404', '/time 200', '/time?second 200']);
  expect(await statusOf(port, '/time')).toBe(200);
  await origin.close();
});

test('connections are taken before the service is loaded, and their requests answered by it', async () => {
  const ports = await freePorts();
  const run = serveOn(ports, args);
  await waitFor('the port is open', () => isTaken(ports.http));
  expect(run.stdout).toBe('');
  expect(await statusOf(ports.http, '/time')).toBe(200);
  await waitFor('it listens', () => run.stdout.includes('"event":"listening"'));
  run.kill('SIGINT');
  expect(await run.ended).toBe(0);
});

test('sd_listen_fds(3): a socket that is handed over is served, and refuses nobody over a kill', async () => {
  manager = new ServiceManager(data, ['--ladder', TINY_LADDER]);
  const { http } = await manager.life(1);
  await waitFor('the slate', async () => (await statusOf(http, LIST)) === 200, 40_000);
  const first = manager.servicePid ?? 0;
  expect(first).toBeGreaterThan(0);
  process.kill(first, 'SIGKILL');
  expect(await Promise.all([1, 2, 3].map(() => statusOf(http, LIST)))).toEqual([200, 200, 200]);
  expect((await manager.life(2)).http).toBe(http);
  expect(manager.servicePid).not.toBe(first);
});
