/**
 * The access log: one JSON object a line for each request, when its answer is out or its client has gone.
 * It never holds a query but the three HLS directives, since tokens stand there, and never waits for whoever writes it.
 * Invariant: a line has the keys of AccessLine in their order, and is at most some hundred bytes longer than the path it names.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OriginAddress } from './address.ts';
import type { ObjectKind } from './cache-policy.ts';
import type { HeaderList } from './representation.ts';

/** One line. */
export interface AccessLine {
  /** UTC with milliseconds: when the request was read. */
  readonly time: string;
  readonly method: string;
  /** Without query, but with the delivery directives of a playlist request; at most 512 characters. */
  readonly path: string;
  readonly kind: ObjectKind;
  /** 499: the client went before it had an answer. */
  readonly status: number;
  /** From the request to the head of its answer, in ms: how long it was held. */
  readonly holdMs: number;
  /** From the request to the end, in ms. */
  readonly totalMs: number;
  /** Written to the connection, the head included. */
  readonly bytes: number;
  /** How long the answer may be kept: `immutable`, `1s` (max-age), `no-store`. */
  readonly cache: string;
  /** Nearest address that is no trusted proxy. */
  readonly client: string;
  /** False when the client went, or was cut off, before the end. */
  readonly whole: boolean;
}

export interface AccessLog {
  /** A request has come in. */
  begin(request: IncomingMessage, response: ServerResponse): void;
  /** Its answer has a head. */
  head(response: ServerResponse, kind: ObjectKind, status: number, fields: HeaderList): void;
}

export interface AccessLogOptions {
  readonly nowMs: () => number;
  readonly addressOf: (request: IncomingMessage) => OriginAddress;
  readonly clientOf: (request: IncomingMessage) => string | undefined;
  /** Takes the line at once. */
  readonly write: (line: string) => void;
}

const LONGEST_PATH = 512;

/** What is known of an answer when its head is written. */
interface Head {
  readonly kind: ObjectKind;
  readonly status: number;
  readonly cache: string;
  readonly atMs: number;
}

/** The client went before it had an answer: nginx's number for it. */
const GONE = { status: 499, cache: 'no-store' } as const;

function kindOf(address: OriginAddress): ObjectKind {
  if (address.kind === 'text' || address.kind === 'media') return address.name.kind;
  return address.kind === 'time' ? 'time' : 'other';
}

class JsonAccessLog implements AccessLog {
  readonly #options: AccessLogOptions;
  readonly #heads = new WeakMap<ServerResponse, Head>();

  constructor(options: AccessLogOptions) {
    this.#options = options;
  }

  begin(request: IncomingMessage, response: ServerResponse): void {
    const { nowMs, addressOf, clientOf, write } = this.#options;
    const startMs = nowMs();
    const { socket } = request;
    const bytesBefore = socket.bytesWritten;
    response.once('close', () => {
      const address = addressOf(request);
      const head = this.#heads.get(response) ?? { ...GONE, kind: kindOf(address), atMs: nowMs() };
      const line: AccessLine = {
        time: new Date(startMs).toISOString(),
        method: request.method ?? '',
        path: pathOf(request.url ?? '', address),
        kind: head.kind,
        status: head.status,
        holdMs: Math.round(head.atMs - startMs),
        totalMs: Math.round(nowMs() - startMs),
        bytes: socket.bytesWritten - bytesBefore,
        cache: head.cache,
        client: clientOf(request) ?? '-',
        whole: response.writableFinished,
      };
      write(JSON.stringify(line));
    });
  }

  head(response: ServerResponse, kind: ObjectKind, status: number, fields: HeaderList): void {
    const control = fields[fields.indexOf('Cache-Control') + 1] ?? '';
    this.#heads.set(response, { kind, status, cache: lifeOf(control), atMs: this.#options.nowMs() });
  }
}

/** The path as it was asked for; a query only as far as the origin reads it. */
export function pathOf(target: string, address: OriginAddress): string {
  const path = (target.split('?', 1)[0] ?? '').slice(0, LONGEST_PATH);
  if (address.kind !== 'text' || address.directives.kind !== 'directives') return path;
  const { msn, part, skip } = address.directives;
  const pairs = [
    ...(msn === undefined ? [] : [`_HLS_msn=${msn}`]),
    ...(part === undefined ? [] : [`_HLS_part=${part}`]),
    ...(skip === undefined ? [] : [`_HLS_skip=${skip}`]),
  ];
  return `${path}?${pairs.join('&')}`;
}

/** `immutable`, `12s`, `no-store`. */
export function lifeOf(cacheControl: string): string {
  if (cacheControl.includes('immutable')) return 'immutable';
  const seconds = /(?:^|[ ,])max-age=(\d+)/.exec(cacheControl)?.[1];
  return seconds === undefined ? 'no-store' : `${seconds}s`;
}

export function createAccessLog(options: AccessLogOptions): AccessLog {
  return new JsonAccessLog(options);
}
