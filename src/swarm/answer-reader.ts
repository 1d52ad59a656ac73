/**
 * Reads one HTTP/1.1 answer after the other from a connection's bytes (RFC 9112 4, 6, 7): status, the fields that a swarm looks at, and
 * how long the body is. Pure. Bodies are counted and let go; a text's alone is kept. It never holds on to the bytes that it is handed,
 * since all connections read into one buffer. Invariant: an answer is whole when its framing says so, never because a connection ended,
 * unless there is no other framing.
 */
import type { HeaderFields } from './cache-facts.ts';

export interface ReadAnswer {
  readonly status: number;
  readonly headers: HeaderFields;
  /** Of the body as sent. */
  readonly bytes: number;
  readonly isGzip: boolean;
  /** When it was to be kept. */
  readonly body: Buffer | undefined;
  /** RFC 9112 9.3: the connection is good for another request. */
  readonly persists: boolean;
}

/** `broken`: no HTTP, or too long a head; nothing more can be read from this connection. */
export type Reading = ReadAnswer | 'more' | 'broken';

/** What somebody looks at. */
const WANTED: ReadonlySet<string> = new Set([
  'age',
  'cache-control',
  'cache-status',
  'cdn-cache-control',
  'connection',
  'content-encoding',
  'content-length',
  'transfer-encoding',
  'x-cache',
]);
const HEAD_MAX_BYTES = 16 * 1024;
/** Length of a chunk with its extensions. */
const LINE_MAX_BYTES = 1024;
/** A longer text is no playlist. */
const KEPT_MAX_BYTES = 16 * 1024 * 1024;

type Phase = 'head' | 'length' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailer' | 'until-close';

interface Head {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly persists: boolean;
}

export class AnswerReader {
  #keep = false;
  #phase: Phase = 'head';
  #head: Head | undefined;
  /** A head or a line that has not come whole. */
  #text = '';
  /** Of the body, or of its chunk. */
  #left = 0;
  #bytes = 0;
  #isWhole = false;
  #kept: Buffer[] = [];

  /** An answer is to come. */
  begin(keep: boolean): void {
    this.#keep = keep;
    this.#phase = 'head';
    this.#head = undefined;
    this.#text = '';
    this.#bytes = 0;
    this.#isWhole = false;
    this.#kept = [];
  }

  /** True from the first byte of the answer on. */
  get hasBegun(): boolean {
    return this.#head !== undefined || this.#text !== '';
  }

  take(bytes: Buffer): Reading {
    let at = 0;
    while (at < bytes.length) {
      const next = this.#step(bytes, at);
      if (next === undefined) return 'broken';
      at = next;
      // RFC 9112 9.2: what comes after an answer that nobody asked for is not HTTP any more.
      if (this.#isWhole && this.#head !== undefined) return at === bytes.length ? this.#answer(this.#head) : 'broken';
    }
    return 'more';
  }

  /** The server has ended the connection. */
  closed(): Reading {
    return this.#phase === 'until-close' && this.#head !== undefined ? this.#answer(this.#head) : 'broken';
  }

  /** Reads on from `at`; where to go on, undefined when it is no HTTP. */
  #step(bytes: Buffer, at: number): number | undefined {
    switch (this.#phase) {
      case 'head':
        return this.#takeHead(bytes, at);
      case 'length':
      case 'chunk':
        return this.#takeBody(bytes, at);
      case 'until-close':
        this.#left = bytes.length - at;
        return this.#takeBody(bytes, at);
      case 'chunk-size':
      case 'chunk-end':
      case 'trailer':
        return this.#takeLine(bytes, at);
    }
  }

  #takeHead(bytes: Buffer, at: number): number | undefined {
    // The end of a head may lie across two reads: then the texts of both are looked at.
    const end = this.#text === '' ? bytes.indexOf(EMPTY_LINE, at) : -1;
    if (end >= 0) return this.#endHead(bytes.toString('latin1', at, end)) ? end + EMPTY_LINE.length : undefined;
    const before = this.#text.length;
    const text = this.#text + bytes.toString('latin1', at, Math.min(bytes.length, at + HEAD_MAX_BYTES));
    const ended = text.indexOf('\r\n\r\n');
    this.#text = ended < 0 ? text : '';
    if (ended < 0) return text.length >= HEAD_MAX_BYTES ? undefined : bytes.length;
    return this.#endHead(text.slice(0, ended)) ? at + ended + EMPTY_LINE.length - before : undefined;
  }

  #endHead(text: string): boolean {
    const head = text.length > HEAD_MAX_BYTES ? undefined : headOf(text);
    // RFC 9110 15.2: any number of 1xx answers may come before the answer.
    if (head !== undefined && head.status >= 200) this.#open(head);
    return head !== undefined;
  }

  /** RFC 9112 6.3: how long the body is. */
  #open(head: Head): void {
    const { headers, status } = head;
    const length = Number(headers['content-length']);
    this.#head = head;
    if (status === 204 || status === 304) this.#isWhole = true;
    else if (headers['transfer-encoding'] !== undefined) this.#phase = 'chunk-size';
    else if (Number.isInteger(length)) {
      this.#phase = 'length';
      this.#left = length;
      this.#isWhole = length === 0;
    } else this.#phase = 'until-close';
  }

  #takeBody(bytes: Buffer, at: number): number {
    const count = Math.min(this.#left, bytes.length - at);
    this.#bytes += count;
    this.#left -= count;
    if (this.#keep && this.#bytes <= KEPT_MAX_BYTES) this.#kept.push(Buffer.from(bytes.subarray(at, at + count)));
    if (this.#left === 0 && this.#phase === 'length') this.#isWhole = true;
    if (this.#left === 0 && this.#phase === 'chunk') this.#phase = 'chunk-end';
    return at + count;
  }

  /** RFC 9112 7.1: the lines of the chunked coding. */
  #takeLine(bytes: Buffer, at: number): number | undefined {
    const end = bytes.indexOf(LINE_FEED, at);
    const text = this.#text + bytes.toString('latin1', at, end < 0 ? bytes.length : end);
    if (text.length > LINE_MAX_BYTES) return undefined;
    this.#text = end < 0 ? text : '';
    if (end < 0) return bytes.length;
    return this.#line(text.replace(/\r$/, '')) ? end + 1 : undefined;
  }

  #line(line: string): boolean {
    if (this.#phase === 'trailer') {
      this.#isWhole = line === '';
      return true;
    }
    if (this.#phase === 'chunk-end') {
      this.#phase = 'chunk-size';
      return line === '';
    }
    const size = /^([0-9a-f]{1,8})[ \t]*(;|$)/i.exec(line)?.[1];
    if (size === undefined) return false;
    this.#left = Number.parseInt(size, 16);
    this.#phase = this.#left === 0 ? 'trailer' : 'chunk';
    return true;
  }

  #answer({ status, headers, persists }: Head): ReadAnswer {
    const kept = this.#kept;
    const [first] = kept;
    const whole = kept.length > 1 || first === undefined ? Buffer.concat(kept) : first;
    return {
      status,
      headers,
      bytes: this.#bytes,
      isGzip: headers['content-encoding'] === 'gzip',
      body: this.#keep ? whole : undefined,
      persists: persists && this.#phase !== 'until-close',
    };
  }
}

const LINE_FEED = 0x0a;
const EMPTY_LINE = Buffer.from('\r\n\r\n');

/** Within a second a cache says the same to all viewers who ask for the same object. */
const known = new Map<string, Head | undefined>();
const KNOWN_HEADS = 500;

function headOf(text: string): Head | undefined {
  const same = known.get(text);
  if (same !== undefined) return same;
  if (known.size >= KNOWN_HEADS) known.clear();
  const head = readHead(text);
  known.set(text, head);
  return head;
}

/** RFC 9112 4 and 5: the status line and the fields that are wanted. */
function readHead(text: string): Head | undefined {
  const [statusLine = '', ...lines] = text.split('\r\n');
  const [, minor, code] = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(statusLine) ?? [];
  if (code === undefined) return undefined;
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon < 0) return undefined;
    const name = line.slice(0, colon).toLowerCase();
    if (!WANTED.has(name)) continue;
    const value = line.slice(colon + 1).trim();
    // RFC 9110 5.3: fields of one name are one list.
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  const connection = headers['connection']?.toLowerCase() ?? '';
  const persists = minor === '1' ? !connection.includes('close') : connection.includes('keep-alive');
  return { status: Number(code), headers, persists };
}
