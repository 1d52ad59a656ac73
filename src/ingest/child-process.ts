/**
 * Starts one RTMP child and dials its control connection: the service's end of the link.
 * It never restarts anything and knows no feeds; that is the ingest's business. Every way a child can end comes out as one `onExit`.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { connect, type Socket } from 'node:net';
import { extname } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Clock } from '../system/clock.ts';
import { encodeLine, type FromChild, LineReader, parseFromChild, type ToChild } from './link-messages.ts';

/** Only where this file itself runs as TypeScript. */
const TYPESCRIPT_LOADER = 'tsx';
const MAX_LINE = 64 * 1024;
const START_TIMEOUT_MS = 20_000;
const PING_EVERY_MS = 2_000;
const PONG_WITHIN_MS = 10_000;
const MAX_LAST_WORDS = 2_000;

export interface ChildListener {
  onMessage(message: FromChild): void;
  /** Called once; `reason` is for people. */
  onExit(reason: string): void;
}

export class RtmpChildProcess {
  readonly #socketPath: string;
  readonly #clock: Clock;
  readonly #listener: ChildListener;
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #cancels = new Set<() => void>();
  #control: Socket | undefined;
  #lastWords = '';
  #heardUs: number;
  #exited = false;

  /** `hello` is sent as soon as the child takes it. */
  constructor(socketPath: string, hello: ToChild, clock: Clock, listener: ChildListener) {
    this.#socketPath = socketPath;
    this.#clock = clock;
    this.#listener = listener;
    this.#heardUs = clock.monotonicUs();
    this.#process = spawnChild(socketPath);
    this.#process.stderr.setEncoding('utf8');
    this.#process.stderr.on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-MAX_LAST_WORDS);
    });
    this.#process.stdin.on('error', () => this.kill());
    this.#process.on('error', (error) => this.#exit(error.message));
    this.#process.on('exit', (code, signal) =>
      this.#exit(`${signal ?? `code ${code}`} ${this.#lastWords.trim().split('\n').at(-1) ?? ''}`.trim()),
    );
    const cancel = clock.after(START_TIMEOUT_MS, () => this.kill());
    this.#cancels.add(cancel);
    this.#process.stdout.once('data', () => {
      cancel();
      this.#dial(hello);
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  send(message: ToChild): void {
    this.#control?.write(encodeLine(message));
  }

  /** A publish's own connection. */
  dial(id: string): Socket {
    const socket = connect(this.#socketPath);
    socket.write(encodeLine({ kind: 'attach', id }));
    return socket;
  }

  /** The end of its stdin and control connection ends the child. */
  leave(): void {
    this.#process.stdin.end();
    this.#control?.destroy();
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  #dial(hello: ToChild): void {
    const control = connect(this.#socketPath);
    const lines = new LineReader(MAX_LINE);
    this.#control = control;
    control.setEncoding('utf8');
    control.on('error', () => this.kill());
    control.on('close', () => this.kill());
    control.on('data', (text: string) => {
      this.#heardUs = this.#clock.monotonicUs();
      try {
        for (const line of lines.push(text)) this.#take(line);
      } catch (thrown) {
        // The child faces strangers: one that breaks the link's rules is replaced.
        if (!(thrown instanceof RangeError)) throw thrown;
        this.kill();
      }
    });
    this.send(hello);
    this.#heardUs = this.#clock.monotonicUs();
    this.#ping();
  }

  #take(line: string): void {
    const message = parseFromChild(line);
    if (message === undefined) this.kill();
    else if (message.kind !== 'pong') this.#listener.onMessage(message);
  }

  /** A child that hangs is no better than one that has gone. */
  #ping(): void {
    if (this.#exited) return;
    const silentMs = (this.#clock.monotonicUs() - this.#heardUs) / 1000;
    if (silentMs > PONG_WITHIN_MS) this.kill();
    this.send({ kind: 'ping' });
    const cancel = this.#clock.after(PING_EVERY_MS, () => {
      this.#cancels.delete(cancel);
      this.#ping();
    });
    this.#cancels.add(cancel);
  }

  #exit(reason: string): void {
    if (this.#exited) return;
    this.#exited = true;
    for (const cancel of this.#cancels) cancel();
    this.#control?.destroy();
    this.#listener.onExit(reason);
  }
}

function spawnChild(socketPath: string): ChildProcessByStdio<Writable, Readable, Readable> {
  const extension = extname(fileURLToPath(import.meta.url));
  const main = fileURLToPath(new URL(`./child/main${extension}`, import.meta.url));
  const loader =
    extension === '.ts'
      ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve(TYPESCRIPT_LOADER)).href]
      : [];
  const { PATH, HOME, TMPDIR } = process.env;
  // The exposed process gets no setting of ours: stream keys may be among them.
  const env = Object.fromEntries(Object.entries({ PATH, HOME, TMPDIR }).filter(([, value]) => value !== undefined));
  return spawn(process.execPath, [...loader, main, socketPath], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env,
  });
}
