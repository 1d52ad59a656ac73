// Opens an origin over fake Channels, and asks it over real sockets: by node:http, and byte by byte.
import { type IncomingHttpHeaders, request } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { expect } from 'vitest';
import type { ChannelView } from '../../src/channel/view.ts';
import type { OriginLimits } from '../../src/origin/limits.ts';
import { type Origin, type OriginOptions, openOrigin } from '../../src/origin/server.ts';
import { systemClock } from '../../src/system/clock.ts';
import { openLog } from '../../src/system/log.ts';
import { type Metrics, openMetrics } from '../../src/system/metrics.ts';
import { fakeDirectory } from '../fakes/channel-view.ts';

export interface TestOrigin extends Origin {
  readonly metrics: Metrics;
  /** Value of a counter or gauge, 0 when it has no such labels. */
  count(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
}

export async function openTestOrigin(
  channels: readonly ChannelView[],
  limits: Partial<OriginLimits> = {},
  guards: Partial<Pick<OriginOptions, 'port' | 'lock' | 'proxies' | 'accessLog' | 'log' | 'listener'>> = {},
): Promise<TestOrigin> {
  const metrics = openMetrics();
  const common = { host: '127.0.0.1', port: 0, clock: systemClock(), log: openLog('silent'), metrics };
  const options = { ...common, limits, ...guards };
  const origin = await openOrigin({ ...options, directory: fakeDirectory(channels) });
  return {
    port: origin.port,
    drain: () => origin.drain(),
    close: () => origin.close(),
    metrics,
    async count(name, labels = {}) {
      // Answers are counted when their turn of the event loop is over: one from a timer can be read by its client before that.
      await setImmediate();
      const metric = await metrics.registry.getSingleMetric(`pitchside_${name}`)?.get();
      const values = metric?.values ?? [];
      const of = (key: string, each: Readonly<Record<string, unknown>>) => String(each[key]);
      return values
        .filter((each) => Object.entries(labels).every(([key, value]) => of(key, each.labels) === value))
        .reduce((sum, each) => sum + each.value, 0);
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly rawHeaders: readonly string[];
}

export function ask(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = 'GET',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, headers, method, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          rawHeaders: response.rawHeaders,
          body: Buffer.concat(chunks),
        }),
      );
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** A socket that keeps what comes; resolves when connected. */
export function connect(port: number): Promise<{ socket: Socket; received: () => string; closed: Promise<void> }> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = createConnection({ host: '127.0.0.1', port });
    const closed = new Promise<void>((done) => socket.once('close', () => done()));
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      received += text;
    });
    socket.on('error', reject);
    socket.once('connect', () => resolve({ socket, received: () => received, closed }));
  });
}

/** Sends bytes as they are and answers all that came until the other side closed. */
export async function send(port: number, bytes: string | Buffer): Promise<string> {
  const { socket, received, closed } = await connect(port);
  socket.write(bytes);
  await closed;
  return received();
}

/** Waits until `check` answers true, at most 5 s. */
export async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  await expect.poll(check, { timeout: 5000, interval: 5 }).toBe(true);
}
