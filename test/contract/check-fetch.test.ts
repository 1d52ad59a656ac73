import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { openFetch } from '../../src/check/http-fetch.ts';

/** Answers request N of each connection with `answers[N]`; undefined resets the connection instead. */
async function serverOf(answers: readonly (string | undefined)[]) {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    let asked = 0;
    socket.on('error', () => undefined);
    socket.on('data', () => {
      const body = answers[asked];
      asked += 1;
      if (body === undefined) socket.resetAndDestroy();
      else socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    connections: () => sockets.length,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

const get = (url: string) => ({ method: 'GET', url, headers: {}, signal: new AbortController().signal }) as const;

test('RFC 9112 9.3.1: a request lost on a kept connection is sent again, once, on a new one', async () => {
  const server = await serverOf(['one']);
  const door = openFetch();
  try {
    for (let turn = 0; turn < 2; turn += 1) {
      const { status, body } = await door.fetch(get(server.url));
      expect([status, body.toString()]).toEqual([200, 'one']);
      // The connection is free for the next request only after its end was seen.
      await new Promise(setImmediate);
    }
    expect(server.connections()).toBe(2);
  } finally {
    door.close();
    server.close();
  }
});

test('a request lost on a new connection is not sent again: no answer is evidence', async () => {
  const server = await serverOf([]);
  const door = openFetch();
  try {
    await expect(door.fetch(get(server.url))).rejects.toThrow(/hang up|ECONNRESET/);
    expect(server.connections()).toBe(1);
  } finally {
    door.close();
    server.close();
  }
});
