// What protects the origin, over real sockets: who may ask, what is written down of it, what is refused under load and in which
// order, and that thousands who wait for an input that has stalled cost no more with time.
import { readFileSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AccessLine } from '../../src/origin/access-log.ts';
import type { OriginLimits } from '../../src/origin/limits.ts';
import { FakeChannel } from '../fakes/channel-view.ts';
import { startTestService } from '../rig/service.ts';
import { ask, connect, openTestOrigin, type TestOrigin, until } from './origin-client.ts';

const SEGMENT = { kind: 'segment', track: 'v720', gen: 'g1', number: 1 } as const;
const SEGMENT_URL = '/live/match/v720/g1/1.m4s';
const NEXT = { ...SEGMENT, number: 2 };
const NEXT_URL = '/live/match/v720/g1/2.m4s';
const LIST = { kind: 'hls-media', track: 'v720' } as const;
const LIST_URL = '/live/match/v720/media.m3u8';
const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

let channel: FakeChannel;
let origin: TestOrigin;
const sockets: Socket[] = [];
const lines: AccessLine[] = [];

async function open(limits: Partial<OriginLimits> = {}): Promise<void> {
  origin = await openTestOrigin([channel], limits, {
    proxies: { addresses: ['127.0.0.0/8'], field: 'x-forwarded-for' },
    accessLog: { write: (line) => void lines.push(JSON.parse(line)) },
  });
}

async function client(text: string) {
  const one = await connect(origin.port);
  sockets.push(one.socket);
  one.socket.write(text);
  return one;
}

beforeEach(() => {
  channel = new FakeChannel();
  channel.setText(LIST, '#EXTM3U\n');
  channel.setMedia(SEGMENT, Buffer.alloc(1000, 7));
  channel.setMedia(NEXT, { kind: 'pending', key: 'n2' });
  lines.length = 0;
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await origin?.close();
});

it('the access log has a line for each request: what, how long it was held, how much, for how long it may be kept, for whom', async () => {
  await open();
  const held = ask(origin.port, NEXT_URL, { 'x-forwarded-for': '192.0.2.66, 203.0.113.5' });
  await until(async () => (await origin.count('http_waiting_requests')) === 1);
  await delay(200);
  channel.setMedia(NEXT, 'next');
  channel.wake('n2');
  await held;
  await ask(origin.port, `${SEGMENT_URL}?token=secret`, { range: 'bytes=0-9' });
  await ask(origin.port, LIST_URL, {}, 'HEAD');
  await ask(origin.port, '/live/none/master.m3u8');
  channel.setMedia(NEXT, { kind: 'pending', key: 'n2' });
  const { socket } = await client(request(NEXT_URL));
  await until(async () => (await origin.count('http_waiting_requests')) === 1);
  socket.destroy();
  await until(() => lines.length === 5);
  const [first, ...rest] = lines;
  expect(first).toMatchObject({ method: 'GET', path: NEXT_URL, kind: 'segment', status: 200, cache: 'immutable' });
  expect(first).toMatchObject({ client: '203.0.113.5', whole: true });
  expect(first?.holdMs).toBeGreaterThanOrEqual(190);
  expect(rest).toMatchObject([
    { path: SEGMENT_URL, status: 206, cache: 'immutable', client: '127.0.0.1' },
    { method: 'HEAD', path: LIST_URL, kind: 'hls-media', status: 200, cache: '1s' },
    { path: '/live/none/master.m3u8', kind: 'hls-master', status: 404, cache: '5s' },
    { path: NEXT_URL, status: 499, cache: 'no-store', whole: false, bytes: 0 },
  ]);
  expect(rest[0]?.bytes).toBeGreaterThan(10);
  expect(rest[0]?.bytes).toBeLessThan(1500);
});

it('a service that is locked by the environment answers its CDN alone, its health anybody, and writes its log', async () => {
  const file = join(tmpdir(), `access-${process.pid}.log`);
  const service = await startTestService({ 'access-log': file }, { PITCHSIDE_EDGE_SECRET: 'edge-secret-1' });
  try {
    const { http, control } = service.ports;
    expect((await ask(http, '/time')).status).toBe(403);
    expect((await ask(http, '/time', { 'x-origin-key': 'edge-secret-1' })).status).toBe(200);
    expect((await ask(control, '/healthz')).status).toBe(200);
  } finally {
    await service.stop();
  }
  const statuses = readFileSync(file, 'utf8').trimEnd().split('\n');
  expect(statuses.map((line) => JSON.parse(line).status)).toEqual([403, 200]);
  rmSync(file);
});

describe('holds and playlists are refused first, segments last', () => {
  const shed = (kind: string, reason: string) => origin.count('shed_total', { kind, reason });
  const get = (path: string) => ask(origin.port, path);

  it('connections: with four fifths of them open a playlist is 503 and its connection ends, a segment is 200', async () => {
    await open({ connections: 10 });
    for (let turn = 0; turn < 8; turn += 1) await client('');
    const refused = await get(LIST_URL);
    expect([refused.status, refused.headers['retry-after'], refused.headers.connection]).toEqual([503, '1', 'close']);
    expect(refused.headers['cache-control']).toBe('no-store');
    expect((await get(NEXT_URL)).status).toBe(503);
    expect((await get(SEGMENT_URL)).status).toBe(200);
    expect([await shed('hls-media', 'connections'), await shed('segment', 'connections')]).toEqual([1, 1]);
  });

  it('waiters: playlists wait up to four fifths of them, segments up to all; what is there is answered', async () => {
    await open({ waiters: 5 });
    channel.setText(LIST, { kind: 'pending', key: 'list', holdMs: 60_000, late: 'expired' });
    channel.holdMs = 60_000;
    for (let turn = 0; turn < 4; turn += 1) await client(request(LIST_URL));
    await until(async () => (await origin.count('http_waiting_requests')) === 4);
    expect((await get(LIST_URL)).status).toBe(503);
    await client(request(NEXT_URL));
    await until(async () => (await origin.count('http_waiting_requests')) === 5);
    expect([(await get(NEXT_URL)).status, (await get(SEGMENT_URL)).status]).toEqual([503, 200]);
    expect([await shed('hls-media', 'waiters'), await shed('segment', 'waiters')]).toEqual([1, 1]);
  });

  it('bytes in flight: readers who take nothing cost the others their playlists, then segments, until they are cut', async () => {
    const big = Buffer.alloc(16 * 1024 * 1024, 7);
    await open({ bytesInFlight: 2.4 * big.length, stallMs: 1200 });
    channel.setMedia(SEGMENT, big);
    const slow = async (count: number) => {
      const { socket } = await client(request(SEGMENT_URL));
      socket.pause();
      await until(async () => (await origin.count('http_bytes_in_flight')) === count * big.length);
    };
    await slow(1);
    expect((await get(LIST_URL)).status).toBe(200);
    await slow(2);
    expect((await get(LIST_URL)).status).toBe(503);
    await slow(3);
    channel.setMedia(NEXT, 'next');
    expect((await get(NEXT_URL)).status).toBe(503);
    await until(async () => (await origin.count('http_bytes_in_flight')) === 0);
    expect([(await get(LIST_URL)).status, (await get(NEXT_URL)).status]).toEqual([200, 200]);
    expect(await shed('other', 'slow-reader')).toBe(3);
    expect([await shed('hls-media', 'bytes'), await shed('segment', 'bytes')]).toEqual([1, 1]);
  });
});

it('5,000 requests blocked on an input that has stalled cost no more with time: each time that all are held, the same', async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  await open();
  let answers = 0;
  const asked = Buffer.from(request(NEXT_URL));
  await Promise.all(
    Array.from({ length: 5000 }, async () => {
      const { socket } = await client('');
      socket.removeAllListeners('data');
      // The end of a JSON body: its client asks again at once.
      socket.on('data', (text: string) => {
        if (!text.endsWith('}\n')) return;
        answers += 1;
        socket.write(asked);
      });
      socket.write(asked);
    }),
  );
  /** Holds that end in 404 and begin again, some a client; then all are held for long, and the memory is read. */
  const usedAfterRounds = async (): Promise<number> => {
    channel.holdMs = 300;
    channel.wake('closed');
    const enough = answers + 10_000;
    await expect.poll(() => answers, { timeout: 20_000, interval: 20 }).toBeGreaterThanOrEqual(enough);
    channel.holdMs = 60_000;
    let before = -1;
    while (answers !== before || (await origin.count('http_waiting_requests')) < 5000) {
      before = answers;
      await delay(250);
    }
    lines.length = 0;
    gc();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const [first, second] = [await usedAfterRounds(), await usedAfterRounds()];
  expect(second - first).toBeLessThan(0.05 * first);
  for (const socket of sockets.splice(0)) socket.destroy();
  await until(async () => (await origin.count('http_connections')) === 0);
  expect(await origin.count('http_waiting_requests')).toBe(0);
  expect(channel.listeners).toBe(0);
}, 60_000);
