import { describe, expect, test } from 'vitest';
import { readArguments } from '../../../src/cli/arguments.ts';
import type { CommandShape } from '../../../src/cli/command.ts';

const SHAPE: CommandShape = {
  name: 'try',
  summary: '',
  about: [],
  maxOperands: 1,
  flags: [
    { name: 'port', value: 'PORT', help: '' },
    { name: 'json', help: '' },
  ],
};

describe('arguments', () => {
  test('are values, switches and operands in any order', () => {
    const args = readArguments(SHAPE, ['a.mp4', '--json', '--port=80']);
    expect([args.text('port'), args.on('json'), args.operands]).toEqual(['80', true, ['a.mp4']]);
  });

  test('that are not given are undefined and off', () => {
    const args = readArguments(SHAPE, []);
    expect([args.text('port'), args.on('json'), args.on('help')]).toEqual([undefined, false, false]);
  });

  test('know help in every command, whatever else is wrong with the operands', () => {
    expect(readArguments(SHAPE, ['a', 'b', '--help']).on('help')).toBe(true);
    expect(readArguments(SHAPE, ['-h']).on('help')).toBe(true);
  });

  test.each([
    ['an unknown flag', ['--bogus'], "Unknown option '--bogus'"],
    ['a missing value', ['--port'], "Option '--port <value>' argument missing"],
    ['a value for a switch', ['--json=yes'], "Option '--json' does not take an argument"],
    ['an operand too many', ['a', 'b'], "Unexpected argument 'b'"],
  ])('with %s are a USAGE error of one line that names the help', (_name, argv, message) => {
    expect(() => readArguments(SHAPE, argv)).toThrow(
      expect.objectContaining({ code: 'USAGE', message, hint: 'Try: pitchside try --help' }),
    );
  });
});
