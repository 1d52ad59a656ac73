/**
 * Joins one publish's connection from the child to its Feed: frames in, flow and closing out.
 * It never outlives the publish: whatever ends first (connection, publish, child), the Feed is finished exactly once.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../system/clock.ts';
import { messageOf } from '../system/errors.ts';
import type { Logger } from '../system/log.ts';
import { PublishFeed } from './feed.ts';
import type { PlacedTag, PublishEndReason } from './link-messages.ts';
import { FrameReader } from './media-frames.ts';
import type { FeedEnd, PublishIdentity } from './model.ts';
import { END_HINTS } from './refusal-words.ts';

/** How long the last tags may take once the child has said that the publish is over. */
const LAST_TAGS_MS = 500;
/** The next service goes on where this one was at most so long ago: within the slew of the Anchor, 0.2 ms. */
const TELL_PLACED_US = 1_000_000;

const FEED_ENDS: Readonly<Record<PublishEndReason, FeedEnd>> = {
  'publisher-gone': 'publisher-gone',
  closed: 'closed',
  idle: 'idle',
  protocol: 'protocol',
  replaced: 'replaced',
  'slow-consumer': 'closed',
};

const CODES: Readonly<Partial<Record<PublishEndReason, string>>> = {
  idle: 'PUBLISH_IDLE',
  protocol: 'PUBLISH_PROTOCOL',
  'slow-consumer': 'PUBLISH_SLOW_CONSUMER',
};

export interface FeedLinkOptions {
  readonly identity: PublishIdentity;
  /** Of a publish that is taken over: where the service before had put one of its tags. */
  readonly placed: PlacedTag | undefined;
  /** Dialled and attached; from here on ours. */
  readonly socket: Socket;
  readonly maxBodyBytes: number;
  readonly clock: Clock;
  readonly log: Logger;
  onBytes(bytes: number): void;
  /** Of each picture: arrival minus media time, ms. */
  onPicture(lateMs: number): void;
  /** Where tags are put now, for the next service. */
  onPlaced(tag: PlacedTag): void;
  requestClose(reason: string): void;
  onFinished(): void;
}

export class FeedLink {
  readonly feed: PublishFeed;
  readonly #options: FeedLinkOptions;
  #how: FeedEnd | undefined;
  #finished = false;
  #toldUs = Number.NEGATIVE_INFINITY;

  constructor(options: FeedLinkOptions) {
    this.#options = options;
    const { socket, clock, log } = options;
    this.feed = new PublishFeed(options.identity, {
      clock,
      log,
      setFlow: (flowing) => {
        if (flowing) socket.resume();
        else socket.pause();
      },
      onPicture: (lateMs) => options.onPicture(lateMs),
      close: (reason) => this.#close(reason),
      placed: options.placed,
    });
    const reader = new FrameReader(options.maxBodyBytes);
    socket.on('data', (bytes: Buffer) => this.#take(reader, bytes));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#onSocketClosed());
  }

  /** The child says that the publish is over; the connection's end follows with the last tags. */
  publishEnded(reason: PublishEndReason, detail: string): void {
    this.#how ??= FEED_ENDS[reason] ?? 'closed';
    const code = CODES[reason];
    if (code === undefined) this.#options.log.info({ reason, detail }, 'publish ended');
    else this.#options.log.warn({ code, reason, detail, hint: END_HINTS[reason] }, 'publish ended');
    if (this.#options.socket.destroyed) this.finishNow();
    else this.#options.clock.after(LAST_TAGS_MS, () => this.finishNow());
  }

  finishNow(how?: FeedEnd): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#options.socket.destroy();
    this.#options.onFinished();
    this.feed.finish(this.#how ?? how ?? 'publisher-gone');
  }

  #take(reader: FrameReader, bytes: Buffer): void {
    this.#options.onBytes(bytes.length);
    try {
      for (const frame of reader.push(bytes)) this.feed.accept(frame);
      this.#tellPlaced();
    } catch (thrown) {
      // One feed that goes wrong ends alone; the service and the other channels go on.
      this.#options.log.error({ code: 'PUBLISH_PROTOCOL', reason: messageOf(thrown) }, 'feed failed');
      this.#close('the service cannot take this feed');
    }
  }

  #tellPlaced(): void {
    const { placed } = this.feed;
    const nowUs = this.#options.clock.monotonicUs();
    if (placed === undefined || nowUs - this.#toldUs < TELL_PLACED_US) return;
    this.#toldUs = nowUs;
    this.#options.onPlaced(placed);
  }

  #close(reason: string): void {
    if (this.#finished) return;
    this.#how ??= 'closed';
    this.#options.log.warn({ reason }, 'publish closed by the service');
    this.#options.requestClose(reason);
    this.finishNow();
  }

  /** Without a word of the child yet: its message is on the way, or the child has died. */
  #onSocketClosed(): void {
    if (this.#how !== undefined) this.finishNow();
    else this.#options.clock.after(LAST_TAGS_MS, () => this.finishNow());
  }
}
