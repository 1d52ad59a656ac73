/**
 * What the window on disk costs: the service's own CPU and the bytes it writes with a data directory, beside the same feed with
 * `--data none` at the same time; and a Segment of the long window, which is on disk alone, beside nginx sending the same file.
 * The large rung is a copy of the feed, so that encoding does not drown it.
 */

import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, openTestOrigin } from '../e2e/origin-client.ts';
import { openNginx, programPath } from '../e2e/origin-edge.ts';
import { FakeChannel, storedObject } from '../fakes/channel-view.ts';
import { type BenchLine, lineOf, median } from './line.ts';
import { type Material, writeLadder } from './material.ts';
import { ownSeconds, policyFields, type Rate, rateOf, secondsOfTree } from './origin.ts';
import { cpuOfTree } from './process-tree.ts';
import { type ServiceProcess, startService, until } from './service-process.ts';

const COPY_LADDER = `
video:
  - { id: copy, copy: true, bitrate: 6M, maxrate: 7M }
  - { id: 180p, height: 180, bitrate: 300k, preset: ultrafast }
audio:
  - { id: audio, bitrate: 128k }
`;
const CHANNEL = 'match';
const SETTLE_MS = 4000;

export async function run(material: Material, rounds: number, seconds: number): Promise<readonly BenchLine[]> {
  return [...(await writing(material, rounds, seconds)), ...(await reading(rounds, Math.min(seconds, 2)))];
}

/** Of one round, in `seconds`. */
interface Written {
  readonly cpuSeconds: number;
  /** Taken in over RTMP: of a copy, what goes out and into the window as well. */
  readonly fedBytes: number;
  /** Handed to the page cache, journal included. */
  readonly spoolBytes: number;
  /** What the kernel then sent to a disk; 0 where the folder is in memory. */
  readonly diskBytes: number;
}

async function writing(material: Material, rounds: number, seconds: number): Promise<readonly BenchLine[]> {
  const ladder = await writeLadder(material, 'copy', COPY_LADDER);
  const data = await mkdtemp(join(material.folder, 'spool-'));
  const services: ServiceProcess[] = [];
  try {
    for (const kept of [data, 'none'])
      services.push(await startService(material, ladder, [CHANNEL], 'normal', { data: kept }));
    const pushes = services.map((service) => service.push(CHANNEL));
    for (const [at, service] of services.entries())
      await until('live', async () => (await service.status(CHANNEL)).state === 'live', pushes[at] ?? service);
    await sleep(SETTLE_MS);
    const pairs: Written[][] = [];
    for (let round = 0; round < rounds; round++) {
      const before = await Promise.all(services.map(countersOf));
      await sleep(seconds * 1000);
      const after = await Promise.all(services.map(countersOf));
      pairs.push(after.map((now, at) => difference(now, before[at] ?? now)));
    }
    await Promise.all(pushes.map((push) => push.stop()));
    return linesOfWriting(pairs, seconds);
  } finally {
    await Promise.all(services.map((service) => service.stop()));
    await rm(data, { recursive: true, force: true });
  }
}

async function countersOf({ pid, ports }: ServiceProcess): Promise<Written> {
  const text = await (await fetch(`http://127.0.0.1:${ports.control}/metrics`)).text();
  const sum = (name: string): number =>
    [...text.matchAll(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, 'gm'))].reduce(
      (all, [, value]) => all + Number(value),
      0,
    );
  // proc(5): bytes of pages that the process has made dirty on a block device.
  const diskBytes = Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);
  return {
    cpuSeconds: cpuOfTree(pid).get(pid)?.seconds ?? Number.NaN,
    fedBytes: sum('pitchside_ingest_bytes_total'),
    spoolBytes: sum('pitchside_disk_written_bytes_total'),
    diskBytes,
  };
}

function difference(now: Written, before: Written): Written {
  return {
    cpuSeconds: now.cpuSeconds - before.cpuSeconds,
    fedBytes: now.fedBytes - before.fedBytes,
    spoolBytes: now.spoolBytes - before.spoolBytes,
    diskBytes: now.diskBytes - before.diskBytes,
  };
}

function linesOfWriting(pairs: readonly (readonly Written[])[], seconds: number): BenchLine[] {
  const of = (side: number, key: keyof Written): number[] => pairs.map((pair) => pair[side]?.[key] ?? Number.NaN);
  const ratio = (a: readonly number[], b: readonly number[]) => a.map((value, i) => value / (b[i] ?? Number.NaN));
  const percent = (side: number) => `${((100 * median(of(side, 'cpuSeconds'))) / seconds).toFixed(2)} %`;
  const megabits = (key: keyof Written) => `${((median(of(0, key)) * 8) / seconds / 1e6).toFixed(2)} Mbit/s`;
  return [
    lineOf(
      {
        what: "window on disk: the service's CPU / --data none",
        note: `${percent(0)} of a core with, ${percent(1)} without; fed ${megabits('fedBytes')}`,
      },
      ratio(of(0, 'cpuSeconds'), of(1, 'cpuSeconds')),
    ),
    lineOf(
      {
        what: 'window on disk: bytes written / bytes fed',
        note: `${megabits('spoolBytes')} to the page cache, ${megabits('diskBytes')} of dirty pages`,
      },
      ratio(of(0, 'spoolBytes'), of(0, 'fedBytes')),
    ),
  ];
}

const NAME = { kind: 'segment', track: 'v720', gen: 'g1', number: 900000001 } as const;
const PATH = '/live/match/v720/g1/900000001.m4s';
const SEGMENT_BYTES = 1_000_000;

/** rounds x 3 runs of wrk: from a file, nginx from the same file, from memory. */
async function reading(rounds: number, seconds: number): Promise<readonly BenchLine[]> {
  const wrk = programPath('wrk', 'wrk');
  const files = await mkdtemp(join(tmpdir(), 'bench-spool-'));
  const bytes = Buffer.alloc(SEGMENT_BYTES, 7);
  const path = join(files, 'segment.m4s');
  await writeFile(path, bytes);
  const { etag, contentType, publishedMs } = storedObject(bytes);
  const kept = new FakeChannel();
  const file = { path, offset: 0, sizeBytes: SEGMENT_BYTES };
  kept.setMedia(NAME, { kind: 'ready', object: { etag, contentType, publishedMs, file } });
  const newest = new FakeChannel();
  newest.setMedia(NAME, bytes);
  const [disk, memory] = [await openTestOrigin([kept]), await openTestOrigin([newest])];
  const fields = policyFields(await ask(memory.port, PATH));
  const nginx = await openNginx(
    'sendfile on; tcp_nopush on; open_file_cache max=100; keepalive_requests 10000000;',
    `root ${files}; location = /segment.m4s { ${fields} }`,
    memory.port,
  );
  try {
    const sides = [
      { url: `http://127.0.0.1:${disk.port}${PATH}`, cpu: ownSeconds },
      { url: `http://127.0.0.1:${nginx.port}/segment.m4s`, cpu: () => secondsOfTree(nginx.pid) },
      { url: `http://127.0.0.1:${memory.port}${PATH}`, cpu: ownSeconds },
    ];
    const rates: Rate[][] = [];
    for (let round = 0; round < rounds; round++) {
      const row: Rate[] = [];
      for (const { url, cpu } of sides) row.push(await rateOf(wrk, url, seconds, {}, cpu));
      rates.push(row);
    }
    return linesOfReading(rates);
  } finally {
    await nginx.close();
    await Promise.all([disk.close(), memory.close()]);
    await rm(files, { recursive: true, force: true });
  }
}

function linesOfReading(rates: readonly (readonly Rate[])[]): BenchLine[] {
  const against = (side: number) =>
    rates.map((row) => (row[0]?.perCpuSecond ?? Number.NaN) / (row[side]?.perCpuSecond ?? Number.NaN));
  const middle = (side: number) => median(rates.map((row) => row[side]?.perCpuSecond ?? Number.NaN)).toFixed(0);
  const note = `from the file ${middle(0)}, nginx with sendfile ${middle(1)}, the newest minute from memory ${middle(2)} a CPU second`;
  return [
    lineOf({ what: '1 MB segment of the long window: origin / nginx, per core', note }, against(1)),
    lineOf({ what: '1 MB segment of the long window: from the file / from memory, per core' }, against(2)),
  ];
}
