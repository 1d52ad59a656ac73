import { describe, expect, test } from 'vitest';
import type { InstallCommand, InstallResult } from '../../../src/cli/install-step.ts';
import {
  type FfmpegEffects,
  type FfmpegFacts,
  ffmpegHint,
  planFfmpeg,
  provisionFfmpeg,
  STATIC_DOWNLOAD_LIMIT_MS,
} from '../../../src/cli/provision-ffmpeg.ts';

const STATIC = '/app/node_modules/ffmpeg-static/ffmpeg';
const DEBIAN_ROOT: FfmpegFacts = {
  machine: { platform: 'linux', root: true, apt: true },
  settingPath: undefined,
  environmentPath: undefined,
  staticPath: STATIC,
  onPath: undefined,
  lookOnly: false,
};

/** Effects over an imaginary machine: which files work, and what each installer leaves behind. */
function imaginary(
  working: Set<string>,
  installs: (command: InstallCommand) => InstallResult = () => ({
    ok: false,
    why: 'exit code 1',
  }),
) {
  const journal: string[] = [];
  const effects: FfmpegEffects = {
    check: async (file) => {
      journal.push(`check ${file}`);
      return working.has(file) ? undefined : 'is not there';
    },
    run: async (command) => {
      journal.push(`run ${command.command} ${command.args.join(' ')}`);
      return installs(command);
    },
    findOnPath: () => (working.has('/usr/bin/ffmpeg') ? '/usr/bin/ffmpeg' : undefined),
    remove: (file) => {
      journal.push(`remove ${file}`);
    },
    say: (line) => {
      journal.push(`say ${line}`);
    },
    stopped: () => false,
  };
  return {
    effects,
    journal,
    ran: () => journal.filter((line) => line.startsWith('run ')),
  };
}

describe('the plan for ffmpeg', () => {
  test('looks at ffmpeg-static, then PATH, then downloads, then asks apt-get', () => {
    const plan = planFfmpeg({ ...DEBIAN_ROOT, onPath: '/usr/bin/ffmpeg' });
    expect(plan.map(({ kind, source }) => `${kind} ${source}`)).toEqual([
      'look ffmpeg-static',
      'look PATH',
      'install ffmpeg-static',
      'install apt-get',
    ]);
  });

  test('a path of the settings is the whole plan, before FFMPEG_PATH', () => {
    const both = { ...DEBIAN_ROOT, settingPath: '/a', environmentPath: '/b' };
    expect(planFfmpeg(both)).toEqual([
      { kind: 'look', source: '--ffmpeg (or PITCHSIDE_FFMPEG)', path: '/a', named: true },
    ]);
    expect(planFfmpeg({ ...both, settingPath: undefined })).toEqual([
      { kind: 'look', source: 'FFMPEG_PATH', path: '/b', named: true },
    ]);
  });

  test('an empty FFMPEG_PATH counts as none', () => {
    expect(planFfmpeg({ ...DEBIAN_ROOT, environmentPath: '' }).some((step) => step.source === 'FFMPEG_PATH')).toBe(
      false,
    );
  });

  test('--no-install only looks', () => {
    expect(planFfmpeg({ ...DEBIAN_ROOT, lookOnly: true }).every((step) => step.kind === 'look')).toBe(true);
  });

  test('apt-get is for root on Debian alone, and the download for who has the package', () => {
    const sources = (facts: FfmpegFacts) => planFfmpeg(facts).map(({ kind, source }) => `${kind} ${source}`);
    const user = {
      ...DEBIAN_ROOT,
      machine: { ...DEBIAN_ROOT.machine, root: false },
    };
    expect(sources(user)).not.toContain('install apt-get');
    expect(
      sources({
        ...DEBIAN_ROOT,
        machine: { platform: 'darwin', root: true, apt: false },
      }),
    ).not.toContain('install apt-get');
    expect(sources({ ...DEBIAN_ROOT, staticPath: undefined })).toEqual(['install apt-get']);
  });

  test('each installer has a time limit, the download 45 s', () => {
    const limits = planFfmpeg(DEBIAN_ROOT).flatMap((step) =>
      step.kind === 'install' ? step.commands.map(({ limitMs }) => limitMs) : [],
    );
    expect(limits).toHaveLength(3);
    expect(limits[0]).toBe(STATIC_DOWNLOAD_LIMIT_MS);
    expect(Math.max(...limits)).toBeLessThanOrEqual(600_000);
  });

  test.each([
    ['darwin', false, 'brew'],
    ['win32', false, 'winget'],
    ['linux', true, 'apt-get'],
    ['linux', false, 'package manager'],
    ['freebsd', false, 'package manager'],
  ] as const)('on %s (apt: %s) the hint names %s and FFMPEG_PATH', (platform, apt, word) => {
    const hint = ffmpegHint({ platform, root: false, apt });
    expect(hint).toContain(word);
    expect(hint).toContain('FFMPEG_PATH');
  });
});

describe('the walk over the plan', () => {
  test('installs nothing and says nothing where ffmpeg works', async () => {
    const { effects, journal } = imaginary(new Set(['/usr/bin/ffmpeg']));
    const found = await provisionFfmpeg({ ...DEBIAN_ROOT, onPath: '/usr/bin/ffmpeg' }, effects);
    expect(found).toEqual({ path: '/usr/bin/ffmpeg', source: 'PATH' });
    expect(journal).toEqual([`check ${STATIC}`, 'check /usr/bin/ffmpeg']);
  });

  test('says all it will try before it runs the first installer', async () => {
    const working = new Set<string>();
    const { effects, journal } = imaginary(working, () => {
      working.add(STATIC);
      return { ok: true };
    });
    expect(await provisionFfmpeg(DEBIAN_ROOT, effects)).toEqual({
      path: STATIC,
      source: 'ffmpeg-static',
    });
    const first = journal.findIndex((line) => line.startsWith('run '));
    expect(journal.slice(0, first).join('\n')).toMatch(/ffmpeg is missing.*ffmpeg-static.*45 s.*then.*apt-get install/);
  });

  test('removes what is in the place of the download before it, and half a download after it', async () => {
    const { effects, journal } = imaginary(new Set());
    await expect(
      provisionFfmpeg(
        {
          ...DEBIAN_ROOT,
          machine: { platform: 'linux', root: false, apt: false },
        },
        effects,
      ),
    ).rejects.toThrow();
    const run = journal.findIndex((line) => line.startsWith('run '));
    expect(journal.slice(0, run)).toContain(`remove ${STATIC}`);
    expect(journal.slice(run)).toContain(`remove ${STATIC}`);
  });

  test('goes on to apt-get when the download fails, also when apt-get update does', async () => {
    const working = new Set<string>();
    const { effects, ran } = imaginary(working, ({ args }) => {
      if (!args.includes('install')) return { ok: false, why: 'stopped after 45 s' };
      working.add('/usr/bin/ffmpeg');
      return { ok: true };
    });
    expect(await provisionFfmpeg(DEBIAN_ROOT, effects)).toEqual({
      path: '/usr/bin/ffmpeg',
      source: 'apt-get',
    });
    expect(ran()).toHaveLength(3);
  });

  test('ends in PROVISION_FAILED with every reason and what to do', async () => {
    const { effects } = imaginary(new Set());
    await expect(provisionFfmpeg(DEBIAN_ROOT, effects)).rejects.toMatchObject({
      code: 'PROVISION_FAILED',
      message: 'no usable ffmpeg',
      hint: expect.stringMatching(
        /ffmpeg-static: exit code 1; apt-get: exit code 1\. Run `sudo apt-get install ffmpeg`/,
      ),
    });
  });

  test('a named ffmpeg that does not work is an error, though another would', async () => {
    const { effects, ran } = imaginary(new Set(['/usr/bin/ffmpeg']));
    const facts = {
      ...DEBIAN_ROOT,
      environmentPath: '/wrong',
      onPath: '/usr/bin/ffmpeg',
    };
    await expect(provisionFfmpeg(facts, effects)).rejects.toMatchObject({
      message: 'FFMPEG_PATH names an ffmpeg that is of no use',
    });
    expect(ran()).toEqual([]);
  });

  test('begins nothing more once a stop is asked for', async () => {
    const { effects, ran, journal } = imaginary(new Set(), () => ({ ok: false, why: 'interrupted' }));
    const asked = { ...effects, stopped: () => journal.some((line) => line.includes('apt-get update')) };
    await expect(provisionFfmpeg(DEBIAN_ROOT, asked)).rejects.toMatchObject({ code: 'PROVISION_FAILED' });
    expect(ran()).toHaveLength(2);
    expect(journal.join()).not.toContain('say ffmpeg: apt-get install');
    const late = imaginary(new Set());
    const stopped = { ...late.effects, stopped: () => true };
    await expect(provisionFfmpeg(DEBIAN_ROOT, stopped)).rejects.toMatchObject({ code: 'PROVISION_FAILED' });
    expect(late.journal).toEqual([]);
  });

  test('says each file once, of a named one what to do with the name, and what --no-install left undone', async () => {
    const { effects } = imaginary(new Set());
    const asked = { ...effects, check: async (file: string) => `${file} is ffmpeg 4.3` };
    const hintOf = (facts: FfmpegFacts) => provisionFfmpeg(facts, asked).catch(({ hint }) => hint);
    expect(await hintOf({ ...DEBIAN_ROOT, settingPath: '/old' })).toBe(
      'Tried: --ffmpeg (or PITCHSIDE_FFMPEG): /old is ffmpeg 4.3. Name an ffmpeg 5.1 or newer with libx264 there, or leave it out to take the one on PATH.',
    );
    expect(await hintOf({ ...DEBIAN_ROOT, lookOnly: true })).toMatch(
      new RegExp(`^Tried: ffmpeg-static: ${STATIC} is ffmpeg 4\\.3\\. .* Without --no-install it is fetched\\.$`),
    );
  });
});
