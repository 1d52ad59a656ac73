/**
 * Answers GET and HEAD of playlists, MPDs, inits, Segments and parts straight on node:http from prepared buffers.
 * It never makes content and never blocks: what is due next is held for, as long as the Channel says, in all.
 * Invariant: each exchange is answered once, or its client has gone and nothing of it is left.
 */
import type { ChannelDirectory, ChannelView } from '../channel/view.ts';
import { messageOf } from '../system/errors.ts';
import type { OriginAddress } from './address.ts';
import type { Echo } from './burst.ts';
import type { ObjectKind } from './cache-policy.ts';
import { asksPlainly, Crowds, takesGzip } from './crowds.ts';
import { answerGrowing, type Growing, type GrowingOptions, patienceMs } from './growing.ts';
import type { Refusal } from './problems.ts';
import type { Exchange } from './reply.ts';
import { type Owner, ofObject, ofText, type Representation, type TextForms } from './representation.ts';
import type { Slice, Turns } from './turns.ts';
import type { WaitEnd } from './waiters.ts';

type TextAddress = Extract<OriginAddress, { kind: 'text' }>;
type MediaAddress = Extract<OriginAddress, { kind: 'media' }>;
export type ObjectAddress = TextAddress | MediaAddress;

export interface MediaHandlerOptions extends GrowingOptions {
  readonly directory: ChannelDirectory;
  readonly turns: Turns;
}

/** What a request waits for; a Segment that has begun has its own patience. */
interface Hold {
  readonly awaited: 'object' | 'whole';
  readonly key: string;
  readonly holdMs: number;
  readonly late: Extract<Refusal, 'not-yet' | 'expired'>;
}

/** A hold that has begun: however often it is woken in vain, it ends when it was to end. */
interface Held extends Hold {
  readonly endMs: number;
}

class MediaHandler {
  readonly #options: MediaHandlerOptions;
  readonly #crowds: Crowds;
  /** Those who take gzip of a text that is being compressed. */
  readonly #zipping = new Map<TextForms, Exchange[]>();

  constructor(options: MediaHandlerOptions) {
    this.#options = options;
    this.#crowds = new Crowds(options);
  }

  /** Returns the Echo when it was answered at once, in whole. */
  answer(exchange: Exchange, address: ObjectAddress, held?: Held): Echo | undefined {
    const { directory, reply } = this.#options;
    const view = directory.get(address.channel);
    if (view === undefined) {
      reply.problem(exchange, address.name.kind, 'unknown-channel');
      return undefined;
    }
    if (address.kind === 'text') return this.#answerText(exchange, address, view, held);
    return this.#answerMedia(exchange, address, view, held);
  }

  #answerText(exchange: Exchange, address: TextAddress, view: ChannelView, held: Held | undefined): Echo | undefined {
    const { reply } = this.#options;
    const { name, directives } = address;
    // Elsewhere directives are unknown query parameters.
    const isInForce = name.kind === 'hls-media';
    if (isInForce && directives.kind === 'malformed') {
      reply.refuse(exchange, name.kind, 'bad-directive', directives.why);
      return undefined;
    }
    const answer = view.text(name, isInForce && directives.kind === 'directives' ? directives : undefined);
    switch (answer.kind) {
      case 'ready': {
        const kind = answer.of === 'edge' ? 'hls-blocked' : name.kind;
        return this.#text(exchange, kind, ofText(kind, answer.revision, ownerOf(address)));
      }
      case 'pending':
        this.#hold(exchange, address, view, { awaited: 'object', ...answer }, held);
        return undefined;
      case 'refused':
        reply.refuse(exchange, name.kind, 'bad-directive', answer.why);
        return undefined;
      case 'gone':
        reply.absent(exchange, name.kind, 'withdrawn', view.id);
        return undefined;
      case 'unknown':
        reply.absent(exchange, name.kind, 'unknown', view.id);
        return undefined;
    }
  }

  #answerMedia(exchange: Exchange, address: MediaAddress, view: ChannelView, held: Held | undefined): Echo | undefined {
    const { reply } = this.#options;
    const { kind } = address.name;
    const answer = view.media(address.name);
    switch (answer.kind) {
      case 'ready':
        return reply.represent(exchange, kind, ofObject(kind, answer.object, ownerOf(address)));
      case 'growing':
        this.#grow(exchange, address, view, answer, held);
        return undefined;
      case 'pending': {
        const { holdMs } = view;
        this.#hold(exchange, address, view, { awaited: 'object', key: answer.key, holdMs, late: 'not-yet' }, held);
        return undefined;
      }
      case 'too-early':
        reply.absent(exchange, kind, 'not-yet', view.id);
        return undefined;
      case 'gone':
        reply.absent(exchange, kind, 'gone', view.id);
        return undefined;
      case 'unknown':
        reply.absent(exchange, kind, 'unknown', view.id);
        return undefined;
    }
  }

  #grow(exchange: Exchange, address: MediaAddress, view: ChannelView, answer: Growing, held: Held | undefined): void {
    const { request } = exchange;
    const { connections, reply } = this.#options;
    if (connections.isClosing) {
      reply.problem(exchange, address.name.kind, 'overloaded');
      return;
    }
    // RFC 9112 7.1: HTTP/1.0 has no chunked coding, and a body that ends with its connection looks whole when it is cut.
    if (request.httpVersion === '1.0' && request.method === 'GET') {
      const wait: Hold = { awaited: 'whole', key: answer.key, holdMs: patienceMs(view), late: 'expired' };
      this.#hold(exchange, address, view, wait, held);
      return;
    }
    answerGrowing(this.#options, exchange, view, address.name, answer);
  }

  #hold(exchange: Exchange, address: ObjectAddress, view: ChannelView, wait: Hold, before: Held | undefined): void {
    const { clock, connections, load, reply, waiters } = this.#options;
    const { kind } = address.name;
    const nowMs = clock.nowMs();
    const endMs = before?.awaited === wait.awaited ? before.endMs : nowMs + wait.holdMs;
    if (connections.isClosing) {
      reply.problem(exchange, kind, 'overloaded');
      return;
    }
    // Who was let in to wait and was woken in vain waits on.
    if (before === undefined && load.refuses(`held-${address.kind}`, kind) !== undefined) {
      reply.problem(exchange, kind, 'overloaded');
      return;
    }
    const held: Held = { ...wait, endMs };
    const question = this.#crowds.questionOf(exchange, address);
    const cancel = waiters.hold(view, wait.key, Math.max(0, endMs - nowMs), (end, slice) => {
      if (end === 'ready' && this.#crowds.repeat(question, slice, { exchange, forget: stopWatching })) return;
      stopWatching();
      const echo = this.#ended(exchange, address, held, end);
      if (end === 'ready') this.#crowds.note(question, slice, echo);
    });
    if (cancel === undefined) {
      load.shed(kind, 'waiters');
      reply.problem(exchange, kind, 'overloaded');
      return;
    }
    const stopWatching = connections.onGone(exchange.request, cancel);
  }

  /** The wait is over. A fault here must not reach the Channel that woke us. */
  #ended(exchange: Exchange, address: ObjectAddress, held: Held, end: WaitEnd): Echo | undefined {
    const { kind } = address.name;
    const { reply } = this.#options;
    return this.#guarded(exchange, kind, () => {
      if (end === 'ready') return this.answer(exchange, address, held);
      reply.absent(exchange, kind, end === 'late' ? held.late : 'overloaded', address.channel);
      return undefined;
    });
  }

  #guarded(exchange: Exchange, kind: ObjectKind, answer: () => Echo | undefined): Echo | undefined {
    const { log, reply } = this.#options;
    try {
      return answer();
    } catch (thrown) {
      log.error({ error: messageOf(thrown) }, 'request failed');
      reply.problem(exchange, kind, 'internal');
      return undefined;
    }
  }

  #text(exchange: Exchange, kind: ObjectKind, forms: TextForms): Echo | undefined {
    const { reply } = this.#options;
    if (!takesGzip(exchange.request)) return reply.represent(exchange, kind, forms.plain);
    if (forms.gzipped !== undefined) return reply.represent(exchange, kind, forms.gzipped);
    const others = this.#zipping.get(forms);
    if (others === undefined) this.#zip(exchange, kind, forms);
    else others.push(exchange);
    return undefined;
  }

  /** Those who ask for the same form meanwhile are answered with the first. */
  #zip(first: Exchange, kind: ObjectKind, forms: TextForms): void {
    const { log, turns } = this.#options;
    const exchanges = [first];
    this.#zipping.set(forms, exchanges);
    forms
      .gzip()
      .catch((thrown) => {
        log.error({ error: messageOf(thrown) }, 'text not compressed');
        return forms.plain;
      })
      .then((form) => {
        this.#zipping.delete(forms);
        turns.soon(exchanges, (exchange, slice) => this.#zipped(exchange, kind, form, slice));
      })
      .catch((thrown) => log.error({ error: messageOf(thrown) }, 'request failed'));
  }

  #zipped(exchange: Exchange, kind: ObjectKind, form: Representation, slice: Slice): void {
    // All of a slice are given the same form here.
    const question = asksPlainly(exchange.request, exchange.response) ? 'zipped' : undefined;
    if (this.#crowds.repeat(question, slice, { exchange, forget: () => {} })) return;
    const echo = this.#guarded(exchange, kind, () => this.#options.reply.represent(exchange, kind, form));
    this.#crowds.note(question, slice, echo);
  }
}

function ownerOf({ channel, name }: ObjectAddress): Owner {
  return { channel, track: 'track' in name ? name.track : undefined };
}

/** Returns the function that answers one exchange, now or when its object is there. */
export function createMediaHandler(options: MediaHandlerOptions): (exchange: Exchange, address: ObjectAddress) => void {
  const handler = new MediaHandler(options);
  return (exchange, address) => {
    handler.answer(exchange, address);
  };
}
