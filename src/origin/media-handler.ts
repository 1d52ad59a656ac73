/**
 * Answers GET and HEAD of playlists, MPDs, inits, Segments and parts straight on node:http from prepared buffers.
 * It never makes content and never blocks: an object due next is held for, up to the Channel's holdMs in all.
 * Invariant: each exchange is answered once, or its client has gone and nothing of it is left.
 */
import type { ChannelDirectory, ChannelView } from '../channel/view.ts';
import type { Clock } from '../system/clock.ts';
import { messageOf } from '../system/errors.ts';
import type { Logger } from '../system/log.ts';
import type { Metrics } from '../system/metrics.ts';
import type { OriginAddress } from './address.ts';
import type { ObjectKind } from './cache-policy.ts';
import { prefersGzip } from './conditional.ts';
import type { Connections } from './connections.ts';
import type { Exchange, Reply } from './reply.ts';
import { ofObject, ofText, type TextForms } from './representation.ts';
import type { WaitEnd, Waiters } from './waiters.ts';

export type ObjectAddress = Extract<OriginAddress, { kind: 'text' | 'media' }>;

export interface MediaHandlerOptions {
  readonly directory: ChannelDirectory;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly reply: Reply;
  readonly waiters: Waiters;
  readonly connections: Connections;
}

class MediaHandler {
  readonly #options: MediaHandlerOptions;

  constructor(options: MediaHandlerOptions) {
    this.#options = options;
  }

  /** deadlineMs: when the hold ends, once it has begun. */
  answer(exchange: Exchange, address: ObjectAddress, deadlineMs?: number): void {
    const { directory, reply } = this.#options;
    const { kind } = address.name;
    const view = directory.get(address.channel);
    if (view === undefined) {
      reply.problem(exchange, kind, 'unknown-channel');
      return;
    }
    const answer = address.kind === 'text' ? view.text(address.name) : view.media(address.name);
    switch (answer.kind) {
      case 'ready':
        if ('revision' in answer) {
          this.#text(exchange, kind, ofText(kind, answer.revision));
          return;
        }
        reply.represent(exchange, kind, ofObject(kind, answer.object));
        return;
      case 'pending':
        this.#hold(exchange, address, view, answer.key, deadlineMs);
        return;
      case 'too-early':
        reply.problem(exchange, kind, 'not-yet');
        return;
      case 'gone':
        reply.problem(exchange, kind, address.kind === 'text' ? 'withdrawn' : 'gone');
        return;
      case 'unknown':
        reply.problem(exchange, kind, 'unknown');
        return;
    }
  }

  #hold(
    exchange: Exchange,
    address: ObjectAddress,
    view: ChannelView,
    key: string,
    deadlineMs: number | undefined,
  ): void {
    const { clock, connections, metrics, reply, waiters } = this.#options;
    const { kind } = address.name;
    const nowMs = clock.nowMs();
    const endMs = deadlineMs ?? nowMs + view.holdMs;
    if (connections.isClosing) {
      reply.problem(exchange, kind, 'overloaded');
      return;
    }
    const cancel = waiters.hold(view, key, Math.max(0, endMs - nowMs), (end) => {
      stopWatching();
      this.#ended(exchange, address, endMs, end);
    });
    if (cancel === undefined) {
      metrics.shed.labels('waiters').inc();
      reply.problem(exchange, kind, 'overloaded');
      return;
    }
    const stopWatching = connections.onGone(exchange.request, cancel);
  }

  /** The wait is over. A fault here must not reach the Channel that woke us. */
  #ended(exchange: Exchange, address: ObjectAddress, endMs: number, end: WaitEnd): void {
    const { kind } = address.name;
    const { log, reply } = this.#options;
    try {
      if (end === 'ready') this.answer(exchange, address, endMs);
      else reply.problem(exchange, kind, end === 'late' ? 'not-yet' : 'overloaded');
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

/** Returns the function that answers one exchange, now or when its object is there. */
export function createMediaHandler(options: MediaHandlerOptions): (exchange: Exchange, address: ObjectAddress) => void {
  const handler = new MediaHandler(options);
  return (exchange, address) => handler.answer(exchange, address);
}
