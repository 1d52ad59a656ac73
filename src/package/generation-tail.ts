/**
 * What a GEN goes on with for a while after its Period is over: slate, in no list and never committed.
 * It never decides when a Period ends. Invariant: it begins with the number that the next Period begins with.
 */
import { indexOf, type Period } from './model.ts';
import { type Filler, isSamePeriod } from './period-plan.ts';
import { recordOf, segmentEvent, type TimelineEvent } from './timeline-event.ts';

/**
 * A DASH player that holds the MPD of before the change goes on asking for the old GEN's next numbers until it has seen the new one
 * (D-011). Nothing where the slate has another CMAF header.
 */
export function tailOf(
  period: Period | undefined,
  filler: Filler | undefined,
  startNumber: number,
  tailMs: number,
): TimelineEvent[] {
  if (period === undefined || filler === undefined || !isSamePeriod(period, filler)) return [];
  const count = Math.ceil(tailMs / period.grid.segmentMs);
  const numbers = Array.from({ length: count }, (_, i) => startNumber + i);
  return numbers.flatMap((number) =>
    period.tracks.map((track) => {
      const assembled = filler.slate.segment(track.id, indexOf(period, number));
      return segmentEvent(track, recordOf(assembled, number, period.gen), assembled);
    }),
  );
}
