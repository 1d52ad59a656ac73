/**
 * ffmpeg's arguments for pushing a file or the generated match over RTMP, as data. Pure.
 * It never starts anything. Invariant: a keyframe every 2 s where it encodes, so that segments of 2 s fit.
 */
import type { EncodeCommand } from '../transcode/model.ts';

export interface MatchPicture {
  /** `1280x720`. */
  readonly size: string;
  /** As samples/match-feed.mjs takes it. */
  readonly fps: string;
}

export const MATCH_PICTURE: MatchPicture = { size: '1280x720', fps: '30' };

const AAC = ['-c:a', 'aac', '-b:a', '160k', '-ar', '48000', '-ac', '2'];

/** `expr` counts from the first frame, so a keyframe lies on every second second at any rate. */
const KEYFRAMES = ['-force_key_frames', 'expr:gte(t,n_forced*2)'];

function x264(preset: string, bitrate: string): readonly string[] {
  return [
    ...['-c:v', 'libx264', '-preset', preset, '-pix_fmt', 'yuv420p', '-bf', '0', '-g', '600'],
    ...['-b:v', bitrate, '-maxrate', bitrate, '-bufsize', bitrate, ...KEYFRAMES],
  ];
}

const TO_RTMP = ['-f', 'flv', '-flvflags', 'no_duration_filesize'];

/** The generated match: pictures as YUV4MPEG2 on stdin, `beep` the lavfi source of its sound. */
export function matchPush(url: string, beep: string): EncodeCommand {
  return {
    inputs: [
      { url: 'pipe:0', options: ['-f', 'yuv4mpegpipe'] },
      { url: beep, options: ['-f', 'lavfi'] },
    ],
    filterGraph: '[0:v]format=yuv420p[picture]',
    outputs: [{ url, options: ['-map', '[picture]', '-map', '1:a', ...x264('ultrafast', '5M'), ...AAC, ...TO_RTMP] }],
  };
}

export interface FileStreams {
  readonly video: string | undefined;
  readonly audio: string | undefined;
}

/** Codecs of the first video and audio stream, out of what `ffmpeg -i FILE` says on stderr. */
export function readFileStreams(stderr: string): FileStreams {
  const codec = (kind: string) => new RegExp(`^ *Stream #0:\\d+.*?: ${kind}: (\\w+)`, 'm').exec(stderr)?.[1];
  return { video: codec('Video'), audio: codec('Audio') };
}

/** A file, looped at its own rate; what RTMP carries anyway is copied. */
export function filePush(file: string, url: string, streams: FileStreams): EncodeCommand {
  const picture = streams.video === 'h264' ? ['-c:v', 'copy'] : x264('veryfast', '6M');
  const sound = streams.audio === 'aac' ? ['-c:a', 'copy'] : AAC;
  return {
    inputs: [{ url: file, options: ['-re', '-stream_loop', '-1'] }],
    filterGraph: '',
    outputs: [{ url, options: ['-map', '0:v:0', '-map', '0:a:0?', ...picture, ...sound, ...TO_RTMP] }],
  };
}

/** An RTMP address as it may be shown: without the stream key. */
export function shownUrl(url: string): string {
  return url.replace(/\/[^/]*$/, '/…');
}
