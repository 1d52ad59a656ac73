import { describe, expect, test } from 'vitest';
import { readArguments } from '../../../src/cli/arguments.ts';
import { doctorFindings, type Need, problemsIn } from '../../../src/cli/doctor/doctor-findings.ts';
import { hardwareEncodersIn, type MachineFacts } from '../../../src/cli/doctor/machine-facts.ts';
import { doctorCommand, needOf } from '../../../src/cli/doctor.ts';
import { channelSettings } from '../../fakes/channel-settings.ts';
import { keptIo } from '../../fakes/control-command-io.ts';
import { fakeDoors } from '../../fakes/control-doors.ts';
import { machineFacts } from '../../fakes/machine-facts.ts';
import { ladderOf, rung } from '../../fakes/transcode-plan.ts';

const NEED: Need = { windowBytes: 200e6, residentBytes: 200e6, isOnDisk: true, mediaBps: 6e6, cores: 2 };
const missing = { kind: 'missing', path: undefined, message: 'no ffmpeg was found', hint: 'Install it.' } as const;

describe('the doctor', () => {
  test('finds nothing wrong with a good machine', () => {
    expect(doctorFindings(machineFacts(), NEED).filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
  });

  test.each<[string, string, Partial<MachineFacts>, Partial<Need>]>([
    ['node', 'problem', { nodeVersion: '20.18.1' }, {}],
    ['ffmpeg', 'problem', { ffmpeg: missing }, {}],
    ['port http', 'problem', { ports: [{ name: 'http', host: '::', port: 80, fault: 'EACCES' }] }, {}],
    ['port rtmp', 'problem', { ports: [{ name: 'rtmp', host: '::', port: 1935, fault: 'EADDRINUSE' }] }, {}],
    ['clock', 'problem', { clockSync: { synchronised: false, how: 'chronyc' } }, {}],
    ['clock', 'unknown', { clockSync: { synchronised: undefined, how: 'nobody answers' } }, {}],
    ['disk', 'problem', { disk: { folder: '/d', freeBytes: 199e6, writeBytesPerSecond: 1e9 } }, {}],
    ['disk speed', 'warning', { disk: { folder: '/d', freeBytes: 1e12, writeBytesPerSecond: 2e6 } }, {}],
    ['disk speed', 'problem', { disk: { folder: '/d', freeBytes: 1e12, writeBytesPerSecond: undefined } }, {}],
    ['memory', 'problem', { memoryBytes: 300e6 }, {}],
    ['open files', 'warning', { openFiles: 1024 }, {}],
    ['open files', 'unknown', { openFiles: undefined }, {}],
    ['cores', 'problem', { cores: 1 }, {}],
    ['cores', 'warning', { cores: 2 }, { cores: 1.8 }],
    ['cores', 'unknown', {}, { cores: undefined }],
  ])('%s: %s, with what to do', (check, verdict, facts, need) => {
    const findings = doctorFindings(machineFacts(facts), { ...NEED, ...need });
    const wrong = findings.filter((one) => one.verdict !== 'ok');
    expect(wrong.map((one) => [one.check, one.verdict])).toEqual([[check, verdict]]);
    expect(wrong[0]!.fix).toMatch(/^[A-Z].*\.$/);
    expect(problemsIn(findings)).toBe(verdict === 'problem');
  });

  test('counts windows and media of all channels by the arithmetic of plan', () => {
    const channel = channelSettings(ladderOf([rung('720p', 720)]));
    const one = needOf([channel], undefined, true);
    expect(needOf([channel, channel], undefined, true).windowBytes).toBe(2 * one.windowBytes);
    // 1.8 Mbit/s and 128 kbit/s, and what the container adds
    expect(one.mediaBps).toBeGreaterThan(1_928_000);
    expect(one.mediaBps).toBeLessThan(2_050_000);
  });

  test('a window on disk takes the newest minute of memory, and two more while the disk is out of order; without a disk all of it', () => {
    const long = { ...channelSettings(ladderOf([rung('720p', 720)])), windowMs: 3_600_000 };
    const [disk, none] = [needOf([long], undefined, true), needOf([long], undefined, false)];
    expect(none.residentBytes).toBe(none.windowBytes);
    expect(disk.windowBytes).toBe(none.windowBytes);
    expect(disk.residentBytes / (none.windowBytes / 61)).toBeCloseTo(3, 2);
    const findings = doctorFindings(
      machineFacts({ disk: { folder: '/nowhere', freeBytes: 0, writeBytesPerSecond: undefined } }),
      none,
    );
    expect(findings.filter(({ check }) => check.startsWith('disk'))).toEqual([
      { check: 'disk', verdict: 'ok', said: 'nothing is kept on it (data: none)', fix: '' },
    ]);
  });

  test('reads the hardware encoders out of what ffmpeg lists', () => {
    const list = ' V....D libx264   x\n V....D h264_nvenc   NVENC\n V..... h264_vaapi  VAAPI\n V....D hevc_nvenc x';
    expect(hardwareEncodersIn(list)).toEqual(['h264_nvenc', 'h264_vaapi']);
  });

  test('ends with 0 on a good machine, 1 with a problem or bad settings, and says so as JSON', async () => {
    const run = async (changes: Parameters<typeof fakeDoors>[0], ...argv: string[]) => {
      const io = keptIo();
      const command = doctorCommand(fakeDoors(changes));
      return { code: await command.run(readArguments(command, argv), io), out: io.stdout };
    };
    expect((await run({})).code).toBe(0);
    const bad = await run({ examineMachine: async () => machineFacts({ ffmpeg: missing }) }, '--json');
    expect(bad.code).toBe(1);
    expect(JSON.parse(bad.out.join('')).findings).toContainEqual(expect.objectContaining({ check: 'ffmpeg' }));
    const problems = ['a.yaml:3:1 port: is no port; give 8080'];
    const unread = await run({ readSettings: async () => ({ kind: 'bad', code: 'CONFIG_INVALID', problems }) });
    expect(unread.code).toBe(1);
    expect(unread.out.join('\n')).toContain('a.yaml:3:1 port');
  });
});
