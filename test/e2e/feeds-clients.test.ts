/** Ways to say the same to an RTMP server: URLs, keys, extra commands and chunk sizes of all kinds, each with real media. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { amf0, COMMAND, RtmpClient } from '../fakes/rtmp-client.ts';
import { channelsYaml, type FlvTag, lookAt, makeClip, sendTags, setChunkSize } from '../rig/feeds.ts';
import { KEY, startTestService, type TestService, TINY_LADDER, waitFor, waitLive } from '../rig/service.ts';

const folder = mkdtempSync(join(tmpdir(), 'feeds-clients-'));

interface Client {
  readonly what: string;
  readonly connect?: (key: string) => Record<string, string>;
  readonly streamName?: (channel: string, key: string) => string;
  readonly flash?: boolean;
  readonly chunkSizes?: readonly number[];
}

const CLIENTS: readonly Client[] = [
  { what: 'connect with tcUrl alone', connect: () => ({ tcUrl: 'rtmp://127.0.0.1/live' }) },
  { what: 'releaseStream and FCPublish', flash: true, chunkSizes: [4096] },
  {
    what: 'the key in the server URL',
    connect: (key) => ({ app: `live?key=${key}`, tcUrl: `rtmp://127.0.0.1/live?key=${key}` }),
    streamName: (channel) => channel,
  },
  { what: 'the bare key', streamName: (_, key) => key, chunkSizes: [65_536] },
  { what: 'chunks of 128 bytes, never changed' },
  { what: 'chunk sizes that change between messages', chunkSizes: [4096, 128, 60_000, 1, 65_536, 777] },
];

let service: TestService;
let clip: FlvTag[];
beforeAll(async () => {
  clip = await makeClip(folder, 'plain', { seconds: 8 });
  const config = join(folder, 'settings.yaml');
  writeFileSync(
    config,
    channelsYaml(
      TINY_LADDER,
      KEY,
      CLIENTS.map((_, i) => `c${i}`),
    ),
  );
  service = await startTestService({ config });
});
afterAll(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe.concurrent('a client with', () => {
  for (const [i, { what, connect, streamName, flash = false, chunkSizes = [] }] of CLIENTS.entries())
    test(`${what} is live`, async ({ expect }) => {
      const channel = `c${i}`;
      const key = `${KEY}-${channel}`;
      const name = streamName?.(channel, key) ?? `${channel}?key=${key}`;
      const client = await new RtmpClient(service.ports.rtmp).handshake();
      client.command('connect', 1, connect?.(key) ?? { app: 'live', tcUrl: 'rtmp://127.0.0.1/live' });
      if (flash) client.command('releaseStream', 2, null, name).command('FCPublish', 3, null, name);
      client.command('createStream', 4, null);
      client.send(COMMAND, amf0('publish', 5, null, name, 'live'), 0, 3, 1);
      await client.until(() => client.said('NetStream.Publish.Start'));
      const [first] = chunkSizes;
      if (first !== undefined) setChunkSize(client, first);
      const push = sendTags(client, clip);
      let turn = 0;
      const turning = setInterval(() => setChunkSize(client, chunkSizes[++turn % chunkSizes.length] ?? 128), 300);
      if (chunkSizes.length < 2) clearInterval(turning);
      await waitLive(service, channel);
      const number = () => service.directory.get(channel)?.status().newestNumber ?? 0;
      const startNumber = number();
      await waitFor('a whole Segment', () => number() > startNumber);
      const look = await lookAt(service, channel, folder, 1);
      clearInterval(turning);
      await push.stop();
      expect(look.flashes.length).toBeGreaterThanOrEqual(1);
      expect(look.apartMs ?? 999).toBeLessThan(70);
    });
});
