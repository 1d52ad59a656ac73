/**
 * The control port: opens, bounds and closes the socket of the control routes. Other port, other trust than the origin.
 * It never serves media. Invariant: after close() resolves no connection and no listener is left.
 */
import { createServer, type Server, STATUS_CODES } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { NoticeBoard } from '../channel/notices.ts';
import type { OperatedChannels } from '../channel/operation.ts';
import type { Clock } from '../system/clock.ts';
import { type ErrorCode, messageOf, ServiceError } from '../system/errors.ts';
import type { Logger } from '../system/log.ts';
import type { Metrics } from '../system/metrics.ts';
import type { PageInfo } from './api.ts';
import { EventStream } from './event-stream.ts';
import type { FigureMetrics } from './figures.ts';
import type { Operator } from './operator.ts';
import { readPageAssets } from './page-assets.ts';
import { controlRoutes } from './routes.ts';

export interface ControlOptions {
  /** Loopback unless the settings say otherwise. */
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Of who is not on this machine; undefined: nobody else may use the API. */
  readonly token?: string | undefined;
  readonly directory: OperatedChannels;
  readonly notices: Pick<NoticeBoard, 'listen'>;
  readonly operator: Operator;
  readonly metrics: Pick<Metrics, 'registry'> & FigureMetrics;
  readonly log: Logger;
  readonly clock: Clock;
  readonly pageInfo: PageInfo;
  /** Not ready any more, whatever the Channels say. */
  readonly isStopping?: () => boolean;
}

export interface ControlServer {
  readonly port: number;
  close(): Promise<void>;
}

/** More people than that do not look at one console. */
const MAX_CONNECTIONS = 256;
/** Answers are small: whoever has not taken one by then has gone. */
const CLOSE_GRACE_MS = 500;

function listenError(error: NodeJS.ErrnoException, host: string, port: number): ServiceError {
  const where = `${host}:${port}`;
  if (error.code === 'EADDRINUSE') {
    return new ServiceError('PORT_IN_USE', `the control port ${where} is in use`, {
      hint: 'Choose another with --control-port (0 picks a free one).',
      details: { host, port },
      cause: error,
    });
  }
  return new ServiceError('PORT_FORBIDDEN', `the control port ${where} cannot be opened: ${messageOf(error)}`, {
    hint: 'Choose another with --control-port, or an address of this machine.',
    details: { host, port },
    cause: error,
  });
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => reject(listenError(error, host, port));
    server.once('error', onError);
    server.listen(port, host, () => {
      server.off('error', onError);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}

/** What never became a request, in Node's words and ours. */
function wireFault(code: string | undefined): { readonly status: number; readonly message: string } {
  if (code === 'HPE_HEADER_OVERFLOW') return { status: 431, message: 'The URL or the header fields are too long.' };
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return { status: 408, message: 'The request did not arrive in time.' };
  return { status: 400, message: 'The request is not well-formed HTTP.' };
}

/** RFC 9112 9.6: the rest is read for a moment, since closing with unread bytes resets the connection and loses the answer. */
function answerWireFault(error: NodeJS.ErrnoException, socket: Duplex, clock: Clock): void {
  // The parser reports every further read of the same broken stream.
  if (socket.writableEnded) return;
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, message } = wireFault(error.code);
  const body = JSON.stringify({ code: 'HTTP_BAD_REQUEST' satisfies ErrorCode, message });
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      ...['Connection: close', 'Cache-Control: no-store', 'X-Content-Type-Options: nosniff'],
      ...['Content-Type: application/json; charset=utf-8', `Content-Length: ${Buffer.byteLength(body)}`],
      ...['', body],
    ].join('\r\n'),
  );
  socket.resume();
  const cancel = clock.after(CLOSE_GRACE_MS, () => socket.destroy());
  socket.once('close', cancel);
}

/** Opens the control port. Throws PORT_IN_USE or PORT_FORBIDDEN. */
export async function openControl(options: ControlOptions): Promise<ControlServer> {
  const { host, directory, metrics, log, clock, isStopping = () => false, ...rest } = options;
  const events = new EventStream({ directory, metrics, clock, log });
  const { token, pageInfo, operator } = rest;
  const api = { directory, log, pageInfo, events, operator, token };
  const app = controlRoutes({ ...api, metrics, isStopping, assets: readPageAssets() });
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000, keepAliveTimeout: 5_000 }, app);
  server.on('clientError', (error, socket) => answerWireFault(error, socket, clock));
  server.maxConnections = MAX_CONNECTIONS;
  const port = await listen(server, host, options.port);
  const deafen = rest.notices.listen((notice) => events.tell(notice));
  server.on('error', (error) => log.error({ error: messageOf(error) }, 'control port error'));
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        deafen();
        events.close();
        const cancel = clock.after(CLOSE_GRACE_MS, () => server.closeAllConnections());
        server.close(() => {
          cancel();
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}
