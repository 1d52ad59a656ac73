import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Edge, edgeFolder, SAMPLES, startNginx, startVarnish } from './samples-edge.ts';

const run = promisify(execFile);
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const PLAYLIST = '/live/match/v720/media.m3u8';
const SEGMENT = '/live/match/v720/ab12cd34/850000001.m4s';
/** The longest a Pitchside origin holds a request: one segment of the longest kind. */
const HOLD_MS = 6000;

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** An origin that counts what it is asked for. */
class FakeOrigin {
  readonly asked: string[] = [];
  readonly headers: IncomingMessage['headers'][] = [];
  answer: Answer = () => undefined;
  port = 0;
  #server: Server | undefined;

  async start(): Promise<void> {
    this.#server = createServer((request, response) => {
      this.asked.push(`${request.method} ${request.url}`);
      this.headers.push(request.headers);
      this.answer(request, response);
    });
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

interface Got {
  status: number;
  body: string;
  headers: IncomingMessage['headers'];
  firstByteMs: number;
  doneMs: number;
}

function ask(port: number, target: string, headers: Record<string, string> = {}): Promise<Got> {
  const startMs = performance.now();
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: target, headers, agent: false }, (response) => {
      let body = '';
      let firstByteMs = 0;
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        firstByteMs = firstByteMs || performance.now() - startMs;
        body += text;
      });
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          body,
          headers: response.headers,
          firstByteMs,
          doneMs: performance.now() - startMs,
        }),
      );
      response.on('error', reject);
    }).on('error', reject);
  });
}

test('nginx takes samples/nginx.conf as it stands', async () => {
  const folder = await edgeFolder();
  const { stderr } = await run('nginx', ['-t', '-p', folder, '-c', path.join(SAMPLES, 'nginx.conf')]);
  expect(stderr).toContain('test is successful');
  expect(stderr).not.toMatch(/warn|emerg/);
  await rm(folder, { recursive: true });
});

test('Varnish compiles samples/default.vcl as it stands', async () => {
  const folder = await edgeFolder();
  const args = ['-C', '-n', path.join(folder, 'work'), '-f', path.join(SAMPLES, 'default.vcl')];
  await run('varnishd', args, { maxBuffer: 10_000_000 });
  await rm(folder, { recursive: true });
});

describe.each([
  ['nginx', startNginx],
  ['Varnish', startVarnish],
] as const)('%s with its sample', (name, startSample) => {
  const origin = new FakeOrigin();
  let edge: Edge;

  beforeAll(async () => {
    await origin.start();
    edge = await startSample(origin.port);
  });
  afterAll(async () => {
    await edge.stop();
    await origin.stop();
  });
  beforeEach(() => {
    origin.asked.length = 0;
    origin.headers.length = 0;
    origin.answer = (_, response) => response.writeHead(200, { 'Cache-Control': 'public, max-age=60' }).end('body');
  });

  test('twenty viewers of an object that is held as long as an origin ever does are one request', async () => {
    origin.answer = (_, response) => {
      setTimeout(
        () => response.writeHead(200, { 'Cache-Control': 'public, max-age=86400, immutable' }).end('media'),
        HOLD_MS,
      );
    };
    const viewers = await Promise.all(Array.from({ length: 20 }, () => ask(edge.port, SEGMENT)));
    expect(viewers.map(({ status, body }) => `${status} ${body}`)).toEqual(
      Array.from({ length: 20 }, () => '200 media'),
    );
    expect(origin.asked).toEqual([`GET ${SEGMENT}`]);
  });

  test('of the query only _HLS_ directives name the object, in one order, and nothing else reaches the origin', async () => {
    for (const query of [
      '?_HLS_msn=5&_HLS_part=1',
      '?_HLS_part=1&_HLS_msn=5',
      '?CMCD=br%3D3000&_HLS_msn=5&_HLS_part=1&token=abc',
      '?x_HLS_msn=99&_HLS_msn=5&_HLS_part=1',
      '?_HLS_part=1&utm=1&_HLS_msn=5',
    ])
      await ask(edge.port, `${PLAYLIST}${query}`);
    await ask(edge.port, `${PLAYLIST}?_HLS_msn=5`);
    await ask(edge.port, `${PLAYLIST}?_HLS_msn=5&_HLS_skip=YES`);
    await ask(edge.port, `${PLAYLIST}?_HLS_skip=v2&a=1`);
    await ask(edge.port, `${PLAYLIST}?session=1`);
    await ask(edge.port, PLAYLIST);
    expect(origin.asked).toEqual([
      `GET ${PLAYLIST}?_HLS_msn=5&_HLS_part=1`,
      `GET ${PLAYLIST}?_HLS_msn=5`,
      `GET ${PLAYLIST}?_HLS_msn=5&_HLS_skip=YES`,
      `GET ${PLAYLIST}?_HLS_skip=v2`,
      `GET ${PLAYLIST}`,
    ]);
  });

  test('a playlist outlives a dead origin as long as its stale-if-error says, and no longer', async () => {
    const target = '/live/stale/v720/media.m3u8';
    origin.answer = (_, response) =>
      response
        .writeHead(200, {
          'Cache-Control': 'public, max-age=1, stale-if-error=3',
          'CDN-Cache-Control': 'max-age=1, stale-if-error=3',
        })
        .end('old');
    expect((await ask(edge.port, target)).body).toBe('old');
    await origin.stop();
    try {
      await sleep(2200);
      expect(await ask(edge.port, target)).toMatchObject({ status: 200, body: 'old' });
      await sleep(3300);
      expect((await ask(edge.port, target)).status).toBeGreaterThanOrEqual(500);
    } finally {
      await origin.start();
    }
    origin.answer = (_, response) => response.writeHead(200, { 'Cache-Control': 'public, max-age=1' }).end('new');
    await expect.poll(async () => (await ask(edge.port, target)).body, { timeout: 3000 }).toBe('new');
  });

  test('a playlist is asked for again when its second is over: nothing stale while the origin is well', async () => {
    let revision = 0;
    origin.answer = (_, response) => {
      revision += 1;
      response.writeHead(200, { 'Cache-Control': 'public, max-age=1, stale-if-error=6' }).end(String(revision));
    };
    const target = '/live/fresh/v720/media.m3u8';
    expect((await ask(edge.port, target)).body).toBe('1');
    await sleep(2100);
    expect((await ask(edge.port, target)).body).toBe('2');
  });

  test('a 404 with max-age=1 is kept for a second, not for ever', async () => {
    const target = '/live/match/v720/ab12cd34/850000777.m4s';
    origin.answer = (_, response) => response.writeHead(404, { 'Cache-Control': 'public, max-age=1' }).end();
    expect((await ask(edge.port, target)).status).toBe(404);
    origin.answer = (_, response) => response.writeHead(200, { 'Cache-Control': 'public, max-age=86400' }).end('here');
    await sleep(2100);
    expect(await ask(edge.port, target)).toMatchObject({ status: 200, body: 'here' });
  });

  test('/time is answered by the edge itself, as xs:dateTime with milliseconds, for every page', async () => {
    const before = Date.now();
    const { status, body, headers } = await ask(edge.port, '/time?x=1');
    expect(status).toBe(200);
    // ISO/IEC 23009-1 5.8.5.7, urn:mpeg:dash:utc:http-xsdate:2014: the body is one xs:dateTime.
    expect(body).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d)$/);
    expect(Math.abs(Date.parse(body) - before)).toBeLessThan(250);
    expect(headers).toMatchObject({ 'access-control-allow-origin': '*', 'cache-control': 'no-store' });
    expect(origin.asked).toEqual([]);
  });

  test('what is not under /live never reaches the origin', async () => {
    for (const target of ['/', '/metrics', '/api/v1/channels', '/live'])
      expect((await ask(edge.port, target)).status).toBe(404);
    expect(origin.asked).toEqual([]);
  });

  test('cookies neither split nor bypass the cache', async () => {
    const target = '/live/match/a/media.m3u8';
    for (const cookie of ['a=1', 'b=2']) await ask(edge.port, target, { Cookie: cookie });
    expect(origin.asked).toEqual([`GET ${target}`]);
  });

  test('gzip is asked for once, whatever the viewers’ spelling', async () => {
    origin.answer = (_, response) =>
      response.writeHead(200, { 'Cache-Control': 'public, max-age=60', Vary: 'Accept-Encoding' }).end('x');
    const target = '/live/match/b/media.m3u8';
    for (const spelling of ['gzip', 'gzip, deflate, br', 'br;q=1.0, gzip;q=0.8'])
      await ask(edge.port, target, { 'Accept-Encoding': spelling });
    expect(origin.asked).toEqual([`GET ${target}`]);
    expect(origin.headers[0]).toMatchObject({ 'accept-encoding': 'gzip' });
  });

  if (name === 'Varnish') {
    test('an object that is still growing is passed on as it grows, to a viewer who comes late too', async () => {
      origin.answer = (_, response) => {
        response.writeHead(200, { 'Cache-Control': 'public, max-age=86400' });
        response.write('first');
        setTimeout(() => response.end('last'), 1500);
      };
      const early = ask(edge.port, '/live/match/v720/ab12cd34/850000888.m4s');
      await sleep(500);
      const late = await ask(edge.port, '/live/match/v720/ab12cd34/850000888.m4s');
      for (const viewer of [await early, late]) {
        expect(viewer).toMatchObject({ status: 200, body: 'firstlast' });
        expect(viewer.doneMs - viewer.firstByteMs).toBeGreaterThan(700);
      }
      expect(origin.asked).toHaveLength(1);
    });
  }
});
