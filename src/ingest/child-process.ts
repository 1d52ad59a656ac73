/**
 * One RTMP child as the service has it: started here, or found alive from the service before.
 * It never restarts anything and knows no feeds; that is the ingest's business. Every way a child can end comes out as one `onExit`.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { connect, type Socket } from 'node:net';
import { extname } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Clock } from '../system/clock.ts';
import { socketAddress } from '../system/socket-path.ts';
import { ControlLink } from './control-link.ts';
import { encodeLine, type FromChild, type Hello, type ToChild } from './link-messages.ts';

/** Only where this file itself runs as TypeScript. */
const TYPESCRIPT_LOADER = 'tsx';
const START_TIMEOUT_MS = 20_000;
const MAX_LAST_WORDS = 2_000;

export interface ChildListener {
  onMessage(message: FromChild): void;
  /** Called once; `reason` is for people. */
  onExit(reason: string): void;
}

export interface RtmpChild {
  readonly pid: number | undefined;
  send(message: ToChild): void;
  /** A publish's own connection. */
  dial(id: string): Socket;
  /** Ends the child and its publishers; `onExit` follows. */
  leave(): void;
  /** Lets go of a child that is to outlive this service; no `onExit` follows. */
  release(): void;
  kill(): void;
}

export function dialPublish(socketPath: string, id: string): Socket {
  const socket = connect(socketAddress(socketPath));
  socket.write(encodeLine({ kind: 'attach', id }));
  return socket;
}

export class StartedChild implements RtmpChild {
  readonly #socketPath: string;
  readonly #clock: Clock;
  readonly #listener: ChildListener;
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #cancelStart: () => void;
  #control: ControlLink | undefined;
  #lastWords = '';
  #exited = false;

  /** `hello` is sent as soon as the child takes it; one that may be held gets a process group of its own. */
  constructor(socketPath: string, hello: Hello, clock: Clock, listener: ChildListener) {
    this.#socketPath = socketPath;
    this.#clock = clock;
    this.#listener = listener;
    this.#process = spawnChild(socketPath, hello.holdMs > 0);
    this.#process.stderr.setEncoding('utf8');
    this.#process.stderr.on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-MAX_LAST_WORDS);
    });
    this.#process.stdin.on('error', () => undefined);
    this.#process.on('error', (error) => this.#exit(error.message));
    this.#process.on('exit', (code, signal) =>
      this.#exit(`${signal ?? `code ${code}`} ${this.#lastWords.trim().split('\n').at(-1) ?? ''}`.trim()),
    );
    this.#cancelStart = clock.after(START_TIMEOUT_MS, () => this.kill());
    this.#process.stdout.once('data', () => {
      this.#cancelStart();
      this.#dial(hello);
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  send(message: ToChild): void {
    this.#control?.send(message);
  }

  dial(id: string): Socket {
    return dialPublish(this.#socketPath, id);
  }

  leave(): void {
    this.send({ kind: 'leave' });
    this.#control?.end();
    // Before it was dialled it lives by its stdin.
    this.#process.stdin.end();
  }

  release(): void {
    this.#exited = true;
    this.#cancelStart();
    this.#control?.destroy();
    for (const stream of [this.#process.stdin, this.#process.stdout, this.#process.stderr]) stream.destroy();
    this.#process.unref();
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  #dial(hello: Hello): void {
    if (this.#exited) return;
    this.#control = new ControlLink(this.#socketPath, hello, this.#clock, {
      onMessage: (message) => this.#listener.onMessage(message),
      onBroken: () => this.kill(),
    });
  }

  #exit(reason: string): void {
    if (this.#exited) return;
    this.#exited = true;
    this.#cancelStart();
    this.#control?.destroy();
    this.#listener.onExit(reason);
  }
}

function spawnChild(socketPath: string, detached: boolean): ChildProcessByStdio<Writable, Readable, Readable> {
  const extension = extname(fileURLToPath(import.meta.url));
  const main = fileURLToPath(new URL(`./child/main${extension}`, import.meta.url));
  const loader =
    extension === '.ts'
      ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve(TYPESCRIPT_LOADER)).href]
      : [];
  const { PATH, HOME, TMPDIR } = process.env;
  // The exposed process gets no setting of ours: stream keys may be among them.
  const env = Object.fromEntries(Object.entries({ PATH, HOME, TMPDIR }).filter(([, value]) => value !== undefined));
  // Detached is a session of its own: neither Ctrl-C nor a terminal that closes reaches it. Its folder may be unmounted.
  return spawn(process.execPath, [...loader, main, socketPath], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env,
    detached,
    ...(detached ? { cwd: '/' } : {}),
  });
}
