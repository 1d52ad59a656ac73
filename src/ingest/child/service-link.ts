/**
 * The child's end of the link: a UNIX socket on which the service dials one control connection and one per publish.
 * It never accepts from the network (the socket's folder is private). The child lives as long as the control connection.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../system/clock.ts';
import { messageOf } from '../../system/errors.ts';
import { encodeLine, type FromChild, LineReader, parseToChild, type ToChild } from '../link-messages.ts';
import { Gate, type Publish } from './gate.ts';
import { PublishPipe } from './publish-pipe.ts';

/** Keys of many channels come in one line. */
const MAX_LINE = 8 * 1024 * 1024;
/** Refusals are told while the service keeps up; a flood of them is not worth memory. */
const MAX_CONTROL_BACKLOG = 64 * 1024;

export class ServiceLink {
  readonly #clock: Clock;
  readonly #onGone: () => void;
  readonly #server: Server;
  readonly #pipes = new Map<string, PublishPipe>();
  #control: Socket | undefined;
  #gate: Gate | undefined;
  /** The port whose opening may fail now. */
  #opening = 0;

  /** `onGone` is called when the service has left. */
  constructor(clock: Clock, onGone: () => void) {
    this.#clock = clock;
    this.#onGone = onGone;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, () => {
        this.#server.off('error', reject);
        // The service sees its dial fail and ends that publish.
        this.#server.on('error', () => undefined);
        resolve();
      });
    });
  }

  #accept(socket: Socket): void {
    const lines = new LineReader(MAX_LINE);
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      if (socket === this.#control) this.#onGone();
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
        this.#control = socket;
        this.#open(message).catch((thrown: unknown) => {
          const { code } = thrown as NodeJS.ErrnoException;
          this.#tell({
            kind: 'listen-failed',
            port: this.#opening,
            code: code ?? '',
            message: messageOf(thrown),
          });
        });
        return;
      case 'keys':
        this.#gate?.setKeys(message.keys);
        return;
      case 'close':
        this.#gate?.closePublish(message.id, 'closed', message.reason);
        return;
      case 'ping':
        this.#tell({ kind: 'pong' });
        return;
      case 'attach': {
        const pipe = this.#pipes.get(message.id);
        if (pipe === undefined) socket.destroy();
        else pipe.attach(socket);
      }
    }
  }

  async #open(hello: Extract<ToChild, { kind: 'hello' }>): Promise<void> {
    const gate = new Gate(
      {
        onBegin: (publish) => this.#begin(publish, hello),
        onTag: (id, tag) => this.#pipes.get(id)?.push(tag),
        onEnd: (id, reason, detail) => {
          this.#pipes.get(id)?.end();
          this.#pipes.delete(id);
          this.#tell({ kind: 'publish-end', id, reason, detail });
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
    this.#tell({ kind: 'listening', port, tlsPort });
  }

  #begin(publish: Publish, hello: Extract<ToChild, { kind: 'hello' }>): void {
    const { id, channel, session } = publish;
    this.#pipes.set(id, new PublishPipe(session, hello.limits, this.#clock));
    this.#tell({
      kind: 'publish-begin',
      id,
      channel,
      address: session.address,
    });
  }

  #tell(message: FromChild): void {
    this.#control?.write(encodeLine(message));
  }
}
