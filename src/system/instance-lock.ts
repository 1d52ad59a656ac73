/**
 * One service a folder: the holder listens on a UNIX socket in it, so the lock ends with the process and can't be stale.
 * It never trusts a process id: a lock is held exactly as long as somebody accepts connections on it, also from another container.
 * Invariant: of services that start at once one gets it (the socket is put in place by link(2), which never replaces).
 */
import { linkSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
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

const SOCKET = 'service.sock';
/** The same facts for people, and for when the holder hangs. */
const FACTS = 'service.json';
const ANSWER_WITHIN_MS = 1_000;
/** A holder that stops has this long before it counts as staying. */
const STOPPED_WITHIN_MS = 6_000;
const LOOK_AGAIN_MS = 50;
/** Two that find the same dead socket: each look takes one of them on. */
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
    if (held.claim()) return { kind: 'locked', lock: held };
    const holder = await ask(join(folder, SOCKET), clock);
    if (holder === 'dead') {
      look += 1;
      await removeDead(folder, clock);
    } else if (holder !== 'silent' && holder.isStopping && clock.monotonicUs() < endUs)
      await new Promise<void>((resolve) => void clock.after(LOOK_AGAIN_MS, resolve));
    else {
      await held.close();
      return { kind: 'held', by: holder === 'silent' ? written(folder) : holder };
    }
  }
  throw new Error(`${join(folder, SOCKET)} comes and goes`);
}

class HeldFolder implements InstanceLock {
  readonly #folder: string;
  /** The folder itself, or the outermost that was made for it. */
  readonly #firstMade: string;
  readonly #server: Server;
  readonly #ownPath: string;
  #facts: InstanceFacts;
  #inode: number | undefined;

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
    const path = join(folder, `service.${randomId(4)}.sock`);
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

  /** False when the folder's socket is there already. */
  claim(): boolean {
    const place = join(this.#folder, SOCKET);
    try {
      linkSync(this.#ownPath, place);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw thrown;
    }
    this.#inode = statSync(place).ino;
    rmSync(this.#ownPath, { force: true });
    this.tell({});
    return true;
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
    const place = join(this.#folder, SOCKET);
    try {
      if (this.#inode !== undefined && statSync(place).ino === this.#inode) {
        rmSync(join(this.#folder, FACTS), { force: true });
        rmSync(place, { force: true });
      }
      rmSync(this.#ownPath, { force: true });
    } catch {
      // Gone, or not to be written any more: a dead socket is taken for what it is.
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

/** Moved away first: what was moved is looked at again, and put back if it is alive, for another may have been quicker. */
async function removeDead(folder: string, clock: Clock): Promise<void> {
  const [place, away] = [join(folder, SOCKET), join(folder, `service.${randomId(4)}.old`)];
  try {
    renameSync(place, away);
  } catch {
    return; // Another one has moved it.
  }
  if ((await ask(away, clock)) !== 'dead') {
    try {
      linkSync(away, place);
    } catch {
      // A third one is there.
    }
  }
  rmSync(away, { force: true });
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
