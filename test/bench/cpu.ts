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
  const ours: Load[] = [];
  const bare: Load[] = [];
  try {
    const args = await bareArguments(material, which.ladderPath);
    for (let round = 0; round < timing.rounds; round++) {
      if (round % 2 === 0) ours.push(await loadOfService(service, timing));
      bare.push(await loadOfBare(material, args, timing));
      if (round % 2 === 1) ours.push(await loadOfService(service, timing));
    }
  } finally {
    await service.stop();
  }
  const percent = (loads: readonly Load[], of: (load: Load) => number) =>
    `${(100 * median(loads.map(of))).toFixed(1)} %`;
  const note = [
    `service ${percent(ours, (load) => load.total)} of a core`,
    `(node ${percent(ours, (load) => load.service)}, RTMP child ${percent(ours, (load) => load.rtmp)},`,
    `ffmpeg ${percent(ours, (load) => load.encoder)}), bare ffmpeg ${percent(bare, (load) => load.total)};`,
    `slowest speed ${Math.min(...ours.map(({ speed }) => speed))} and ${Math.min(...bare.map(({ speed }) => speed))}`,
  ].join(' ');
  const ratios = ours.map((load, round) => load.total / (bare[round]?.total ?? Number.NaN));
  return [lineOf({ what: `CPU, ${which.what}: service / bare ffmpeg`, atMost: which.atMost, note }, ratios)];
}

async function loadOfService(service: ServiceProcess, timing: CpuTiming): Promise<Load> {
  const push = service.push('match');
  try {
    await until('a live Segment', async () => (await service.status('match')).state === 'live', push);
    const load = await loadOfTree(service.pid, timing);
    const { encoder, state } = await service.status('match');
    if (state !== 'live' || encoder === undefined) throw new Error(`the channel is ${state} after the measurement`);
    return { ...load, speed: encoder.speed ?? Number.NaN };
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
