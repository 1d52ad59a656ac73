/**
 * The door for external encoders: an HTTP server that takes CMAF pushed to Channels (DASH-IF Live Media Ingest, interface 1).
 * It knows Channels as publishing points and hands what it reads to the sink of each body.
 * Invariants: one request may fail, be garbage or never end without another one noticing; no key is ever logged.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '../system/clock.ts';
import type { ErrorCode } from '../system/errors.ts';
import type { Logger } from '../system/log.ts';
import { type Exchange, receiveBody, sendRefusal, swallowManifest } from './exchange.ts';
import { answerBrokenHttp, listen } from './http-door.ts';
import { DEFAULT_MAX_MDAT_BYTES } from './isobmff/stream.ts';
import { admitPush, type PushTarget } from './push-admission.ts';
import { PushLog } from './push-log.ts';
import { refusal } from './refusal.ts';
import type { CmafRefusal, CmafSink } from './sink.ts';
import { TrackBody, type TrackInput } from './track-body.ts';

/** A Channel as encoders see it. */
export interface PushPoint extends PushTarget {
  /** A body in which nothing arrives for so long is refused: three Segments. */
  readonly idleMs: number;
  /** One for each body, so that what two sources of a Track send can be told apart. */
  openBody(track: string, address: string): CmafSink;
}

export interface PushReceiverOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly log: Logger;
  readonly clock: Clock;
  readonly pointOf: (channel: string) => PushPoint | undefined;
  readonly onRefused: (code: ErrorCode) => void;
  readonly limits?: Partial<PushLimits>;
}

interface PushLimits {
  readonly connections: number;
  /** Bodies of one Track open at once: two sources and their reconnects. */
  readonly bodiesPerTrack: number;
  readonly maxMdatBytes: number;
}

export interface PushReceiver {
  readonly port: number;
  /** Cuts every connection; the sinks hear no more. */
  close(): Promise<void>;
}

const DEFAULT_LIMITS: PushLimits = { connections: 128, bodiesPerTrack: 4, maxMdatBytes: DEFAULT_MAX_MDAT_BYTES };
const HEADERS_MS = 10_000;
/** Of a connection that is not in the body of a Track. */
const SILENCE_MS = 30_000;
/** Between two bodies of one connection: a Segment of 6 s and some. */
const KEEP_ALIVE_MS = 20_000;

/** Throws ServiceError PORT_IN_USE or PORT_FORBIDDEN. */
export async function openPushReceiver(options: PushReceiverOptions): Promise<PushReceiver> {
  const door = new PushDoor(options);
  const server = createServer({
    headersTimeout: HEADERS_MS,
    connectionsCheckingInterval: 5000,
    // The body of a live encoder never ends; silence is bounded by the point's idleMs instead.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
  });
  server.timeout = SILENCE_MS;
  server.maxConnections = door.limits.connections;
  server.on('request', (request, response) => door.take(request, response, false));
  server.on('checkContinue', (request, response) => door.take(request, response, true));
  server.on('clientError', answerBrokenHttp);
  await listen(server, options.host, options.port);
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      door.cut();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/**
 * RFC 9110 11.6.1, for ffmpeg with `http://NAME:KEY@HOST`: it asks with Expect: 100-continue and sends its key only after a challenge.
 * Everybody else gets the guideline's 403.
 */
function challenge(response: ServerResponse): void {
  response.writeHead(401, {
    'www-authenticate': 'Basic realm="pitchside"',
    'content-length': 0,
    'cache-control': 'no-store',
    connection: 'close',
  });
  response.end();
}

interface OpenInput extends TrackInput {
  bodies: number;
}

class PushDoor {
  readonly limits: PushLimits;
  readonly #options: PushReceiverOptions;
  readonly #said: PushLog;
  /** Headers are remembered by publishing point, so that a body may be media alone. */
  readonly #inputs = new WeakMap<PushPoint, Map<string, OpenInput>>();
  readonly #bodies = new Map<TrackBody, Socket>();

  constructor(options: PushReceiverOptions) {
    this.#options = options;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#said = new PushLog(options.log, options.clock);
  }

  take(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void {
    const { method, url, headers } = request;
    const exchange: Exchange = { request, response, clock: this.#options.clock, log: this.#said };
    const admission = admitPush(
      {
        method,
        url,
        authorization: headers.authorization,
        contentType: headers['content-type'],
        contentEncoding: headers['content-encoding'],
      },
      this.#options.pointOf,
    );
    if (admission.kind === 'refused') {
      const isAsked =
        awaitsContinue && admission.refusal.code === 'CMAF_FORBIDDEN' && headers.authorization === undefined;
      if (isAsked) challenge(response);
      else this.#refuse(exchange, admission.refusal);
      return;
    }
    if (admission.kind === 'ignored') {
      if (awaitsContinue) response.writeContinue();
      swallowManifest(exchange);
      return;
    }
    const { target, track } = admission;
    const input = this.#inputOf(target, track);
    if (input.bodies >= this.limits.bodiesPerTrack) {
      const text = `Track ${track} has ${this.limits.bodiesPerTrack} bodies open already.`;
      this.#refuse(exchange, refusal('HTTP_OVERLOADED', text));
      return;
    }
    if (awaitsContinue) response.writeContinue();
    this.#receive(exchange, target, input);
  }

  #receive(exchange: Exchange, point: PushPoint, input: OpenInput): void {
    const { request } = exchange;
    const { socket } = request;
    const address = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
    const sink = point.openBody(input.name, address);
    const counted: CmafSink = {
      onInit: (track, init) => sink.onInit(track, init),
      onFragment: (track, fragment) => sink.onFragment(track, fragment),
      onEnd: (track, how) => sink.onEnd(track, how),
      onRefused: (track, why) => {
        this.#options.onRefused(why.code);
        sink.onRefused(track, why);
      },
    };
    const body = new TrackBody(input, counted, this.limits.maxMdatBytes);
    input.bodies += 1;
    this.#bodies.set(body, socket);
    request.setTimeout(point.idleMs);
    const log = this.#said.child({ track: input.name, address });
    receiveBody({ ...exchange, log }, body, () => {
      if (!this.#bodies.delete(body)) return;
      input.bodies -= 1;
      // The next request of the connection has its own patience.
      socket.setTimeout(SILENCE_MS);
    });
  }

  #inputOf(point: PushPoint, track: string): OpenInput {
    const inputs = this.#inputs.get(point) ?? new Map<string, OpenInput>();
    this.#inputs.set(point, inputs);
    const input = inputs.get(track) ?? { name: track, init: undefined, bodies: 0 };
    inputs.set(track, input);
    return input;
  }

  #refuse(exchange: Exchange, why: CmafRefusal): void {
    this.#options.onRefused(why.code);
    this.#said.warn({ code: why.code, reason: why.message }, 'CMAF request refused');
    sendRefusal(exchange, why);
  }

  cut(): void {
    for (const [body, socket] of this.#bodies) {
      body.abandon();
      socket.destroy();
    }
    this.#bodies.clear();
  }
}
