/**
 * The matrix: which player with which settings is shown what, over which route, and what is hoped for. Pure.
 * Invariant: a play's name is unique within a run and says all of it: `low/varnish/hls.js/page`.
 */
import type { Latency } from '../../../src/config/model.ts';
import { dashSettings } from '../../../src/control/page/dash-engine.js';
import { HLS_SETTINGS } from '../../../src/control/page/hls-engine.js';
import type { PlayerName } from '../../rig/players.ts';
import type { WatchFigures } from './figures.ts';

/** direct: HTTP/1.1 to the origin. varnish, nginx: HTTP/2 to an edge with other viewers. The last two are the alternatives. */
export type Route = 'direct' | 'varnish' | 'nginx' | 'nginx-rtmp' | 'ffmpeg-hls';

export interface Play {
  readonly name: string;
  readonly latency: Latency;
  readonly route: Route;
  readonly player: PlayerName;
  /** `page`: those of the service's own page. */
  readonly settings: 'default' | 'page';
}

const PLAYERS: readonly (readonly [PlayerName, Play['settings']])[] = [
  ['hls.js', 'default'],
  ['hls.js', 'page'],
  ['dash.js', 'default'],
  ['dash.js', 'page'],
  ['shaka-hls', 'default'],
  ['shaka-dash', 'default'],
];

/** By route, so that an edge and its viewers are started once. */
export function playsOf(latency: Latency): Play[] {
  const of = (route: Route, players: typeof PLAYERS): Play[] =>
    players.map(([player, settings]) => ({
      name: `${latency}/${route}/${player}/${settings}`,
      latency,
      route,
      player,
      settings,
    }));
  return [
    ...of('direct', PLAYERS),
    ...of('varnish', PLAYERS),
    ...of(
      'nginx',
      PLAYERS.filter(([, settings]) => settings === 'page'),
    ),
    ...of('nginx-rtmp', [['hls.js', 'default']]),
    ...of('ffmpeg-hls', [['hls.js', 'default']]),
  ];
}

export const isDash = (player: PlayerName): boolean => player === 'dash.js' || player === 'shaka-dash';

export function settingsOf({ player, settings }: Play, url: string): object {
  if (settings === 'default') return {};
  return isDash(player) ? dashSettings(url) : HLS_SETTINGS;
}

interface Goal {
  readonly p50Ms: number;
  readonly p95Ms?: number;
}

/** What is hoped for; undefined where nothing was promised. Behind nginx nothing is: it is there to show its price. */
export function goalOf({ latency, player, settings, route }: Play): Goal | undefined {
  if (route !== 'direct' && route !== 'varnish') return undefined;
  if (latency === 'normal') return { p50Ms: isDash(player) ? 5000 : 7500 };
  if (latency === 'ultra') {
    const isMeant = player === 'dash.js' || (player === 'hls.js' && settings === 'page');
    return isMeant ? { p50Ms: 1000, p95Ms: 1400 } : undefined;
  }
  return player === 'hls.js' ? { p50Ms: settings === 'page' ? 1500 : 2100 } : undefined;
}

/** At most one stall in ten minutes counts as well: a shorter play may have one. */
export function meetsGoal(figures: WatchFigures, goal: Goal, minutes: number): boolean {
  const isFast = figures.p50Ms < goal.p50Ms && figures.p95Ms < (goal.p95Ms ?? Number.POSITIVE_INFINITY);
  return isFast && figures.stalls <= Math.max(1, minutes / 10);
}
