// The origin over real sockets: each MUST of the HTTP checklist, conditions, ranges, holds, and input that is not HTTP.
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MediaName } from '../../src/channel/view.ts';
import { listenOrigin } from '../../src/origin/listener.ts';
import { openOrigin } from '../../src/origin/server.ts';
import { systemClock } from '../../src/system/clock.ts';
import { openLog } from '../../src/system/log.ts';
import { openMetrics } from '../../src/system/metrics.ts';
import { FakeChannel, fakeDirectory, storedObject, textRevision } from '../fakes/channel-view.ts';
import { keptLog } from '../fakes/control-quiet-log.ts';
import { ask, connect, openTestOrigin, send, type TestOrigin, until } from './origin-client.ts';

const SEGMENT = { kind: 'segment', track: 'v720', gen: 'g1', number: 900000001 } as const satisfies MediaName;
const SEGMENT_URL = '/live/match/v720/g1/900000001.m4s';
const NEXT = { ...SEGMENT, number: 900000002 };
const NEXT_URL = '/live/match/v720/g1/900000002.m4s';
const PLAYLIST_URL = '/live/match/v720/media.m3u8';
const PLAYLIST = `#EXTM3U\n${'#EXTINF:2.000,\n900000001.m4s\n'.repeat(30)}`;
const BODY = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 251));
const CHANGED = new Date(1_795_290_120_123).toUTCString();

let channel: FakeChannel;
let origin: TestOrigin;
const get = (path: string, headers = {}) => ask(origin.port, path, headers);
const head = (path: string, headers = {}) => ask(origin.port, path, headers, 'HEAD');

beforeEach(async () => {
  channel = new FakeChannel();
  channel.setText({ kind: 'hls-master' }, '#EXTM3U\n');
  channel.setText({ kind: 'hls-media', track: 'v720' }, PLAYLIST);
  channel.setText({ kind: 'dash' }, '<MPD/>');
  channel.setMedia({ kind: 'init', track: 'v720', gen: 'g1', hash: 'abcd' }, 'init');
  channel.setMedia({ kind: 'part', track: 'v720', gen: 'g1', number: 900000001, part: 2 }, 'part');
  channel.setMedia(SEGMENT, BODY);
  origin = await openTestOrigin([channel]);
});

afterEach(async () => {
  await origin.close();
});

/** Answers of every status that a request can bring about. */
async function everyAnswer() {
  channel.setMedia({ ...SEGMENT, number: 7 }, { kind: 'gone' });
  channel.setMedia({ ...SEGMENT, number: 99 }, { kind: 'too-early' });
  channel.setText({ kind: 'hls-media', track: 'v360' }, { kind: 'gone' });
  const { etag = '' } = (await get(SEGMENT_URL)).headers;
  return Promise.all([
    get('/live/match/master.m3u8'),
    get(PLAYLIST_URL),
    get('/live/match/manifest.mpd'),
    get('/live/match/v720/g1/init-abcd.mp4'),
    get('/live/match/v720/g1/900000001.2.m4s'),
    get(SEGMENT_URL),
    get('/time'),
    get(SEGMENT_URL, { range: 'bytes=0-9' }),
    get(SEGMENT_URL, { 'if-none-match': etag }),
    get('/live/match/v720/g1/99.m4s'),
    get('/live/match/v720/g1/5.m4s'),
    get('/live/other/master.m3u8'),
    get('/nothing/here'),
    get('/live/match/v720/g1/7.m4s'),
    get('/live/match/v360/media.m3u8'),
    get(SEGMENT_URL, { 'if-match': '"other"' }),
    get(SEGMENT_URL, { range: 'bytes=5000-' }),
    get(`${SEGMENT_URL}?${'q'.repeat(9000)}`),
    ask(origin.port, SEGMENT_URL, {}, 'OPTIONS'),
    ask(origin.port, SEGMENT_URL, {}, 'POST'),
    ask(origin.port, '/time', {}, 'DELETE'),
  ]);
}

describe('checklist 6', () => {
  it('MUST: every response of any status has Cache-Control, CORS, Timing-Allow-Origin and CORP, and no Set-Cookie', async () => {
    const answers = await everyAnswer();
    expect(answers.map((answer) => answer.status)).toEqual([
      200, 200, 200, 200, 200, 200, 200, 206, 304, 404, 404, 404, 404, 410, 410, 412, 416, 414, 204, 405, 405,
    ]);
    for (const { headers } of answers) {
      expect(headers['cache-control']).toMatch(/^(public, max-age=\d+|no-store)/);
      expect(headers['cdn-cache-control']).toMatch(/^(max-age=\d+|no-store)/);
      expect(headers['surrogate-control']).toBe(headers['cdn-cache-control']);
      expect(headers['access-control-allow-origin']).toBe('*');
      expect(headers['access-control-expose-headers']).toContain('Date');
      expect(headers['timing-allow-origin']).toBe('*');
      expect(headers['cross-origin-resource-policy']).toBe('cross-origin');
      expect(headers['set-cookie']).toBeUndefined();
      expect(headers['x-powered-by']).toBeUndefined();
      expect(headers.pragma).toBeUndefined();
      expect(Math.abs(Date.parse(headers.date ?? '') - Date.now())).toBeLessThan(2000);
    }
  });

  it('MUST: errors are JSON with code and message, never a stack, and repeat nothing the client sent', async () => {
    const errors = (await everyAnswer()).filter((answer) => answer.status >= 400);
    expect(errors).toHaveLength(11);
    for (const { headers, body } of errors) {
      expect(headers['content-type']).toBe('application/json; charset=utf-8');
      const { code, message, ...rest } = JSON.parse(body.toString());
      expect(code).toMatch(/^HTTP_[A-Z_]+$/);
      expect(message).not.toMatch(/ at |node_modules|qqq|nothing\/here/);
      expect(rest).toEqual({});
    }
  });

  it('MUST: 404 at the live edge lives 1 s, an unknown channel 5 s, 410 60 s, a withdrawn track 5 s', async () => {
    const life = (await everyAnswer()).map(({ headers }) => headers['cache-control']).slice(9, 15);
    expect(life).toEqual([
      'public, max-age=1',
      'public, max-age=1',
      'public, max-age=5',
      'public, max-age=5',
      'public, max-age=60',
      'public, max-age=5',
    ]);
  });

  it('MUST: If-None-Match answers 304 with the header fields of the 200, for lists, weak tags and *', async () => {
    for (const url of [SEGMENT_URL, PLAYLIST_URL, '/live/match/manifest.mpd']) {
      const full = await get(url);
      const { etag = '' } = full.headers;
      expect(etag).toMatch(/^"[0-9a-f]{16,}"$/);
      for (const tags of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
        const answer = await get(url, { 'if-none-match': tags });
        expect(answer.status).toBe(304);
        expect(answer.body).toHaveLength(0);
        for (const name of ['etag', 'cache-control', 'cdn-cache-control', 'last-modified', 'vary'] as const) {
          expect(answer.headers[name]).toBe(full.headers[name]);
        }
        expect(answer.headers.date).toBeDefined();
      }
      expect((await get(url, { 'if-none-match': '"x"' })).status).toBe(200);
    }
  });

  it('MUST: HEAD has the header fields of GET and no body, also for errors', async () => {
    for (const url of [SEGMENT_URL, PLAYLIST_URL, '/time', '/nothing', '/live/match/v720/g1/5.m4s']) {
      const [full, bare] = [await get(url), await head(url)];
      const withoutDate = ({ date: _date, ...headers }: Record<string, unknown>) => headers;
      expect(bare.status).toBe(full.status);
      expect(withoutDate(bare.headers)).toEqual(withoutDate(full.headers));
      expect(Number(bare.headers['content-length'])).toBe(full.body.length);
      expect(bare.body).toHaveLength(0);
    }
  });

  it('MUST: a finished object answers a single range 206, one beyond it 416, several with the whole', async () => {
    const part = await get(SEGMENT_URL, { range: 'bytes=10-19' });
    expect(part.status).toBe(206);
    expect(part.headers['content-range']).toBe('bytes 10-19/1000');
    expect(part.headers['content-length']).toBe('10');
    expect(part.headers['content-type']).toBe('video/mp4');
    expect(part.body).toEqual(BODY.subarray(10, 20));
    expect((await get(SEGMENT_URL, { range: 'bytes=-5' })).body).toEqual(BODY.subarray(995));
    const beyond = await get(SEGMENT_URL, { range: 'bytes=1000-' });
    expect([beyond.status, beyond.headers['content-range']]).toEqual([416, 'bytes */1000']);
    const several = await get(SEGMENT_URL, { range: 'bytes=0-1,5-6' });
    expect([several.status, several.body.length]).toEqual([200, 1000]);
    expect(several.headers['accept-ranges']).toBe('bytes');
    const { etag = '' } = several.headers;
    expect((await get(SEGMENT_URL, { range: 'bytes=0-1', 'if-range': etag })).status).toBe(206);
    expect((await get(SEGMENT_URL, { range: 'bytes=0-1', 'if-range': '"old"' })).status).toBe(200);
  });

  it('SHOULD: Surrogate-Key names the channel and the track; a refusal in a channel its channel; others have none', async () => {
    const keys = (await everyAnswer()).map(({ headers }) => headers['surrogate-key']);
    const [channelOnly, track] = ['match', 'match match/v720'];
    expect(keys.slice(0, 9)).toEqual([
      ...[channelOnly, track, channelOnly, track, track, track, undefined, track, track],
    ]);
    expect(keys.slice(9)).toEqual([
      ...[channelOnly, channelOnly, undefined, undefined, channelOnly, channelOnly],
      ...[undefined, undefined, undefined, undefined, undefined, undefined],
    ]);
    const invented = await get('/live/match/invented/g1/1.m4s');
    expect(JSON.stringify(invented.headers)).not.toContain('invented');
  });

  it('SHOULD: texts have Vary: Accept-Encoding and no ranges; media has no Vary', async () => {
    const text = await get(PLAYLIST_URL, { range: 'bytes=0-1' });
    expect([text.status, text.headers.vary, text.headers['accept-ranges']]).toEqual([
      200,
      'Accept-Encoding',
      undefined,
    ]);
    expect((await get(SEGMENT_URL, { 'accept-encoding': 'gzip' })).headers).not.toHaveProperty('vary');
  });

  it('MUST: unknown query parameters never change a body', async () => {
    const { body, headers } = await get(PLAYLIST_URL);
    for (const query of ['token=1', 'CMCD=br%3D1', '%00', '?&=']) {
      const answer = await get(`${PLAYLIST_URL}?${query}`);
      expect([answer.status, answer.headers.etag, answer.body.equals(body)]).toEqual([200, headers.etag, true]);
    }
  });
});

describe('what is answered', () => {
  it('media with its content type, length, validators and a day of immutable life', async () => {
    const { headers, body } = await get(SEGMENT_URL);
    expect(body).toEqual(BODY);
    expect(headers).toMatchObject({
      'content-type': 'video/mp4',
      'content-length': '1000',
      'cache-control': 'public, max-age=86400, immutable',
      'last-modified': CHANGED,
      'accept-ranges': 'bytes',
    });
    expect((await get(SEGMENT_URL, { 'if-modified-since': CHANGED })).status).toBe(304);
  });

  it('texts with their content type and the time of their last change', async () => {
    const text = await get(PLAYLIST_URL);
    expect(text.body.toString()).toBe(PLAYLIST);
    expect(text.headers).toMatchObject({
      'content-type': 'application/vnd.apple.mpegurl',
      'last-modified': CHANGED,
      'cache-control': 'public, max-age=1, stale-if-error=6',
    });
    expect((await get('/live/match/manifest.mpd')).headers['content-type']).toBe('application/dash+xml');
  });

  it('texts in gzip for who asks, with an ETag of their own, and plain for gzip;q=0', async () => {
    const plain = await get(PLAYLIST_URL, { 'accept-encoding': 'gzip;q=0, *' });
    const zipped = await get(PLAYLIST_URL, { 'accept-encoding': 'gzip, deflate' });
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(zipped.headers['content-encoding']).toBe('gzip');
    expect(zipped.headers['content-length']).toBe(String(zipped.body.length));
    expect(zipped.body.length).toBeLessThan(plain.body.length);
    expect(gunzipSync(zipped.body).toString()).toBe(PLAYLIST);
    const { etag = '' } = zipped.headers;
    expect(etag).not.toBe(plain.headers.etag);
    expect((await get(PLAYLIST_URL, { 'accept-encoding': 'gzip', 'if-none-match': etag })).status).toBe(304);
    expect((await get(PLAYLIST_URL, { 'if-none-match': etag })).status).toBe(200);
  });

  it('a new revision as soon as the Channel has it, also when only the date would be the same', async () => {
    const { etag = '' } = (await get(PLAYLIST_URL)).headers;
    channel.setText({ kind: 'hls-media', track: 'v720' }, `${PLAYLIST}#EXTINF:2.000,\n900000002.m4s\n`);
    const next = await get(PLAYLIST_URL, { 'if-none-match': etag, 'if-modified-since': CHANGED });
    expect(next.status).toBe(200);
    expect(next.body.toString()).toContain('900000002');
    expect((await get(PLAYLIST_URL, { 'if-modified-since': CHANGED })).status).toBe(200);
  });

  it("ISO/IEC 23009-1 5.8.5.7 http-xsdate and http-iso: /time is UTC with milliseconds by the Channels' clock", async () => {
    const { headers, body } = await get('/time');
    expect(body.toString()).toBe('2026-11-21T19:42:00.123Z');
    expect(headers['content-type']).toMatch(/^text\/plain/);
    expect(headers['cache-control']).toBe('public, max-age=1');
  });

  it('a preflight for ranges, conditions and CMCD headers (CTA-5004), kept 2 h', async () => {
    const { status, headers, body } = await ask(
      origin.port,
      SEGMENT_URL,
      { origin: 'https://player.example', 'access-control-request-headers': 'cmcd-request' },
      'OPTIONS',
    );
    expect([status, body.length]).toEqual([204, 0]);
    expect(headers['access-control-max-age']).toBe('7200');
    expect(headers['access-control-allow-methods']).toBe('GET, HEAD, OPTIONS');
    for (const name of ['Range', 'If-None-Match', 'CMCD-Request', 'CMCD-Object', 'CMCD-Status', 'CMCD-Session']) {
      expect(headers['access-control-allow-headers']).toContain(name);
    }
  });

  it('RFC 9110 15.5.6: a 405 has Allow, for every other method', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND']) {
      for (const url of [SEGMENT_URL, '/time', '/nothing']) {
        const { status, headers } = await ask(origin.port, url, {}, method);
        expect([status, headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS']);
      }
    }
  });

  it('counts answers by kind and status, and their bytes', async () => {
    await get(SEGMENT_URL);
    await head(SEGMENT_URL);
    await get('/live/match/v720/g1/5.m4s');
    expect(await origin.count('http_responses_total', { kind: 'segment', status: '200' })).toBe(2);
    expect(await origin.count('http_responses_total', { kind: 'segment', status: '404' })).toBe(1);
    expect(await origin.count('http_responses_total', { status: '200', cache: 'immutable' })).toBe(2);
    expect(await origin.count('http_responses_total', { status: '404', cache: '1s' })).toBe(1);
    expect(await origin.count('http_response_bytes_total', { kind: 'segment' })).toBeGreaterThanOrEqual(1000);
  });

  it('500 without a stack when a Channel throws, and goes on', async () => {
    channel.media = () => {
      throw new Error('secret detail');
    };
    const { status, headers, body } = await get(SEGMENT_URL);
    expect([status, headers['cache-control']]).toEqual([500, 'no-store']);
    expect(body.toString()).toContain('HTTP_INTERNAL');
    expect(body.toString()).not.toContain('secret');
    expect((await get(PLAYLIST_URL)).status).toBe(200);
  });
});

describe('held requests', () => {
  const waiting = (count: number) => until(async () => (await origin.count('http_waiting_requests')) === count);

  it('hold for the next object and answer when it is there', async () => {
    channel.setMedia(NEXT, { kind: 'pending', key: 'n2' });
    const [one, two] = [get(NEXT_URL), head(NEXT_URL)];
    await waiting(2);
    channel.setMedia(NEXT, 'next');
    channel.wake('n2');
    expect((await one).body.toString()).toBe('next');
    expect((await two).headers['content-length']).toBe('4');
    expect(channel.listeners).toBe(0);
    expect(await origin.count('http_waiting_requests')).toBe(0);
  });

  it('hold for a text too: before the first revision a player just waits', async () => {
    channel.setText({ kind: 'dash' }, { kind: 'pending', key: 'mpd', holdMs: 2000, late: 'not-yet' });
    const asked = get('/live/match/manifest.mpd', { 'accept-encoding': 'gzip' });
    await waiting(1);
    channel.setText({ kind: 'dash' }, '<MPD id="1"/>');
    channel.wake('mpd');
    expect(gunzipSync((await asked).body).toString()).toBe('<MPD id="1"/>');
  });

  it('answer 404 with max-age=1 after holdMs, counted from the first question also when woken in vain', async () => {
    channel.holdMs = 300;
    channel.setMedia(NEXT, { kind: 'pending', key: 'n2' });
    const startMs = performance.now();
    const asked = get(NEXT_URL);
    await waiting(1);
    await delay(200);
    channel.wake('n2');
    const { status, headers } = await asked;
    expect([status, headers['cache-control']]).toEqual([404, 'public, max-age=1']);
    expect(performance.now() - startMs).toBeGreaterThan(280);
    expect(performance.now() - startMs).toBeLessThan(480);
  });

  it('are not held when too early, gone or unknown', async () => {
    channel.holdMs = 60_000;
    channel.setMedia(NEXT, { kind: 'too-early' });
    expect((await get(NEXT_URL)).status).toBe(404);
    channel.setMedia(NEXT, { kind: 'gone' });
    expect((await get(NEXT_URL)).status).toBe(410);
    expect((await get('/live/match/v720/g9/1.m4s')).status).toBe(404);
  });

  it('are forgotten for a client that had gone before its turn came', async () => {
    await origin.close();
    const listener = await listenOrigin({ host: '127.0.0.1', port: 0 });
    origin = await openTestOrigin([channel], {}, { listener });
    channel.setMedia(NEXT, { kind: 'pending', key: 'n2' });
    listener.server.on('request', ({ socket }: IncomingMessage) => socket.destroy());
    await expect(get(NEXT_URL)).rejects.toThrow('socket hang up');
    expect(await origin.count('http_waiting_requests')).toBe(0);
    expect(channel.listeners).toBe(0);
  });

  it('are forgotten at once when the client goes, also when pipelined', async () => {
    channel.setMedia(NEXT, { kind: 'pending', key: 'n2' });
    const { socket } = await connect(origin.port);
    socket.write(`GET ${NEXT_URL} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(3));
    await waiting(3);
    socket.destroy();
    await waiting(0);
    expect(channel.listeners).toBe(0);
    channel.wake('n2');
    expect(await origin.count('http_responses_total')).toBe(0);
  });

  it('are bounded: one too many gets 503, no-store, Retry-After', async () => {
    await origin.close();
    origin = await openTestOrigin([channel], { waiters: 2 });
    channel.setMedia(NEXT, { kind: 'pending', key: 'n2' });
    const held = [get(NEXT_URL), get(NEXT_URL)];
    await waiting(2);
    const { status, headers } = await get(NEXT_URL);
    expect([status, headers['cache-control'], headers['retry-after']]).toEqual([503, 'no-store', '1']);
    expect(await origin.count('shed_total', { kind: 'segment', reason: 'waiters' })).toBe(1);
    channel.setMedia(NEXT, 'next');
    channel.wake('n2');
    expect((await Promise.all(held)).map((answer) => answer.status)).toEqual([200, 200]);
  });

  it('get 503 when the Channel ends', async () => {
    channel.setMedia(NEXT, { kind: 'pending', key: 'n2' });
    const asked = get(NEXT_URL);
    await waiting(1);
    channel.wake('closed');
    expect((await asked).status).toBe(503);
  });

  it('a fault on waking up is a 500 for the one who waited, and nothing to the Channel', async () => {
    channel.setMedia(NEXT, { kind: 'pending', key: 'n2' });
    const asked = get(NEXT_URL);
    await waiting(1);
    channel.media = () => {
      throw new Error('secret detail');
    };
    expect(() => channel.wake('n2')).not.toThrow();
    expect((await asked).status).toBe(500);
  });

  it('outlive the stall limit: a held client owes us nothing', async () => {
    await origin.close();
    origin = await openTestOrigin([channel], { stallMs: 100 });
    channel.setMedia(NEXT, { kind: 'pending', key: 'n2' });
    const asked = get(NEXT_URL);
    await delay(350);
    channel.setMedia(NEXT, 'next');
    channel.wake('n2');
    expect((await asked).status).toBe(200);
  });
});

describe('what is not well-formed', () => {
  const status = (text: string) => Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1]);

  it.each([
    ['garbage', '\x00\x01\x02\x03\r\n\r\n', 400],
    ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400],
    ['an RTMP handshake', `\x03${'\x00'.repeat(1536)}`, 400],
    ['an unknown method (RFC 9110 9.1)', 'BREW /time HTTP/1.1\r\nHost: x\r\n\r\n', 501],
    ['a lower-case method: they are case-sensitive (RFC 9110 9.1)', 'get /time HTTP/1.1\r\nHost: x\r\n\r\n', 501],
    ['no Host in HTTP/1.1 (RFC 9112 3.2)', 'GET /time HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['two Hosts (RFC 9112 3.2)', 'GET /time HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n', 400],
    ['a space in the path', 'GET /live/a b HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['two lengths (smuggling)', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', 400],
    [
      'length and chunked (smuggling)',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
    ],
    ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n', 405],
    ['a field of 200 kB', `GET /time HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(200_000)}\r\n\r\n`, 431],
  ])('%s', async (_what, bytes, expected) => {
    const text = await send(origin.port, Buffer.from(bytes, 'latin1'));
    expect(status(text)).toBe(expected);
    expect(text).toContain('\r\nCache-Control: no-store\r\n');
    expect(text).toContain('\r\nAccess-Control-Allow-Origin: *\r\n');
    expect(text).toMatch(/\r\n\r\n\{"code":"HTTP_[A-Z_]+","message":"[^"]+"\}\n$/);
    expect((await get('/time')).status).toBe(200);
  });

  it('a query of 64 kB gets a clean 414, a path of 2 kB too', async () => {
    for (const url of [`${SEGMENT_URL}?${'q'.repeat(65_536)}`, `/${'p'.repeat(2048)}`]) {
      const { status: got, headers, body } = await get(url);
      expect([got, headers['cache-control']]).toEqual([414, 'no-store']);
      expect(body.toString()).toContain('HTTP_URI_TOO_LONG');
    }
  });

  it.each([
    '/live/match/../../etc/passwd',
    '/live/match/%00',
    '/live/match/%2e%2e/master.m3u8',
    '//live/match/master.m3u8',
    '/live/match/%ff',
    '/%E0%A4%A',
  ])('%s is 404', async (path) => {
    const text = await send(origin.port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(status(text)).toBe(404);
    expect(text).toContain('\r\nCache-Control: ');
    expect(text).not.toMatch(/root:|URIError/);
  });

  it('HTTP/1.0 without Host is answered and closed; OPTIONS * is a preflight; the absolute-form is accepted', async () => {
    const old = await send(origin.port, 'GET /time HTTP/1.0\r\n\r\n');
    expect(old).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*2026-11-21T19:42:00\.123Z$/);
    expect(status(await send(origin.port, 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'))).toBe(204);
    const absolute = `GET http://x${SEGMENT_URL} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    expect(status(await send(origin.port, absolute))).toBe(200);
  });

  it('pipelined requests are answered in their order, also when the first is held', async () => {
    channel.setMedia(NEXT, { kind: 'pending', key: 'n2' });
    const { socket, received, closed } = await connect(origin.port);
    socket.write(
      `GET ${NEXT_URL} HTTP/1.1\r\nHost: x\r\n\r\nGET /time HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    await delay(50);
    expect(received()).toBe('');
    channel.setMedia(NEXT, 'next-body');
    channel.wake('n2');
    await closed;
    expect(received().indexOf('next-body')).toBeGreaterThan(0);
    expect(received().indexOf('2026-11-21')).toBeGreaterThan(received().indexOf('next-body'));
  });

  it('garbage after a held request is not answered into its place', async () => {
    channel.setMedia(NEXT, { kind: 'pending', key: 'n2' });
    const text = await send(origin.port, `GET ${NEXT_URL} HTTP/1.1\r\nHost: x\r\n\r\n\x00garbage\r\n\r\n`);
    expect(text).toBe('');
    await until(() => channel.listeners === 0);
  });

  it('too many requests under way on one connection: 503 and the end of it', async () => {
    await origin.close();
    origin = await openTestOrigin([channel], { pipelined: 4 });
    channel.setMedia(NEXT, { kind: 'pending', key: 'n2' });
    const { socket, received, closed } = await connect(origin.port);
    socket.write(`GET ${NEXT_URL} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(5));
    await until(async () => (await origin.count('shed_total', { reason: 'pipelined' })) === 1);
    channel.setMedia(NEXT, 'next');
    channel.wake('n2');
    await closed;
    expect(received().match(/HTTP\/1\.1 \d+/g)).toEqual([...Array(4).fill('HTTP/1.1 200'), 'HTTP/1.1 503']);
  });

  it('Expect: 100-continue and other expectations get the final answer at once', async () => {
    for (const expectation of ['100-continue', 'magic']) {
      const text = await send(
        origin.port,
        `POST /time HTTP/1.1\r\nHost: x\r\nExpect: ${expectation}\r\nConnection: close\r\nContent-Length: 5\r\n\r\n`,
      );
      expect(status(text)).toBe(405);
    }
  });

  it('a request that does not arrive in time gets 408', async () => {
    await origin.close();
    origin = await openTestOrigin([channel], { requestMs: 200 });
    const text = await send(origin.port, 'GET /time HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    expect(status(text)).toBe(408);
    expect(text).toContain('\r\nCache-Control: no-store\r\n');
  });
});

describe('slow clients', () => {
  const BIG = Buffer.alloc(64 * 1024 * 1024, 7);

  it('who takes nothing of a body for stallMs is cut off', async () => {
    await origin.close();
    origin = await openTestOrigin([channel], { stallMs: 300 });
    channel.setMedia(SEGMENT, BIG);
    const { socket, closed } = await connect(origin.port);
    socket.pause();
    socket.write(`GET ${SEGMENT_URL} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await delay(1500);
    socket.resume();
    await closed;
    expect(socket.bytesRead).toBeLessThan(BIG.length);
  });

  it('who takes a little now and then is served to the end', async () => {
    await origin.close();
    origin = await openTestOrigin([channel], { stallMs: 400 });
    channel.setMedia(SEGMENT, BIG);
    const { socket } = await connect(origin.port);
    let bytes = 0;
    const whole = new Promise<void>((resolve, reject) => {
      socket.once('close', () => reject(new Error(`cut after ${bytes}`)));
      socket.on('data', (chunk: string) => {
        bytes += chunk.length;
        if (bytes >= BIG.length) resolve();
      });
    });
    socket.write(`GET ${SEGMENT_URL} HTTP/1.1\r\nHost: x\r\n\r\n`);
    for (let turn = 0; turn < 8; turn += 1) {
      socket.pause();
      await delay(150);
      socket.resume();
      await delay(5);
    }
    await whole;
    socket.removeAllListeners('close');
    socket.destroy();
  });

  it('who takes longer than bodyMs over a body is cut off', async () => {
    await origin.close();
    origin = await openTestOrigin([channel], { bodyMs: 300 });
    channel.setMedia(SEGMENT, BIG);
    const { socket, closed } = await connect(origin.port);
    socket.write(`GET ${SEGMENT_URL} HTTP/1.1\r\nHost: x\r\n\r\n`);
    socket.on('data', () => {
      socket.pause();
      setTimeout(() => socket.resume(), 20);
    });
    await closed;
    expect(socket.bytesRead).toBeLessThan(BIG.length);
  });

  it('more connections than the limit are dropped and counted', async () => {
    await origin.close();
    origin = await openTestOrigin([channel], { connections: 2 });
    const held = [await connect(origin.port), await connect(origin.port)];
    await send(origin.port, '');
    expect(await origin.count('shed_total', { reason: 'connections' })).toBe(1);
    for (const { socket } of held) socket.destroy();
  });
});

describe('open and close', () => {
  const options = () => ({
    host: '127.0.0.1',
    directory: fakeDirectory([channel]),
    clock: systemClock(),
    log: openLog('silent'),
    metrics: openMetrics(),
  });

  it('rejects with a code and a hint when it cannot listen', async () => {
    await expect(openOrigin({ ...options(), port: origin.port })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      hint: expect.stringContaining('--port'),
    });
    await expect(openOrigin({ ...options(), host: '203.0.113.1', port: 0 })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  it('close ends idle connections at once and answers who waits with 503', async () => {
    channel.setMedia(NEXT, { kind: 'pending', key: 'n2' });
    const idle = await connect(origin.port);
    const kept = await connect(origin.port);
    kept.socket.write('GET /time HTTP/1.1\r\nHost: x\r\n\r\n');
    const asked = get(NEXT_URL);
    await until(async () => (await origin.count('http_waiting_requests')) === 1);
    const startMs = performance.now();
    await Promise.all([origin.close(), origin.close()]);
    expect(performance.now() - startMs).toBeLessThan(500);
    const { status, headers } = await asked;
    expect([status, headers['retry-after'], headers.connection]).toEqual([503, '1', 'close']);
    await Promise.all([idle.closed, kept.closed]);
    await expect(get('/time')).rejects.toThrow();
  });

  it('close lets a body under way finish, then ends its connection', async () => {
    const big = Buffer.alloc(32 * 1024 * 1024, 7);
    channel.setMedia(SEGMENT, big);
    const { socket, closed } = await connect(origin.port);
    let bytes = 0;
    socket.on('data', (chunk: string) => {
      bytes += chunk.length;
    });
    socket.write(`GET ${SEGMENT_URL} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await until(() => bytes > 0);
    socket.pause();
    const closing = origin.close();
    await delay(200);
    socket.resume();
    await Promise.all([closing, closed]);
    expect(bytes).toBeGreaterThan(big.length);
  });

  it('close cuts a body that is not taken after closeMs', async () => {
    await origin.close();
    const log = keptLog();
    origin = await openTestOrigin([channel], { closeMs: 200 }, { log });
    channel.setMedia(SEGMENT, Buffer.alloc(32 * 1024 * 1024, 7));
    const { socket } = await connect(origin.port);
    socket.pause();
    socket.write(`GET ${SEGMENT_URL} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await until(async () => (await origin.count('http_responses_total')) === 1);
    const startMs = performance.now();
    await origin.close();
    expect(performance.now() - startMs).toBeLessThan(1000);
    expect(log.lines.map(({ level, fields }) => [level, fields])).toEqual([['warn', { cut: 1 }]]);
    socket.destroy();
  });

  it('texts are the same object until they change: forms are kept by identity and not made again', async () => {
    const revision = textRevision(PLAYLIST);
    let read = 0;
    const watched = {
      ...revision,
      get text() {
        read += 1;
        return PLAYLIST;
      },
    };
    channel.setText({ kind: 'hls-media', track: 'v720' }, { kind: 'ready', revision: watched, of: 'current' });
    await Promise.all(Array.from({ length: 20 }, () => get(PLAYLIST_URL, { 'accept-encoding': 'gzip' })));
    expect(read).toBe(1);
  });

  it('bodies are shared: 40 clients that do not read 8 MB each do not cost 320 MB', async () => {
    const object = storedObject(Buffer.alloc(8 * 1024 * 1024, 3));
    channel.setMedia(SEGMENT, { kind: 'ready', object });
    const before = process.memoryUsage().arrayBuffers;
    const held = await Promise.all(Array.from({ length: 40 }, () => connect(origin.port)));
    for (const { socket } of held) {
      socket.pause();
      socket.write(`GET ${SEGMENT_URL} HTTP/1.1\r\nHost: x\r\n\r\n`);
    }
    await until(async () => (await origin.count('http_responses_total')) === 40);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
    for (const { socket } of held) socket.destroy();
  });
});
