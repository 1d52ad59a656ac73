/**
 * One kept connection to a server: a GET at a time over a socket of its own, as cheap as it can be. node:http would do it at several times the
 * cost: all sockets read into one buffer, and what is not kept is never copied. It never follows a redirect and never sends twice by itself.
 * Invariant: each request ends with one call of `done`, also when the connection is closed under it.
 */
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import { AnswerReader, type ReadAnswer, type Reading } from './answer-reader.ts';

/** Longer than any hold of a blocking reload: three target durations of 6 s. */
const TIMEOUT_MS = 25_000;

/** Handed to one socket after the other; nothing of it lasts longer than the call that brings it. */
const SHARED = Buffer.allocUnsafeSlow(64 * 1024);

export interface Target {
  /** Same server, same kind of connection: `http://HOST:PORT`. */
  readonly server: string;
  /** As it stands in its URL: IPv6 in brackets. */
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
  /** The whole request as it is sent. */
  readonly request: string;
}

/** `fault`: `TIMEOUT`, `CUT` (in the middle of an answer), `NOT_HTTP`, `CLOSED` (by us), or the socket's own code. */
export type Outcome =
  | { readonly answer: ReadAnswer }
  | {
      readonly fault: string /** A kept connection that went before it said a word: RFC 9112 9.3.1 lets a GET be sent again. */;
      readonly mayRepeat: boolean;
    };

export class Connection {
  readonly server: string;
  readonly #socket: Socket;
  readonly #reader = new AnswerReader();
  #done: ((outcome: Outcome) => void) | undefined;
  #wasUsed = false;
  #isOver = false;

  constructor(target: Target, onOver: () => void) {
    this.server = target.server;
    this.#socket = target.isSecure ? this.#secure(target) : this.#plain(target);
    this.#socket.setNoDelay(true);
    this.#socket.setTimeout(TIMEOUT_MS, () => this.#end('TIMEOUT'));
    this.#socket.once('error', (error: NodeJS.ErrnoException) => this.#end(error.code ?? 'ERROR'));
    this.#socket.once('end', () => this.#end('CUT'));
    this.#socket.once('close', () => {
      this.#end('CUT');
      onOver();
    });
  }

  get isIdle(): boolean {
    return this.#done === undefined && !this.#isOver;
  }

  get(target: Target, keep: boolean, done: (outcome: Outcome) => void): void {
    this.#reader.begin(keep);
    this.#done = done;
    this.#socket.write(target.request, 'latin1');
  }

  close(): void {
    this.#end('CLOSED');
  }

  #plain({ host, port }: Target): Socket {
    const callback = (count: number) => {
      this.#took(SHARED.subarray(0, count));
      return true;
    };
    return connect({ host: bare(host), port, onread: { buffer: SHARED, callback } });
  }

  #secure({ host, port }: Target): Socket {
    const socket = connectSecurely({ host: bare(host), port, ...serverName(host), ALPNProtocols: ['http/1.1'] });
    return socket.on('data', (bytes: Buffer) => this.#took(bytes));
  }

  #took(bytes: Buffer): void {
    // Without a question there is no answer.
    const reading: Reading = this.#done === undefined ? 'broken' : this.#reader.take(bytes);
    if (reading === 'more') return;
    if (reading === 'broken') this.#end('NOT_HTTP');
    else this.#answered(reading);
  }

  #answered(answer: ReadAnswer): void {
    const done = this.#done;
    this.#done = undefined;
    this.#wasUsed = true;
    if (!answer.persists) this.#end('CUT');
    done?.({ answer });
  }

  #end(fault: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket.destroy();
    const done = this.#done;
    this.#done = undefined;
    if (done === undefined) return;
    const last: Reading = fault === 'CUT' ? this.#reader.closed() : 'broken';
    if (typeof last === 'object') done({ answer: last });
    else
      done({
        fault,
        mayRepeat:
          this.#wasUsed && !this.#reader.hasBegun && (fault === 'CUT' || fault === 'ECONNRESET' || fault === 'EPIPE'),
      });
  }
}

function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

/** RFC 6066 3: addresses are no server names. */
function serverName(host: string): { readonly servername?: string } {
  return isIP(bare(host)) === 0 ? { servername: host } : {};
}
