/**
 * The viewers' connections: a bounded pool of kept-alive sockets for each, as a player has. The only file that sends to a stream.
 * Bodies are read whole and counted; texts alone are handed on. It never follows a redirect, and asks no host that it was not allowed.
 * Invariant: each request ends with one call of `done`, also when its pool is closed.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Exchange } from './ledger.ts';

/** Longer than any hold of a blocking reload: three target durations of 6 s. */
const TIMEOUT_MS = 25_000;

export interface Fetched extends Exchange {
  readonly sentMs: number;
  /** Of a text that was asked for with `keep`. */
  readonly body: Buffer | undefined;
}

export interface ClientOptions {
  readonly nowMs: () => number;
  readonly isAllowed: (host: string) => boolean;
}

export class ViewerPool {
  readonly #options: ClientOptions;
  readonly #connections: number;
  #agents: { readonly http: HttpAgent; readonly https: HttpsAgent } | undefined;

  constructor(options: ClientOptions, connections: number) {
    this.#options = options;
    this.#connections = connections;
  }

  /** Ends all requests and connections; the next request opens new ones. */
  close(): void {
    this.#agents?.http.destroy();
    this.#agents?.https.destroy();
    this.#agents = undefined;
  }

  get(url: string, keep: boolean, done: (fetched: Fetched) => void): void {
    const sentMs = this.#options.nowMs();
    const target = new URL(url);
    const none = { status: 0, headers: {}, bytes: 0, isGzip: false, body: undefined, sentMs };
    const isHttp = target.protocol === 'http:' || target.protocol === 'https:';
    if (!isHttp || !this.#options.isAllowed(target.hostname)) {
      done({ ...none, tookMs: 0, fault: 'OTHER_HOST' });
      return;
    }
    this.#send(target, keep, sentMs, true, done);
  }

  #agentOf(isSecure: boolean): HttpAgent | HttpsAgent {
    const sockets = { maxSockets: this.#connections, maxFreeSockets: this.#connections };
    const options = { keepAlive: true, timeout: TIMEOUT_MS, ...sockets };
    this.#agents ??= { http: new HttpAgent(options), https: new HttpsAgent(options) };
    return isSecure ? this.#agents.https : this.#agents.http;
  }

  #send(target: URL, keep: boolean, sentMs: number, mayRepeat: boolean, done: (fetched: Fetched) => void): void {
    const isSecure = target.protocol === 'https:';
    const { nowMs } = this.#options;
    let isDone = false;
    const failed = (fault: string) => {
      if (isDone) return;
      isDone = true;
      const none = { status: 0, headers: {}, bytes: 0, isGzip: false, body: undefined };
      done({ ...none, sentMs, tookMs: nowMs() - sentMs, fault });
    };
    const request = (isSecure ? httpsRequest : httpRequest)({
      host: target.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: target.port || (isSecure ? 443 : 80),
      path: target.pathname + target.search,
      agent: this.#agentOf(isSecure),
      headers: { 'accept-encoding': 'gzip', 'user-agent': 'pitchside-swarm', accept: '*/*' },
    });
    request.once('timeout', () => {
      failed('TIMEOUT');
      request.destroy();
    });
    request.once('response', (response) => {
      readBody(response, keep, (body, bytes, fault) => {
        if (isDone) return;
        isDone = true;
        const isGzip = response.headers['content-encoding'] === 'gzip';
        const status = fault === undefined ? (response.statusCode ?? 0) : 0;
        const rest = { sentMs, tookMs: nowMs() - sentMs, fault, body };
        done({ status, headers: response.headers, bytes, isGzip, ...rest });
      });
    });
    request.once('error', (error: NodeJS.ErrnoException) => {
      // RFC 9112 9.3.1: a kept connection may be closed at any time; a client may send a GET again on a new one.
      if (request.reusedSocket && mayRepeat && !isDone && error.code === 'ECONNRESET') {
        isDone = true;
        this.#send(target, keep, sentMs, false, done);
        return;
      }
      failed(error.code ?? 'ERROR');
    });
    request.end();
  }
}

function readBody(
  response: IncomingMessage,
  keep: boolean,
  done: (body: Buffer | undefined, bytes: number, fault: string | undefined) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (keep) chunks.push(chunk);
  });
  response.once('error', () => undefined);
  // `close` comes after `end`, and alone when the body was cut.
  response.once('close', () => {
    if (response.complete) done(keep ? Buffer.concat(chunks) : undefined, bytes, undefined);
    else done(undefined, bytes, 'CUT');
  });
}
