// Blocking playlist reload over real sockets (RFC 8216bis 6.2.5.2): what is held, how it ends, how long it lives.
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PlaylistDirectives, TextAnswer } from '../../src/channel/view.ts';
import { FakeChannel, textRevision } from '../fakes/channel-view.ts';
import { ask, openTestOrigin, type TestOrigin, until } from './origin-client.ts';

const PLAYLIST_URL = '/live/match/v720/media.m3u8';
const MEDIA = { kind: 'hls-media', track: 'v720' } as const;
const ready = (text: string, of: 'current' | 'edge' | 'past'): TextAnswer => ({
  kind: 'ready',
  revision: textRevision(text),
  of,
});

let channel: FakeChannel;
let origin: TestOrigin;
const get = (query: string, headers = {}) => ask(origin.port, `${PLAYLIST_URL}${query}`, headers);
const waiting = (count: number) => until(async () => (await origin.count('http_waiting_requests')) === count);
const held = (holdMs: number, late: 'not-yet' | 'expired' = 'expired') =>
  channel.setText(MEDIA, { kind: 'pending', key: 'p', holdMs, late });

beforeEach(async () => {
  channel = new FakeChannel();
  channel.setText(MEDIA, ready('#EXTM3U\n', 'current'));
  origin = await openTestOrigin([channel]);
});

afterEach(async () => {
  await origin.close();
});

describe('what reaches the Channel', () => {
  it.each<[string, PlaylistDirectives | undefined]>([
    ['', undefined],
    ['?token=1&CMCD=br%3D1', undefined],
    ['?_HLS_msn=900000009', { msn: 900000009, part: undefined, skip: undefined }],
    ['?_HLS_part=2&x=1&_HLS_msn=900000009', { msn: 900000009, part: 2, skip: undefined }],
    ['?_HLS_msn=9&_HLS_part=0&_HLS_skip=YES', { msn: 9, part: 0, skip: 'YES' }],
    ['?_HLS_skip=v2', { msn: undefined, part: undefined, skip: 'v2' }],
  ])('%s', async (query, directives) => {
    expect((await get(query)).status).toBe(200);
    if (directives === undefined) expect(channel.lastDirectives).toBeUndefined();
    else expect(channel.lastDirectives).toMatchObject({ ...directives });
  });

  it('none of them where directives are not in force: other texts', async () => {
    channel.setText({ kind: 'hls-master' }, '#EXTM3U\n');
    channel.setText({ kind: 'hls-dvr-media', track: 'v720' }, '#EXTM3U\n');
    for (const path of ['/live/match/master.m3u8', '/live/match/v720/dvr.m3u8']) {
      expect((await ask(origin.port, `${path}?_HLS_part=1&_HLS_msn=x`)).status).toBe(200);
      expect(channel.lastDirectives).toBeUndefined();
    }
  });
});

describe('RFC 8216bis 6.2.5.2 MUST/SHOULD: 400 at once', () => {
  it.each([
    ['?_HLS_part=1', '_HLS_part without _HLS_msn'],
    ['?_HLS_msn=-1', '_HLS_msn is not a whole number'],
    ['?_HLS_msn=1&_HLS_part=x', '_HLS_part is not a whole number'],
    ['?_HLS_msn=1&_HLS_msn=1', '_HLS_msn is given twice'],
    ['?_HLS_skip=NO', '_HLS_skip is neither YES nor v2'],
  ])('for %s', async (query, why) => {
    held(60_000);
    const { status, headers, body } = await get(query);
    expect([status, headers['cache-control']]).toEqual([400, 'public, max-age=1']);
    expect(JSON.parse(body.toString())).toEqual({ code: 'HTTP_BAD_REQUEST', message: expect.stringContaining(why) });
    expect(channel.asked).toBe(0);
  });

  it('for what the Channel refuses, with its reason', async () => {
    channel.setText(MEDIA, { kind: 'refused', why: '_HLS_msn is more than 2 beyond the newest Segment' });
    const { status, headers, body } = await get('?_HLS_msn=99');
    expect([status, headers['access-control-allow-origin']]).toEqual([400, '*']);
    expect(JSON.parse(body.toString()).message).toMatch(
      /not valid: _HLS_msn is more than 2 beyond the newest Segment\.$/,
    );
  });
});

describe('how a blocking request ends', () => {
  it('with the playlist when it has the part; all who wait get it, gzip or not', async () => {
    held(60_000);
    const asked = [get('?_HLS_msn=5&_HLS_part=1'), get('?_HLS_msn=5&_HLS_part=1', { 'accept-encoding': 'gzip' })];
    await waiting(2);
    channel.setText(MEDIA, ready('#EXTM3U\n# part 1\n', 'edge'));
    channel.wake('p');
    const [plain, zipped] = await Promise.all(asked);
    expect(plain?.body.toString()).toBe('#EXTM3U\n# part 1\n');
    expect(gunzipSync(zipped?.body ?? '').toString()).toBe('#EXTM3U\n# part 1\n');
    expect(channel.lastDirectives).toMatchObject({ msn: 5, part: 1 });
    expect(channel.listeners).toBe(0);
  });

  it('SHOULD: 503 when it was held longer than 3 target durations, with Retry-After and no-store', async () => {
    held(150);
    channel.holdMs = 60_000;
    const startMs = performance.now();
    const { status, headers } = await get('?_HLS_msn=5&_HLS_part=1');
    expect([status, headers['cache-control'], headers['retry-after']]).toEqual([503, 'no-store', '1']);
    expect(performance.now() - startMs).toBeGreaterThan(140);
    expect(channel.listeners).toBe(0);
  });

  it('with 404 and a life of 1 s when nothing was promised', async () => {
    held(50, 'not-yet');
    const { status, headers } = await get('');
    expect([status, headers['cache-control']]).toEqual([404, 'public, max-age=1']);
  });

  it('at the time the first hold had, however often it is woken in vain', async () => {
    held(300);
    const startMs = performance.now();
    const asked = get('?_HLS_msn=5');
    for (const turn of [1, 2, 3]) {
      await waiting(1);
      held(300 * turn);
      channel.wake('p');
    }
    expect((await asked).status).toBe(503);
    expect(performance.now() - startMs).toBeLessThan(700);
  });

  it('with 503 when the Channel ends or the origin closes', async () => {
    held(60_000);
    const one = get('?_HLS_msn=5');
    await waiting(1);
    channel.wake('closed');
    expect((await one).status).toBe(503);
    const two = get('?_HLS_msn=5');
    await waiting(1);
    await origin.close();
    const { status, headers } = await two;
    expect([status, headers['cache-control'], headers.connection]).toEqual([503, 'no-store', 'close']);
  });
});

describe('how long the answers live', () => {
  it.each([
    ['edge', 'public, max-age=12', 'hls-blocked'],
    ['past', 'public, max-age=1, stale-if-error=6', 'hls-media'],
    ['current', 'public, max-age=1, stale-if-error=6', 'hls-media'],
  ] as const)('RFC 8216bis appendix B: %s is %s', async (of, cacheControl, kind) => {
    channel.setText(MEDIA, ready('#EXTM3U\n', of));
    const { status, headers } = await get('?_HLS_msn=5&_HLS_part=1');
    expect([status, headers['cache-control']]).toEqual([200, cacheControl]);
    expect(headers['cdn-cache-control']).toBe(cacheControl.replace('public, ', ''));
    const again = await get('?_HLS_msn=5&_HLS_part=1', { 'if-none-match': headers.etag });
    expect([again.status, again.headers['cache-control']]).toEqual([304, cacheControl]);
    expect(await origin.count('http_responses_total', { kind, status: '200' })).toBe(1);
  });
});
