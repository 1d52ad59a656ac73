/**
 * The options of one output: encoder, CMAF muxer and POST, for a worker and for the slate alike.
 * It never holds state. Invariant: the same Track gives the same init segment, byte by byte, whichever command it is part of.
 */
import type { Latency } from '../config/model.ts';
import { framesPerSecond } from '../system/frame-rate.ts';
import type { AudioTrackPlan, EncodeGrid, VideoTrackPlan } from './model.ts';

export interface PostTarget {
  readonly headers: Readonly<Record<string, string>>;
}

/** What the sound of every Track is encoded at, in Hz. */
export const AUDIO_SAMPLE_RATE = 48_000;

/**
 * x264 without B-frames, tuned for what a Segment or a part may wait for.
 * normal: ten frames of lookahead and macroblock trees: about 2 dB at the same rate, for a third of a second that a Segment of 2 s
 * has to spare. low: no lookahead, but frame threads: the sliced threads of zerolatency cost CPU, and their only gain is one
 * frame of delay. ultra: that frame too. Four threads where two would not keep up with 1080-line 50/60 fps. Thread counts are
 * fixed: output must not depend on the machine.
 */
function tuning(track: VideoTrackPlan, latency: Latency): string[] {
  const pixelsPerSecond = track.width * track.height * framesPerSecond(track.frameRate);
  const threads = pixelsPerSecond > 70_000_000 ? 4 : 2;
  const sliced = latency === 'ultra' ? 1 : 0;
  const frames = lookaheadFrames(latency);
  const lookahead = frames > 0 ? `:rc-lookahead=${frames}:mbtree=1` : '';
  return ['-tune', 'zerolatency', '-x264-params', `sliced-threads=${sliced}:threads=${threads}${lookahead}`];
}

/** Frames that the encoder holds back to look ahead. */
export function lookaheadFrames(latency: Latency): number {
  return latency === 'normal' ? 10 : 0;
}

/** Where a Track's keyframes are, in its own frames from the start of encoding. */
export type Keyframes =
  /** At each Segment; encoding begins `phase` frames into one. */
  | { readonly at: 'segments'; readonly phase: number }
  /** Until the first Segment ends at each part as well: where parts are published a run can take over at any of them. */
  | { readonly at: 'first-parts'; readonly phase: number; readonly partFrames: number }
  /** At each part: any of them can follow whatever came before. */
  | { readonly at: 'parts'; readonly partFrames: number };

function keyframeOptions(segmentFrames: number, keyframes: Keyframes): string[] {
  const fixed = (frames: number): string[] => ['-g', `${frames}`, '-keyint_min', `${frames}`];
  const forced = (expression: string): string[] => [
    ...['-g', `${2 * segmentFrames}`, '-keyint_min', '1'],
    ...['-force_key_frames', `expr:${expression}`],
  ];
  if (keyframes.at === 'parts') return fixed(keyframes.partFrames);
  const { phase } = keyframes;
  const segments = `eq(mod(n+${phase},${segmentFrames}),0)`;
  if (keyframes.at === 'first-parts')
    return forced(`if(lt(n,${segmentFrames - phase}),eq(mod(n,${keyframes.partFrames}),0),${segments})`);
  // The fixed GOP does it alone.
  return phase === 0 ? fixed(segmentFrames) : forced(`eq(n,0)+${segments}`);
}

/** Encoder options of a video Track. */
export function videoEncoder(track: VideoTrackPlan, keyframes: Keyframes, latency: Latency): string[] {
  const { num, den } = track.frameRate;
  return [
    ...['-r', den === 1 ? `${num}` : `${num}/${den}`, '-fps_mode', 'cfr'],
    ...['-c:v', 'libx264', '-preset', track.preset, ...tuning(track, latency)],
    ...['-profile:v', track.profile, '-level', track.level, '-pix_fmt', 'yuv420p'],
    ...[
      '-bf',
      '0',
      ...keyframeOptions(track.segmentFrames, keyframes),
      '-sc_threshold',
      '0',
      '-forced-idr',
      '1',
      '-flags',
      '+cgop',
    ],
    ...['-b:v', `${track.bitrateBps}`, '-maxrate', `${track.maxrateBps}`, '-bufsize', `${track.bufferBits}`],
    // Stated, not inherited: the source's tags would change the VUI and so the init segment.
    ...['-color_range', 'tv', '-colorspace', 'bt709', '-color_primaries', 'bt709', '-color_trc', 'bt709'],
    // Manifests say CLOSED-CAPTIONS=NONE: captions in the source's SEI are not carried.
    ...['-chroma_sample_location', 'left', '-a53cc', '0'],
  ];
}

/** Encoder options of an audio Track: AAC-LC, 48 kHz. */
export function audioEncoder(track: AudioTrackPlan): string[] {
  return [
    ...['-c:a', 'aac', '-profile:a', 'aac_low', '-b:a', `${track.bitrateBps}`],
    ...['-ar', `${AUDIO_SAMPLE_RATE}`, '-ac', `${track.channels}`],
  ];
}

/**
 * CMAF by POST (DASH-IF Live Media Ingest, interface 1). A chunk ends at a keyframe and when the part's duration is reached;
 * 2 ms less than the part make it end at the part's last frame at every rate. `frag_discont` keeps tfdt on the run's own time.
 */
export function videoMuxer(grid: EncodeGrid, target: PostTarget): string[] {
  const { num, den } = grid.frameRate;
  const partUs = Math.floor(((grid.segmentFrames / grid.partsPerSegment) * den * 1_000_000) / num);
  return [
    ...[
      '-f',
      'mp4',
      '-movflags',
      '+cmaf+frag_keyframe+skip_trailer+frag_discont',
      '-frag_duration',
      `${partUs - 2000}`,
    ],
    ...['-video_track_timescale', `${grid.videoTimescale}`, '-write_tmcd', '0'],
    ...reproducible(),
    ...post('video/mp4', target),
  ];
}

/** One chunk per access unit: 1024 samples do not divide a part, so the packager cuts the sound itself. */
export function audioMuxer(target: PostTarget): string[] {
  return [
    ...['-f', 'mp4', '-movflags', '+cmaf+frag_every_frame+skip_trailer+frag_discont'],
    ...reproducible(),
    ...post('audio/mp4', target),
  ];
}

/** No version strings, no names of the source in the header. */
function reproducible(): string[] {
  return ['-map_metadata', '-1', '-map_chapters', '-1', '-fflags', '+bitexact'];
}

function post(contentType: string, target: PostTarget): string[] {
  const headers = Object.entries(target.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const extra = headers.length === 0 ? [] : ['-headers', headers.join('')];
  return ['-method', 'POST', '-content_type', contentType, ...extra];
}
