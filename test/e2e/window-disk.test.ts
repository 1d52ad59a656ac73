// A window on a real disk that fills up, goes away and is read-only, with real bytes: live goes on, and all is written when it is back.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/system/clock.ts';
import { openMetrics } from '../../src/system/metrics.ts';
import { type OpenWindow, openWindow } from '../../src/window/open-window.ts';
import { MemoryLog } from '../fakes/memory-log.ts';
import { until } from './origin-client.ts';

const folder = mkdtempSync(join(tmpdir(), 'pitchside-disk-'));
const isRoot = process.getuid?.() === 0;
let isMounted = false;
const log = new MemoryLog();
let number = 0;

beforeAll(() => {
  // Without root there is no disk to fill: then the same is tried with permissions alone.
  if (!isRoot) return;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder], { stdio: 'ignore' });
    isMounted = true;
  } catch {
    isMounted = false;
  }
});

afterAll(() => {
  if (isMounted) execFileSync('umount', ['-l', folder]);
  rmSync(folder, { recursive: true, force: true });
});

const open = (): Promise<OpenWindow<string>> =>
  openWindow<string>({
    folder: join(folder, 'channels/match'),
    channel: 'match',
    maxBytes: 1e9,
    clock: systemClock(),
    log,
    metrics: openMetrics(),
    snapshot: (entries) => entries,
  });

function publish({ store, journal }: OpenWindow<string>): number {
  number += 1;
  expect(journal.begin('g', number)).toBe(true);
  const parts = [Buffer.alloc(100_000, number), Buffer.alloc(50_000, 255 - number)];
  store.putSegment({
    key: { track: 'v1', gen: 'g', number },
    parts,
    contentType: 'video/mp4',
    publishedMs: Date.now(),
  });
  journal.note(`${number}`);
  return number;
}

const pathOf = (each: number): string => join(folder, `channels/match/window/g/v1/${each}.m4s`);
const kinds = (window: OpenWindow<string>): string =>
  window.health.state.kind === 'degraded' ? window.health.state.code : window.health.state.kind;

it('goes on in memory on a disk that is full, gone or read-only, and recovers; the next life finds every byte', async () => {
  const window = await open();
  for (let count = 0; count < 5; count++) publish(window);
  expect(kinds(window)).toBe('ok');
  if (isMounted) {
    const filler = join(folder, 'filler');
    try {
      writeFileSync(filler, Buffer.alloc(16_000_000));
    } catch {
      // As much as there is room for.
    }
    for (let count = 0; count < 5; count++) publish(window);
    expect(kinds(window)).toBe('DISK_FULL');
    rmSync(filler);
    await until(() => kinds(window) === 'ok');
  }
  rmSync(join(folder, 'channels'), { recursive: true });
  for (let count = 0; count < 5; count++) publish(window);
  await until(() => kinds(window) === 'DISK_GONE');
  await until(() => kinds(window) === 'ok');
  publish(window);
  await window.close();
  const next = await open();
  expect(next).toMatchObject({
    isContinued: true,
    entries: Array.from({ length: number }, (_, index) => `${index + 1}`),
  });
  for (let each = 1; each <= number; each++) {
    expect(next.store.segment({ track: 'v1', gen: 'g', number: each })?.file?.path).toBe(pathOf(each));
    const bytes = readFileSync(pathOf(each));
    expect([bytes.length, bytes[0], bytes[149_999]]).toEqual([150_000, each, 255 - each]);
  }
  expect(existsSync(join(folder, 'channels/match/probe'))).toBe(false);
  await next.close();
  if (!isMounted) return;
  execFileSync('mount', ['-o', 'remount,ro', folder]);
  const third = await open();
  expect(kinds(third)).toBe('DISK_READ_ONLY');
  expect(third.store.segments).toBe(number);
  publish(third);
  execFileSync('mount', ['-o', 'remount,rw', folder]);
  await until(() => kinds(third) === 'ok');
  expect(existsSync(pathOf(number))).toBe(true);
  await third.close();
}, 30_000);
