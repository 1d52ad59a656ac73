/**
 * A real ffmpeg that pushes CMAF into a service: endless POSTs of one Track each, or what its dash muxer PUTs.
 * It never leaves a process behind: whoever starts one stops it.
 */
import { spawn } from 'node:child_process';
import { FFMPEG, type Push } from './service.ts';

export interface CmafPushOptions {
  readonly port: number;
  readonly channel: string;
  readonly key: string;
  readonly muxer?: 'mp4' | 'dash';
  /** Video Tracks with their sizes and bitrates, highest first. */
  readonly video?: readonly (readonly [id: string, size: string, bitrate: string])[];
  readonly audio?: string | undefined;
  readonly rate?: string;
  readonly gopFrames?: number;
  /** UTC seconds of the first picture. */
  readonly offsetSeconds?: number;
  readonly encoder?: readonly string[];
  readonly movflags?: string;
  readonly contentType?: string;
  readonly isRealTime?: boolean;
}

export function startCmafPush(options: CmafPushOptions): Push {
  const child = spawn(FFMPEG, cmafPushArguments(options), { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-10_000);
  });
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  return {
    process: child,
    stderr: () => stderr,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await gone;
    },
  };
}

function cmafPushArguments(options: CmafPushOptions): string[] {
  const {
    rate = '25',
    video = [['180p', '320x180', '300k']],
    audio = 'audio',
    muxer = 'mp4',
    isRealTime = true,
  } = options;
  const [num = 25, den = 1] = rate.split('/').map(Number);
  const gop = options.gopFrames ?? Math.round((2 * num) / den);
  const pace = isRealTime ? ['-re'] : [];
  const input = [
    ...['-hide_banner', '-loglevel', 'error', ...pace, '-f', 'lavfi', '-i', `testsrc2=s=320x180:r=${rate}`],
    ...(audio === undefined ? [] : [...pace, '-f', 'lavfi', '-i', 'sine=440:r=48000']),
  ];
  const x264 = [
    ...[
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
      '-pix_fmt',
      'yuv420p',
      '-g',
      String(gop),
      '-keyint_min',
      String(gop),
    ],
    ...['-sc_threshold', '0', ...(options.encoder ?? ['-tune', 'zerolatency'])],
  ];
  const rateOf = (bitrate: string, at = '') => [
    `-b:v${at}`,
    bitrate,
    `-maxrate${at}`,
    bitrate,
    `-bufsize${at}`,
    bitrate,
  ];
  const aac = ['-c:a', 'aac', '-b:a', '64k', '-ar', '48000', '-ac', '2'];
  const offset = options.offsetSeconds === undefined ? [] : ['-output_ts_offset', String(options.offsetSeconds)];
  const http = (method: string) => [
    ...['-method', method, '-headers', `Authorization: Bearer ${options.key}\r\n`],
    ...(options.contentType === undefined ? [] : ['-content_type', options.contentType]),
  ];
  const base = `http://127.0.0.1:${options.port}/cmaf/${options.channel}`;
  if (muxer === 'dash') {
    const maps = [...video.flatMap(() => ['-map', '0:v']), ...(audio === undefined ? [] : ['-map', '1:a'])];
    const sizes = video.flatMap(([, size, bitrate], i) => [`-s:v:${i}`, size, ...rateOf(bitrate, `:${i}`)]);
    return [
      ...[...input, ...maps, ...x264, ...sizes, ...(audio === undefined ? [] : aac), ...offset],
      ...['-f', 'dash', '-method', 'PUT', '-seg_duration', '2', '-use_template', '1', '-use_timeline', '0'],
      ...['-streaming', '1', '-ldash', '1', '-window_size', '3', '-extra_window_size', '1', '-http_persistent', '1'],
      // The dash muxer hands no -headers on; a password it does.
      `http://push:${options.key}@127.0.0.1:${options.port}/cmaf/${options.channel}/out.mpd`,
    ];
  }
  const movflags = options.movflags ?? '+cmaf+frag_keyframe+frag_discont+skip_trailer';
  const mp4 = ['-f', 'mp4', '-movflags', movflags, '-frag_duration', '400000', ...http('POST')];
  return [
    ...input,
    ...video.flatMap(([id, size, bitrate]) => [
      '-map',
      '0:v',
      ...x264,
      ...rateOf(bitrate),
      '-s',
      size,
      ...offset,
      ...mp4,
      `${base}/${id}`,
    ]),
    ...(audio === undefined ? [] : ['-map', '1:a', ...aac, ...offset, ...mp4, `${base}/${audio}`]),
  ];
}
