import { describe, expect, test } from 'vitest';
import type { Finding } from '../../../src/check/model.ts';
import { readArguments } from '../../../src/cli/arguments.ts';
import { checkCommand } from '../../../src/cli/check.ts';
import { keptIo } from '../../fakes/control-command-io.ts';
import { fakeDoors } from '../../fakes/control-doors.ts';

const finding = {
  rule: 'hls.target-duration',
  clause: 'RFC 8216bis 4.4.3.1',
  severity: 'error',
  where: { url: 'http://h/media.m3u8', line: 7, track: 'v720' },
  message: 'a Segment of 4.2 s in a playlist of 2 s',
  fix: 'Cut at the grid.',
  count: 3,
} as unknown as Finding;

async function check(findings: readonly Finding[], ...argv: string[]) {
  const io = keptIo();
  const command = checkCommand(fakeDoors({ checkStream: async () => findings }));
  const code = await command.run(readArguments(command, ['http://h/master.m3u8', ...argv]), io);
  return { code, out: io.stdout };
}

describe('check', () => {
  test('prints rule, clause, place and cure of a finding, and ends with 1', async () => {
    const { code, out } = await check([finding]);
    expect(code).toBe(1);
    expect(out).toEqual([
      'error   hls.target-duration  RFC 8216bis 4.4.3.1 [3 times]',
      '        a Segment of 4.2 s in a playlist of 2 s',
      '        http://h/media.m3u8:7 (v720)',
      '        Cut at the grid.',
      '',
      '1 errors, 0 warnings, 0 notes',
    ]);
  });

  test('ends with 0 when there are warnings alone', async () => {
    expect((await check([{ ...finding, severity: 'warning' }])).code).toBe(0);
  });

  test('with --json prints an object for each finding and the counts last', async () => {
    const { out } = await check([finding], '--json');
    expect(out.map((line) => JSON.parse(line))).toEqual([
      { event: 'finding', ...finding },
      { event: 'checked', url: 'http://h/master.m3u8', error: 1, warning: 0, note: 0 },
    ]);
  });
});
