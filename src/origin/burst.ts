/**
 * The same answer to many requests in one turn of the event loop: thousands are held for one part and let go together.
 * What node:http made of the first one's head is written for the others, head and body in one buffer and one write; making
 * each head anew takes several times as long as the write. It never lives longer than its turn, so Date is right and no body
 * is kept twice. Invariant: byte for byte what node:http would have written; where that is not sure, node:http writes.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ObjectKind } from './cache-policy.ts';
import type { HeaderList } from './representation.ts';

/** Where ServerResponse keeps its head (Node 20 to 24). Without these two, every answer takes the ordinary way. */
interface HeadOfResponse {
  _header?: string | null;
  _headerSent?: boolean;
}

/** Larger bodies are written beside their head (writev), uncopied: to copy them would cost more than to make the head anew. */
const COPIED_BYTES = 64 * 1024;

/** What the answer to one request was made of; it goes for others of the same turn who ask the same, plainly. */
export class Echo {
  /** Under which its repetitions are counted; who asked cannot know it (`hls-blocked`). */
  readonly kind: ObjectKind;
  readonly status: number;
  readonly bodyBytes: number;
  readonly fields: HeaderList;
  readonly #head: string;
  #body: Buffer | undefined;
  #wire: Buffer | undefined;

  constructor(kind: ObjectKind, status: number, fields: HeaderList, body: Buffer, head: string) {
    this.kind = kind;
    this.status = status;
    this.bodyBytes = body.length;
    this.fields = fields;
    this.#head = head;
    this.#body = body;
  }

  /** Fields and body count by identity. */
  is(status: number, fields: HeaderList, body: Buffer): boolean {
    return fields === this.fields && body === this.#body && status === this.status;
  }

  /** Writes it to one who asks plainly; `response.end()` is left to be called. False: it is answered in the ordinary way. */
  write(response: ServerResponse): boolean {
    const { socket } = response;
    // A pipelined answer whose turn has not come has no socket yet.
    if (this.#body === undefined || socket === null || !socket.writable || response.headersSent) return false;
    this.#wire ??= Buffer.concat([Buffer.from(this.#head, 'latin1'), this.#body]);
    response.statusCode = this.status;
    const head = response as HeadOfResponse;
    head._header = this.#head;
    head._headerSent = true;
    socket.write(this.#wire);
    return true;
  }

  /** Its turn is over: it goes for nobody any more and keeps no bytes. */
  fade(): void {
    this.#body = undefined;
    this.#wire = undefined;
  }
}

export class Burst {
  #echo: Echo | undefined;
  readonly #ofTurn: Echo[] = [];

  /** Notes an answer that node:http has made the head of; undefined when it goes for nobody else. */
  note(
    request: IncomingMessage,
    response: ServerResponse,
    kind: ObjectKind,
    fields: HeaderList,
    body: Buffer,
  ): Echo | undefined {
    const { _header: head, _headerSent: isSent } = response as HeadOfResponse;
    if (typeof head !== 'string' || typeof isSent !== 'boolean' || !isPlain(request, response)) return undefined;
    if (body.length > COPIED_BYTES) return undefined;
    this.#echo = new Echo(kind, response.statusCode, fields, body, head);
    this.#ofTurn.push(this.#echo);
    if (this.#ofTurn.length === 1) setImmediate(() => this.#endTurn());
    return this.#echo;
  }

  #endTurn(): void {
    this.#echo = undefined;
    for (const echo of this.#ofTurn.splice(0)) echo.fade();
  }

  /** Answers the request if its answer is the one noted; fields and body count by identity. */
  repeat(
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
    fields: HeaderList,
    body: Buffer,
  ): Echo | undefined {
    const echo = this.#echo;
    if (!echo?.is(status, fields, body) || !isPlain(request, response) || !echo.write(response)) return undefined;
    response.end();
    return echo;
  }
}

/** The head depends on the version and on keep-alive; HEAD has no body; node:http closes after an expectation (RFC 9110 10.1.1). */
export function isPlain(request: IncomingMessage, response: ServerResponse): boolean {
  if (request.method !== 'GET' || request.httpVersion !== '1.1' || !response.shouldKeepAlive) return false;
  return request.headers.expect === undefined;
}
