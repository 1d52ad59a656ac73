/**
 * Makes the plan of a Channel out of its ladder and its first source, and conforms a kept plan to a later source.
 * It never names ffmpeg, a process or a port. Invariants: no picture is larger than the source, sizes are even,
 * and every Track's Segment is a whole number of its own frames.
 */
import type { Ladder, LadderAudio, LadderVideo, Latency } from '../config/model.ts';
import { type FrameRate, formatFrameRate, framesPerSecond } from '../system/frame-rate.ts';
import { h264Level } from './h264-level.ts';
import type { AudioTrackPlan, EncodeGrid, PlanSource, TranscodePlan, VideoTrackPlan } from './model.ts';

export interface PlanRequest {
  readonly ladder: Ladder;
  readonly grid: EncodeGrid;
  /** `normal` unless given. */
  readonly latency?: Latency;
  readonly source: PlanSource;
  /** False before a first publish: only the assumed source's shape counts then and no rung is above it. */
  readonly sourceKnown: boolean;
}

export type PlanResult =
  /** `notes`: what an operator should be told beside the dropped rungs. */
  | { readonly kind: 'ok'; readonly plan: TranscodePlan; readonly notes: readonly string[] }
  | { readonly kind: 'bad'; readonly reason: string };

/** A rung this little above the source (1080 over 1072 lines) is meant for it and takes its size. */
const SAME_SIZE_TOLERANCE = 0.03;
/** Shapes closer than this differ by the rounding to even sizes only. */
const SAME_ASPECT_TOLERANCE = 0.015;
/** Below this x264 and several hardware decoders refuse a picture. */
const SMALLEST_SIDE = 32;

interface FittedRung {
  readonly rung: LadderVideo;
  readonly width: number;
  readonly height: number;
  readonly above: boolean;
  readonly clamped: boolean;
}

/**
 * The plan of `ladder` for `source` on `grid`. Rungs above the source are dropped, each with its reason; if all are,
 * the smallest is kept at the source's size. `height: N` is the short side of the picture, so that a 1080x1920 feed
 * is a 1080-class source; `width: N` is the long side. `bad` names what no encoder could be asked to do.
 */
export function makePlan(request: PlanRequest): PlanResult {
  const reason = problemOf(request);
  if (reason !== undefined) return { kind: 'bad', reason };
  const fitted = request.ladder.video.map((rung) => fitRung(rung, request));
  const dropped: { id: string; reason: string }[] = [];
  const notes: string[] = [];
  const kept = chooseRungs(fitted, request.source, dropped, notes);
  const tooSmall = kept.find(({ width, height }) => Math.min(width, height) < SMALLEST_SIDE);
  if (tooSmall !== undefined) {
    const { width, height } = tooSmall;
    return {
      kind: 'bad',
      reason: `rung ${tooSmall.rung.id} would be ${width}x${height}; no side may be below ${SMALLEST_SIDE}`,
    };
  }
  const video = kept
    .map((fit) => videoTrack(fit, request.grid))
    .map((track) => (track.isCopy && request.sourceKnown ? copyOf(track, request.source) : track))
    .sort((a, b) => b.bitrateBps - a.bitrateBps);
  return {
    kind: 'ok',
    plan: {
      grid: request.grid,
      latency: request.latency ?? 'normal',
      video,
      audio: request.ladder.audio.map(audioTrack),
      dropped,
    },
    notes,
  };
}

/** A kept plan for a later feed of another shape: sizes, levels and so init segments stay; the picture is padded where shapes differ. */
export function conformPlan(plan: TranscodePlan, source: PlanSource): TranscodePlan {
  const video = plan.video.map((track) =>
    track.isCopy ? copyOf(track, source) : { ...track, pad: !sameShape(track, source) },
  );
  return { ...plan, video };
}

/** A copy can't be conformed: it takes the source's size, profile and level, and so does its slate. */
function copyOf(track: VideoTrackPlan, source: PlanSource): VideoTrackPlan {
  const even = (side: number): number => 2 * Math.ceil(side / 2);
  const profile = source.profile === 'baseline' || source.profile === 'main' ? source.profile : 'high';
  const size = { width: even(source.width), height: even(source.height) };
  return { ...track, ...size, profile, level: source.level ?? track.level };
}

function sameShape(track: { readonly width: number; readonly height: number }, source: PlanSource): boolean {
  const scaledWidth = (source.width * track.height) / source.height;
  return Math.abs(scaledWidth - track.width) <= 2 || Math.abs(scaledWidth / track.width - 1) <= SAME_ASPECT_TOLERANCE;
}

function problemOf({ ladder, grid, source, latency = 'normal' }: PlanRequest): string | undefined {
  if (ladder.video.length === 0) return `ladder ${ladder.name} has no video rendition`;
  const copy = ladder.video.find((rung) => rung.copy);
  if (copy !== undefined && latency !== 'normal') {
    // Slate has another CMAF header than a copy: a Segment whose first parts are out could not be finished by it.
    return `latency ${latency} and the copied rung ${copy.id} do not go together; set latency: normal, or encode the rung`;
  }
  const positive = (value: number): boolean => Number.isFinite(value) && value > 0;
  if (!positive(source.width) || !positive(source.height)) {
    return `the source says it is ${source.width}x${source.height}`;
  }
  if (!positive(grid.frameRate.num) || !positive(grid.frameRate.den)) return 'the grid has no frame rate';
  if (grid.segmentFrames % grid.partsPerSegment !== 0) {
    return `${grid.segmentFrames} frames of a segment do not divide into ${grid.partsPerSegment} parts`;
  }
  const ids = [...ladder.video, ...ladder.audio].map((rendition) => rendition.id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  return twice === undefined ? undefined : `two renditions of ladder ${ladder.name} are called ${twice}`;
}

/** Before a first publish nobody knows the feed's size: its slate is made again when it does. */
const ASSUMED_COPY_HEIGHT = 720;

/** The source's own size; even, since its slate is encoded. */
function fitCopy(rung: LadderVideo, { source, sourceKnown }: PlanRequest): FittedRung {
  const scale = sourceKnown ? 1 : Math.min(1, ASSUMED_COPY_HEIGHT / Math.min(source.width, source.height));
  const even = (side: number): number => 2 * Math.ceil((side * scale) / 2);
  return { rung, width: even(source.width), height: even(source.height), above: false, clamped: false };
}

function fitRung(rung: LadderVideo, request: PlanRequest): FittedRung {
  if (rung.copy === true) return fitCopy(rung, request);
  const { source, sourceKnown } = request;
  const short = Math.min(source.width, source.height);
  const long = Math.max(source.width, source.height);
  const asked = rung.height ?? rung.width ?? short;
  const has = rung.height === undefined ? long : short;
  const above = sourceKnown && asked > has * (1 + SAME_SIZE_TOLERANCE);
  const clamped = sourceKnown && asked > has;
  const scale = clamped ? 1 : asked / has;
  // The side that was asked for is taken exactly, the other follows the shape.
  const cap = (side: number): number => (sourceKnown ? Math.floor(side / 2) * 2 : Number.POSITIVE_INFINITY);
  const even = (side: number): number => 2 * Math.round((side * scale) / 2);
  return {
    rung,
    width: Math.min(even(source.width), cap(source.width)),
    height: Math.min(even(source.height), cap(source.height)),
    above,
    clamped,
  };
}

function chooseRungs(
  fitted: readonly FittedRung[],
  source: PlanSource,
  dropped: { id: string; reason: string }[],
  notes: string[],
): FittedRung[] {
  const size = `${source.width}x${source.height}`;
  let kept = fitted.filter((fit) => !fit.above);
  const encoded = fitted.filter((fit) => fit.rung.copy !== true);
  if (encoded.length > 0 && encoded.every((fit) => fit.above)) {
    const smallest = encoded.reduce((a, b) => (nominal(b) < nominal(a) ? b : a));
    kept = [...kept, smallest];
    notes.push(`every rung is above the source (${size}): ${smallest.rung.id} is kept at the source's own size`);
  }
  for (const fit of fitted) {
    if (fit.above && !kept.includes(fit)) {
      dropped.push({ id: fit.rung.id, reason: `${wanted(fit.rung)} is above the source (${size}): never scaled up` });
    }
  }
  const different: FittedRung[] = [];
  for (const fit of kept) {
    const twin = different.find((other) => samePicture(fit, other));
    if (twin === undefined) different.push(fit);
    else
      dropped.push({
        id: fit.rung.id,
        reason: `at this source the same ${fit.width}x${fit.height} as ${twin.rung.id}`,
      });
  }
  return different;
}

/** Two rungs of one wanted size are a choice of the ladder; two that became equal by the source's limit are not. */
function samePicture(a: FittedRung, b: FittedRung): boolean {
  return (
    a.rung.copy === b.rung.copy &&
    a.width === b.width &&
    a.height === b.height &&
    a.rung.frameRate === b.rung.frameRate &&
    (a.clamped || b.clamped) &&
    nominal(a) !== nominal(b)
  );
}

function nominal(fit: FittedRung): number {
  return fit.rung.height ?? ((fit.rung.width ?? 0) * 9) / 16;
}

function wanted(rung: LadderVideo): string {
  return rung.height === undefined ? `width ${rung.width}` : `height ${rung.height}`;
}

function videoTrack(fit: FittedRung, grid: EncodeGrid): VideoTrackPlan {
  const { rung, width, height } = fit;
  const half = rung.copy !== true && rung.frameRate === 'half' && halvable(grid);
  const frameRate = half ? halfOf(grid.frameRate) : grid.frameRate;
  const { bitrateBps, maxrateBps, bufferBits, profile, preset } = rung;
  return {
    id: rung.id,
    isCopy: rung.copy === true,
    width,
    height,
    frameRate,
    segmentFrames: half ? grid.segmentFrames / 2 : grid.segmentFrames,
    bitrateBps,
    maxrateBps,
    bufferBits,
    profile,
    level: h264Level({ width, height, frameRate, maxrateBps, bufferBits, profile, preset }),
    // A still picture: little is gained by effort, but ultrafast knows no profile above baseline.
    preset: rung.copy === true ? 'superfast' : preset,
    pad: false,
  };
}

/** Half rate is for 50 and 60 fps (`half` at 25 or 30 would be a slide show), and parts must stay whole frames. */
function halvable(grid: EncodeGrid): boolean {
  return framesPerSecond(grid.frameRate) > 30.5 && (grid.segmentFrames / grid.partsPerSegment) % 2 === 0;
}

function halfOf(rate: FrameRate): FrameRate {
  return rate.num % 2 === 0 ? { num: rate.num / 2, den: rate.den } : { num: rate.num, den: rate.den * 2 };
}

function audioTrack({ id, bitrateBps, channels, language, name }: LadderAudio): AudioTrackPlan {
  return { id, bitrateBps, channels, language, name };
}

/** One line for logs and the status page: `1080p 1920x1080@50 5000k 4.2`. */
export function describeTrack(track: VideoTrackPlan): string {
  const { id, width, height, frameRate, bitrateBps, level } = track;
  return `${id} ${width}x${height}@${formatFrameRate(frameRate)} ${Math.round(bitrateBps / 1000)}k level ${level}`;
}
