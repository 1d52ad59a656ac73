// Segments handed out while they are made, over real sockets, byte by byte as they are on the wire.
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MediaName } from '../../src/channel/view.ts';
import { FakeChannel } from '../fakes/channel-view.ts';
import { ask, connect, openTestOrigin, type TestOrigin, until } from './origin-client.ts';

const SEGMENT = { kind: 'segment', track: 'v720', gen: 'g1', number: 900000001 } as const satisfies MediaName;
const URL = '/live/match/v720/g1/900000001.m4s';
const LAST_CHUNK = '0\r\n\r\n';

let channel: FakeChannel;
let origin: TestOrigin;
const open: Socket[] = [];

const waiting = (count: number) => until(async () => (await origin.count('http_waiting_requests')) === count);
const reopen = async (limits: Parameters<typeof openTestOrigin>[1]) => {
  await origin.close();
  origin = await openTestOrigin([channel], limits);
};

/** A client of its own socket: what it was told, and what of it is body. */
async function join(fields = '', version = '1.1', method = 'GET') {
  const client = await connect(origin.port);
  open.push(client.socket);
  client.socket.write(`${method} ${URL} HTTP/${version}\r\nHost: x\r\n${fields}\r\n`);
  const head = () => client.received().split('\r\n\r\n')[0] ?? '';
  const rest = () => client.received().slice(head().length + 4);
  return { ...client, head, rest, has: (text: string) => until(() => client.received().includes(text)) };
}

/** The body of a chunked message; throws when it is not whole (RFC 9112 7.1). */
function dechunk(text: string): string {
  let body = '';
  let at = 0;
  for (;;) {
    const end = text.indexOf('\r\n', at);
    const size = Number.parseInt(text.slice(at, end), 16);
    if (end === -1 || Number.isNaN(size)) throw new Error('not whole');
    if (size === 0) return body;
    body += text.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
}

beforeEach(async () => {
  channel = new FakeChannel();
  origin = await openTestOrigin([channel]);
});

afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy();
  await origin.close();
});

describe('a growing Segment', () => {
  it('is answered at once with what there is, then each part as it comes, then its last chunk', async () => {
    channel.grow(SEGMENT, 'part-0;');
    const { head, rest, has } = await join();
    await has('part-0;');
    expect(head()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(rest()).toBe('7\r\npart-0;\r\n');
    channel.grow(SEGMENT, 'part-0;', 'part-1;');
    await has('part-1;');
    expect(rest()).not.toContain(LAST_CHUNK);
    channel.finish(SEGMENT, 'part-0;', 'part-1;', 'part-2;');
    await has(LAST_CHUNK);
    expect(dechunk(rest())).toBe('part-0;part-1;part-2;');
    expect(channel.listeners).toBe(0);
    expect(await origin.count('http_responses_total', { kind: 'segment', status: '200' })).toBe(1);
    expect(await origin.count('http_response_bytes_total', { kind: 'segment' })).toBe(21);
  });

  it('gives one who joins in the middle what there was, then goes on live with the others', async () => {
    channel.grow(SEGMENT, 'part-0;');
    const first = await join();
    await first.has('part-0;');
    channel.grow(SEGMENT, 'part-0;', 'part-1;', 'part-2;');
    const second = await join();
    await second.has('part-2;');
    await waiting(2);
    channel.finish(SEGMENT, 'part-0;', 'part-1;', 'part-2;', 'part-3;');
    for (const client of [first, second]) {
      await client.has(LAST_CHUNK);
      expect(dechunk(client.rest())).toBe('part-0;part-1;part-2;part-3;');
    }
  });

  it('begins for one who asked before its first part', async () => {
    channel.setMedia(SEGMENT, { kind: 'pending', key: 'begins' });
    const { has, rest } = await join();
    await waiting(1);
    channel.grow(SEGMENT, 'part-0;');
    channel.wake('begins');
    await has('part-0;');
    channel.finish(SEGMENT, 'part-0;', 'part-1;');
    await has(LAST_CHUNK);
    expect(dechunk(rest())).toBe('part-0;part-1;');
  });

  it('leaves its connection to the next request', async () => {
    channel.grow(SEGMENT, 'part-0;');
    const { socket, has } = await join();
    await has('part-0;');
    channel.finish(SEGMENT, 'part-0;');
    await has(LAST_CHUNK);
    socket.write('GET /time HTTP/1.1\r\nHost: x\r\n\r\n');
    await has('2026-11-21T19:42:00.123Z');
  });
});

describe('its header fields', () => {
  it('are those of the finished Segment, without what needs its end (RFC 9112 6.1: chunked, so no Content-Length)', async () => {
    channel.grow(SEGMENT, 'part-0;');
    const { head, has } = await join('Accept-Encoding: gzip\r\n');
    await has('part-0;');
    expect(head()).toContain('\r\nCache-Control: public, max-age=86400, immutable\r\n');
    expect(head()).toContain('\r\nCDN-Cache-Control: max-age=86400, immutable\r\n');
    expect(head()).toContain('\r\nAccess-Control-Allow-Origin: *\r\n');
    expect(head()).toContain('\r\nContent-Type: video/mp4\r\n');
    expect(head()).toContain('\r\nTransfer-Encoding: chunked');
    expect(head()).not.toMatch(/\r\n(ETag|Last-Modified|Accept-Ranges|Content-Length|Content-Encoding|Vary):/i);
  });

  it('RFC 9110 9.3.2: HEAD has the fields of GET and no body, at once', async () => {
    channel.grow(SEGMENT, 'part-0;');
    const full = await join();
    await full.has('part-0;');
    const bare = await join('Connection: close\r\n', '1.1', 'HEAD');
    await bare.closed;
    const fields = (head: string) => head.replace(/\r\n(Date|Connection|Keep-Alive):[^\r]*/g, '');
    expect(fields(bare.head())).toBe(fields(full.head()));
    expect(bare.rest()).toBe('');
  });

  it('RFC 9110 14.2: Range is ignored: 200 with the whole', async () => {
    channel.grow(SEGMENT, 'part-0;');
    const { head, rest, has } = await join('Range: bytes=3-5\r\n');
    await has('part-0;');
    channel.finish(SEGMENT, 'part-0;', 'part-1;');
    await has(LAST_CHUNK);
    expect(head()).toMatch(/^HTTP\/1\.1 200 /);
    expect(dechunk(rest())).toBe('part-0;part-1;');
  });

  it('RFC 9110 13.1: no tag matches: If-None-Match gets the whole, If-Match 412', async () => {
    channel.grow(SEGMENT, 'part-0;');
    const { head, has } = await join('If-None-Match: "abc"\r\n');
    await has('part-0;');
    expect(head()).toMatch(/^HTTP\/1\.1 200 /);
    expect((await ask(origin.port, URL, { 'if-match': '"abc"' })).status).toBe(412);
    const { status, headers } = await ask(origin.port, URL, { 'if-none-match': '*' });
    expect([status, headers['cache-control']]).toEqual([304, 'public, max-age=86400, immutable']);
  });
});

describe('drain', () => {
  it('lets a Segment grow to its end, refuses at once who waits for another, and then ends the connection', async () => {
    channel.grow(SEGMENT, 'part-0;');
    const client = await join();
    await client.has('part-0;');
    await waiting(1);
    let isDrained = false;
    const drained = origin.drain().then(() => {
      isDrained = true;
    });
    channel.grow(SEGMENT, 'part-0;', 'part-1;');
    await client.has('part-1;');
    expect(isDrained).toBe(false);
    channel.finish(SEGMENT, 'part-0;part-1;end');
    await Promise.all([client.closed, drained]);
    expect(client.rest()).toBe('7\r\npart-0;\r\n7\r\npart-1;\r\n3\r\nend\r\n0\r\n\r\n');
  });

  it('waits for growing Segments no longer than growMs', async () => {
    await reopen({ growMs: 100 });
    channel.grow(SEGMENT, 'part-0;');
    const client = await join();
    await client.has('part-0;');
    await origin.drain();
    await origin.close();
    await client.closed;
    expect(client.rest()).toBe('7\r\npart-0;\r\n');
  });
});

describe('RFC 9112 8 MUST: a body that is not whole is never ended', () => {
  const cut = async (how: () => void | Promise<void>) => {
    channel.grow(SEGMENT, 'part-0;');
    const client = await join();
    await client.has('part-0;');
    await waiting(1);
    await how();
    await client.closed;
    expect(client.rest()).toBe('7\r\npart-0;\r\n');
    expect(channel.listeners).toBe(0);
    expect(await origin.count('http_waiting_requests')).toBe(0);
  };

  it('when the Segment is gone', () =>
    cut(() => {
      channel.setMedia(SEGMENT, { kind: 'gone' });
      channel.wake('segment/v720/g1/900000001');
    }));
  it('when its generation is forgotten', () =>
    cut(() => {
      channel.setMedia(SEGMENT, { kind: 'unknown' });
      channel.wake('segment/v720/g1/900000001');
    }));
  it('when the Channel ends', () => cut(() => channel.wake('closed')));
  it('when the origin closes', () => cut(() => origin.close()));
  it('when the Channel throws, and nothing of it reaches who woke', () =>
    cut(() => {
      channel.media = () => {
        throw new Error('secret detail');
      };
      expect(() => channel.wake('segment/v720/g1/900000001')).not.toThrow();
    }));
  it('when the whole turns out to be shorter than what was sent', () => cut(() => channel.finish(SEGMENT, 'part')));

  it('when nothing comes for two Segment durations, counted from the last part', async () => {
    channel.segmentMs = 150;
    channel.grow(SEGMENT, 'part-0;');
    const client = await join();
    await client.has('part-0;');
    await delay(200);
    channel.grow(SEGMENT, 'part-0;', 'part-1;');
    await client.has('part-1;');
    const startMs = performance.now();
    const inVain = setInterval(() => channel.wake('segment/v720/g1/900000001'), 50);
    await client.closed;
    clearInterval(inVain);
    expect(performance.now() - startMs).toBeGreaterThan(250);
    expect(performance.now() - startMs).toBeLessThan(600);
    expect(client.rest()).toBe('7\r\npart-0;\r\n7\r\npart-1;\r\n');
  });
});

describe('HTTP/1.0 knows no chunked coding (RFC 9112 6.1: MUST NOT be sent to it)', () => {
  it('so it gets the Segment when it is whole, with a length', async () => {
    channel.grow(SEGMENT, 'part-0;');
    const { received, closed, rest } = await join('', '1.0');
    await waiting(1);
    channel.grow(SEGMENT, 'part-0;', 'part-1;');
    await waiting(1);
    expect(received()).toBe('');
    channel.finish(SEGMENT, 'part-0;', 'part-1;', 'part-2;');
    await closed;
    expect(received()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\nContent-Length: 21\r\n/);
    expect(received()).not.toMatch(/transfer-encoding/i);
    expect(rest()).toBe('part-0;part-1;part-2;');
  });

  it('or 503 after two Segment durations', async () => {
    channel.segmentMs = 100;
    channel.grow(SEGMENT, 'part-0;');
    const { received, closed } = await join('', '1.0');
    await closed;
    expect(received()).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\nCache-Control: no-store\r\n[\s\S]*\r\nRetry-After: 1\r\n/);
  });
});

describe('clients', () => {
  const PART = Buffer.alloc(2 * 1024 * 1024, 7);

  it('who goes is forgotten at once', async () => {
    channel.segmentMs = 60_000;
    channel.grow(SEGMENT, 'part-0;');
    const { socket, has } = await join();
    await has('part-0;');
    await waiting(1);
    socket.destroy();
    await waiting(0);
    expect(channel.listeners).toBe(0);
  });

  it('who takes nothing is not asked for, and not given, what is new: one part is under way at most', async () => {
    channel.grow(SEGMENT, PART);
    const { socket, rest, has } = await join();
    socket.pause();
    await until(() => channel.asked > 0);
    const parts = [PART];
    for (let turn = 0; turn < 12; turn += 1) {
      parts.push(PART);
      channel.grow(SEGMENT, ...parts);
      await delay(10);
    }
    expect(await origin.count('http_response_bytes_total', { kind: 'segment' })).toBeLessThanOrEqual(4 * PART.length);
    expect(await origin.count('http_waiting_requests')).toBe(0);
    channel.finish(SEGMENT, ...parts);
    socket.resume();
    await has(LAST_CHUNK);
    expect(dechunk(rest())).toHaveLength(parts.length * PART.length);
  });

  it('who takes nothing for stallMs is cut off', async () => {
    await reopen({ stallMs: 300 });
    channel.grow(SEGMENT, ...Array.from({ length: 20 }, () => PART));
    const { socket, closed, received } = await join();
    socket.pause();
    await delay(1500);
    socket.resume();
    await closed;
    expect(received().endsWith(LAST_CHUNK)).toBe(false);
  });

  it('who owes us nothing outlives the stall limit: the next part is late, not the client', async () => {
    await reopen({ stallMs: 100 });
    channel.grow(SEGMENT, 'part-0;');
    const { has, rest } = await join();
    await has('part-0;');
    await delay(350);
    channel.finish(SEGMENT, 'part-0;', 'part-1;');
    await has(LAST_CHUNK);
    expect(dechunk(rest())).toBe('part-0;part-1;');
  });

  it('a body takes bodyMs at most, however it grows', async () => {
    await reopen({ bodyMs: 300 });
    let parts = 1;
    const growing = setInterval(() => {
      parts += 1;
      channel.grow(SEGMENT, ...Array.from({ length: parts }, () => 'part;'));
    }, 50);
    channel.grow(SEGMENT, 'part;');
    const { closed, received } = await join();
    await closed;
    clearInterval(growing);
    expect(received()).toContain('part;');
    expect(received().endsWith(LAST_CHUNK)).toBe(false);
  });

  it('above the bound of waiters a body that cannot go on is cut off and counted', async () => {
    await reopen({ waiters: 1 });
    channel.grow(SEGMENT, 'part-0;');
    const one = await join();
    await one.has('part-0;');
    await waiting(1);
    const two = await join();
    await two.closed;
    expect(two.received().endsWith(LAST_CHUNK)).toBe(false);
    expect(await origin.count('shed_total', { reason: 'waiters' })).toBe(1);
    channel.finish(SEGMENT, 'part-0;');
    await one.has(LAST_CHUNK);
  });
});
