/** Real players in a real browser on a real feed: moving pictures, sound, no stall, rungs switched when the line gets thin. */
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTheatre, type PlayerName, type Theatre } from '../rig/players.ts';
import { ROOT, startTestService, type TestService, waitFor, waitLive } from '../rig/service.ts';

const WATCH_MS = 20_000;

let service: TestService;
let theatre: Theatre;

beforeAll(async () => {
  service = await startTestService({ ladder: resolve(ROOT, 'test/fixtures/ladders/small.yaml') });
  service.push({ size: '640x360', bitrate: '1500k' });
  [theatre] = await Promise.all([openTheatre(), waitLive(service)]);
});

afterAll(async () => {
  await theatre?.close();
  await service?.stop();
});

function urlOf(player: PlayerName): string {
  return `${service.base}/${player === 'dash.js' || player === 'shaka-dash' ? 'manifest.mpd' : 'master.m3u8'}`;
}

describe.each(['hls.js', 'dash.js', 'shaka-hls', 'shaka-dash'] as const)('%s with its default settings', (player) => {
  test('plays moving pictures with sound for 20 s without waiting', async () => {
    const screen = await theatre.open(player, urlOf(player));
    await waitFor(`${player} plays`, async () => (await screen.watched()).frames > 30, 30_000);
    await screen.reset();
    await sleep(WATCH_MS);
    const seen = await screen.watched();
    expect(seen.errors).toEqual([]);
    expect(seen.waiting).toBe(0);
    expect(seen.frames).toBeGreaterThan((WATCH_MS / 1000) * 30 * 0.9);
    expect(seen.pictures).toBeGreaterThan(100);
    expect(seen.audioEnergy).toBeGreaterThan(0.1);
    expect(seen.dropped / Math.max(1, seen.decoded)).toBeLessThan(0.01);
    await screen.close();
  });
});

test('hls.js goes down a rung when the line is thin, and up again', async () => {
  const screen = await theatre.open('hls.js', urlOf('hls.js'), {
    abrEwmaFastLive: 1,
    abrEwmaSlowLive: 2,
    maxBufferLength: 6,
  });
  const heights = async () => (await screen.watched()).heights;
  await waitFor('the top rung', async () => (await heights()).includes(360), 40_000);
  await screen.throttle(500);
  await screen.reset();
  await waitFor('the lower rung', async () => (await heights()).includes(180), 60_000);
  await screen.throttle(undefined);
  await screen.reset();
  await waitFor('the top rung again', async () => (await heights()).includes(360), 60_000);
  expect((await screen.watched()).errors.filter((error) => error.startsWith('fatal'))).toEqual([]);
  await screen.close();
});
