/**
 * How near an encoded rung is to its feed: ffmpeg's psnr, ssim and, where it is built in, libvmaf, frame by frame.
 * It never judges a figure. Invariant: the reference frames are those that the worker's own graph gives its encoders.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Quality } from '../../plan/ladder-trial.ts';
import { ServiceError } from '../../system/errors.ts';
import { untaggedColour } from '../../transcode/arguments.ts';
import { workerGraph } from '../../transcode/filter-graph.ts';
import type { TranscodePlan, VideoTrackPlan } from '../../transcode/model.ts';
import { runFfmpeg, type TrialFeed } from './trial-feed.ts';

export interface QualityRequest {
  readonly ffmpegPath: string;
  readonly feed: TrialFeed;
  readonly plan: TranscodePlan;
  readonly track: VideoTrackPlan;
  /** CMAF header and media of the rung. */
  readonly media: Buffer;
  readonly folder: string;
  readonly hasVmaf: boolean;
}

/** Whether this ffmpeg has the libvmaf filter. */
export async function hasVmafFilter(list: Promise<string | undefined>): Promise<boolean> {
  return /^ *\S+ +libvmaf /m.test((await list) ?? '');
}

/** Throws ENCODER_EXITED. */
export async function qualityOf(request: QualityRequest): Promise<Quality> {
  const { ffmpegPath, track, folder } = request;
  const rung = join(folder, `${track.id}.mp4`);
  await writeFile(rung, request.media);
  const said = await runFfmpeg(ffmpegPath, qualityArguments(request, rung));
  const quality = readQuality(said);
  if (quality !== undefined) return quality;
  throw new ServiceError('ENCODER_EXITED', `ffmpeg compared ${track.id} with its feed and said no figure`, {
    hint: 'Look whether this ffmpeg has the filters psnr and ssim (ffmpeg -filters).',
  });
}

type Compared = Pick<QualityRequest, 'plan' | 'track' | 'feed' | 'hasVmaf'>;

/** ffmpeg's arguments for the rung in a file. */
export function qualityArguments(compared: Compared, rung: string): string[] {
  const { plan, feed, hasVmaf } = compared;
  return [
    // Read as the worker reads it: another guess of untagged colours would be counted as the encoder's loss.
    ...['-nostdin', '-copyts', ...untaggedColour(plan, feed.source), '-f', 'flv', '-i', feed.path],
    ...['-copyts', '-i', rung],
    ...['-filter_complex', qualityGraph(compared), '-map', '[out0]', '-f', 'null', '-'],
    ...(hasVmaf ? ['-map', '[out2]', '-f', 'null', '-'] : []),
    ...['-map', '[out1]', '-f', 'null', '-'],
  ];
}

/** The feed and the rung, both at the size of the largest rung. */
export function qualityGraph({ plan, track, feed, hasVmaf }: Compared): string {
  const largest = plan.video.reduce((a, b) => (b.width * b.height > a.width * a.height ? b : a));
  const { width, height } = largest;
  const reference = workerGraph(
    { ...plan, video: [{ ...track, width, height, preset: 'medium' }] },
    0,
    feed.source.frameRate,
  );
  const measures = ['psnr', 'ssim', ...(hasVmaf ? ['libvmaf'] : [])];
  const labels = (name: string): string => measures.map((_, i) => `[${name}${i}]`).join('');
  return [
    reference,
    `[1:v:0]scale=${width}:${height}:flags=bicubic,format=yuv420p,settb=1/${plan.grid.videoTimescale},split=${measures.length}${labels('rung')}`,
    `[v0]split=${measures.length}${labels('feed')}`,
    ...measures.map((measure, i) => `[rung${i}][feed${i}]${measure}[out${i}]`),
  ].join(';');
}

/** Out of ffmpeg's words. Equal pictures are `inf` dB: 100 is said, which no encoder reaches. */
export function readQuality(said: string): Quality | undefined {
  const psnr = /PSNR .*?average:(inf|[\d.]+)/.exec(said)?.[1];
  const ssim = /SSIM .*?All:([\d.]+)/.exec(said)?.[1];
  const vmaf = /VMAF score: ([\d.]+)/.exec(said)?.[1];
  if (psnr === undefined || ssim === undefined) return undefined;
  return {
    psnrDb: psnr === 'inf' ? 100 : Number(psnr),
    ssim: Number(ssim),
    vmaf: vmaf === undefined ? undefined : Number(vmaf),
  };
}
