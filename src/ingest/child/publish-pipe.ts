/**
 * The child's end of one publish's connection to the service: tags in, frames out, back-pressure to the publisher.
 * It never buffers more than one socket read beyond a full pipe. A pipe full for too long ends the publish.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../../system/clock.ts';
import { frameHeader, type MediaFrame } from '../media-frames.ts';
import type { RtmpLimits } from './limits.ts';
import type { PublisherSession } from './publisher-session.ts';

const FLUSH_MS = 1_000;

export class PublishPipe {
  readonly #session: PublisherSession;
  readonly #clock: Clock;
  readonly #fullPipeMs: number;
  #socket: Socket | undefined;
  /** Tags of the read under way when the publisher was paused; sent as soon as the service has dialled. */
  #early: MediaFrame[] = [];
  #cancelFull: (() => void) | undefined;
  #ended = false;

  constructor(session: PublisherSession, limits: RtmpLimits, clock: Clock) {
    this.#session = session;
    this.#clock = clock;
    this.#fullPipeMs = limits.fullPipeMs;
    this.#hold();
  }

  /** The service's connection for this publish. */
  attach(socket: Socket): void {
    if (this.#socket !== undefined || this.#ended) {
      socket.destroy();
      return;
    }
    this.#socket = socket;
    socket.on('error', () => socket.destroy());
    socket.on('drain', () => this.#release());
    socket.on('close', () => this.#session.close('closed', 'by the service'));
    const early = this.#early;
    this.#early = [];
    for (const frame of early) this.#write(socket, frame);
    if (!socket.writableNeedDrain) this.#release();
  }

  push(frame: MediaFrame): void {
    if (this.#socket === undefined) this.#early.push(frame);
    else if (!this.#write(this.#socket, frame)) this.#hold();
  }

  /** What was written still arrives, within a second. */
  end(): void {
    this.#ended = true;
    this.#early = [];
    this.#cancelFull?.();
    const socket = this.#socket;
    if (socket === undefined) return;
    socket.end();
    this.#clock.after(FLUSH_MS, () => socket.destroy());
  }

  #write(socket: Socket, frame: MediaFrame): boolean {
    socket.cork();
    socket.write(frameHeader(frame));
    const flowing = socket.write(frame.body);
    socket.uncork();
    return flowing;
  }

  #hold(): void {
    if (this.#cancelFull !== undefined) return;
    this.#session.pause();
    this.#cancelFull = this.#clock.after(this.#fullPipeMs, () =>
      this.#session.close('slow-consumer', 'the service does not take the media'),
    );
  }

  #release(): void {
    this.#cancelFull?.();
    this.#cancelFull = undefined;
    this.#session.resume();
  }
}
