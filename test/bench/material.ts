/**
 * What the benches encode: a clip, ladders and settings in a temporary folder.
 * Nothing of it is committed. Invariant: a folder's clip is made once, so that all rounds get the same bytes.
 */
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { locateFfmpeg } from '../../src/transcode/locate.ts';

export interface Material {
  readonly folder: string;
  readonly ffmpeg: string;
  /** 20 s of 720p30 with a stereo tone, H.264 at 6 Mbit/s and AAC, an IDR every 2 s, as FLV. */
  readonly clip: string;
}

const CLIP_SECONDS = 20;

/** The folder goes with the process. */
export async function makeMaterial(): Promise<Material> {
  const located = await locateFfmpeg({ setting: undefined, environment: process.env });
  if (located.kind !== 'found') throw new Error(`${located.message}. ${located.hint}`);
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const clip = join(folder, 'clip.flv');
  await promisify(execFile)(located.path, [...clipArguments(), clip]);
  return { folder, ffmpeg: located.path, clip };
}

/** Noise of a camera's strength: without it every rung would be cheaper than any match. */
function clipArguments(): string[] {
  return [
    ...['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=1280x720:r=30,noise=alls=6:allf=t'],
    ...['-f', 'lavfi', '-i', 'sine=r=48000', '-t', `${CLIP_SECONDS}`, '-pix_fmt', 'yuv420p'],
    ...['-c:v', 'libx264', '-preset', 'veryfast', '-bf', '0', '-g', '60', '-keyint_min', '60', '-sc_threshold', '0'],
    ...['-b:v', '6M', '-maxrate', '6M', '-bufsize', '6M', '-c:a', 'aac', '-b:a', '160k', '-ac', '2'],
  ];
}

/** One cheap rung: where the encoder is not what is measured. */
export const TINY_LADDER = `
video:
  - { id: 180p, height: 180, bitrate: 300k, preset: ultrafast }
audio:
  - { id: audio, bitrate: 64k }
`;

/**
 * The most that two cores of a server encode in real time from a 720p30 feed beside its pusher: 1.1 to 1.5 cores.
 * With more it would fall behind, and then the rounds would not encode the same frames.
 */
export const HEAVY_LADDER = `
video:
  - { id: 720p, height: 720, bitrate: 2800k, preset: medium }
  - { id: 540p, height: 540, bitrate: 2000k, preset: fast }
  - { id: 480p, height: 480, bitrate: 1400k, preset: fast }
  - { id: 360p, height: 360, bitrate: 700k, preset: fast }
audio:
  - { id: audio, bitrate: 128k }
`;

export async function writeLadder({ folder }: Material, name: string, text: string): Promise<string> {
  const path = join(folder, `${name}.yaml`);
  await writeFile(path, text);
  return path;
}
