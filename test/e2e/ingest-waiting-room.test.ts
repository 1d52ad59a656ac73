// The origin's port without a service, over real sockets: who waits, who does not, and what they get of the next one.
import { mkdtempSync, rmSync } from 'node:fs';
import {
  createServer as createHttpServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
} from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WaitingRoom } from '../../src/ingest/child/waiting-room.ts';
import { HANDOVER_SOCKET, takeHttpPort } from '../../src/ingest/http-gap.ts';
import { systemClock } from '../../src/system/clock.ts';
import { ask, connect, until } from './origin-client.ts';

let room: WaitingRoom;
let port: number;
const services: Server[] = [];

/** The next service, or the one before. */
async function serve(listener: RequestListener): Promise<Server> {
  const server = createHttpServer(listener);
  services.push(server);
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  return server;
}
const end = (server: Server) =>
  new Promise<void>((resolve) => {
    server.closeAllConnections();
    server.close(() => resolve());
  });
const isOpen = () =>
  connect(port).then(
    ({ socket }) => socket.destroy() !== undefined,
    () => false,
  );

beforeEach(async () => {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  ({ port } = probe.address() as AddressInfo);
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  room = new WaitingRoom(systemClock());
  room.keep({ host: '127.0.0.1', port });
});
afterEach(async () => {
  room.release();
  for (const server of services.splice(0)) await end(server);
});

test('who asks meanwhile waits, and gets what the next service answers to the same request', async () => {
  room.open();
  await until(isOpen);
  const asked = ask(port, '/live/match/media.m3u8?_HLS_msn=7', { accept: 'x/y' });
  await until(() => room.waiting === 1);
  room.yield();
  let seen: { url: string | undefined; headers: IncomingHttpHeaders } | undefined;
  await serve(({ url, headers }, response) => {
    seen = { url, headers };
    response.writeHead(200, { etag: '"1"', 'content-length': '5' }).end('media');
  });
  room.release();
  const { status, headers, body } = await asked;
  expect([status, headers.etag, body.toString()]).toEqual([200, '"1"', 'media']);
  expect(seen).toMatchObject({ url: '/live/match/media.m3u8?_HLS_msn=7', headers: { accept: 'x/y' } });
});

test.each([
  ['Via', 'GET', { via: '1.1 varnish' }],
  ['X-Forwarded-For', 'GET', { 'x-forwarded-for': '192.0.2.1' }],
  ['Forwarded', 'GET', { forwarded: 'for=192.0.2.1' }],
  ['CDN-Loop', 'GET', { 'cdn-loop': 'cdn.example' }],
  ['another method', 'HEAD', {}],
])('a request with %s is cut off at once: a cache has its own copy', async (_what, method, headers) => {
  room.open();
  await until(isOpen);
  await expect(ask(port, '/live/match/media.m3u8', headers, method)).rejects.toThrow('socket hang up');
});

test('a connection has one request that waits: who sends more is cut off, and nothing of them is kept', async () => {
  room.open();
  await until(isOpen);
  const { socket, closed } = await connect(port);
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1000));
  await closed;
  await until(() => room.waiting === 0);
});

test('a GET that announces a body, or an upgrade, is passed on without', async () => {
  room.open();
  await until(isOpen);
  const { socket, received, closed } = await connect(port);
  socket.write(`GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTE: trailers\r\n\r\nhello`);
  await until(() => room.waiting === 1);
  room.yield();
  let seen: IncomingHttpHeaders = {};
  await serve(({ headers }, response) => {
    seen = headers;
    response.end('whole');
  });
  room.release();
  await closed;
  expect(received()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*whole/);
  expect(Object.keys(seen).toSorted()).toEqual(['connection', 'host']);
});

test('it opens as soon as the service has let go of the port', async () => {
  const former = await serve((_request, response) => response.end('former'));
  room.open();
  expect((await ask(port, '/')).body.toString()).toBe('former');
  await end(former);
  await until(isOpen);
  const asked = ask(port, '/');
  await until(() => room.waiting === 1);
  room.yield();
  await serve((_request, response) => response.end('next'));
  room.release();
  expect((await asked).body.toString()).toBe('next');
});

test('a body that is cut off looks cut off', async () => {
  room.open();
  await until(isOpen);
  const asked = ask(port, '/');
  await until(() => room.waiting === 1);
  room.yield();
  await serve((_request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('half');
    setImmediate(() => response.destroy());
  });
  room.release();
  await expect(asked).rejects.toThrow();
});

test('who has gone is not asked for, and without a port there is no room', async () => {
  room.open();
  await until(isOpen);
  const { socket, closed } = await connect(port);
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(() => room.waiting === 1);
  socket.destroy();
  await closed;
  await until(() => room.waiting === 0);
  const asked = ask(port, '/live');
  await until(() => room.waiting === 1);
  room.yield();
  const urls: (string | undefined)[] = [];
  await serve(({ url }, response) => {
    urls.push(url);
    response.end();
  });
  room.release();
  await asked;
  expect(urls).toEqual(['/live']);
  const none = new WaitingRoom(systemClock());
  none.open();
  none.yield();
  expect((await ask(port, '/')).status).toBe(200);
});

test('who had connected and asks when the next service is there gets its answer too', async () => {
  room.open();
  await until(isOpen);
  const { socket, received, closed } = await connect(port);
  socket.write('GET /late HTTP/1.1\r\n');
  const first = ask(port, '/first');
  await until(() => room.waiting === 1);
  room.yield();
  await serve(({ url }, response) => response.end(url));
  room.release();
  expect((await first).body.toString()).toBe('/first');
  socket.write('Host: x\r\n\r\n');
  await closed;
  expect(received()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\/late/);
});

test('the port is asked of who keeps it; where nobody does, or nobody answers, nothing is waited for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gap-'));
  expect(await takeHttpPort(folder)).toBeUndefined();
  const said: string[] = [];
  let answers = true;
  const keeper = createServer((socket) => {
    socket.setEncoding('utf8').on('data', (text: string) => {
      said.push(text);
      if (answers) socket.write('yielded\n');
    });
  });
  await new Promise<void>((resolve) => keeper.listen(join(folder, HANDOVER_SOCKET), resolve));
  (await takeHttpPort(folder))?.taken();
  await until(() => said.length === 2);
  expect(said).toEqual(['{"kind":"http-yield"}\n', '{"kind":"http-taken"}\n']);
  answers = false;
  expect(await takeHttpPort(folder)).toBeUndefined();
  await new Promise<void>((resolve) => keeper.close(() => resolve()));
  rmSync(folder, { recursive: true, force: true });
});
