/**
 * The service's end of a child's control connection: lines out, checked messages in, and a watch on silence.
 * It never knows how the child was started. Invariant: `onBroken` is called once, whatever goes wrong.
 */
import { connect, type Socket } from 'node:net';
import type { Clock } from '../system/clock.ts';
import { socketAddress } from '../system/socket-path.ts';
import { encodeLine, type FromChild, LineReader, parseFromChild, type ToChild } from './link-messages.ts';

const MAX_LINE = 64 * 1024;
const PING_EVERY_MS = 2_000;
const PONG_WITHIN_MS = 10_000;

export interface ControlListener {
  onMessage(message: FromChild): void;
  /** Closed by the child, silent for too long, or against the rules of the link. `reason` is for people. */
  onBroken(reason: string): void;
}

export class ControlLink {
  readonly #clock: Clock;
  readonly #listener: ControlListener;
  readonly #socket: Socket;
  #cancelPing: () => void = () => undefined;
  #heardUs: number;
  #over = false;

  /** Dials the child's socket and says hello. */
  constructor(socketPath: string, hello: ToChild, clock: Clock, listener: ControlListener) {
    this.#clock = clock;
    this.#listener = listener;
    this.#heardUs = clock.monotonicUs();
    this.#socket = connect(socketAddress(socketPath));
    const lines = new LineReader(MAX_LINE);
    this.#socket.setEncoding('utf8');
    this.#socket.on('error', (error) => this.#break(error.message));
    this.#socket.on('close', () => this.#break('its connection closed'));
    this.#socket.on('data', (text: string) => {
      this.#heardUs = clock.monotonicUs();
      try {
        for (const line of lines.push(text)) this.#take(line);
      } catch (thrown) {
        // The child faces strangers: one that breaks the link's rules is replaced.
        if (!(thrown instanceof RangeError)) throw thrown;
        this.#break(thrown.message);
      }
    });
    this.send(hello);
    this.#ping();
  }

  send(message: ToChild): void {
    if (!this.#over) this.#socket.write(encodeLine(message));
  }

  /** What was sent still arrives; nothing is listened to any more. */
  end(): void {
    this.#stop();
    this.#socket.end();
  }

  destroy(): void {
    this.#stop();
    this.#socket.destroy();
  }

  #take(line: string): void {
    if (this.#over) return;
    const message = parseFromChild(line);
    if (message === undefined) this.#break('it said what is no message');
    else if (message.kind !== 'pong') this.#listener.onMessage(message);
  }

  /** A child that hangs is no better than one that has gone. */
  #ping(): void {
    const silentMs = (this.#clock.monotonicUs() - this.#heardUs) / 1000;
    if (silentMs > PONG_WITHIN_MS) {
      this.#break(`it said nothing for ${Math.round(silentMs)} ms`);
      return;
    }
    this.send({ kind: 'ping' });
    this.#cancelPing = this.#clock.after(PING_EVERY_MS, () => this.#ping());
  }

  #stop(): void {
    this.#over = true;
    this.#cancelPing();
  }

  #break(reason: string): void {
    if (this.#over) return;
    this.destroy();
    this.#listener.onBroken(reason);
  }
}
