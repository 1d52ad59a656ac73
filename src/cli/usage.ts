/**
 * The help texts, made of the commands' tables. Pure; 80 columns.
 */
import { PROGRAM } from './arguments.ts';
import type { CommandShape, Flag } from './command.ts';

const WIDTH = 80;
const HELP_FLAG: Flag = { name: 'help', help: 'this text' };

/** Words of a text in lines of at most `width`. */
function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** Rows of two columns, the second wrapped under itself. */
function table(rows: readonly (readonly [string, string])[]): readonly string[] {
  const left = Math.max(...rows.map(([name]) => name.length)) + 2;
  return rows.flatMap(([name, text]) =>
    wrap(text, WIDTH - left - 2).map((line, index) => `  ${(index === 0 ? name : '').padEnd(left)}${line}`),
  );
}

function flagName(flag: Flag): string {
  return flag.value === undefined ? `--${flag.name}` : `--${flag.name} ${flag.value}`;
}

export function commandUsage(command: CommandShape): string {
  const operands = command.operands === undefined ? '' : ` ${command.operands}`;
  const flags = [...command.flags, HELP_FLAG].map((flag) => [flagName(flag), flag.help] as const);
  const lines = [
    `Usage: ${PROGRAM} ${command.name} [options]${operands}`,
    '',
    ...command.about.flatMap((text) => wrap(text, WIDTH)),
    '',
    'Options:',
    ...table(flags),
  ];
  if (command.notes !== undefined) lines.push('', ...command.notes);
  return lines.join('\n');
}

export function overallUsage(commands: readonly CommandShape[]): string {
  return [
    `Usage: ${PROGRAM} COMMAND [options]`,
    '',
    'Live transcoding origin: RTMP in, HLS and DASH out.',
    '',
    'Commands:',
    ...table(commands.map((command) => [command.name, command.summary] as const)),
    '',
    'Options:',
    ...table([
      ['--help', `this text; ${PROGRAM} COMMAND --help tells about one command`],
      ['--version', 'print the version'],
    ]),
    '',
    'Exit codes: 0 done or stopped, 1 could not start or failed, 2 wrong usage or',
    'something has to be installed first.',
  ].join('\n');
}
