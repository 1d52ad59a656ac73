/**
 * Hands out a Segment while it is being made: what there is of it at once, the rest as it comes (LL-DASH, chunked transfer).
 * It never holds bytes of its own: while a client takes nothing it is not asked what is new. Invariant: the body ends properly
 * only when the whole Segment is out; otherwise its socket is destroyed without the last chunk, so that no cache keeps it
 * (RFC 9112 8: a chunked body without its last chunk is incomplete; RFC 9111 3.3: and not stored as complete).
 */
import type { ChannelView, MediaAnswer, MediaName } from '../channel/view.ts';
import type { Clock } from '../system/clock.ts';
import { messageOf } from '../system/errors.ts';
import type { Logger } from '../system/log.ts';
import { type StoredObject, sizeOf } from '../window/model.ts';
import type { ObjectKind } from './cache-policy.ts';
import type { Connections } from './connections.ts';
import type { Load } from './load.ts';
import type { Exchange, OpenBody, Reply } from './reply.ts';
import type { WaitEnd, Waiters } from './waiters.ts';

export type Growing = Extract<MediaAnswer, { kind: 'growing' }>;

export interface GrowingOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly load: Load;
  readonly reply: Reply;
  readonly waiters: Waiters;
  readonly connections: Connections;
}

/** A Segment's next part, or its end, is at most this many Segments away, or it never comes. */
const PATIENCE_SEGMENTS = 2;

/** How long one waits for a Segment that has begun. */
export function patienceMs(view: ChannelView): number {
  return PATIENCE_SEGMENTS * view.segmentMs;
}

class GrowingBody {
  readonly #options: GrowingOptions;
  readonly #view: ChannelView;
  readonly #name: MediaName;
  readonly #exchange: Exchange;
  readonly #body: OpenBody;
  #sentParts = 0;
  #sentBytes = 0;
  #deadlineMs = 0;

  constructor(options: GrowingOptions, exchange: Exchange, view: ChannelView, name: MediaName, body: OpenBody) {
    this.#options = options;
    this.#view = view;
    this.#name = name;
    this.#exchange = exchange;
    this.#body = body;
  }

  /** A fault in here must reach neither the Channel that woke us nor the socket that drained. */
  take(answer: () => MediaAnswer): void {
    if (this.#body.isGone) return;
    try {
      this.#take(answer());
    } catch (thrown) {
      this.#options.log.error({ error: messageOf(thrown) }, 'growing segment cut off');
      this.#body.cut();
    }
  }

  #take(answer: MediaAnswer): void {
    if (answer.kind === 'growing') this.#more(answer);
    else if (answer.kind === 'ready') this.#finish(answer.object);
    else this.#body.cut();
  }

  readonly #ask = (): void => this.take(() => this.#view.media(this.#name));

  #more({ parts, key }: Growing): void {
    const nowMs = this.#options.clock.nowMs();
    for (let part = parts[this.#sentParts]; part !== undefined; part = parts[this.#sentParts]) {
      this.#sentParts += 1;
      this.#sentBytes += part.bytes.length;
      this.#deadlineMs = nowMs + patienceMs(this.#view);
      if (!this.#body.write(part.bytes)) {
        this.#body.onceDrained(this.#ask);
        return;
      }
    }
    this.#wait(key, this.#deadlineMs - nowMs);
  }

  #wait(key: string, forMs: number): void {
    const { connections, load, waiters } = this.#options;
    const onEnd = (end: WaitEnd): void => {
      stopWatching();
      if (end === 'ready') this.#ask();
      else this.#body.cut();
    };
    const cancel = waiters.hold(this.#view, key, Math.max(0, forMs), onEnd, true);
    if (cancel === undefined) {
      if (!connections.isClosing) load.shed(this.#name.kind, 'waiters');
      this.#body.cut();
      return;
    }
    const stopWatching = connections.onGone(this.#exchange.request, cancel);
  }

  #finish(whole: StoredObject): void {
    const sizeBytes = sizeOf(whole);
    if (sizeBytes < this.#sentBytes) throw new Error(`segment of ${sizeBytes} bytes, ${this.#sentBytes} sent`);
    this.#body.end(whole, this.#sentBytes);
  }
}

/** Answers with what there is and goes on by itself; HEAD and conditions are answered at once. */
export function answerGrowing(
  options: GrowingOptions,
  exchange: Exchange,
  view: ChannelView,
  name: MediaName,
  answer: Growing,
): void {
  const kind: ObjectKind = name.kind;
  const body = options.reply.begin(exchange, kind, answer.contentType, { channel: view.id, track: name.track });
  if (body === undefined) return;
  options.connections.growing(exchange.response);
  new GrowingBody(options, exchange, view, name, body).take(() => answer);
}
