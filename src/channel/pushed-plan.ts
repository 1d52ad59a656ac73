/**
 * The plan of a Channel that is pushed to: the ladder says names, bandwidths and languages, the pushed headers all the rest.
 * It never encodes but a slate. Invariant: the same headers and rates give the same plan key, so the same slate.
 */
import type { Fragment, InitSegment } from '../cmaf/isobmff/model.ts';
import type { Ladder } from '../config/model.ts';
import type { Rate } from '../package/grid.ts';
import { ServiceError } from '../system/errors.ts';
import {
  type FrameRate,
  formatFrameRate,
  framesPerSecond,
  STANDARD_FRAME_RATES,
  sameFrameRate,
} from '../system/frame-rate.ts';
import { h264Level } from '../transcode/h264-level.ts';
import type { VideoTrackPlan } from '../transcode/model.ts';
import { choosePlan, type PlanChoice, planInUse } from './plan-in-use.ts';

/** What a pushed Track is, as far as its plan needs. */
export interface PushedFacts {
  readonly id: string;
  readonly init: InitSegment;
  /** Of a video Track. */
  readonly rate: FrameRate | undefined;
}

/** A Track that a Channel can carry. Throws ServiceError CMAF_UNSUPPORTED. */
export function checkPushedHeader(ladder: Ladder, id: string, init: InitSegment): void {
  const kind = ladder.audio.some((track) => track.id === id) ? 'audio' : 'video';
  const unsupported = (message: string, hint: string) =>
    new ServiceError('CMAF_UNSUPPORTED', `Track ${id}: ${message}.`, { hint });
  if (init.kind !== kind)
    throw unsupported(`the ladder has ${kind} there, and ${init.kind} came`, `Push ${kind} to ${id} (ffmpeg: -map).`);
  if (kind === 'video') return;
  if (!init.codec.startsWith('mp4a.40.') || init.sampleRate !== 48_000)
    throw unsupported(
      `sound is ${init.codec} at ${init.sampleRate ?? '?'} Hz; AAC-LC at 48000 Hz is carried`,
      'Set the encoder so (ffmpeg: -c:a aac -ar 48000).',
    );
}

/** The frame rate of a video Track from a Fragment's durations; one of `preferred` where the rounding of its timescale allows both. */
export function pushedRate(
  { samples, durationTicks }: Fragment,
  timescale: number,
  preferred: FrameRate | undefined,
): FrameRate | undefined {
  if (samples.length === 0 || durationTicks <= 0) return undefined;
  const fps = (samples.length * timescale) / durationTicks;
  // One tick of the whole Fragment, and what clocks may be off.
  const tolerance = Math.max(0.0004, 1 / durationTicks);
  const halves = STANDARD_FRAME_RATES.filter((rate) => framesPerSecond(rate) > 20).map(({ num, den }) => ({
    num,
    den: den * 2,
  }));
  const fits = (rate: FrameRate) => Math.abs(framesPerSecond(rate) / fps - 1) <= tolerance;
  const candidates = [...(preferred === undefined ? [] : [preferred, { ...preferred, den: preferred.den * 2 }])];
  return (
    candidates.find(fits) ??
    [...STANDARD_FRAME_RATES, ...halves].filter(fits).sort((a, b) => distance(a, fps) - distance(b, fps))[0]
  );
}

function distance(rate: FrameRate, fps: number): number {
  return Math.abs(framesPerSecond(rate) - fps);
}

/** All of the ladder's Tracks; those that were not pushed keep what the ladder would encode, for their slate. */
export function pushedPlan(ladder: Ladder, pushed: readonly PushedFacts[]): PlanChoice {
  const rates = pushed.flatMap(({ rate }) => (rate === undefined ? [] : [rate]));
  const highest = rates.reduce<FrameRate | undefined>(
    (best, rate) => (best === undefined || framesPerSecond(rate) > framesPerSecond(best) ? rate : best),
    undefined,
  );
  const frameRate = ladder.frameRate === 'auto' ? (highest ?? 'auto') : ladder.frameRate;
  const choice = choosePlan({ ...ladder, frameRate }, undefined);
  if (choice.kind === 'bad') return choice;
  const { plan, grid, notes } = choice.plan;
  for (const { id, rate } of pushed)
    if (rate !== undefined && !isRateOf(grid.frameRate, rate))
      throw new ServiceError(
        'CMAF_OFF_GRID',
        `Track ${id}: has ${formatFrameRate(rate)} frames a second, the channel ${formatFrameRate(grid.frameRate)}.`,
        { hint: `Encode at ${formatFrameRate(grid.frameRate)} frames a second, or half of it.` },
      );
  const factsOf = new Map(pushed.map((track) => [track.id, track]));
  const video = plan.video.map((track) => videoOf(track, factsOf.get(track.id), grid.segmentMs));
  const audio = plan.audio.map((track) => {
    const channels = factsOf.get(track.id)?.init.channels;
    return { ...track, channels: channels === 1 ? (1 as const) : channels === 2 ? (2 as const) : track.channels };
  });
  return { kind: 'ok', plan: planInUse({ ...plan, video, audio }, grid, ladder, notes) };
}

/** A Track may have every frame of the Grid or every second one. */
function isRateOf(grid: Rate, rate: FrameRate): boolean {
  return sameFrameRate(grid, rate) || sameFrameRate(grid, { num: rate.num * 2, den: rate.den });
}

function videoOf(track: VideoTrackPlan, pushed: PushedFacts | undefined, segmentMs: number): VideoTrackPlan {
  if (pushed?.rate === undefined) return track;
  const { init, rate } = pushed;
  const even = (side: number | undefined, otherwise: number) => 2 * Math.ceil((side ?? otherwise) / 2);
  const size = { width: even(init.width, track.width), height: even(init.height, track.height), frameRate: rate };
  const segmentFrames = (segmentMs * rate.num) / (1000 * rate.den);
  // RFC 6381 3.3: profile, constraints and level in hexadecimal.
  const [, profileHex, levelHex] = /^avc[13]\.([0-9a-f]{2})[0-9a-f]{2}([0-9a-f]{2})$/i.exec(init.codec) ?? [];
  const profile = profileHex === '42' ? 'baseline' : profileHex === '4d' ? 'main' : 'high';
  const level =
    levelHex === undefined
      ? h264Level({ ...track, ...size, profile })
      : (Number.parseInt(levelHex, 16) / 10).toFixed(1);
  // As the slate of a copy: ultrafast knows no profile above baseline.
  return { ...track, ...size, segmentFrames, profile, level, preset: 'superfast', pad: false };
}
