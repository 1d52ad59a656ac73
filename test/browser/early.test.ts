/** A player that is opened before the publisher: it shows the slate, and the match when it comes, without a stall or a reload. */
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTheatre, type Theatre } from '../rig/players.ts';
import { ROOT, startTestService, type TestService, waitFor, waitLive } from '../rig/service.ts';

let service: TestService;
let theatre: Theatre;

beforeAll(async () => {
  service = await startTestService({ ladder: resolve(ROOT, 'test/fixtures/ladders/small.yaml') });
  theatre = await openTheatre();
});

afterAll(async () => {
  await theatre?.close();
  await service?.stop();
});

const PLAYERS = [
  ['hls.js', 'master.m3u8'],
  ['dash.js', 'manifest.mpd'],
] as const;

type Screen = Awaited<ReturnType<Theatre['open']>>;

async function seesSlate(screen: Screen): Promise<number> {
  await waitFor('the slate plays', async () => (await screen.watched()).frames > 30, 20_000);
  await sleep(2000);
  await screen.reset();
  await sleep(2000);
  return (await screen.watched()).brightness;
}

async function seesMatch(screen: Screen, slate: number): Promise<void> {
  await waitFor('the match is seen', async () => Math.abs((await screen.watched()).brightness - slate) > 20, 20_000);
  await waitFor('the match is heard', async () => (await screen.watched()).audioEnergy > 0.1, 10_000);
}

async function seesSlateAgain(screen: Screen, slate: number): Promise<void> {
  await waitFor('the slate again', async () => Math.abs((await screen.watched()).brightness - slate) < 5, 10_000);
  const { currentTime } = await screen.watched();
  await waitFor('it goes on', async () => (await screen.watched()).currentTime > currentTime + 1, 5000);
  const seen = await screen.watched();
  expect(seen.waiting).toBe(0);
  expect(seen.errors).toEqual([]);
}

test('hls.js and dash.js opened before the publisher show the slate, the match and the slate again, and never wait', async () => {
  const screens = await Promise.all(
    PLAYERS.map(([player, manifest]) => theatre.open(player, `${service.base}/${manifest}`)),
  );
  const slates = await Promise.all(screens.map(seesSlate));
  const push = service.push({ size: '640x360', bitrate: '1500k' });
  await waitLive(service);
  await Promise.all(screens.map((screen, at) => seesMatch(screen, slates[at] ?? 0)));
  await push.stop('SIGKILL');
  await Promise.all(screens.map((screen, at) => seesSlateAgain(screen, slates[at] ?? 0)));
});
