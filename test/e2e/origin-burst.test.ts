// Many who are let go together: written from one buffer, and byte for byte what each alone would have got.
import type { Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MediaName } from '../../src/channel/view.ts';
import { FakeChannel, textRevision } from '../fakes/channel-view.ts';
import { ask, connect, openTestOrigin, type TestOrigin, until } from './origin-client.ts';

const PART = { kind: 'part', track: 'v720', gen: 'g1', number: 900000001, part: 2 } as const satisfies MediaName;
const URL = '/live/match/v720/g1/900000001.2.m4s';
const BODY = 'media'.repeat(1000);

let channel: FakeChannel;
let origin: TestOrigin;
const open: Socket[] = [];

const waiting = (count: number) => until(async () => (await origin.count('http_waiting_requests')) === count);
const withoutDate = (text: string) => text.replace(/\r\nDate: [^\r]*/, '');
const request = (fields = '', version = '1.1', method = 'GET') =>
  `${method} ${URL} HTTP/${version}\r\nHost: x\r\n${fields}\r\n`;

async function client(text: string) {
  const one = await connect(origin.port);
  open.push(one.socket);
  one.socket.write(text);
  return { ...one, has: (part: string) => until(() => one.received().endsWith(part)) };
}

function appear(body: Buffer | string = BODY): void {
  channel.setMedia(PART, body);
  channel.wake('p2');
}

beforeEach(async () => {
  channel = new FakeChannel();
  channel.setMedia(PART, { kind: 'pending', key: 'p2' });
  origin = await openTestOrigin([channel]);
});

afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy();
  await origin.close();
});

describe('a burst of the same answer', () => {
  it('is for each what it would have got alone, and is counted as that', async () => {
    const clients = await Promise.all(Array.from({ length: 50 }, () => client(request())));
    await waiting(50);
    appear();
    await Promise.all(clients.map(({ has }) => has(BODY)));
    const alone = await client(request());
    await alone.has(BODY);
    for (const { received } of clients) expect(withoutDate(received())).toBe(withoutDate(alone.received()));
    expect(alone.received()).toMatch(/\r\nDate: [^\r]+ GMT\r\n/);
    expect(await origin.count('http_responses_total', { kind: 'part', status: '200' })).toBe(51);
    expect(await origin.count('http_response_bytes_total', { kind: 'part' })).toBe(51 * BODY.length);
  });

  it('leaves each connection to its next request, pipelined or not', async () => {
    const plain = await Promise.all(Array.from({ length: 5 }, () => client(request())));
    const next = 'GET /time HTTP/1.1\r\nHost: x\r\n\r\n';
    const pipelined = await Promise.all(Array.from({ length: 5 }, () => client(request() + request() + next)));
    await waiting(15);
    appear();
    await Promise.all(plain.map(({ has }) => has(BODY)));
    for (const { socket } of plain) socket.write(request() + next);
    for (const { received, has } of [...plain, ...pipelined]) {
      await has('2026-11-21T19:42:00.123Z');
      expect(received().match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3);
      expect(received().split(BODY)).toHaveLength(3);
    }
  });

  it('gives those who asked otherwise their own answers', async () => {
    const { etag = '' } = await (async () => {
      channel.setMedia(PART, BODY);
      const { headers } = await ask(origin.port, URL);
      channel.setMedia(PART, { kind: 'pending', key: 'p2' });
      return headers;
    })();
    const texts = [
      request(),
      request('', '1.1', 'HEAD'),
      request('Connection: close\r\n'),
      request('', '1.0'),
      request(`If-None-Match: ${etag}\r\n`),
      request('Range: bytes=0-4\r\n'),
      request(),
    ];
    const clients: Awaited<ReturnType<typeof client>>[] = [];
    for (const [index, text] of texts.entries()) {
      clients.push(await client(text));
      await waiting(index + 1);
    }
    appear();
    await until(() => clients.every(({ received }) => received().includes('\r\n\r\n')));
    await clients[6]?.has(BODY);
    const [plain, head, close, old, unchanged, range, again] = clients.map(({ received }) => received());
    expect(plain).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\nConnection: keep-alive\r\n/);
    expect(withoutDate(again ?? '')).toBe(withoutDate(plain ?? ''));
    expect(head).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\n$/);
    for (const text of [close, old]) {
      expect(text).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\nConnection: close\r\n/);
      expect(text?.endsWith(BODY)).toBe(true);
    }
    expect(unchanged).toMatch(/^HTTP\/1\.1 304 [\s\S]*\r\n\r\n$/);
    expect(range).toMatch(/^HTTP\/1\.1 206 [\s\S]*\r\n\r\nmedia$/);
    await Promise.all([clients[2]?.closed, clients[3]?.closed]);
  });

  it('is cut for those who take nothing, as any answer is', async () => {
    await origin.close();
    origin = await openTestOrigin([channel], { stallMs: 300 });
    const big = Buffer.alloc(1024 * 1024, 7);
    const clients = await Promise.all(Array.from({ length: 8 }, () => client(request().repeat(16))));
    for (const { socket } of clients) socket.pause();
    await waiting(128);
    appear(big);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    for (const { socket } of clients) socket.resume();
    await Promise.all(clients.map(({ closed }) => closed));
    for (const { socket } of clients) expect(socket.bytesRead).toBeLessThan(16 * big.length);
  });

  it('goes on over turns: more than one slice, some leave at the wake, all the others keep their connections', async () => {
    const clients = await Promise.all(Array.from({ length: 700 }, () => client(request())));
    await waiting(700);
    const time = ask(origin.port, '/time');
    appear();
    const [gone, stayed] = [clients.filter((_, at) => at % 7 === 6), clients.filter((_, at) => at % 7 !== 6)];
    for (const { socket } of gone) socket.destroy();
    await Promise.all(stayed.map(({ has }) => has(BODY)));
    expect((await time).status).toBe(200);
    for (const { socket } of stayed) socket.write(request());
    await until(() => stayed.every(({ received }) => received().split(BODY).length === 3));
    for (const { received } of stayed) expect(received().match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
    await until(async () => (await origin.count('http_responses_total', { kind: 'part' })) >= 2 * stayed.length);
    expect(await origin.count('http_waiting_requests')).toBe(0);
  });

  it('closes the connection of who expects 100-continue, as node:http does', async () => {
    const clients = [await client(request()), await client(request('Expect: 100-continue\r\n'))];
    await waiting(2);
    appear();
    await clients[1]?.closed;
    expect(clients[1]?.received()).toMatch(/\r\nConnection: close\r\n/);
    expect(clients[0]?.received()).toMatch(/\r\nConnection: keep-alive\r\n/);
  });

  it('of a playlist: each in the form that it takes, compressed once for all', async () => {
    const name = { kind: 'hls-media', track: 'v720' } as const;
    channel.setText(name, { kind: 'pending', key: 'l2', holdMs: 2000, late: 'expired' });
    const path = (query: string, accept: string) =>
      request(accept).replace(URL, `/live/match/v720/media.m3u8?_HLS_msn=900000001&_HLS_part=2${query}`);
    const zip = 'Accept-Encoding: gzip\r\n';
    const texts = [path('', zip), path('', ''), path('&CMCD=sid%3D1', zip), path('&CMCD=sid%3D2', ''), path('', zip)];
    const clients = await Promise.all([...texts, ...texts].map(client));
    await waiting(10);
    channel.setText(name, { kind: 'ready', revision: textRevision(`#EXTM3U\n${'x\n'.repeat(500)}`), of: 'edge' });
    channel.wake('l2');
    await until(() => clients.every(({ received }) => received().includes('\r\n\r\n')));
    const bodies = clients.map(({ received }) => received().split('\r\n\r\n')[1] ?? '');
    const coded = clients.map(({ received }) => received().includes('\r\nContent-Encoding: gzip\r\n'));
    expect(coded).toEqual([true, false, true, false, true, true, false, true, false, true]);
    const [zipped = '', plain = ''] = bodies;
    expect(gunzipSync(Buffer.from(zipped, 'latin1')).toString()).toBe(plain);
    expect(plain).toMatch(/^#EXTM3U\nx/);
    expect(bodies).toEqual(coded.map((isZipped) => (isZipped ? zipped : plain)));
    // Counted when all have their bytes, and as what was answered.
    await until(
      async () => (await origin.count('http_responses_total', { kind: 'hls-blocked', status: '200' })) === 10,
    );
  });

  it('of refusals: 503 for all when the Channel ends', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => client(request())));
    await waiting(20);
    channel.wake('closed');
    await Promise.all(clients.map(({ has }) => has('}\n')));
    for (const { received } of clients) expect(received()).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\nRetry-After: 1\r\n/);
  });
});

it('the Date of an answer is never older than a second: nothing is kept from one burst to the next', async () => {
  channel.setMedia(PART, BODY);
  await Promise.all(Array.from({ length: 10 }, () => ask(origin.port, URL)));
  await new Promise((resolve) => setTimeout(resolve, 2100));
  const answers = await Promise.all(Array.from({ length: 10 }, () => ask(origin.port, URL)));
  for (const { headers } of answers) expect(Date.now() - Date.parse(headers.date ?? '')).toBeLessThan(2000);
});
