/**
 * Reads a command's arguments by its table of flags. Pure.
 * It never guesses: an unknown flag, a missing value and an operand too many are USAGE errors with a hint.
 */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { messageOf, ServiceError } from '../system/errors.ts';
import type { Arguments, CommandShape } from './command.ts';

export const PROGRAM = 'pitchside';

/** The first sentence of what node:util says, which is made for people; the rest tells how to write such a program. */
function complaint(error: unknown): string {
  return (
    messageOf(error)
      .split(/\. (?=To specify|Did you)/)[0]
      ?.replace(/\.$/, '') ?? 'the arguments are wrong'
  );
}

export function usageError(message: string, command?: string): ServiceError {
  const help = command === undefined ? `${PROGRAM} --help` : `${PROGRAM} ${command} --help`;
  return new ServiceError('USAGE', message, { hint: `Try: ${help}` });
}

/** `help` is known to every command. Throws USAGE. */
export function readArguments(command: CommandShape, argv: readonly string[]): Arguments {
  const options: NonNullable<ParseArgsConfig['options']> = { help: { type: 'boolean', short: 'h' } };
  for (const flag of command.flags) options[flag.name] = { type: flag.value === undefined ? 'boolean' : 'string' };
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
    const surplus = positionals[command.maxOperands ?? 0];
    if (surplus !== undefined && values['help'] !== true) throw new Error(`Unexpected argument '${surplus}'`);
    const text = (flag: string): string | undefined => {
      const value = values[flag];
      return typeof value === 'string' ? value : undefined;
    };
    return { text, on: (flag) => values[flag] === true, operands: positionals };
  } catch (error) {
    throw usageError(complaint(error), command.name);
  }
}
