/**
 * A clip or the generated match as a feed comes in: FLV in a file, H.264 at a constant rate and so good that what encoders lose
 * afterwards is theirs. It never keeps the file: its folder is the caller's.
 * Invariant: the feed starts at stamp 0 and has no B-frames, so its frames lie where a worker's slots are.
 */
import { execFile, spawn } from 'node:child_process';
import { basename, join } from 'node:path';
import { ServiceError } from '../../system/errors.ts';
import { formatFrameRate, framesPerSecond, STANDARD_FRAME_RATES } from '../../system/frame-rate.ts';
import type { PlanSource } from '../../transcode/model.ts';
import { matchSound, startMatchFeed } from '../match-feed.ts';
import type { MatchPicture } from '../push-command.ts';

export interface TrialFeed {
  readonly path: string;
  readonly source: PlanSource;
  readonly hasAudio: boolean;
  /** What it was made of, for people. */
  readonly name: string;
}

export type TrialClip =
  | { readonly kind: 'match'; readonly picture: MatchPicture }
  | { readonly kind: 'file'; readonly path: string };

/** What `ffmpeg -i` says of a file, as far as a feed needs it. */
export interface ProbedClip {
  readonly width: number;
  readonly height: number;
  readonly framesPerSecond: number;
  readonly hasAudio: boolean;
}

/** At x264's rate factor 12 a loss can't be seen, and measured it is far below that of any rung. */
const NEARLY_LOSSLESS = ['-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '12', '-bf', '0', '-pix_fmt', 'yuv420p'];
const SOUND = ['-c:a', 'aac', '-b:a', '160k', '-ar', '48000', '-ac', '2'];

/** Throws USAGE where there is no picture, ENCODER_EXITED where ffmpeg fails. */
export async function makeTrialFeed(
  ffmpegPath: string,
  clip: TrialClip,
  seconds: number,
  folder: string,
): Promise<TrialFeed> {
  const path = join(folder, 'feed.flv');
  if (clip.kind === 'match') return matchFeed(ffmpegPath, clip.picture, seconds, path);
  const probed = await probeClip(ffmpegPath, clip.path);
  const { num, den } = nearestRate(probed.framesPerSecond);
  const sound = probed.hasAudio ? ['-map', '0:a:0', ...SOUND] : [];
  await runFfmpeg(ffmpegPath, [
    ...['-i', clip.path, '-t', `${seconds}`, '-map', '0:v:0', '-r', `${num}/${den}`, '-fps_mode', 'cfr'],
    ...[...NEARLY_LOSSLESS, ...sound, '-f', 'flv', path],
  ]);
  const { width, height, hasAudio } = probed;
  return { path, source: { width, height, frameRate: { num, den } }, hasAudio, name: basename(clip.path) };
}

async function matchFeed(ffmpegPath: string, picture: MatchPicture, seconds: number, path: string): Promise<TrialFeed> {
  const [width = 0, height = 0] = picture.size.split('x').map(Number);
  const frameRate = nearestRate(Number(picture.fps));
  const sound = await matchSound();
  const input = ['-f', 'yuv4mpegpipe', '-i', 'pipe:0', '-f', 'lavfi', '-t', `${seconds}`, '-i', sound];
  const feed = startMatchFeed(picture, seconds);
  try {
    await runFfmpeg(
      ffmpegPath,
      [...input, '-map', '0:v', '-map', '1:a', ...NEARLY_LOSSLESS, ...SOUND, '-f', 'flv', path],
      feed.pictures,
    );
  } finally {
    feed.kill();
  }
  const name = `the generated match (${picture.size} at ${formatFrameRate(frameRate)})`;
  return { path, source: { width, height, frameRate }, hasAudio: true, name };
}

/** The rate that sports feeds use and that is nearest. */
export function nearestRate(fps: number): PlanSource['frameRate'] {
  return STANDARD_FRAME_RATES.reduce((best, rate) =>
    Math.abs(framesPerSecond(rate) - fps) < Math.abs(framesPerSecond(best) - fps) ? rate : best,
  );
}

/** Out of ffmpeg's words; undefined when there is no picture in them. */
export function readProbe(stderr: string): ProbedClip | undefined {
  const line = /^ *Stream #0:\d+.*?: Video: .*$/m.exec(stderr)?.[0];
  const [, width, height] = /[ ,](\d{2,5})x(\d{2,5})[ ,]/.exec(line ?? '') ?? [];
  if (line === undefined || width === undefined || height === undefined) return undefined;
  const fps = Number(/([\d.]+) fps/.exec(line)?.[1] ?? /([\d.]+) tbr/.exec(line)?.[1] ?? 30);
  const hasAudio = /^ *Stream #0:\d+.*?: Audio: /m.test(stderr);
  return { width: Number(width), height: Number(height), framesPerSecond: fps, hasAudio };
}

/** `ffmpeg -i FILE` without an output always fails; what it says about the streams is the answer. */
async function probeClip(ffmpegPath: string, path: string): Promise<ProbedClip> {
  const said = await new Promise<string>((resolve) => {
    const args = ['-hide_banner', '-nostdin', '-i', path];
    execFile(ffmpegPath, args, { timeout: 20_000 }, (_error, _stdout, stderr) => resolve(stderr));
  });
  const probed = readProbe(said);
  if (probed !== undefined) return probed;
  const last = said.trim().split('\n').at(-1) ?? '';
  throw new ServiceError('USAGE', `ffmpeg finds no picture in ${path}: ${last}`, {
    hint: 'Name a file with a video stream, or none for the generated match.',
  });
}

/** Resolves with what it said. Throws ENCODER_EXITED with ffmpeg's last line. */
export async function runFfmpeg(
  ffmpegPath: string,
  args: readonly string[],
  input?: NodeJS.ReadableStream,
): Promise<string> {
  const child = spawn(ffmpegPath, ['-hide_banner', '-nostats', '-y', ...args], { stdio: ['pipe', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text: string) => {
    said = `${said}${text}`.slice(-200_000);
  });
  // ffmpeg may end before it has read everything: its exit tells.
  child.stdin.on('error', () => undefined);
  if (input === undefined) child.stdin.end();
  else input.pipe(child.stdin);
  const failed = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === 0 ? undefined : `it ended with ${signal ?? code}`));
  });
  if (failed === undefined) return said;
  const last = said.trim().split('\n').at(-1) ?? '';
  throw new ServiceError('ENCODER_EXITED', `ffmpeg failed: ${failed}. ${last}`, {
    hint: 'Look whether this ffmpeg can read the clip, and at the free space of the temporary folder.',
  });
}
