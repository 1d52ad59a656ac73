/**
 * The viewers' connections: a bounded pool of kept-alive sockets for each, as a player has. The only door to a stream.
 * Bodies are read whole and counted; texts alone are handed on. It never follows a redirect, and asks no host that it was not allowed.
 * Invariant: each request ends with one call of `done`, also when its pool is closed.
 */
import { Connection, type Outcome, type Target } from './connection.ts';
import type { Exchange } from './ledger.ts';

export interface Fetched extends Exchange {
  readonly sentMs: number;
  /** Of a text that was asked for with `keep`. */
  readonly body: Buffer | undefined;
}

export interface ClientOptions {
  readonly nowMs: () => number;
  readonly isAllowed: (host: string) => boolean;
}

type Done = (fetched: Fetched) => void;

interface Waiting {
  readonly target: Target;
  readonly keep: boolean;
  readonly sentMs: number;
  readonly done: Done;
}

export class ViewerPool {
  readonly #options: ClientOptions;
  readonly #most: number;
  #connections: Connection[] = [];
  #waiting: Waiting[] = [];

  constructor(options: ClientOptions, connections: number) {
    this.#options = options;
    this.#most = connections;
  }

  /** Ends all requests and connections; the next request opens new ones. */
  close(): void {
    const [open, waiting] = [this.#connections, this.#waiting];
    this.#connections = [];
    this.#waiting = [];
    for (const connection of open) connection.close();
    for (const one of waiting) this.#failed(one, 'CLOSED');
  }

  get(url: string, keep: boolean, done: Done): void {
    const sentMs = this.#options.nowMs();
    const target = targetOf(url);
    if (target === undefined || !this.#options.isAllowed(target.host)) {
      done({ ...NONE, sentMs, tookMs: 0, fault: 'OTHER_HOST' });
      return;
    }
    this.#ask({ target, keep, sentMs, done });
  }

  #ask(one: Waiting): void {
    const { server } = one.target;
    const idle = this.#connections.find((connection) => connection.isIdle && connection.server === server);
    const connection = idle ?? this.#opened(one.target);
    if (connection === undefined) this.#waiting.push(one);
    else connection.get(one.target, one.keep, (outcome) => this.#took(one, outcome));
  }

  /** Undefined when this server has all the connections that a viewer may have. */
  #opened(target: Target): Connection | undefined {
    const toServer = this.#connections.filter(({ server }) => server === target.server).length;
    if (toServer >= this.#most) return undefined;
    const connection: Connection = new Connection(target, () => {
      this.#connections = this.#connections.filter((one) => one !== connection);
      this.#next();
    });
    this.#connections.push(connection);
    return connection;
  }

  #took(one: Waiting, outcome: Outcome): void {
    if ('fault' in outcome) {
      // At most once for each connection that was kept: a new one that fails is a failure.
      if (outcome.mayRepeat) this.#ask(one);
      else this.#failed(one, outcome.fault);
      return;
    }
    // Who waits for a connection comes before what this answer brings about.
    this.#next();
    const { status, headers, bytes, isGzip, body } = outcome.answer;
    const { sentMs, done } = one;
    done({ status, headers, bytes, isGzip, body, sentMs, tookMs: this.#options.nowMs() - sentMs, fault: undefined });
  }

  #next(): void {
    const one = this.#waiting.shift();
    if (one !== undefined) this.#ask(one);
  }

  #failed({ sentMs, done }: Waiting, fault: string): void {
    done({ ...NONE, sentMs, tookMs: this.#options.nowMs() - sentMs, fault });
  }
}

const NONE = { status: 0, headers: {}, bytes: 0, isGzip: false, body: undefined };

/** All viewers ask for the same few objects. */
const targets = new Map<string, Target>();
const TARGETS_KEPT = 5000;

function targetOf(url: string): Target | undefined {
  const known = targets.get(url);
  if (known !== undefined) return known;
  const { protocol, hostname, port, host, pathname, search } = new URL(url);
  const isSecure = protocol === 'https:';
  if (!isSecure && protocol !== 'http:') return undefined;
  const target = {
    server: `${protocol}//${host}`,
    host: hostname,
    port: Number(port) || (isSecure ? 443 : 80),
    isSecure,
    request: `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: pitchside-swarm\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n`,
  };
  if (targets.size >= TARGETS_KEPT) targets.clear();
  targets.set(url, target);
  return target;
}
