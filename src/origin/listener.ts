/**
 * The open port of the origin, before there is an origin: connections are taken and requests wait, so that a service that starts again
 * refuses nobody. It never answers. Invariant: each request that came before `open` is answered by who opened it, in the order of coming.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ServiceError } from '../system/errors.ts';
import { ORIGIN_LIMITS, type OriginLimits } from './limits.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** A socket that listens already, by its descriptor: host and port are its own then. */
  readonly fd?: number | undefined;
  /** Those not given are ORIGIN_LIMITS. */
  readonly limits?: Partial<OriginLimits> | undefined;
}

export interface OriginListener {
  readonly server: Server;
  readonly port: number;
  /** Open connections that came before `open`. */
  readonly early: ReadonlySet<Socket>;
  /** Hands out what has come so far; what comes from now on goes to the listeners of the server. */
  open(): void;
  /** Where nobody opens it: no connection is left. */
  close(): Promise<void>;
}

/** Listens; rejects with ServiceError PORT_IN_USE, PORT_FORBIDDEN or CONFIG_INVALID (a host that is not ours). */
export async function listenOrigin(options: ListenOptions): Promise<OriginListener> {
  const server = createLimitedServer({ ...ORIGIN_LIMITS, ...options.limits });
  const early = new Set<Socket>();
  const held: (readonly [IncomingMessage, ServerResponse])[] = [];
  const note = (socket: Socket): void => {
    early.add(socket);
    socket.once('close', () => early.delete(socket));
  };
  const hold = (request: IncomingMessage, response: ServerResponse): void => {
    held.push([request, response]);
  };
  server.on('connection', note);
  server.on('request', hold);
  return {
    server,
    port: await listen(server, options),
    early,
    open() {
      server.off('connection', note);
      server.off('request', hold);
      for (const [request, response] of held.splice(0))
        if (!request.socket.destroyed) server.emit('request', request, response);
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
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

/** Connections that the kernel keeps until they are accepted: a spike must not be sent into SYN retries (Node: 511; Linux caps it at somaxconn). */
const BACKLOG = 4096;

function listen(server: Server, { host, port, fd }: ListenOptions): Promise<number> {
  const at = fd === undefined ? { host, port } : { fd };
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(listenError(error, host, port));
    server.once('error', onError);
    server.listen({ ...at, backlog: BACKLOG }, () => {
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
