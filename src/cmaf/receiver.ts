/**
 * The CMAF receiver: an HTTP server that encoders send their Tracks to (DASH-IF Live Media Ingest, interface 1).
 * It hands what it reads to the sink of the run and knows no Channels.
 * Invariant: one request may fail, be garbage or never end without another one noticing.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type Clock, systemClock } from '../system/clock.ts';
import { randomSecret } from '../system/ids.ts';
import type { Logger } from '../system/log.ts';
import { reachableHost } from '../system/reachable-host.ts';
import { admit, type PublishingPoint } from './admission.ts';
import { type Exchange, receiveBody, sendRefusal, swallowManifest } from './exchange.ts';
import { answerBrokenHttp, listen } from './http-door.ts';
import { DEFAULT_MAX_MDAT_BYTES } from './isobmff/stream.ts';
import { refusal } from './refusal.ts';
import type { CmafSink } from './sink.ts';
import { TrackBody, type TrackInput } from './track-body.ts';

export interface ReceiverLimits {
  readonly maxMdatBytes: number;
  /** A body in which nothing arrives for so long is refused. */
  readonly idleMs: number;
  /** Time for the request line and headers. */
  readonly headersMs: number;
  /** Bodies of one Track open at once: two sources and their reconnects. */
  readonly bodiesPerTrack: number;
  readonly connections: number;
}

const DEFAULT_RECEIVER_LIMITS: ReceiverLimits = {
  maxMdatBytes: DEFAULT_MAX_MDAT_BYTES,
  idleMs: 30_000,
  headersMs: 10_000,
  bodiesPerTrack: 4,
  connections: 512,
};

/** First segment of a run's URLs: room for the longest Channel id and what makes it unique. */
export const RUN_ID = /^[\w-]{1,128}$/;

export interface ReceiverOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly limits?: Partial<ReceiverLimits>;
}

export interface CmafRunOptions {
  /** Matches RUN_ID: letters, digits, `-` and `_`. Must not be open already. */
  readonly runId: string;
  readonly tracks: readonly string[];
  readonly sink: CmafSink;
  /** The key of an external encoder; by default a fresh secret, known to the holder of the run alone. */
  readonly secret?: string;
}

/** The publishing points of one encoder. */
export interface CmafRun {
  /** Where to POST a Track. Throws RangeError for a Track the run does not have. */
  urlOf(track: string): string;
  /** What every request must carry: Authorization. */
  readonly headers: Readonly<Record<string, string>>;
  /** Later requests are answered 404; open ones are cut, and the sink hears no more. */
  close(): void;
}

export interface CmafReceiver {
  readonly port: number;
  openRun(options: CmafRunOptions): CmafRun;
  /** Cuts every connection; the sinks hear no more. */
  close(): Promise<void>;
}

/** Throws ServiceError PORT_IN_USE or PORT_FORBIDDEN. */
export async function openCmafReceiver(options: ReceiverOptions): Promise<CmafReceiver> {
  const limits = { ...DEFAULT_RECEIVER_LIMITS, ...options.limits };
  const runs = new Map<string, OpenRun>();
  const clock = options.clock ?? systemClock();
  const server = createServer({
    headersTimeout: limits.headersMs,
    connectionsCheckingInterval: Math.min(limits.headersMs, 5000),
    requestTimeout: 0,
    keepAliveTimeout: 15_000,
  });
  // Node's default of 300 s would end every POST of a live encoder (requestTimeout); silence is bounded by idleMs instead.
  server.timeout = limits.idleMs;
  server.maxConnections = limits.connections;
  const handle = (request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void => {
    const exchange = { request, response, clock, log: options.log };
    takeRequest(exchange, (id) => runs.get(id), limits, awaitsContinue);
  };
  server.on('request', (request, response) => handle(request, response, false));
  server.on('checkContinue', (request, response) => handle(request, response, true));
  server.on('clientError', answerBrokenHttp);
  await listen(server, options.host, options.port);
  const { port } = server.address() as AddressInfo;
  const origin = `http://${reachableHost(options.host)}:${port}`;
  return {
    port,
    openRun: (run) => openRun(run, origin, runs),
    async close() {
      for (const run of runs.values()) run.cut();
      runs.clear();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** An open run inside the receiver. */
class OpenRun implements PublishingPoint {
  readonly secret: string;
  readonly sink: CmafSink;
  readonly #inputs: ReadonlyMap<string, TrackInput & { bodies: number }>;
  readonly #bodies = new Map<TrackBody, Socket>();

  constructor(options: CmafRunOptions) {
    this.secret = options.secret ?? randomSecret();
    this.sink = options.sink;
    this.#inputs = new Map(options.tracks.map((name) => [name, { name, init: undefined, bodies: 0 }]));
  }

  hasTrack(name: string): boolean {
    return this.#inputs.has(name);
  }

  /** Starts a body, or undefined when too many of this Track are open. */
  begin(
    track: string,
    socket: Socket,
    limits: ReceiverLimits,
  ): { readonly body: TrackBody; readonly end: () => void } | undefined {
    const input = this.#inputs.get(track);
    if (input === undefined || input.bodies >= limits.bodiesPerTrack) return undefined;
    const body = new TrackBody(input, this.sink, limits.maxMdatBytes);
    input.bodies += 1;
    this.#bodies.set(body, socket);
    const end = (): void => {
      if (this.#bodies.delete(body)) input.bodies -= 1;
    };
    return { body, end };
  }

  cut(): void {
    for (const [body, socket] of this.#bodies) {
      body.abandon();
      socket.destroy();
    }
  }
}

function openRun(options: CmafRunOptions, origin: string, runs: Map<string, OpenRun>): CmafRun {
  const { runId } = options;
  if (!RUN_ID.test(runId)) throw new RangeError(`${runId} is no run id`);
  if (runs.has(runId)) throw new RangeError(`run ${runId} is open already`);
  const run = new OpenRun(options);
  runs.set(runId, run);
  return {
    headers: { Authorization: `Bearer ${run.secret}` },
    urlOf(track) {
      if (!run.hasTrack(track)) throw new RangeError(`run ${runId} has no Track ${track}`);
      return `${origin}/${runId}/${track}`;
    },
    close() {
      if (runs.get(runId) === run) runs.delete(runId);
      run.cut();
    },
  };
}

function takeRequest(
  exchange: Exchange,
  runOf: (id: string) => OpenRun | undefined,
  limits: ReceiverLimits,
  awaitsContinue: boolean,
): void {
  const { request, response, log } = exchange;
  const { method, url, headers } = request;
  const admission = admit(
    {
      method,
      url,
      authorization: headers.authorization,
      contentType: headers['content-type'],
      contentEncoding: headers['content-encoding'],
    },
    runOf,
  );
  if (admission.kind === 'refused') {
    log.warn({ code: admission.refusal.code, reason: admission.refusal.message }, 'CMAF request refused');
    sendRefusal(exchange, admission.refusal);
    return;
  }
  if (admission.kind === 'manifest') {
    if (awaitsContinue) response.writeContinue();
    swallowManifest(exchange);
    return;
  }
  const begun = admission.run.begin(admission.track, request.socket, limits);
  if (begun === undefined) {
    const why = refusal(
      'HTTP_OVERLOADED',
      `Track ${admission.track} has ${limits.bodiesPerTrack} bodies open already.`,
    );
    log.warn({ code: why.code, track: admission.track }, 'CMAF request refused');
    sendRefusal(exchange, why);
    return;
  }
  if (awaitsContinue) response.writeContinue();
  receiveBody({ ...exchange, log: log.child({ track: admission.track }) }, begun.body, begun.end);
}
