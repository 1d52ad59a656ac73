/**
 * One service a folder: the holder listens on a UNIX socket in it, so the lock ends with the process and can't be stale.
 * It never trusts a process id: a lock is held exactly as long as somebody accepts connections on it, also from another container.
 * Invariant: of services that start at once one gets it. Sockets are numbered: one may take the next number when all there are dead,
 * link(2) gives a number to one alone, and who then sees another one alive, or higher, gives way.
 */
import { linkSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import type { Clock } from './clock.ts';
import { messageOf } from './errors.ts';
import { randomId } from './ids.ts';
import { socketAddress } from './socket-path.ts';

/** Who holds a folder, as it says itself. */
export interface InstanceFacts {
  readonly pid: number;
  /** UTC in ms. */
  readonly sinceMs: number;
  /** Open ports by name. */
  readonly ports: Readonly<Record<string, number>>;
  readonly isStopping: boolean;
}

export interface InstanceLock {
  tell(facts: Partial<Pick<InstanceFacts, 'ports' | 'isStopping'>>): void;
  close(): Promise<void>;
}

export type LockOutcome =
  | { readonly kind: 'locked'; readonly lock: InstanceLock }
  /** undefined: it has never said who it is. */
  | { readonly kind: 'held'; readonly by: InstanceFacts | undefined }
  /** Read-only, or a file system without sockets or links. */
  | { readonly kind: 'impossible'; readonly why: string };

const SOCKET = /^service\.(\d+)\.sock$/;
const socketOf = (folder: string, number: number): string => join(folder, `service.${number}.sock`);
/** The same facts for people, and for when the holder hangs. */
const FACTS = 'service.json';
const ANSWER_WITHIN_MS = 1_000;
/** A holder that stops has this long before it counts as staying. */
const STOPPED_WITHIN_MS = 6_000;
const LOOK_AGAIN_MS = 50;
/** Who gave way, or was not the first to take a number, looks again. */
const MAX_LOOKS = 20;

/** Takes the folder, which is made where it is not there (0700), for the life of this process. */
export async function lockFolder(folder: string, clock: Clock): Promise<LockOutcome> {
  const facts: InstanceFacts = { pid: process.pid, sinceMs: clock.nowMs(), ports: {}, isStopping: false };
  let held: HeldFolder | undefined;
  try {
    const firstMade = mkdirSync(folder, { recursive: true, mode: 0o700 }) ?? folder;
    held = await HeldFolder.listen(folder, firstMade, facts);
    return await take(held, folder, clock);
  } catch (thrown) {
    await held?.close();
    return { kind: 'impossible', why: messageOf(thrown) };
  }
}

async function take(held: HeldFolder, folder: string, clock: Clock): Promise<LockOutcome> {
  const endUs = clock.monotonicUs() + STOPPED_WITHIN_MS * 1000;
  for (let look = 0; look < MAX_LOOKS; ) {
    const numbers = numbersIn(folder);
    const holder = await livingOf(folder, numbers, clock);
    if (holder === undefined) {
      look += 1;
      if (await claim(held, folder, Math.max(0, ...numbers) + 1, clock)) return { kind: 'locked', lock: held };
    } else if (holder !== 'silent' && holder.isStopping && clock.monotonicUs() < endUs)
      await new Promise<void>((resolve) => void clock.after(LOOK_AGAIN_MS, resolve));
    else {
      await held.close();
      return { kind: 'held', by: holder === 'silent' ? written(folder) : holder };
    }
  }
  throw new Error(`others in ${folder} come and go`);
}

/** Takes the number, and keeps it where nobody else is alive and none is higher. */
async function claim(held: HeldFolder, folder: string, number: number, clock: Clock): Promise<boolean> {
  if (!held.takeNumber(number)) return false;
  const others = numbersIn(folder).filter((other) => other !== number);
  if (others.some((other) => other > number) || (await livingOf(folder, others, clock)) !== undefined) {
    held.giveWay();
    return false;
  }
  for (const dead of others) rmSync(socketOf(folder, dead), { force: true });
  held.settle();
  return true;
}

function numbersIn(folder: string): number[] {
  return readdirSync(folder).flatMap((name) => {
    const number = SOCKET.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
}

/** The first that is not dead. */
async function livingOf(
  folder: string,
  numbers: readonly number[],
  clock: Clock,
): Promise<InstanceFacts | 'silent' | undefined> {
  const answers = await Promise.all(numbers.map((number) => ask(socketOf(folder, number), clock)));
  for (const answer of answers) if (answer !== 'dead') return answer;
  return undefined;
}

class HeldFolder implements InstanceLock {
  readonly #folder: string;
  /** The folder itself, or the outermost that was made for it. */
  readonly #firstMade: string;
  readonly #server: Server;
  readonly #ownPath: string;
  #facts: InstanceFacts;
  #number: number | undefined;

  private constructor(folder: string, firstMade: string, server: Server, ownPath: string, facts: InstanceFacts) {
    this.#folder = folder;
    this.#firstMade = firstMade;
    this.#server = server;
    this.#ownPath = ownPath;
    this.#facts = facts;
    server.unref();
    server.on('connection', (socket) => {
      socket.on('error', () => socket.destroy());
      socket.end(`${JSON.stringify(this.#facts)}\n`);
    });
  }

  /** Under a name of its own, not the folder's yet. */
  static listen(folder: string, firstMade: string, facts: InstanceFacts): Promise<HeldFolder> {
    const path = join(folder, `claim-${randomId(4)}.sock`);
    const server = createServer();
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      const umask = process.umask(0o177);
      server.listen(socketAddress(path), () => {
        server.off('error', reject);
        server.on('error', () => undefined);
        resolve(new HeldFolder(folder, firstMade, server, path, facts));
      });
      process.umask(umask);
    });
  }

  /** False when another one has it. */
  takeNumber(number: number): boolean {
    try {
      linkSync(this.#ownPath, socketOf(this.#folder, number));
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw thrown;
    }
    this.#number = number;
    return true;
  }

  giveWay(): void {
    if (this.#number !== undefined) rmSync(socketOf(this.#folder, this.#number), { force: true });
    this.#number = undefined;
  }

  /** The folder is ours. */
  settle(): void {
    rmSync(this.#ownPath, { force: true });
    this.tell({});
  }

  tell(facts: Partial<Pick<InstanceFacts, 'ports' | 'isStopping'>>): void {
    this.#facts = { ...this.#facts, ...facts };
    try {
      writeFileSync(join(this.#folder, FACTS), `${JSON.stringify(this.#facts)}\n`, { mode: 0o600 });
    } catch {
      // The socket says it as well; the disk may be full.
    }
  }

  async close(): Promise<void> {
    try {
      if (this.#number !== undefined) rmSync(join(this.#folder, FACTS), { force: true });
      // Before it stops listening: a number that is there and dead is one that was killed.
      this.giveWay();
      rmSync(this.#ownPath, { force: true });
    } catch {
      // Not to be written any more: a dead socket is taken for what it is.
    }
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    try {
      for (let empty = this.#folder; empty.length >= this.#firstMade.length; empty = dirname(empty)) rmdirSync(empty);
    } catch {
      // An RTMP child stays in it, or what was kept.
    }
  }
}

/** `dead`: nobody accepts; `silent`: somebody does and says nothing. */
function ask(path: string, clock: Clock): Promise<InstanceFacts | 'dead' | 'silent'> {
  return new Promise((resolve) => {
    const socket = connect(socketAddress(path));
    let text = '';
    const over = (answer: InstanceFacts | 'dead' | 'silent') => {
      cancel();
      socket.destroy();
      resolve(answer);
    };
    const cancel = clock.after(ANSWER_WITHIN_MS, () => over('silent'));
    socket.setEncoding('utf8');
    socket.on('data', (more: string) => {
      text += more;
    });
    socket.on('error', ({ code }: NodeJS.ErrnoException) =>
      over(code === 'ECONNREFUSED' || code === 'ENOENT' ? 'dead' : 'silent'),
    );
    socket.on('end', () => over(parseFacts(text) ?? 'silent'));
  });
}

function written(folder: string): InstanceFacts | undefined {
  try {
    return parseFacts(readFileSync(join(folder, FACTS), 'utf8'));
  } catch {
    return undefined;
  }
}

function parseFacts(text: string): InstanceFacts | undefined {
  try {
    const { pid, sinceMs, ports, isStopping } = JSON.parse(text) as Partial<InstanceFacts>;
    if (typeof pid !== 'number' || typeof sinceMs !== 'number' || typeof ports !== 'object') return undefined;
    return { pid, sinceMs, ports, isStopping: isStopping === true };
  } catch {
    return undefined;
  }
}
