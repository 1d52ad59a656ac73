/**
 * What a session came to, as text: one table, then where time goes and what was refused. Pure. It decides nothing.
 */
import type { Latency } from '../../../src/config/model.ts';
import { goalOf, meetsGoal, type Play } from './plays.ts';
import type { PlayResult, SessionResult, ViewerReport } from './session.ts';

const COLUMNS = ['route', 'player', 'p50', 'p95', 'first', 'start-up', 'stalls', 'rebuffer', 'rate chg'];
const MORE = ['req/s', '4xx/5xx', 'failed', 'ahead', 'rungs', 'freezes', 'read', 'bad', 'busy', 'goal'];

const seconds = (ms: number): string => (Number.isFinite(ms) ? `${(ms / 1000).toFixed(2)} s` : '-');
const percent = (share: number): string => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;

function cellsOf({ play, figures, traffic, busy, notes }: PlayResult): string[] {
  const watchedMs = notes.endedMs - notes.startedMs;
  const goal = goalOf(play);
  const bad = Object.entries(traffic.byStatus).filter(([status]) => Number(status) >= 400);
  const wanted =
    goal === undefined
      ? ''
      : [goal.p50Ms, ...(goal.p95Ms === undefined ? [] : [goal.p95Ms])].map((ms) => `< ${ms / 1000} s`).join(', ');
  return [
    ...[play.route, play.player, seconds(figures.p50Ms), seconds(figures.p95Ms)],
    ...[seconds(figures.firstAgeMs), seconds(figures.startUpMs)],
    figures.stalls === 0 ? '0' : `${figures.stalls} (${seconds(figures.longestStallMs)})`,
    ...[percent(figures.rebufferRatio), String(figures.rateChanges)],
    (traffic.requests / (watchedMs / 1000)).toFixed(1),
    bad.map(([status, count]) => `${count} x ${status}`).join(' ') || '0',
    ...[String(traffic.failed), `${figures.aheadP50.toFixed(2)} s`, figures.heights.join('+') || '-'],
    ...[String(figures.freezes), String(figures.reads), String(figures.unreadable + figures.torn), percent(busy)],
    goal === undefined ? '' : `${wanted}: ${meetsGoal(figures, goal, watchedMs / 60_000) ? 'met' : 'NOT MET'}`,
  ];
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  return rows.map(line).join('\n');
}

/** One line while the others still run. */
export const oneLine = (result: PlayResult): string => `${result.play.name}: ${cellsOf(result).slice(2).join('  ')}`;

export function textOf(session: SessionResult): string {
  const { latency, plays, failed, viewers, pusherLateMs, refused, stages } = session;
  const rows = [[...COLUMNS, ...MORE], ...plays.map(cellsOf)];
  const whole = latency === 'normal' ? 'Segments' : 'parts';
  const lagOf = (what: string, { p50, p95, count }: ViewerReport['lag']) =>
    count === 0 ? '' : `${what} ${p50?.toFixed(0)} ms (p95 ${p95?.toFixed(0)} ms, ${count}); `;
  const lags = Object.entries(viewers).map(
    ([route, { lag, growing, requests, byStatus }]) =>
      `  ${route}: ${lagOf(whole, lag)}${lagOf('chunks of growing Segments', growing)}${requests} requests, ${JSON.stringify(byStatus)}`,
  );
  const errors = plays
    .filter((one) => one.errors.length > 0)
    .map((one) => `  ${one.play.name}: ${one.errors.slice(0, 5).join('; ')}`);
  return [
    `\nlatency: ${latency} (glass to glass; p50 and p95 after settling)`,
    table(rows),
    ...failed.map(({ play, why }) => `${play.name}: could not be measured: ${why}`),
    ...(errors.length === 0 ? [] : ['errors of players:', ...errors]),
    'other viewers, by route: last byte after the end of the last frame',
    ...lags,
    ...penalties(latency, plays),
    `pusher: latest tag ${pusherLateMs.toFixed(0)} ms behind its plan`,
    'service:',
    ...stages.map((line) => `  ${line}`),
    ...(refused.length === 0 ? ['  no answer of 400 or above'] : refused.map((line) => `  ${line}`)),
  ].join('\n');
}

/** What an edge adds, and what the alternatives come to, against the same player asking the origin. */
function penalties(latency: Latency, plays: readonly PlayResult[]): string[] {
  const p50 = (route: Play['route'], player: Play['player']) =>
    plays.find(({ play }) => play.route === route && play.player === player)?.figures.p50Ms;
  return plays.flatMap(({ play, figures }) => {
    const direct = p50('direct', play.player);
    if (play.route === 'direct' || direct === undefined) return [];
    const isEdge = play.route === 'varnish' || play.route === 'nginx';
    const difference = figures.p50Ms - direct;
    return [
      isEdge
        ? `${play.route} adds ${seconds(difference)} to ${play.player}`
        : `${play.route} is ${(figures.p50Ms / direct).toFixed(1)} times ${latency} with ${play.player}`,
    ];
  });
}
