// Ladder files watched by chokidar, on a real file system: every way in which editors and mounts replace a file.
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { parseLadder } from '../../src/config/ladder.ts';
import { type LadderWatch, watchLadders } from '../../src/config/ladder-watch.ts';
import type { Ladder } from '../../src/config/model.ts';
import type { Logger } from '../../src/system/log.ts';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const text = (height: number, comment = '') => `${comment}video:\n  - { id: a, height: ${height}, bitrate: 800k }\n`;
/** Longer than it takes until a change would have been told. */
const QUIET_MS = 600;

let folder = '';
let file = '';
let told: string[] = [];
let watching: LadderWatch[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pitchside-watch-'));
  file = join(folder, 'a.yaml');
  told = [];
  await writeFile(file, text(100));
});
afterEach(async () => {
  await Promise.all(watching.map((one) => one.close()));
  watching = [];
  await rm(folder, { recursive: true });
});

async function start(files = [file], known?: ReadonlyMap<string, Ladder>): Promise<LadderWatch> {
  const watch = await watchLadders({
    files,
    log: silent,
    ...(known === undefined ? {} : { known }),
    onLadder: (path, ladder) => told.push(`${path.slice(folder.length + 1)} ${ladder.video[0]?.height}`),
    onBad: (path, problems) => told.push(...problems.map((problem) => problem.replaceAll(path, 'BAD'))),
    onRecovered: (path) => told.push(`${path.slice(folder.length + 1)} good again`),
  });
  watching.push(watch);
  return watch;
}

const becomes = (lines: readonly string[]) =>
  vi.waitFor(() => expect(told).toEqual(lines), { timeout: 5000, interval: 20 });

describe('a ladder file', () => {
  test('that is written over is told once', async () => {
    await start();
    await writeFile(file, text(102));
    await becomes(['a.yaml 102']);
    await sleep(QUIET_MS);
    expect(told).toEqual(['a.yaml 102']);
  });

  test('that is saved by renaming is told each time', async () => {
    await start();
    for (const [index, height] of [102, 104, 106].entries()) {
      await writeFile(join(folder, '.a.yaml.swp'), text(height));
      await rename(join(folder, '.a.yaml.swp'), file);
      await vi.waitFor(() => expect(told).toHaveLength(index + 1), { timeout: 5000 });
    }
    expect(told).toEqual(['a.yaml 102', 'a.yaml 104', 'a.yaml 106']);
  });

  test('that is deleted and written again within a second is only told as changed', async () => {
    await start();
    await rm(file);
    await sleep(400);
    await writeFile(file, text(102));
    await becomes(['a.yaml 102']);
  });

  test('that stays away is called gone once, and good again when it is back as it was', async () => {
    await start();
    await rm(file);
    await becomes(['BAD: the file is gone; put it back, or change the settings']);
    await sleep(QUIET_MS);
    await writeFile(file, text(100));
    await becomes(['BAD: the file is gone; put it back, or change the settings', 'a.yaml good again']);
  });

  test('whose comments alone change says nothing', async () => {
    await start();
    await writeFile(file, text(100, '# a comment\n'));
    await sleep(QUIET_MS);
    expect(told).toEqual([]);
  });

  test('that is written slowly is not read half', async () => {
    await start();
    for (const part of ['vid', 'video:\n', 'video:\n  - { id: a, height: 10', text(102)]) {
      await writeFile(file, part);
      await sleep(50);
    }
    await becomes(['a.yaml 102']);
  });

  test('that is bad keeps the last good one and tells every problem; the next good one counts from there', async () => {
    await start();
    await writeFile(file, 'vidio: 1\nvideo: []\n');
    const bad = [
      'BAD:1:1 vidio: unknown key; did you mean video? The keys here are segment, frameRate, video, audio',
      'BAD:2:8 video: has 0 entries; expected a list of 1 to 10 video renditions',
    ];
    await becomes(bad);
    await writeFile(file, text(100));
    await becomes([...bad, 'a.yaml good again']);
    await writeFile(file, text(102));
    await becomes([...bad, 'a.yaml good again', 'a.yaml 102']);
  });

  test('that changed between the start of the service and that of the watch is told at once', async () => {
    const reading = parseLadder(text(98), file);
    if (reading.kind === 'bad') throw new Error('the ladder of this test is bad');
    await start([file], new Map([[file, reading.ladder]]));
    expect(told).toEqual(['a.yaml 100']);
  });
});

test('configuration mounted by Kubernetes is followed when its link is swapped', async () => {
  const mount = join(folder, 'mount');
  await mkdir(join(mount, '..1'), { recursive: true });
  await writeFile(join(mount, '..1/b.yaml'), text(100));
  await symlink('..1', join(mount, '..data'));
  await symlink('..data/b.yaml', join(mount, 'b.yaml'));
  await start([join(mount, 'b.yaml')]);
  for (const [index, height] of [102, 104].entries()) {
    const next = `..${index + 2}`;
    await mkdir(join(mount, next));
    await writeFile(join(mount, next, 'b.yaml'), text(height));
    await symlink(next, join(mount, '..data_tmp'));
    await rename(join(mount, '..data_tmp'), join(mount, '..data'));
    await rm(join(mount, `..${index + 1}`), { recursive: true });
    await vi.waitFor(() => expect(told).toHaveLength(index + 1), { timeout: 5000 });
  }
  expect(told).toEqual(['mount/b.yaml 102', 'mount/b.yaml 104']);
});

test('two files are told apart, other files of the folder are nobody’s business', async () => {
  const other = join(folder, 'b.yaml');
  await writeFile(other, text(200));
  await start([file, other]);
  await writeFile(join(folder, 'c.yaml'), 'nonsense: [');
  await writeFile(other, text(202));
  await becomes(['b.yaml 202']);
});

test('after close nothing is told any more', async () => {
  const watch = await start();
  await writeFile(file, text(102));
  await watch.close();
  await sleep(QUIET_MS);
  expect(told).toEqual([]);
});
