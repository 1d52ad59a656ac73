/**
 * CPU of the RTMP child for one publish, beside node-media-server alone: its own RTMP server in a process of its own, nobody playing.
 * The child does more: it checks, and hands every tag to the service. Both get the same clip by `-c copy`, in turns.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type BenchLine, lineOf, median } from './line.ts';
import { type Material, TINY_LADDER, writeLadder } from './material.ts';
import { cpuOfTree } from './process-tree.ts';
import { type Running, type ServiceProcess, start, startService, until } from './service-process.ts';

const SETTLE_MS = 2_000;

/** The library's server as it is, but for its log. */
const ALONE = `
const Context = require('node-media-server/src/core/context.js');
const RtmpServer = require('node-media-server/src/server/rtmp_server.js');
require('node-media-server/src/core/logger.js').log = () => undefined;
Context.config = { bind: '127.0.0.1', rtmp: { port: '0' } };
const server = new RtmpServer();
server.run();
server.tcpServer.once('listening', () => console.log(server.tcpServer.address().port));
`;

export async function run(material: Material, rounds: number, seconds: number): Promise<readonly BenchLine[]> {
  const ladder = await writeLadder(material, 'tiny', TINY_LADDER);
  const lines: BenchLine[] = [];
  for (const megabits of [6, 20]) {
    const fed = { ...material, clip: await clipOf(material, megabits) };
    const service = await startService(fed, ladder, ['match']);
    const alone = await startAlone();
    try {
      const ours: number[] = [];
      const theirs: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const steps = [
          async () => ours.push(await loadOfChild(service, seconds)),
          async () => theirs.push(await loadOfAlone(alone, fed, seconds)),
        ];
        for (const step of round % 2 === 0 ? steps : steps.reverse()) await step();
      }
      lines.push(lineOfLoads(megabits, ours, theirs));
    } finally {
      await alone.server.stop();
      await service.stop();
    }
  }
  return lines;
}

function lineOfLoads(megabits: number, ours: readonly number[], theirs: readonly number[]): BenchLine {
  const percent = (loads: readonly number[]) => `${(100 * median(loads)).toFixed(1)} % of a core`;
  const note = `RTMP child ${percent(ours)}, node-media-server alone ${percent(theirs)}`;
  const ratios = ours.map((load, round) => load / (theirs[round] ?? Number.NaN));
  return lineOf({ what: `CPU, a publish at ${megabits} Mbit/s: RTMP child / node-media-server`, note }, ratios);
}

async function loadOfChild(service: ServiceProcess, seconds: number): Promise<number> {
  const push = service.push('match');
  try {
    await until('the publisher is in', async () => (await service.status('match')).publisher !== undefined, push);
    return await loadOf(service.pid, seconds, (pid, name) => pid !== service.pid && name !== 'ffmpeg');
  } finally {
    await push.stop();
    await until('the encoder has ended', async () => (await service.status('match')).encoder === undefined, service);
  }
}

async function loadOfAlone({ server, port }: Alone, { ffmpeg, clip }: Material, seconds: number): Promise<number> {
  const url = `rtmp://127.0.0.1:${port}/live/match`;
  const input = ['-hide_banner', '-nostdin', '-loglevel', 'warning', '-re', '-stream_loop', '-1', '-i', clip];
  const push = start(ffmpeg, [...input, '-c', 'copy', '-f', 'flv', url]);
  try {
    const load = await loadOf(server.pid, seconds, () => true);
    if (push.hasEnded) throw new Error(`the pusher ended: ${push.said()}`);
    return load;
  } finally {
    await push.stop();
  }
}

/** Of one core, of those processes of a tree that count. */
async function loadOf(root: number, seconds: number, counts: (pid: number, name: string) => boolean): Promise<number> {
  await sleep(SETTLE_MS);
  const used = () => [...cpuOfTree(root)].reduce((sum, [pid, of]) => sum + (counts(pid, of.name) ? of.seconds : 0), 0);
  const before = used();
  const startMs = performance.now();
  await sleep(seconds * 1000);
  return ((used() - before) * 1000) / (performance.now() - startMs);
}

interface Alone {
  readonly server: Running;
  readonly port: number;
}

async function startAlone(): Promise<Alone> {
  let port = 0;
  const server = start(process.execPath, ['-e', ALONE], (line) => {
    port = Number(line);
  });
  await until('node-media-server listens', () => port > 0, server);
  return { server, port };
}

/** The material's own clip is the one of 6 Mbit/s. */
async function clipOf({ ffmpeg, folder, clip }: Material, megabits: number): Promise<string> {
  if (megabits === 6) return clip;
  const path = join(folder, `clip-${megabits}.flv`);
  const rate = `${megabits}M`;
  await promisify(execFile)(ffmpeg, [
    ...['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=1280x720:r=30,noise=alls=20:allf=t'],
    ...['-f', 'lavfi', '-i', 'sine=r=48000', '-t', '10', '-pix_fmt', 'yuv420p'],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '0', '-g', '60', '-keyint_min', '60', '-sc_threshold', '0'],
    ...['-b:v', rate, '-minrate', rate, '-maxrate', rate, '-bufsize', rate, '-x264-params', 'nal-hrd=cbr'],
    ...['-c:a', 'aac', '-b:a', '160k', '-ac', '2', path],
  ]);
  return path;
}
