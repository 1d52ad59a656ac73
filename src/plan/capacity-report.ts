/**
 * A case and its capacity as text for a terminal and as JSON. Pure.
 * It never computes a figure of its own but the sum that everybody does. Invariant: text and JSON tell the same figures.
 */
import { formatFrameRate } from '../system/frame-rate.ts';
import type { Capacity, Tier } from './capacity.ts';
import type { CapacityCase } from './case.ts';
import type { LatencyRange } from './expected-latency.ts';
import { REQUEST_KINDS } from './requests.ts';
import { alignedTable, count, percent, scaled, seconds } from './table.ts';
import type { TradeOff } from './trade-offs.ts';

/** The sum that everybody does before a final: so many of the viewers ask in any second, a tenth of what is left reaches a database. */
interface RuleOfThumb {
  readonly asking: number;
  readonly toDatabase: number;
}

const RULE_OF_THUMB: RuleOfThumb = { asking: 0.05, toDatabase: 0.1 };

export interface NaiveSum {
  readonly edgeRequestsPerSecond: number;
  readonly missedRequestsPerSecond: number;
  readonly databaseRequestsPerSecond: number;
}

/** 65,000,000 x 5 % = 3,250,000; 90 % offload leaves 325,000; a tenth of them 32,500. */
export function naiveSum({ viewers, offload }: CapacityCase, rule = RULE_OF_THUMB): NaiveSum {
  const edge = viewers * rule.asking;
  const missed = edge * (1 - offload);
  return {
    edgeRequestsPerSecond: Math.round(edge),
    missedRequestsPerSecond: Math.round(missed),
    databaseRequestsPerSecond: Math.round(missed * rule.toDatabase),
  };
}

export function capacityText(asked: CapacityCase, [first, ...others]: readonly TradeOff[]): string {
  if (first === undefined) return '';
  const { capacity } = first;
  return [
    ...headLines(asked, capacity),
    '',
    ...tierLines(asked, capacity),
    '',
    ...playerLines(capacity),
    '',
    ...machineLines(asked, capacity),
    '',
    ...tradeOffLines([first, ...others]),
    '',
    ...naiveLines(asked, capacity),
  ].join('\n');
}

function headLines(asked: CapacityCase, { top, segmentMs, partMs, dropped, players }: Capacity): string[] {
  const { ladder, source, viewers } = asked;
  const parts = partMs === undefined ? 'no parts' : `parts of ${partMs / 1000} s`;
  const feed = `${source.width}x${source.height} at ${formatFrameRate(source.frameRate)}`;
  const mix = players.map(({ player, share }) => `${player} ${percent(share)}`).join(', ');
  return [
    `Ladder ${ladder.name}, segments of ${segmentMs / 1000} s, ${parts}; feed ${feed}.`,
    ...dropped.map((line) => `Left out: ${line}.`),
    `${count(viewers)} viewers, all on ${top.id} (${scaled(top.averageBps, 'bit/s')}, ${scaled(top.peakBps, 'bit/s')} at most): ${mix}.`,
  ];
}

function tierLines(asked: CapacityCase, capacity: Capacity): readonly string[] {
  const { edge, shield, origin, joinRequestsPerSecond } = capacity;
  const tiers: readonly Tier[] = [edge, shield, origin];
  const kinds = REQUEST_KINDS.filter((kind) => tiers.some(({ byKind }) => byKind[kind] > 0));
  return [
    ...alignedTable(
      [
        ['requests a second', 'edge', 'to shields', 'to origin'],
        ...kinds.map((kind) => [`  ${kind}`, ...tiers.map(({ byKind }) => count(byKind[kind]))]),
        ['  all', ...tiers.map(({ requestsPerSecond }) => count(requestsPerSecond))],
        ['egress', ...tiers.map(({ egressBps }) => scaled(egressBps, 'bit/s'))],
      ],
      '',
    ),
    `All of them coming within ${count(asked.joinSeconds)} s they ask ${count(joinRequestsPerSecond)} a second more at the edge. Offload ${percent(asked.offload)}; ${asked.shields} shields.`,
  ];
}

function machineLines(
  asked: CapacityCase,
  { texts, windowBytes, residentBytes, encoding }: Capacity,
): readonly string[] {
  const { average, peak } = windowBytes;
  const cores =
    encoding.cores === undefined
      ? 'cores not measured (--calibrate does)'
      : `${encoding.cores.toFixed(2)} cores, measured here`;
  return [
    ...alignedTable(
      [
        ['manifests', 'bytes', 'gzip'],
        ...texts.map(({ text, bytes, gzipBytes }) => [`  ${text}`, count(bytes), count(gzipBytes)]),
      ],
      '',
    ),
    `window   ${asked.windowMs / 1000} s and a minute: ${scaled(average, 'B')}, ${scaled(peak, 'B')} at most; of it in memory ${scaled(residentBytes.usual, 'B')} with a disk, all without`,
    `encoder  ${encoding.rungs} rungs, ${encoding.megapixelsPerSecond.toFixed(1)} Mpixel/s: ${cores}`,
  ];
}

function playerLines({ players }: Capacity): readonly string[] {
  return alignedTable(
    [
      ['players', 'share', 'req/s each', 'behind the picture'],
      ...players.map(({ player, share, requestsPerSecond, latency }) => [
        `  ${player}`,
        percent(share),
        count(requestsPerSecond),
        rangeText(latency),
      ]),
    ],
    '',
  );
}

function rangeText({ fromMs, toMs }: LatencyRange): string {
  return fromMs === toMs ? seconds(fromMs) : `${(fromMs / 1000).toFixed(2)} to ${seconds(toMs)}`;
}

function tradeOffLines(rows: readonly TradeOff[]): readonly string[] {
  const players = [...new Set(rows.flatMap(({ capacity }) => capacity.players.map(({ player }) => player)))];
  return alignedTable(
    [
      ['what if', 'edge req/s', 'origin', ...players.map((player) => `${player} s`), 'bit/s each', 'window', 'cores'],
      ...rows.map(({ name, capacity: { edge, origin, players: playing, top, windowBytes, encoding } }) => [
        `  ${name}`,
        count(edge.requestsPerSecond),
        count(origin.requestsPerSecond),
        ...players.map((player) => {
          const latency = playing.find((one) => one.player === player)?.latency;
          return latency === undefined ? '-' : ((latency.fromMs + latency.toMs) / 2000).toFixed(1);
        }),
        scaled(top.averageBps, ''),
        scaled(windowBytes.average, 'B'),
        encoding.cores?.toFixed(2) ?? '-',
      ]),
    ],
    '',
  );
}

function naiveLines(asked: CapacityCase, { origin }: Capacity): string[] {
  const { edgeRequestsPerSecond, missedRequestsPerSecond, databaseRequestsPerSecond } = naiveSum(asked);
  const each = origin.requestsPerSecond / Math.max(1, asked.shields);
  return [
    `The usual sum: ${count(asked.viewers)} x ${percent(RULE_OF_THUMB.asking)} = ${count(edgeRequestsPerSecond)} req/s; ${percent(asked.offload)} offload leaves ${count(missedRequestsPerSecond)};`,
    `a tenth of them to a database ${count(databaseRequestsPerSecond)}. Here: at most ${count(each)} answers a second x ${asked.shields} shields`,
    `= ${count(origin.requestsPerSecond)} req/s at the origin, for any number of viewers, and no database.`,
  ];
}

export function capacityJson(asked: CapacityCase, rows: readonly TradeOff[]): string {
  const { ladder, ...rest } = asked;
  const [first] = rows;
  return JSON.stringify(
    {
      case: { ...rest, ladder: ladder.name, segmentSeconds: ladder.segmentSeconds },
      ...first?.capacity,
      usualSum: naiveSum(asked),
      tradeOffs: rows.slice(1).map(({ name, capacity }) => ({
        name,
        edgeRequestsPerSecond: capacity.edge.requestsPerSecond,
        originRequestsPerSecond: capacity.origin.requestsPerSecond,
        windowBytes: capacity.windowBytes.average,
        cores: capacity.encoding.cores,
        latency: Object.fromEntries(capacity.players.map(({ player, latency }) => [player, latency])),
      })),
    },
    undefined,
    2,
  );
}
