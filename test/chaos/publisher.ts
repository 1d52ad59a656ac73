/**
 * The encoder at the venue: one publishing process, started again when it dies, and a spare that is loaded already, so that
 * "back after 0.5 s" is 0.5 s. It never outlives `end`. Who is closed by the server comes back after a second, as encoders do.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../rig/service.ts';

export type PublisherOrder =
  | {
      readonly kind: 'start';
      readonly port: number;
      readonly streamName: string;
      readonly clip: string;
      readonly startStamp: number;
      /** Of the publisher's clock against ours. */
      readonly speed: number;
    }
  | { readonly kind: 'shift'; readonly what: 'all' | 'audio'; readonly byMs: number }
  /** From now on everything is sent so much later, as behind a queue that stays. */
  | { readonly kind: 'delay'; readonly byMs: number }
  | { readonly kind: 'mute'; readonly track: 'audio' | 'video'; readonly forMs: number }
  | { readonly kind: 'clip'; readonly clip: string };

export interface PublisherOptions {
  readonly port: number;
  readonly streamName: string;
  readonly clip: string;
  readonly speed?: number;
}

const RECONNECT_MS = 1_000;

export class Publisher {
  readonly #options: PublisherOptions;
  #process: ChildProcess | undefined;
  #spare: Promise<ChildProcess>;
  #isOver = false;
  /** A kill is under way, which says itself when to come back. */
  #isKilled = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#spare = load();
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Resolves when the server let it in, or when it did not. */
  async start(startStamp = 0): Promise<boolean> {
    const child = await this.#spare;
    if (this.#isOver) return false;
    this.#process = child;
    this.#spare = load();
    const answered = Promise.race([once(child, 'message').then(() => true), once(child, 'exit').then(() => false)]);
    child.once('exit', () => void this.#exited(child));
    child.send({ kind: 'start', startStamp, speed: 1, ...this.#options } satisfies PublisherOrder);
    return answered;
  }

  tell(order: PublisherOrder): void {
    if (this.#process?.connected === true) this.#process.send(order);
  }

  /** SIGKILL, and back so much later. */
  async killFor(ms: number, startStamp?: number): Promise<void> {
    this.#isKilled = true;
    this.#process?.kill('SIGKILL');
    await sleep(ms);
    this.#isKilled = false;
    await this.start(startStamp);
  }

  /** SIGSTOP, then SIGCONT: what was due meanwhile comes at once. */
  async stopFor(ms: number): Promise<void> {
    const child = this.#process;
    child?.kill('SIGSTOP');
    await sleep(ms);
    child?.kill('SIGCONT');
  }

  /** Another publisher with this one's key; it is in when the channel lets it replace this one. */
  async rival(): Promise<boolean> {
    const before = this.#process;
    this.#isKilled = true;
    const isIn = await this.start();
    this.#isKilled = false;
    if (!isIn) this.#process = before;
    if (!isIn && before !== undefined && hasEnded(before)) await this.#exited(before);
    return isIn;
  }

  async end(): Promise<void> {
    this.#isOver = true;
    this.#process?.kill('SIGKILL');
    (await this.#spare).kill('SIGKILL');
  }

  async #exited(child: ChildProcess): Promise<void> {
    if (this.#isOver || this.#isKilled || child !== this.#process) return;
    await sleep(RECONNECT_MS);
    if (this.#process === child && !this.#isKilled) await this.start();
  }
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

async function load(): Promise<ChildProcess> {
  const child = fork(resolve(ROOT, 'test/chaos/publisher-process.ts'), {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await once(child, 'message');
  return child;
}
