/**
 * The ladder of a Channel as it runs, and its newest pictures: what an operator looks at beyond the status.
 * It never changes anything. Invariant: a rung that is left out is listed too, with its reason.
 */
import type { Ladder } from '../config/model.ts';
import type { Timeline } from '../package/timeline.ts';
import { formatFrameRate } from '../system/frame-rate.ts';
import type { VideoTrackPlan } from '../transcode/model.ts';
import type { LeftOut } from '../transcode/rung-policy.ts';
import type { WindowStore } from '../window/model.ts';
import type { PlanInUse } from './plan-in-use.ts';

/** A rendition of the ladder as it runs; figures are undefined where nothing is encoded for it. */
interface RungInUse {
  readonly id: string;
  readonly kind: 'video' | 'audio';
  /** RFC 6381 where it is on air, else `h264` or `aac`. */
  readonly codec: string;
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  readonly frameRate?: string | undefined;
  readonly bitrateBps: number;
  readonly maxrateBps?: number | undefined;
  /** VBV buffer in bits. */
  readonly bufsizeBits?: number | undefined;
  readonly preset?: string | undefined;
  readonly profile?: string | undefined;
  /** Not encoded here: the publisher's own. */
  readonly isCopy: boolean;
  /** Left out, with `why`. */
  readonly isDropped: boolean;
  readonly why?: string | undefined;
}

export interface LadderInUse {
  readonly ladder: string;
  readonly rungs: readonly RungInUse[];
  /** Of the ffmpeg that works now, without secrets. */
  readonly arguments: readonly string[] | null;
}

/** A CMAF header and a Segment of it. */
export interface PictureMedia {
  readonly header: Buffer;
  readonly segment: Buffer;
}

export interface LadderFacts {
  readonly plan: PlanInUse | undefined;
  readonly leftOut: readonly LeftOut[];
  readonly timeline: Timeline;
  readonly isPushed: boolean;
  readonly arguments: readonly string[] | undefined;
}

export function describeLadder({ plan, leftOut, timeline, isPushed, ...facts }: LadderFacts): LadderInUse {
  const onAir = new Map(timeline.period?.tracks.map(({ id, init }) => [id, init.codec]));
  const reasons = new Map(leftOut.map(({ rung, reason }) => [rung, reason]));
  const video = (plan?.plan.video ?? []).map((track): RungInUse => {
    const why = reasons.get(track.id);
    return {
      ...shapeOf(track),
      codec: onAir.get(track.id) ?? 'h264',
      ...(track.isCopy || isPushed ? {} : encodingOf(track)),
      isCopy: track.isCopy || isPushed,
      isDropped: why !== undefined,
      why,
    };
  });
  const audio = (plan?.plan.audio ?? []).map(({ id, bitrateBps }): RungInUse => {
    return { id, kind: 'audio', codec: onAir.get(id) ?? 'aac', bitrateBps, isCopy: isPushed, isDropped: false };
  });
  const dropped = (plan?.plan.dropped ?? []).map((rung) => droppedRung(rung, plan?.ladder));
  return {
    ladder: plan?.ladder.name ?? '',
    rungs: [...dropped, ...video, ...audio],
    arguments: facts.arguments ?? null,
  };
}

function shapeOf({ id, width, height, frameRate, bitrateBps }: VideoTrackPlan) {
  return { id, kind: 'video', width, height, frameRate: formatFrameRate(frameRate), bitrateBps } as const;
}

function encodingOf({ maxrateBps, bufferBits, preset, profile }: VideoTrackPlan) {
  return { maxrateBps, bufsizeBits: bufferBits, preset, profile };
}

/** A rung that the plan has no place for; the ladder alone knows it. */
function droppedRung(
  { id, reason }: { readonly id: string; readonly reason: string },
  ladder: Ladder | undefined,
): RungInUse {
  const rung = ladder?.video.find((video) => video.id === id);
  const { width, height, maxrateBps, bufferBits: bufsizeBits, preset, profile } = rung ?? {};
  const figures = { width, height, maxrateBps, bufsizeBits, preset, profile };
  const isCopy = rung?.copy === true;
  return {
    id,
    kind: 'video',
    codec: 'h264',
    bitrateBps: rung?.bitrateBps ?? 0,
    ...figures,
    isCopy,
    isDropped: true,
    why: reason,
  };
}

/** The newest whole Segment's pictures, where they are still in memory: those of the narrowest Track. */
export function newestPicturesOf(timeline: Timeline, store: WindowStore): PictureMedia | undefined {
  const newest = timeline.presentation().segments.at(-1);
  if (newest === undefined || newest.source === 'gap') return undefined;
  const { gen, tracks } = newest.period;
  const [track] = tracks
    .filter(({ kind }) => kind === 'video')
    .sort((a, b) => (a.init.width ?? 0) - (b.init.width ?? 0));
  if (track === undefined) return undefined;
  const header = store.init(track.id, gen, track.initHash)?.bytes ?? track.init.bytes;
  const segment = store.segment({ track: track.id, gen, number: newest.number })?.bytes;
  return segment && { header, segment };
}
