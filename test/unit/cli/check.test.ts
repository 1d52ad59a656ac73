import { describe, expect, test } from 'vitest';
import type { Finding } from '../../../src/check/model.ts';
import { readArguments } from '../../../src/cli/arguments.ts';
import { checkCommand } from '../../../src/cli/check.ts';
import { keptIo } from '../../fakes/control-command-io.ts';
import { checkResult, fakeDoors } from '../../fakes/control-doors.ts';

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
  const command = checkCommand(fakeDoors({ checkStream: async () => checkResult(findings) }));
  const code = await command.run(readArguments(command, ['http://h/master.m3u8', ...argv]), io);
  return { code, out: io.stdout };
}

describe('check', () => {
  test('prints rule, clause, place and cure of a finding, and ends with 1', async () => {
    const { code, out } = await check([finding]);
    expect(code).toBe(1);
    expect(out).toHaveLength(1);
    expect(out[0]).toContain('hls.target-duration');
    expect(out[0]).toContain('RFC 8216bis 4.4.3.1');
    expect(out[0]).toContain('http://h/media.m3u8:7');
    expect(out[0]).toContain('Cut at the grid.');
    expect(out[0]).toMatch(/1 errors, 0 warnings, 0 notes\.$/);
  });

  test('ends with 0 when there are warnings alone', async () => {
    expect((await check([{ ...finding, severity: 'warning' }])).code).toBe(0);
  });

  test('with --json prints one JSON text of findings and counts', async () => {
    const { out } = await check([finding], '--json');
    expect(JSON.parse(out.join('\n'))).toMatchObject({ findings: [finding], summary: { errors: 1, warnings: 0 } });
  });
});
