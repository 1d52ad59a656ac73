/**
 * Sends a stretch of a file as a body: one piece is read while none is waiting to be sent, into a buffer that is used again.
 * It never holds more than that piece, however long the body is. Invariant: the file is open once per body and closed however the
 * body ends; a file that is shorter than it was cuts the connection, it never ends the body early.
 */
import { close, open, read } from 'node:fs';
import type { ServerResponse } from 'node:http';
import type { FileRange } from '../window/model.ts';

/** Larger ones gain nothing over a local socket. */
const PIECE_BYTES = 256 * 1024;
/** Kept for the next bodies; the rest is the garbage collector's. */
const SPARE_PIECES = 16;

const spare: Buffer[] = [];

export interface FileBodyEvents {
  /** The file is open and the client is there: the head may be written. */
  opened(): void;
  /** Before `opened`: nothing was sent. */
  missing(error: NodeJS.ErrnoException): void;
  /** After `opened`: the body can't be finished. */
  broken(error: Error): void;
}

class FileBody {
  readonly #response: ServerResponse;
  readonly #events: FileBodyEvents;
  readonly #piece = spare.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
  readonly #fd: number;
  #position: number;
  #leftBytes: number;
  #isReading = false;
  #isOver = false;

  constructor(fd: number, range: FileRange, response: ServerResponse, events: FileBodyEvents) {
    this.#fd = fd;
    this.#position = range.offset;
    this.#leftBytes = range.sizeBytes;
    this.#response = response;
    this.#events = events;
    response.once('close', () => this.#end());
  }

  /** The error is that of the socket: its response closes. */
  readonly next = (error?: Error | null): void => {
    if (this.#isOver || (error ?? null) !== null) return;
    this.#isReading = true;
    const wanted = Math.min(PIECE_BYTES, this.#leftBytes);
    read(this.#fd, this.#piece, 0, wanted, this.#position, (fault, count) => {
      this.#isReading = false;
      if (this.#isOver) this.#release();
      else if (fault !== null || count === 0) this.#break(fault ?? new Error('the file is shorter than it was'));
      else this.#send(count);
    });
  };

  #send(count: number): void {
    this.#position += count;
    this.#leftBytes -= count;
    const piece = this.#piece.subarray(0, count);
    // The piece is written over only when the socket has taken it.
    if (this.#leftBytes > 0) this.#response.write(piece, this.next);
    else this.#response.end(piece);
  }

  #break(error: Error): void {
    this.#end();
    this.#events.broken(error);
  }

  /** A read that is under way writes into the piece and needs the file. */
  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (!this.#isReading) this.#release();
  }

  #release(): void {
    // An error at closing a file that was only read says nothing about what was sent.
    close(this.#fd, () => undefined);
    if (spare.length < SPARE_PIECES) spare.push(this.#piece);
  }
}

/** Answers with the bytes of the range; `events` says when the head is due. */
export function sendFile(range: FileRange, response: ServerResponse, events: FileBodyEvents): void {
  open(range.path, 'r', (error, fd) => {
    if (error !== null) {
      events.missing(error);
      return;
    }
    if (response.destroyed) {
      close(fd, () => undefined);
      return;
    }
    const body = new FileBody(fd, range, response, events);
    events.opened();
    body.next();
  });
}
