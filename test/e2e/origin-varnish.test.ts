// Varnish with its default VCL in front of the origin.
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeChannel } from '../fakes/channel-view.ts';
import { ask, openTestOrigin, type TestOrigin, until } from './origin-client.ts';
import { type Edge, openVarnish } from './origin-edge.ts';

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
  edge = await openVarnish(origin.port);
});

afterAll(async () => {
  await edge?.close();
  await origin?.close();
});

describe('checklist 6 MUST: origin requests are independent of the number of viewers', () => {
  it('100 simultaneous requests for an object that is about to exist are one at the origin, and wake together', async () => {
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
    expect(await origin.count('http_responses_total', { kind: 'segment' })).toBe(1);
  });

  it('100 simultaneous requests for a playlist, half of them with gzip, are one', async () => {
    channel.setText({ kind: 'hls-media', track: 'v720' }, '#EXTM3U\n# 1\n');
    const path = '/live/match/v720/media.m3u8';
    const [zipped, plain] = await Promise.all([viewers(50, path, { 'accept-encoding': 'gzip' }), viewers(50, path)]);
    expect(zipped.every(({ body }) => gunzipSync(body).toString() === '#EXTM3U\n# 1\n')).toBe(true);
    expect(plain.every(({ body }) => body.toString() === '#EXTM3U\n# 1\n')).toBe(true);
    expect(await origin.count('http_responses_total', { kind: 'hls-media' })).toBe(1);
  });
});

it('a 404 is not pinned for default_ttl: an object asked for too early is there when its second is over', async () => {
  channel.setMedia(segment(5), { kind: 'too-early' });
  expect((await ask(edge.port, url(5))).status).toBe(404);
  channel.setMedia(segment(5), BODY);
  // Grace serves the stale 404 once while the next answer is fetched.
  await delay(1500);
  await ask(edge.port, url(5));
  await until(async () => (await ask(edge.port, url(5))).status === 200);
});

it('a stored object is served without the origin, with Age, validators and ranges', async () => {
  channel.setMedia(segment(6), BODY);
  const { etag = '' } = (await ask(edge.port, url(6))).headers;
  const before = await origin.count('http_responses_total');
  expect((await ask(edge.port, url(6))).headers.age).toBeDefined();
  expect((await ask(edge.port, url(6), { 'if-none-match': etag })).status).toBe(304);
  expect((await ask(edge.port, url(6), { range: 'bytes=10-19' })).status).toBe(206);
  expect(await origin.count('http_responses_total')).toBe(before);
});

it('a refusal under overload is not stored', async () => {
  channel.setMedia(segment(7), { kind: 'pending', key: 's7' });
  const asked = ask(edge.port, url(7));
  await until(async () => (await origin.count('http_waiting_requests')) === 1);
  channel.wake('closed');
  expect((await asked).status).toBe(503);
  channel.setMedia(segment(7), BODY);
  expect((await ask(edge.port, url(7))).status).toBe(200);
});
