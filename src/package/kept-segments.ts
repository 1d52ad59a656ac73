/**
 * The Segments that a timeline keeps: those of its lists, those that left them and stay fetchable, and what is over; and the Periods
 * whose URLs are still known. It never commits. Invariant: numbers are contiguous, oldest first; what is evicted is named once, in order.
 */
import type { CommittedSegment, Period } from './model.ts';
import type { TimelineSnapshot } from './snapshot.ts';
import type { RetiredGeneration, TimelineEvent } from './timeline-event.ts';

export interface Keeping {
  /** Listed by the DVR manifests. */
  readonly windowMs: number;
  /** Kept fetchable after it left every list. */
  readonly retentionMs: number;
}

/** Periods that have left the window are remembered, so that their URLs answer 410 and not 404, up to this many in all. */
const KNOWN_PERIODS = 32;

/** Without the oldest ones that nothing is kept of; `oldestKept` is that of the oldest kept Segment. */
export function withoutForgotten(periods: readonly Period[], oldestKept: Period | undefined): readonly Period[] {
  const most = periods.length - KNOWN_PERIODS;
  const kept = oldestKept === undefined ? -1 : periods.indexOf(oldestKept);
  return most <= 0 ? periods : periods.slice(kept < 0 ? most : Math.min(most, kept));
}

export class KeptSegments {
  readonly #keeping: Keeping;
  #segments: CommittedSegment[];
  /** Generations that ended before the current window was begun. */
  #retired: readonly RetiredGeneration[];
  #periods: readonly Period[];
  #heldFrom = 0;

  constructor(keeping: Keeping, from?: Pick<TimelineSnapshot, 'segments' | 'retired' | 'periods'>) {
    this.#keeping = keeping;
    this.#segments = [...(from?.segments ?? [])];
    this.#retired = from?.retired ?? [];
    this.#periods = from?.periods ?? [];
  }

  /** Those whose URLs are still known, oldest first. */
  get periods(): readonly Period[] {
    return this.#periods;
  }

  begin(period: Period): void {
    this.#periods = withoutForgotten([...this.#periods, period], this.#segments[0]?.period);
  }

  get newest(): CommittedSegment | undefined {
    return this.#segments.at(-1);
  }

  /** Those below this number are not to be had any more; the newest always is. */
  forgetBelow(number: number): void {
    this.#heldFrom = Math.max(this.#heldFrom, Math.min(number, this.newest?.number ?? 0));
  }

  push(segment: CommittedSegment): void {
    this.#segments.push(segment);
  }

  /** The kept Segment of this number, also those that are in no list any more. */
  find(number: number): CommittedSegment | undefined {
    const oldest = this.#segments[0];
    return oldest === undefined ? undefined : this.#segments[number - oldest.number];
  }

  listed(): readonly CommittedSegment[] {
    const edgeMs = this.newest?.endMs ?? 0;
    const fromMs = edgeMs - this.#keeping.windowMs;
    return this.#segments.filter(({ endMs, number }) => endMs > fromMs && number >= this.#heldFrom);
  }

  /** What there is leaves the lists at once, and stays fetchable for the window and the retention. */
  retire(nowMs: number): readonly RetiredGeneration[] {
    const untilMs = nowMs + this.#keeping.windowMs + this.#keeping.retentionMs;
    this.#retired = [...this.#retired, ...[...this.#gens()].map((gen) => ({ gen, untilMs }))];
    this.#segments = [];
    return this.#retired;
  }

  /** Forgets everything. */
  clear(): TimelineEvent[] {
    const gens = new Set([...this.#gens(), ...this.#retired.map(({ gen }) => gen)]);
    this.#segments = [];
    this.#retired = [];
    this.#periods = [];
    return [...gens].map((gen) => ({ kind: 'generation-gone', gen }));
  }

  /** RFC 8216bis 6.2.2: a Segment stays fetchable for its duration plus that of the longest playlist that listed it. */
  evict(nowMs: number): TimelineEvent[] {
    const { windowMs, retentionMs } = this.#keeping;
    const keepFromMs = (this.newest?.endMs ?? 0) - windowMs - retentionMs;
    const kept = this.#segments.findIndex(({ endMs, number }) => endMs > keepFromMs && number >= this.#heldFrom);
    const removed = kept <= 0 ? [] : this.#segments.splice(0, kept);
    const events = [...new Set(removed.map((segment) => segment.period.gen))].map((gen): TimelineEvent => {
      const oldestOfGen = this.#segments.find((segment) => segment.period.gen === gen);
      return oldestOfGen === undefined
        ? { kind: 'generation-gone', gen }
        : { kind: 'evicted', gen, belowNumber: oldestOfGen.number };
    });
    return [...events, ...this.#evictRetired(nowMs)];
  }

  #evictRetired(nowMs: number): TimelineEvent[] {
    const over = this.#retired.filter(({ untilMs }) => untilMs <= nowMs);
    if (over.length > 0) this.#retired = this.#retired.filter(({ untilMs }) => untilMs > nowMs);
    return over.map(({ gen }) => ({ kind: 'generation-gone', gen }));
  }

  #gens(): Set<string> {
    return new Set(this.#segments.map((segment) => segment.period.gen));
  }
}
