/**
 * What a push consists of while it is being taken: request bodies, Tracks, and the first media of each.
 * It never decides times. Invariant: a Track that cannot be carried is told why, by name and figure.
 */
import { FormatError } from '../cmaf/isobmff/format-error.ts';
import type { Fragment, InitSegment } from '../cmaf/isobmff/model.ts';
import { type NormalHeader, normalHeader } from '../cmaf/isobmff/normal-header.ts';
import { messageOf, ServiceError } from '../system/errors.ts';
import { type FrameRate, formatFrameRate, sameFrameRate } from '../system/frame-rate.ts';
import { pushedRate } from './pushed-plan.ts';
import { PushedResends } from './pushed-resends.ts';
import type { FirstMedia, PushedInstant } from './pushed-time.ts';
import type { PushedTrack } from './pushed-track.ts';

/** One request body, from its first byte to its last. */
export interface PushedBody {
  readonly address: string;
  /** Of the base that its media counts by. */
  epoch: number | undefined;
  refusal: ServiceError | undefined;
}

export interface PushedMember {
  readonly id: string;
  readonly isVideo: boolean;
  init: InitSegment | undefined;
  header: NormalHeader | undefined;
  track: PushedTrack | undefined;
  readonly resends: PushedResends;
  /** Media time where the newest chunk ends. */
  newestEndMs: number | undefined;
  lateSinceMs: number | undefined;
  hasEnded: boolean;
}

export interface PendingMedia {
  readonly member: PushedMember;
  readonly body: PushedBody;
  readonly fragment: Fragment;
  readonly arrivedMs: number;
}

/** A Track whose first media is there. */
export interface ReadyTrack {
  readonly member: PushedMember;
  readonly init: InitSegment;
  readonly rate: FrameRate | undefined;
  readonly first: FirstMedia;
}

export function newMember(id: string, isVideo: boolean): PushedMember {
  return {
    ...{ id, isVideo, init: undefined, header: undefined, track: undefined, resends: new PushedResends() },
    ...{ newestEndMs: undefined, lateSinceMs: undefined, hasEnded: false },
  };
}

/** The Track of this media, which begins with a keyframe. Throws ServiceError or FormatError for one that cannot be carried. */
export function readyFrom(
  { member, fragment, arrivedMs }: PendingMedia,
  init: InitSegment,
  gridRate: FrameRate | undefined,
): ReadyTrack {
  const header = normalHeader(init, init.timescale);
  member.header = header;
  const rate = member.isVideo ? rateOf(member.id, fragment, init.timescale, gridRate) : undefined;
  const offset = member.isVideo ? (fragment.samples[0]?.compositionOffsetTicks ?? 0) : 0;
  const start: PushedInstant = {
    ticks: fragment.decodeTicks + offset - header.editTicks,
    timescale: init.timescale,
  };
  const durationMs = (fragment.durationTicks / init.timescale) * 1000;
  return { member, init, rate, first: { start, durationMs, arrivedMs } };
}

export function asRefusal(thrown: unknown): ServiceError {
  if (thrown instanceof ServiceError) return thrown;
  return new ServiceError(thrown instanceof FormatError ? thrown.code : 'HTTP_INTERNAL', messageOf(thrown));
}

function rateOf(id: string, fragment: Fragment, timescale: number, gridRate: FrameRate | undefined): FrameRate {
  const rate = pushedRate(fragment, timescale, gridRate);
  const fps = (fragment.samples.length * timescale) / Math.max(1, fragment.durationTicks);
  const isFit =
    rate !== undefined &&
    (gridRate === undefined ||
      sameFrameRate(rate, gridRate) ||
      sameFrameRate({ num: rate.num * 2, den: rate.den }, gridRate));
  if (rate !== undefined && isFit) return rate;
  const wanted = gridRate === undefined ? 'a standard rate' : `${formatFrameRate(gridRate)} or half of it`;
  throw new ServiceError(
    'CMAF_OFF_GRID',
    `Track ${id}: has ${Math.round(fps * 1000) / 1000} frames a second, the channel ${wanted}.`,
    { hint: `Encode at a constant rate of ${wanted} (ffmpeg: -r and -fps_mode cfr).` },
  );
}
