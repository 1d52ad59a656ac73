/**
 * What each latency costs in bits and processor: the generated match encoded at one rate with the encoder options of `normal`, `low`
 * and `ultra`, taken in turn; PSNR and SSIM against the source, bytes, and CPU as ffmpeg itself counts it.
 * Figures are against `normal`. Nothing is paced: what is compared is the same number of pictures.
 */
import { execFile, spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Latency } from '../../src/config/model.ts';
import { videoEncoder } from '../../src/transcode/encode-options.ts';
import { ladderOf, planOf, rate, rung, sourceOf } from '../fakes/transcode-plan.ts';
import { type BenchLine, lineOf, median } from './line.ts';
import type { Material } from './material.ts';

const SECONDS = 12;
const BITRATE_BPS = 1_500_000;
const LATENCIES: readonly Latency[] = ['normal', 'low', 'ultra'];
const MATCH = fileURLToPath(new URL('../../samples/match-feed.mjs', import.meta.url));

interface Encode {
  readonly psnrDb: number;
  readonly ssim: number;
  readonly bytes: number;
  readonly cpuSeconds: number;
}

export async function run({ folder, ffmpeg }: Material, rounds: number): Promise<readonly BenchLine[]> {
  const source = join(folder, 'match.y4m');
  await drawMatch(source);
  const lines: BenchLine[] = [];
  for (const preset of ['ultrafast', 'superfast', 'veryfast'] as const) {
    const encodes = new Map<Latency, Encode[]>(LATENCIES.map((latency) => [latency, []]));
    for (let round = 0; round < rounds; round++)
      for (const latency of LATENCIES)
        encodes.get(latency)?.push(await encode({ ffmpeg, source, file: join(folder, 'tuned.mp4') }, preset, latency));
    const normal = encodes.get('normal') ?? [];
    for (const latency of ['low', 'ultra'] as const) {
      const these = encodes.get(latency) ?? [];
      const note = [
        `PSNR ${figures(these, 'psnrDb', 1)} dB (normal ${figures(normal, 'psnrDb', 1)})`,
        `SSIM ${figures(these, 'ssim', 4)} (${figures(normal, 'ssim', 4)})`,
        `kB ${(median(these.map(({ bytes }) => bytes)) / 1000).toFixed(0)} (${(median(normal.map(({ bytes }) => bytes)) / 1000).toFixed(0)})`,
      ].join(', ');
      const ratios = these.map(({ cpuSeconds }, index) => cpuSeconds / (normal[index]?.cpuSeconds ?? cpuSeconds));
      lines.push(lineOf({ what: `720p30 at 1.5 Mbit/s, ${preset}: CPU of ${latency} / normal`, note }, ratios));
    }
  }
  return lines;
}

const figures = (encodes: readonly Encode[], name: 'psnrDb' | 'ssim', decimals: number): string =>
  median(encodes.map((encode) => encode[name])).toFixed(decimals);

async function drawMatch(file: string): Promise<void> {
  const command = `exec "$0" "$1" --size 1280x720 --fps 30 --seconds ${SECONDS} > "$2"`;
  await promisify(execFile)('/bin/sh', ['-c', command, process.execPath, MATCH, file]);
}

interface Files {
  readonly ffmpeg: string;
  readonly source: string;
  readonly file: string;
}

async function encode(
  { ffmpeg, source, file }: Files,
  preset: 'ultrafast' | 'superfast' | 'veryfast',
  latency: Latency,
): Promise<Encode> {
  const ladder = ladderOf([
    rung('720', 720, { preset, bitrateBps: BITRATE_BPS, maxrateBps: BITRATE_BPS, bufferBits: BITRATE_BPS }),
  ]);
  const [track] = planOf(ladder, sourceOf(1280, 720, rate(30)), latency).video;
  if (track === undefined) throw new Error('the plan has no rung');
  const options = videoEncoder(track, { at: 'segments', phase: 0 }, latency);
  const said = await stderrOf(ffmpeg, ['-benchmark', '-y', '-i', source, ...options, file]);
  const [, user = '', system = ''] = /utime=([\d.]+)s stime=([\d.]+)s/.exec(said) ?? [];
  const compared = await stderrOf(ffmpeg, [
    ...['-i', file, '-i', source, '-lavfi', '[0:v]split[a][b];[a][1:v]psnr;[b][1:v]ssim', '-f', 'null', '-'],
  ]);
  const { size } = await stat(file);
  return {
    psnrDb: Number(/average:([\d.]+)/.exec(compared)?.[1]),
    ssim: Number(/All:([\d.]+)/.exec(compared)?.[1]),
    bytes: size,
    cpuSeconds: Number(user) + Number(system),
  };
}

function stderrOf(ffmpeg: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(ffmpeg, ['-hide_banner', '-nostats', '-loglevel', 'info', ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (bytes: Buffer) => {
      said += bytes.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(said) : reject(new Error(said.slice(-500)))));
  });
}
