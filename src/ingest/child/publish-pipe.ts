/**
 * The child's end of one publish's connection to the service: tags in, frames out, back-pressure to the publisher.
 * With `held` it lives from service to service: what came last is kept, and whoever attaches gets that first.
 * It never holds a publisher back for a service that is not there, nor while the held tags are on their way.
 * Invariant: bounded by one socket read beyond a full pipe, the held tags, and as much again while they are sent.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../../system/clock.ts';
import { frameHeader, type MediaFrame } from '../media-frames.ts';
import type { HeldTags } from './held-tags.ts';
import type { RtmpLimits } from './limits.ts';
import type { PublisherSession } from './publisher-session.ts';

const FLUSH_MS = 1_000;
/** A service that replays the held tags into an encoder takes them more slowly than live ones. */
const REPLAY_STALL_MS = 12_000;
/** While the held tags are sent, live ones wait behind them: as many bytes at most. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

export class PublishPipe {
  readonly #session: PublisherSession;
  readonly #clock: Clock;
  readonly #fullPipeMs: number;
  readonly #held: HeldTags | undefined;
  #socket: Socket | undefined;
  /** What the socket has not taken yet, oldest first. */
  #waiting: MediaFrame[] = [];
  #waitingBytes = 0;
  #replaying = false;
  #cancelStall: (() => void) | undefined;
  #ended = false;

  /** `isServed`: there is a service, which is to attach. */
  constructor(
    session: PublisherSession,
    limits: RtmpLimits,
    clock: Clock,
    held: HeldTags | undefined = undefined,
    isServed = true,
  ) {
    this.#session = session;
    this.#clock = clock;
    this.#fullPipeMs = limits.fullPipeMs;
    this.#held = held;
    if (isServed) this.expect();
  }

  get isAttached(): boolean {
    return this.#socket !== undefined;
  }

  /** A service is there and has to attach in time. Without held tags the publisher waits for it. */
  expect(): void {
    if (this.#held === undefined) this.#session.pause();
    this.#watchStall(this.#fullPipeMs);
  }

  /** There is no service to wait for. */
  forgetService(): void {
    this.#detach();
    this.#stopWatching();
    this.#session.resume();
  }

  /** The service's connection for this publish; `onGone` is called when it closes while the publish goes on. */
  attach(socket: Socket, onGone: () => void): void {
    if (this.#socket !== undefined || this.#ended) {
      socket.destroy();
      return;
    }
    this.#socket = socket;
    socket.on('error', () => socket.destroy());
    socket.on('drain', () => this.#drained());
    socket.on('close', () => {
      if (this.#socket !== socket || this.#ended) return;
      this.#detach();
      onGone();
    });
    if (this.#held !== undefined) {
      this.#waiting = this.#held.list();
      this.#waitingBytes = this.#held.bytes;
      this.#replaying = true;
    }
    this.#drained();
  }

  push(frame: MediaFrame): void {
    this.#held?.push(frame);
    if (this.#socket === undefined && this.#held !== undefined) return;
    this.#waiting.push(frame);
    this.#waitingBytes += frame.body.length;
    if (this.#socket === undefined) return;
    if (!this.#socket.writableNeedDrain) this.#pump(this.#socket);
    const isSlow = !this.#replaying && this.#socket.writableNeedDrain;
    if (isSlow || this.#waitingBytes > MAX_WAITING_BYTES) this.#hold();
  }

  /** What was written still arrives, within a second. */
  end(): void {
    this.#ended = true;
    this.#stopWatching();
    const socket = this.#socket;
    if (socket !== undefined) for (const frame of this.#waiting) this.#write(socket, frame);
    this.#forgetWaiting();
    socket?.end();
    if (socket !== undefined) this.#clock.after(FLUSH_MS, () => socket.destroy());
  }

  #drained(): void {
    const socket = this.#socket;
    if (socket === undefined || this.#ended) return;
    this.#stopWatching();
    this.#pump(socket);
    if (this.#waiting.length === 0 && !socket.writableNeedDrain) {
      this.#replaying = false;
      this.#session.resume();
    } else this.#watchStall(this.#replaying ? REPLAY_STALL_MS : this.#fullPipeMs);
  }

  #pump(socket: Socket): void {
    let sent = 0;
    for (const frame of this.#waiting) {
      if (sent > 0 && socket.writableNeedDrain) break;
      this.#write(socket, frame);
      this.#waitingBytes -= frame.body.length;
      sent += 1;
    }
    this.#waiting.splice(0, sent);
  }

  #write(socket: Socket, frame: MediaFrame): void {
    socket.cork();
    socket.write(frameHeader(frame));
    socket.write(frame.body);
    socket.uncork();
  }

  #detach(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#replaying = false;
    this.#forgetWaiting();
    socket?.destroy();
  }

  #forgetWaiting(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #hold(): void {
    this.#session.pause();
    if (this.#cancelStall === undefined) this.#watchStall(this.#fullPipeMs);
  }

  #watchStall(afterMs: number): void {
    this.#stopWatching();
    this.#cancelStall = this.#clock.after(afterMs, () =>
      this.#session.close('slow-consumer', 'the service does not take the media'),
    );
  }

  #stopWatching(): void {
    this.#cancelStall?.();
    this.#cancelStall = undefined;
  }
}
