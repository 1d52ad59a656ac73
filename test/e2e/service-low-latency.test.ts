/** Latency `low` and `ultra` end to end: real pushes and encoders, read by the strict checker and by a client at the edge. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkStream } from '../../src/check/check-stream.ts';
import { systemClock } from '../../src/system/clock.ts';
import { type HintedPart, hintedPart } from '../rig/hinted-part.ts';
import {
  type PushOptions,
  startTestService,
  type TestService,
  TINY_LADDER,
  waitFor,
  waitLive,
} from '../rig/service.ts';

const KEY = 'low-latency-key-';
const MATRIX: readonly (readonly [id: string, latency: 'low' | 'ultra', push: PushOptions])[] = [
  ['low-25', 'low', { rate: '25' }],
  ['low-2997', 'low', { rate: '30000/1001' }],
  ['low-50', 'low', { rate: '50' }],
  ['low-5994', 'low', { rate: '60000/1001' }],
  ['ultra-25-b', 'ultra', { rate: '25', encoder: ['-bf', '2'] }],
  ['ultra-30-mute', 'ultra', { rate: '30', audio: 'none' }],
];

const folder = mkdtempSync(join(tmpdir(), 'pitchside-low-latency-'));
let service: TestService;

beforeAll(async () => {
  const channels = [...MATRIX, ['clock', 'low'] as const].map(
    ([id, latency]) => `  ${id}: { ladder: ${TINY_LADDER}, latency: ${latency}, keys: { main: ${KEY}${id} } }`,
  );
  const config = join(folder, 'settings.yaml');
  await writeFile(config, `channels:\n${channels.join('\n')}\n`);
  service = await startTestService({ config });
});

afterAll(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const baseOf = (channel: string) => `http://127.0.0.1:${service.ports.http}/live/${channel}`;

describe.concurrent.each(MATRIX)('%s', (id, _latency, push) => {
  test('LL-HLS and LL-DASH keep every rule of the checker', async ({ expect }) => {
    const pushed = service.push({ size: '320x180', bitrate: '400k', ...push, channel: id, key: KEY + id });
    await waitLive(service, id);
    const clock = systemClock();
    const [hls, dash] = await Promise.all(
      ['master.m3u8', 'manifest.mpd'].map((name) => checkStream({ url: `${baseOf(id)}/${name}`, seconds: 8, clock })),
    );
    await pushed.stop();
    const serious = [...(hls?.findings ?? []), ...(dash?.findings ?? [])].filter(({ severity }) => severity !== 'note');
    expect(serious).toEqual([]);
    expect(hls?.summary).toBeDefined();
  });
});

const hinted = (channel: string, after?: { number: number; part: number }) => hintedPart(baseOf(channel), after);

describe('a viewer at the edge', () => {
  const channel = 'clock';

  beforeAll(async () => {
    service.push({ rate: '25', size: '320x180', bitrate: '400k', channel, key: KEY + channel });
    await waitLive(service, channel);
  });

  test('gets the first byte of a Segment more than a second before its end, also in mid-Segment, without validators (LL-DASH)', async () => {
    // A request for the next one is held for a Segment's time: it is made in the second half of this one.
    let edge = await hinted(channel);
    while (edge.part < 3) edge = await hinted(channel, edge);
    const { gen, number } = edge;
    const url = `${baseOf(channel)}/180p/${gen}/${number + 1}.m4s`;
    const take = async () => {
      const answer = await fetch(url);
      const firstMs = Date.now();
      const body = Buffer.from(await answer.arrayBuffer());
      return { answer, firstMs, lastMs: Date.now(), hash: createHash('sha256').update(body).digest('hex') };
    };
    const early = take();
    await waitFor('the Segment has begun', async () => (await hinted(channel)).number === number + 1, 8000);
    await sleep(700);
    const joiner = take();
    const [first, second] = await Promise.all([early, joiner]);
    expect(first.answer.status).toBe(200);
    expect(first.lastMs - first.firstMs).toBeGreaterThan(1000);
    expect(first.answer.headers.get('etag')).toBeNull();
    expect(first.answer.headers.get('content-length')).toBeNull();
    const whole = await take();
    expect(whole.answer.headers.get('etag')).not.toBeNull();
    expect([first.hash, second.hash]).toEqual([whole.hash, whole.hash]);
  });

  test('has a whole body of each Segment, and no 404, while the encoder is killed in the middle of one', async () => {
    const pid = service.directory.get(channel)?.status().encoder?.pid;
    if (pid === undefined) throw new Error('no encoder');
    let edge: HintedPart = await hinted(channel);
    const statuses: number[] = [];
    const bodies = new Map<number, Promise<string>>();
    const hashOf = async (number: number): Promise<string> => {
      const answer = await fetch(`${baseOf(channel)}/180p/${edge.gen}/${number}.m4s`);
      return createHash('sha256')
        .update(Buffer.from(await answer.arrayBuffer()))
        .digest('hex');
    };
    const killAt = edge.number + 1;
    let isKilled = false;
    while (edge.number < killAt + 3) {
      if (!bodies.has(edge.number)) bodies.set(edge.number, hashOf(edge.number));
      if (edge.number === killAt && edge.part === 2 && !isKilled) {
        isKilled = true;
        process.kill(pid, 'SIGKILL');
      }
      statuses.push((await fetch(`${baseOf(channel)}/180p/${edge.gen}/${edge.number}.${edge.part}.m4s`)).status);
      edge = await hinted(channel, edge);
    }
    expect(isKilled).toBe(true);
    expect(statuses.every((status) => status === 200)).toBe(true);
    for (const [number, body] of bodies) expect([number, await body]).toEqual([number, await hashOf(number)]);
    const text = await (await fetch(`${baseOf(channel)}/180p/media.m3u8`)).text();
    expect(text).not.toContain('#EXT-X-DISCONTINUITY\n');
  }, 60_000);

  test('is refused at once what is too far ahead, and what names a part without a Segment (RFC 8216bis 6.2.5.2)', async () => {
    const { number } = await hinted(channel);
    const statusOf = async (query: string) => (await fetch(`${baseOf(channel)}/180p/media.m3u8?${query}`)).status;
    expect(await statusOf(`_HLS_msn=${number + 2}`)).toBe(400);
    expect(await statusOf('_HLS_part=1')).toBe(400);
    expect(await statusOf(`_HLS_msn=${number - 5}`)).toBe(200);
  });
});
