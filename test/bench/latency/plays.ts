/**
 * The matrix: which player with which settings is shown what, over which route, and what is hoped for. Pure.
 * Invariant: a play's name is unique within a run and says all of it: `low/varnish/page-hls`.
 */
import type { Latency } from '../../../src/config/model.ts';
import type { PlayerName } from '../../rig/players.ts';
import type { WatchFigures } from './figures.ts';

/** direct: HTTP/1.1 to the origin. varnish, nginx: HTTP/2 to an edge with other viewers. The last two are the alternatives. */
export type Route = 'direct' | 'varnish' | 'nginx' | 'nginx-rtmp' | 'ffmpeg-hls';

export interface Play {
  readonly name: string;
  readonly latency: Latency;
  readonly route: Route;
  /** With its default settings, or `page-`: as the service's own page sets it. */
  readonly player: PlayerName;
}

const PLAYERS: readonly PlayerName[] = ['hls.js', 'page-hls', 'dash.js', 'page-dash', 'shaka-hls', 'shaka-dash'];

/** By route, so that an edge and its viewers are started once. */
export function playsOf(latency: Latency): Play[] {
  const of = (route: Route, players: readonly PlayerName[]): Play[] =>
    players.map((player) => ({ name: `${latency}/${route}/${player}`, latency, route, player }));
  return [
    ...of('direct', PLAYERS),
    ...of('varnish', PLAYERS),
    ...of('nginx', ['page-hls', 'page-dash']),
    ...of('nginx-rtmp', ['hls.js']),
    ...of('ffmpeg-hls', ['hls.js']),
  ];
}

export const isDash = (player: PlayerName): boolean => player.includes('dash');

interface Goal {
  readonly p50Ms: number;
  readonly p95Ms?: number;
}

/** What is hoped for; undefined where nothing was promised. Behind nginx nothing is: it is there to show its price. */
export function goalOf({ latency, player, route }: Play): Goal | undefined {
  if (route !== 'direct' && route !== 'varnish') return undefined;
  if (latency === 'normal') return { p50Ms: isDash(player) ? 5000 : 7500 };
  const isMeant = player === 'page-hls' || player === 'dash.js' || player === 'page-dash';
  if (latency === 'ultra') return isMeant ? { p50Ms: 1000, p95Ms: 1400 } : undefined;
  if (player === 'page-hls') return { p50Ms: 1500 };
  return player === 'hls.js' ? { p50Ms: 2100 } : undefined;
}

/** At most one stall in ten minutes counts as well: a shorter play may have one. */
export function meetsGoal(figures: WatchFigures, goal: Goal, minutes: number): boolean {
  const isFast = figures.p50Ms < goal.p50Ms && figures.p95Ms < (goal.p95Ms ?? Number.POSITIVE_INFINITY);
  return isFast && figures.stalls <= Math.max(1, minutes / 10);
}
