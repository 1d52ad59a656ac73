/**
 * The same answer to many requests in one turn of the event loop: thousands are held for one part and let go together.
 * What node:http made of the first one's head is written for the others, head and body in one buffer and one write; making
 * each head anew takes several times as long as the write. It never lives longer than its turn, so Date is right and no body
 * is kept twice. Invariant: byte for byte what node:http would have written; where that is not sure, node:http writes.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HeaderList } from './representation.ts';

/** Where ServerResponse keeps its head (Node 20 to 24). Without these two, every answer takes the ordinary way. */
interface HeadOfResponse {
  _header?: string | null;
  _headerSent?: boolean;
}

/** Bodies above this are written apart from the head: the copy would cost more than the second write. */
const COPIED_BYTES = 1024 * 1024;

export class Burst {
  #status = 0;
  #fields: HeaderList | undefined;
  #body: Buffer | undefined;
  #head = '';
  #wire: Buffer | undefined;
  #isEnding = false;

  /** Notes an answer that node:http has made the head of. */
  note(request: IncomingMessage, response: ServerResponse, fields: HeaderList, body: Buffer): void {
    const { _header: head, _headerSent: isSent } = response as HeadOfResponse;
    if (typeof head !== 'string' || typeof isSent !== 'boolean' || !isPlain(request, response)) return;
    this.#status = response.statusCode;
    this.#fields = fields;
    this.#body = body;
    this.#head = head;
    this.#wire = undefined;
    if (this.#isEnding) return;
    this.#isEnding = true;
    setImmediate(() => {
      this.#isEnding = false;
      this.#fields = undefined;
      this.#body = undefined;
      this.#wire = undefined;
    });
  }

  /** Answers the request if it is the one noted; fields and body count by identity. */
  repeat(
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
    fields: HeaderList,
    body: Buffer,
  ): boolean {
    if (fields !== this.#fields || body !== this.#body || status !== this.#status) return false;
    const { socket } = response;
    // A pipelined answer whose turn has not come has no socket yet.
    if (body.length > COPIED_BYTES || socket === null || !socket.writable || !isPlain(request, response)) return false;
    this.#wire ??= Buffer.concat([Buffer.from(this.#head, 'latin1'), body]);
    response.statusCode = status;
    const head = response as HeadOfResponse;
    head._header = this.#head;
    head._headerSent = true;
    socket.write(this.#wire);
    response.end();
    return true;
  }
}

/** The head depends on the version and on keep-alive; HEAD has no body. */
function isPlain(request: IncomingMessage, response: ServerResponse): boolean {
  return request.method === 'GET' && request.httpVersion === '1.1' && response.shouldKeepAlive;
}
