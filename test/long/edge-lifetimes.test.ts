/**
 * How long the edges of docker/edge keep the answer to a blocking request: 12 s, which is too long a wait for every run. That they obey
 * max-age at all is in test/e2e/edge-caches.test.ts, that the origin says 12 s in the table of the cache policy.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TextAnswer } from '../../src/channel/view.ts';
import { ask, openTestOrigin, type TestOrigin } from '../e2e/origin-client.ts';
import { FakeChannel, textRevision } from '../fakes/channel-view.ts';
import { openNginxEdge, openVarnishEdge } from '../rig/edges.ts';

const channel = new FakeChannel();
const TRACK = { kind: 'hls-media', track: 'v720' } as const;
const blocked = (text: string): TextAnswer => ({ kind: 'ready', revision: textRevision(text), of: 'edge' });
let origin: TestOrigin;

beforeAll(async () => {
  origin = await openTestOrigin([channel]);
});
afterAll(async () => {
  await origin.close();
});

test('RFC 8216bis appendix B: both keep the answer to a blocking request for 12 s, and no longer', async () => {
  const target = '/live/match/v720/media.m3u8?_HLS_msn=9&_HLS_part=0';
  channel.setText(TRACK, blocked('#EXTM3U\n# first\n'));
  const edges = await Promise.all([openNginxEdge(origin.port), openVarnishEdge(origin.port)]);
  const texts = () => Promise.all(edges.map(async ({ port }) => (await ask(port, target)).body.toString()));
  try {
    expect(await texts()).toEqual(Array(2).fill('#EXTM3U\n# first\n'));
    channel.setText(TRACK, blocked('#EXTM3U\n# later\n'));
    await delay(10_500);
    expect(await texts()).toEqual(Array(2).fill('#EXTM3U\n# first\n'));
    await delay(3000);
    expect(await texts()).toEqual(Array(2).fill('#EXTM3U\n# later\n'));
  } finally {
    await Promise.all(edges.map((edge) => edge.close()));
  }
});
