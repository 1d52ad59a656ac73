import { describe, expect, it } from 'vitest';
import { isTooOld, type LocateMachine, locateFfmpeg } from '../../../src/transcode/locate.ts';

const LISTS: Readonly<Record<string, string>> = {
  '-encoders': ' V....D libx264              libx264 H.264\n A....D aac                  AAC\n',
  '-demuxers': ' D  flv             FLV (Flash Video)\n',
  '-muxers': '  E mp4             MP4\n',
  '-protocols': 'Input:\n  http\nOutput:\n  http\n',
};

/** A machine with these programs: path to version, or to the lists it gives. */
function machine(
  programs: Readonly<Record<string, { version: string; lists?: Readonly<Record<string, string>> }>>,
  staticPath?: string,
): LocateMachine {
  return {
    isExecutable: async (path) => path in programs,
    staticPath: async () => staticPath,
    run: async (path, [, what = '']) => {
      const program = programs[path];
      if (program === undefined) return undefined;
      return what === '-version' ? program.version : { ...LISTS, ...program.lists }[what];
    },
  };
}
const v = (version: string) => ({ version: `ffmpeg version ${version} Copyright (c) the FFmpeg developers\n` });
const PATH = '/old:/new';

describe('which ffmpeg', () => {
  it('is the one of the setting, then FFMPEG_PATH, then ffmpeg-static, then PATH', async () => {
    const all = machine({ '/s': v('7.1'), '/e': v('7.1'), '/p': v('6.0'), '/new/ffmpeg': v('5.1.9-0+deb12u1') }, '/p');
    const environment = { FFMPEG_PATH: '/e', PATH };
    expect(await locateFfmpeg({ setting: '/s', environment }, all)).toMatchObject({ path: '/s', origin: 'setting' });
    expect(await locateFfmpeg({ setting: undefined, environment }, all)).toMatchObject({ origin: 'FFMPEG_PATH' });
    expect(await locateFfmpeg({ setting: undefined, environment: { PATH } }, all)).toMatchObject({ path: '/p' });
    const without = machine({ '/new/ffmpeg': v('5.1.9-0+deb12u1') }, '/p');
    expect(await locateFfmpeg({ setting: undefined, environment: { PATH } }, without)).toEqual({
      kind: 'found',
      path: '/new/ffmpeg',
      version: '5.1.9-0+deb12u1',
      origin: 'PATH',
    });
  });

  it('passes over an unusable one on PATH for a usable one further on', async () => {
    const both = machine({ '/old/ffmpeg': v('4.4.2'), '/new/ffmpeg': v('n6.1') });
    expect(await locateFfmpeg({ setting: undefined, environment: { PATH } }, both)).toMatchObject({
      path: '/new/ffmpeg',
    });
  });

  it('is never another than the one a person named', async () => {
    const one = machine({ '/new/ffmpeg': v('5.1') });
    const location = await locateFfmpeg({ setting: undefined, environment: { FFMPEG_PATH: '/gone', PATH } }, one);
    expect(location).toMatchObject({ kind: 'missing', path: '/gone' });
    expect(location.kind !== 'found' && location.message).toContain('FFMPEG_PATH names /gone');
  });
});

describe('an ffmpeg that will not do', () => {
  const find = (programs: Parameters<typeof machine>[0]) =>
    locateFfmpeg({ setting: undefined, environment: { PATH: '/new' } }, machine(programs));
  it('is missing, with what to do', async () => {
    const location = await find({});
    expect(location).toMatchObject({ kind: 'missing', path: undefined });
    expect(location.kind !== 'found' && location.hint).toContain('apt-get install ffmpeg');
  });
  it('is too old', async () => {
    expect(await find({ '/new/ffmpeg': v('5.0.3') })).toMatchObject({ kind: 'too-old', path: '/new/ffmpeg' });
  });
  it.each([
    ['-encoders', 'libx264', 'the libx264 encoder'],
    ['-encoders', 'aac', 'the aac encoder'],
    ['-demuxers', 'flv', 'the flv demuxer'],
    ['-muxers', 'mp4', 'the mp4 muxer'],
    ['-protocols', 'http', 'the http protocol'],
  ])('was built without a part: %s %s', async (list, part, words) => {
    const lists = { [list]: (LISTS[list] ?? '').replaceAll(part, 'xyz') };
    const location = await find({ '/new/ffmpeg': { ...v('6.0'), lists } });
    expect(location.kind).toBe('no-encoder');
    expect(location.kind !== 'found' && location.message).toContain(words);
  });
  it('is not an ffmpeg at all', async () => {
    expect(await find({ '/new/ffmpeg': { version: 'v20.20.2' } })).toMatchObject({ kind: 'missing' });
  });
});

describe('versions', () => {
  it.each([
    '5.1',
    '5.1.9-0+deb12u1',
    'n6.0',
    '7.0.2-static',
    '10.0',
    'N-118000-g1234567',
    'git-2024-01-01-abc',
    '2024-05-02-git',
  ])('new enough: %s', (version) => expect(isTooOld(version)).toBe(false));
  it.each(['5.0', '4.4.2-0ubuntu0.22.04.1', 'n4.3', '3.4.8'])('too old: %s', (version) =>
    expect(isTooOld(version)).toBe(true),
  );
});
