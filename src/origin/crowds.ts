/**
 * Who is let go together and asked the same: the first is answered, the others get the same bytes one write after another,
 * and what is left to do for each comes when all have their bytes. It never decides what the answer is.
 * Invariant: an answer is repeated only in the slice in which it was made, so nothing can have changed in between.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { messageOf } from '../system/errors.ts';
import type { Logger } from '../system/log.ts';
import type { OriginAddress } from './address.ts';
import { type Echo, isPlain } from './burst.ts';
import { prefersGzip } from './conditional.ts';
import type { Exchange, Reply } from './reply.ts';
import type { Slice, Turns } from './turns.ts';

/** What a request asks for, all that counts for its answer in one word; undefined: it is answered on its own. */
export type Question = string | undefined;

type ObjectAddress = Extract<OriginAddress, { kind: 'text' | 'media' }>;

/** Fields by which an answer may be another one than its plain 200. */
const CONDITIONS = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'range'];

export function asksPlainly(request: IncomingMessage, response: ServerResponse): boolean {
  const { headers } = request;
  return isPlain(request, response) && CONDITIONS.every((field) => headers[field] === undefined);
}

/** One object has one spelling (address.ts), so the path names it; of a query only directives count. */
function wordOf(request: IncomingMessage, address: ObjectAddress): string {
  const { url = '' } = request;
  const mark = url.indexOf('?');
  const path = mark === -1 ? url : url.slice(0, mark);
  if (address.kind === 'media') return path;
  const coding = takesGzip(request) ? 'gzip' : 'plain';
  const { directives } = address;
  if (directives.kind !== 'directives') return `${path} ${directives.kind} ${coding}`;
  return `${path} ${directives.msn} ${directives.part} ${directives.skip} ${coding}`;
}

export function takesGzip({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  const encodings = headers['accept-encoding'];
  return prefersGzip(Array.isArray(encodings) ? encodings.join(',') : encodings);
}

/** One of a crowd. */
export interface Member {
  readonly exchange: Exchange;
  /** Called when its answer is finished. */
  readonly forget: () => void;
  /** Set when its answer is written. */
  echo?: Echo;
}

export interface CrowdsOptions {
  readonly turns: Turns;
  readonly reply: Reply;
  readonly log: Logger;
}

/** Words kept so that all who ask the same share one: as many questions as are asked at a time, more or less. */
const KEPT_WORDS = 256;

export class Crowds {
  readonly #options: CrowdsOptions;
  readonly #words = new Map<string, string>();
  #slice: Slice | undefined;
  #echoes = new Map<string, Echo>();
  #written: Member[] = [];

  constructor(options: CrowdsOptions) {
    this.#options = options;
  }

  questionOf({ request, response }: Exchange, address: ObjectAddress): Question {
    if (!asksPlainly(request, response)) return undefined;
    const word = wordOf(request, address);
    const known = this.#words.get(word);
    if (known !== undefined) return known;
    if (this.#words.size >= KEPT_WORDS) this.#words.clear();
    this.#words.set(word, word);
    return word;
  }

  /** Answers one as the first who asked this in the same slice; false: it is to be answered, and noted. */
  repeat(question: Question, slice: Slice, member: Member): boolean {
    if (question === undefined || slice !== this.#slice) return false;
    const echo = this.#echoes.get(question);
    if (!echo?.write(member.exchange.response)) return false;
    member.echo = echo;
    if (this.#written.length === 0) this.#options.turns.later(this.#written, (one) => this.#finish(one));
    this.#written.push(member);
    return true;
  }

  /** The answer that a question was given, when it goes for others. */
  note(question: Question, slice: Slice, echo: Echo | undefined): void {
    if (question === undefined || echo === undefined) return;
    if (slice !== this.#slice) {
      this.#slice = slice;
      this.#echoes.clear();
      this.#written = [];
    }
    if (!this.#echoes.has(question)) this.#echoes.set(question, echo);
  }

  #finish({ exchange, forget, echo }: Member): void {
    const { log, reply } = this.#options;
    try {
      forget();
      if (echo !== undefined) reply.finish(exchange, echo);
    } catch (thrown) {
      log.error({ error: messageOf(thrown) }, 'answer not finished');
      exchange.request.socket.destroy();
    }
  }
}
