/** A player that is opened before the publisher: it shows the slate, and the match when it comes, without a stall or a reload. */
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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

describe.each([
  ['hls.js', 'master.m3u8'],
  ['dash.js', 'manifest.mpd'],
] as const)('%s opened on a channel without a publisher', (player, manifest) => {
  test('shows the slate, then the match, then the slate again, and never waits', async () => {
    const screen = await theatre.open(player, `${service.base}/${manifest}`);
    await waitFor('the slate plays', async () => (await screen.watched()).frames > 30, 20_000);
    await sleep(2000);
    await screen.reset();
    await sleep(2000);
    const slate = (await screen.watched()).brightness;
    const push = service.push({ size: '640x360', bitrate: '1500k' });
    await waitLive(service);
    await waitFor('the match is seen', async () => Math.abs((await screen.watched()).brightness - slate) > 20, 20_000);
    await waitFor('the match is heard', async () => (await screen.watched()).audioEnergy > 0.1, 10_000);
    await push.stop('SIGKILL');
    await waitFor('the slate again', async () => Math.abs((await screen.watched()).brightness - slate) < 5, 10_000);
    const { currentTime } = await screen.watched();
    await waitFor('it goes on', async () => (await screen.watched()).currentTime > currentTime + 1, 5000);
    const seen = await screen.watched();
    expect(seen.waiting).toBe(0);
    expect(seen.errors).toEqual([]);
    await screen.close();
  });
});
