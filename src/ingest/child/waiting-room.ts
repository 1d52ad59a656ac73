/**
 * The origin's port while there is no service: who asks meanwhile waits, and is given what the next service answers.
 * It never makes an answer, and never stands in for an edge's origin: a cache is cut off at once, as if nobody listened, and serves
 * what it keeps. Invariant: bounded, and the port is free from the moment `yield` returns.
 */
import {
  request as ask,
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import type { Clock } from '../../system/clock.ts';
import { reachableHost } from '../../system/reachable-host.ts';
import type { HttpPort } from '../link-messages.ts';

/** The service that ends may not have let go of its port yet. */
const TRY_EVERY_MS = 2;
const TRY_FOR_MS = 3000;
/** Of connections; each has one request. */
const MAX_WAITING = 5000;
/** What proxies say of themselves or of whom they ask for: RFC 9110 7.6.3, RFC 7239, RFC 8586, and custom. */
const OF_PROXIES = ['via', 'forwarded', 'x-forwarded-for', 'cdn-loop'];
/** A GET has none, and is passed on without. */
const OF_BODIES = ['content-length', 'transfer-encoding', 'expect', 'upgrade', 'te', 'trailer'];

interface Waiting {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export class WaitingRoom {
  readonly #clock: Clock;
  #port: HttpPort | undefined;
  #server: Server | undefined;
  readonly #waiting = new Map<Socket, Waiting>();
  /** There is a service: who still comes over a connection of before need not wait. */
  #isServed = true;
  #cancelTry: () => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Where the service listens; undefined: nobody is to wait for it. */
  keep(port: HttpPort | undefined): void {
    this.#port = port;
  }

  /** The service is gone, or about to go. */
  open(): void {
    if (this.#server !== undefined || this.#port === undefined) return;
    const server = createServer((request, response) => this.#take({ request, response }));
    server.maxConnections = MAX_WAITING;
    // Of what is said once it listens: a descriptor too many. It goes on with the next connection.
    server.once('listening', () => server.on('error', () => undefined));
    server.on('clientError', (_error, socket) => socket.destroy());
    this.#server = server;
    this.#isServed = false;
    this.#listen(server, this.#port, TRY_FOR_MS);
  }

  /** The next service wants the port. */
  yield(): void {
    this.#cancelTry();
    // http.Server's own would cut off who has connected and not asked yet.
    if (this.#server !== undefined) NetServer.prototype.close.call(this.#server);
    this.#server = undefined;
  }

  /** The next service has the port: who waits is given its answers. */
  release(): void {
    this.yield();
    this.#isServed = true;
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const one of all) this.#pass(one);
  }

  #listen(server: Server, { host, port }: HttpPort, leftMs: number): void {
    server.once('error', () => {
      if (this.#server !== server || server.listening) return;
      if (leftMs <= 0) this.yield();
      else
        this.#cancelTry = this.#clock.after(TRY_EVERY_MS, () =>
          this.#listen(server, { host, port }, leftMs - TRY_EVERY_MS),
        );
    });
    server.listen(port, host);
  }

  #take(one: Waiting): void {
    const { headers, method, socket } = one.request;
    const isOfPlayer = method === 'GET' && OF_PROXIES.every((field) => headers[field] === undefined);
    // No player asks again over a connection before it has its answer (pipelining).
    if (!isOfPlayer || this.#waiting.has(socket)) {
      socket.destroy();
      return;
    }
    if (this.#isServed) {
      this.#pass(one);
      return;
    }
    this.#waiting.set(socket, one);
    socket.once('close', () => this.#waiting.delete(socket));
  }

  /** Nothing that a stranger sends may end this process: it has the publishers. */
  #pass(one: Waiting): void {
    try {
      this.#ask(one);
    } catch {
      one.request.socket.destroy();
    }
  }

  #ask({ request, response }: Waiting): void {
    const { host = '', port } = this.#port ?? {};
    const headers: OutgoingHttpHeaders = { ...request.headers, connection: 'close' };
    for (const field of OF_BODIES) delete headers[field];
    const service = `http://${reachableHost(host)}:${port}`;
    const asked = ask(service, { path: request.url, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      // A body that is cut has to look cut: the response is destroyed with it.
      pipeline(answer, response, () => undefined);
    });
    asked.on('error', () => response.destroy());
    response.once('close', () => asked.destroy());
    asked.end();
  }
}
