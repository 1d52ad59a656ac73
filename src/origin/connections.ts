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
  /** Notes a body that takes as long as its Segment. */
  growing(response: ServerResponse): void;
  /** True from the first call of drain or close on. */
  readonly isClosing: boolean;
  /** Stops accepting, and ends each connection when its bodies are out. Resolves when no body grows, at the latest after limitMs. */
  drain(limitMs: number): Promise<void>;
  /** Resolves when no connection is left: deadlineMs after drain at the latest, with the number of bodies cut off. */
  close(deadlineMs: number): Promise<number>;
}

interface Connection {
  underWay: number;
  readonly whenGone: Set<() => void>;
}

class OpenConnections implements Connections {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #open = new Map<Socket, Connection>();
  readonly #growing = new Set<ServerResponse>();
  #whenNoneGrows: () => void = () => undefined;
  #drainedUs: number | undefined;
  #listening: Promise<void> | undefined;
  #closed: Promise<number> | undefined;

  readonly #onCount: (count: number) => void;

  constructor(server: Server, early: Iterable<Socket>, clock: Clock, onCount: (count: number) => void) {
    this.#server = server;
    this.#clock = clock;
    this.#onCount = onCount;
    for (const socket of early) this.#connection(socket);
    server.on('connection', (socket: Socket) => this.#connection(socket));
  }

  get isClosing(): boolean {
    return this.#listening !== undefined;
  }

  growing(response: ServerResponse): void {
    this.#growing.add(response);
    response.once('close', () => {
      this.#growing.delete(response);
      if (this.#growing.size === 0) this.#whenNoneGrows();
    });
  }

  enter(request: IncomingMessage, response: ServerResponse): number {
    const { socket } = request;
    const connection = this.#connection(socket);
    connection.underWay += 1;
    // Comes once; `once` would wrap it for nothing.
    response.on('close', () => {
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

  async drain(limitMs: number): Promise<void> {
    void this.#stopListening();
    if (this.#growing.size === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(limitMs, resolve);
      this.#whenNoneGrows = () => {
        cancel();
        resolve();
      };
    });
  }

  close(deadlineMs: number): Promise<number> {
    this.#closed ??= this.#close(deadlineMs);
    return this.#closed;
  }

  #stopListening(): Promise<void> {
    if (this.#listening !== undefined) return this.#listening;
    this.#drainedUs = this.#clock.monotonicUs();
    this.#listening = new Promise<void>((resolve) => {
      NetServer.prototype.close.call(this.#server, () => resolve());
    });
    for (const [socket, { underWay }] of this.#open) {
      if (underWay === 0) socket.destroySoon();
    }
    return this.#listening;
  }

  async #close(deadlineMs: number): Promise<number> {
    const closed = this.#stopListening();
    let cut = 0;
    const goneMs = (this.#clock.monotonicUs() - (this.#drainedUs ?? 0)) / 1000;
    const stopTimer = this.#clock.after(Math.max(0, deadlineMs - goneMs), () => {
      for (const [socket, { underWay }] of this.#open) {
        if (underWay > 0) cut += 1;
        socket.destroy();
      }
    });
    await closed;
    stopTimer();
    // No socket is left to harm; this ends the timer by which http.Server looks for late requests.
    this.#server.close();
    return cut;
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

/** Follows the connections that are open and every one that comes; onCount is told how many there are after each change. */
export function trackConnections(
  server: Server,
  early: Iterable<Socket>,
  clock: Clock,
  onCount: (count: number) => void,
): Connections {
  return new OpenConnections(server, early, clock, onCount);
}
