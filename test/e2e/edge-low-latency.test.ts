// The edges of docker/edge in front of the real origin: blocking playlists collapse, growing Segments flow, cut ones are not kept.
import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { MediaName, TextAnswer } from '../../src/channel/view.ts';
import { FakeChannel, textRevision } from '../fakes/channel-view.ts';
import { type Edge, openNginxEdge, openVarnishEdge } from '../rig/edges.ts';
import { type Answer, ask, openTestOrigin, type TestOrigin, until } from './origin-client.ts';

const [PART0, PART1, PART2] = ['a', 'b', 'c'].map((letter) => letter.repeat(20_000)) as [string, string, string];

let channel: FakeChannel;
let origin: TestOrigin;
let number = 900000000;
let segment: Extract<MediaName, { kind: 'segment' }>;
let url: string;
let playlist: string;

const answered = (kind: string) => origin.count('http_responses_total', { kind });
const waiting = (count: number) => until(async () => (await origin.count('http_waiting_requests')) === count);
const blocked = (text: string): TextAnswer => ({ kind: 'ready', revision: textRevision(text), of: 'edge' });

beforeAll(async () => {
  channel = new FakeChannel();
  channel.holdMs = 6000;
  origin = await openTestOrigin([channel]);
});
afterAll(async () => {
  await origin.close();
});
beforeEach(() => {
  number += 1;
  segment = { kind: 'segment', track: 'v720', gen: 'g1', number };
  url = `/live/match/v720/g1/${number}.m4s`;
  playlist = `/live/match/v${number}/media.m3u8`;
});

interface Viewer {
  /** What has come so far. */
  body(): string;
  /** How it ended. */
  readonly ended: Promise<'whole' | 'aborted'>;
}

function watch(port: number, target: string): Viewer {
  let body = '';
  const ended = new Promise<'whole' | 'aborted'>((resolve) => {
    get({ host: '127.0.0.1', port, path: target, agent: false }, (response) => {
      response.setEncoding('latin1');
      response.on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve(response.complete ? 'whole' : 'aborted'));
      response.on('error', () => resolve('aborted'));
    }).on('error', () => resolve('aborted'));
  });
  return { body: () => body, ended };
}

const EDGES = [
  ['nginx', openNginxEdge],
  ['Varnish', openVarnishEdge],
] as const;

describe.each(EDGES)('%s', (name, start) => {
  let edge: Edge;
  beforeAll(async () => {
    edge = await start(origin.port);
  });
  afterAll(async () => {
    await edge.close();
  });
  const twenty = (target: (index: number) => string): Promise<readonly Answer[]> =>
    Promise.all(Array.from({ length: 20 }, (_, index) => ask(edge.port, target(index))));

  test('twenty blocking playlist requests are one at the origin, whatever else stands in their queries', async () => {
    const track = { kind: 'hls-media', track: `v${number}` } as const;
    channel.setText(track, { kind: 'pending', key: `p${number}`, holdMs: 6000, late: 'expired' });
    const before = await answered('hls-blocked');
    const queries = [
      '_HLS_msn=7&_HLS_part=2',
      '_HLS_part=2&_HLS_msn=7',
      'token=INDEX&_HLS_msn=7&CMCD=INDEX&_HLS_part=2',
    ];
    const asked = twenty((index) => `${playlist}?${queries[index % 3]?.replaceAll('INDEX', String(index))}`);
    await waiting(1);
    await delay(300);
    expect(await origin.count('http_waiting_requests')).toBe(1);
    channel.setText(track, blocked('#EXTM3U\n# 7.2\n'));
    channel.wake(`p${number}`);
    const answers = await asked;
    expect(answers.map(({ status, body }) => `${status} ${body}`)).toEqual(Array(20).fill('200 #EXTM3U\n# 7.2\n'));
    expect(answers.every(({ headers }) => headers['cache-control'] === 'public, max-age=12')).toBe(true);
    expect((await answered('hls-blocked')) - before).toBe(1);
    expect(channel.lastDirectives).toMatchObject({ msn: 7, part: 2 });
  });

  test('a growing Segment that the origin cuts is visibly aborted, not kept, and whole the next time', async () => {
    const before = await answered('segment');
    channel.grow(segment, PART0);
    const viewer = watch(edge.port, url);
    await waiting(1);
    channel.grow(segment, PART0, PART1);
    await waiting(1);
    channel.wake('closed');
    expect(await viewer.ended).toBe('aborted');
    expect((await answered('segment')) - before).toBe(1);
    channel.finish(segment, PART0, PART1, PART2);
    const next = await ask(edge.port, url);
    expect([next.status, next.body.toString('latin1') === PART0 + PART1 + PART2]).toEqual([200, true]);
    expect((await answered('segment')) - before).toBe(2);
    await ask(edge.port, url);
    expect((await answered('segment')) - before).toBe(2);
  });

  test('a growing Segment that ends well is kept whole, for its day', async () => {
    const before = await answered('segment');
    channel.grow(segment, PART0);
    const viewer = watch(edge.port, url);
    await waiting(1);
    channel.finish(segment, PART0, PART1);
    expect(await viewer.ended).toBe('whole');
    const again = await ask(edge.port, url);
    expect(again.body.toString('latin1')).toBe(PART0 + PART1);
    expect(again.headers['cache-control']).toBe('public, max-age=86400, immutable');
    expect((await answered('segment')) - before).toBe(1);
  });

  if (name === 'Varnish') {
    test('one who joins in the middle of a growing Segment gets it as it grows, from one request at the origin', async () => {
      const before = await answered('segment');
      channel.grow(segment, PART0);
      const first = watch(edge.port, url);
      await until(() => first.body() === PART0);
      const second = watch(edge.port, `${url}?CMCD=mtp%3D3000`);
      await until(() => second.body() === PART0);
      channel.grow(segment, PART0, PART1);
      for (const viewer of [first, second]) await until(() => viewer.body() === PART0 + PART1);
      channel.finish(segment, PART0, PART1, PART2);
      for (const viewer of [first, second]) {
        expect(await viewer.ended).toBe('whole');
        expect(viewer.body()).toBe(PART0 + PART1 + PART2);
      }
      expect((await answered('segment')) - before).toBe(1);
    });

    test('a hold that ends with 503 ends for all who waited, from one request, with CORS and Retry-After', async () => {
      const track = { kind: 'hls-media', track: `v${number}` } as const;
      channel.setText(track, { kind: 'pending', key: `p${number}`, holdMs: 700, late: 'expired' });
      const before = await origin.count('http_responses_total', { status: '503' });
      const startMs = performance.now();
      const answers = await twenty(() => `${playlist}?_HLS_msn=8&_HLS_part=0`);
      expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(503));
      expect(performance.now() - startMs).toBeLessThan(1400);
      expect((await origin.count('http_responses_total', { status: '503' })) - before).toBe(1);
      expect(answers[0]?.headers).toMatchObject({ 'access-control-allow-origin': '*', 'retry-after': '1' });
    });
  }
});
