/**
 * What a GEN goes on with for a while after its Period is over: slate, or gaps where slate does not fit; in no list, never committed.
 * It never decides when a Period ends. Invariant: it begins with the number that the next Period begins with.
 */
import { gapSegment } from './gap.ts';
import { indexOf, type Period } from './model.ts';
import { type Filler, isSamePeriod } from './period-plan.ts';
import { recordOf, segmentEvent, type TimelineEvent } from './timeline-event.ts';

/**
 * A DASH player that holds the MPD of before the change goes on asking for the old GEN's next numbers until it has seen the new one
 * (D-011).
 */
export function tailOf(
  period: Period | undefined,
  filler: Filler | undefined,
  startNumber: number,
  tailMs: number,
): TimelineEvent[] {
  if (period === undefined) return [];
  const slate = filler !== undefined && isSamePeriod(period, filler) ? filler.slate : undefined;
  const count = Math.ceil(tailMs / period.grid.segmentMs);
  const numbers = Array.from({ length: count }, (_, i) => startNumber + i);
  return numbers.flatMap((number) =>
    period.tracks.map((track) => {
      const index = indexOf(period, number);
      // dash.js dies of a 404 and Shaka goes on asking; a fragment without samples is a Segment to both (D-107).
      const assembled = slate?.segment(track.id, index) ?? gapSegment(period.grid, track, index);
      return segmentEvent(track, recordOf(assembled, number, period.gen), assembled);
    }),
  );
}
