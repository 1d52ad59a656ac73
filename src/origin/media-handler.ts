/**
 * Answers GET and HEAD of playlists, MPDs, inits, Segments and parts straight on node:http from prepared buffers.
 * It never makes content and never blocks: what is due next is held for, as long as the Channel says, in all.
 * Invariant: each exchange is answered once, or its client has gone and nothing of it is left.
 */
import type { ChannelDirectory, ChannelView } from '../channel/view.ts';
import { messageOf } from '../system/errors.ts';
import type { OriginAddress } from './address.ts';
import type { ObjectKind } from './cache-policy.ts';
import { prefersGzip } from './conditional.ts';
import { answerGrowing, type Growing, type GrowingOptions, patienceMs } from './growing.ts';
import type { Refusal } from './problems.ts';
import type { Exchange } from './reply.ts';
import { type Owner, ofObject, ofText, type TextForms } from './representation.ts';
import type { WaitEnd } from './waiters.ts';

type TextAddress = Extract<OriginAddress, { kind: 'text' }>;
type MediaAddress = Extract<OriginAddress, { kind: 'media' }>;
export type ObjectAddress = TextAddress | MediaAddress;

export interface MediaHandlerOptions extends GrowingOptions {
  readonly directory: ChannelDirectory;
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

  constructor(options: MediaHandlerOptions) {
    this.#options = options;
  }

  answer(exchange: Exchange, address: ObjectAddress, held?: Held): void {
    const { directory, reply } = this.#options;
    const view = directory.get(address.channel);
    if (view === undefined) {
      reply.problem(exchange, address.name.kind, 'unknown-channel');
      return;
    }
    if (address.kind === 'text') this.#answerText(exchange, address, view, held);
    else this.#answerMedia(exchange, address, view, held);
  }

  #answerText(exchange: Exchange, address: TextAddress, view: ChannelView, held: Held | undefined): void {
    const { reply } = this.#options;
    const { name, directives } = address;
    // Elsewhere directives are unknown query parameters.
    const isInForce = name.kind === 'hls-media';
    if (isInForce && directives.kind === 'malformed') {
      reply.refuse(exchange, name.kind, 'bad-directive', directives.why);
      return;
    }
    const answer = view.text(name, isInForce && directives.kind === 'directives' ? directives : undefined);
    switch (answer.kind) {
      case 'ready': {
        const kind = answer.of === 'edge' ? 'hls-blocked' : name.kind;
        this.#text(exchange, kind, ofText(kind, answer.revision, ownerOf(address)));
        return;
      }
      case 'pending':
        this.#hold(exchange, address, view, { awaited: 'object', ...answer }, held);
        return;
      case 'refused':
        reply.refuse(exchange, name.kind, 'bad-directive', answer.why);
        return;
      case 'gone':
        reply.absent(exchange, name.kind, 'withdrawn', view.id);
        return;
      case 'unknown':
        reply.absent(exchange, name.kind, 'unknown', view.id);
        return;
    }
  }

  #answerMedia(exchange: Exchange, address: MediaAddress, view: ChannelView, held: Held | undefined): void {
    const { reply } = this.#options;
    const { kind } = address.name;
    const answer = view.media(address.name);
    switch (answer.kind) {
      case 'ready':
        reply.represent(exchange, kind, ofObject(kind, answer.object, ownerOf(address)));
        return;
      case 'growing':
        this.#grow(exchange, address, view, answer, held);
        return;
      case 'pending': {
        const { holdMs } = view;
        this.#hold(exchange, address, view, { awaited: 'object', key: answer.key, holdMs, late: 'not-yet' }, held);
        return;
      }
      case 'too-early':
        reply.absent(exchange, kind, 'not-yet', view.id);
        return;
      case 'gone':
        reply.absent(exchange, kind, 'gone', view.id);
        return;
      case 'unknown':
        reply.absent(exchange, kind, 'unknown', view.id);
        return;
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
    const cancel = waiters.hold(view, wait.key, Math.max(0, endMs - nowMs), (end) => {
      stopWatching();
      this.#ended(exchange, address, held, end);
    });
    if (cancel === undefined) {
      load.shed(kind, 'waiters');
      reply.problem(exchange, kind, 'overloaded');
      return;
    }
    const stopWatching = connections.onGone(exchange.request, cancel);
  }

  /** The wait is over. A fault here must not reach the Channel that woke us. */
  #ended(exchange: Exchange, address: ObjectAddress, held: Held, end: WaitEnd): void {
    const { kind } = address.name;
    const { log, reply } = this.#options;
    try {
      if (end === 'ready') this.answer(exchange, address, held);
      else reply.absent(exchange, kind, end === 'late' ? held.late : 'overloaded', address.channel);
    } catch (thrown) {
      log.error({ error: messageOf(thrown) }, 'request failed');
      reply.problem(exchange, kind, 'internal');
    }
  }

  #text(exchange: Exchange, kind: ObjectKind, forms: TextForms): void {
    const { reply, log } = this.#options;
    const encodings = exchange.request.headers['accept-encoding'];
    if (!prefersGzip(Array.isArray(encodings) ? encodings.join(',') : encodings)) {
      reply.represent(exchange, kind, forms.plain);
      return;
    }
    if (forms.gzipped !== undefined) {
      reply.represent(exchange, kind, forms.gzipped);
      return;
    }
    forms
      .gzip()
      .catch((thrown) => {
        log.error({ error: messageOf(thrown) }, 'text not compressed');
        return forms.plain;
      })
      .then((form) => reply.represent(exchange, kind, form))
      .catch((thrown) => {
        log.error({ error: messageOf(thrown) }, 'request failed');
        reply.problem(exchange, kind, 'internal');
      });
  }
}

function ownerOf({ channel, name }: ObjectAddress): Owner {
  return { channel, track: 'track' in name ? name.track : undefined };
}

/** Returns the function that answers one exchange, now or when its object is there. */
export function createMediaHandler(options: MediaHandlerOptions): (exchange: Exchange, address: ObjectAddress) => void {
  const handler = new MediaHandler(options);
  return (exchange, address) => handler.answer(exchange, address);
}
