/**
 * The open connections of the origin: what is under way on each, who wants to know when a client goes, and the end of
 * all of them. It never reads or writes a byte of HTTP. Invariant: nothing is kept of a socket that is closed, and a
 * body under way is never cut by closing the server. (http.Server.close() of Node 20 destroys sockets whose response is
 * ended but not yet flushed, so the listening socket is closed by net.Server's close and the rest is done here.)
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import type { Clock } from '../system/clock.ts';

export interface Connections {
  /** Notes a request; returns how many are now under way on its connection (more than one: pipelining). */
  enter(request: IncomingMessage, response: ServerResponse): number;
  /** Calls when the client of this request goes; the returned function forgets the wish. */
  onGone(request: IncomingMessage, call: () => void): () => void;
  /** Open connections. */
  readonly count: number;
  /** Requests under way on a connection. */
  underWay(socket: Socket): number;
  /** True from the first call of close on. */
  readonly isClosing: boolean;
  /** Stops accepting, ends each connection when its bodies are out, and at the latest after deadlineMs. */
  close(deadlineMs: number): Promise<void>;
}

interface Connection {
  underWay: number;
  readonly whenGone: Set<() => void>;
}

class OpenConnections implements Connections {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #open = new Map<Socket, Connection>();
  #closed: Promise<void> | undefined;

  readonly #onCount: (count: number) => void;

  constructor(server: Server, clock: Clock, onCount: (count: number) => void) {
    this.#server = server;
    this.#clock = clock;
    this.#onCount = onCount;
    server.on('connection', (socket: Socket) => this.#connection(socket));
  }

  get isClosing(): boolean {
    return this.#closed !== undefined;
  }

  enter(request: IncomingMessage, response: ServerResponse): number {
    const { socket } = request;
    const connection = this.#connection(socket);
    connection.underWay += 1;
    response.once('close', () => {
      connection.underWay -= 1;
      if (this.isClosing && connection.underWay === 0) socket.destroySoon();
    });
    return connection.underWay;
  }

  onGone(request: IncomingMessage, call: () => void): () => void {
    const { whenGone } = this.#connection(request.socket);
    whenGone.add(call);
    return () => {
      whenGone.delete(call);
    };
  }

  get count(): number {
    return this.#open.size;
  }

  underWay(socket: Socket): number {
    return this.#open.get(socket)?.underWay ?? 0;
  }

  close(deadlineMs: number): Promise<void> {
    this.#closed ??= this.#close(deadlineMs);
    return this.#closed;
  }

  async #close(deadlineMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      NetServer.prototype.close.call(this.#server, () => resolve());
    });
    for (const [socket, { underWay }] of this.#open) {
      if (underWay === 0) socket.destroySoon();
    }
    const stopTimer = this.#clock.after(deadlineMs, () => {
      for (const socket of this.#open.keys()) socket.destroy();
    });
    await closed;
    stopTimer();
    // No socket is left to harm; this ends the timer by which http.Server looks for late requests.
    this.#server.close();
  }

  #connection(socket: Socket): Connection {
    const known = this.#open.get(socket);
    if (known !== undefined) return known;
    const connection: Connection = { underWay: 0, whenGone: new Set() };
    if (socket.destroyed) return connection;
    this.#open.set(socket, connection);
    this.#onCount(this.#open.size);
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#onCount(this.#open.size);
      for (const call of connection.whenGone) call();
      connection.whenGone.clear();
    });
    return connection;
  }
}

/** Follows every connection that the server accepts from now on; onCount is told how many there are after each change. */
export function trackConnections(server: Server, clock: Clock, onCount: (count: number) => void): Connections {
  return new OpenConnections(server, clock, onCount);
}
