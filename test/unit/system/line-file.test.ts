import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/system/clock.ts';
import { openLineFile } from '../../../src/system/line-file.ts';

let folder: string;
let dropped = 0;
let errors: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'line-file-'));
  dropped = 0;
  errors = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (target: string, queueLength = 1_000_000) =>
  openLineFile({
    clock: systemClock(),
    target,
    queueLength,
    onDrop: () => {
      dropped += 1;
    },
    onError: (message) => errors.push(message),
  });

it('appends whole lines in their order, the last ones when it is closed', async () => {
  const target = join(folder, 'access.log');
  for (const from of [0, 1000]) {
    const file = await open(target);
    for (let line = from; line < from + 1000; line += 1) file.write(`line ${line}`);
    await file.close();
  }
  const lines = readFileSync(target, 'utf8').split('\n');
  expect(lines.slice(0, -1)).toEqual(Array.from({ length: 2000 }, (_, line) => `line ${line}`));
  expect(dropped).toBe(0);
});

it('a reader that has stopped costs its queue and nothing else: what has no room is dropped and counted', async () => {
  const fifo = join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const file = await open(fifo, 200_000);
    const line = 'x'.repeat(999);
    const startMs = performance.now();
    for (let turn = 0; turn < 10_000; turn += 1) file.write(line);
    expect(performance.now() - startMs).toBeLessThan(2000);
    expect(dropped).toBeGreaterThan(9000);
    expect(dropped).toBeLessThan(10_000);
    // Let the write that is under way end.
    const bytes = Buffer.alloc(1_000_000);
    const closing = file.close();
    const drain = setInterval(() => {
      try {
        readSync(reader, bytes);
      } catch {
        // Nothing there yet.
      }
    }, 5);
    await closing;
    clearInterval(drain);
  } finally {
    closeSync(reader);
  }
});

it('rejects when it cannot be opened, and leaves no timer behind that would write to it', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] });
  try {
    await expect(open(join(folder, 'none/access.log'))).rejects.toThrow(/ENOENT/);
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

it('writes what was gathered within 250 ms, without more lines coming', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] });
  try {
    const target = join(folder, 'access.log');
    const file = await open(target);
    file.write('one');
    file.write('two');
    vi.advanceTimersByTime(249);
    expect(readFileSync(target, 'utf8')).toBe('');
    vi.advanceTimersByTime(1);
    await vi.waitFor(() => expect(readFileSync(target, 'utf8')).toBe('one\ntwo\n'));
    await file.close();
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
