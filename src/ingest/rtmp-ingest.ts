/**
 * The door of the RTMP half: a port, kept open by a child process, that turns publishes into Feeds.
 * It never reads RTMP itself. A child that dies ends its feeds with `child-exited` and is replaced on the same port; one that
 * the service before has left alive is taken over with its publishers.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../system/clock.ts';
import { ServiceError } from '../system/errors.ts';
import { contentHash, randomSecret } from '../system/ids.ts';
import type { Logger } from '../system/log.ts';
import type { Metrics } from '../system/metrics.ts';
import { adoptChild } from './adopted-child.ts';
import { DEFAULT_RTMP_LIMITS, type RtmpLimits } from './child/limits.ts';
import { type RtmpChild, StartedChild } from './child-process.ts';
import { FeedLink } from './feed-link.ts';
import { HANDOVER_SOCKET } from './http-gap.ts';
import {
  type FromChild,
  type Hello,
  type HttpPort,
  LINK_VERSION,
  type RefusalReason,
  type TlsListen,
} from './link-messages.ts';
import { listenError } from './listen-error.ts';
import type { ChannelKeys, Feed, RtmpIngest } from './model.ts';
import { RefusalLog } from './refusal-log.ts';
import { REFUSAL_WORDS } from './refusal-words.ts';
import { hashKeys, type KeyTable } from './stream-keys.ts';

export interface RtmpIngestOptions {
  readonly host: string;
  /** 0 picks a free one, and keeps it when the child is replaced. */
  readonly port: number;
  readonly keys: readonly ChannelKeys[];
  /** RTMP over TLS too, on a port of its own; 0 picks a free one. */
  readonly tls?: TlsListen | undefined;
  readonly limits?: Partial<RtmpLimits>;
  /** Folder of this service alone in which the next one finds the child; undefined: the child ends with the service. */
  readonly handoverFolder?: string | undefined;
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: Metrics;
  onFeed(feed: Feed): void;
  onRefused(reason: RefusalReason): void;
}

const RESTART_AFTER_MS: readonly number[] = [0, 200, 500, 1_000, 2_000, 5_000];
/** A child that lived so long was well; the next restart is at once again. */
const WELL_AFTER_MS = 30_000;
const LEAVE_WITHIN_MS = 2_000;
/** How long publishers are kept while there is no service: as much of their media as is kept. */
const HOLD_MS = 12_000;
/** sockaddr_un holds 108 bytes on Linux and 104 elsewhere. */
const MAX_SOCKET_PATH = 90;
const SOCKET_NAME = 'link.sock';
const CHILD_HINT = 'It is started again by itself and encoders connect again; if it goes on, report it with this line.';

/** Resolves when the port is open. Rejects with PORT_IN_USE, PORT_FORBIDDEN or RTMP_CHILD_EXITED. */
export async function openRtmpIngest(options: RtmpIngestOptions): Promise<RtmpIngest> {
  const ingest = new ChildBackedIngest(options);
  await ingest.open();
  return ingest;
}

class ChildBackedIngest implements RtmpIngest {
  readonly #options: RtmpIngestOptions;
  /** Where there is no handover: of the present child alone, which removes it when it leaves by itself. */
  #folder: string | undefined;
  readonly #feeds = new Map<string, FeedLink>();
  #keys: KeyTable;
  #port: number;
  #tls: TlsListen | undefined;
  #http: HttpPort | undefined;
  #child: RtmpChild | undefined;
  readonly #listenKey: string;
  readonly #refusals = new RefusalLog();
  #failures = 0;
  #startedUs = 0;
  #closing = false;
  #opening: { resolve: () => void; reject: (error: ServiceError) => void } | undefined;
  #onChildGone: (() => void) | undefined;

  constructor(options: RtmpIngestOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#tls = options.tls;
    this.#keys = hashKeys(options.keys, randomSecret());
    const { host, tls } = options;
    this.#listenKey = contentHash([JSON.stringify([host, tls ? [tls.host, tls.certificate, tls.key] : null])]);
  }

  get port(): number {
    return this.#port;
  }

  get tlsPort(): number | undefined {
    return this.#tls?.port;
  }

  async open(): Promise<void> {
    const { handoverFolder } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#opening = { resolve, reject };
      if (handoverFolder === undefined) this.#startChild();
      else void this.#adopt(join(handoverFolder, HANDOVER_SOCKET));
    });
  }

  setKeys(keys: readonly ChannelKeys[]): void {
    this.#keys = hashKeys(keys, randomSecret());
    this.#child?.send({ kind: 'keys', keys: this.#keys });
  }

  keepHttp(at: HttpPort): void {
    this.#http = at;
    this.#child?.send({ kind: 'http', at });
  }

  httpGap(): void {
    if (this.hasPublishers && this.#options.handoverFolder !== undefined) this.#child?.send({ kind: 'http-gap' });
  }

  get hasPublishers(): boolean {
    return this.#feeds.size > 0;
  }

  async close({ handsOver = false } = {}): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    const child = this.#child;
    const isKept = handsOver && this.#options.handoverFolder !== undefined && this.#feeds.size > 0;
    if (child !== undefined && isKept) {
      // First of all: what comes from now on is the next service's, and the child must not take our leaving for an end.
      child.release();
      this.#options.log.info(
        { pid: child.pid, publishers: this.#feeds.size, holdMs: HOLD_MS },
        'publishers are kept for the next service',
      );
    } else if (child !== undefined)
      await new Promise<void>((resolve) => {
        this.#onChildGone = resolve;
        this.#options.clock.after(LEAVE_WITHIN_MS, () => child.kill());
        child.leave();
      });
    this.#endAll('closed');
  }

  #hello(): Hello {
    const { host, limits, handoverFolder } = this.#options;
    return {
      kind: 'hello',
      version: LINK_VERSION,
      listenKey: this.#listenKey,
      host,
      port: this.#port,
      limits: { ...DEFAULT_RTMP_LIMITS, ...limits },
      keys: this.#keys,
      tls: this.#tls,
      holdMs: handoverFolder === undefined ? 0 : HOLD_MS,
    };
  }

  /** Of the service before, or else a new one. */
  async #adopt(socketPath: string): Promise<void> {
    const { clock, log } = this.#options;
    let adopted: RtmpChild | undefined;
    this.#startedUs = clock.monotonicUs();
    const adoption = await adoptChild(socketPath, this.#hello(), clock, {
      onAdopted: (child) => {
        adopted = child;
        this.#child = child;
      },
      onMessage: (message) => {
        if (adopted !== undefined) this.#onMessage(adopted, message);
      },
      onExit: (reason) => this.#onExit(reason),
    });
    if (adoption.kind === 'adopted') return;
    if (adoption.kind === 'unfit')
      log.warn({ reason: adoption.why }, 'rtmp child of the service before cannot be taken over');
    if (!this.#closing) this.#startChild();
  }

  #startChild(): void {
    const { clock, metrics, handoverFolder } = this.#options;
    metrics.rtmpChildStarts.inc();
    this.#startedUs = clock.monotonicUs();
    if (handoverFolder === undefined) this.#folder = privateFolder();
    const path =
      handoverFolder === undefined ? join(this.#folder ?? '', SOCKET_NAME) : join(handoverFolder, HANDOVER_SOCKET);
    const child = new StartedChild(path, this.#hello(), clock, {
      onMessage: (message) => this.#onMessage(child, message),
      onExit: (reason) => this.#onExit(reason),
    });
    this.#child = child;
  }

  #onMessage(child: RtmpChild, message: FromChild): void {
    switch (message.kind) {
      case 'listening':
        this.#onListening(message);
        return;
      case 'unfit':
        child.kill(); // It was started by us: the socket is another's.
        return;
      case 'listen-failed':
        this.#onListenFailed(child, message);
        return;
      case 'publish-begin':
        this.#begin(child, message);
        return;
      case 'publish-end':
        this.#feeds.get(message.id)?.publishEnded(message.reason, message.detail);
        return;
      case 'refused':
        this.#refused(message.reason, message.address);
        return;
      case 'pong':
        return;
    }
  }

  #refused(reason: RefusalReason, address: string): void {
    const { clock, log, onRefused } = this.#options;
    const unsaid = this.#refusals.refused(reason, clock.monotonicUs());
    const { message, hint } = REFUSAL_WORDS[reason];
    if (unsaid !== undefined)
      log.warn({ code: 'PUBLISH_REFUSED', reason, address, hint, ...(unsaid > 0 ? { unsaid } : {}) }, message);
    onRefused(reason);
  }

  #onListening({ port, tlsPort, pid, publishes }: Extract<FromChild, { kind: 'listening' }>): void {
    this.#port = port;
    if (this.#tls !== undefined) this.#tls = { ...this.#tls, port: tlsPort };
    // Keys that changed between hello and now.
    this.#child?.send({ kind: 'keys', keys: this.#keys });
    this.#child?.send({ kind: 'http', at: this.#http });
    // At the first start the service tells its ports; a replacement is news, and so is one that was taken over.
    const level = this.#opening === undefined ? 'info' : 'debug';
    this.#options.log[level]({ port, pid }, 'rtmp listening');
    if (publishes > 0)
      this.#options.log.info({ pid, publishers: publishes }, 'publishers taken over from the service before');
    this.#opening?.resolve();
    this.#opening = undefined;
  }

  #onListenFailed(child: RtmpChild, failed: Extract<FromChild, { kind: 'listen-failed' }>): void {
    const { host, tls } = this.#options;
    const isTls = tls !== undefined && failed.port === tls.port && failed.port !== this.#options.port;
    const error = listenError(isTls ? 'rtmps' : 'rtmp', isTls ? tls.host : host, failed);
    if (this.#opening === undefined) {
      this.#options.log.error({ code: error.code, reason: error.message, hint: error.hint }, 'rtmp cannot listen');
      child.kill(); // A replacement: it is tried again, by and by.
      return;
    }
    this.#fail(error);
    child.leave();
  }

  #fail(error: ServiceError): void {
    this.#closing = true;
    this.#opening?.reject(error);
    this.#opening = undefined;
  }

  #onExit(reason: string): void {
    this.#child = undefined;
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#endAll(this.#closing ? 'closed' : 'child-exited');
    this.#onChildGone?.();
    if (this.#closing) return;
    const { clock, log } = this.#options;
    log.error({ code: 'RTMP_CHILD_EXITED', reason, hint: CHILD_HINT }, 'rtmp child exited');
    if (this.#opening !== undefined) {
      this.#fail(
        new ServiceError('RTMP_CHILD_EXITED', `The RTMP process did not start: ${reason}`, {
          hint: 'Look at the log, and whether node can start a second process here.',
        }),
      );
      return;
    }
    const livedMs = (clock.monotonicUs() - this.#startedUs) / 1000;
    if (livedMs > WELL_AFTER_MS) this.#failures = 0;
    const index = Math.min(this.#failures++, RESTART_AFTER_MS.length - 1);
    clock.after(RESTART_AFTER_MS[index] ?? 0, () => {
      if (!this.#closing) this.#startChild();
    });
  }

  #begin(child: RtmpChild, begin: Extract<FromChild, { kind: 'publish-begin' }>): void {
    const { clock, metrics, log, limits, onFeed } = this.#options;
    // The child has ended the channel's former publish before it began this one.
    for (const former of this.#feeds.values()) if (former.feed.identity.channel === begin.channel) former.finishNow();
    const link = new FeedLink({
      identity: { ...identityOf(begin), startedMs: clock.utcMsOf(begin.beganUs) },
      placed: begin.placed,
      socket: child.dial(begin.id),
      maxBodyBytes: limits?.maxMediaBytes ?? DEFAULT_RTMP_LIMITS.maxMediaBytes,
      clock,
      log: log.child({ channel: begin.channel, publish: begin.id }),
      onBytes: (bytes) => metrics.ingestBytes.inc({ channel: begin.channel }, bytes),
      onPicture: (lateMs) =>
        metrics.stages.observe({ channel: begin.channel, stage: 'arrived' }, Math.max(0, lateMs) / 1000),
      onPlaced: (tag) => child.send({ kind: 'placed', id: begin.id, tag }),
      requestClose: (reason) => child.send({ kind: 'close', id: begin.id, reason }),
      onFinished: () => this.#feeds.delete(begin.id),
    });
    this.#feeds.set(begin.id, link);
    onFeed(link.feed);
  }

  #endAll(how: 'closed' | 'child-exited'): void {
    for (const link of [...this.#feeds.values()]) link.finishNow(how);
  }
}

function identityOf(begin: { id: string; channel: string; address: string }) {
  return { id: begin.id, channel: begin.channel, address: begin.address };
}

/** mkdtemp makes it 0700. A long TMPDIR would not fit a socket address. */
function privateFolder(): string {
  const parent = tmpdir().length + `/pitchside-XXXXXX/${SOCKET_NAME}`.length > MAX_SOCKET_PATH ? '/tmp' : tmpdir();
  return mkdtempSync(join(parent, 'pitchside-'));
}
