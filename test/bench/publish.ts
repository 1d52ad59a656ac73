/**
 * From an RTMP publish to its first Segment: from the publish as the service saw it (`publisher.sinceMs`) until a Segment
 * with the publisher's pictures answers 200 and is listed. The publishes begin at different phases of the Segment, one in each
 * equal share of it and random within. Polled every 10 ms.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchLine, lineOf } from './line.ts';
import { type Material, TINY_LADDER, writeLadder } from './material.ts';
import { type ServiceProcess, startService, until } from './service-process.ts';

const TRACK = '180p';

export async function run(material: Material, rounds: number): Promise<readonly BenchLine[]> {
  const ladder = await writeLadder(material, 'tiny', TINY_LADDER);
  const service = await startService(material, ladder, ['match']);
  try {
    const { segmentMs = 2000 } = await service.status('match');
    const taken: number[] = [];
    const phases: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const phaseMs = ((round + Math.random()) / rounds) * segmentMs;
      await sleep((((phaseMs - Date.now()) % segmentMs) + segmentMs) % segmentMs);
      const { sinceMs, playableMs } = await publish(service);
      taken.push((playableMs - sinceMs) / 1000);
      phases.push(sinceMs % segmentMs);
    }
    const note = `publishes at ${phases.map((ms) => `${(ms / 1000).toFixed(2)} s`).join(', ')} of the Segment: ${taken
      .map((seconds) => `${seconds.toFixed(2)} s`)
      .join(', ')}; the longest is the last figure of the spread`;
    return [lineOf({ what: 'publish to first playable Segment', unit: 's', below: segmentMs / 1000 + 1, note }, taken)];
  } finally {
    await service.stop();
  }
}

/** UTC ms of the publish and of the first answer. Leaves the channel on slate. */
async function publish(service: ServiceProcess): Promise<{ sinceMs: number; playableMs: number }> {
  const push = service.push('match');
  try {
    let sinceMs: number | undefined;
    let number: number | undefined;
    const isLive = async () => {
      const { publisher, onAir, newestNumber } = await service.status('match');
      sinceMs ??= publisher?.sinceMs;
      if (sinceMs === undefined || onAir !== 'live') return false;
      number = newestNumber;
      return true;
    };
    await until('a live Segment', isLive, push);
    const playlist = await (await fetch(`${service.origin}/match/${TRACK}/media.m3u8`)).text();
    const uri = playlist.split('\n').find((line) => line.endsWith(`/${number}.m4s`));
    if (uri === undefined) throw new Error(`segment ${number} is not listed:\n${playlist}`);
    const segment = await fetch(`${service.origin}/match/${TRACK}/${uri}`);
    const bytes = await segment.arrayBuffer();
    const playableMs = Date.now();
    if (segment.status !== 200 || bytes.byteLength === 0) throw new Error(`${uri}: ${segment.status}`);
    return { sinceMs: sinceMs ?? Number.NaN, playableMs };
  } finally {
    await push.stop();
    const isOver = async () => {
      const { publisher, onAir } = await service.status('match');
      return publisher === undefined && onAir === 'slate';
    };
    await until('slate again', isOver, service);
  }
}
