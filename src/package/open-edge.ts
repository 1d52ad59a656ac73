/**
 * The Segment at the edge of a timeline that publishes parts: which part of which Track comes from which run, or is slate.
 * It never reads a clock. Invariant: parts are published once and in order, each continues the one before or begins with an
 * IDR picture, and whatever happens to its runs the Segment is finished, by slate with the same CMAF headers.
 */
import { AUDIO_RATE, audioStart, type Grid, partStartMs, sameGrid, videoStartTicks } from './grid.ts';
import {
  type AssembledPart,
  type AssembledSegment,
  indexOf,
  type OpenSegment,
  type PartRecord,
  type Period,
  type SegmentRecord,
  type Track,
} from './model.ts';
import type { Filler } from './period-plan.ts';
import { mayBring, type RunSource } from './run-source.ts';
import type { UnfinishedSegment } from './snapshot.ts';
import { recordOf, segmentEvent, type TimelineEvent } from './timeline-event.ts';

interface TrackEdge {
  readonly track: Track;
  readonly parts: AssembledPart[];
  /** The run of each part; undefined for slate. */
  readonly runs: (RunSource | undefined)[];
  record: SegmentRecord | undefined;
}

/** When what should have ended at endMs is replaced by slate; mayCome: a run may still bring it. */
export type OverdueMs = (endMs: number, mayCome: boolean) => number;

/** What was published of it in a former life of the service, with the bytes. */
export interface ResumedEdge {
  readonly unfinished: UnfinishedSegment;
  readonly bytesOf: (track: string, part: number) => Buffer;
}

export class OpenEdge {
  readonly number: number;
  readonly period: Period;
  readonly index: number;
  #filler: Filler | undefined;
  readonly #edges: readonly TrackEdge[];

  /** `filler` has the Period's own CMAF headers; undefined: it comes by `useFiller`, and nothing becomes slate until then. */
  constructor(period: Period, number: number, filler: Filler | undefined, resumed?: ResumedEdge) {
    this.period = period;
    this.number = number;
    this.index = indexOf(period, number);
    this.#filler = filler;
    this.#edges = period.tracks.map((track) => this.#edgeOf(track, resumed));
  }

  #edgeOf(track: Track, resumed: ResumedEdge | undefined): TrackEdge {
    const known = resumed?.unfinished.tracks.get(track.id);
    const parts = (known?.parts ?? []).map((part, at): AssembledPart => {
      return { ...part, index: this.index, part: at, bytes: resumed?.bytesOf(track.id, at) ?? Buffer.alloc(0) };
    });
    // Its run is over: what follows has to begin with an IDR picture.
    return { track, parts, runs: parts.map(() => undefined), record: known?.record };
  }

  get hasFiller(): boolean {
    return this.#filler !== undefined;
  }

  /** `filler` has the Period's own CMAF headers. */
  useFiller(filler: Filler): void {
    this.#filler ??= filler;
  }

  /** The part that some Track lacks first; the count when all are whole. */
  get nextPart(): number {
    return Math.min(...this.#edges.map(({ parts }) => parts.length));
  }

  /** When the part becomes slate that some Track lacks first. */
  deadlineMs(expected: readonly RunSource[], overdueMs: OverdueMs): number {
    const open = this.#edges.filter(({ parts }) => parts.length < this.period.grid.partsPerSegment);
    return Math.min(...open.map((edge) => overdueMs(this.#endMs(edge.parts.length), this.#mayCome(edge, expected))));
  }

  /** Some run may still bring this Track's next part. */
  #mayCome({ track, parts, runs: past }: TrackEdge, expected: readonly RunSource[]): boolean {
    return expected.some((run) => {
      // Until its headers are there it may be anything.
      if (run.plan() !== undefined && !serves(run, track)) return false;
      const follows = track.kind === 'audio' || past.at(-1) === run;
      return mayBring(run, this.index, parts.length, follows);
    });
  }

  #endMs(part: number): number {
    return partStartMs(this.period.grid, this.index, part + 1);
  }

  /**
   * Publishes what has come, newest run first, and slate for what is overdue at untilMs; `expected` are the runs that go on. A run with
   * other Tracks (a rung was left out, or is back) goes on with those that have this Period's CMAF header.
   */
  publish(
    runs: readonly RunSource[],
    expected: readonly RunSource[],
    untilMs: number,
    overdueMs: OverdueMs,
  ): TimelineEvent[] {
    const own = runs.filter((run) => {
      const plan = run.plan();
      return plan !== undefined && sameGrid(this.period.grid, plan.grid);
    });
    return this.#edges.flatMap((edge) =>
      this.#publishTrack(edge, own, (endMs) => untilMs >= overdueMs(endMs, this.#mayCome(edge, expected))),
    );
  }

  #publishTrack(edge: TrackEdge, runs: readonly RunSource[], isOverdue: (endMs: number) => boolean): TimelineEvent[] {
    const events: TimelineEvent[] = [];
    const { grid, gen } = this.period;
    while (edge.parts.length < grid.partsPerSegment) {
      const place = edge.parts.length;
      const run = runs.find((candidate) => this.#continues(edge, candidate));
      const live = run?.parts.get(this.index)?.get(edge.track.id)?.get(place);
      const endMs = this.#endMs(place);
      const isSlate = live === undefined && (isOverdue(endMs) || this.#isLeftToSlate(edge, place));
      const part = live ?? (isSlate ? this.#slatePart(edge.track, place) : undefined);
      if (part === undefined) break;
      edge.parts.push(part);
      edge.runs.push(live === undefined ? undefined : run);
      const { id: track, kind: trackKind } = edge.track;
      const frameMs = grid.segmentMs / grid.segmentFrames;
      events.push({ kind: 'part', track, trackKind, gen, number: this.number, part, endMs, frameMs });
    }
    if (edge.parts.length === grid.partsPerSegment && edge.record === undefined) {
      const assembled = assembledOf(grid, this.index, edge);
      edge.record = recordOf(assembled, this.number, gen);
      events.push(segmentEvent(edge.track, edge.record, assembled));
    }
    return events;
  }

  /** The run has the next part, and it follows from the one before: from the same run, or independent of it. */
  #continues({ track, parts, runs }: TrackEdge, run: RunSource): boolean {
    if (!serves(run, track)) return false;
    const next = run.parts.get(this.index)?.get(track.id)?.get(parts.length);
    return next !== undefined && (next.isIndependent || (parts.length > 0 && runs.at(-1) === run));
  }

  /** Sound, or a rung, that the run of another Track does not deliver need not be waited for. */
  #isLeftToSlate({ track }: TrackEdge, place: number): boolean {
    return this.#edges.some(({ runs }) => {
      const run = runs[place];
      return run !== undefined && !serves(run, track);
    });
  }

  #slatePart(track: Track, place: number): AssembledPart | undefined {
    if (this.#filler === undefined) return undefined;
    const part = this.#filler.slate.segment(track.id, this.index).parts[place];
    if (part === undefined) throw new RangeError(`the slate has no part ${place} for ${track.id}`);
    return { ...part, index: this.index, part: place, source: 'slate' };
  }

  /** undefined while nothing is published. */
  snapshot(): OpenSegment | undefined {
    if (this.#edges.every(({ parts }) => parts.length === 0)) return undefined;
    const tracks = new Map(
      this.#edges.map(({ track, parts }): [string, PartRecord[]] => [track.id, parts.map(recordOfPart)]),
    );
    return { number: this.number, period: this.period, tracks };
  }

  /** The records of all Tracks once each is whole. */
  whole(): ReadonlyMap<string, SegmentRecord> | undefined {
    const records = new Map<string, SegmentRecord>();
    for (const { track, record } of this.#edges) {
      if (record === undefined) return undefined;
      records.set(track.id, record);
    }
    return records;
  }
}

/** The run delivers this Track, under the Period's own CMAF header. */
function serves(run: RunSource, track: Track): boolean {
  const own = run.plan()?.tracks.find(({ id }) => id === track.id);
  return own?.initHash === track.initHash && run.delivers.has(track.id);
}

function recordOfPart({ durationTicks, isIndependent, sizeBytes }: AssembledPart): PartRecord {
  return { durationTicks, isIndependent, sizeBytes };
}

function assembledOf(grid: Grid, index: number, { track, parts }: TrackEdge): AssembledSegment {
  const isVideo = track.kind === 'video';
  const start = (at: number): number => (isVideo ? videoStartTicks(grid, at) : audioStart(grid, at));
  return {
    index,
    startTicks: start(index),
    durationTicks: start(index + 1) - start(index),
    timescale: isVideo ? grid.videoTimescale : AUDIO_RATE,
    source: parts.some(({ source }) => source === 'live') ? 'live' : 'slate',
    parts,
  };
}
