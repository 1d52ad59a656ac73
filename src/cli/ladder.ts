/**
 * `ladder try`: encodes a clip with each rung of a ladder and says what came of it.
 * It never changes the ladder. Invariant: the arguments are those that `serve` encodes with.
 */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { trialPage } from '../plan/trial-page.ts';
import { trialText } from '../plan/trial-report.ts';
import { messageOf, ServiceError } from '../system/errors.ts';
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
import { matchPicture } from './match-picture.ts';
import { MATCH_PICTURE } from './push-command.ts';
import type { Doors } from './service-door.ts';

const SECONDS = { least: 1, most: 600, otherwise: 10 };
const BAR_CELLS = 24;

const SHAPE: CommandShape = {
  name: 'ladder',
  summary: 'try a ladder on a clip: rates held, quality, speed, steps between rungs',
  operands: 'try [CLIP]',
  maxOperands: 2,
  about: [
    'Encodes CLIP, or the generated match, with each rung of a ladder as serve would, and prints the rate held, by how much the VBV buffer was overrun, PSNR and SSIM (VMAF where ffmpeg has libvmaf), speed, and which rungs stand too near to their neighbour.',
  ],
  flags: [
    LADDER_FLAG,
    LATENCY_FLAG,
    { name: 'seconds', value: 'N', help: `how much of the clip, 1 to ${SECONDS.most} (${SECONDS.otherwise})` },
    { name: 'size', value: 'WxH', help: `picture of the generated match (${MATCH_PICTURE.size})` },
    { name: 'fps', value: 'RATE', help: `its frame rate (${MATCH_PICTURE.fps})` },
    { name: 'html', value: 'FILE', help: 'write a report with rate-quality curves' },
    FFMPEG_FLAG,
    { name: 'json', help: 'figures as JSON instead of text' },
  ],
  notes: ['Example: pitchside ladder try match.mp4 --ladder mine.yaml --html trial.html'],
};

/** `[#####.....]  40 % 720p: encoding`. */
export function progressBar(what: string, share: number): string {
  const cells = Math.round(share * BAR_CELLS);
  return `[${'#'.repeat(cells)}${'.'.repeat(BAR_CELLS - cells)}] ${String(Math.round(share * 100)).padStart(3)} % ${what}`;
}

async function run(doors: Doors, args: Arguments, io: CommandIo): Promise<number> {
  const [verb, clip] = args.operands;
  if (verb !== 'try') throw usageError('the first argument has to be try', SHAPE.name);
  const seconds = figureArgument(args, 'seconds', SECONDS, SHAPE.name);
  const picture = matchPicture(args, SHAPE.name);
  const latency = latencyArgument(args, SHAPE.name);
  const ladder = await ladderArgument(doors, args, io);
  const ffmpegPath = await doors.locateFfmpeg(args.text('ffmpeg'), io.env);
  const trial = await doors
    .tryLadder({
      ffmpegPath,
      ladder,
      latency,
      clip:
        clip === undefined ? { kind: 'match', picture } : { kind: 'file', path: resolve(io.workingDirectory, clip) },
      seconds,
      onProgress: (what, share) => void io.progress(progressBar(what, share)),
    })
    .finally(() => io.progress(undefined));
  const html = args.text('html');
  if (html !== undefined) await writePage(resolve(io.workingDirectory, html), trialPage(trial));
  io.out(args.on('json') ? JSON.stringify(trial, undefined, 2) : trialText(trial));
  if (html !== undefined) io.err(`Report: ${html}`);
  return 0;
}

async function writePage(path: string, page: string): Promise<void> {
  await writeFile(path, page).catch((error: unknown) => {
    throw new ServiceError('USAGE', `the report cannot be written: ${messageOf(error)}`, {
      hint: 'Name a file in a folder that is there.',
    });
  });
}

export function ladderCommand(doors: Doors): Command {
  return { ...SHAPE, run: (args, io) => run(doors, args, io) };
}
