/**
 * Media of one number for all Tracks of its Period: from a run, from slate, a gap, or what is stored of it already.
 * It never commits. Invariant: each Track has one record, and an event only where its media is new.
 */
import { gapSegment } from './gap.ts';
import { type AssembledSegment, indexOf, type Period, type SegmentRecord, type Track } from './model.ts';
import { type Filler, isSamePeriod, type PeriodPlan } from './period-plan.ts';
import type { UnfinishedSegment } from './snapshot.ts';
import { recordOf, segmentEvent, type TimelineEvent } from './timeline-event.ts';

export interface NumberMedia {
  readonly events: readonly TimelineEvent[];
  readonly records: ReadonlyMap<string, SegmentRecord>;
}

type MediaOf = (track: Track, index: number) => AssembledSegment;

function numberMedia(
  period: Period,
  number: number,
  mediaOf: MediaOf,
  known: ReadonlyMap<string, SegmentRecord> = new Map(),
): NumberMedia {
  const events: TimelineEvent[] = [];
  const records = new Map<string, SegmentRecord>();
  for (const track of period.tracks) {
    const stored = known.get(track.id);
    if (stored !== undefined) {
      records.set(track.id, stored);
      continue;
    }
    const assembled = mediaOf(track, indexOf(period, number));
    const record = recordOf(assembled, number, period.gen);
    records.set(track.id, record);
    events.push(segmentEvent(track, record, assembled));
  }
  return { events, records };
}

/** What a run has of it, and slate for the rest. Throws RangeError where neither is. */
export function runMedia(
  period: Period,
  number: number,
  media: ReadonlyMap<string, AssembledSegment> | undefined,
  plan: PeriodPlan,
): NumberMedia {
  return numberMedia(period, number, ({ id }, index) => {
    const assembled = media?.get(id) ?? plan.slate?.segment(id, index);
    if (assembled === undefined) throw new RangeError(`no media and no slate for ${id}`);
    return assembled;
  });
}

/** In all Tracks of the Period: nothing has to be declared but the gap itself. */
export function gapMedia(period: Period, number: number): NumberMedia {
  return numberMedia(period, number, (track, index) => gapSegment(period.grid, track, index));
}

/** Of a number that a former life had stored some Tracks of; undefined where the filler does not fit. */
export function restOf(half: UnfinishedSegment, filler: Filler | undefined): NumberMedia | undefined {
  const { period, number, tracks } = half;
  const known = new Map([...tracks].flatMap(([id, { record }]) => (record === undefined ? [] : [[id, record]])));
  // All Tracks of a number are gaps, or none is.
  if ([...known.values()].some(({ source }) => source === 'gap'))
    return numberMedia(period, number, (track, index) => gapSegment(period.grid, track, index), known);
  if (filler === undefined || !isSamePeriod(period, filler)) return undefined;
  return numberMedia(period, number, ({ id }, index) => filler.slate.segment(id, index), known);
}
