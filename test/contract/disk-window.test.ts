import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { systemClock } from '../../src/system/clock.ts';
import { openMetrics } from '../../src/system/metrics.ts';
import { type OpenWindow, openWindow } from '../../src/window/open-window.ts';
import { MemoryLog } from '../fakes/memory-log.ts';
import { journalContract } from './journal.ts';
import { windowStoreContract } from './window-store.ts';

const root = mkdtempSync(join(tmpdir(), 'pitchside-window-'));
const opened: OpenWindow<unknown>[] = [];
let count = 0;

async function open(): Promise<OpenWindow<unknown>> {
  count += 1;
  const window = await openWindow<unknown>({
    folder: join(root, String(count)),
    channel: 'match',
    maxBytes: 1e9,
    clock: systemClock(),
    log: new MemoryLog(),
    metrics: openMetrics(),
    snapshot: (entries) => entries,
  });
  opened.push(window);
  return window;
}

afterAll(async () => {
  for (const window of opened) await window.close();
  rmSync(root, { recursive: true, force: true });
});

windowStoreContract('disk', async () => (await open()).store);
journalContract('disk', async () => (await open()).journal);
