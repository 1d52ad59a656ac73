/**
 * `swarm`: many viewers in front of a stream, as to requests. A door to the swarm room, nothing more.
 * It never loads a host that is neither this machine nor named as the user's own. Exit code 1 when a viewer got an error.
 */
import { parseDurationMs } from '../config/quantities.ts';
import { mayLoad } from '../swarm/consent.ts';
import { type Mix, planText, type Spike, type SwarmWish } from '../swarm/plan.ts';
import { swarmText } from '../swarm/report.ts';
import { ServiceError } from '../system/errors.ts';
import { usageError } from './arguments.ts';
import type { Arguments, Command, CommandIo, CommandShape } from './command.ts';
import type { Doors } from './service-door.ts';
import { stopSignal } from './stop.ts';

const DEFAULT_MIX = 'hls=60,ll-hls=30,dash=10';
const DEFAULT_MAX_RATE = 5000;

const SHAPE: CommandShape = {
  name: 'swarm',
  summary: 'load a live stream with many viewers, as to requests',
  about: [
    'Acts as N players in front of a live stream: multivariant and media playlists at the cadence of RFC 8216bis, blocking reload and parts, MPDs and $Number$ by the clock, whole bodies, gzip, kept connections, other rungs, pauses. Says first what it will do, and prints requests, cache hits, latency, errors and late segments by kind.',
  ],
  flags: [
    { name: 'url', value: 'URL', help: 'the channel (http://HOST/live/match), its multivariant playlist or its MPD' },
    { name: 'mpd', value: 'URL', help: 'the MPD, where it is not manifest.mpd beside the playlist' },
    { name: 'viewers', value: 'N', help: 'how many (10)' },
    { name: 'mix', value: 'MIX', help: `shares of hls, ll-hls and dash (${DEFAULT_MIX})` },
    { name: 'duration', value: 'TIME', help: 'of the whole run, an hour at most (60s)' },
    { name: 'ramp', value: 'TIME', help: 'they join within this time (5s)' },
    {
      name: 'spike',
      value: 'M@T',
      help: 'the wicket: M more viewers join within a second, T after the start; M@T:reload and M@T:rewind make M of the viewers do that',
    },
    {
      name: 'think',
      value: 'TIME',
      help: 'mean time between two whims of a viewer: another rung, a pause; 0s: none (60s)',
    },
    { name: 'metrics', value: 'URL', help: "the origin's /metrics: requests that reach it" },
    { name: 'edge-log', value: 'FILE', help: "the edge's log on this machine, for one that does not say Cache-Status" },
    {
      name: 'connections',
      value: 'N',
      help: 'most connections of one viewer, 1 to 6 (2; what blocks has what it needs)',
    },
    { name: 'max-rate', value: 'N', help: `never more requests a second (${DEFAULT_MAX_RATE})` },
    { name: 'seed', value: 'N', help: 'the same seed, the same crowd (1)' },
    { name: 'i-may-load', value: 'HOST', help: 'this host is mine to load; needed for all but this machine' },
    { name: 'json', help: 'the figures as JSON' },
  ],
  notes: [
    'Example: pitchside swarm --url http://localhost:8088/live/match --viewers 200 \\',
    '           --spike 500@30s --metrics http://localhost:8081/metrics',
  ],
};

/** Throws USAGE. */
function urlsOf(args: Arguments): { readonly hlsUrl: string; readonly mpdUrl: string } {
  const text = args.text('url');
  if (text === undefined) throw usageError('--url is needed: nothing is loaded by default', SHAPE.name);
  const url = httpUrl('url', text);
  const path = url.pathname;
  const beside = (name: string) =>
    new URL(/\.(m3u8|mpd)$/.test(path) ? name : `${path.replace(/\/?$/, '/')}${name}`, url).href;
  const mpd = args.text('mpd');
  const mpdUrl =
    mpd === undefined ? (path.endsWith('.mpd') ? url.href : beside('manifest.mpd')) : httpUrl('mpd', mpd).href;
  return { hlsUrl: path.endsWith('.m3u8') ? url.href : beside('master.m3u8'), mpdUrl };
}

function httpUrl(flag: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw usageError(`--${flag} takes an http or https address, not '${text}'`, SHAPE.name);
}

function wholeNumber(args: Arguments, flag: string, usual: number, least: number, most: number): number {
  const text = args.text(flag);
  if (text === undefined) return usual;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw usageError(`--${flag} takes a whole number from ${least} to ${most}, not '${text}'`, SHAPE.name);
}

function time(args: Arguments, flag: string, usual: string): number {
  const text = args.text(flag) ?? usual;
  const ms = parseDurationMs(text);
  if (ms !== undefined) return ms;
  throw usageError(`--${flag} takes a time with its unit (500ms, 60s, 2m), not '${text}'`, SHAPE.name);
}

function mixOf(text: string): Mix {
  const mix = { hls: 0, 'll-hls': 0, dash: 0 };
  for (const item of text.split(',')) {
    const [, kind, share] = /^(hls|ll-hls|dash)=(\d{1,6})$/.exec(item.trim()) ?? [];
    if (kind === undefined) throw usageError(`--mix takes shares as ${DEFAULT_MIX}, not '${text}'`, SHAPE.name);
    mix[kind as keyof Mix] = Number(share);
  }
  if (mix.hls + mix['ll-hls'] + mix.dash > 0) return mix;
  throw usageError(`--mix '${text}' has no viewer`, SHAPE.name);
}

function spikeOf(text: string | undefined): Spike | undefined {
  if (text === undefined) return undefined;
  const [, viewers, at, what = 'join'] =
    /^(\d{1,6})@([\d.]+ ?[a-z]*)(?::(join|reload|rewind))?$/.exec(text.trim()) ?? [];
  const atMs = at === undefined ? undefined : parseDurationMs(/^[\d.]+$/.test(at) ? `${at}s` : at);
  if (viewers !== undefined && atMs !== undefined)
    return { viewers: Number(viewers), atMs, what: what as Spike['what'] };
  throw usageError(`--spike takes M@T or M@T:reload or M@T:rewind (500@30s), not '${text}'`, SHAPE.name);
}

function wishOf(args: Arguments): SwarmWish {
  const thinkMs = time(args, 'think', '60s');
  const connections = args.text('connections');
  const metrics = args.text('metrics');
  return {
    ...urlsOf(args),
    viewers: wholeNumber(args, 'viewers', 10, 1, 1_000_000),
    mix: mixOf(args.text('mix') ?? DEFAULT_MIX),
    durationMs: Math.max(1000, time(args, 'duration', '60s')),
    rampMs: time(args, 'ramp', '5s'),
    spike: spikeOf(args.text('spike')),
    thinkMs: thinkMs === 0 ? undefined : thinkMs,
    connections: connections === undefined ? undefined : wholeNumber(args, 'connections', 2, 1, 6),
    maxRequestsPerSecond: wholeNumber(args, 'max-rate', DEFAULT_MAX_RATE, 1, 1_000_000),
    seed: wholeNumber(args, 'seed', 1, 0, 999_999_999),
    metricsUrl: metrics === undefined ? undefined : httpUrl('metrics', metrics).href,
    edgeLogFile: args.text('edge-log'),
  };
}

/** Throws USAGE for a host that nobody has named as his own. */
function checkConsent(wish: SwarmWish, consented: string | undefined): void {
  for (const url of [wish.hlsUrl, wish.mpdUrl, ...(wish.metricsUrl === undefined ? [] : [wish.metricsUrl])]) {
    const { hostname } = new URL(url);
    if (mayLoad(hostname, consented)) continue;
    throw new ServiceError(
      'USAGE',
      `${hostname} is not this machine, and a swarm looks like an attack to whoever owns it.`,
      {
        hint: `If it is yours to load, say so: --i-may-load ${hostname}`,
      },
    );
  }
}

async function run(doors: Doors, args: Arguments, io: CommandIo): Promise<number> {
  const wish = wishOf(args);
  const consentedHost = args.text('i-may-load');
  checkConsent(wish, consentedHost);
  const abort = new AbortController();
  // Who has seen enough gets the figures so far.
  void stopSignal(io).then(() => abort.abort());
  const report = await doors.runSwarm({
    wish,
    consentedHost,
    clock: doors.clock,
    signal: abort.signal,
    onPlan(plan) {
      for (const line of planText(plan)) io.err(line);
    },
    onProgress: (line) => io.err(line),
  });
  io.out(args.on('json') ? JSON.stringify(report) : swarmText(report));
  return report.phases.some(({ errors }) => errors > 0) ? 1 : 0;
}

export function swarmCommand(doors: Doors): Command {
  return { ...SHAPE, run: (args, io) => run(doors, args, io) };
}
