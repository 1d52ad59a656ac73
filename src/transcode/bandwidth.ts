/**
 * The bandwidth that manifests promise, computed from the plan alone, in bits a second.
 * It never looks at produced bytes. Invariant: a plan's figures never change, so BANDWIDTH never moves in a live playlist.
 */
import type { TranscodePlan, VideoTrackPlan } from './model.ts';

/** Container and packet overhead of CMAF chunks above the elementary streams. */
const OVERHEAD = 1.03;

/** The dearest audio rendition that may be played beside a video Track. */
function audioBps(plan: TranscodePlan): number {
  return plan.audio.reduce((most, track) => Math.max(most, track.bitrateBps), 0);
}

/**
 * BANDWIDTH (RFC 8216 4.3.4.2, "peak segment bit rate"): over d seconds a VBV-bound encoder emits at most
 * maxrate x d + bufsize bits. Audio and 3 % are added.
 */
export function peakBps(plan: TranscodePlan, track: VideoTrackPlan): number {
  const seconds = plan.grid.segmentMs / 1000;
  const video = (track.maxrateBps * seconds + track.bufferBits) / seconds;
  return Math.ceil((video + audioBps(plan)) * OVERHEAD);
}

/** AVERAGE-BANDWIDTH: target bitrate, audio and 3 %. */
export function averageBps(plan: TranscodePlan, track: VideoTrackPlan): number {
  return Math.ceil((track.bitrateBps + audioBps(plan)) * OVERHEAD);
}
