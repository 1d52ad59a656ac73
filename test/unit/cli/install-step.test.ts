import { describe, expect, test } from 'vitest';
import { aptCommands, findProgram } from '../../../src/cli/install-step.ts';

describe('findProgram', () => {
  const has =
    (...files: string[]) =>
    (file: string) =>
      files.includes(file);

  test('takes the first folder of PATH that has it, then the extra folders', () => {
    expect(findProgram('nginx', '/a:/b', ['/usr/sbin'], has('/b/nginx', '/usr/sbin/nginx'), 'linux')).toBe('/b/nginx');
    expect(findProgram('nginx', '/a:/b', ['/usr/sbin'], has('/usr/sbin/nginx'), 'linux')).toBe('/usr/sbin/nginx');
    expect(findProgram('nginx', '/a', [], has(), 'linux')).toBeUndefined();
  });

  test('an empty or missing PATH never means the current folder', () => {
    expect(findProgram('nginx', '', [], has('nginx'), 'linux')).toBeUndefined();
    expect(findProgram('nginx', ':', [], has('nginx'), 'linux')).toBeUndefined();
    expect(findProgram('nginx', undefined, [], has('nginx'), 'linux')).toBeUndefined();
  });

  test('looks for .exe along semicolons on Windows', () => {
    expect(findProgram('ffmpeg', 'C:\\x;C:\\tools', [], has('C:\\tools\\ffmpeg.exe'), 'win32')).toBe(
      'C:\\tools\\ffmpeg.exe',
    );
  });
});

test('apt-get asks nothing and takes no recommended packages', () => {
  const { update, install } = aptCommands(['wrk', 'nginx']);
  expect(update.args).toEqual(['update']);
  expect(install.args).toEqual(['install', '-y', '--no-install-recommends', 'wrk', 'nginx']);
  expect(install.env).toEqual({ DEBIAN_FRONTEND: 'noninteractive' });
});
