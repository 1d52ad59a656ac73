/**
 * Writes answers: whole bodies, ranges, 304 and problems, each with its length, counted by kind and status.
 * It never decides what a URL names. Invariant: an answer is written once, in one piece from a shared Buffer or piece by piece from
 * a file; a client that takes longer than bodyMs over it is cut off, so that nobody pins evicted media.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../system/clock.ts';
import { messageOf } from '../system/errors.ts';
import type { Logger } from '../system/log.ts';
import type { Metrics } from '../system/metrics.ts';
import { type FileRange, type StoredObject, sizeOf } from '../window/model.ts';
import type { AccessLog } from './access-log.ts';
import { Burst, type Echo } from './burst.ts';
import type { ObjectKind } from './cache-policy.ts';
import { cachePolicy } from './cache-policy.ts';
import { type RequestFields, select, type Validators } from './conditional.ts';
import type { Connections } from './connections.ts';
import { sendFile } from './file-body.ts';
import type { Load } from './load.ts';
import { ALLOWED_METHODS, explainedProblem, problemOf, type Refusal } from './problems.ts';
import { ReplyCounters, type Tally } from './reply-counters.ts';
import {
  type Content,
  CROSS_ORIGIN,
  cacheFields,
  type HeaderList,
  type Owner,
  ofGrowing,
  type Representation,
} from './representation.ts';

/** One request and its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** A body whose length is not known yet. */
export interface OpenBody {
  /** False when the client has not taken all so far: then onceDrained before the next. */
  write(bytes: Buffer): boolean;
  onceDrained(call: () => void): void;
  /** The rest of the object from this byte on, and the last chunk. */
  end(object: StoredObject, fromByte: number): void;
  /** Ends the connection without the last chunk: visible to the client as incomplete. */
  cut(): void;
  readonly isGone: boolean;
}

export interface Reply {
  /** 200, 206, 304, 412 or 416 of an object, as the request's fields ask. The Echo of a 200 goes for who asks the same. */
  represent(exchange: Exchange, kind: ObjectKind, representation: Representation): Echo | undefined;
  /** What is left to do when an Echo was written: it is counted and ended. */
  finish(exchange: Exchange, echo: Echo): void;
  /** A refusal with its JSON body; `extra` adds fields. Cuts the connection when an answer was begun already. */
  problem(exchange: Exchange, kind: ObjectKind, outcome: Refusal, extra?: HeaderList): void;
  /** A refusal about an object of a Channel there is: tagged, so that it goes when the Channel is purged. */
  absent(exchange: Exchange, kind: ObjectKind, outcome: Refusal, channel: string): void;
  /** The same with the reason in its message. */
  refuse(exchange: Exchange, kind: ObjectKind, outcome: Refusal, why: string): void;
  /** The chunked 200 of a Segment that grows; undefined when it is answered already: HEAD, 304, 412. */
  begin(exchange: Exchange, kind: ObjectKind, contentType: string, owner: Owner): OpenBody | undefined;
  preflight(exchange: Exchange): void;
  /** A small text made on the spot, with the policy of its kind. */
  plain(exchange: Exchange, kind: ObjectKind, text: string): void;
}

export interface ReplyOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly connections: Connections;
  /** Longest time one body may take. */
  readonly bodyMs: number;
  readonly load: Load;
  readonly accessLog: AccessLog | undefined;
}

/** What a preflight may ask for: conditions, ranges, tokens and CMCD in header mode (CTA-5004). */
const REQUEST_FIELDS =
  'Range, If-None-Match, If-Modified-Since, Authorization, CMCD-Request, CMCD-Object, CMCD-Status, CMCD-Session';

const EMPTY = Buffer.alloc(0);

/** A growing object has none, and no ranges. */
const WITHOUT_VALIDATORS: Validators = { etag: undefined, lastModifiedSeconds: undefined, length: 0, ranges: false };

class SocketBody implements OpenBody {
  readonly #exchange: Exchange;
  readonly #bytes: Tally;
  readonly #log: Logger;

  constructor(exchange: Exchange, bytes: Tally, log: Logger) {
    this.#exchange = exchange;
    this.#bytes = bytes;
    this.#log = log;
  }

  get isGone(): boolean {
    const { request, response } = this.#exchange;
    return response.destroyed || request.socket.destroyed;
  }

  write(bytes: Buffer): boolean {
    this.#bytes.add(bytes.length);
    return this.#exchange.response.write(bytes);
  }

  onceDrained(call: () => void): void {
    this.#exchange.response.once('drain', call);
  }

  end(object: StoredObject, fromByte: number): void {
    const { response } = this.#exchange;
    this.#bytes.add(sizeOf(object) - fromByte);
    const rest = stretchOf(object.bytes ?? object.file, fromByte, sizeOf(object) - 1);
    if (Buffer.isBuffer(rest)) {
      response.end(rest);
      return;
    }
    const broken = (error: Error): void => {
      this.#log.warn({ problem: messageOf(error) }, 'segment on disk cut off');
      this.cut();
    };
    sendFile(rest, response, { opened: () => undefined, missing: broken, broken });
  }

  cut(): void {
    this.#exchange.request.socket.destroy();
  }
}

class SocketReply implements Reply {
  readonly #options: ReplyOptions;
  readonly #counters: ReplyCounters;
  readonly #burst = new Burst();

  constructor(options: ReplyOptions) {
    this.#options = options;
    this.#counters = new ReplyCounters(options.metrics);
  }

  represent(exchange: Exchange, kind: ObjectKind, representation: Representation): Echo | undefined {
    const { body, always, content, whole, validators } = representation;
    const { length } = validators;
    const selection = select(fieldsOf(exchange.request), validators, exchange.request.method === 'GET');
    switch (selection.kind) {
      case 'whole':
        return this.#sendContent(exchange, kind, 200, whole, body);
      case 'not-modified':
        this.#send(exchange, kind, 304, always, EMPTY);
        return undefined;
      case 'precondition-failed':
        this.problem(exchange, kind, 'precondition');
        return undefined;
      case 'unsatisfiable':
        // RFC 9110 14.4: a 416 says the current length.
        this.problem(exchange, kind, 'range', ['Content-Range', `bytes */${length}`]);
        return undefined;
      case 'range': {
        const { first, last } = selection;
        const range = ['Content-Range', `bytes ${first}-${last}/${length}`, 'Content-Length', `${last - first + 1}`];
        this.#sendContent(exchange, kind, 206, [...always, ...content, ...range], stretchOf(body, first, last));
        return undefined;
      }
    }
  }

  finish(exchange: Exchange, echo: Echo): void {
    this.#counters.responses(echo.kind, echo.status, echo.fields).add(1);
    this.#counters.bytes(echo.kind).add(echo.bodyBytes);
    if (exchange.response.destroyed) return;
    this.#options.accessLog?.head(exchange.response, echo.kind, echo.status, echo.fields);
    if (exchange.request.socket.writableLength > 0) this.#limit(exchange, echo.kind, echo.bodyBytes);
    exchange.response.end();
  }

  problem(exchange: Exchange, kind: ObjectKind, outcome: Refusal, extra: HeaderList = []): void {
    const { status, fields, body } = problemOf(kind, outcome);
    this.#refuse(exchange, kind, status, extra.length === 0 ? fields : [...fields, ...extra], body);
  }

  absent(exchange: Exchange, kind: ObjectKind, outcome: Refusal, channel: string): void {
    const { status, fields, body } = problemOf(kind, outcome, channel);
    this.#refuse(exchange, kind, status, fields, body);
  }

  refuse(exchange: Exchange, kind: ObjectKind, outcome: Refusal, why: string): void {
    const { status, fields, body } = explainedProblem(kind, outcome, why);
    this.#send(exchange, kind, status, fields, body);
  }

  begin(exchange: Exchange, kind: ObjectKind, contentType: string, owner: Owner): OpenBody | undefined {
    const { request, response } = exchange;
    const { always, content } = ofGrowing(kind, contentType, owner);
    const selection = select(fieldsOf(request), WITHOUT_VALIDATORS, request.method === 'GET');
    if (selection.kind === 'not-modified') {
      this.#send(exchange, kind, 304, always, EMPTY);
      return undefined;
    }
    if (selection.kind === 'precondition-failed') {
      this.problem(exchange, kind, 'precondition');
      return undefined;
    }
    const coding = request.httpVersion === '1.0' ? [] : ['Transfer-Encoding', 'chunked'];
    this.#head(exchange, kind, 200, [...always, ...content, ...coding]);
    if (request.method === 'HEAD') {
      response.end();
      return undefined;
    }
    this.#limit(exchange, kind, 0);
    return new SocketBody(exchange, this.#counters.bytes(kind), this.#options.log);
  }

  preflight(exchange: Exchange): void {
    const policy = cachePolicy('other', 'preflight');
    const fields = [
      ...cacheFields(policy),
      ...CROSS_ORIGIN,
      'Access-Control-Allow-Methods',
      ALLOWED_METHODS,
      'Access-Control-Allow-Headers',
      REQUEST_FIELDS,
      'Access-Control-Max-Age',
      '7200',
      'Allow',
      ALLOWED_METHODS,
    ];
    this.#send(exchange, 'other', policy.status, fields, EMPTY);
  }

  plain(exchange: Exchange, kind: ObjectKind, text: string): void {
    const body = Buffer.from(text);
    const fields = [
      ...cacheFields(cachePolicy(kind, 'ok')),
      ...CROSS_ORIGIN,
      'Content-Type',
      'text/plain; charset=utf-8',
      'Content-Length',
      String(body.length),
    ];
    this.#send(exchange, kind, 200, fields, body);
  }

  #sendContent(
    exchange: Exchange,
    kind: ObjectKind,
    status: number,
    fields: HeaderList,
    body: Content,
  ): Echo | undefined {
    if (Buffer.isBuffer(body)) return this.#send(exchange, kind, status, fields, body);
    if (exchange.request.method === 'HEAD' || body.sizeBytes === 0)
      return this.#send(exchange, kind, status, fields, EMPTY);
    this.#sendFile(exchange, kind, status, fields, body);
    return undefined;
  }

  #sendFile(exchange: Exchange, kind: ObjectKind, status: number, fields: HeaderList, range: FileRange): void {
    const { log } = this.#options;
    // From here on: a disk that hangs must not keep the request for ever.
    this.#limit(exchange, kind, 0);
    sendFile(range, exchange.response, {
      opened: () => {
        this.#counters.bytes(kind).add(range.sizeBytes);
        this.#head(exchange, kind, status, fields);
      },
      missing: (error) => {
        // It left the window between the question and the opening of its file.
        if (error.code !== 'ENOENT') log.warn({ problem: error.message }, 'segment on disk not readable');
        this.problem(exchange, kind, error.code === 'ENOENT' ? 'gone' : 'internal');
      },
      broken: (error) => {
        log.warn({ problem: error.message }, 'segment on disk cut off');
        exchange.request.socket.destroy();
      },
    });
  }

  #refuse(exchange: Exchange, kind: ObjectKind, status: number, fields: HeaderList, body: Buffer): void {
    if (exchange.response.headersSent) exchange.request.socket.destroy();
    else this.#send(exchange, kind, status, fields, body);
  }

  #send(exchange: Exchange, kind: ObjectKind, status: number, fields: HeaderList, body: Buffer): Echo | undefined {
    const { request, response } = exchange;
    const hasBody = request.method !== 'HEAD' && body.length > 0;
    if (hasBody) this.#counters.bytes(kind).add(body.length);
    const { isClosing } = this.#options.connections;
    this.#note(response, kind, status, fields);
    const known = isClosing ? undefined : this.#burst.repeat(request, response, status, fields, body);
    if (known !== undefined) {
      if (request.socket.writableLength > 0) this.#limit(exchange, kind, body.length);
      return known;
    }
    this.#writeHead(response, status, fields);
    const noted = isClosing ? undefined : this.#burst.note(request, response, kind, fields, body);
    if (hasBody) response.end(body);
    else response.end();
    if (hasBody && request.socket.writableLength > 0) this.#limit(exchange, kind, body.length);
    return noted;
  }

  #head({ response }: Exchange, kind: ObjectKind, status: number, fields: HeaderList): void {
    this.#note(response, kind, status, fields);
    this.#writeHead(response, status, fields);
  }

  /** Before it is written: a cache counts its life from when it gets it, and a busy machine may come back here ms after a write. */
  #note(response: ServerResponse, kind: ObjectKind, status: number, fields: HeaderList): void {
    this.#counters.responses(kind, status, fields).add(1);
    this.#options.accessLog?.head(response, kind, status, fields);
  }

  #writeHead(response: ServerResponse, status: number, fields: HeaderList): void {
    const { isClosing } = this.#options.connections;
    response.writeHead(status, isClosing ? [...fields, 'Connection', 'close'] : [...fields]);
  }

  /** A body takes bodyMs at most, and counts as in flight until it is out. */
  #limit({ request, response }: Exchange, kind: ObjectKind, bytes: number): void {
    const { clock, bodyMs, load } = this.#options;
    const isOut = load.sending(bytes);
    const stopTimer = clock.after(bodyMs, () => {
      load.shed(kind, 'slow-reader');
      request.socket.destroy();
    });
    response.once('close', () => {
      stopTimer();
      isOut();
    });
  }
}

/** Bytes first to last of it, both included. */
function stretchOf(body: Content, first: number, last: number): Content {
  if (Buffer.isBuffer(body)) return body.subarray(first, last + 1);
  return { path: body.path, offset: body.offset + first, sizeBytes: last - first + 1 };
}

function fieldsOf({ headers }: IncomingMessage): RequestFields {
  return {
    ifMatch: headers['if-match'],
    ifNoneMatch: headers['if-none-match'],
    ifModifiedSince: headers['if-modified-since'],
    ifUnmodifiedSince: headers['if-unmodified-since'],
    range: headers.range,
    ifRange: oneValue(headers['if-range']),
  };
}

/** A field that Node types as list or text. */
function oneValue(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}

export function createReply(options: ReplyOptions): Reply {
  return new SocketReply(options);
}
