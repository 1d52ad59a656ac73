/**
 * `check`: reads a live stream for a while and says which rules it breaks, or a ladder or settings file and says what is wrong in it.
 * A door to the check and config rooms, nothing more. It never writes to the stream's server.
 * Exit code 1 when an error was found, warnings alone are 0.
 */
import { exitCode, jsonReport, textReport } from '../check/report.ts';
import type { FileReport } from '../config/check-file.ts';
import { usageError } from './arguments.ts';
import type { Arguments, Command, CommandIo, CommandShape } from './command.ts';
import type { Doors } from './service-door.ts';
import { stopSignal } from './stop.ts';

const DEFAULT_SECONDS = 60;
const MAX_SECONDS = 3600;

const SHAPE: CommandShape = {
  name: 'check',
  summary: 'say which rules a live HLS or DASH stream, a ladder or a settings file breaks',
  operands: 'URL | FILE',
  maxOperands: 1,
  about: [
    'Reads the stream at URL (a multivariant or media playlist, or an MPD) for a minute as a strict player would and prints every broken rule by its clause, how grave it is and what to do. Of a FILE (a ladder or settings) it prints every problem as file:line:column. Exit code 1 when there is an error.',
  ],
  flags: [
    { name: 'seconds', value: 'N', help: `how long to read a stream, 1 to ${MAX_SECONDS} (${DEFAULT_SECONDS})` },
    { name: 'json', help: 'findings and counts as JSON instead of text' },
  ],
  notes: [
    'Examples: pitchside check http://localhost:8080/live/match/master.m3u8',
    '          pitchside check pitchside.yaml',
  ],
};

/** The address of a stream; undefined when it is none, and so a file's name. Throws USAGE. */
function streamUrl(operand: string): string | undefined {
  const url = URL.canParse(operand) ? new URL(operand) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.href;
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(operand))
    throw usageError('the argument has to be the http or https address of a playlist or an MPD, or a file', SHAPE.name);
  return undefined;
}

/** Throws USAGE. */
function readSeconds(args: Arguments): number {
  const text = args.text('seconds') ?? String(DEFAULT_SECONDS);
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (seconds >= 1 && seconds <= MAX_SECONDS) return seconds;
  throw usageError(`--seconds takes a whole number from 1 to ${MAX_SECONDS}, not '${text}'`, SHAPE.name);
}

async function run(doors: Doors, args: Arguments, io: CommandIo): Promise<number> {
  const [operand] = args.operands;
  if (operand === undefined) throw usageError('the address of a stream or a file is wanted', SHAPE.name);
  const url = streamUrl(operand);
  const seconds = readSeconds(args);
  return url === undefined ? checkFile(doors, operand, args, io) : checkUrl(doors, url, seconds, args, io);
}

async function checkUrl(doors: Doors, url: string, seconds: number, args: Arguments, io: CommandIo): Promise<number> {
  const abort = new AbortController();
  // A reader who has seen enough gets the findings so far.
  void stopSignal(io).then(() => abort.abort());
  const json = args.on('json');
  if (!json) io.err(`Reading ${url} for ${seconds} s ...`);
  const result = await doors.checkStream({ url, seconds, signal: abort.signal, clock: doors.clock });
  io.out((json ? jsonReport(result) : textReport(result)).trimEnd());
  return exitCode(result.findings);
}

async function checkFile(doors: Doors, path: string, args: Arguments, io: CommandIo): Promise<number> {
  const report = await doors.checkFile(path, { env: io.env, workingDirectory: io.workingDirectory });
  if (report === undefined)
    throw usageError(`'${path}' is no http or https address, and there is no such file`, SHAPE.name);
  if (args.on('json')) io.out(fileJson(path, report));
  else for (const line of fileLines(path, report)) io.out(line);
  return report.problems.length === 0 ? 0 : 1;
}

function fileLines(path: string, { kind, problems, notes }: FileReport): readonly string[] {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  const verdict = problems.length === 0 ? `${path}: a good ${kind} file.` : `${path}: ${count} in this ${kind} file.`;
  return [...problems, ...notes.map((note) => `${note} (a note)`), verdict];
}

/** `file:line:column path: text`, taken apart again. */
const PROBLEM = /^(?<source>.+?):(?<line>\d+):(?<column>\d+)(?: (?<path>[^\s:]+))?: (?<message>.*)$/s;

function fileJson(file: string, { kind, problems, notes }: FileReport): string {
  const taken = (text: string) => {
    const { source, line, column, path, message } = PROBLEM.exec(text)?.groups ?? {};
    return message === undefined
      ? { message: text }
      : { source, line: Number(line), column: Number(column), path, message };
  };
  return JSON.stringify({ file, kind, problems: problems.map(taken), notes: notes.map(taken) }, undefined, 2);
}

export function checkCommand(doors: Doors): Command {
  return { ...SHAPE, run: (args, io) => run(doors, args, io) };
}
