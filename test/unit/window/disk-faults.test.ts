// A disk that is full, read-only, gone or slow: live goes on from memory, it is said once, and all is on the disk when it is back.
import { expect, it } from 'vitest';
import type { OpenWindow } from '../../../src/window/open-window.ts';
import { diskWorld, METRICS, openLife, settled, type World } from '../../fakes/disk-window.ts';
import { failure } from '../../fakes/manual-disk.ts';

const key = (number: number) => ({ track: 'v1', gen: 'g', number });

function publish(world: World, { store, journal }: OpenWindow<string>, number: number, sizeBytes = 100): void {
  world.clock.advance(2000);
  journal.begin('g', number);
  const parts = [Buffer.alloc(sizeBytes, `${number}`)];
  store.putSegment({ key: key(number), parts, contentType: 'video/mp4', publishedMs: world.clock.nowMs() });
  journal.note(`${number}`);
}

const faults = (world: World) => world.log.lines.filter(({ level }) => level === 'error');

it.each([
  ['ENOSPC', 'DISK_FULL'],
  ['EROFS', 'DISK_READ_ONLY'],
  ['EACCES', 'DISK_READ_ONLY'],
  ['ENOENT', 'DISK_GONE'],
  ['EIO', 'DISK_FAILED'],
])('%s: live goes on from memory, health and one log line say %s, and it recovers by itself', async (errno, code) => {
  const world = diskWorld();
  const window = await openLife(world);
  publish(world, window, 1);
  await settled();
  world.disk.fault = failure(errno);
  for (const number of [2, 3, 4]) publish(world, window, number);
  await settled();
  expect(window.health.state).toMatchObject({ kind: 'degraded', code, sinceMs: expect.any(Number) });
  expect(faults(world).map(({ fields }) => fields)).toEqual([
    expect.objectContaining({ code, hint: expect.any(String) }),
  ]);
  for (const number of [2, 3, 4]) expect(window.store.segment(key(number))?.bytes?.length).toBe(100);
  world.disk.fault = undefined;
  for (let second = 0; second < 40; second++) {
    world.clock.advance(1000);
    await settled();
  }
  expect(window.health.state).toEqual({ kind: 'ok' });
  expect(world.log.lines.filter(({ message }) => message.startsWith('disk in order again'))).toHaveLength(1);
  publish(world, window, 5);
  for (const number of [1, 2, 3, 4, 5])
    expect(world.disk.files.has(`/data/match/window/g/v1/${number}.m4s`)).toBe(true);
  world.disk = world.disk.afterKill();
  const next = await openLife(world);
  expect(next.isContinued).toBe(true);
  expect(next.entries).toEqual(['1', '2', '3', '4', '5']);
  expect(next.store.segments).toBe(5);
});

it('brings parts of the open Segment to the disk as well when it is back', async () => {
  const world = diskWorld();
  const window = await openLife(world);
  window.journal.note('x');
  window.journal.begin('g', 1);
  const part = (text: string) => ({ bytes: Buffer.from(text), contentType: 'video/mp4', publishedMs: 1 });
  window.store.putPart(key(1), 0, part('a'));
  world.disk.fault = failure('EIO');
  window.store.putPart(key(1), 1, part('b'));
  world.disk.fault = undefined;
  world.clock.advance(1000);
  await settled();
  window.store.putPart(key(1), 2, part('c'));
  expect(world.disk.files.get('/data/match/window/g/v1/1.open')?.bytes.toString()).toBe('abc');
  world.disk = world.disk.afterKill();
  const next = await openLife(world);
  expect(next.isContinued).toBe(true);
  expect([0, 1, 2].map((index) => next.store.part(key(1), index)?.bytes?.toString())).toEqual(['a', 'b', 'c']);
});

it('has brought it there before it says that all is well: a kill right then loses nothing', async () => {
  const world = diskWorld();
  const window = await openLife(world);
  window.journal.note('x');
  window.journal.begin('g', 1);
  world.disk.fault = failure('EIO');
  for (const index of [0, 1])
    window.store.putPart(key(1), index, { bytes: Buffer.from(`${index}`), contentType: 'video/mp4', publishedMs: 1 });
  world.disk.fault = undefined;
  world.clock.advance(1000);
  await settled();
  world.disk = world.disk.afterKill();
  const next = await openLife(world);
  expect(next.isContinued).toBe(true);
  expect([0, 1].map((index) => next.store.part(key(1), index)?.bytes?.toString())).toEqual(['0', '1']);
});

it('is degraded from the start on a disk that takes nothing, serves what can be read, and begins under another incarnation', async () => {
  const world = diskWorld();
  const first = await openLife(world);
  publish(world, first, 1);
  await settled();
  world.disk = world.disk.afterKill();
  world.disk.fault = failure('EROFS');
  const next = await openLife(world);
  expect(next.health.state).toMatchObject({ kind: 'degraded', code: 'DISK_READ_ONLY' });
  expect(next.isContinued).toBe(false);
  expect(next.journal.incarnation).not.toBe(first.journal.incarnation);
  expect(next.entries).toEqual(['1']);
  expect(next.store.segment(key(1))?.file?.sizeBytes).toBe(100);
  publish(world, next, 2);
  expect(next.store.segment(key(2))?.bytes?.length).toBe(100);
});

it.each([
  ['one write that hangs', [1001], 1],
  ['two slow writes within ten seconds', [300, 300], 2],
])('writes nothing more after %s, and tries again later', async (_what, tookMs, writes) => {
  const world = diskWorld();
  const window = await openLife(world);
  publish(world, window, 1);
  let appends = 0;
  world.disk.onAppend = () => {
    world.clock.advance(tookMs[appends] ?? 300);
    appends += 1;
  };
  publish(world, window, 2);
  expect(window.health.state).toMatchObject({ kind: 'degraded', code: 'DISK_SLOW' });
  expect(appends).toBe(writes);
  publish(world, window, 3);
  world.disk.onAppend = () => undefined;
  expect(window.store.segment(key(3))?.bytes?.length).toBe(100);
  for (let second = 0; second < 5; second++) {
    world.clock.advance(1000);
    await settled();
  }
  expect(window.health.state).toEqual({ kind: 'ok' });
});

it('a slow write now and then is a busy machine, not a disk out of order', async () => {
  const world = diskWorld();
  const window = await openLife(world);
  for (const number of [1, 2, 3]) {
    let isFirst = true;
    world.disk.onAppend = () => {
      if (isFirst) world.clock.advance(900);
      isFirst = false;
    };
    publish(world, window, number);
    world.clock.advance(10_000);
  }
  expect(window.health.state).toEqual({ kind: 'ok' });
});

it('keeps few files open while the disk is behind, and has synced them all when it has caught up', async () => {
  const world = diskWorld();
  const window = await openLife(world);
  let most = 0;
  for (let number = 1; number <= 300; number++) {
    publish(world, window, number);
    most = Math.max(most, world.disk.openFiles);
  }
  expect(most).toBeGreaterThan(20);
  expect(most).toBeLessThan(80);
  for (let turn = 0; turn < 40; turn++) await settled();
  expect(window.health.state).toEqual({ kind: 'ok' });
  // The journal alone; and the next burst has as many again.
  expect(world.disk.openFiles).toBe(1);
  for (let number = 301; number <= 330; number++) publish(world, window, number);
  expect(world.disk.openFiles).toBeGreaterThan(20);
  await settled();
  const next = world.disk.afterPowerLoss(() => 0);
  for (let number = 1; number <= 300; number++)
    expect(next.files.get(`/data/match/window/g/v1/${number}.m4s`)?.bytes.length).toBe(100);
});

it('asks a disk that stays out of order less and less often: 1, 2, 4 ... 30 s', async () => {
  const world = diskWorld();
  const window = await openLife(world);
  world.disk.fault = failure('EIO');
  publish(world, window, 1);
  const tried: number[] = [];
  const startMs = world.clock.nowMs();
  const { disk } = world;
  const makeFolderLater = disk.makeFolderLater.bind(disk);
  disk.makeFolderLater = () => {
    tried.push(Math.round((world.clock.nowMs() - startMs) / 1000));
    return makeFolderLater();
  };
  for (let second = 0; second < 130; second++) {
    world.clock.advance(1000);
    await settled();
  }
  expect(tried).toEqual([1, 3, 7, 15, 31, 61, 91, 121]);
});

it('keeps two minutes in memory while the disk is out of order, and says from which number on it has everything', async () => {
  const world = diskWorld();
  const window = await openLife(world);
  for (let number = 1; number <= 10; number++) publish(world, window, number);
  await settled();
  expect(window.store.heldFrom).toBe(0);
  world.disk.fault = failure('EROFS');
  for (let number = 11; number <= 100; number++) publish(world, window, number);
  expect(window.store.heldFrom).toBe(40);
  expect(window.store.segments).toBe(61);
  expect(window.store.segment(key(39))).toBeUndefined();
});

it('does not list what went with a disk that is gone', async () => {
  const world = diskWorld();
  const window = await openLife(world);
  for (let number = 1; number <= 60; number++) publish(world, window, number);
  await settled();
  expect(window.store.segment(key(1))?.file).toBeDefined();
  world.disk.fault = failure('EIO');
  world.disk.readFault = failure('EIO');
  publish(world, window, 61);
  await settled();
  expect(window.store.heldFrom).toBe(30);
  expect(window.store.segment(key(30))?.bytes?.length).toBe(100);
  world.disk.files.clear();
  world.disk.fault = undefined;
  world.disk.readFault = undefined;
  world.clock.advance(1000);
  await settled();
  expect(window.health.state).toEqual({ kind: 'ok' });
  expect(world.disk.files.has('/data/match/window/g/v1/30.m4s')).toBe(true);
});

it('lets the oldest Segments go when the window is over its size on disk, and says so once', async () => {
  const world = diskWorld();
  world.maxBytes = 1000;
  const window = await openLife(world);
  for (let number = 1; number <= 30; number++) publish(world, window, number);
  await settled();
  expect(window.store.bytes).toBe(1000);
  expect(window.store.heldFrom).toBe(21);
  expect([...world.disk.files.keys()].filter((name) => name.endsWith('.m4s'))).toHaveLength(10);
  expect(world.log.lines.filter(({ fields }) => fields['code'] === 'WINDOW_SHORTENED')).toHaveLength(1);
  world.disk = world.disk.afterKill();
  const next = await openLife(world);
  expect([next.store.heldFrom, next.store.segments]).toEqual([21, 10]);
});

it('keeps the newest minute in memory and the rest in files; a day of it costs no more descriptors', async () => {
  const world = diskWorld();
  const window = await openLife(world);
  for (let number = 1; number <= 500; number++) {
    publish(world, window, number);
    if (number % 20 === 0) await settled();
  }
  await settled();
  const inMemory = Array.from({ length: 500 }, (_, index) => window.store.segment(key(index + 1))?.bytes !== undefined);
  expect(inMemory.filter(Boolean)).toHaveLength(31);
  expect(inMemory.slice(-31)).not.toContain(false);
  expect(world.disk.openFiles).toBe(1);
});

it('writes the journal anew when it has doubled, and nothing of it is lost', async () => {
  const world = diskWorld();
  const window = await openLife(world);
  const entry = (number: number): string => `${number} `.repeat(1000);
  for (let number = 1; number <= 500; number++) {
    publish(world, window, number);
    window.journal.note(entry(number));
    window.store.evictBelow('g', number - 5);
    if (number % 50 === 0) await settled();
  }
  await settled();
  expect(world.disk.files.get('/data/match/journal')?.bytes.length).toBeLessThan(1.1e6);
  world.disk = world.disk.afterKill();
  const next = await openLife(world);
  expect(next.isContinued).toBe(true);
  expect(next.journal.lastBegun('g')).toBe(500);
  expect(next.store.segments).toBe(6);
  expect(next.entries.slice(-4)).toEqual(['499', entry(499), '500', entry(500)]);
});

it('loses and doubles nothing that is noted while the journal is being written anew', async () => {
  const world = diskWorld();
  const { disk } = world;
  const writeWhole = disk.writeWhole.bind(disk);
  let isWriting = false;
  disk.writeWhole = async (path, pieces) => {
    isWriting = true;
    // As a thread pool does: the first record is asked for in a later turn.
    await new Promise((resolve) => setImmediate(resolve));
    await writeWhole(path, pieces);
  };
  const window = await openLife(world);
  const long = 'x'.repeat(100_000);
  for (let count = 0; !isWriting; count++) window.journal.note(`${count} ${long}`);
  for (const text of ['a', 'b', 'c']) window.journal.note(text);
  window.journal.begin('g', 7);
  await settled();
  expect(disk.files.get('/data/match/journal')?.bytes.length).toBeLessThan(1.1e6);
  world.disk = disk.afterKill();
  const next = await openLife(world);
  expect(next.entries.slice(-3)).toEqual(['a', 'b', 'c']);
  expect(next.entries.filter((entry) => entry === 'a')).toHaveLength(1);
  expect(next.journal.lastBegun('g')).toBe(7);
});

it('what the journal has is in the metrics: records, bytes, the newest; and how often one was put aside', async () => {
  const world = diskWorld();
  const figures = async () => {
    const names = ['journalRecords', 'journalBytes', 'journalNewest', 'journalPutAside'] as const;
    const read = await Promise.all(names.map(async (name) => (await METRICS[name].get()).values[0]?.value ?? 0));
    return { records: read[0]!, bytes: read[1], newest: read[2], putAside: read[3]! };
  };
  const journal = '/data/match/journal';
  const window = await openLife(world);
  const before = await figures();
  publish(world, window, 1);
  const noted = await figures();
  // Begun, stored, noted.
  expect(noted.records - before.records).toBe(3);
  expect(noted).toMatchObject({
    bytes: world.disk.files.get(journal)!.bytes.length,
    newest: world.clock.nowMs() / 1000,
  });
  world.disk.fault = failure('EIO');
  publish(world, window, 2);
  expect(await figures()).toEqual(noted);
  world.disk = world.disk.afterKill();
  world.disk.files.get(journal)!.bytes.write('spoiled', 0);
  await openLife(world);
  expect((await figures()).putAside).toBe(before.putAside + 1);
});
