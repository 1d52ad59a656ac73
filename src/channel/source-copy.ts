/**
 * The copy of one publish: decides when and where the feed's own pictures may begin, and makes a run's copied Track of its tags.
 * It never encodes and never serves. Invariant: nothing of a feed goes on air by copy before its keyframes are known to fit the
 * Grid, and a feed that stops fitting is refused by name.
 */

import { writeAvcHeader } from '../cmaf/isobmff/avc-header.ts';
import { type AvcParameterSets, avcSample, readAvcParameterSets } from '../cmaf/isobmff/avc-sample.ts';
import { readInit } from '../cmaf/isobmff/init.ts';
import type { Fragment, InitSegment } from '../cmaf/isobmff/model.ts';
import { readTagContent, VIDEO } from '../ingest/flv-tags.ts';
import type { Feed, SourceKeyframe, SourceTag } from '../ingest/model.ts';
import { readSps, spsOfAvcConfiguration } from '../ingest/sps.ts';
import { CopyKeyframes, type PlacedKeyframe } from '../package/copy-keyframes.ts';
import { CopyTrack } from '../package/copy-track.ts';
import { type Grid, startMsOf } from '../package/grid.ts';
import type { TrackFacts } from '../package/model.ts';
import type { Clock } from '../system/clock.ts';
import { formatFrameRate, sameFrameRate } from '../system/frame-rate.ts';
import type { PlanInUse } from './plan-in-use.ts';

/** AVCVIDEOPACKET before its data: FLV 10.1, E.4.3. */
const VIDEO_TAG_BYTES = 5;
const HIGHEST_PROFILE = 100;
/** Longer than any ring: a feed with a single keyframe (periodic intra refresh) is told so. */
const SECOND_KEYFRAME_MS = 13_000;

export interface SourceCopyOptions {
  readonly plan: PlanInUse;
  readonly feed: Feed;
  readonly clock: Clock;
  /** The base was chosen: a worker may begin. Again after a jump, and after the publisher's clock has run away. */
  readonly onBase: () => void;
  readonly onFault: (message: string) => void;
}

/** Where a run begins, in media time of the Channel. */
export interface CopyStart {
  readonly keyframe: PlacedKeyframe;
  readonly originIndex: number;
  readonly inputOriginMs: number;
  readonly trimMs: number;
}

/** The copied Track of one run. */
export interface CopyRun {
  readonly init: InitSegment;
  /** For WorkerInput: the run's time of each tag. Fragments go to the sink on the way. */
  readonly timeOf: (tag: SourceTag) => number | undefined;
}

function copiedTrack({ plan, facts }: PlanInUse): TrackFacts | undefined {
  const copy = plan.video.find((track) => track.isCopy);
  return copy === undefined ? undefined : facts.find(({ id }) => id === copy.id);
}

/** undefined: the plan copies nothing. */
export function sourceCopyOf(options: SourceCopyOptions): SourceCopy | undefined {
  const track = copiedTrack(options.plan);
  return track === undefined ? undefined : new SourceCopy(options, track);
}

export class SourceCopy {
  readonly track: TrackFacts;
  readonly #options: SourceCopyOptions;
  readonly #grid: Grid;
  readonly #keyframes: CopyKeyframes;
  readonly #init: InitSegment | undefined;
  readonly #sets: AvcParameterSets | undefined;
  #isOver = false;
  #cancelWait: () => void = () => undefined;

  constructor(options: SourceCopyOptions, track: TrackFacts) {
    this.track = track;
    this.#options = options;
    this.#grid = options.plan.grid;
    this.#keyframes = new CopyKeyframes(this.#grid);
    const avcC = options.feed.videoHeader?.subarray(VIDEO_TAG_BYTES);
    if (avcC === undefined) return;
    this.#sets = readAvcParameterSets(avcC);
    this.#init = headerOf(avcC, this.#grid);
  }

  /** Judges the feed, then its keyframes: those that have come, and each that comes. */
  begin(): void {
    const { feed, clock } = this.#options;
    const unfit = this.#unfit();
    if (unfit !== undefined) {
      this.#refuse(unfit.reason, unfit.hint);
      return;
    }
    this.#cancelWait = clock.after(SECOND_KEYFRAME_MS, () =>
      this.#refuse(
        `the feed sent no second keyframe within ${SECOND_KEYFRAME_MS / 1000} s, so its pictures can't be copied`,
        `Set the encoder to a keyframe interval of ${this.#grid.segmentMs / 1000} s (OBS: Keyframe Interval), or use a ladder without copy.`,
      ),
    );
    for (const keyframe of feed.keyframes()) this.#take(keyframe);
    feed.listen({
      onKeyframe: (keyframe) => this.#take(keyframe),
      onSource: () => undefined,
      onSourceChanged: () => undefined,
      onJump: () => undefined,
      onEnd: () => this.close(),
    });
  }

  /** Nothing is told any more. */
  close(): void {
    this.#isOver = true;
    this.#cancelWait();
  }

  #take(keyframe: SourceKeyframe): void {
    if (this.#isOver) return;
    if (!keyframe.hasIdr) {
      this.#refuse(
        "the feed's keyframes are not IDR pictures (open GOP), so its pictures can't be copied",
        'Set the encoder to closed GOPs (x264: open-gop=0), or use a ladder without copy.',
      );
      return;
    }
    const step = this.#keyframes.take(keyframe);
    if (step.kind === 'bad') this.#refuse(step.reason, step.hint);
    if (step.kind === 'drifted')
      this.#options.onFault(
        `the publisher's clock has run away by ${Math.round(step.leadMs)} ms: the copy's base is chosen anew`,
      );
    if (step.kind !== 'waiting') this.#cancelWait();
    if (step.kind === 'base' || step.kind === 'drifted') this.#options.onBase();
  }

  #refuse(reason: string, hint: string): void {
    if (this.#isOver) return;
    this.close();
    this.#options.onFault(`${reason}. ${hint}`);
    this.#options.feed.close(reason);
  }

  #unfit(): { readonly reason: string; readonly hint: string } | undefined {
    const { feed } = this.#options;
    const video = feed.source?.video;
    const sps = readSps(
      spsOfAvcConfiguration(feed.videoHeader?.subarray(VIDEO_TAG_BYTES) ?? Buffer.alloc(0)) ?? Buffer.alloc(0),
    );
    const hint = 'Set the encoder so, or use a ladder without copy.';
    if (video === undefined || sps === undefined || this.#init === undefined || this.#sets === undefined)
      return { reason: "the feed's H.264 header can't be read, so its pictures can't be copied", hint };
    if (!sameFrameRate(video.frameRate, this.#grid.frameRate)) {
      const [has, wants] = [video.frameRate, this.#grid.frameRate].map(formatFrameRate);
      return {
        reason: `the feed has ${has} frames a second, the channel ${wants}: its pictures can't be copied`,
        hint,
      };
    }
    if (sps.bitDepth !== 8 || sps.chromaFormatIdc !== 1 || sps.profileIdc > HIGHEST_PROFILE)
      return {
        reason: `the feed is ${video.profile}, which players do not take: it can't be copied; 8-bit 4:2:0 could`,
        hint,
      };
    if (sps.interlaced)
      return { reason: "the feed is interlaced: it can't be copied, progressive pictures could", hint };
    if (sps.width !== sps.displayWidth) return { reason: "the feed's pixels are not square: it can't be copied", hint };
    return undefined;
  }

  /** Where a run that is to deliver `wanted` first begins; undefined while there is no base. */
  startFor(wanted: number): CopyStart | undefined {
    const { feed } = this.#options;
    const keyframe = this.#keyframes.startFor(wanted, feed.keyframeRange()?.oldestMs ?? 0);
    if (keyframe === undefined) return undefined;
    const { segmentFrames, segmentMs } = this.#grid;
    const originIndex = Math.max(wanted, Math.ceil(keyframe.frame / segmentFrames));
    // One Segment before: decoding times of the first pictures lie before the presentation time of the first (B-frames).
    const inputIndex = Math.floor(keyframe.frame / segmentFrames) - 1;
    return {
      keyframe,
      originIndex,
      inputOriginMs: startMsOf(this.#grid, inputIndex),
      trimMs: (originIndex - inputIndex) * segmentMs,
    };
  }

  /** The Track of a run. undefined while there is no base. */
  openRun(start: CopyStart, onFragment: (fragment: Fragment) => void): CopyRun | undefined {
    const gopFrames = this.#keyframes.gopFrames;
    const [init, sets] = [this.#init, this.#sets];
    if (init === undefined || sets === undefined || gopFrames === undefined) return undefined;
    const { keyframe, originIndex, inputOriginMs } = start;
    const track = new CopyTrack({ grid: this.#grid, init, originIndex, gopFrames, keyframe });
    return {
      init,
      timeOf: (tag) => {
        if (tag.isVideo) this.#copyTag(track, sets, tag, onFragment);
        return track.mediaMsOf(tag.stampMs) - inputOriginMs;
      },
    };
  }

  #copyTag(track: CopyTrack, sets: AvcParameterSets, tag: SourceTag, onFragment: (fragment: Fragment) => void): void {
    if (this.#isOver) return;
    const content = readTagContent(VIDEO, tag.body);
    if (content.kind !== 'video' || content.packet !== 'nalu') return;
    const sample = avcSample(tag.body.subarray(VIDEO_TAG_BYTES), sets);
    if (sample.kind === 'malformed') return;
    if (sample.kind === 'other-sets') {
      this.#refuse(
        "the feed's parameter sets change within its pictures, so they can't be copied",
        'Set the encoder to send a new sequence header when they change, or use a ladder without copy.',
      );
      return;
    }
    const { stampMs } = tag;
    const { compositionMs, keyframe } = content;
    const fragments = track.push({ stampMs, compositionMs, isKeyframe: keyframe && sample.hasIdr, data: sample.data });
    if (typeof fragments === 'string') {
      this.#refuse(`the feed: ${fragments}, so they can't be copied`, 'Set the encoder to a constant frame rate.');
      return;
    }
    for (const fragment of fragments) onFragment(fragment);
  }
}

function headerOf(avcC: Buffer, grid: Grid): InitSegment | undefined {
  const sps = readSps(spsOfAvcConfiguration(avcC) ?? Buffer.alloc(0));
  if (sps === undefined) return undefined;
  const { width, height } = sps;
  return readInit(writeAvcHeader({ trackId: 1, timescale: grid.videoTimescale, width, height, avcC }));
}
