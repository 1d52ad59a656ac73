/**
 * The child's end of the link: a UNIX socket on which the service dials one control connection and one per publish.
 * It never accepts from the network (the socket's folder is private). Invariant: the child lives as long as its service;
 * where it may be handed over and has publishers, `holdMs` longer, for the next service to find.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../system/clock.ts';
import { messageOf } from '../../system/errors.ts';
import {
  encodeLine,
  type FromChild,
  type Hello,
  HTTP_YIELDED,
  LINK_VERSION,
  LineReader,
  type PlacedTag,
  parseToChild,
  type ToChild,
} from '../link-messages.ts';
import { Gate, type Publish } from './gate.ts';
import { HeldTags } from './held-tags.ts';
import { PublishPipe } from './publish-pipe.ts';
import { WaitingRoom } from './waiting-room.ts';

/** Keys of many channels come in one line. */
const MAX_LINE = 8 * 1024 * 1024;
/** Refusals are told while the service keeps up; a flood of them is not worth memory. */
const MAX_CONTROL_BACKLOG = 64 * 1024;
/** A service that dies closes its connections in any order: so long a publish waits for the word of its end. */
const LAST_WORD_MS = 1_000;

interface HeldPublish {
  readonly publish: Publish;
  readonly pipe: PublishPipe;
  readonly beganUs: number;
  placed: PlacedTag | undefined;
}

export class ServiceLink {
  readonly #clock: Clock;
  readonly #onGone: () => void;
  readonly #server: Server;
  readonly #publishes = new Map<string, HeldPublish>();
  readonly #room: WaitingRoom;
  #control: Socket | undefined;
  #hello: Hello | undefined;
  #gate: Gate | undefined;
  #ports: { readonly port: number; readonly tlsPort: number } | undefined;
  /** The port whose opening may fail now. */
  #opening = 0;
  #cancelHold: () => void = () => undefined;

  /** `onGone` is called when there is nobody to live for. */
  constructor(clock: Clock, onGone: () => void) {
    this.#clock = clock;
    this.#onGone = onGone;
    this.#room = new WaitingRoom(clock);
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Mode 0600 from the start: also where others may enter the folder. */
  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      const umask = process.umask(0o177);
      this.#server.listen(path, () => {
        this.#server.off('error', reject);
        // The service sees its dial fail and ends that publish.
        this.#server.on('error', () => undefined);
        resolve();
      });
      process.umask(umask);
    });
  }

  /** Ends every publish; whoever asked wants the port. */
  leave(reason: string): void {
    for (const { publish } of [...this.#publishes.values()]) publish.session.close('closed', reason);
    this.#onGone();
  }

  /** What started this process has gone before it said hello, or takes it along. */
  starterGone(): void {
    if (this.#hello === undefined || this.#hello.holdMs === 0) this.leave('the service has ended');
  }

  #accept(socket: Socket): void {
    const lines = new LineReader(MAX_LINE);
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      if (socket === this.#control) this.#serviceGone();
    });
    socket.on('data', (text: string) => {
      for (const line of lines.push(text)) {
        const message = parseToChild(line);
        if (message !== undefined) this.#take(socket, message);
      }
    });
  }

  #take(socket: Socket, message: ToChild): void {
    switch (message.kind) {
      case 'hello':
        this.#greet(socket, message);
        return;
      case 'keys':
        this.#gate?.setKeys(message.keys);
        return;
      case 'close':
        this.#publishes.get(message.id)?.publish.session.close('closed', message.reason);
        return;
      case 'placed': {
        const held = this.#publishes.get(message.id);
        if (held !== undefined) held.placed = message.tag;
        return;
      }
      case 'http':
        this.#room.keep(message.at);
        return;
      case 'http-gap':
        this.#room.open();
        return;
      case 'http-yield':
        this.#room.yield();
        socket.write(HTTP_YIELDED);
        return;
      case 'http-taken':
        this.#room.release();
        return;
      case 'ping':
        this.#tell({ kind: 'pong' });
        return;
      case 'leave':
        this.leave('the service ends');
        return;
      case 'attach': {
        const held = this.#publishes.get(message.id);
        if (held === undefined) socket.destroy();
        else held.pipe.attach(socket, () => this.#consumerGone(held));
      }
    }
  }

  #greet(socket: Socket, hello: Hello): void {
    const former = this.#hello;
    if (!this.#fits(hello) || (this.#control !== undefined && !this.#control.destroyed)) {
      socket.write(encodeLine({ kind: 'unfit', pid: process.pid, version: LINK_VERSION }));
      return;
    }
    this.#control = socket;
    this.#hello = hello;
    this.#cancelHold();
    if (former === undefined) this.#open(hello).catch((thrown: unknown) => this.#openFailed(thrown));
    else this.#goOn(hello);
  }

  #fits({ version, listenKey, port, tls }: Hello): boolean {
    const former = this.#hello;
    if (version !== LINK_VERSION) return false;
    if (former === undefined) return true;
    // Ports as they are open, else as the former service wanted them.
    const { port: openPort, tlsPort } = this.#ports ?? { port: former.port, tlsPort: former.tls?.port ?? 0 };
    const isOpen = (wanted: number, open: number) => wanted === 0 || wanted === open;
    return former.listenKey === listenKey && isOpen(port, openPort) && isOpen(tls?.port ?? 0, tlsPort);
  }

  /** Another service: it is told of everybody who is in, as if they had just come. */
  #goOn(hello: Hello): void {
    this.#gate?.setKeys(hello.keys);
    this.#gate?.setLimits(hello.limits);
    // The former one is gone before the port was open: its word stands for both.
    if (this.#ports === undefined) return;
    this.#listening();
    for (const held of this.#publishes.values()) {
      held.pipe.forgetService();
      held.pipe.expect();
      this.#tellBegin(held);
    }
  }

  #serviceGone(): void {
    this.#control = undefined;
    const { holdMs = 0 } = this.#hello ?? {};
    if (holdMs === 0 || this.#publishes.size === 0) {
      this.leave('the service has ended');
      return;
    }
    for (const { pipe } of this.#publishes.values()) pipe.forgetService();
    this.#room.open();
    this.#cancelHold = this.#clock.after(holdMs, () => this.leave('no service came for its publishers'));
  }

  /** One connection closed, and the service is still there: unless it says more, it does not want the publish. */
  #consumerGone({ publish, pipe }: HeldPublish): void {
    const control = this.#control;
    if (this.#hello?.holdMs === 0) {
      publish.session.close('closed', 'by the service');
      return;
    }
    this.#clock.after(LAST_WORD_MS, () => {
      if (this.#control !== undefined && this.#control === control && !pipe.isAttached)
        publish.session.close('closed', 'by the service');
    });
  }

  async #open(hello: Hello): Promise<void> {
    const gate = new Gate(
      {
        onBegin: (publish) => this.#begin(publish),
        onTag: (id, tag) => this.#publishes.get(id)?.pipe.push(tag),
        onEnd: (id, reason, detail) => {
          this.#publishes.get(id)?.pipe.end();
          this.#publishes.delete(id);
          this.#tell({ kind: 'publish-end', id, reason, detail });
          if (this.#control === undefined && this.#publishes.size === 0) this.#onGone();
        },
        onRefused: (reason, address) => {
          if ((this.#control?.writableLength ?? 0) < MAX_CONTROL_BACKLOG)
            this.#tell({ kind: 'refused', reason, address });
        },
      },
      hello.limits,
      this.#clock,
    );
    gate.setKeys(hello.keys);
    this.#gate = gate;
    this.#opening = hello.port;
    const port = await gate.listen(hello.host, hello.port);
    this.#opening = hello.tls?.port ?? 0;
    const tlsPort = hello.tls === undefined ? 0 : await gate.listenTls(hello.tls);
    this.#ports = { port, tlsPort };
    this.#listening();
  }

  #openFailed(thrown: unknown): void {
    const { code = '' } = thrown as NodeJS.ErrnoException;
    this.#tell({ kind: 'listen-failed', port: this.#opening, code, message: messageOf(thrown) });
  }

  #listening(): void {
    const { port = 0, tlsPort = 0 } = this.#ports ?? {};
    this.#tell({ kind: 'listening', port, tlsPort, pid: process.pid, publishes: this.#publishes.size });
  }

  #begin(publish: Publish): void {
    const hello = this.#hello;
    if (hello === undefined) return;
    const tags = hello.holdMs === 0 ? undefined : new HeldTags();
    const pipe = new PublishPipe(publish.session, hello.limits, this.#clock, tags, this.#control !== undefined);
    const held: HeldPublish = { publish, pipe, beganUs: this.#clock.monotonicUs(), placed: undefined };
    this.#publishes.set(publish.id, held);
    this.#tellBegin(held);
  }

  #tellBegin({ publish: { id, channel, session }, beganUs, placed }: HeldPublish): void {
    const { address } = session;
    this.#tell({ kind: 'publish-begin', id, channel, address, beganUs, ...(placed === undefined ? {} : { placed }) });
  }

  #tell(message: FromChild): void {
    this.#control?.write(encodeLine(message));
  }
}
