/**
 * Answers to what never became a request: bytes that are not HTTP, fields too large, requests that arrive too slowly,
 * CONNECT. It never writes into an answer that is under way. Invariant: a refused socket is gone within a second, and
 * until then it is read, because closing with unread bytes resets the connection and loses the answer (RFC 9112 9.6).
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../system/clock.ts';
import type { Metrics } from '../system/metrics.ts';
import { lifeOf } from './access-log.ts';
import { cachePolicy } from './cache-policy.ts';
import type { Connections } from './connections.ts';
import type { Load } from './load.ts';
import { type Refusal, rawProblem } from './problems.ts';

const LINGER_MS = 1000;

export interface WireFaultOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly connections: Connections;
  readonly load: Load;
}

/** What node:http says of bytes that are no request to it. */
interface WireError extends NodeJS.ErrnoException {
  readonly rawPacket?: Buffer;
}

/** A request line of RFC 9112 3 with any token as its method (RFC 9110 9.1), and what has come behind it. */
const REQUEST_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64} [\x21-\x7e]{1,8192} HTTP\/1\.[01]\r?\n/;

/** Node's parser and timer errors as outcomes. */
function outcomeOf({ code, rawPacket }: WireError): Refusal {
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers-too-large';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'timeout';
  // RFC 9110 9.1: an unrecognized method SHOULD get 501. To node's parser every method outside of its list is broken HTTP.
  if (code === 'HPE_INVALID_METHOD' && rawPacket !== undefined && REQUEST_LINE.test(rawPacket.toString('latin1')))
    return 'not-implemented';
  return 'bad-request';
}

export function answerWireFaults(server: Server, { clock, metrics, connections, load }: WireFaultOptions): void {
  const refused = new WeakSet<Duplex>();
  const refuse = (socket: Duplex, outcome: Refusal): void => {
    // The parser reports every further read of the same broken stream.
    if (refused.has(socket)) return;
    refused.add(socket);
    if (outcome === 'timeout') load.shed('other', 'slow-request');
    const { status, cacheControl } = cachePolicy('other', outcome);
    metrics.responses.labels('other', String(status), lifeOf(cacheControl)).inc();
    socket.end(rawProblem(outcome, new Date(clock.nowMs())));
    socket.resume();
    const stopTimer = clock.after(LINGER_MS, () => socket.destroy());
    socket.once('close', stopTimer);
  };
  server.on('clientError', (error: WireError, stream: Duplex) => {
    const socket = stream as Socket;
    if (refused.has(socket)) return;
    if (!socket.writable || error.code === 'ECONNRESET' || connections.underWay(socket) > 0) {
      socket.destroy();
      return;
    }
    refuse(socket, outcomeOf(error));
  });
  server.on('connect', (_request, socket) => {
    socket.on('error', () => socket.destroy());
    refuse(socket, 'method');
  });
}
