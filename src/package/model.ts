/**
 * The packager's nouns: Track, Period, Segment and part as plain, frozen-after-publish data.
 * They never hold media bytes except in an AssembledSegment on its way to the window.
 * Invariant: times are safe integers of ticks with the Track's timescale; a Period's numbering is a constant offset of its Grid's index.
 */
import type { InitSegment } from '../cmaf/isobmff/model.ts';
import type { Grid, Rate } from './grid.ts';

/** What manifests say of a Track; bandwidths come from the plan and never change. */
export interface TrackFacts {
  readonly id: string;
  readonly kind: 'video' | 'audio';
  /** Of this Track alone, container included, bit/s. */
  readonly peakBps: number;
  readonly averageBps: number;
  /** Video only. */
  readonly frameRate: Rate | undefined;
  /** BCP 47; audio only. */
  readonly language: string;
  /** For people; audio only. */
  readonly name: string;
  /** Audio only. */
  readonly channels: number | undefined;
}

export interface Track extends TrackFacts {
  readonly init: InitSegment;
  /** Content hash of the CMAF header; stands in its URL. */
  readonly initHash: string;
}

export interface PartRecord {
  readonly durationTicks: number;
  readonly isIndependent: boolean;
  readonly sizeBytes: number;
}

/**
 * Whose media it is: the publisher's, slate, or nobody's: a `gap` has no samples (whenAbsent: gap), and then all Tracks of its
 * number are gaps.
 */
export type MediaSource = 'live' | 'slate' | 'gap';

/** A published Segment of one Track. Never changes. */
export interface SegmentRecord {
  readonly number: number;
  readonly gen: string;
  readonly startTicks: number;
  readonly durationTicks: number;
  readonly timescale: number;
  readonly source: MediaSource;
  /** None of a gap: it has no parts. */
  readonly parts: readonly PartRecord[];
  readonly sizeBytes: number;
}

/** Media of one Track for one index of the Grid, whole, before it has a number. */
export interface AssembledSegment {
  readonly index: number;
  readonly startTicks: number;
  readonly durationTicks: number;
  readonly timescale: number;
  readonly source: MediaSource;
  /** Of a gap one, which is no part of the presentation: its bytes. */
  readonly parts: readonly (PartRecord & { readonly bytes: Buffer })[];
}

/** One part of one Track for a place of the Grid, whole, before its Segment has a number. */
export interface AssembledPart extends PartRecord {
  readonly index: number;
  /** Its place in the Segment. */
  readonly part: number;
  readonly source: 'live' | 'slate';
  readonly bytes: Buffer;
}

/** A stretch of the presentation with one Grid, one set of Tracks and one CMAF header each (DASH Period, HLS discontinuity range). */
export interface Period {
  readonly id: string;
  /** 1 for the first; the HLS discontinuity sequence. From 1, since hls-parser writes no EXT-X-DISCONTINUITY-SEQUENCE:0. */
  readonly ordinal: number;
  readonly gen: string;
  readonly grid: Grid;
  readonly startNumber: number;
  /** Grid index of startNumber. Equal to it except after a change of the Segment duration (D-004). */
  readonly startIndex: number;
  readonly tracks: readonly Track[];
  /** UTC ms when it was announced. */
  readonly announcedMs: number;
}

/** All Tracks of one number. */
export interface CommittedSegment {
  readonly number: number;
  readonly period: Period;
  readonly tracks: ReadonlyMap<string, SegmentRecord>;
  readonly source: MediaSource;
  /** Media time of its end, UTC ms. */
  readonly endMs: number;
  /** UTC ms when it was committed. */
  readonly committedMs: number;
}

/** The Segment at the edge while its parts are published one by one (latencies `low` and `ultra`). It follows the newest whole one. */
export interface OpenSegment {
  readonly number: number;
  readonly period: Period;
  /** Of each Track of the Period, those published so far, in order; one Track may be ahead of another. */
  readonly tracks: ReadonlyMap<string, readonly PartRecord[]>;
}

/** What is rendered: the Segments still listed anywhere, oldest first, without holes in their numbers. */
export interface Presentation {
  readonly segments: readonly CommittedSegment[];
  /** undefined in latency `normal`, and while no part of the next Segment is published. */
  readonly open: OpenSegment | undefined;
  /** UTC ms of the newest change. */
  readonly changedMs: number;
  /** UTC ms when the newest Period was announced. */
  readonly mpdChangedMs: number;
  readonly ended: boolean;
}

export function indexOf(period: Period, number: number): number {
  return period.startIndex + (number - period.startNumber);
}
