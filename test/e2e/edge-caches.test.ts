// The edges of docker/edge, real nginx and real Varnish, in front of an origin that is locked to them. What reached the origin is
// read from its access log, what an edge did from the edge's. Each test has a channel of its own, so they run side by side.
// Bodies that grow or are cut off: edge-low-latency.test.ts.
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AccessLine } from '../../src/origin/access-log.ts';
import { FakeChannel, textRevision } from '../fakes/channel-view.ts';
import { EDGES, type Edge, edgeFolder, openNginxEdge, openVarnishEdge } from '../rig/edges.ts';
import { ask, openTestOrigin, type TestOrigin } from './origin-client.ts';

const run = promisify(execFile);
const SECRET = 'the-secret-of-these-edges';
const lock = { header: 'X-Origin-Key', secrets: ['the-one-before-it', SECRET], addresses: [] };
const BODY = Buffer.alloc(50_000, 9);
const MEDIA_LIST = { kind: 'hls-media', track: 'v720' } as const;

const channels: FakeChannel[] = [];
const lines: AccessLine[] = [];
const accessLog = { write: (line: string) => void lines.push(JSON.parse(line)) };
const edges = new Map<string, Edge>();
let origin: TestOrigin;
let count = 0;

const openLocked = (port: number) => openTestOrigin(channels, {}, { lock, accessLog, port });

/** A channel of this test alone, and what the origin was asked of it. */
function ownChannel() {
  const channel = new FakeChannel(`c${count++}`);
  channel.holdMs = 12_000;
  channels.push(channel);
  const base = `/live/${channel.id}`;
  return {
    channel,
    base,
    list: `${base}/v720/media.m3u8`,
    segment: { kind: 'segment', track: 'v720', gen: 'g1', number: 1 } as const,
    segmentUrl: `${base}/v720/g1/1.m4s`,
    /** `PATH` of each answer so far. */
    asked: () => lines.filter(({ path }) => path.startsWith(`${base}/`)).map(({ path }) => path.slice(base.length)),
  };
}

beforeAll(async () => {
  origin = await openLocked(0);
  const open = async (name: string, opening: Promise<Edge>) => edges.set(name, await opening);
  await Promise.all([
    open('nginx', openNginxEdge(origin.port, SECRET)),
    open('varnish', openVarnishEdge(origin.port, SECRET)),
    open('second varnish', openVarnishEdge(origin.port, SECRET)),
    open('varnish without its secret', openVarnishEdge(origin.port, 'another-secret')),
  ]);
});

afterAll(async () => {
  await Promise.all([...edges.values()].map((edge) => edge.close()));
  await origin?.close();
});

test('the programs take their settings as they stand', async () => {
  const folder = await edgeFolder();
  const nginx = await run('nginx', ['-t', '-p', folder, '-c', join(EDGES, 'nginx/nginx.conf')]);
  expect(nginx.stderr).toContain('test is successful');
  expect(nginx.stderr).not.toMatch(/warn|emerg/);
  const vcl = ['-C', '-n', join(folder, 'work'), '-f', join(EDGES, 'varnish/edge.vcl')];
  await run('varnishd', vcl, { maxBuffer: 10_000_000 });
  for (const CADDY_TLS of ['', 'tls internal']) {
    const env = { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder, CADDY_TLS };
    const caddyfile = ['--config', join(EDGES, 'caddy/Caddyfile'), '--adapter', 'caddyfile'];
    const { stdout, stderr } = await run('caddy', ['validate', ...caddyfile], { env });
    expect(stdout + stderr).toContain('Valid configuration');
    expect((await run('caddy', ['fmt', join(EDGES, 'caddy/Caddyfile')])).stderr).toBe('');
  }
  await rm(folder, { recursive: true });
});

describe.concurrent.each(['nginx', 'varnish'])('%s', (name) => {
  const get = (path: string, headers = {}, method = 'GET') => ask(edges.get(name)?.port ?? 0, path, headers, method);
  const cacheStatus = async (path: string) => (await get(path)).headers['cache-status'];

  test('checklist 6 MUST: 1,000 simultaneous requests for a new object, and 100 more, held longer than a lock lasts by default, are one', async () => {
    const { channel, segment, segmentUrl, asked } = ownChannel();
    channel.setMedia(segment, { kind: 'pending', key: 's1' });
    const viewers = Promise.all(Array.from({ length: 1100 }, () => get(segmentUrl)));
    await delay(5600);
    channel.setMedia(segment, BODY);
    channel.wake('s1');
    const answers = await viewers;
    expect(answers.filter(({ status, body }) => status === 200 && body.equals(BODY))).toHaveLength(1100);
    expect(asked()).toEqual(['/v720/g1/1.m4s']);
  });

  test('checklist 6 MUST: of the query only the directives name the object, in one order and spelling, of a media playlist alone', async () => {
    const { channel, base, list, asked } = ownChannel();
    channel.setText(MEDIA_LIST, { kind: 'ready', revision: textRevision('#EXTM3U\n'), of: 'edge' });
    channel.setText({ kind: 'hls-dvr-media', track: 'v720' }, '#EXTM3U\n');
    for (const query of [
      '?_HLS_msn=5&_HLS_part=1',
      '?_HLS_part=1&_HLS_msn=5',
      '?CMCD=br%3D3000&_HLS_msn=5&_HLS_part=1&token=abc',
      '?x_HLS_msn=99&_HLS_msn=005&_HLS_part=01',
      '?_HLS_msn=5',
      '?_HLS_msn=5&_HLS_skip=YES',
      '?a=1&_HLS_skip=v2&_HLS_part=2&_HLS_msn=5',
      '?_HLS_skip=v2&a=1',
    ])
      expect((await get(`${list}${query}`)).status).toBe(200);
    for (const query of ['?_HLS_msn=5', '', '?_HLS_skip=YES']) await get(`${base}/v720/dvr.m3u8${query}`);
    expect(asked()).toEqual([
      '/v720/media.m3u8?_HLS_msn=5&_HLS_part=1',
      '/v720/media.m3u8?_HLS_msn=5',
      '/v720/media.m3u8?_HLS_msn=5&_HLS_skip=YES',
      '/v720/media.m3u8?_HLS_msn=5&_HLS_part=2&_HLS_skip=v2',
      '/v720/media.m3u8?_HLS_skip=v2',
      '/v720/dvr.m3u8',
    ]);
  });

  test('unknown queries, cookies and tokens do not bust the cache: 400 requests are four at the origin, 99 % hits in the log', async () => {
    const { channel, base, segment, segmentUrl, list, asked } = ownChannel();
    channel.setMedia(segment, BODY);
    channel.setText({ kind: 'hls-master' }, '#EXTM3U\n');
    channel.setText(MEDIA_LIST, '#EXTM3U\n');
    channel.setText({ kind: 'dash' }, '<MPD/>');
    const targets = [segmentUrl, list, `${base}/master.m3u8`, `${base}/manifest.mpd`];
    const viewer = (path: string, at: number) =>
      get(`${path}?session=${at}&CMCD=br%3D${at}`, { cookie: `id=${at}`, authorization: `Bearer ${at}` });
    const viewers = targets.flatMap((path) => Array.from({ length: 100 }, (_, at) => viewer(path, at)));
    expect((await Promise.all(viewers)).filter(({ status }) => status === 200)).toHaveLength(400);
    expect(asked().toSorted()).toEqual(['/manifest.mpd', '/master.m3u8', '/v720/g1/1.m4s', '/v720/media.m3u8']);
    const log = (await edges.get(name)?.log()) ?? [];
    const ours = log
      .filter((line) => line.includes(`"path":"${base}/`))
      .map((line) => JSON.parse(line).cache.toLowerCase());
    expect(ours).toHaveLength(400);
    expect(ours.filter((word) => word === 'hit').length / ours.length).toBeGreaterThanOrEqual(0.99);
  });

  test('a playlist is never older than its rule: a second after it was fetched the next answer is fresh, also the first after a while', async () => {
    const { channel, list } = ownChannel();
    channel.setText(MEDIA_LIST, '#EXTM3U\n# 1\n');
    expect((await get(list)).body.toString()).toContain('# 1');
    const fetchedMs = performance.now();
    channel.setText(MEDIA_LIST, '#EXTM3U\n# 2\n');
    for (let isOld = true; isOld; ) {
      await delay(50);
      const askedMs = performance.now();
      isOld = (await get(list)).body.toString().includes('# 1');
      // nginx counts whole seconds: a life of one ends within two.
      if (isOld) expect(askedMs - fetchedMs).toBeLessThan(2000);
    }
    for (let turn = 0; turn < 10; turn += 1) expect((await get(list)).body.toString()).toContain('# 2');
    // Nor after a while in which nobody asked: the first answer is as fresh as any.
    channel.setText(MEDIA_LIST, '#EXTM3U\n# 3\n');
    await delay(2500);
    expect((await get(list)).body.toString()).toContain('# 3');
  });

  test('checklist 6 MUST: a 404 at the live edge is kept for a second, not longer', async () => {
    const { channel, segment, segmentUrl } = ownChannel();
    channel.setMedia(segment, { kind: 'too-early' });
    expect((await get(segmentUrl)).status).toBe(404);
    channel.setMedia(segment, BODY);
    await delay(2100);
    expect((await get(segmentUrl)).status).toBe(200);
  });

  test('checklist 6 MUST: a 503 is never stored, says Retry-After and can be read by pages of other sites', async () => {
    const { channel, segment, segmentUrl } = ownChannel();
    channel.setMedia(segment, { kind: 'pending', key: 's1' });
    const asked = get(segmentUrl);
    while (channel.listeners === 0) await delay(10);
    channel.wake('closed');
    const { status, headers } = await asked;
    expect([status, headers['retry-after'], headers['access-control-allow-origin']]).toEqual([503, '1', '*']);
    expect(headers['cache-control']).toBe('no-store');
    channel.setMedia(segment, BODY);
    expect((await get(segmentUrl)).status).toBe(200);
  });

  test('an origin that hangs: a playlist that is kept is served within its stale-if-error', async () => {
    const { channel, list } = ownChannel();
    channel.setText(MEDIA_LIST, '#EXTM3U\n# kept\n');
    expect((await get(list)).status).toBe(200);
    await delay(2100);
    channel.setText(MEDIA_LIST, { kind: 'pending', key: 'hang', holdMs: 60_000, late: 'expired' });
    const startMs = performance.now();
    const { status, body } = await get(list);
    expect([status, body.toString()]).toEqual([200, '#EXTM3U\n# kept\n']);
    expect(performance.now() - startMs).toBeGreaterThan(3000);
    expect(performance.now() - startMs).toBeLessThan(5800);
    channel.wake('closed');
  });

  test('gzip is asked for once, whatever the spelling, and plain is kept apart', async () => {
    const { channel, base, asked } = ownChannel();
    channel.setText({ kind: 'dash' }, '<MPD/>'.repeat(100));
    const spellings = ['gzip', 'gzip, deflate, br', 'br;q=1.0, gzip;q=0.8', 'gzip;q=0', 'identity'];
    const answers = await Promise.all(
      spellings.map((spelling) => get(`${base}/manifest.mpd`, { 'accept-encoding': spelling })),
    );
    const texts = answers.map(({ headers, body }) =>
      headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body,
    );
    expect(new Set(texts.map(String))).toEqual(new Set(['<MPD/>'.repeat(100)]));
    expect(answers.map(({ headers }) => headers['content-encoding'] === 'gzip')).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(asked().length).toBeLessThanOrEqual(2);
  });

  test('what is stored keeps its validators, ranges and CORS; Cache-Status (RFC 9211) says what the edge did', async () => {
    const { channel, segment, segmentUrl, asked } = ownChannel();
    channel.setMedia(segment, BODY);
    const first = await get(segmentUrl);
    expect(first.headers['cache-status']).toMatch(new RegExp(`^${name}; fwd=uri-miss`));
    expect(first.headers['cdn-cache-control']).toBe('max-age=86400, immutable');
    expect(first.headers).not.toHaveProperty('surrogate-control');
    expect(await cacheStatus(segmentUrl)).toMatch(new RegExp(`^${name}; hit`));
    expect((await get(segmentUrl, { 'if-none-match': first.headers.etag ?? '' })).status).toBe(304);
    const range = await get(segmentUrl, { range: 'bytes=10-19' });
    expect([range.status, range.body.length]).toEqual([206, 10]);
    expect((await get(segmentUrl, {}, 'HEAD')).headers['content-length']).toBe(String(BODY.length));
    expect(first.headers['access-control-allow-origin']).toBe('*');
    expect(asked()).toHaveLength(1);
  });

  test('/time, preflights, other methods and what is not ours are answered by the edge itself', async () => {
    const { base } = ownChannel();
    const before = lines.length;
    const time = await get('/time?x=1');
    // ISO/IEC 23009-1 5.8.5.7, urn:mpeg:dash:utc:http-xsdate:2014: the body is one xs:dateTime.
    expect(time.body.toString()).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d)$/);
    expect(Math.abs(Date.parse(time.body.toString()) - Date.now())).toBeLessThan(1500);
    expect(time.headers).toMatchObject({ 'access-control-allow-origin': '*', 'cache-control': 'no-store' });
    const preflight = await get(`${base}/master.m3u8`, { 'access-control-request-headers': 'cmcd-request' }, 'OPTIONS');
    expect([preflight.status, preflight.headers['access-control-max-age']]).toEqual([204, '7200']);
    expect(preflight.headers['access-control-allow-headers']).toContain('CMCD-Request');
    for (const method of ['POST', 'DELETE']) expect((await get(`${base}/master.m3u8`, {}, method)).status).toBe(405);
    for (const path of [
      '/',
      '/metrics',
      '/api/v1/channels',
      '/live',
      '/live/x/../../etc/passwd',
      `/live/a/${'b'.repeat(2000)}.mpd`,
    ])
      expect([400, 404, 414]).toContain((await get(path)).status);
    const strangers = lines.slice(before).filter(({ path }) => !/^\/live\/c\d+\//.test(path) || path.startsWith(base));
    expect(strangers).toEqual([]);
  });
});

describe.concurrent('beside that', () => {
  test('two shields before one origin are two requests for each object, however many viewers', async () => {
    const { channel, segment, segmentUrl, list, asked } = ownChannel();
    channel.setMedia(segment, { kind: 'pending', key: 's1' });
    channel.setText(MEDIA_LIST, { kind: 'ready', revision: textRevision('#EXTM3U\n'), of: 'edge' });
    const shields = ['varnish', 'second varnish'].map((name) => edges.get(name)?.port ?? 0);
    const viewers = Promise.all(
      shields.flatMap((port) =>
        [segmentUrl, `${list}?_HLS_msn=1`].flatMap((path) => Array.from({ length: 100 }, () => ask(port, path))),
      ),
    );
    await delay(500);
    channel.setMedia(segment, BODY);
    channel.wake('s1');
    expect((await viewers).filter(({ status }) => status === 200)).toHaveLength(400);
    const list1 = '/v720/media.m3u8?_HLS_msn=1';
    // An answer is in the log when it is out, which may be after its viewers have it.
    await expect.poll(() => asked().toSorted()).toEqual(['/v720/g1/1.m4s', '/v720/g1/1.m4s', list1, list1]);
  });

  test('who is not the CDN gets 403, no-store; a client cannot bring the secret through an edge', async () => {
    const { channel, base } = ownChannel();
    channel.setText({ kind: 'hls-master' }, '#EXTM3U\n');
    for (const headers of [{}, { 'x-origin-key': 'a-guess-of-the-secret' }]) {
      const { status, headers: got } = await ask(origin.port, `${base}/master.m3u8`, headers);
      expect([status, got['cache-control'], got['access-control-allow-origin']]).toEqual([403, 'no-store', '*']);
    }
    for (const secret of lock.secrets)
      expect((await ask(origin.port, `${base}/master.m3u8`, { 'x-origin-key': secret })).status).toBe(200);
    for (const name of ['nginx', 'varnish'])
      expect((await ask(edges.get(name)?.port ?? 0, `${base}/master.m3u8`, { 'x-origin-key': 'x' })).status).toBe(200);
  });
});

test('an edge that has lost its secret says 502, as its own fault: the viewer is not forbidden, and may ask again', async () => {
  const { channel, segment, segmentUrl } = ownChannel();
  channel.setMedia(segment, BODY);
  const { status, headers } = await ask(edges.get('varnish without its secret')?.port ?? 0, segmentUrl);
  const said = ['cache-control', 'retry-after', 'access-control-allow-origin'].map((name) => headers[name]);
  expect([status, ...said]).toEqual([502, 'no-store', '1', '*']);
  expect(lines.findLast(({ path }) => path === segmentUrl)?.status).toBe(403);
});

test.each(['nginx', 'varnish'])(
  '%s: a list that has expired is asked for once, by however many at once; who waits gets it, or what was there a moment ago',
  async (name) => {
    const { channel, list, asked } = ownChannel();
    const get = () => ask(edges.get(name)?.port ?? 0, list);
    channel.setText(MEDIA_LIST, '#EXTM3U\n# 1\n');
    // nginx counts whole seconds: fetched early in one, a list of a second is old two seconds later.
    await delay(1000 - (Date.now() % 1000) + 50);
    expect((await get()).body.toString()).toContain('# 1');
    await delay(2000);
    channel.setText(MEDIA_LIST, { kind: 'pending', key: 'l1', holdMs: 3000, late: 'expired' });
    const viewers = Promise.all(Array.from({ length: 100 }, get));
    while (channel.listeners === 0) await delay(10);
    await delay(300);
    channel.setText(MEDIA_LIST, '#EXTM3U\n# 2\n');
    channel.wake('l1');
    const answers = await viewers;
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(100);
    expect(answers.some(({ body }) => body.toString().includes('# 2'))).toBe(true);
    expect((await get()).body.toString()).toContain('# 2');
    expect(asked()).toEqual(['/v720/media.m3u8', '/v720/media.m3u8']);
    // What nginx tells itself is not for browsers.
    const controls = new Set(answers.map(({ headers }) => headers['cache-control']));
    expect([...controls]).toEqual(['public, max-age=1, stale-if-error=6']);
  },
);

test('an origin that is dead for 10 s: media goes on, playlists for as long as they may, and what comes back is fresh at once', async () => {
  const { channel, list, segment, segmentUrl } = ownChannel();
  const both = ['nginx', 'varnish'].map((name) => edges.get(name)?.port ?? 0);
  const all = (path: string) => Promise.all(both.map((port) => ask(port, path)));
  const statuses = async (path: string) => (await all(path)).map(({ status }) => status);
  channel.setMedia(segment, BODY);
  channel.setText(MEDIA_LIST, '#EXTM3U\n# before\n');
  expect([await statuses(segmentUrl), await statuses(list)]).toEqual([
    [200, 200],
    [200, 200],
  ]);
  const { port } = origin;
  await origin.close();
  try {
    const deadMs = performance.now();
    const at = (ms: number) => delay(Math.max(0, deadMs + ms - performance.now()));
    await at(4500);
    expect((await all(list)).map(({ body }) => body.toString())).toEqual([
      '#EXTM3U\n# before\n',
      '#EXTM3U\n# before\n',
    ]);
    // stale-if-error=6 after max-age=1; nginx counts whole seconds.
    await at(9200);
    for (const { status, headers } of await all(list)) {
      expect([status, headers['access-control-allow-origin'], headers['retry-after']]).toEqual([503, '*', '1']);
    }
    expect(await statuses(segmentUrl)).toEqual([200, 200]);
    await at(10_000);
  } finally {
    channel.setText(MEDIA_LIST, '#EXTM3U\n# after\n');
    origin = await openLocked(port);
  }
  const fresh = async () => (await all(list)).map(({ body }) => body.toString().includes('# after'));
  await expect.poll(fresh, { timeout: 3000, interval: 100 }).toEqual([true, true]);
});
