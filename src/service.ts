/**
 * The composition root: opens every room in order, connects them, and closes them in the reverse order.
 * It never holds a rule of its own. Invariant: when start fails, everything that was opened is closed again.
 */
import { Channel, type ChannelParts } from './channel/channel.ts';
import { NoticeBoard } from './channel/notices.ts';
import type { OperatedChannels } from './channel/operation.ts';
import { openPushReceiver } from './cmaf/push-receiver.ts';
import { openCmafReceiver } from './cmaf/receiver.ts';
import { watchLadders } from './config/ladder-watch.ts';
import type { ChannelSettings, RtmpLimitSettings, Settings } from './config/model.ts';
import { openControl } from './control/server.ts';
import { httpLimitsOf } from './early-listener.ts';
import type { Feed } from './ingest/model.ts';
import { openRtmpIngest } from './ingest/rtmp-ingest.ts';
import { readRtmpsCredentials } from './ingest/rtmps-credentials.ts';
import { Webhooks } from './notify/webhooks.ts';
import { ServiceOperator } from './operator.ts';
import type { OriginListener } from './origin/listener.ts';
import { openOrigin } from './origin/server.ts';
import { claimServiceFolder } from './service-folder.ts';
import type { Clock } from './system/clock.ts';
import { messageOf, ServiceError } from './system/errors.ts';
import { randomId, randomShare } from './system/ids.ts';
import { openLineFile } from './system/line-file.ts';
import type { Logger } from './system/log.ts';
import { type Metrics, openMetrics } from './system/metrics.ts';
import { programVersion } from './system/version.ts';
import { noteClock, type OpenWindows, openWindows } from './windows.ts';

export interface ServiceOptions {
  readonly settings: Settings;
  readonly ffmpegPath: string;
  readonly log: Logger;
  readonly clock: Clock;
  /** The origin's port where it is open already; it is closed with the service, or when that cannot start. */
  readonly listener?: OriginListener | undefined;
}

export interface RunningService {
  readonly ports: {
    readonly http: number;
    readonly rtmp: number;
    readonly rtmps?: number;
    readonly cmaf?: number;
    readonly control: number;
  };
  readonly directory: OperatedChannels;
  /** Readiness off, who waits answered, bodies finished, encoders ended. May be called again. */
  stop(how?: StopHow): Promise<void>;
}

export interface StopHow {
  /** Publishers stay connected for the next service on the same data directory. */
  readonly handsOver?: boolean;
}

/** The encoder's own silence is the supervisor's to judge; this bounds only what nobody supervises. */
const RECEIVER_IDLE_MS = 3_600_000;

/** Closers in the order of opening; closing goes backwards and one that fails does not keep the others open. */
class Opened {
  readonly #closers: { readonly what: string; readonly close: () => Promise<void> }[] = [];
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  add<T extends { close(): Promise<void> }>(what: string, opened: T): T {
    this.#closers.push({ what, close: () => opened.close() });
    return opened;
  }

  async closeAll(): Promise<void> {
    for (const { what, close } of this.#closers.splice(0).reverse()) {
      try {
        await close();
      } catch (thrown) {
        this.#log.error({ what, problem: messageOf(thrown) }, 'could not be closed');
      }
    }
  }
}

/** Rejects with a ServiceError (PORT_IN_USE, PORT_FORBIDDEN, ...) when a port cannot be opened. */
export async function startService(options: ServiceOptions): Promise<RunningService> {
  const opened = new Opened(options.log);
  if (options.listener !== undefined) opened.add('early listener', options.listener);
  try {
    return await open(options, opened);
  } catch (thrown) {
    await opened.closeAll();
    throw thrown;
  }
}

async function open(given: ServiceOptions, opened: Opened): Promise<RunningService> {
  const { settings, log } = given;
  const folder = opened.add('data directory', await claimServiceFolder(settings.dataDirectory, log, given.clock));
  const metrics = openMetrics();
  const windows = opened.add('windows', await openWindows({ ...given, metrics }));
  const { clock } = windows;
  const notices = new NoticeBoard(log);
  const version = programVersion();
  const webhooks = opened.add('webhooks', openWebhooks(settings, { version, clock, log, metrics }));
  notices.listen((notice) => webhooks.tell(notice));
  const options = { ...given, clock };
  const limits = { idleMs: RECEIVER_IDLE_MS };
  const receiver = opened.add('receiver', await openCmafReceiver({ host: '127.0.0.1', port: 0, log, clock, limits }));
  const onNotice: ChannelParts['onNotice'] = (notice) => notices.tell(notice);
  const { ffmpegPath } = options;
  const channels = openChannels(settings, { receiver, ffmpegPath, clock, log, metrics, onNotice }, windows);
  let closing: Promise<void> | undefined;
  const closeOnce = () => (closing ??= closeChannels(channels));
  opened.add('channels that went on', { close: closeOnce });
  const directory: OperatedChannels = {
    get: (id) => channels.get(id),
    all: () => [...channels.values()],
    nowMs: () => clock.nowMs(),
  };
  const accessLog = await openAccessLog(options, metrics, opened);
  const http = { ...settings.http, accessLog, limits: httpLimitsOf(settings.http.limits), listener: given.listener };
  const origin = opened.add('origin', await openOrigin({ ...http, directory, clock, log, metrics }));
  const arrivals = new Arrivals(channels);
  const rtmp = opened.add('rtmp', await openIngest(options, folder.handoverFolder, arrivals, metrics, origin));
  const push = await openPush(options, channels, metrics, opened);
  const operator = new ServiceOperator({ channels, settings: settings.channels, ffmpegPath, clock, log });
  const pageInfo = {
    httpPort: origin.port,
    rtmpPort: rtmp.port,
    ...{ version, startedMs: clock.nowMs() },
    streamKey: streamKeyOf(settings),
  };
  const forControl = { directory, notices, operator, metrics, log, clock, pageInfo };
  const isStopping = () => operator.isStopping;
  const control = opened.add('control', await openControl({ ...settings.control, ...forControl, isStopping }));
  operator.watches(opened.add('ladder watch', await watch(settings, channels, log, metrics)));
  // Opened last and so closed first: encoders end at once, while the origin may wait for slow readers.
  opened.add('channels', { close: closeOnce });
  for (const channel of channels.values()) channel.open();
  arrivals.open();
  const ports = portsOf(origin, rtmp, push, control);
  folder.tell({ ports });
  log.info({ ports, channels: [...channels.keys()] }, 'listening');
  const stop = async ({ handsOver = false }: StopHow): Promise<void> => {
    operator.stops();
    folder.tell({ isStopping: true });
    // Segments that are being handed out grow to their end, so feeds and encoders go on until then.
    await Promise.all([origin.drain(), handsOver ? rtmp.httpGap() : undefined]);
    const bodies = origin.close();
    await rtmp.close({ handsOver });
    await opened.closeAll();
    await bodies;
  };
  let stopped: Promise<void> | undefined;
  return {
    ports,
    directory,
    stop(how = {}) {
      stopped ??= stop(how);
      return stopped;
    },
  };
}

interface WithPort {
  readonly port: number;
}

function portsOf(
  http: WithPort,
  rtmp: WithPort & { readonly tlsPort: number | undefined },
  push: WithPort | undefined,
  control: WithPort,
): RunningService['ports'] {
  const { tlsPort } = rtmp;
  return {
    http: http.port,
    rtmp: rtmp.port,
    ...(tlsPort === undefined ? {} : { rtmps: tlsPort }),
    ...(push === undefined ? {} : { cmaf: push.port }),
    control: control.port,
  };
}

/** With what the life before left on air, before anybody can ask. */
function openChannels(
  settings: Settings,
  parts: Pick<ChannelParts, 'receiver' | 'ffmpegPath' | 'clock' | 'log' | 'metrics' | 'onNotice'>,
  windows: OpenWindows,
): ReadonlyMap<string, Channel> {
  const channels = new Map<string, Channel>();
  for (const channel of settings.channels) {
    const window = windows.of(channel);
    const opened = new Channel({ settings: channel, ...parts, ...window });
    noteClock(window.journal, parts.clock);
    opened.resume();
    channels.set(channel.id, opened);
  }
  return channels;
}

/** Publishes that come before the Channels are open, as those of the service before do, wait for them. */
class Arrivals {
  readonly #channels: ReadonlyMap<string, Channel>;
  #early: Feed[] | undefined = [];

  constructor(channels: ReadonlyMap<string, Channel>) {
    this.#channels = channels;
  }

  take(feed: Feed): void {
    if (this.#early === undefined) deliver(feed, this.#channels.get(feed.identity.channel));
    else this.#early.push(feed);
  }

  open(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const feed of early) this.take(feed);
  }
}

/** Lines that wait for a slow disk or reader, in characters: some ten thousand requests. */
const ACCESS_LOG_QUEUE = 4 * 1024 * 1024;

async function openAccessLog({ settings, log, clock }: ServiceOptions, metrics: Metrics, opened: Opened) {
  const { accessLog: target } = settings.http;
  if (target === undefined) return undefined;
  const onError = (problem: string): void => log.error({ target, problem }, 'access log cannot be written');
  const onDrop = (): void => metrics.accessLogDropped.inc();
  try {
    return opened.add(
      'access log',
      await openLineFile({ clock, target, queueLength: ACCESS_LOG_QUEUE, onDrop, onError }),
    );
  } catch (thrown) {
    throw new ServiceError('CONFIG_INVALID', `The access log ${target} cannot be opened: ${messageOf(thrown)}.`, {
      hint: 'Name a file in a folder that this user may write to, stdout or none (--access-log).',
      cause: thrown,
    });
  }
}

async function openPush(
  { settings, log, clock }: ServiceOptions,
  channels: ReadonlyMap<string, Channel>,
  metrics: Metrics,
  opened: Opened,
) {
  if (settings.cmaf === undefined) return undefined;
  const receiver = await openPushReceiver({
    ...settings.cmaf,
    log,
    clock,
    pointOf: (channel) => channels.get(channel)?.pushPoint,
    onRefused: (reason) => metrics.refusals.inc({ reason }),
  });
  return opened.add('push', receiver);
}

async function openIngest(
  { settings, log, clock }: ServiceOptions,
  handoverFolder: string | undefined,
  arrivals: Arrivals,
  metrics: Metrics,
  origin: WithPort,
) {
  const { rtmps } = settings;
  const tls = rtmps && {
    host: rtmps.host,
    port: rtmps.port,
    ...(await readRtmpsCredentials(rtmps.certificatePath, rtmps.keyPath)),
  };
  const ingest = await openRtmpIngest({
    ...settings.rtmp,
    limits: rtmpLimitsOf(settings.rtmp.limits),
    tls,
    handoverFolder,
    keys: rtmpChannels(settings).map(({ id, keys, takeover }) => ({
      channel: id,
      secrets: keys.map(({ secret }) => secret),
      replaces: takeover === 'replace',
    })),
    log,
    clock,
    metrics,
    onFeed: (feed) => arrivals.take(feed),
    onRefused: (reason) => metrics.refusals.inc({ reason }),
  });
  // A locked port lets in by address, and who waited for it would come from another one.
  if (settings.http.lock === undefined) ingest.keepHttp({ host: settings.http.host, port: origin.port });
  return ingest;
}

/** A Channel that is pushed to has no RTMP door: its key opens none. */
function rtmpChannels(settings: Settings): ChannelSettings[] {
  return settings.channels.filter(({ source }) => source === 'rtmp');
}

/** Settings have the figures somebody may want to change; what follows from them follows here. */
function rtmpLimitsOf(limits: RtmpLimitSettings) {
  const handshakeTimeoutMs = limits.handshakeSeconds * 1000;
  return {
    maxMediaBytes: limits.messageBytes,
    maxAssemblyBytes: limits.messageBytes * 3,
    maxChunkStreams: limits.chunkStreams,
    maxConnections: limits.connections,
    maxConnectionsPerAddress: limits.connectionsPerAddress,
    maxNames: limits.names,
    bytesPerSecond: limits.bytesPerSecond,
    handshakeTimeoutMs,
    publishTimeoutMs: handshakeTimeoutMs * 2,
    idleTimeoutMs: limits.idleSeconds * 1000,
  };
}

async function closeChannels(channels: ReadonlyMap<string, Channel>): Promise<void> {
  await Promise.all([...channels.values()].map((channel) => channel.close()));
}

function deliver(feed: Feed, channel: Channel | undefined): void {
  if (channel === undefined || !channel.takesPublish) feed.close('the channel has a publisher');
  else channel.publish(feed);
}

function watch(settings: Settings, channels: ReadonlyMap<string, Channel>, log: Logger, metrics: Metrics) {
  const using = (file: string): ChannelSettings[] => settings.channels.filter(({ ladderPath }) => ladderPath === file);
  return watchLadders({
    files: settings.channels.map(({ ladderPath }) => ladderPath),
    known: new Map(settings.channels.map(({ ladderPath, ladder }) => [ladderPath, ladder])),
    log,
    onLadder(file, ladder) {
      metrics.ladderReloads.inc({ outcome: 'good' });
      for (const { id } of using(file)) channels.get(id)?.setLadder(ladder);
    },
    onBad(file, problems) {
      metrics.ladderReloads.inc({ outcome: 'bad' });
      for (const problem of problems) log.error({ code: 'LADDER_INVALID', file }, problem);
    },
  });
}

function openWebhooks(
  { webhooks: hooks }: Settings,
  parts: { readonly version: string; readonly clock: Clock; readonly log: Logger; readonly metrics: Metrics },
): Webhooks {
  return new Webhooks({ hooks, ...parts, random: randomShare, newId: () => randomId(16) });
}

/** `CHANNEL?key=SECRET`, as OBS takes it. */
function streamKeyOf(settings: Settings): (channel: string) => string | undefined {
  return (channel) => {
    const secret = rtmpChannels(settings).find(({ id }) => id === channel)?.keys[0]?.secret;
    return secret === undefined ? undefined : `${channel}?key=${encodeURIComponent(secret)}`;
  };
}
