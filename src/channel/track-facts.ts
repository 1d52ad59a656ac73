/**
 * What manifests say of the Tracks of a plan: kinds, names, languages and the bandwidths that are promised.
 * It never measures. Invariant: the same plan gives the same facts.
 */
import type { TrackFacts } from '../package/model.ts';
import { averageBps, peakBps } from '../transcode/bandwidth.ts';
import type { AudioTrackPlan, TranscodePlan, VideoTrackPlan } from '../transcode/model.ts';

/** moof and mdat headers of a part and 4 bytes a sample: about 150 bytes each 0.4 s and 4 bytes a frame. */
const CHUNK_OVERHEAD_BPS = 5000;
/** ffmpeg's AAC encoder is held to an average; single Segments go above it. */
const AUDIO_PEAK = 1.15;

export function trackFactsOf(plan: TranscodePlan): TrackFacts[] {
  return [...plan.video.map((track) => videoFacts(plan, track)), ...plan.audio.map(audioFacts)];
}

function videoFacts(plan: TranscodePlan, track: VideoTrackPlan): TrackFacts {
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

function audioFacts(track: AudioTrackPlan): TrackFacts {
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
