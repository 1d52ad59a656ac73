import { describe, expect, test } from 'vitest';
import { LONG_PROGRAMS, NEEDED_PROGRAMS, planPrograms } from '../../provision/programs.ts';

const ROOT_DEBIAN = { platform: 'linux', root: true, apt: true } as const;

/** Finds everything but the given programs. */
const without =
  (...missing: string[]) =>
  (name: string) =>
    missing.includes(name) ? undefined : `/usr/bin/${name}`;

describe('the plan for the tests’ programs', () => {
  test('is empty where everything is there', () => {
    expect(planPrograms(NEEDED_PROGRAMS, without(), ROOT_DEBIAN)).toEqual({ kind: 'nothing' });
  });

  test('installs only what is missing, each package once, and says so first', () => {
    const plan = planPrograms(NEEDED_PROGRAMS, without('ffmpeg', 'ffprobe', 'wrk'), ROOT_DEBIAN);
    expect(plan).toMatchObject({
      kind: 'install',
      install: { args: ['install', '-y', '--no-install-recommends', 'ffmpeg', 'wrk'] },
    });
    expect(plan).toHaveProperty(
      'says',
      expect.stringContaining('will run: apt-get install -y --no-install-recommends ffmpeg wrk'),
    );
  });

  test('a program that needs several packages gets them all', () => {
    const plan = planPrograms(LONG_PROGRAMS, () => undefined, ROOT_DEBIAN);
    const packages = plan.kind === 'install' ? plan.install.args : [];
    expect(packages).toEqual(expect.arrayContaining(['gstreamer1.0-tools', 'gstreamer1.0-plugins-bad', 'obs-studio']));
  });

  test('covers a machine with nothing at all', () => {
    const plan = planPrograms(NEEDED_PROGRAMS, () => undefined, ROOT_DEBIAN);
    const packages = plan.kind === 'install' ? plan.install.args.slice(3) : [];
    expect(packages.toSorted()).toEqual([
      ...['caddy', 'chromium', 'ffmpeg', 'libxml2-utils', 'nginx', 'openssl', 'prometheus', 'varnish', 'wrk'],
    ]);
  });

  test('without root it says what to run by hand', () => {
    const plan = planPrograms(NEEDED_PROGRAMS, without('xmllint'), { ...ROOT_DEBIAN, root: false });
    expect(plan).toEqual({ kind: 'impossible', says: expect.stringContaining('sudo apt-get install libxml2-utils') });
  });

  test('without apt it names the programs', () => {
    const plan = planPrograms(NEEDED_PROGRAMS, without('varnishd'), { platform: 'darwin', root: true, apt: false });
    expect(plan).toEqual({ kind: 'impossible', says: expect.stringMatching(/missing: varnishd.*on PATH/) });
  });
});
