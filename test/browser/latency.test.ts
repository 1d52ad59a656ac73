/**
 * How old the picture on the screen is, with `latency: low`: real players in a real browser, the clock read from the picture.
 * The bounds are those of a busy test machine; the goals are measured by `npm run bench:latency`.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeFeedClip } from '../bench/latency/feed-clip.ts';
import { figuresOf } from '../bench/latency/figures.ts';
import { type Pusher, startPusher } from '../bench/latency/pusher-process.ts';
import { openTheatre, type Theatre } from '../rig/players.ts';
import { FFMPEG, KEY, ROOT, startTestService, type TestService, waitFor, waitLive } from '../rig/service.ts';

const SETTLE_MS = 4000;
const WATCH_MS = 16_000;

let folder: string;
let service: TestService;
let theatre: Theatre;
let pusher: Pusher;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latency-'));
  const clip = join(folder, 'feed.flv');
  const config = join(folder, 'settings.yaml');
  const ladder = join(ROOT, 'test/fixtures/ladders/small.yaml');
  const channels = { match: { ladder, keys: { primary: KEY }, latency: 'low' } };
  await Promise.all([makeFeedClip(FFMPEG, clip), writeFile(config, JSON.stringify({ channels }))]);
  [service, theatre] = await Promise.all([startTestService({ config }), openTheatre()]);
  pusher = await startPusher(clip, 0, [`${service.ports.rtmp}/match?key=${KEY}`]);
  await waitLive(service);
});

afterAll(async () => {
  await pusher?.stop();
  await theatre?.close();
  await service?.stop();
  await rm(folder, { recursive: true, force: true });
});

test.each([
  ['page-hls', 'master.m3u8'],
  ['dash.js', 'manifest.mpd'],
] as const)('%s at the live edge shows pictures younger than 2.5 s and never waits', async (player, manifest) => {
  const screen = await theatre.open(player, `${service.base}/${manifest}`, {}, { clock: true });
  await waitFor('the first picture', async () => (await screen.watched()).frames > 0, 15_000);
  await sleep(SETTLE_MS + WATCH_MS);
  const notes = await screen.glass();
  const figures = figuresOf(notes, pusher.feed, SETTLE_MS);
  expect(figures.reads).toBeGreaterThan(60);
  expect(figures.unreadable + figures.torn).toBeLessThan(figures.reads / 10);
  expect(figures.p50Ms).toBeLessThan(2500);
  const settledMs = (notes.frames[0] ?? 0) + SETTLE_MS;
  expect(notes.waits.filter((ms) => ms > settledMs)).toEqual([]);
  const { errors } = await screen.watched();
  expect(errors).toEqual([]);
  expect(Object.keys(screen.traffic().byStatus)).toEqual(['200']);
  await screen.close();
});
