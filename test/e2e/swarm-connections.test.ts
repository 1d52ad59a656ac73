// The swarm's own HTTP client before servers that do what servers do: keep, close, cut, say nothing, talk nonsense.
import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type Fetched, ViewerPool } from '../../src/swarm/http-client.ts';

const options = { nowMs: () => performance.now(), isAllowed: (host: string) => host !== 'other.example' };
const servers: (Server | HttpServer)[] = [];
const pools: ViewerPool[] = [];

afterEach(async () => {
  for (const pool of pools.splice(0)) pool.close();
  for (const server of servers.splice(0)) server.close();
});

async function listening<S extends Server>(server: S): Promise<string> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function poolOf(connections: number): ViewerPool {
  const pool = new ViewerPool(options, connections);
  pools.push(pool);
  return pool;
}

const fetched = (pool: ViewerPool, url: string, keep = true) =>
  new Promise<Fetched>((resolve) => pool.get(url, keep, resolve));

/** A server of bytes: `on` is called with each request's text and its number on this connection. */
async function raw(on: (socket: Socket, request: number, connection: number) => void): Promise<string> {
  let connections = 0;
  return await listening(
    createServer((socket) => {
      connections += 1;
      const connection = connections;
      let request = 0;
      socket.on('error', () => undefined);
      socket.on('data', () => {
        request += 1;
        on(socket, request, connection);
      });
    }),
  );
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

describe('a pool of connections', () => {
  test('asks for one thing after another on kept connections, as many as it may have, and no more', async () => {
    const sockets = new Set<unknown>();
    const heads: string[] = [];
    let most = 0;
    let underWay = 0;
    const base = await listening(
      createHttpServer((request, response) => {
        sockets.add(request.socket);
        heads.push(`${request.method} ${request.url} ${request.headers.host} ${request.headers['accept-encoding']}`);
        underWay += 1;
        most = Math.max(most, underWay);
        setTimeout(() => {
          underWay -= 1;
          response.end(Buffer.alloc(300_000, 1));
        }, 20);
      }),
    );
    const pool = poolOf(2);
    const all = await Promise.all(Array.from({ length: 6 }, (_, n) => fetched(pool, `${base}/${n}?a=b`, n % 2 === 0)));
    expect(all.map(({ status, bytes, fault, body }) => [status, bytes, fault, body?.length])).toEqual(
      [0, 1, 2, 3, 4, 5].map((n) => [200, 300_000, undefined, n % 2 === 0 ? 300_000 : undefined]),
    );
    expect([sockets.size, most]).toEqual([2, 2]);
    expect(heads[0]).toBe(`GET /0?a=b ${base.slice(7)} gzip`);
    expect(all[5]!.tookMs).toBeGreaterThan(55);
  });

  test('RFC 9112 9.3.1: a kept connection that goes without a word is no failure; a new one is, and so is a second', async () => {
    const base = await raw((socket, request, connection) => {
      if (connection === 1 && request === 1) socket.write(OK);
      else if (connection === 2) socket.write(OK);
      else socket.destroy();
    });
    const pool = poolOf(1);
    expect((await fetched(pool, base)).status).toBe(200);
    expect(await fetched(pool, base)).toMatchObject({ status: 200, fault: undefined });
    expect((await fetched(pool, base)).status).toBe(200);
    const fresh = await fetched(poolOf(1), base);
    expect([fresh.status, ['CUT', 'ECONNRESET'].includes(fresh.fault ?? '')]).toEqual([0, true]);
  });

  test('an answer that is cut, nonsense, and nobody there have their names; the next request goes on', async () => {
    const base = await raw((socket, _, connection) => {
      if (connection === 1) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok');
      else if (connection === 2) socket.write('SSH-2.0-OpenSSH\r\n\r\n');
      else socket.end('HTTP/1.1 200 OK\r\n\r\nok');
    });
    const pool = poolOf(1);
    expect(await fetched(pool, base)).toMatchObject({ status: 0, fault: 'CUT', bytes: 0 });
    expect(await fetched(pool, base)).toMatchObject({ status: 0, fault: 'NOT_HTTP' });
    expect(await fetched(pool, base)).toMatchObject({ status: 200, bytes: 2, fault: undefined });
    expect(await fetched(pool, 'http://127.0.0.1:1/')).toMatchObject({ status: 0, fault: 'ECONNREFUSED' });
    expect(await fetched(pool, 'http://other.example/')).toMatchObject({ status: 0, fault: 'OTHER_HOST' });
    expect(await fetched(pool, 'ftp://127.0.0.1/')).toMatchObject({ status: 0, fault: 'OTHER_HOST' });
  });

  test('that is closed ends what is under way and what waits, once each, and opens anew', async () => {
    const base = await raw((socket, _, connection) => {
      if (connection > 1) socket.write(OK);
    });
    const pool = poolOf(1);
    let calls = 0;
    const both = Promise.all(
      [1, 2].map(
        () =>
          new Promise<Fetched>((resolve) =>
            pool.get(base, false, (one) => {
              calls += 1;
              resolve(one);
            }),
          ),
      ),
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    pool.close();
    expect((await both).map(({ fault }) => fault)).toEqual(['CLOSED', 'CLOSED']);
    expect((await fetched(pool, base)).status).toBe(200);
    expect(calls).toBe(2);
  });

  test('by name, where localhost has two addresses', async () => {
    const base = await raw((socket) => socket.write(OK));
    expect(await fetched(poolOf(1), base.replace('127.0.0.1', 'localhost'))).toMatchObject({ status: 200, bytes: 2 });
  });
});
