// One side of the waiters bench, in a process of its own: `origin` or `bare` serve, `viewers` ask. Driven over IPC.
import { createConnection, createServer, type Socket } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { openTestOrigin } from '../e2e/origin-client.ts';
import { FakeChannel } from '../fakes/channel-view.ts';

/** What the driver may say, and what is answered. */
export type Order =
  | {
      readonly kind: 'ask';
      readonly port: number;
      readonly count: number;
      readonly round: number;
      readonly bytes: number;
    }
  | { readonly kind: 'expect'; readonly round: number; readonly count: number }
  | { readonly kind: 'release'; readonly round: number }
  | { readonly kind: 'settle' };
export type Word =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'waiting'; readonly rssBytes: number }
  | { readonly kind: 'released'; readonly startUs: number }
  | { readonly kind: 'settled'; readonly blockedMs: number }
  | { readonly kind: 'asked' }
  | { readonly kind: 'received'; readonly lastUs: number };

const say = (word: Word): void => {
  process.send?.(word);
};
const nowUs = (): number => Number(process.hrtime.bigint() / 1000n);
const pathOf = (round: number): string => `/live/match/a128/g1/900000001.${round}.m4s`;
const partOf = (round: number) => ({ kind: 'part', track: 'a128', gen: 'g1', number: 900000001, part: round }) as const;

interface Side {
  readonly port: number;
  /** Requests held now. */
  waiting(): number | Promise<number>;
  release(round: number): void;
  expect(round: number): void;
}

async function originSide(body: Buffer): Promise<Side> {
  const channel = new FakeChannel();
  channel.holdMs = 60_000;
  const origin = await openTestOrigin([channel]);
  return {
    port: origin.port,
    waiting: () => origin.count('http_waiting_requests'),
    expect: (round) => channel.setMedia(partOf(round), { kind: 'pending', key: String(round) }),
    release(round) {
      channel.setMedia(partOf(round), body);
      channel.wake(String(round));
    },
  };
}

/** The least that can be done: one write of ready bytes to each socket. */
async function bareSide(answer: Buffer): Promise<Side> {
  const sockets = new Set<Socket>();
  let waiting = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('data', () => {
      waiting += 1;
    });
    socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    waiting: () => waiting,
    expect() {
      waiting = 0;
    },
    release() {
      for (const socket of sockets) socket.write(answer);
    },
  };
}

async function serve(side: Side): Promise<void> {
  // How long the loop serves nobody else, also in what is left to do when the last byte is out.
  const delay = monitorEventLoopDelay({ resolution: 1 });
  process.on('message', async (order: Order) => {
    if (order.kind === 'expect') {
      side.expect(order.round);
      say({ kind: 'listening', port: side.port });
      while ((await side.waiting()) < order.count) await new Promise((resolve) => setTimeout(resolve, 20));
      global.gc?.();
      say({ kind: 'waiting', rssBytes: process.memoryUsage().rss });
      delay.enable();
      delay.reset();
    }
    if (order.kind === 'release') {
      const startUs = nowUs();
      side.release(order.round);
      say({ kind: 'released', startUs });
    }
    if (order.kind === 'settle') {
      await new Promise((resolve) => setTimeout(resolve, 500));
      delay.disable();
      say({ kind: 'settled', blockedMs: delay.max / 1e6 });
    }
  });
  say({ kind: 'listening', port: side.port });
}

/** Asks on every socket of the side, opened on the first round; `bytes` is what one answer has. */
function viewers(): void {
  const sockets: Socket[] = [];
  let left = 0;
  let bytes = 0;
  let lastUs = 0;
  const open = (port: number): Promise<Socket> =>
    new Promise((resolve, reject) => {
      let received = 0;
      const socket = createConnection({
        port,
        host: '127.0.0.1',
        noDelay: true,
        onread: {
          buffer: SHARED,
          callback(size) {
            received += size;
            if (received < bytes) return true;
            received = 0;
            left -= 1;
            if (left === 0) {
              lastUs = nowUs();
              say({ kind: 'received', lastUs });
            }
            return true;
          },
        },
      });
      socket.once('connect', () => resolve(socket));
      socket.once('error', reject);
    });
  process.on('message', async (order: Order) => {
    if (order.kind !== 'ask') return;
    bytes = order.bytes;
    left = order.count;
    while (sockets.length < order.count) {
      const some = Math.min(200, order.count - sockets.length);
      sockets.push(...(await Promise.all(Array.from({ length: some }, () => open(order.port)))));
    }
    const request = `GET ${pathOf(order.round)} HTTP/1.1\r\nHost: edge.example\r\nUser-Agent: bench\r\n\r\n`;
    for (const socket of sockets) socket.write(request);
    say({ kind: 'asked' });
  });
}
const SHARED = Buffer.alloc(64 * 1024);

const [role = '', size = '0'] = process.argv.slice(2);
if (role === 'origin') await serve(await originSide(Buffer.alloc(Number(size), 7)));
else if (role === 'bare') await serve(await bareSide(Buffer.alloc(Number(size), 7)));
else viewers();
