/**
 * An RTMP child of the service before: looked for on its socket, greeted, and taken over with its publishers.
 * One that does not fit is asked to end, one that hangs is killed. Invariant: whatever the answer, nobody is left on the socket
 * but the child that was taken over.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Clock } from '../system/clock.ts';
import { type ChildListener, dialPublish, type RtmpChild } from './child-process.ts';
import { ControlLink } from './control-link.ts';
import type { Hello, ToChild } from './link-messages.ts';

const ANSWER_WITHIN_MS = 2_000;
const LEAVE_WITHIN_MS = 2_000;
/** As it stands in the child's arguments. */
const CHILD_PROGRAM = /\/ingest\/child\/main\.[jt]s\0/;

/** `unfit`: there was one, of another version or for other ports, and it has ended. */
export type Adoption =
  | { readonly kind: 'adopted' }
  | { readonly kind: 'none' }
  | { readonly kind: 'unfit'; readonly why: string };

export interface AdoptionListener extends ChildListener {
  /** Before the first message. */
  onAdopted(child: RtmpChild): void;
}

class AdoptedChild implements RtmpChild {
  readonly pid: number;
  readonly #socketPath: string;
  readonly #control: ControlLink;

  constructor(socketPath: string, control: ControlLink, pid: number) {
    this.#socketPath = socketPath;
    this.#control = control;
    this.pid = pid;
  }

  send(message: ToChild): void {
    this.#control.send(message);
  }

  dial(id: string): Socket {
    return dialPublish(this.#socketPath, id);
  }

  /** Its end is seen by the connection's. */
  leave(): void {
    this.send({ kind: 'leave' });
  }

  release(): void {
    this.#control.destroy();
  }

  kill(): void {
    killChild(this.pid, this.#socketPath);
  }
}

/** Takes over the child that listens on the socket, if there is one and it fits; its messages go to the listener from then on. */
export function adoptChild(
  socketPath: string,
  hello: Hello,
  clock: Clock,
  listener: AdoptionListener,
): Promise<Adoption> {
  return new Promise((resolve) => {
    let isLeaving = false;
    let adopted: RtmpChild | undefined;
    let unfit = 'it did not answer';
    let cancel = clock.after(ANSWER_WITHIN_MS, () => dismiss());
    const over = (adoption: Adoption) => {
      cancel();
      resolve(adoption);
    };
    const dismiss = () => {
      isLeaving = true;
      control.send({ kind: 'leave' });
      cancel();
      cancel = clock.after(LEAVE_WITHIN_MS, () => {
        control.destroy();
        for (const pid of childPids(socketPath)) killChild(pid, socketPath);
        over({ kind: 'unfit', why: `${unfit}; it was killed` });
      });
    };
    const control: ControlLink = new ControlLink(socketPath, hello, clock, {
      onMessage: (message) => {
        if (adopted !== undefined) listener.onMessage(message);
        else if (isLeaving) return;
        else if (message.kind === 'listening') {
          adopted = new AdoptedChild(socketPath, control, message.pid);
          over({ kind: 'adopted' });
          listener.onAdopted(adopted);
          listener.onMessage(message);
        } else {
          unfit = 'it is of another version or listens elsewhere';
          dismiss();
        }
      },
      onBroken: (reason) => {
        if (adopted === undefined) {
          over(isLeaving ? { kind: 'unfit', why: unfit } : { kind: 'none' });
          return;
        }
        // One that hangs would keep the port.
        adopted.kill();
        listener.onExit(reason);
      },
    });
  });
}

/** Linux alone: elsewhere a child that hangs has to be found by hand. */
function childPids(socketPath: string): number[] {
  try {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return pids.map(Number).filter((pid) => isChild(pid, socketPath));
  } catch {
    return []; // no /proc
  }
}

function isChild(pid: number, socketPath: string): boolean {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return CHILD_PROGRAM.test(command) && command.split('\0').includes(socketPath);
  } catch {
    return false; // it has ended
  }
}

/** Never another process that has got the number since. */
function killChild(pid: number, socketPath: string): void {
  if (process.platform === 'linux' && !isChild(pid, socketPath)) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
