/**
 * The fault matrix as viewers see it: real players, one at a time, on a channel of each latency, while the publisher goes and comes
 * back. A stall is a `waiting` of the element after it has begun to play. What is in range of a test without a browser is in test/e2e.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Publisher } from '../chaos/publisher.ts';
import { makeClip } from '../rig/feeds.ts';
import { openTheatre, type PlayerName, type Theatre } from '../rig/players.ts';
import { KEY, startTestService, type TestService, TINY_LADDER, waitFor, waitLive } from '../rig/service.ts';

const PLAYERS: readonly PlayerName[] = ['hls.js', 'dash.js', 'shaka-hls', 'shaka-dash'];
const CHANNELS = ['normal', 'low'] as const;
type ChannelId = (typeof CHANNELS)[number];
/** After the fault: long enough that whatever it does to a buffer of some seconds is seen. */
const AFTER_MS = 12_000;

const folder = mkdtempSync(join(tmpdir(), 'faults-players-'));
const publishers = new Map<string, Publisher>();
let service: TestService;
let theatre: Theatre;

beforeAll(async () => {
  await makeClip(folder, 'plain', { seconds: 16.5 });
  const lines = CHANNELS.map((id) => `  ${id}: { ladder: ${TINY_LADDER}, keys: { a: ${KEY}-${id} }, latency: ${id} }`);
  const ends = 'latency: low, window: 30s, absentTimeout: 10s';
  lines.push(`  ends: { ladder: ${TINY_LADDER}, keys: { a: ${KEY}-ends }, ${ends} }`);
  const config = join(folder, 'settings.yaml');
  writeFileSync(config, ['channels:', ...lines, ''].join('\n'));
  service = await startTestService({ config });
  for (const id of [...CHANNELS, 'ends']) {
    const streamName = `${id}?key=${KEY}-${id}`;
    const publisher = new Publisher({ port: service.ports.rtmp, streamName, clip: join(folder, 'plain.flv') });
    publishers.set(id, publisher);
    await publisher.start();
    await waitLive(service, id);
  }
  theatre = await openTheatre();
});
afterAll(async () => {
  await theatre?.close();
  for (const publisher of publishers.values()) await publisher.end();
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Stalls of one player while `act` is done to a channel, and afterwards. */
async function watch(player: PlayerName, channel: ChannelId, act: () => Promise<unknown>) {
  const file = player === 'dash.js' || player === 'shaka-dash' ? 'manifest.mpd' : 'master.m3u8';
  const screen = await theatre.open(player, `http://127.0.0.1:${service.ports.http}/live/${channel}/${file}`);
  try {
    await waitFor(`${player} plays`, async () => (await screen.watched()).frames > 90, 30_000);
    await sleep(5_000);
    await screen.reset();
    await act();
    await sleep(AFTER_MS);
    const { waiting, errors, frames, latencySeconds } = await screen.watched();
    const fatal = errors.filter((error) => error.startsWith('fatal') || error.startsWith('shaka 2'));
    console.log(`${player} on ${channel}: ${waiting} stalls, ${frames} frames, ${latencySeconds.toFixed(1)} s`, errors);
    return { waiting, fatal };
  } finally {
    await screen.close();
  }
}

describe('after the end', () => {
  test.each(PLAYERS)('%s, opened then, plays what is kept from its start to its end', async (player) => {
    const [publisher, channel] = [publishers.get('ends'), service.directory.get('ends')];
    if (channel?.status().state !== 'ended') {
      await publisher?.end();
      await waitFor('the end', () => channel?.status().state === 'ended', 30_000);
    }
    const file = player === 'dash.js' || player === 'shaka-dash' ? 'dvr.mpd' : 'dvr.m3u8';
    const screen = await theatre.open(player, `http://127.0.0.1:${service.ports.http}/live/ends/${file}`);
    try {
      const look = () =>
        screen.page.evaluate(() => {
          const { currentTime, duration, ended, paused, played } = document.querySelector('video') as HTMLVideoElement;
          return { currentTime, duration, ended, paused, from: played.length === 0 ? Number.NaN : played.start(0) };
        });
      await waitFor(`${player} plays`, async () => (await screen.watched()).frames > 10, 30_000);
      const { duration } = await look();
      await sleep(1000 * duration + 3_000);
      const { waiting, errors, frames } = await screen.watched();
      const end = await look();
      console.log(`${player} after the end: ${frames} frames, ${waiting} stalls`, end, errors);
      // Shaka and hls.js see the end of the media; dash.js may stop a frame before it.
      expect(end.from).toBeLessThan(0.5);
      expect(end.currentTime).toBeGreaterThan(duration - 0.5);
      expect(frames).toBeGreaterThan(0.8 * 30 * duration);
      expect(errors.filter((error) => error.startsWith('fatal'))).toEqual([]);
    } finally {
      await screen.close();
    }
  });
});

describe.each(CHANNELS)('latency %s', (channel) => {
  const kill = (ms: number) => () => publishers.get(channel)?.killFor(ms) ?? Promise.resolve();
  describe.each(PLAYERS)('%s', (player) => {
    test.each([500, 5_000, 60_000])('does not stall when the publisher is gone for %d ms', async (ms) => {
      const { waiting, fatal } = await watch(player, channel, kill(ms));
      expect(fatal).toEqual([]);
      // What comes back at once is waited for (D-122), and low latency has no more than that in its buffer.
      expect(waiting).toBeLessThanOrEqual(channel === 'low' && ms === 500 ? 1 : 0);
    });

    test.each(['SIGKILL', 'SIGSTOP'] as const)('does not stall when the encoder gets %s', async (signal) => {
      const act = async () => process.kill(service.directory.get(channel)?.status().encoder?.pid ?? Number.NaN, signal);
      const { waiting, fatal } = await watch(player, channel, act);
      expect(fatal).toEqual([]);
      // What hangs is seen after 1.5 s, which is more than low latency has in its buffer.
      expect(waiting).toBeLessThanOrEqual(channel === 'low' && signal === 'SIGSTOP' ? 1 : 0);
    });
  });
});
