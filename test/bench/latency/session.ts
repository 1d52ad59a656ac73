/**
 * One latency setting from the service's start to its end: the feed, the edges, the other viewers, and one play after another.
 * Invariant: what was started is stopped, also when a play fails; a play that fails is a result with its reason.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Latency } from '../../../src/config/model.ts';
import type { GlassNotes, Theatre, Traffic } from '../../rig/players.ts';
import { type ServiceProcess, start, startService, until } from '../service-process.ts';
import { type Alternatives, type Edge, openAlternatives, openNginxEdge, openVarnishEdge } from './edges.ts';
import { type Feed, figuresOf, type WatchFigures } from './figures.ts';
import { isDash, type Play, type Route } from './plays.ts';
import { type Pusher, program, startPusher } from './pusher-process.ts';

const CHANNEL = 'match';

export interface Effort {
  readonly watchMs: number;
  readonly settleMs: number;
  readonly jitterMs: number;
  readonly viewers: number;
  /** All plays of a route at once, each in a window of its own: minutes are spared, and the machine has more to do. */
  readonly isTogether: boolean;
}

export interface Material {
  readonly folder: string;
  readonly ffmpeg: string;
  readonly clip: string;
  readonly ladderPath: string;
}

/** What viewers as to requests saw (viewers.ts). Lag is from the end of a part (a Segment) to its last byte, ms. */
export interface ViewerReport {
  readonly requests: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly lag: Lag;
  /** Of each chunk of a Segment that is read while it grows. */
  readonly growing: Lag;
}

/** ms; null of none (JSON has no NaN). */
interface Lag {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly count: number;
}

export interface PlayResult {
  readonly play: Play;
  readonly figures: WatchFigures;
  readonly traffic: Traffic;
  /** Errors as the player names them. */
  readonly errors: readonly string[];
  /** Share of the machine that was busy meanwhile, everything counted. */
  readonly busy: number;
  readonly notes: GlassNotes;
}

export interface SessionResult {
  readonly latency: Latency;
  readonly plays: readonly PlayResult[];
  readonly failed: readonly { readonly play: Play; readonly why: string }[];
  /** By route: one client alone on `direct`, the others on the edges. */
  readonly viewers: Readonly<Partial<Record<Route, ViewerReport>>>;
  /** The latest send of the pusher behind its plan, ms. */
  readonly pusherLateMs: number;
  /** Answers of the origin with 400 and above, by kind and status; whoever asked. */
  readonly refused: readonly string[];
  /** Lines of the service's metrics that tell where time goes. */
  readonly stages: readonly string[];
}

interface Viewers {
  report(): ViewerReport | undefined;
  stop(): Promise<void>;
}

function startViewers(url: string, count: number): Viewers {
  let last: ViewerReport | undefined;
  const running = start(process.execPath, [...program('./viewers.ts'), url, String(count)], (line) => {
    last = JSON.parse(line);
  });
  return {
    report: () => last,
    async stop() {
      if (running.hasEnded) console.log(`the other viewers ended early: ${running.said().slice(-500)}`);
      await running.stop();
    },
  };
}

/** Busy and all time of the machine since its start, proc(5). */
function machineTime(): { busy: number; all: number } {
  const fields = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').split(/\s+/).slice(1, 9).map(Number);
  const all = fields.reduce((sum, ticks) => sum + ticks, 0);
  return { all, busy: all - (fields[3] ?? 0) - (fields[4] ?? 0) };
}

async function watch(theatre: Theatre, play: Play, url: string, feed: Feed, effort: Effort): Promise<PlayResult> {
  const before = machineTime();
  const screen = await theatre.open(play.player, url, {}, { clock: true });
  try {
    await sleep(effort.watchMs);
    const notes = await screen.glass();
    const { errors } = await screen.watched();
    const after = machineTime();
    return {
      play,
      figures: figuresOf(notes, feed, effort.settleMs),
      traffic: screen.traffic(),
      errors,
      busy: (after.busy - before.busy) / Math.max(1, after.all - before.all),
      notes,
    };
  } finally {
    await screen.close();
  }
}

async function metricsOf({ ports }: ServiceProcess): Promise<string[]> {
  const text = await (await fetch(`http://127.0.0.1:${ports.control}/metrics`)).text();
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

/** Everything that is open during a session, and how a route is asked for. */
interface Stage {
  readonly service: ServiceProcess;
  readonly pusher: Pusher;
  readonly alternatives: Alternatives;
  readonly edges: Partial<Record<Route, Edge>>;
}

function urlOf(play: Play, { service, alternatives, edges }: Stage): string {
  if (play.route === 'nginx-rtmp') return alternatives.nginxRtmp;
  if (play.route === 'ffmpeg-hls') return alternatives.ffmpegHls;
  const origin = edges[play.route]?.url ?? `http://127.0.0.1:${service.ports.http}`;
  return `${origin}/live/${CHANNEL}/${isDash(play.player) ? 'manifest.mpd' : 'master.m3u8'}`;
}

export async function runSession(
  material: Material,
  latency: Latency,
  plays: readonly Play[],
  effort: Effort,
  theatre: Theatre,
  said: (result: PlayResult) => void,
): Promise<SessionResult> {
  const closers: (() => Promise<void>)[] = [];
  const opened = <T extends { stop(): Promise<void> }>(thing: T): T => {
    closers.unshift(() => thing.stop());
    return thing;
  };
  try {
    const service = opened(await startService(material, material.ladderPath, [CHANNEL], latency));
    const folder = join(material.folder, latency);
    const alternatives = opened(await openAlternatives(folder, material.ffmpeg));
    const targets = [`${service.ports.rtmp}/${service.streamOf(CHANNEL)}`, `${alternatives.rtmpPort}/${CHANNEL}`];
    const pusher = opened(await startPusher(material.clip, effort.jitterMs, targets));
    await alternatives.startFfmpeg();
    await until('live', async () => (await service.status(CHANNEL)).onAir === 'live', pusher);
    const edges: Stage['edges'] = {};
    const wanted = new Set(plays.map(({ route }) => route));
    if (wanted.has('varnish')) edges.varnish = opened(await openVarnishEdge(folder, service.ports.http));
    if (wanted.has('nginx')) edges.nginx = opened(await openNginxEdge(folder, service.ports.http));
    return await playAll({ service, pusher, alternatives, edges }, { latency, plays, effort, theatre, said });
  } finally {
    for (const close of closers) await close();
  }
}

interface Programme {
  readonly latency: Latency;
  readonly plays: readonly Play[];
  readonly effort: Effort;
  readonly theatre: Theatre;
  readonly said: (result: PlayResult) => void;
}

async function playAll(
  stage: Stage,
  { latency, plays: wanted, effort, theatre, said }: Programme,
): Promise<SessionResult> {
  const results: PlayResult[] = [];
  const failed: { play: Play; why: string }[] = [];
  const reports: Partial<Record<Route, ViewerReport>> = {};
  for (const route of new Set(wanted.map((play) => play.route))) {
    const ofRoute = wanted.filter((play) => play.route === route);
    const origin = stage.edges[route]?.url ?? `http://127.0.0.1:${stage.service.ports.http}`;
    const isOurs = route === 'direct' || stage.edges[route] !== undefined;
    const count = route === 'direct' ? 1 : effort.viewers;
    const viewers = isOurs && count > 0 ? startViewers(`${origin}/live/${CHANNEL}/master.m3u8`, count) : undefined;
    const one = async (play: Play): Promise<void> => {
      try {
        const result = await watch(theatre, play, urlOf(play, stage), stage.pusher.feed, effort);
        results.push(result);
        said(result);
      } catch (error) {
        failed.push({ play, why: error instanceof Error ? error.message : String(error) });
      }
    };
    for (const plays of effort.isTogether ? [ofRoute] : ofRoute.map((play) => [play])) {
      await Promise.all(plays.map(one));
      if (stage.pusher.hasEnded) throw new Error(`the pusher ended: ${stage.pusher.said().slice(-1000)}`);
      if (stage.service.hasEnded) throw new Error(`the service ended: ${stage.service.said().slice(-1000)}`);
    }
    const report = viewers?.report();
    if (report !== undefined) reports[route] = report;
    await viewers?.stop();
  }
  const metrics = await metricsOf(stage.service);
  return {
    latency,
    plays: results,
    failed,
    viewers: reports,
    pusherLateMs: stage.pusher.lateMs(),
    refused: metrics.filter((line) => /^pitchside_http_responses_total.*status="[45]/.test(line)),
    stages: metrics.filter((line) => /^pitchside_packager_\w+_seconds(_sum|_count)/.test(line)),
  };
}
