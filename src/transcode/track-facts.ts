/**
 * What manifests say of the Tracks of a plan: kinds, names, languages and the bandwidths that are promised.
 * It never measures. Invariant: the same plan gives the same facts.
 */
import type { FrameRate } from '../system/frame-rate.ts';
import { averageBps, peakBps } from './bandwidth.ts';
import type { AudioTrackPlan, TranscodePlan, VideoTrackPlan } from './model.ts';

/** package's TrackFacts has this shape. */
interface PlannedTrack {
  readonly id: string;
  readonly kind: 'video' | 'audio';
  /** Of this Track alone, container included, bit/s. */
  readonly peakBps: number;
  readonly averageBps: number;
  readonly frameRate: FrameRate | undefined;
  readonly language: string;
  readonly name: string;
  readonly channels: number | undefined;
}

/** moof and mdat headers of a part and 4 bytes a sample: about 150 bytes each 0.4 s and 4 bytes a frame. */
const CHUNK_OVERHEAD_BPS = 5000;
/** ffmpeg's AAC encoder is held to an average; single Segments go above it. */
const AUDIO_PEAK = 1.15;

export function trackFactsOf(plan: TranscodePlan): PlannedTrack[] {
  return [...plan.video.map((track) => videoFacts(plan, track)), ...plan.audio.map(audioFacts)];
}

function videoFacts(plan: TranscodePlan, track: VideoTrackPlan): PlannedTrack {
  const alone = { ...plan, audio: [] };
  return {
    id: track.id,
    kind: 'video',
    peakBps: peakBps(alone, track) + CHUNK_OVERHEAD_BPS,
    averageBps: averageBps(alone, track) + CHUNK_OVERHEAD_BPS,
    frameRate: track.frameRate,
    language: 'und',
    name: '',
    channels: undefined,
  };
}

function audioFacts(track: AudioTrackPlan): PlannedTrack {
  return {
    id: track.id,
    kind: 'audio',
    peakBps: Math.ceil(track.bitrateBps * AUDIO_PEAK) + CHUNK_OVERHEAD_BPS,
    averageBps: Math.ceil(track.bitrateBps * 1.03) + CHUNK_OVERHEAD_BPS,
    frameRate: undefined,
    language: track.language,
    name: track.name,
    channels: track.channels,
  };
}
