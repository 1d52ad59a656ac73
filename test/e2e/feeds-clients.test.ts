/** Ways to say the same to an RTMP server: URLs, keys, extra commands and chunk sizes of all kinds, each with real media. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keptLog } from '../fakes/control-quiet-log.ts';
import { AUDIO, amf0, COMMAND, RtmpClient, VIDEO } from '../fakes/rtmp-client.ts';
import { channelsYaml, lookAt, makeClip, sendTags } from '../rig/feeds.ts';
import { type FlvTag, setChunkSize } from '../rig/flv-file.ts';
import { KEY, startTestService, type TestService, TINY_LADDER, waitFor, waitLive } from '../rig/service.ts';
import { metricOf } from './service-client.ts';

const folder = mkdtempSync(join(tmpdir(), 'feeds-clients-'));

interface Client {
  readonly what: string;
  readonly connect?: (key: string) => Record<string, string>;
  readonly streamName?: (channel: string, key: string) => string;
  readonly flash?: boolean;
  readonly chunkSizes?: readonly number[];
  readonly isEnhanced?: boolean;
}

/** ExVideoTagHeader and ExAudioTagHeader of Enhanced RTMP v2 with avc1 and mp4a, in place of the legacy ones. */
function enhanced(tag: FlvTag): FlvTag {
  const first = tag.body[0] ?? 0;
  const packetType = tag.body[1] ?? 0;
  const head = (fourCc: string, byte: number) => Buffer.concat([Buffer.from([byte]), Buffer.from(fourCc)]);
  if (tag.type === VIDEO) {
    const payload = tag.body.subarray(packetType === 1 ? 2 : 5);
    return { ...tag, body: Buffer.concat([head('avc1', 0x80 | (first & 0x70) | packetType), payload]) };
  }
  return tag.type === AUDIO
    ? { ...tag, body: Buffer.concat([head('mp4a', 0x90 | packetType), tag.body.subarray(2)]) }
    : tag;
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
  { what: 'Enhanced RTMP: avc1 and mp4a', isEnhanced: true, chunkSizes: [4096] },
];

const log = keptLog();
let service: TestService;
let clip: FlvTag[];
beforeAll(async () => {
  clip = await makeClip(folder, 'plain', { seconds: 8 });
  const config = join(folder, 'settings.yaml');
  writeFileSync(config, channelsYaml(TINY_LADDER, KEY, [...CLIENTS.map((_, i) => `c${i}`), 'refused']));
  service = await startTestService({ config }, {}, { log });
});
afterAll(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe.concurrent('a client with', () => {
  for (const [i, { what, connect, streamName, flash = false, chunkSizes = [], isEnhanced }] of CLIENTS.entries())
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
      const push = sendTags(client, isEnhanced ? clip.map(enhanced) : clip);
      let turn = 0;
      const turning = setInterval(() => setChunkSize(client, chunkSizes[++turn % chunkSizes.length] ?? 128), 300);
      if (chunkSizes.length < 2) clearInterval(turning);
      await waitLive(service, channel);
      // The newest Segment may be slate while three encoders start at once on a busy machine.
      let look = await lookAt(service, channel, folder, 1);
      await waitFor('a Segment with a flash and a beep', async () => {
        look = await lookAt(service, channel, folder, 1);
        return look.apartMs !== undefined;
      });
      clearInterval(turning);
      await push.stop();
      expect(look.flashes.length).toBeGreaterThanOrEqual(1);
      expect(look.apartMs ?? 999).toBeLessThan(70);
    });
});

test.each([
  ['HEVC', 'hvc1'],
  ['AV1', 'av01'],
])('%s by Enhanced RTMP is refused by its name, and nothing of it goes on air', async (name, fourCc) => {
  const channel = 'refused';
  const client = await new RtmpClient(service.ports.rtmp).publish(`${channel}?key=${KEY}-${channel}`);
  const live = await metricOf(service, 'packager_segments_total', { channel, source: 'live' });
  client.send(VIDEO, Buffer.concat([Buffer.from([0x90]), Buffer.from(fourCc), Buffer.alloc(32)]), 0, 6, 1);
  await client.untilClosed();
  const told = log.lines.map(({ fields }) => ('reason' in fields ? String(fields.reason) : ''));
  expect(told).toContainEqual(expect.stringContaining(`${name} by Enhanced RTMP (${fourCc})`));
  expect(await metricOf(service, 'packager_segments_total', { channel, source: 'live' })).toBe(live);
  expect(service.directory.get(channel)?.status().onAir).toBe('slate');
});
