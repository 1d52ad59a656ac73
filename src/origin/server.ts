/**
 * The origin's one node:http server: limits and timeouts, the way of a request, opening and closing.
 * It never knows how an answer looks. Invariant: manifests and media go to the media handler, all else to the express
 * app; closing answers who waits, finishes bodies and leaves no socket.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ChannelDirectory } from '../channel/view.ts';
import type { Clock } from '../system/clock.ts';
import { messageOf } from '../system/errors.ts';
import type { Logger } from '../system/log.ts';
import type { Metrics } from '../system/metrics.ts';
import { type AccessLog, createAccessLog } from './access-log.ts';
import { addressBook, type OriginAddress } from './address.ts';
import { createApp } from './app.ts';
import { Arrivals } from './arrivals.ts';
import { type Connections, trackConnections } from './connections.ts';
import type { ProxyTrust } from './hops.ts';
import { ORIGIN_LIMITS, type OriginLimits } from './limits.ts';
import { listenOrigin, type OriginListener } from './listener.ts';
import { Load } from './load.ts';
import { createGatekeeper, type Gatekeeper, type OriginLock } from './lock.ts';
import { createMediaHandler } from './media-handler.ts';
import { createReply, type Exchange, type Reply } from './reply.ts';
import { openTurns, type Turns } from './turns.ts';
import { openWaiters } from './waiters.ts';
import { answerWireFaults } from './wire-faults.ts';

export interface OriginOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly directory: ChannelDirectory;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Those not given are ORIGIN_LIMITS. */
  readonly limits?: Partial<OriginLimits> | undefined;
  /** Who may ask; undefined: everybody. */
  readonly lock?: OriginLock | undefined;
  /** Whose word about addresses counts; undefined: nobody's. */
  readonly proxies?: ProxyTrust | undefined;
  /** Takes the lines of the access log; undefined: none are made. */
  readonly accessLog?: { write(line: string): void } | undefined;
  /** Open already, on host and port and with these limits; undefined: it is opened here. */
  readonly listener?: OriginListener | undefined;
}

export interface Origin {
  readonly port: number;
  /** Takes nobody new, answers who waits with 503, and resolves when no Segment is being handed out as it grows, within growMs. */
  drain(): Promise<void>;
  /** Lets bodies finish until closeMs after the first call of either, then cuts them and says how many. May be called again. */
  close(): Promise<void>;
}

/** Listens where nobody has before; rejects as listenOrigin does. */
export async function openOrigin(options: OriginOptions): Promise<Origin> {
  const { clock, log, metrics } = options;
  const limits = { ...ORIGIN_LIMITS, ...options.limits };
  const listener = options.listener ?? (await listenOrigin(options));
  const { server, port, early } = listener;
  const connections = trackConnections(server, early, clock, (count) => metrics.connections.set(count));
  const turns = openTurns();
  const waiters = openWaiters({ clock, turns, limit: limits.waiters, onCount: (count) => metrics.waiting.set(count) });
  const load = new Load({
    limits,
    waiting: () => waiters.count,
    connected: () => connections.count,
    onBytes: (bytes) => metrics.bytesInFlight.set(bytes),
    onShed: (kind, reason) => metrics.shed.labels(kind, reason).inc(),
  });
  const gatekeeper = createGatekeeper(options);
  const addressOf = addressBook();
  const accessLog = accessLogOf(options, gatekeeper, addressOf);
  const reply = createReply({ clock, log, metrics, connections, bodyMs: limits.bodyMs, load, accessLog });
  const route = createRoute({
    ...options,
    connections,
    reply,
    limits,
    turns,
    waiters,
    load,
    gatekeeper,
    accessLog,
    addressOf,
  });
  server.on('request', route);
  // A request that expects 100-continue or anything else is answered at once: no body is ever wanted (RFC 9110 10.1.1).
  server.on('checkContinue', route);
  server.on('checkExpectation', route);
  server.on('timeout', (socket: Socket) => {
    const isBusy = connections.underWay(socket) > 0;
    if (isBusy && socket.writableLength === 0) return;
    if (isBusy) load.shed('other', 'slow-reader');
    socket.destroy();
  });
  server.on('drop', () => load.shed('other', 'connections'));
  answerWireFaults(server, { clock, metrics, connections, load });
  listener.open();
  let closed: Promise<void> | undefined;
  return {
    port,
    async drain() {
      const drained = connections.drain(limits.growMs);
      waiters.endHolds();
      await drained;
    },
    async close() {
      closed ??= connections.close(limits.closeMs).then((cut) => {
        if (cut > 0) log.warn({ cut }, 'slow readers were cut off in the middle of their answer');
      });
      waiters.closeAll();
      await closed;
    },
  };
}

function accessLogOf(
  { accessLog, clock }: OriginOptions,
  { hops }: Gatekeeper,
  addressOf: (target: string) => OriginAddress,
): AccessLog | undefined {
  if (accessLog === undefined) return undefined;
  return createAccessLog({
    nowMs: () => clock.nowMs(),
    addressOf: (request) => addressOf(request.url ?? ''),
    clientOf: (request) => hops(request).at(-1),
    write: (line) => accessLog.write(line),
  });
}

interface RouteOptions extends Omit<OriginOptions, 'limits' | 'accessLog'> {
  readonly connections: Connections;
  readonly reply: Reply;
  readonly turns: Turns;
  readonly waiters: ReturnType<typeof openWaiters>;
  readonly limits: OriginLimits;
  readonly load: Load;
  readonly gatekeeper: Gatekeeper;
  readonly accessLog: AccessLog | undefined;
  readonly addressOf: (target: string) => OriginAddress;
}

function createRoute(options: RouteOptions) {
  const { connections, reply, log, limits, load, gatekeeper, accessLog, addressOf } = options;
  const answerObject = createMediaHandler(options);
  const app = createApp(options);
  const answer = (exchange: Exchange): void => {
    const { request, response } = exchange;
    if (!hasOneHost(request)) {
      reply.problem(exchange, 'other', 'bad-request');
      return;
    }
    if (!gatekeeper.admits(request)) {
      reply.problem(exchange, 'other', 'locked');
      return;
    }
    const address = addressOf(request.url ?? '');
    if (address.kind === 'too-long') {
      reply.problem(exchange, 'other', 'too-long');
      return;
    }
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (isRead && (address.kind === 'text' || address.kind === 'media')) {
      const { kind } = address.name;
      const why = load.refuses(address.kind, kind);
      if (why === undefined) answerObject(exchange, address);
      else reply.problem(exchange, kind, 'overloaded', why === 'connections' ? ['Connection', 'close'] : []);
      return;
    }
    app(request, response);
  };
  const arrivals = new Arrivals((exchange: Exchange): void => {
    try {
      answer(exchange);
    } catch (thrown) {
      log.error({ error: messageOf(thrown) }, 'request failed');
      reply.problem(exchange, 'other', 'internal');
    }
  });
  return (request: IncomingMessage, response: ServerResponse): void => {
    const exchange: Exchange = { request, response };
    accessLog?.begin(request, response);
    if (connections.enter(request, response) <= limits.pipelined) {
      arrivals.add(exchange);
      return;
    }
    load.shed('other', 'pipelined');
    reply.problem(exchange, 'other', 'overloaded', ['Connection', 'close']);
  };
}

/** RFC 9112 3.2: a server MUST answer 400 to an HTTP/1.1 request without Host, or with more than one. */
function hasOneHost(request: IncomingMessage): boolean {
  const { host } = request.headers;
  if (host === undefined) return request.httpVersion === '1.0';
  return !host.includes(',');
}
