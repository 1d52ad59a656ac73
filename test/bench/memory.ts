/**
 * Resident memory of the service (its own process and its RTMP child; encoders are ffmpeg's) above the bytes of the windows:
 * with one channel and with three, each with a 720p30 feed of 6 Mbit/s, half a minute after the last went live.
 * The figure is the difference by channel. In it are a GOP ring of up to 12 s of the feed (9 MB), and V8's young generation,
 * which one channel leaves small and three let grow to its full size (34 MB, once, however many channels follow).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchLine, lineOf, median } from './line.ts';
import { type Material, TINY_LADDER, writeLadder } from './material.ts';
import { residentMb, treeOf } from './process-tree.ts';
import { startService, until } from './service-process.ts';

const CHANNELS = ['one', 'two', 'three'];
/** The median of the last seconds: a single look may come just before or after a collection. */
const LOOKS = 10;

interface Memory {
  readonly residentMb: number;
  readonly windowMb: number;
}

export async function run(material: Material, rounds: number, seconds: number): Promise<readonly BenchLine[]> {
  const ladder = await writeLadder(material, 'tiny', TINY_LADDER);
  const alone: Memory[] = [];
  const three: Memory[] = [];
  for (let round = 0; round < rounds; round++) {
    alone.push(await memoryWith(material, ladder, CHANNELS.slice(0, 1), seconds));
    three.push(await memoryWith(material, ladder, CHANNELS, seconds));
  }
  const above = (memory: Memory | undefined) => (memory?.residentMb ?? Number.NaN) - (memory?.windowMb ?? 0);
  const perChannel = three.map((memory, round) => (above(memory) - above(alone[round])) / (CHANNELS.length - 1));
  const say = (memories: readonly Memory[]) =>
    `${median(memories.map((memory) => memory.residentMb)).toFixed(0)} MB, of which windows ${median(memories.map(({ windowMb }) => windowMb)).toFixed(1)} MB`;
  const note = `one channel ${say(alone)}; three ${say(three)}`;
  return [lineOf({ what: 'memory of one more channel above its window', unit: 'MB', below: 20, note }, perChannel)];
}

async function memoryWith(
  material: Material,
  ladder: string,
  channels: readonly string[],
  seconds: number,
): Promise<Memory> {
  const service = await startService(material, ladder, channels);
  const pushes = channels.map((channel) => service.push(channel));
  try {
    for (const [index, push] of pushes.entries()) {
      const channel = channels[index] ?? '';
      await until('a live Segment', async () => (await service.status(channel)).state === 'live', push);
    }
    await sleep(Math.max(0, seconds - LOOKS) * 1000);
    const looks: Memory[] = [];
    for (let look = 0; look < Math.min(LOOKS, seconds); look++) {
      await sleep(1000);
      const statuses = await Promise.all(channels.map((channel) => service.status(channel)));
      const processes = treeOf(service.pid).filter(({ name }) => name !== 'ffmpeg');
      looks.push({
        residentMb: processes.reduce((sum, { pid }) => sum + residentMb(pid), 0),
        windowMb: statuses.reduce((sum, { windowBytes }) => sum + windowBytes / 1e6, 0),
      });
    }
    return looks.toSorted((a, b) => a.residentMb - a.windowMb - (b.residentMb - b.windowMb))[
      looks.length >> 1
    ] as Memory;
  } finally {
    await Promise.all(pushes.map((push) => push.stop()));
    await service.stop();
  }
}
