/**
 * `check`: reads a live stream for a while and says which rules it breaks. A door to the check room, nothing more.
 * It never writes to the stream's server. Exit code 1 when an error was found, warnings alone are 0.
 */
import { exitCode, jsonReport, textReport } from '../check/report.ts';
import { usageError } from './arguments.ts';
import type { Arguments, Command, CommandIo, CommandShape } from './command.ts';
import type { Doors } from './service-door.ts';
import { stopSignal } from './stop.ts';

const DEFAULT_SECONDS = 20;
const MAX_SECONDS = 3600;

const SHAPE: CommandShape = {
  name: 'check',
  summary: 'read a live HLS or DASH stream and say which rules it breaks',
  operands: 'URL',
  maxOperands: 1,
  about: [
    'Reads the stream at URL (a multivariant or media playlist, or an MPD) as a careful player would and prints every broken rule with its clause and what to do. Exit code 1 when there is an error.',
  ],
  flags: [
    { name: 'seconds', value: 'N', help: `how long to read, 1 to ${MAX_SECONDS} (${DEFAULT_SECONDS})` },
    { name: 'json', help: 'findings and counts as JSON instead of text' },
  ],
  notes: ['Example: pitchside check http://localhost:8080/live/match/master.m3u8'],
};

/** Throws USAGE. */
function streamUrl(args: Arguments): string {
  const [text] = args.operands;
  const url = text !== undefined && URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.href;
  throw usageError('the argument has to be the http or https address of a playlist or an MPD', SHAPE.name);
}

/** Throws USAGE. */
function readSeconds(args: Arguments): number {
  const text = args.text('seconds') ?? String(DEFAULT_SECONDS);
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (seconds >= 1 && seconds <= MAX_SECONDS) return seconds;
  throw usageError(`--seconds takes a whole number from 1 to ${MAX_SECONDS}, not '${text}'`, SHAPE.name);
}

async function run(doors: Doors, args: Arguments, io: CommandIo): Promise<number> {
  const url = streamUrl(args);
  const seconds = readSeconds(args);
  const abort = new AbortController();
  // A reader who has seen enough gets the findings so far.
  void stopSignal(io).then(() => abort.abort());
  const json = args.on('json');
  if (!json) io.err(`Reading ${url} for ${seconds} s ...`);
  const result = await doors.checkStream({ url, seconds, signal: abort.signal, clock: doors.clock });
  io.out((json ? jsonReport(result) : textReport(result)).trimEnd());
  return exitCode(result.findings);
}

export function checkCommand(doors: Doors): Command {
  return { ...SHAPE, run: (args, io) => run(doors, args, io) };
}
