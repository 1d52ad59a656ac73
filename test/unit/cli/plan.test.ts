import { describe, expect, test } from 'vitest';
import { readArguments } from '../../../src/cli/arguments.ts';
import { checkCommand } from '../../../src/cli/check.ts';
import type { Command } from '../../../src/cli/command.ts';
import { ladderCommand, progressBar } from '../../../src/cli/ladder.ts';
import { mixArgument, planCommand } from '../../../src/cli/plan.ts';
import { checkFile } from '../../../src/config/check-file.ts';
import { findLadder } from '../../../src/config/shipped-ladders.ts';
import { keptIo } from '../../fakes/control-command-io.ts';
import { type FakeDoors, fakeDoors } from '../../fakes/control-doors.ts';

const FIXTURES = new URL('../../fixtures/ladders/', import.meta.url).pathname;

const doors = (changes: Parameters<typeof fakeDoors>[0] = {}): FakeDoors =>
  fakeDoors({ findLadder: (reference) => findLadder(reference, FIXTURES, FIXTURES), ...changes });

async function run(command: Command, ...argv: string[]) {
  const io = keptIo();
  const code = await command.run(readArguments(command, argv), io);
  return { code, out: io.stdout.join('\n'), err: io.stderr };
}

describe('plan', () => {
  test('prints the known sum beside what the origin is asked', async () => {
    const { code, out } = await run(planCommand(doors()));
    expect(code).toBe(0);
    expect(out).toContain('65,000,000 x 5 % = 3,250,000 req/s; 90 % offload leaves 325,000');
    expect(out).toContain('32,500');
    expect(out).toContain('cores not measured');
  });

  test('measures each ladder and latency once, as long as the segments differ alone', async () => {
    const asked: number[] = [];
    const calibrating = doors({
      calibrate: async ({ ladders }) => {
        asked.push(ladders.length);
        return ladders.map((_, i) => i + 0.25);
      },
    });
    const { out } = await run(planCommand(calibrating), '--calibrate', '--json');
    // as asked, low, ultra, without 720p, without 240p, one more
    expect(asked).toEqual([6]);
    expect(JSON.parse(out).encoding.cores).toBe(0.25);
    expect(JSON.parse(out).tradeOffs[0]).toMatchObject({ name: 'segments of 4 s', cores: 0.25 });
  });

  test.each([
    [['--latency', 'fast'], /normal, low or ultra/],
    [['--viewers', '-1'], /argument|viewers/],
    [['--offload', '101'], /from 0 to 100/],
    [['--mix', 'hls=0'], /hls=50/],
    [['--mix', 'vlc=1'], /hls=50/],
    [['--segment', '2.5'], /whole seconds/],
    [['--fps', '23'], /29.97/],
    [['--window', '5'], /15m/],
    [['--size', 'big'], /WxH/],
  ])('refuses %j', async (argv, words) => {
    const refused = async () => run(planCommand(doors()), ...argv);
    await expect(refused()).rejects.toThrow(words);
  });

  test('takes a mix as shares of its sum', () => {
    expect(mixArgument('hls=1,ll-dash=3')).toEqual({ hls: 0.25, 'll-hls': 0, dash: 0, 'll-dash': 0.75 });
  });

  test('names every problem of a ladder', async () => {
    await expect(run(planCommand(doors()), '--ladder', 'two-cor')).rejects.toMatchObject({ code: 'LADDER_UNKNOWN' });
  });
});

describe('ladder try', () => {
  test('wants its verb, and gives clip, ladder and time on', async () => {
    const asked: unknown[] = [];
    const trying = doors({
      tryLadder: async (request) => {
        asked.push(request);
        return { ladder: 'tiny', clip: 'clip', seconds: 2, rungs: [], steps: [], dropped: [] };
      },
    });
    await expect(run(ladderCommand(trying), 'show')).rejects.toThrow(/has to be try/);
    const { code } = await run(ladderCommand(trying), 'try', 'a.mp4', '--ladder', './tiny.yaml', '--seconds', '2');
    expect(code).toBe(0);
    expect(asked[0]).toMatchObject({
      clip: { kind: 'file', path: '/a.mp4' },
      seconds: 2,
      ladder: { name: 'tiny' },
      latency: 'normal',
    });
  });

  test('shows how far it is', () => {
    expect(progressBar('720p: encoding', 0.5)).toBe('[############............]  50 % 720p: encoding');
  });
});

describe('check FILE', () => {
  const check = (...argv: string[]) =>
    run(checkCommand(doors({ checkFile: (path, { env }) => checkFile(path, env, FIXTURES) })), ...argv);

  test('a good ladder is 0, and said to be one', async () => {
    expect(await check('tiny.yaml')).toMatchObject({ code: 0, out: 'tiny.yaml: a good ladder file.' });
  });

  test('every problem with its place, and 1', async () => {
    const { code, out } = await check('../check/bad-ladder.yaml');
    expect(code).toBe(1);
    expect(out).toMatch(/bad-ladder\.yaml:\d+:\d+ video\[0\]\.height: /);
    expect(out).toContain('2 problems in this ladder file.');
    const json = JSON.parse((await check('../check/bad-ladder.yaml', '--json')).out);
    expect(json).toMatchObject({ kind: 'ladder', problems: [{ line: 4, path: 'video[0].height' }, { line: 6 }] });
  });

  test('a settings file is checked with its ladders; the shell it is in does not count', async () => {
    const { code, out } = await check('../check/bad-settings.yaml');
    expect(code).toBe(1);
    expect(out).toMatch(/bad-settings\.yaml:3:\d+ channels\.match\.latency: /);
    expect(
      await checkFile(
        '../check/good-settings.yaml',
        { PITCHSIDE_LADDER: 'nope', PITCHSIDE_STREAM_KEY: 'long-enough' },
        FIXTURES,
      ),
    ).toEqual({
      kind: 'settings',
      problems: [],
      notes: [],
    });
    const without = await check('../check/good-settings.yaml');
    expect(without.out).toContain('PITCHSIDE_STREAM_KEY');
  });

  test('a minute is read of a stream unless told otherwise', async () => {
    const seconds: number[] = [];
    const listening = fakeDoors();
    const command = checkCommand({
      ...listening,
      checkStream: async (options) => {
        seconds.push(options.seconds);
        return listening.checkStream(options);
      },
    });
    await run(command, 'https://h/live.mpd');
    expect(seconds).toEqual([60]);
  });

  test.each([['ftp://h/a'], ['nowhere.yaml']])('refuses %s', async (operand) => {
    await expect(check(operand)).rejects.toMatchObject({ code: 'USAGE' });
  });
});
