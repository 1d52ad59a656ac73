/**
 * The service is killed and started again, then stopped and started again as in an upgrade, while a real player watches, one at a time.
 * The publisher never connects again. A stall is a `waiting` of the element after it has begun to play. hls.js gives up after a few
 * refused connections: it is watched while the RTMP child keeps the port, and while a service manager keeps the socket.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Publisher } from '../chaos/publisher.ts';
import { keyOf, ServiceUnderTest } from '../chaos/service-under-test.ts';
import { makeClip } from '../rig/feeds.ts';
import { openTheatre, type PlayerName, type Theatre } from '../rig/players.ts';
import { waitFor } from '../rig/service.ts';
import { ServiceManager } from '../rig/service-manager.ts';

const PLAYERS: readonly PlayerName[] = ['page-hls', 'hls.js', 'dash.js', 'shaka-hls', 'shaka-dash'];
const CHANNELS = [
  { id: 'normal', latency: 'normal', takeover: 'refuse' },
  { id: 'low', latency: 'low', takeover: 'refuse' },
] as const;
/** Longer than any buffer. */
const AFTER_MS = 14_000;

const folder = mkdtempSync(join(tmpdir(), 'restart-players-'));
const publishers: Publisher[] = [];
let service: ServiceUnderTest;
let theatre: Theatre;

beforeAll(async () => {
  await makeClip(folder, 'plain', { seconds: 16.5 });
  service = await ServiceUnderTest.start(folder, CHANNELS, { isKept: true });
  for (const { id } of CHANNELS) {
    const streamName = `${id}?key=${keyOf(id)}`;
    const publisher = new Publisher({ port: service.ports.rtmp, streamName, clip: join(folder, 'plain.flv') });
    publishers.push(publisher);
    await publisher.start();
  }
  for (const { id } of CHANNELS)
    await waitFor(`${id} is live`, async () => (await service.status(id)).state === 'live', 30_000);
  theatre = await openTheatre();
});

afterAll(async () => {
  await theatre?.close();
  for (const publisher of publishers) await publisher.end();
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Kill, then upgrade; what each of them cost it is printed. */
async function watch(
  player: PlayerName,
  http: number,
  id: string,
  end: (signal: 'SIGKILL' | 'SIGTERM') => Promise<void>,
) {
  const file = player.includes('dash') ? 'manifest.mpd' : 'master.m3u8';
  const screen = await theatre.open(player, `http://127.0.0.1:${http}/live/${id}/${file}`);
  await waitFor(`${player} plays`, async () => (await screen.watched()).frames > 90, 30_000);
  await sleep(5000);
  const stalls: Record<string, number> = {};
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    await screen.reset();
    const startMs = performance.now();
    await end(signal);
    const awayMs = Math.round(performance.now() - startMs);
    await sleep(AFTER_MS);
    const { waiting, errors, currentTime } = await screen.watched();
    console.log(`${player} on ${id}: ${signal}, away for ${awayMs} ms, ${waiting} stalls`, errors);
    await waitFor('it plays on', async () => (await screen.watched()).currentTime > currentTime + 1, 5000);
    stalls[signal] = waiting;
    expect(errors.filter((error) => error.startsWith('fatal'))).toEqual([]);
  }
  await screen.close();
  if (id !== 'normal') return;
  expect(stalls['SIGKILL']).toBeLessThanOrEqual(1);
  expect(stalls['SIGTERM']).toBe(0);
}

describe.each(CHANNELS)('latency $id', ({ id }) => {
  test.each(PLAYERS)('%s plays on by itself after a kill and after an upgrade', (player) =>
    watch(player, service.ports.http, id, (signal) => service.killFor(0, signal)),
  );

  test('hls.js plays on by itself after both where the service manager keeps the socket', async () => {
    const data = join(folder, `managed-${id}`);
    const manager = new ServiceManager(data, ['--config', join(folder, 'settings.yaml')]);
    try {
      let life = 1;
      const { http, rtmp } = await manager.life(life);
      const streamName = `${id}?key=${keyOf(id)}`;
      const publisher = new Publisher({ port: rtmp, streamName, clip: join(folder, 'plain.flv') });
      publishers.push(publisher);
      await publisher.start();
      await watch('hls.js', http, id, async (signal) => {
        process.kill(manager.servicePid ?? Number.NaN, signal);
        life += 1;
        await manager.life(life);
      });
    } finally {
      await manager.end();
    }
  });
});
