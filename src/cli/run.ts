/**
 * From arguments to a command and from its outcome to an exit code.
 * It never ends the process and never lets a ServiceError out: what went wrong is one line on stderr.
 */
import { ServiceError } from '../system/errors.ts';
import { PROGRAM, readArguments, usageError } from './arguments.ts';
import type { Command, CommandIo } from './command.ts';
import { commandUsage, overallUsage } from './usage.ts';

/** Wrong usage, and what a person has to install before it can work. */
const EXIT_USAGE = 2;

/** `CODE: message. hint` on one line. */
export function failureLine(error: ServiceError): string {
  const sentence = (text: string) => (/[.!?]$/.test(text) ? text : `${text}.`);
  const parts = [sentence(error.message), ...(error.hint === '' ? [] : [error.hint])];
  return `${error.code}: ${parts.join(' ').replace(/\s*\n\s*/g, '; ')}`;
}

function exitCodeOf(error: ServiceError): number {
  return error.code === 'USAGE' || error.code === 'PROVISION_FAILED' ? EXIT_USAGE : 1;
}

async function dispatch(
  argv: readonly string[],
  commands: readonly Command[],
  version: string,
  io: CommandIo,
): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const asked = commands.find((command) => command.name === rest[0]);
    const text = asked === undefined ? overallUsage(commands) : commandUsage(asked);
    // Without a command the help is the answer to a mistake.
    if (name === undefined) io.err(text);
    else io.out(text);
    return name === undefined ? EXIT_USAGE : 0;
  }
  if (name === '--version' || name === '-v') {
    io.out(`${PROGRAM} ${version}`);
    return 0;
  }
  const command = commands.find((one) => one.name === name);
  if (command === undefined) {
    throw usageError(name.startsWith('-') ? `unknown option '${name}'` : `unknown command '${name}'`);
  }
  const args = readArguments(command, rest);
  if (args.on('help')) {
    io.out(commandUsage(command));
    return 0;
  }
  return command.run(args, io);
}

/** Runs one command line. Errors that are no ServiceError are faults of the program and are thrown on. */
export async function runCommandLine(
  argv: readonly string[],
  commands: readonly Command[],
  version: string,
  io: CommandIo,
): Promise<number> {
  try {
    return await dispatch(argv, commands, version, io);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    io.err(failureLine(error));
    return exitCodeOf(error);
  }
}
