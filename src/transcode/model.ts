/**
 * What is to be encoded, as data: the plan that arguments, manifests and capacity figures are all made from.
 * It never names a process or a port. Invariant: every Track's GOP is exactly one Segment of the grid.
 */
import type { Latency } from '../config/model.ts';
import type { FrameRate } from '../system/frame-rate.ts';

/** The part of the Channel's grid that an encoder needs; package's Grid has this shape. */
export interface EncodeGrid {
  readonly frameRate: FrameRate;
  readonly segmentFrames: number;
  readonly partsPerSegment: number;
  readonly segmentMs: number;
  readonly videoTimescale: number;
}

export interface VideoTrackPlan {
  /** Track name in URLs and in POST paths. */
  readonly id: string;
  /** The source's own pictures: workers do not encode it; size, profile and level are those of its slate. */
  readonly isCopy: boolean;
  readonly width: number;
  readonly height: number;
  readonly frameRate: FrameRate;
  /** Frames of this Track in one Segment (half of the grid's for a half-rate rung). */
  readonly segmentFrames: number;
  readonly bitrateBps: number;
  readonly maxrateBps: number;
  readonly bufferBits: number;
  readonly profile: 'baseline' | 'main' | 'high';
  /** `4.0` as x264 takes it, fixed so that CODECS never moves. */
  readonly level: string;
  readonly preset: string;
  /** True when the source does not have this shape: scale to fit and pad. */
  readonly pad: boolean;
}

export interface AudioTrackPlan {
  readonly id: string;
  readonly bitrateBps: number;
  readonly channels: 1 | 2;
  readonly language: string;
  readonly name: string;
}

export interface TranscodePlan {
  readonly grid: EncodeGrid;
  /** What encoders are tuned for. */
  readonly latency: Latency;
  /** Descending by bitrate. */
  readonly video: readonly VideoTrackPlan[];
  readonly audio: readonly AudioTrackPlan[];
  /** Rungs left out, each with its reason in words. */
  readonly dropped: readonly { readonly id: string; readonly reason: string }[];
}

/** Display size and rate of what comes in; `undefined` parts are assumed (pre-publish). */
export interface PlanSource {
  readonly width: number;
  readonly height: number;
  readonly frameRate: FrameRate;
  /** H.264 profile by name and level (`4.1`), for a copy: its slate is encoded alike. */
  readonly profile?: string | undefined;
  readonly level?: string | undefined;
}

/** One ffmpeg run as data: exactly what fluent-ffmpeg is given. */
export interface EncodeCommand {
  readonly inputs: readonly EncodeInput[];
  readonly filterGraph: string;
  readonly outputs: readonly {
    readonly url: string;
    readonly options: readonly string[];
  }[];
}

export interface EncodeInput {
  readonly url: 'pipe:0' | string;
  readonly options: readonly string[];
}

export interface EncodeProgress {
  readonly frame: number;
  readonly fps: number;
  readonly speed: number | undefined;
  readonly outTimeMs: number | undefined;
  /** Of what was written so far, where there is one output. */
  readonly bitrateBps?: number | undefined;
  readonly dropped: number;
  readonly duplicated: number;
}

export interface EncodeExit {
  readonly code: number | undefined;
  readonly signal: string | undefined;
  /** Last lines of stderr, at most 100. */
  readonly lastLines: readonly string[];
}

export interface EncodeProcess {
  readonly pid: number | undefined;
  /** As it was started, without secrets; undefined before. */
  readonly argumentList?: readonly string[] | undefined;
  /** False when the pipe is full; `onDrain` tells when it is not any more. */
  write(bytes: Buffer): boolean;
  /** Clean stop: end of stdin; all outputs are flushed and closed. */
  end(): void;
  /** SIGKILL, also when the process has not started yet. */
  kill(): void;
}

export interface EncodeProcessListener {
  onStart(pid: number, commandLine: string): void;
  onProgress(progress: EncodeProgress): void;
  onLogLine(line: string): void;
  onDrain(): void;
  /** Called exactly once. */
  onExit(exit: EncodeExit): void;
}
