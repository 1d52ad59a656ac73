// The picture of a slate: what is no PNG is refused where it is named, and never reaches ffmpeg.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadSettings } from '../../../src/config/settings.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pitchside-slate-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The first bytes of a PNG of this size. */
function png(width: number, height: number): Buffer {
  const head = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
  const size = Buffer.alloc(8);
  size.writeUInt32BE(width, 0);
  size.writeUInt32BE(height, 4);
  return Buffer.concat([head, size, Buffer.from('0806000000', 'hex')]);
}

async function load(slate: string, content?: Buffer | string) {
  if (content !== undefined) await writeFile(join(folder, slate), content);
  await writeFile(join(folder, 's.yaml'), `channels:\n  a:\n    slate: ${slate}\n`);
  const reading = await loadSettings({ flags: {}, env: { HOME: folder }, cwd: folder, configFile: 's.yaml' });
  return reading.kind === 'ok' ? reading.settings.channels[0]!.slatePath : reading.problems;
}

describe('slate', () => {
  test('is a PNG, relative to the settings file', async () => {
    expect(await load('half time.png', png(1920, 1080))).toBe(join(folder, 'half time.png'));
  });

  test('is not needed', async () => {
    await writeFile(join(folder, 's.yaml'), 'channels:\n  a: {}\n');
    const reading = await loadSettings({ flags: {}, env: { HOME: folder }, cwd: folder, configFile: 's.yaml' });
    expect(reading.kind === 'ok' && reading.settings.channels[0]!.slatePath).toBeUndefined();
  });

  test.each([
    [
      'photo.jpg',
      Buffer.from('ffd8ffe000104a46494600010100000100010000', 'hex'),
      'is no PNG file; save the picture as PNG',
    ],
    ['playlist.png', '#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/secret\n', 'is no PNG file'],
    ['cut.png', png(1920, 1080).subarray(0, 20), 'is no PNG file'],
    ['empty.png', '', 'is no PNG file'],
    ['dot.png', png(8, 8), 'is 8x8; a slate has 16 to 8192 pixels a side'],
    ['wall.png', png(20_000, 1080), 'is 20000x1080; a slate has 16 to 8192 pixels a side'],
  ])('%s is refused at its place in the file, with what would be right', async (name, content, text) => {
    const [problem] = (await load(name, content)) as readonly string[];
    expect(problem).toMatch(/^s\.yaml:3:12 channels\.a\.slate: /);
    expect(problem).toContain(text);
  });

  test('that is not there, or is a folder, is refused', async () => {
    expect(((await load('gone.png')) as readonly string[])[0]).toContain('there is no such file; check the name');
    await mkdir(join(folder, 'folder.png'));
    expect(((await load('folder.png')) as readonly string[])[0]).toContain('no ordinary file; name a PNG file');
  });
});
