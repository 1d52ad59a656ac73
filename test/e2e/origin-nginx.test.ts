// nginx as Debian ships it, with proxy_cache and proxy_cache_lock, in front of the origin.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeChannel } from '../fakes/channel-view.ts';
import { ask, openTestOrigin, type TestOrigin, until } from './origin-client.ts';
import { type Edge, openNginx } from './origin-edge.ts';

const BODY = Buffer.alloc(1_000_000, 9);
const segment = (number: number) => ({ kind: 'segment', track: 'v720', gen: 'g1', number }) as const;
const url = (number: number) => `/live/match/v720/g1/${number}.m4s`;
const viewers = (count: number, path: string, headers = {}) =>
  Promise.all(Array.from({ length: count }, () => ask(edge.port, path, headers)));

let channel: FakeChannel;
let origin: TestOrigin;
let edge: Edge;

beforeAll(async () => {
  channel = new FakeChannel();
  channel.holdMs = 6000;
  origin = await openTestOrigin([channel]);
  edge = await openNginx(
    'proxy_cache_path cache keys_zone=c:10m max_size=200m;',
    `proxy_pass http://origin; proxy_cache c; proxy_cache_key $uri; add_header X-Cache $upstream_cache_status;
     proxy_cache_lock on; proxy_cache_lock_timeout 10s; proxy_cache_lock_age 10s;`,
    origin.port,
  );
});

afterAll(async () => {
  await edge?.close();
  await origin?.close();
});

describe('checklist 6 MUST: origin requests are independent of the number of viewers', () => {
  it('100 simultaneous requests for an object that is about to exist are one request at the origin', async () => {
    channel.setMedia(segment(1), { kind: 'pending', key: 's1' });
    const asked = viewers(100, url(1));
    await until(async () => (await origin.count('http_waiting_requests')) === 1);
    await delay(300);
    expect(await origin.count('http_waiting_requests')).toBe(1);
    channel.setMedia(segment(1), BODY);
    channel.wake('s1');
    const answers = await asked;
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
    expect(answers.every((answer) => answer.body.equals(BODY))).toBe(true);
    expect(new Set(answers.map((answer) => answer.headers.etag)).size).toBe(1);
    expect(await origin.count('http_responses_total', { kind: 'segment' })).toBe(1);
  });

  it('100 simultaneous requests for a playlist are one, and its next revision is fetched after a second', async () => {
    channel.setText({ kind: 'hls-media', track: 'v720' }, '#EXTM3U\n# 1\n');
    await viewers(100, '/live/match/v720/media.m3u8');
    expect(await origin.count('http_responses_total', { kind: 'hls-media' })).toBe(1);
    channel.setText({ kind: 'hls-media', track: 'v720' }, '#EXTM3U\n# 2\n');
    await delay(2100);
    const next = await ask(edge.port, '/live/match/v720/media.m3u8');
    expect(next.body.toString()).toContain('# 2');
  });
});

it('an object asked for too early is not pinned: it is there when its second is over', async () => {
  channel.setMedia(segment(5), { kind: 'too-early' });
  expect((await ask(edge.port, url(5))).status).toBe(404);
  channel.setMedia(segment(5), BODY);
  await delay(2100);
  expect((await ask(edge.port, url(5))).status).toBe(200);
});

it('a stored object is served without the origin, with its validators, ranges and CORS', async () => {
  channel.setMedia(segment(6), BODY);
  const { etag = '' } = (await ask(edge.port, url(6))).headers;
  const before = await origin.count('http_responses_total');
  const again = await ask(edge.port, url(6));
  expect(again.headers['x-cache']).toBe('HIT');
  expect(again.headers['access-control-allow-origin']).toBe('*');
  expect((await ask(edge.port, url(6), { 'if-none-match': etag })).status).toBe(304);
  const part = await ask(edge.port, url(6), { range: 'bytes=10-19' });
  expect([part.status, part.body.length]).toEqual([206, 10]);
  expect(await origin.count('http_responses_total')).toBe(before);
});

it('gzip and plain forms are stored apart', async () => {
  channel.setText({ kind: 'dash' }, '<MPD/>'.repeat(100));
  const zipped = await ask(edge.port, '/live/match/manifest.mpd', { 'accept-encoding': 'gzip' });
  const plain = await ask(edge.port, '/live/match/manifest.mpd');
  expect(zipped.headers['content-encoding']).toBe('gzip');
  expect(plain.headers['content-encoding']).toBeUndefined();
  expect(plain.body.toString()).toBe('<MPD/>'.repeat(100));
});
