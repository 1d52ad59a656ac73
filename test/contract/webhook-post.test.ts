import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { postWebhook } from '../../src/notify/post.ts';
import { ManualClock } from '../fakes/manual-clock.ts';

async function receiver(status: number | undefined) {
  const server = createServer((request, response) => {
    request.resume();
    if (status !== undefined) request.on('end', () => response.writeHead(status, { Location: '/elsewhere' }).end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    asked: once(server, 'request'),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const requestTo = (url: string, clock = new ManualClock(), signal = new AbortController().signal) => ({
  ...{ url, headers: { 'content-type': 'application/json' }, body: '{}', signal, clock },
});

test('a receiver that never answers is given up after 5 s, and not before', async () => {
  const { url, asked, close } = await receiver(undefined);
  const clock = new ManualClock();
  let outcome: unknown;
  const posting = postWebhook(requestTo(url, clock)).then((is) => {
    outcome = is;
  });
  try {
    await asked;
    clock.advance(4_999);
    await new Promise(setImmediate);
    expect(outcome).toBeUndefined();
    clock.advance(1);
    await posting;
    expect(outcome).toEqual({ kind: 'failed', reason: 'no answer within 5000 ms' });
  } finally {
    close();
  }
});

test.each([
  [204, { kind: 'taken' }],
  [307, { kind: 'failed', reason: 'status 307' }],
  [500, { kind: 'failed', reason: 'status 500' }],
])('status %d is %o, and no redirect is followed', async (status, outcome) => {
  const { url, close } = await receiver(status);
  try {
    expect(await postWebhook(requestTo(url))).toEqual(outcome);
  } finally {
    close();
  }
});

test('where nobody listens the reason names the fault and not the URL', async () => {
  const { url, close } = await receiver(204);
  close();
  const outcome = await postWebhook(requestTo(`${url}?secret=s3cret`));
  expect(outcome).toEqual({ kind: 'failed', reason: 'ECONNREFUSED' });
});
