/**
 * Media on its way from one EncodeRun to the timeline: what is whole, by index and Track.
 * It never decides what goes on air. Invariant: what waits is bounded, and what lies behind the edge is forgotten.
 */
import { startMsOf } from './grid.ts';
import type { AssembledPart, AssembledSegment } from './model.ts';
import type { PeriodPlan } from './period-plan.ts';
import type { RunOrigin } from './segmenter.ts';

export interface RunSource {
  readonly id: string;
  /** The place of its first media. */
  readonly origin: RunOrigin;
  /** undefined until all CMAF headers are known. */
  plan(): PeriodPlan | undefined;
  /** Tracks that this run itself delivers; others are slate's (silence for a feed without audio). */
  readonly delivers: ReadonlySet<string>;
  readonly segments: Map<number, Map<string, AssembledSegment>>;
  /** The same media in parts, each as soon as it is whole, by index, Track and place in the Segment. */
  readonly parts: Map<number, Map<string, Map<number, AssembledPart>>>;
}

/** Indices of a run that wait for their turn; more than this and the oldest are dropped. */
const MAX_WAITING = 16;

export function forgetBelow(run: RunSource, index: number): void {
  for (const held of [run.segments, run.parts]) {
    for (const waiting of held.keys()) if (waiting < index) held.delete(waiting);
    while (held.size > MAX_WAITING) {
      const oldest = held.keys().next();
      if (oldest.done) break;
      held.delete(oldest.value);
    }
  }
}

export function hasMediaFrom(run: RunSource, edgeMs: number): boolean {
  const plan = run.plan();
  const indices = [...run.segments.keys(), ...run.parts.keys()];
  return plan !== undefined && indices.some((index) => startMsOf(plan.grid, index) >= edgeMs);
}

/** All that the run delivers of this index is whole, and slate is there for the rest. */
export function isWholeAt(run: RunSource, plan: PeriodPlan, index: number): boolean {
  const tracks = run.segments.get(index);
  if (tracks === undefined || tracks.size < run.delivers.size) return false;
  return plan.tracks.every((track) => tracks.has(track.id) || plan.slate !== undefined);
}

/**
 * The run may still bring this part, though it has not come: `follows` says that it brought the one before. Parts are independent at
 * the begin of a Segment and throughout a run's first one (transcode/encode-options.ts: first-parts).
 */
export function mayBring({ origin }: RunSource, index: number, part: number, follows: boolean): boolean {
  if (origin.index > index) return false;
  return origin.index === index ? part >= origin.part : part === 0 || follows;
}

/** `some`: the first part of a Track is there; `all`: of every Track that the run delivers. */
export function hasFirstParts(run: RunSource, index: number, how: 'some' | 'all'): boolean {
  const tracks = run.parts.get(index);
  const has = (id: string): boolean => tracks?.get(id)?.has(0) === true;
  return how === 'all' ? [...run.delivers].every(has) : [...run.delivers].some(has);
}
