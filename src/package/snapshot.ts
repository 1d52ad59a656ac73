/**
 * All that a timeline is at one moment, as data: what is journalled comes to this, and a timeline goes on from it.
 * It never holds media. Invariant: two timelines with equal snapshots and settings render the same texts and give the same numbers.
 */
import type { CommittedSegment, PartRecord, Period, SegmentRecord } from './model.ts';
import type { RetiredGeneration } from './timeline-event.ts';

export interface PublishedPart extends PartRecord {
  readonly source: 'live' | 'slate';
}

export interface UnfinishedTrack {
  /** Published one by one; none of a Segment that is published whole. */
  readonly parts: readonly PublishedPart[];
  /** Once all of it is published, under its own URL too. */
  readonly record: SegmentRecord | undefined;
}

/** The number after the newest whole one, where something of it has been published or stored. */
export interface UnfinishedSegment {
  readonly number: number;
  readonly period: Period;
  /** Of every Track of the Period. */
  readonly tracks: ReadonlyMap<string, UnfinishedTrack>;
}

export interface TimelineSnapshot {
  /** That the next number belongs to; undefined before the first. */
  readonly period: Period | undefined;
  /** Those whose URLs are still known, oldest first, `period` last. */
  readonly periods: readonly Period[];
  readonly segments: readonly CommittedSegment[];
  readonly retired: readonly RetiredGeneration[];
  readonly unfinished: UnfinishedSegment | undefined;
  /** The next number may not have the Period's GEN: something else was begun under it. */
  readonly isSpent: boolean;
  readonly ordinal: number;
  readonly restarts: number;
  /** Segments that were begun and never finished. */
  readonly abandoned: number;
  readonly hasBeenLive: boolean;
  readonly isEnded: boolean;
  /** UTC ms. */
  readonly changedMs: number;
  /** UTC ms. */
  readonly mpdChangedMs: number;
}
