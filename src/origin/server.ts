/**
 * The origin's one node:http server: limits and timeouts, the way of a request, opening and closing.
 * It never knows how an answer looks. Invariant: manifests and media go to the media handler, all else to the express
 * app; closing answers who waits, finishes bodies and leaves no socket.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ChannelDirectory } from '../channel/view.ts';
import type { Clock } from '../system/clock.ts';
import { messageOf, ServiceError } from '../system/errors.ts';
import type { Logger } from '../system/log.ts';
import type { Metrics } from '../system/metrics.ts';
import { type AccessLog, createAccessLog } from './access-log.ts';
import { parseAddress } from './address.ts';
import { createApp } from './app.ts';
import { type Connections, trackConnections } from './connections.ts';
import type { ProxyTrust } from './hops.ts';
import { Load, type LoadLimits } from './load.ts';
import { createGatekeeper, type Gatekeeper, type OriginLock } from './lock.ts';
import { createMediaHandler } from './media-handler.ts';
import { createReply, type Exchange, type Reply } from './reply.ts';
import { openTurns, type Turns } from './turns.ts';
import { openWaiters } from './waiters.ts';
import { answerWireFaults } from './wire-faults.ts';

export interface OriginLimits extends LoadLimits {
  /** Requests held for objects to come, growing ones included; over it 503, for playlists from four fifths on. */
  readonly waiters: number;
  /** Open connections; over it new ones are dropped, and holds and playlists get 503 from four fifths on. */
  readonly connections: number;
  /** Bytes of bodies that clients have not taken yet; over it 503, for holds and playlists from four fifths on. */
  readonly bytesInFlight: number;
  /** Requests under way on one connection; over it 503. CDNs do not pipeline. */
  readonly pipelined: number;
  /** Request line and header fields in bytes; over it 431. Holds a 64 kB query, which then gets its 414. */
  readonly headerBytes: number;
  /** A client that takes no byte of its answer for this long is cut off. */
  readonly stallMs: number;
  /** Longest time one body may take in all. */
  readonly bodyMs: number;
  /** Longest time a whole request may take to arrive, after which it gets 408. */
  readonly requestMs: number;
  /** Longer than the keep-alive of CDNs (60 s), so that it is they who close. */
  readonly keepAliveMs: number;
  /** How long bodies of Segments under way may go on after drain: a Segment, and what it may be late. */
  readonly growMs: number;
  /** How long bodies may go on after drain or close. */
  readonly closeMs: number;
}

const ORIGIN_LIMITS: OriginLimits = {
  waiters: 16_000,
  connections: 16_000,
  bytesInFlight: 4 * 1024 ** 3,
  pipelined: 32,
  headerBytes: 96 * 1024,
  stallMs: 30_000,
  bodyMs: 120_000,
  requestMs: 20_000,
  keepAliveMs: 65_000,
  growMs: 2800,
  closeMs: 4000,
};

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
}

export interface Origin {
  readonly port: number;
  /** Takes nobody new, answers who waits with 503, and resolves when no Segment is being handed out as it grows, within growMs. */
  drain(): Promise<void>;
  /** Lets bodies finish until closeMs after the first call of either, then cuts them and says how many. May be called again. */
  close(): Promise<void>;
}

/** Listens; rejects with ServiceError PORT_IN_USE, PORT_FORBIDDEN or CONFIG_INVALID (a host that is not ours). */
export async function openOrigin(options: OriginOptions): Promise<Origin> {
  const { clock, log, metrics, host } = options;
  const limits = { ...ORIGIN_LIMITS, ...options.limits };
  const server = createLimitedServer(limits);
  const connections = trackConnections(server, clock, (count) => metrics.connections.set(count));
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
  const accessLog = accessLogOf(options, gatekeeper);
  const reply = createReply({ clock, log, metrics, connections, bodyMs: limits.bodyMs, load, accessLog });
  const route = createRoute({ ...options, connections, reply, limits, turns, waiters, load, gatekeeper, accessLog });
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
  const port = await listen(server, host, options.port);
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

function createLimitedServer(limits: OriginLimits): Server {
  const server = createServer({
    maxHeaderSize: limits.headerBytes,
    // Node's own 400 for a missing Host has no cache policy; the route checks instead.
    requireHostHeader: false,
    joinDuplicateHeaders: true,
    keepAliveTimeout: limits.keepAliveMs,
    headersTimeout: limits.requestMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: Math.min(5000, limits.requestMs),
  });
  server.timeout = limits.stallMs;
  server.maxConnections = limits.connections;
  return server;
}

function accessLogOf({ accessLog, clock }: OriginOptions, { hops }: Gatekeeper): AccessLog | undefined {
  if (accessLog === undefined) return undefined;
  return createAccessLog({
    nowMs: () => clock.nowMs(),
    addressOf: (request) => parseAddress(request.url ?? ''),
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
}

function createRoute(options: RouteOptions) {
  const { connections, reply, log, limits, load, gatekeeper, accessLog } = options;
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
    const address = parseAddress(request.url ?? '');
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
  return (request: IncomingMessage, response: ServerResponse): void => {
    const exchange: Exchange = { request, response };
    accessLog?.begin(request, response);
    if (connections.enter(request, response) > limits.pipelined) {
      load.shed('other', 'pipelined');
      reply.problem(exchange, 'other', 'overloaded', ['Connection', 'close']);
      return;
    }
    try {
      answer(exchange);
    } catch (thrown) {
      log.error({ error: messageOf(thrown) }, 'request failed');
      reply.problem(exchange, 'other', 'internal');
    }
  };
}

/** RFC 9112 3.2: a server MUST answer 400 to an HTTP/1.1 request without Host, or with more than one. */
function hasOneHost(request: IncomingMessage): boolean {
  const { host } = request.headers;
  if (host === undefined) return request.httpVersion === '1.0';
  return !host.includes(',');
}

/** Connections that the kernel keeps until they are accepted: a spike must not be sent into SYN retries (Node: 511; Linux caps it at somaxconn). */
const BACKLOG = 4096;

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(listenError(error, host, port));
    server.once('error', onError);
    server.listen(port, host, BACKLOG, () => {
      server.off('error', onError);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): ServiceError {
  const details = { host, port };
  if (error.code === 'EADDRINUSE') {
    return new ServiceError('PORT_IN_USE', `HTTP port ${port} is in use.`, {
      hint: 'Choose another with --port, or 0 for a free one.',
      details,
      cause: error,
    });
  }
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return new ServiceError('PORT_FORBIDDEN', `HTTP port ${port} may not be opened by this user.`, {
      hint: 'Choose a port above 1023 with --port.',
      details,
      cause: error,
    });
  }
  return new ServiceError('CONFIG_INVALID', `Cannot listen on ${host}:${port}: ${error.message}.`, {
    hint: 'Set the HTTP host to an address of this machine.',
    details,
    cause: error,
  });
}
