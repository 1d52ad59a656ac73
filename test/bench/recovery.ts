/**
 * What a dead encoder costs viewers, for source GOPs of 2, 4 and 8.3 s: ffmpeg is killed by pid at random moments of a Segment.
 * Three figures: seconds from the kill until the next live Segment is on air; how late that Segment was after its own end (usual
 * ones are late by 0.1 s); frames that never came, slate included. A channel is killed at most twice in 30 s: a third is a back-off.
 */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type BenchLine, lineOf } from './line.ts';
import { type Material, TINY_LADDER, writeLadder } from './material.ts';
import { type ServiceProcess, startService, until } from './service-process.ts';

const runProgram = promisify(execFile);
const FPS = 30;
const SEGMENT_FRAMES = 60;
const GOP_FRAMES = [60, 120, 250];
/** Side by side: more would compete for the processor, and that is another figure. */
const CHANNELS = 4;
const APART_MS = 16_000;
const TRACK = '180p';

interface Recovery {
  readonly onAirSeconds: number;
  readonly lateSeconds: number;
  readonly slateSegments: number;
  readonly missingFrames: number;
}

/** About two kills a round for each GOP. */
export async function run(material: Material, rounds: number): Promise<readonly BenchLine[]> {
  const ladder = await writeLadder(material, 'tiny', TINY_LADDER);
  const lines: BenchLine[] = [];
  for (const gop of GOP_FRAMES) {
    const clip = await makeClip(material, gop);
    const channels = Array.from({ length: Math.min(rounds, CHANNELS) }, (_, i) => `c${i}`);
    const service = await startService({ ...material, clip }, ladder, channels);
    try {
      const all = await Promise.all(
        channels.map((channel, i) => killed(material, service, channel, i, Math.ceil((2 * rounds) / channels.length))),
      );
      lines.push(...linesOf((gop / FPS).toFixed(1), all.flat()));
    } finally {
      await service.stop();
    }
  }
  return lines;
}

function linesOf(seconds: string, all: readonly Recovery[]): BenchLine[] {
  const slate = all.reduce((sum, { slateSegments }) => sum + slateSegments, 0);
  const p95 = (values: readonly number[]) =>
    values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.95) - 1]?.toFixed(2) ?? 'none';
  const line = (what: string, unit: string, values: readonly number[]) =>
    lineOf({ what: `GOP ${seconds} s: ${what}`, unit, note: `p95 ${p95(values)} ${unit}` }, values);
  return [
    line(
      'kill to live Segment on air',
      's',
      all.map(({ onAirSeconds }) => onAirSeconds),
    ),
    line(
      'that Segment after its end',
      's',
      all.map(({ lateSeconds }) => lateSeconds),
    ),
    line(
      `frames missing (${slate} slate Segments in ${all.length} kills)`,
      'frames',
      all.map((one) => one.missingFrames),
    ),
  ];
}

async function makeClip({ folder, ffmpeg }: Material, gop: number): Promise<string> {
  const clip = join(folder, `gop-${gop}.flv`);
  await runProgram(ffmpeg, [
    ...['-v', 'error', '-y', '-f', 'lavfi', '-i', `testsrc2=s=1280x720:r=${FPS}`, '-f', 'lavfi', '-i', 'sine=r=48000'],
    ...['-t', `${(gop * Math.ceil(720 / gop)) / FPS}`, '-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-preset', 'veryfast'],
    ...['-bf', '0', '-g', `${gop}`, '-keyint_min', `${gop}`, '-sc_threshold', '0', '-b:v', '4M', '-c:a', 'aac', clip],
  ]);
  return clip;
}

async function killed(
  material: Material,
  service: ServiceProcess,
  channel: string,
  i: number,
  kills: number,
): Promise<Recovery[]> {
  await sleep(i * 1500);
  const push = service.push(channel);
  const recoveries: Recovery[] = [];
  try {
    await until('live', async () => (await service.status(channel)).onAir === 'live', push);
    for (let kill = 0; kill < kills; kill++) {
      // The ring is full by then, and the kill before is out of the back-off's sight.
      await sleep(APART_MS + Math.random() * 2000);
      recoveries.push(await killOnce(material, service, channel));
    }
  } finally {
    await push.stop();
  }
  return recoveries;
}

async function killOnce(material: Material, service: ServiceProcess, channel: string): Promise<Recovery> {
  const { encoder, newestNumber: before = 0, segmentMs = 2000 } = await service.status(channel);
  if (encoder === undefined) throw new Error(`${channel} has no encoder`);
  const killedMs = Date.now();
  process.kill(encoder.pid, 'SIGKILL');
  const slate: number[] = [];
  let newest = before;
  for (;;) {
    const status = await service.status(channel);
    const { newestNumber = 0, onAir } = status;
    if (newestNumber > newest) {
      newest = newestNumber;
      if (onAir === 'live') break;
      slate.push(newestNumber);
    }
    if (Date.now() - killedMs > 40_000) throw new Error(`${channel} did not come back`);
    await sleep(20);
  }
  const onAirMs = Date.now();
  await sleep(3 * segmentMs);
  return {
    onAirSeconds: (onAirMs - killedMs) / 1000,
    lateSeconds: (onAirMs - (newest + 1) * segmentMs) / 1000,
    slateSegments: slate.length,
    missingFrames: await missingFrames(material, service, channel, { from: before, to: newest + 1, slate }),
  };
}

/** All of slate, and elsewhere frames that look like the one before them: the clip has none, a filled hole nothing else. */
async function missingFrames(
  { folder, ffmpeg }: Material,
  service: ServiceProcess,
  channel: string,
  { from, to, slate }: { readonly from: number; readonly to: number; readonly slate: readonly number[] },
): Promise<number> {
  const base = `${service.origin}/${channel}/${TRACK}`;
  const playlist = await (await fetch(`${base}/media.m3u8`)).text();
  const map = /#EXT-X-MAP:URI="([^"]+)"/.exec(playlist)?.[1] ?? '';
  const listed = playlist.split('\n').filter((line) => {
    const number = Number(/\/(\d+)\.m4s$/.exec(line)?.[1]);
    return number >= from && number <= to && !slate.includes(number);
  });
  const parts = await Promise.all([map, ...listed].map(async (uri) => (await fetch(`${base}/${uri}`)).arrayBuffer()));
  const file = join(folder, `${channel}.mp4`);
  await writeFile(file, Buffer.concat(parts.map((part) => Buffer.from(part))));
  const size = 64 * 36;
  const scale = ['-vf', 'scale=64:36:flags=area,format=gray', '-fps_mode', 'passthrough', '-f', 'rawvideo', '-'];
  const { stdout } = await runProgram(ffmpeg, ['-v', 'error', '-i', file, ...scale], {
    encoding: 'buffer',
    maxBuffer: 2 ** 28,
  });
  let missing = slate.length * SEGMENT_FRAMES;
  for (let at = size; at + size <= stdout.length; at += size)
    if (stdout.subarray(at, at + size).equals(stdout.subarray(at - size, at))) missing++;
  return missing;
}
