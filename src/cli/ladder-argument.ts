/**
 * What commands about ladders take on the command line: the ladder, its latency, the generated match's picture, and figures.
 * It never encodes. Invariant: a value that is not understood is USAGE, with what would be right.
 */
import type { Ladder, Latency } from '../config/model.ts';
import { ServiceError } from '../system/errors.ts';
import { usageError } from './arguments.ts';
import type { Arguments, CommandIo, Flag } from './command.ts';
import type { Doors } from './service-door.ts';

export const LADDER_FLAG: Flag = { name: 'ladder', value: 'LADDER', help: 'ladder by name or path (two-core)' };
export const LATENCY_FLAG: Flag = {
  name: 'latency',
  value: 'NAME',
  help: 'normal (no parts), low (parts of 0.4 s) or ultra (0.2 s) (normal)',
};
export const FFMPEG_FLAG: Flag = {
  name: 'ffmpeg',
  value: 'PATH',
  help: 'the ffmpeg to use (FFMPEG_PATH, else ffmpeg-static, else the one on PATH)',
};

/** Throws LADDER_INVALID or LADDER_UNKNOWN with every problem. */
export async function ladderArgument(doors: Doors, args: Arguments, io: CommandIo): Promise<Ladder> {
  const found = await doors.findLadder(args.text('ladder') ?? 'two-core', io.workingDirectory);
  if (found.kind === 'unknown') throw new ServiceError(found.code, found.text);
  if (found.kind === 'bad') throw new ServiceError(found.code, found.problems.join('; '));
  for (const note of found.notes) io.err(note);
  return found.ladder;
}

/** Throws USAGE. */
export function latencyArgument(args: Arguments, command: string): Latency {
  const text = args.text('latency') ?? 'normal';
  const latency = (['normal', 'low', 'ultra'] as const).find((known) => known === text);
  if (latency === undefined) throw usageError(`--latency takes normal, low or ultra, not '${text}'`, command);
  return latency;
}

export interface FigureRange {
  readonly least: number;
  readonly most: number;
  readonly otherwise: number;
}

/** A plain figure, thousands with , or _ where a person likes that. Throws USAGE. */
export function figureArgument(args: Arguments, flag: string, range: FigureRange, command: string): number {
  const text = args.text(flag);
  if (text === undefined) return range.otherwise;
  const figure = /^\d[\d_,]*(?:\.\d+)?$/.test(text) ? Number(text.replace(/[_,]/g, '')) : Number.NaN;
  if (figure >= range.least && figure <= range.most) return figure;
  throw usageError(`--${flag} takes a figure from ${range.least} to ${range.most}, not '${text}'`, command);
}
