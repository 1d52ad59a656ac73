/**
 * The RTMP port: our own net.Server, which lets connections and publishes in and counts what it turns away.
 * It never keeps anything for a name that was refused. Invariant: one publisher per channel, decided before Start: the first, or where settings say so the last.
 */
import { constants } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Clock } from '../../system/clock.ts';
import { randomId } from '../../system/ids.ts';
import type { PublishEndReason, RefusalReason, TlsListen } from '../link-messages.ts';
import { admitStreamName, type KeyTable } from '../stream-keys.ts';
import { addressGroup } from './address-group.ts';
import { GuessDelay } from './guess-delay.ts';
import type { RtmpLimits } from './limits.ts';
import { type Admission, PublisherSession, type PublishTag, type SessionHost } from './publisher-session.ts';

const DEADLINE_CHECK_MS = 500;

/** What the gate tells the link. A publish is named by its id from begin to end. */
export interface GateListener {
  onBegin(publish: Publish): void;
  onTag(id: string, tag: PublishTag): void;
  onEnd(id: string, reason: PublishEndReason, detail: string): void;
  onRefused(reason: RefusalReason, address: string): void;
}

export interface Publish {
  readonly id: string;
  readonly channel: string;
  readonly session: PublisherSession;
}

export class Gate implements SessionHost {
  #keys: KeyTable = { salt: '', entries: [] };
  readonly #server: Server;
  #connections = 0;
  readonly #sessions = new Set<PublisherSession>();
  readonly #perAddress = new Map<string, number>();
  #guesses: GuessDelay;
  /** By channel; taken at admission, freed when the session ends. */
  readonly #publishes = new Map<string, Publish>();
  readonly #listener: GateListener;
  #limits: RtmpLimits;
  readonly #clock: Clock;

  constructor(listener: GateListener, limits: RtmpLimits, clock: Clock) {
    this.#listener = listener;
    this.#limits = limits;
    this.#clock = clock;
    this.#guesses = new GuessDelay(limits.guessDelayMs, limits.handshakeTimeoutMs);
    this.#server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
      if (this.#letIn(socket)) this.#begin(socket);
    });
  }

  setKeys(keys: KeyTable): void {
    this.#keys = keys;
  }

  /** For who comes from now on. */
  setLimits(limits: RtmpLimits): void {
    this.#limits = limits;
    this.#guesses = new GuessDelay(limits.guessDelayMs, limits.handshakeTimeoutMs);
  }

  /** Resolves with the port; rejects with the listen error of the system. */
  listen(host: string, port: number): Promise<number> {
    this.#checkDeadlines();
    return this.#listenOn(this.#server, host, port);
  }

  /** RTMPS: the same gate behind a TLS handshake, which counts as a connection and has its own deadline. */
  listenTls({ host, port, certificate, key }: TlsListen): Promise<number> {
    const { handshakeTimeoutMs: handshakeTimeout } = this.#limits;
    const tls = createTlsServer(
      // RFC 8996: nothing below 1.2. A renegotiation costs the server more than the peer.
      {
        cert: certificate,
        key,
        handshakeTimeout,
        minVersion: 'TLSv1.2',
        secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      },
      (secure) => this.#begin(secure),
    );
    tls.on('tlsClientError', (_error, secure) => {
      this.#listener.onRefused('protocol', secure.remoteAddress ?? '');
      secure.destroy();
    });
    const server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
      if (this.#letIn(socket)) tls.emit('connection', socket);
    });
    return this.#listenOn(server, host, port);
  }

  #listenOn(server: Server, host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        // Out of file descriptors: this connection is lost, the publishers that are in stay in.
        server.on('error', () => this.#listener.onRefused('too-many-connections', ''));
        const address = server.address();
        resolve(typeof address === 'object' && address ? address.port : port);
      });
    });
  }

  admit(session: PublisherSession, streamName: string): Admission {
    const verdict = admitStreamName(this.#keys, streamName);
    if (verdict.kind === 'refused') {
      this.#guesses.refused(session.group, this.#clock.monotonicUs());
      return verdict;
    }
    const { channel } = verdict;
    const known = this.#publishes.get(channel);
    if (known !== undefined && !verdict.replaces) return { kind: 'refused', reason: 'already-publishing' };
    known?.session.close('replaced', 'another publisher with the key took over');
    if (this.#publishes.size >= this.#limits.maxNames) return { kind: 'refused', reason: 'too-many-names' };
    const id = randomId();
    this.#publishes.set(channel, { id, channel, session });
    return { kind: 'admitted', channel, id };
  }

  onPublish(_session: PublisherSession, _id: string, channel: string): void {
    const publish = this.#publishes.get(channel);
    if (publish !== undefined) this.#listener.onBegin(publish);
  }

  onTag(session: PublisherSession, tag: PublishTag): void {
    const publish = this.#publishOf(session);
    if (publish !== undefined) this.#listener.onTag(publish.id, tag);
  }

  onRefused(session: PublisherSession, reason: RefusalReason): void {
    this.#listener.onRefused(reason, session.address);
  }

  onEnd(session: PublisherSession, reason: PublishEndReason, detail: string): void {
    const publish = this.#publishOf(session);
    if (publish === undefined) return;
    this.#publishes.delete(publish.channel);
    this.#listener.onEnd(publish.id, reason, detail);
  }

  #publishOf(session: PublisherSession): Publish | undefined {
    for (const publish of this.#publishes.values()) if (publish.session === session) return publish;
    return undefined;
  }

  /** False for a connection too many; it is counted until it closes. */
  #letIn(socket: Socket): boolean {
    const address = socket.remoteAddress;
    if (address === undefined) {
      socket.destroy(); // Gone before it was accepted.
      return false;
    }
    const group = addressGroup(address);
    const fromAddress = this.#perAddress.get(group) ?? 0;
    if (this.#connections >= this.#limits.maxConnections || fromAddress >= this.#limits.maxConnectionsPerAddress) {
      socket.on('error', () => socket.destroy());
      socket.destroy();
      this.#listener.onRefused('too-many-connections', address);
      return false;
    }
    this.#connections++;
    this.#perAddress.set(group, fromAddress + 1);
    socket.on('close', () => {
      this.#connections--;
      const left = (this.#perAddress.get(group) ?? 1) - 1;
      if (left > 0) this.#perAddress.set(group, left);
      else this.#perAddress.delete(group);
    });
    return true;
  }

  #begin(socket: Socket): void {
    const group = addressGroup(socket.remoteAddress ?? '');
    const session = new PublisherSession(socket, group, this, this.#limits, this.#clock);
    this.#sessions.add(session);
    session.waitFor(this.#guesses.delayMs(group, this.#clock.monotonicUs()));
    socket.on('close', () => this.#sessions.delete(session));
  }

  #checkDeadlines(): void {
    const nowUs = this.#clock.monotonicUs();
    for (const session of this.#sessions) session.checkDeadlines(nowUs);
    this.#clock.after(DEADLINE_CHECK_MS, () => this.#checkDeadlines());
  }
}
