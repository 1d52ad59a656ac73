/**
 * `plan`: what a ladder and an audience ask of edges, shields, origin and encoder, before there is any of it.
 * A door to the plan room. It never asks a server; with --calibrate it runs ffmpeg for some seconds.
 */
import type { Ladder } from '../config/model.ts';
import { parseDurationMs } from '../config/quantities.ts';
import { capacityOf } from '../plan/capacity.ts';
import { capacityJson, capacityText } from '../plan/capacity-report.ts';
import { type CapacityCase, PLAYERS } from '../plan/case.ts';
import { tradeOffs, type Variant, variantsOf } from '../plan/trade-offs.ts';
import { ServiceError } from '../system/errors.ts';
import { formatFrameRate, framesPerSecond, STANDARD_FRAME_RATES } from '../system/frame-rate.ts';
import type { PlanSource } from '../transcode/model.ts';
import { usageError } from './arguments.ts';
import type { Arguments, Command, CommandIo, CommandShape } from './command.ts';
import {
  FFMPEG_FLAG,
  figureArgument,
  LADDER_FLAG,
  LATENCY_FLAG,
  ladderArgument,
  latencyArgument,
} from './ladder-argument.ts';
import type { Doors } from './service-door.ts';

const DEFAULT_MIX = 'hls=50,ll-hls=20,dash=20,ll-dash=10';
/** Long enough that starting ffmpeg does not count. */
const CALIBRATION_SECONDS = 4;

const SHAPE: CommandShape = {
  name: 'plan',
  summary: 'count requests, egress, memory and cores for a ladder and an audience',
  about: [
    'Prints requests a second at edge, shields and origin, egress, the size of the manifests and of the window, the latency of each kind of player, and what would change with other segments, parts and rungs. Manifests are rendered and the encoder is measured by the code that serves them.',
  ],
  flags: [
    LADDER_FLAG,
    LATENCY_FLAG,
    { name: 'segment', value: 'N', help: "seconds of a segment, 1 to 6 (the ladder's)" },
    { name: 'size', value: 'WxH', help: "picture of the feed (the ladder's largest, 16:9)" },
    { name: 'fps', value: 'RATE', help: "its frame rate (the ladder's, else 30)" },
    { name: 'window', value: 'TIME', help: 'time-shift window (2m)' },
    { name: 'viewers', value: 'N', help: 'how many play at once (65,000,000)' },
    { name: 'mix', value: 'LIST', help: `their players (${DEFAULT_MIX})` },
    { name: 'shields', value: 'N', help: 'caches that ask the origin (4)' },
    { name: 'offload', value: 'PERCENT', help: 'what edges answer by themselves (90)' },
    { name: 'join', value: 'N', help: 'seconds in which all of them come (300)' },
    { name: 'calibrate', help: 'measure the encoder here with the real arguments' },
    FFMPEG_FLAG,
    { name: 'json', help: 'figures as JSON instead of text' },
  ],
  notes: ['Example: pitchside plan --ladder hd-sports --latency low --viewers 2,000,000'],
};

/** `hls=50,dash=50`: any figures, taken as shares of their sum. Throws USAGE. */
export function mixArgument(text: string): CapacityCase['mix'] {
  const wrong = () => usageError(`--mix takes a list such as ${DEFAULT_MIX}, not '${text}'`, SHAPE.name);
  const shares = { hls: 0, 'll-hls': 0, dash: 0, 'll-dash': 0 };
  for (const entry of text.split(',')) {
    const [, name, figure] = /^ *(hls|ll-hls|dash|ll-dash)=(\d{1,9}(?:\.\d+)?)%? *$/.exec(entry) ?? [];
    const player = PLAYERS.find((known) => known === name);
    if (player === undefined) throw wrong();
    shares[player] += Number(figure);
  }
  const sum = PLAYERS.reduce((total, player) => total + shares[player], 0);
  if (sum === 0) throw wrong();
  return {
    hls: shares.hls / sum,
    'll-hls': shares['ll-hls'] / sum,
    dash: shares.dash / sum,
    'll-dash': shares['ll-dash'] / sum,
  };
}

/** Throws USAGE. */
function sourceArgument(args: Arguments, ladder: Ladder): PlanSource {
  const tallest = Math.max(...ladder.video.map(({ height, width }) => height ?? ((width ?? 0) * 9) / 16), 0) || 720;
  const size = args.text('size') ?? `${2 * Math.round((tallest * 8) / 9)}x${2 * Math.round(tallest / 2)}`;
  const [, width, height] = /^([1-9]\d{1,3})x([1-9]\d{1,3})$/.exec(size) ?? [];
  if (width === undefined || height === undefined) throw usageError(`--size takes WxH, not '${size}'`, SHAPE.name);
  const usual = ladder.frameRate === 'auto' ? '30' : formatFrameRate(ladder.frameRate);
  const fps = args.text('fps') ?? usual;
  const frameRate = STANDARD_FRAME_RATES.find((rate) => Math.abs(framesPerSecond(rate) - Number(fps)) < 0.005);
  if (frameRate === undefined)
    throw usageError(`--fps takes ${STANDARD_FRAME_RATES.map(formatFrameRate).join(', ')}, not '${fps}'`, SHAPE.name);
  return { width: Number(width), height: Number(height), frameRate };
}

/** Throws USAGE and what is wrong with the ladder. */
async function caseOf(doors: Doors, args: Arguments, io: CommandIo): Promise<CapacityCase> {
  const written = await ladderArgument(doors, args, io);
  const figure = (flag: string, least: number, most: number, otherwise: number): number =>
    figureArgument(args, flag, { least, most, otherwise }, SHAPE.name);
  const segmentSeconds = figure('segment', 1, 6, written.segmentSeconds);
  if (!Number.isInteger(segmentSeconds)) throw usageError('--segment takes whole seconds', SHAPE.name);
  const ladder = { ...written, segmentSeconds };
  const window = args.text('window') ?? '2m';
  const windowMs = parseDurationMs(window);
  if (windowMs === undefined || windowMs < 20_000 || windowMs > 86_400_000)
    throw usageError(`--window takes a duration from 20s to 24h such as 15m, not '${window}'`, SHAPE.name);
  return {
    ladder,
    latency: latencyArgument(args, SHAPE.name),
    source: sourceArgument(args, ladder),
    windowMs,
    viewers: figure('viewers', 1, 1e10, 65_000_000),
    mix: mixArgument(args.text('mix') ?? DEFAULT_MIX),
    shields: figure('shields', 1, 10_000, 4),
    offload: figure('offload', 0, 100, 90) / 100,
    joinSeconds: figure('join', 1, 86_400, 300),
  };
}

/** One run for each ladder and latency that differ: how long a Segment is costs nothing. */
async function measuredCores(doors: Doors, args: Arguments, io: CommandIo, asked: CapacityCase) {
  const keyOf = ({ asked: { ladder, latency } }: Variant): string => JSON.stringify([ladder.video, latency]);
  const wanted = new Map(variantsOf(asked).map((variant) => [keyOf(variant), variant.asked]));
  const { width, height, frameRate } = asked.source;
  const cores = await doors.calibrate({
    ffmpegPath: await doors.locateFfmpeg(args.text('ffmpeg'), io.env),
    ladders: [...wanted.values()],
    latency: asked.latency,
    clip: { kind: 'match', picture: { size: `${width}x${height}`, fps: formatFrameRate(frameRate) } },
    seconds: CALIBRATION_SECONDS,
    onProgress: (what, share) => void io.progress(`${what}, ${Math.round(share * 100)} %`),
  });
  io.progress(undefined);
  const measured = new Map([...wanted.keys()].map((key, index) => [key, cores[index]]));
  return (variant: Variant): number | undefined => measured.get(keyOf(variant));
}

async function run(doors: Doors, args: Arguments, io: CommandIo): Promise<number> {
  const asked = await caseOf(doors, args, io);
  const possible = capacityOf(asked);
  if (possible.kind === 'bad')
    throw new ServiceError('LADDER_INVALID', `this cannot be encoded: ${possible.reason}`, {
      hint: 'Change the ladder, the latency or the feed.',
    });
  const coresOf = args.on('calibrate') ? await measuredCores(doors, args, io, asked) : undefined;
  const rows = tradeOffs(asked, coresOf);
  io.out(args.on('json') ? capacityJson(asked, rows) : capacityText(asked, rows));
  return 0;
}

export function planCommand(doors: Doors): Command {
  return { ...SHAPE, run: (args, io) => run(doors, args, io) };
}
