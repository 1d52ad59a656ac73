/**
 * What a timeline says has happened, as JSON without media: the lines of a Channel's journal.
 * It never reads or writes a file. Invariant: what is parsed has the shape that was written; anything else is undefined, never thrown.
 */
import type { InitSegment } from '../cmaf/isobmff/model.ts';
import { initHashOf } from './generation.ts';
import type { MediaSource, PartRecord, Period, SegmentRecord, Track } from './model.ts';
import type { RetiredGeneration, TimelineEvent } from './timeline-event.ts';

/** Duration in ticks, independent (0 or 1), bytes. */
type PartTuple = readonly [durationTicks: number, isIndependent: number, sizeBytes: number];

type InitEntry = Omit<InitSegment, 'bytes'> & { readonly base64: string };
type TrackEntry = Omit<Track, 'init' | 'initHash'> & { readonly init: InitEntry };
type PeriodEntry = Omit<Period, 'tracks'> & { readonly tracks: readonly TrackEntry[] };

/** `atMs`: UTC ms of the step that said it. */
export type TimelineEntry =
  | { readonly kind: 'period'; readonly period: PeriodEntry }
  | {
      readonly kind: 'part';
      readonly track: string;
      readonly gen: string;
      readonly number: number;
      /** Its place in the Segment. */
      readonly part: number;
      readonly source: 'live' | 'slate';
      readonly of: PartTuple;
      readonly atMs: number;
    }
  | {
      readonly kind: 'segment';
      readonly track: string;
      readonly gen: string;
      readonly number: number;
      readonly source: MediaSource;
      /** Start, duration, timescale, bytes. */
      readonly of: readonly [startTicks: number, durationTicks: number, timescale: number, sizeBytes: number];
      readonly parts: readonly PartTuple[];
      readonly atMs: number;
    }
  | { readonly kind: 'committed'; readonly gen: string; readonly number: number; readonly atMs: number }
  | { readonly kind: 'evicted'; readonly gen: string; readonly belowNumber: number }
  | { readonly kind: 'generation-gone'; readonly gen: string }
  | { readonly kind: 'opened'; readonly retired: readonly RetiredGeneration[] }
  | { readonly kind: 'restarted' }
  | { readonly kind: 'ended'; readonly atMs: number }
  | { readonly kind: 'abandoned'; readonly gen: string; readonly number: number; readonly atMs: number }
  /** All that came before, where the entries of it were left out; the kept Segments follow. */
  | {
      readonly kind: 'resumed';
      readonly periods: readonly PeriodEntry[];
      /** GEN of the Period at the edge; null before the first. */
      readonly gen: string | null;
      readonly retired: readonly RetiredGeneration[];
      readonly isSpent: boolean;
      readonly ordinal: number;
      readonly restarts: number;
      readonly abandoned: number;
      readonly hasBeenLive: boolean;
    }
  /** Closes what `resumed` began. */
  | {
      readonly kind: 'resumed-to';
      readonly isEnded: boolean;
      readonly changedMs: number;
      readonly mpdChangedMs: number;
    };

/** What an event leaves in the journal. */
export function entryOf(event: TimelineEvent, atMs: number): TimelineEntry {
  switch (event.kind) {
    case 'period':
      return { kind: 'period', period: periodEntry(event.period) };
    case 'part': {
      const { track, gen, number, part } = event;
      return { kind: 'part', track, gen, number, part: part.part, source: part.source, of: tupleOf(part), atMs };
    }
    case 'segment':
      return segmentEntry(event.track, event.record, atMs);
    case 'committed':
      return { kind: 'committed', gen: event.segment.period.gen, number: event.segment.number, atMs };
    case 'ended':
    case 'abandoned':
      return { ...event, atMs };
    case 'evicted':
    case 'generation-gone':
    case 'opened':
    case 'restarted':
      return event;
  }
}

export function segmentEntry(track: string, record: SegmentRecord, atMs: number): TimelineEntry {
  const { gen, number, source, startTicks, durationTicks, timescale, sizeBytes } = record;
  const of = [startTicks, durationTicks, timescale, sizeBytes] as const;
  return { kind: 'segment', track, gen, number, source, of, parts: record.parts.map(tupleOf), atMs };
}

export function recordOfEntry(entry: TimelineEntry & { readonly kind: 'segment' }): SegmentRecord {
  const { number, gen, source, parts } = entry;
  const [startTicks, durationTicks, timescale, sizeBytes] = entry.of;
  return { number, gen, startTicks, durationTicks, timescale, source, parts: parts.map(partOf), sizeBytes };
}

function tupleOf({ durationTicks, isIndependent, sizeBytes }: PartRecord): PartTuple {
  return [durationTicks, isIndependent ? 1 : 0, sizeBytes];
}

export function partOf([durationTicks, isIndependent, sizeBytes]: PartTuple): PartRecord {
  return { durationTicks, isIndependent: isIndependent === 1, sizeBytes };
}

export function periodEntry(period: Period): PeriodEntry {
  return {
    ...period,
    tracks: period.tracks.map(({ init, initHash: _hash, ...facts }) => {
      const { bytes, ...rest } = init;
      return { ...facts, init: { ...rest, base64: bytes.toString('base64') } };
    }),
  };
}

export function periodOfEntry(entry: PeriodEntry): Period {
  return {
    ...entry,
    tracks: entry.tracks.map(({ init: { base64, ...init }, ...facts }) => {
      const bytes = Buffer.from(base64, 'base64');
      return { ...facts, init: { ...init, bytes }, initHash: initHashOf(bytes) };
    }),
  };
}
