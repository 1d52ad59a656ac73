import { describe, expect, test } from 'vitest';
import { allCommands } from '../../../src/cli/commands.ts';
import { failureLine, runCommandLine } from '../../../src/cli/run.ts';
import { type ErrorCode, ServiceError } from '../../../src/system/errors.ts';
import { keptIo } from '../../fakes/control-command-io.ts';
import { fakeDoors } from '../../fakes/control-doors.ts';

async function run(...argv: string[]) {
  const io = keptIo();
  const code = await runCommandLine(argv, allCommands(fakeDoors()), '1.2.3', io);
  return { code, out: io.stdout, err: io.stderr };
}

describe('the command line', () => {
  test('prints its version', async () => {
    expect(await run('--version')).toEqual({ code: 0, out: ['pitchside 1.2.3'], err: [] });
  });

  test.each([
    ['pitchside', []],
    ['demo', ['demo']],
    ['serve', ['serve']],
    ['push', ['push']],
    ['check', ['check']],
    ['swarm', ['swarm']],
    ['plan', ['plan']],
    ['ladder', ['ladder']],
    ['doctor', ['doctor']],
  ])('has a help text for %s, no wider than 80 columns', async (name, argv) => {
    const { code, out } = await run(...argv, '--help');
    expect(code).toBe(0);
    const text = out.join('\n');
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    await expect(`${text}\n`).toMatchFileSnapshot(`../../golden/help-${name}.txt`);
  });

  test('gives the help of a command under help, too', async () => {
    expect((await run('help', 'push')).out).toEqual((await run('push', '--help')).out);
  });

  test('answers nothing at all with the help on stderr and 2', async () => {
    const { code, out, err } = await run();
    expect([code, out, err[0]?.startsWith('Usage: pitchside COMMAND')]).toEqual([2, [], true]);
  });

  test.each([
    [['bogus'], "USAGE: unknown command 'bogus'. Try: pitchside --help"],
    [['--bogus'], "USAGE: unknown option '--bogus'. Try: pitchside --help"],
    [['serve', '--bogus'], "USAGE: Unknown option '--bogus'. Try: pitchside serve --help"],
    [['demo', 'extra'], "USAGE: Unexpected argument 'extra'. Try: pitchside demo --help"],
    [
      ['check', 'not a url'],
      "USAGE: 'not a url' is no http or https address, and there is no such file. Try: pitchside check --help",
    ],
    [
      ['check', 'http://a/b', '--seconds', '0'],
      "USAGE: --seconds takes a whole number from 1 to 3600, not '0'. Try: pitchside check --help",
    ],
  ])('answers %j with one line on stderr and 2', async (argv, line) => {
    expect(await run(...argv)).toEqual({ code: 2, out: [], err: [line] });
  });
});

describe('a failure', () => {
  const failing = (code: ErrorCode) => {
    const doors = fakeDoors({
      locateFfmpeg: async () => {
        throw new ServiceError(code, 'it is so', { hint: 'Do this.' });
      },
    });
    return allCommands(doors);
  };

  test('to start is one line of code, message and hint, and 1', async () => {
    const io = keptIo();
    expect(await runCommandLine(['serve'], failing('FFMPEG_MISSING'), '1', io)).toBe(1);
    expect(io.stderr).toEqual(['FFMPEG_MISSING: it is so. Do this.']);
    expect(io.stdout).toEqual([]);
  });

  test('to install is 2: a person has to do it', async () => {
    expect(await runCommandLine(['serve'], failing('PROVISION_FAILED'), '1', keptIo())).toBe(2);
  });

  test('of the program itself is not dressed up', async () => {
    const doors = fakeDoors({
      loadSettings: async () => {
        throw new TypeError('bug');
      },
    });
    await expect(runCommandLine(['serve'], allCommands(doors), '1', keptIo())).rejects.toThrow('bug');
  });

  test('of many lines is put on one', () => {
    expect(failureLine(new ServiceError('CONFIG_INVALID', 'a: b\n  c: d', { hint: 'Mend it.' }))).toBe(
      'CONFIG_INVALID: a: b; c: d. Mend it.',
    );
  });
});
