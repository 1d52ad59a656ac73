/**
 * CPU of the service beside bare ffmpeg with the same input, pacing, graph and encoder options that writes to null.
 * Counted: user and system time of all processes of the service (service, RTMP child, encoder), not of the pusher.
 * Nobody watches. Rounds alternate, and so does which of the two is first, so that both meet the same neighbours.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { choosePlan } from '../../src/channel/plan-in-use.ts';
import { readLadderFile } from '../../src/config/shipped-ladders.ts';
import { workerCommand } from '../../src/transcode/arguments.ts';
import { withoutMuxer } from './encode.ts';
import { type BenchLine, lineOf, median } from './line.ts';
import type { Material } from './material.ts';
import { cpuOfTree } from './process-tree.ts';
import { type ServiceProcess, start, startService, until } from './service-process.ts';

/** Of one core, 1 = all of it. */
interface Load {
  readonly total: number;
  readonly encoder: number;
  readonly service: number;
  readonly rtmp: number;
  /** Of the encoder, as ffmpeg says it: 1 is real time. */
  readonly speed: number;
}

interface Pair {
  readonly ours: Load;
  readonly bare: Load;
}

/** Of a machine too busy to bring a single Segment in time. */
const NEVER_LIVE: Load = { total: 0, encoder: 0, service: 0, rtmp: 0, speed: 0 };

/** Slower ones did not encode the same frames as the other of their round, so the round is done again. */
const REAL_TIME = 0.97;

export interface CpuCase {
  readonly what: string;
  readonly ladderPath: string;
  readonly atMost: number;
}

export interface CpuTiming {
  readonly rounds: number;
  readonly seconds: number;
  /** Before each measurement, until decoders, buffers and the just-in-time compiler have settled. */
  readonly settleSeconds: number;
}

export async function run(material: Material, which: CpuCase, timing: CpuTiming): Promise<readonly BenchLine[]> {
  const service = await startService(material, which.ladderPath, ['match']);
  const pairs: Pair[] = [];
  let leftOut = 0;
  try {
    const args = await bareArguments(material, which.ladderPath);
    while (pairs.length < timing.rounds && leftOut < 2 * timing.rounds) {
      const pair = await measurePair(service, () => loadOfBare(material, args, timing), timing, pairs.length % 2 === 0);
      if (Math.min(pair.ours.speed, pair.bare.speed) >= REAL_TIME) pairs.push(pair);
      else leftOut += 1;
    }
  } finally {
    await service.stop();
  }
  if (pairs.length === 0)
    throw new Error(`no round of ${leftOut} ran in real time on this machine\n${service.said().slice(-1000)}`);
  const percent = (of: (pair: Pair) => number) => `${(100 * median(pairs.map(of))).toFixed(1)} %`;
  const note = [
    `service ${percent(({ ours }) => ours.total)} of a core (node ${percent(({ ours }) => ours.service)},`,
    `RTMP child ${percent(({ ours }) => ours.rtmp)}, ffmpeg ${percent(({ ours }) => ours.encoder)}),`,
    `bare ffmpeg ${percent(({ bare }) => bare.total)}; ${leftOut} rounds left out for falling behind real time`,
  ].join(' ');
  const ratios = pairs.map(({ ours, bare }) => ours.total / bare.total);
  return [lineOf({ what: `CPU, ${which.what}: service / bare ffmpeg`, atMost: which.atMost, note }, ratios)];
}

async function measurePair(
  service: ServiceProcess,
  loadBare: () => Promise<Load>,
  timing: CpuTiming,
  isServiceFirst: boolean,
): Promise<Pair> {
  if (isServiceFirst) {
    const ours = await loadOfService(service, timing);
    return { ours, bare: await loadBare() };
  }
  const bare = await loadBare();
  return { ours: await loadOfService(service, timing), bare };
}

async function loadOfService(service: ServiceProcess, timing: CpuTiming): Promise<Load> {
  const push = service.push('match');
  try {
    const isLive = async () => (await service.status('match')).state === 'live';
    const wasLive = await until('a live Segment', isLive, push).then(
      () => true,
      (error: unknown) => {
        // A push that was closed for being too slow to be taken is no failure of the bench.
        if (service.hasEnded) throw error;
        return false;
      },
    );
    if (!wasLive) return NEVER_LIVE;
    const load = await loadOfTree(service.pid, timing);
    const { encoder, state } = await service.status('match');
    // Not live: what was encoded came too late to be shown.
    return { ...load, speed: state === 'live' ? (encoder?.speed ?? 0) : 0 };
  } finally {
    await push.stop();
    await until('the encoder has ended', async () => (await service.status('match')).encoder === undefined, service);
  }
}

async function loadOfBare({ ffmpeg }: Material, args: readonly string[], timing: CpuTiming): Promise<Load> {
  const encoder = start(ffmpeg, args);
  try {
    await until('the first frame', () => encoder.said().includes('frame='), encoder);
    const load = await loadOfTree(encoder.pid, timing);
    const speeds = [...encoder.said().matchAll(/speed=\s*([\d.]+)x/g)];
    return { ...load, speed: Number(speeds.at(-1)?.[1]) };
  } finally {
    await encoder.stop();
  }
}

async function loadOfTree(root: number, { seconds, settleSeconds }: CpuTiming): Promise<Omit<Load, 'speed'>> {
  await sleep(settleSeconds * 1000);
  const before = cpuOfTree(root);
  const startMs = performance.now();
  await sleep(seconds * 1000);
  const after = cpuOfTree(root);
  const elapsedSeconds = (performance.now() - startMs) / 1000;
  const load = { encoder: 0, service: 0, rtmp: 0 };
  for (const [pid, { name, seconds: used }] of after) {
    const share = (used - (before.get(pid)?.seconds ?? 0)) / elapsedSeconds;
    load[name === 'ffmpeg' ? 'encoder' : pid === root ? 'service' : 'rtmp'] += share;
  }
  for (const [pid, { name }] of before)
    if (!after.has(pid)) throw new Error(`process ${pid} (${name}) ended while it was measured`);
  return { ...load, total: load.encoder + load.service + load.rtmp };
}

/** The worker's command for this feed, read from the file at its own pace, each encoder's output thrown away. */
async function bareArguments({ clip }: Material, ladderPath: string): Promise<readonly string[]> {
  const reading = await readLadderFile(ladderPath, ladderPath);
  if (reading.kind !== 'ok') throw new Error(`the ladder ${ladderPath} cannot be read`);
  const source = { width: 1280, height: 720, frameRate: { num: 30, den: 1 } };
  const choice = choosePlan(reading.ladder, source);
  if (choice.kind === 'bad') throw new Error(choice.reason);
  const { inputs, filterGraph, outputs } = withoutMuxer(
    workerCommand({
      plan: choice.plan.plan,
      urlOf: (track) => track,
      headers: {},
      start: { trimMs: 0, audioOffsetSamples: 0, hasVideo: true, hasAudio: true, source },
    }),
  );
  return [
    ...['-y', '-re', '-stream_loop', '-1', ...inputs.flatMap(({ options }) => options), '-i', clip],
    ...['-filter_complex', filterGraph],
    ...outputs.flatMap(({ url, options }) => [...options, url]),
  ];
}
