/**
 * What a swarm will do, before it does anything: viewers by kind, connections, requests expected, and where it is held back. Pure.
 * It never asks for more than the limits here, whatever it is told. Invariant: everything that was lowered is said in `capped`.
 */
import type { DashList } from './dash-list.ts';
import type { HlsList } from './hls-list.ts';
import { VIEWER_KINDS, type ViewerKind } from './model.ts';

export type Mix = Readonly<Record<ViewerKind, number>>;

export interface Spike {
  readonly viewers: number;
  readonly atMs: number;
  readonly what: 'join' | 'reload' | 'rewind';
}

export interface SwarmWish {
  readonly hlsUrl: string;
  readonly mpdUrl: string;
  readonly viewers: number;
  /** Shares of any sum. */
  readonly mix: Mix;
  readonly durationMs: number;
  readonly rampMs: number;
  readonly spike: Spike | undefined;
  readonly thinkMs: number | undefined;
  /** Of one viewer; undefined: as its kind needs. */
  readonly connections: number | undefined;
  readonly maxRequestsPerSecond: number;
  readonly seed: number;
  readonly metricsUrl: string | undefined;
  /** The edge's log on this machine. */
  readonly edgeLogFile: string | undefined;
}

/** What is at the address, of the kinds that are in the mix. */
export interface StreamFacts {
  readonly hls?: { readonly list: HlsList; readonly lanes: number } | undefined;
  readonly dash?: { readonly mpd: DashList; readonly lanes: number } | undefined;
}

export interface SwarmPlan extends SwarmWish {
  readonly counts: Mix;
  /** Of a spike of joins: who joins, on top of `counts`. */
  readonly joinCounts: Mix;
  readonly connectionsOf: Mix;
  readonly sockets: number;
  readonly expectedPerSecond: number;
  /** Whole sentences. */
  readonly capped: readonly string[];
}

const SWARM_LIMITS = {
  viewers: 20_000,
  durationMs: 3_600_000,
  requestsPerSecond: 50_000,
  /** Browsers open no more to one server by HTTP/1.1. */
  connectionsPerViewer: 6,
} as const;

/** Files that the process needs besides sockets. */
const OTHER_FILES = 100;

/** Requests of one viewer a second once it plays: lists and media, picture and sound. */
export function requestsPerSecond(kind: ViewerKind, { hls, dash }: StreamFacts): number {
  if (kind === 'dash') {
    if (dash === undefined) return 0;
    const durationMs = dash.mpd.periods.at(-1)?.sets[0]?.[0]?.durationMs ?? 2000;
    const updates = dash.mpd.updateMs === undefined ? 0 : 1000 / dash.mpd.updateMs;
    return (dash.lanes * 1000) / durationMs + updates;
  }
  if (hls === undefined) return 0;
  const { list, lanes } = hls;
  // One list and one object each time there is something new.
  if (kind === 'hls' || !list.canBlock) return (lanes * 2 * 1000) / list.lastDurationMs;
  return (lanes * 2 * 1000) / (partOf(list) ?? list.lastDurationMs);
}

/** Parts as they are, of the picture: PART-TARGET is the longest of any rendition. */
function partOf(list: HlsList): number | undefined {
  const listed = list.segments.at(-1)?.parts[0]?.durationMs;
  return list.partTargetMs === undefined ? undefined : (listed ?? list.partTargetMs);
}

/** Splits whole viewers by the shares; what is left over goes to the largest remainders. */
export function splitByMix(viewers: number, mix: Mix): Mix {
  const sum = VIEWER_KINDS.reduce((all, kind) => all + mix[kind], 0);
  const exact = VIEWER_KINDS.map((kind) => ({ kind, share: (viewers * mix[kind]) / sum }));
  const counts = new Map(exact.map(({ kind, share }) => [kind, Math.floor(share)]));
  const left = viewers - [...counts.values()].reduce((all, count) => all + count, 0);
  const byRemainder = exact.toSorted((a, b) => (b.share % 1) - (a.share % 1));
  for (const { kind } of byRemainder.slice(0, left)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return mixOf((kind) => counts.get(kind) ?? 0);
}

function mixOf(of: (kind: ViewerKind) => number): Mix {
  return { hls: of('hls'), 'll-hls': of('ll-hls'), dash: of('dash') };
}

/** `openFiles`: how many this process may have open. */
export function planSwarm(wish: SwarmWish, facts: StreamFacts, openFiles: number): SwarmPlan {
  const capped: string[] = [];
  const connectionsOf = connectionsFor(wish, facts);
  const durationMs = Math.min(wish.durationMs, SWARM_LIMITS.durationMs);
  if (durationMs < wish.durationMs) capped.push(`It runs for an hour at most, not ${wish.durationMs / 1000} s.`);
  const maxRequestsPerSecond = Math.min(wish.maxRequestsPerSecond, SWARM_LIMITS.requestsPerSecond);
  if (maxRequestsPerSecond < wish.maxRequestsPerSecond)
    capped.push(`The ceiling is ${maxRequestsPerSecond} requests a second at most, not ${wish.maxRequestsPerSecond}.`);
  const limits = { connectionsOf, openFiles, maxRequestsPerSecond };
  const joins = wish.spike?.what === 'join' ? wish.spike.viewers : 0;
  const all = cappedViewers(wish.viewers + joins, wish, facts, limits, capped);
  const viewers = Math.min(wish.viewers, all);
  const counts = splitByMix(viewers, wish.mix);
  const spiked = joins > 0 ? all - viewers : Math.min(wish.spike?.viewers ?? 0, viewers);
  const joinCounts = splitByMix(joins > 0 ? spiked : 0, wish.mix);
  const sumOf = (of: (kind: ViewerKind) => number) => VIEWER_KINDS.reduce((sum, kind) => sum + of(kind), 0);
  return {
    ...wish,
    ...{ viewers, durationMs, maxRequestsPerSecond, counts, joinCounts, connectionsOf, capped },
    spike: wish.spike === undefined ? undefined : { ...wish.spike, viewers: spiked },
    sockets: sumOf((kind) => (counts[kind] + joinCounts[kind]) * connectionsOf[kind]),
    expectedPerSecond: sumOf((kind) => counts[kind] * requestsPerSecond(kind, facts)),
  };
}

interface Limits {
  readonly connectionsOf: Mix;
  readonly openFiles: number;
  readonly maxRequestsPerSecond: number;
}

/** As many as fit under all limits. */
function cappedViewers(wanted: number, wish: SwarmWish, facts: StreamFacts, limits: Limits, capped: string[]): number {
  const sum = VIEWER_KINDS.reduce((all, kind) => all + wish.mix[kind], 0);
  const mean = (of: (kind: ViewerKind) => number) =>
    VIEWER_KINDS.reduce((all, kind) => all + (wish.mix[kind] / sum) * of(kind), 0);
  const perViewer = mean((kind) => limits.connectionsOf[kind]);
  const rate = mean((kind) => requestsPerSecond(kind, facts));
  const bounds = [
    { most: SWARM_LIMITS.viewers, why: `one swarm has ${SWARM_LIMITS.viewers} at most` },
    {
      most: Math.floor((limits.openFiles - OTHER_FILES) / perViewer),
      why: `${limits.openFiles} open files (ulimit -n) hold no more at ${round(perViewer)} connections each; --connections 1 or a higher limit would`,
    },
    {
      most: rate === 0 ? wanted : Math.floor(limits.maxRequestsPerSecond / rate),
      why: `more than ${limits.maxRequestsPerSecond} requests a second are not sent (--max-rate), and a viewer makes ${round(rate)}`,
    },
  ];
  const tightest = bounds.reduce((least, bound) => (bound.most < least.most ? bound : least));
  if (tightest.most >= wanted) return wanted;
  const viewers = Math.max(1, tightest.most);
  capped.push(`${viewers} viewers instead of ${wanted}: ${tightest.why}.`);
  return viewers;
}

/** What is held, or grows, has its connection to itself; beside it lists and MPDs go on. The others ask for one thing after another. */
function connectionsFor(wish: SwarmWish, { hls, dash }: StreamFacts): Mix {
  const grows = dash?.mpd.periods.at(-1)?.sets.some((rungs) => rungs.some((rung) => rung.offeredEarlyMs > 0)) ?? false;
  const needed = {
    hls: 1,
    'll-hls': hls?.list.canBlock === true ? 2 * hls.lanes : 1,
    dash: grows ? (dash?.lanes ?? 1) + 1 : 1,
  };
  const wanted = Math.min(wish.connections ?? 2, SWARM_LIMITS.connectionsPerViewer);
  return mixOf((kind) => Math.max(needed[kind], wanted));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** What a person should know before the first request of a viewer. */
export function planText(plan: SwarmPlan): readonly string[] {
  const { counts, spike } = plan;
  const kinds = VIEWER_KINDS.filter((kind) => counts[kind] > 0).map((kind) => `${counts[kind]} ${kind}`);
  const think = plan.thinkMs === undefined ? 'nobody moves' : `a whim every ${plan.thinkMs / 1000} s each`;
  return [
    `Target: ${[counts.dash < plan.viewers ? plan.hlsUrl : '', counts.dash > 0 ? plan.mpdUrl : ''].filter(Boolean).join(' and ')}`,
    `${plan.viewers} viewers (${kinds.join(', ')}) join within ${plan.rampMs / 1000} s and stay until ${plan.durationMs / 1000} s; ${think}; seed ${plan.seed}.`,
    ...(spike === undefined
      ? []
      : [
          `At ${spike.atMs / 1000} s ${spike.viewers} viewers ${spike.what === 'rewind' ? 'rewind' : spike.what} within a second.`,
        ]),
    `Expected: about ${Math.round(plan.expectedPerSecond)} requests a second over up to ${plan.sockets} connections; never more than ${plan.maxRequestsPerSecond} a second.`,
    ...plan.capped.map((sentence) => `Capped: ${sentence}`),
  ];
}
