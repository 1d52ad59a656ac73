/** A window on a disk that a test has in hand, and the lives of the service on it. */
import { openMetrics } from '../../src/system/metrics.ts';
import { openDiskWindow } from '../../src/window/disk-window.ts';
import type { OpenWindow } from '../../src/window/open-window.ts';
import { ManualClock } from './manual-clock.ts';
import { ManualBeacons, ManualDisk } from './manual-disk.ts';
import { MemoryLog } from './memory-log.ts';

export interface World {
  disk: ManualDisk;
  readonly beacons: ManualBeacons;
  readonly clock: ManualClock;
  readonly log: MemoryLog;
  boot: string;
  maxBytes: number;
}

export function diskWorld(): World {
  const [disk, beacons] = [new ManualDisk(), new ManualBeacons()];
  return { disk, beacons, clock: new ManualClock(), log: new MemoryLog(), boot: 'b1', maxBytes: 1e9 };
}

/** One for all: each has observers of its own. */
export const METRICS = openMetrics();

/** The next life. Entries are texts; a snapshot keeps the newest ten. */
export function openLife(world: World): Promise<OpenWindow<string>> {
  const { disk, beacons, clock, log, boot, maxBytes } = world;
  return openDiskWindow<string>(
    {
      folder: '/data/match',
      channel: 'match',
      maxBytes,
      clock,
      log,
      metrics: METRICS,
      snapshot: (entries) => entries.slice(-10),
    },
    {
      fileSystem: disk,
      bootId: boot,
      readBeacon: (name, incarnation) => beacons.read(name, incarnation),
      openBeacon: (name, incarnation) => {
        const beacon = beacons.open(name, incarnation);
        // Who is killed says nothing any more.
        const alive = (say: () => boolean) => () => disk.isDead || say();
        return { ...beacon, mark: alive(beacon.mark), clear: alive(beacon.clear) };
      },
    },
  );
}

/** Lets the thread pool's work end. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
