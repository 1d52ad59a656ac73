/** The control port over real sockets. */
import { createConnection } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { NoticeBoard } from '../../src/channel/notices.ts';
import { type ControlServer, openControl } from '../../src/control/server.ts';
import { systemClock } from '../../src/system/clock.ts';
import { openMetrics } from '../../src/system/metrics.ts';
import { channelStatus, controlDirectory, idleOperator, pageInfo } from '../fakes/control-directory.ts';
import { keptLog } from '../fakes/control-quiet-log.ts';

const clock = systemClock();
const directory = controlDirectory(() => clock.nowMs(), channelStatus());
const log = keptLog();
let control: ControlServer;
let base = '';

const options = (port: number) => ({
  host: '127.0.0.1',
  port,
  directory,
  metrics: openMetrics(),
  log,
  clock,
  notices: new NoticeBoard(log),
  operator: idleOperator(),
  pageInfo: pageInfo(8080),
});

beforeAll(async () => {
  control = await openControl(options(0));
  base = `http://127.0.0.1:${control.port}`;
});
afterAll(() => control.close());

/** A request with headers that fetch would not send; the answer as text. */
function raw(head: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(control.port, '127.0.0.1', () =>
      socket.write(`${head}\r\nConnection: close\r\n\r\n`),
    );
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}

describe('health', () => {
  test('/healthz is 200 while the process works', async () => {
    const answer = await fetch(`${base}/healthz`);
    expect([answer.status, await answer.json()]).toEqual([200, { status: 'ok', uptimeSeconds: expect.any(Number) }]);
  });

  test('/readyz is 200 while everything served is fresh, and 503 with which and why otherwise', async () => {
    expect((await fetch(`${base}/readyz`)).status).toBe(200);
    directory.set(
      channelStatus(),
      channelStatus({ id: 'two', fresh: false, newestEndMs: undefined, state: 'starting' }),
    );
    const answer = await fetch(`${base}/readyz`);
    directory.set(channelStatus());
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({
      ready: false,
      channels: [
        { id: 'match', fresh: true },
        { id: 'two', fresh: false, why: 'nothing is servable yet (state starting)' },
      ],
    });
  });

  test('/metrics is Prometheus text', async () => {
    const answer = await fetch(`${base}/metrics`);
    expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    expect(await answer.text()).toContain('# HELP pitchside_http_responses_total');
  });
});

describe('the API', () => {
  test('lists the channels with the time of their clock', async () => {
    const answer = (await (await fetch(`${base}/api/v1/channels`)).json()) as { nowMs: number; channels: unknown[] };
    expect(Math.abs(answer.nowMs - clock.nowMs())).toBeLessThan(1000);
    expect(answer.channels).toEqual([JSON.parse(JSON.stringify(channelStatus()))]);
  });

  test('shows one channel', async () => {
    expect(await (await fetch(`${base}/api/v1/channels/match`)).json()).toMatchObject({ id: 'match', onAir: 'live' });
  });

  test('gives the stream key to this machine', async () => {
    expect(await (await fetch(`${base}/api/v1/channels/match/stream-key`)).json()).toEqual({
      streamKey: 'match?key=S3CRET',
    });
    expect((await fetch(`${base}/api/v1/channels/nobody/stream-key`)).status).toBe(404);
  });

  test.each([
    ['a rebound name', 'Host: evil.example'],
    ['a proxy', 'Host: localhost\r\nX-Forwarded-For: 203.0.113.9'],
    ['another site', 'Host: localhost\r\nSec-Fetch-Site: cross-site'],
  ])('does not give the stream key to %s', async (_name, headers) => {
    const answer = await raw(`GET /api/v1/channels/match/stream-key HTTP/1.1\r\n${headers}`);
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
    expect(answer).toContain('"code":"HTTP_FORBIDDEN"');
    expect(answer).not.toContain('S3CRET');
  });

  test('has the stream key in no other answer', async () => {
    for (const path of [
      '/',
      '/page/page.js',
      '/api/v1/service',
      '/api/v1/channels',
      '/api/v1/channels/match',
      '/metrics',
    ]) {
      expect(await (await fetch(base + path)).text()).not.toContain('S3CRET');
    }
  });
});

describe('the event stream', () => {
  test('is there for 32; one more is 503 with Retry-After, until one has gone; HEAD opens none', async () => {
    const open = async () => {
      const abort = new AbortController();
      return { abort, answer: await fetch(`${base}/api/v1/events`, { signal: abort.signal }) };
    };
    expect((await fetch(`${base}/api/v1/events`, { method: 'HEAD' })).headers.get('content-type')).toContain(
      'text/event-stream',
    );
    const streams = await Promise.all(Array.from({ length: 32 }, open));
    expect(streams.map(({ answer }) => answer.status)).toEqual(Array(32).fill(200));
    const { answer: refused } = await open();
    expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toMatchObject([
      503,
      '10',
      { code: 'HTTP_OVERLOADED' },
    ]);
    streams[0]!.abort.abort();
    await vi.waitFor(async () => {
      const { abort, answer } = await open();
      abort.abort();
      expect(answer.status).toBe(200);
    });
    for (const { abort } of streams) abort.abort();
  });
});

describe('the page', () => {
  test.each([
    ['/', 'text/html; charset=utf-8', 'no-cache'],
    ['/page/page.css', 'text/css; charset=utf-8', 'no-cache'],
    ['/page/page.js', 'text/javascript; charset=utf-8', 'no-cache'],
    ['/players/hls.min.js', 'text/javascript; charset=utf-8', 'public, max-age=86400'],
    ['/players/dash.all.min.js', 'text/javascript; charset=utf-8', 'public, max-age=86400'],
  ])('%s has its type, its caching and a validator (RFC 9110 13.1.2)', async (path, type, caching) => {
    const answer = await fetch(base + path);
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control')]).toEqual([
      200,
      type,
      caching,
    ]);
    const etag = answer.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[0-9a-f]{16}"$/);
    expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(100);
    const again = await fetch(base + path, { headers: { 'If-None-Match': etag } });
    expect([again.status, (await again.arrayBuffer()).byteLength]).toEqual([304, 0]);
  });

  test('comes with the headers that keep it to itself, on every answer', async () => {
    for (const path of ['/', '/nothing', '/healthz']) {
      const { headers } = await fetch(base + path);
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(headers.get('content-security-policy')).toContain("connect-src 'self' http://*:8080");
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('x-powered-by')).toBeNull();
    }
  });
});

describe('bad input', () => {
  test.each([
    ['/nothing', 404, 'HTTP_NOT_FOUND'],
    ['/page/..%2f..%2f..%2fpackage.json', 404, 'HTTP_NOT_FOUND'],
    ['/page/%00', 404, 'HTTP_NOT_FOUND'],
    ['/api/v1/channels/nobody', 404, 'HTTP_NOT_FOUND'],
    ['/api/v1/channels/__proto__', 404, 'HTTP_NOT_FOUND'],
    ['/api/v1/channels/%E0%A4%A', 400, 'HTTP_BAD_REQUEST'],
  ])('%s is %i %s without a stack', async (path, status, code) => {
    const answer = await fetch(base + path);
    const body = await answer.text();
    expect(answer.status).toBe(status);
    expect(JSON.parse(body)).toEqual({ code, message: expect.any(String) });
    expect(body).not.toMatch(/\\n\s*at |node_modules/);
  });

  test('another method is 405 with Allow (RFC 9110 15.5.6)', async () => {
    const answer = await fetch(`${base}/healthz`, { method: 'DELETE' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  test('a path with .. that nobody normalised is 404', async () => {
    expect(await raw('GET /page/../../../package.json HTTP/1.1\r\nHost: localhost')).toMatch(/^HTTP\/1\.1 404 /);
  });

  test('a query of 64 kB is refused, and the port works on', async () => {
    const answer = await raw(`GET /healthz?${'a'.repeat(65_536)} HTTP/1.1\r\nHost: localhost`);
    expect(answer).toMatch(/^HTTP\/1\.1 431 .*"code":"HTTP_BAD_REQUEST","message":"The URL or the header/s);
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
  });

  test('garbage is refused, and the port works on', async () => {
    for (const garbage of ['\u0000\u0001garbage', 'BREW /healthz HTTP/1.1\r\nHost: localhost'])
      expect(await raw(garbage)).toMatch(/^HTTP\/1\.1 400 .*no-store.*"code":"HTTP_BAD_REQUEST","message":"/s);
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
  });
});

describe('the socket', () => {
  test('a port that is taken is PORT_IN_USE, with what to do', async () => {
    await expect(openControl(options(control.port))).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      hint: expect.stringContaining('--control-port'),
    });
  });

  test('an address that is not of this machine is PORT_FORBIDDEN', async () => {
    await expect(openControl({ ...options(0), host: '192.0.2.1' })).rejects.toMatchObject({ code: 'PORT_FORBIDDEN' });
  });

  test('close() ends connections that idle and those that never said anything', async () => {
    const other = await openControl(options(0));
    const socket = createConnection(other.port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const startUs = clock.monotonicUs();
    await Promise.all([other.close(), closed]);
    expect(clock.monotonicUs() - startUs).toBeLessThan(2_000_000);
  });
});
