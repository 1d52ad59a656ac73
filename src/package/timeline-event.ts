/**
 * What the timeline says has happened, as data; the caller acts on it, in order.
 * It never holds what was said. Invariant: a part comes before its Segment, a Track's Segments before their `committed`.
 */
import type {
  AssembledPart,
  AssembledSegment,
  CommittedSegment,
  MediaSource,
  Period,
  SegmentRecord,
  Track,
} from './model.ts';

export type TimelineEvent =
  | { readonly kind: 'period'; readonly period: Period }
  /** Published before its Segment is whole. */
  | {
      readonly kind: 'part';
      readonly track: string;
      readonly trackKind: 'video' | 'audio';
      readonly gen: string;
      readonly number: number;
      readonly part: AssembledPart;
      /** Media time of its end, UTC ms. */
      readonly endMs: number;
      /** Of a full-rate video Track. */
      readonly frameMs: number;
    }
  | {
      readonly kind: 'segment';
      readonly track: string;
      readonly trackKind: 'video' | 'audio';
      readonly record: SegmentRecord;
      readonly parts: readonly Buffer[];
    }
  /** After the `segment` events of all its Tracks. */
  | { readonly kind: 'committed'; readonly segment: CommittedSegment }
  | {
      readonly kind: 'evicted';
      readonly gen: string;
      readonly belowNumber: number;
    }
  | { readonly kind: 'generation-gone'; readonly gen: string }
  /** Another presentation begins: nothing of what was is in a list any more; it stays fetchable until the times given. */
  | { readonly kind: 'opened'; readonly retired: readonly RetiredGeneration[] }
  /** Everything that was on air is forgotten, and its numbers are given again, under another GEN. */
  | { readonly kind: 'restarted' }
  | { readonly kind: 'ended' }
  /** What was begun of this number stays as it is and is never finished: another Period begins with the number. */
  | { readonly kind: 'abandoned'; readonly gen: string; readonly number: number };

export interface RetiredGeneration {
  readonly gen: string;
  /** UTC ms. */
  readonly untilMs: number;
}

export function segmentEvent(track: Track, record: SegmentRecord, assembled: AssembledSegment): TimelineEvent {
  const parts = assembled.parts.map((part) => part.bytes);
  return { kind: 'segment', track: track.id, trackKind: track.kind, record, parts };
}

export function recordOf(assembled: AssembledSegment, number: number, gen: string): SegmentRecord {
  const { startTicks, durationTicks, timescale, source } = assembled;
  const parts = assembled.parts.map(({ durationTicks, isIndependent, sizeBytes }) => ({
    durationTicks,
    isIndependent,
    sizeBytes,
  }));
  const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  const listed = source === 'gap' ? [] : parts;
  return { number, gen, startTicks, durationTicks, timescale, source, parts: listed, sizeBytes };
}

/** Live: a picture of the publisher is in it; in a Period of one Track, anything of the publisher's. */
export function sourceOf(period: Period, records: ReadonlyMap<string, SegmentRecord>): MediaSource {
  const decisive = period.tracks.length === 1 ? period.tracks : period.tracks.filter(({ kind }) => kind === 'video');
  const sources = decisive.map(({ id }) => records.get(id)?.source);
  return sources.includes('live') ? 'live' : sources.includes('gap') ? 'gap' : 'slate';
}
