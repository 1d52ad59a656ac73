/**
 * A Channel with parts at any moment of its life: whole Segments of slate and the parts of the next that are published so far.
 * It never runs a clock. Invariant: parts are cut as the packager cuts them, from the slate of made-up Tracks.
 */
import { type Grid, indexAt } from '../../src/package/grid.ts';
import {
  type AssembledSegment,
  type CommittedSegment,
  indexOf,
  type OpenSegment,
  type PartRecord,
  type Period,
  type Presentation,
} from '../../src/package/model.ts';
import { Timeline } from '../../src/package/timeline.ts';
import { fakeSlate, fakeTrack } from './media.ts';

const START = Date.parse('2026-11-21T18:00:00.900Z');

export interface LowLatencyWorld {
  readonly presentation: Presentation;
  readonly period: Period;
  /** Number of the Segment at the edge. */
  readonly next: number;
  /** The same moment with so many parts of each Track published; one number stands for all Tracks. */
  withOpen(published: number | Readonly<Record<string, number>>, period?: Period): Presentation;
  /** With the Segment at the edge whole, and nothing of the one after it. */
  later(): LowLatencyWorld;
  partsOf(track: string, number: number, period?: Period): readonly PartRecord[];
}

/** `listedMs` of whole Segments, all of one Period. */
export function lowLatencyWorld(grid: Grid, trackIds: readonly string[], listedMs = 24_000): LowLatencyWorld {
  const tracks = trackIds.map((id) => fakeTrack(id, grid));
  const slate = fakeSlate(grid, tracks);
  const settings = { incarnation: 'golden', windowMs: 120_000, retentionMs: 60_000, fillDelayMs: 800, tailMs: 6000 };
  const alone = { publishesParts: false, patienceMs: 800, silenceMs: 0 };
  const timeline = new Timeline({ ...settings, ...alone, backfillMs: listedMs });
  timeline.open({ grid, tracks, slate }, START);
  const { segments } = timeline.presentation();
  return worldOf({ ...timeline.presentation(), open: undefined }, segments, (track, index) =>
    slate.segment(track, index),
  );
}

function worldOf(
  presentation: Presentation,
  segments: readonly CommittedSegment[],
  media: (track: string, index: number) => AssembledSegment,
): LowLatencyWorld {
  const newest = segments.at(-1)!;
  const next = newest.number + 1;
  const partsOf = (track: string, number: number, period = newest.period): readonly PartRecord[] =>
    media(track, indexOf(period, number)).parts.map(({ durationTicks, isIndependent, sizeBytes }) => ({
      durationTicks,
      isIndependent,
      sizeBytes,
    }));
  return {
    presentation,
    period: newest.period,
    next,
    partsOf,
    withOpen(published, period = newest.period) {
      const counts = period.tracks.map(
        ({ id }) => [id, typeof published === 'number' ? published : published[id]] as const,
      );
      const tracks = new Map(counts.map(([id, count]) => [id, partsOf(id, next, period).slice(0, count ?? 0)]));
      const open: OpenSegment = { number: next, period, tracks };
      const most = Math.max(...[...tracks.values()].map((parts) => parts.length));
      const { grid } = period;
      return { ...presentation, open, changedMs: newest.endMs + (most * grid.segmentMs) / grid.partsPerSegment };
    },
    later() {
      const { grid } = newest.period;
      const endMs = newest.endMs + grid.segmentMs;
      const records = newest.period.tracks.map(({ id }) => {
        const assembled = media(id, indexAt(grid, newest.endMs));
        const parts = partsOf(id, next);
        const record = { ...newest.tracks.get(id)!, number: next, parts };
        return [id, { ...record, startTicks: assembled.startTicks, durationTicks: assembled.durationTicks }] as const;
      });
      const whole = { ...newest, number: next, tracks: new Map(records), endMs, committedMs: endMs };
      const all = [...segments, whole];
      return worldOf({ ...presentation, segments: all, changedMs: endMs }, all, media);
    },
  };
}
