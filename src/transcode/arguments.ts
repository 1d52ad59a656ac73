/**
 * Makes the ffmpeg commands of a Channel out of its plan: the worker that encodes a feed and the slate's single Segment.
 * It never runs anything. Invariants: a run's time starts at 0 on a slot of the grid; both commands give equal init segments.
 */
import { framesPerSecond } from '../system/frame-rate.ts';
import {
  AUDIO_SAMPLE_RATE,
  audioEncoder,
  audioMuxer,
  type Keyframes,
  type PostTarget,
  videoEncoder,
  videoMuxer,
} from './encode-options.ts';
import { encodedVideo, slateGraph, workerGraph } from './filter-graph.ts';
import type { AudioTrackPlan, EncodeCommand, EncodeInput, PlanSource, TranscodePlan, VideoTrackPlan } from './model.ts';

/** Where and with what a run begins. */
export interface WorkerStart {
  /** Encoding begins this many ms after the input's stamp 0; 0 = there. A whole number of frames of the slowest Track. */
  readonly trimMs: number;
  /** Access units sit at this many samples (0..1023, 48 kHz) plus multiples of 1024 from the begin of encoding. */
  readonly audioOffsetSamples: number;
  readonly hasVideo: boolean;
  readonly hasAudio: boolean;
  /** What is fed, where known: its rate steadies the choice of frames, its size tells what untagged colours mean. */
  readonly source?: PlanSource | undefined;
}

export interface WorkerRequest extends PostTarget {
  readonly plan: TranscodePlan;
  /** Where a Track is posted to, by its id. */
  readonly urlOf: (track: string) => string;
  readonly start: WorkerStart;
}

export interface SlateRequest extends PostTarget {
  readonly plan: TranscodePlan;
  readonly urlOf: (track: string) => string;
  readonly picture: SlateSource;
}

/** Raw RGB24 of this size, written to stdin, which is closed then; or a PNG file by its absolute path. */
type SlateSource = { readonly width: number; readonly height: number } | { readonly path: string };

const QUIET = ['-hide_banner', '-nostdin', '-loglevel', 'warning', '-stats', '-stats_period', '0.5'];

/**
 * The worker: FLV on stdin, one decode, one split, N encoders, one POST per Track.
 * Probing is cut short because the feed's own headers come first: no rate is guessed from packets, and a start takes 0.1 s.
 * A feed without sound gets no audio outputs (the packager fills in silence), one without picture no video outputs.
 */
export function workerCommand(request: WorkerRequest): EncodeCommand {
  const { plan, start } = request;
  const video = start.hasVideo ? workerVideo(request) : [];
  const audio = start.hasAudio ? workerAudio(request) : [];
  return {
    inputs: [{ url: 'pipe:0', options: workerInput(plan, start) }],
    filterGraph: video.length === 0 ? '' : workerGraph(plan, start.trimMs, start.source?.frameRate),
    outputs: [...video, ...audio],
  };
}

function workerInput(plan: TranscodePlan, start: WorkerStart): string[] {
  // -copyts: stamp 0 of the feed is time 0 of the run, also when the first frame comes later.
  const probe = ['-copyts', '-thread_type', 'slice', '-fpsprobesize', '0', '-analyzeduration', '100000'];
  return [...QUIET, ...probe, ...(start.hasVideo ? untaggedColour(plan, start.source) : []), '-f', 'flv'];
}

/** As decoder defaults these count only where the stream says nothing: HD is BT.709 then, SD BT.601, as every player guesses. */
export function untaggedColour(plan: TranscodePlan, source: PlanSource | undefined): string[] {
  const shapes = source === undefined ? plan.video : [source];
  const isHd = shapes.some(({ width, height }) => Math.min(width, height) >= 720);
  const matrix = isHd ? 'bt709' : 'smpte170m';
  return ['-colorspace', matrix];
}

function workerVideo({ plan, urlOf, headers, start }: WorkerRequest): EncodeCommand['outputs'] {
  return encodedVideo(plan).map((track, index) => {
    const startFrames = Math.round((start.trimMs * framesPerSecond(track.frameRate)) / 1000);
    const phase = startFrames % track.segmentFrames;
    const keyframes: Keyframes =
      plan.latency === 'normal'
        ? { at: 'segments', phase }
        : { at: 'first-parts', phase, partFrames: partFramesOf(track, plan) };
    return {
      url: urlOf(track.id),
      options: [
        '-map',
        `[v${index}]`,
        ...videoEncoder(track, keyframes, plan.latency),
        ...videoMuxer(plan.grid, { headers }),
      ],
    };
  });
}

function partFramesOf(track: VideoTrackPlan, plan: TranscodePlan): number {
  return track.segmentFrames / plan.grid.partsPerSegment;
}

function workerAudio({ plan, urlOf, headers, start }: WorkerRequest): EncodeCommand['outputs'] {
  return plan.audio.map((track) => ({
    url: urlOf(track.id),
    options: [
      ...['-map', '0:a:0', '-af', audioFilter(track, start.trimMs, start.audioOffsetSamples)],
      ...audioEncoder(track),
      ...audioMuxer({ headers }),
    ],
  }));
}

/**
 * Two resamplers: the first makes 48 kHz of whatever comes, the second corrects drift (at most 1000 samples a second, holes above
 * 0.1 s become silence) and begins exactly at the offset. In one, `first_pts` would count samples of the source's rate.
 * Its samples are right, its stamps follow the feed's jitter: counting the samples puts every access unit on the grid.
 */
function audioFilter(track: AudioTrackPlan, trimMs: number, offsetSamples: number): string {
  const seconds = trimMs / 1000;
  // A little more than needed is let through: first_pts then cuts by the sample.
  const trim = trimMs === 0 ? [] : [`atrim=start=${Math.max(0, seconds - 0.1)}`, `asetpts=PTS-${seconds}/TB`];
  const layout = track.channels === 1 ? 'mono' : 'stereo';
  return [
    ...trim,
    `aresample=${AUDIO_SAMPLE_RATE}`,
    `aformat=sample_fmts=fltp:channel_layouts=${layout}`,
    `aresample=async=1000:min_hard_comp=0.1:first_pts=${offsetSamples}:flags=+res`,
    `asetpts=N+${offsetSamples}`,
  ].join(',');
}

/** One Segment of the slate for every rung and one second of silence for every audio Track, as fast as it can be made. */
export function slateCommand({ plan, urlOf, headers, picture }: SlateRequest): EncodeCommand {
  const still = stillInput(picture);
  const silence: EncodeInput = { url: `anullsrc=r=${AUDIO_SAMPLE_RATE}:cl=stereo`, options: ['-f', 'lavfi'] };
  const video = plan.video.map((track, index) => ({
    url: urlOf(track.id),
    options: [
      ...['-map', `[v${index}]`, '-frames:v', `${track.segmentFrames}`],
      ...videoEncoder(track, slateKeyframes(track, plan), plan.latency),
      ...videoMuxer(plan.grid, { headers }),
    ],
  }));
  const audio = plan.audio.map((track) => ({
    url: urlOf(track.id),
    options: [
      ...['-map', '1:a:0', '-t', '1', '-af', audioFilter(track, 0, 0)],
      ...audioEncoder(track),
      ...audioMuxer({ headers }),
    ],
  }));
  return {
    inputs: plan.audio.length === 0 ? [still] : [still, silence],
    filterGraph: slateGraph(plan, 'path' in picture),
    outputs: [...video, ...audio],
  };
}

function stillInput(picture: SlateSource): EncodeInput {
  // `file:` and a named demuxer: whatever the path is, it is no protocol, no pattern and no playlist.
  if ('path' in picture)
    return { url: `file:${picture.path}`, options: [...QUIET, '-f', 'png_pipe', '-framerate', '25'] };
  const size = `${picture.width}x${picture.height}`;
  const raw = ['-f', 'rawvideo', '-pixel_format', 'rgb24', '-video_size', size];
  return { url: 'pipe:0', options: [...QUIET, ...raw, '-framerate', '25'] };
}

function slateKeyframes(track: VideoTrackPlan, plan: TranscodePlan): Keyframes {
  return plan.latency === 'normal'
    ? { at: 'segments', phase: 0 }
    : { at: 'parts', partFrames: partFramesOf(track, plan) };
}
