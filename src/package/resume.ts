/**
 * What of a former life a timeline can go on with, given what the window still has of it.
 * It never reads a store: it asks. Invariant: what is listed afterwards is there, and no number is begun twice under one GEN.
 */
import type { CommittedSegment } from './model.ts';
import type { TimelineSnapshot, UnfinishedSegment, UnfinishedTrack } from './snapshot.ts';

export interface Resumed {
  readonly snapshot: TimelineSnapshot;
  /** Bytes of the published parts of the Segment that is unfinished. */
  readonly bytesOf: (track: string, part: number) => Buffer;
  /** UTC ms. */
  readonly atMs: number;
}

export interface KeptMedia {
  hasSegment(track: string, gen: string, number: number): boolean;
  partBytes(track: string, gen: string, number: number, part: number): Buffer | undefined;
}

/**
 * isContinued: the journal has all that was served. Else its last entries, and the newest media, may be lost: nothing is begun under the
 * GENs of before.
 */
export function resumable(snapshot: TimelineSnapshot, media: KeptMedia, isContinued: boolean): TimelineSnapshot {
  const segments = heldSegments(snapshot.segments, media, isContinued);
  const lost = segments.at(-1)?.number !== snapshot.segments.at(-1)?.number;
  const unfinished = isContinued && !lost ? servedOf(snapshot.unfinished, media) : undefined;
  return { ...snapshot, segments, unfinished, isSpent: snapshot.isSpent || !isContinued || lost };
}

/**
 * Without the oldest where those are missing (they went for want of room). Of a life that is gone on with all that follow the last hole;
 * else those before the first one: what was written last was lost.
 */
function heldSegments(
  segments: readonly CommittedSegment[],
  media: KeptMedia,
  isContinued: boolean,
): readonly CommittedSegment[] {
  const isHeld = ({ number, tracks }: CommittedSegment): boolean =>
    [...tracks].every(([track, { gen }]) => media.hasSegment(track, gen, number));
  if (isContinued) return segments.slice(segments.findLastIndex((segment) => !isHeld(segment)) + 1);
  const from = segments.findIndex(isHeld);
  const held = from < 0 ? [] : segments.slice(from);
  const hole = held.findIndex((segment) => !isHeld(segment));
  return hole < 0 ? held : held.slice(0, hole);
}

/** An entry is noted before its bytes are stored, and both before anything is served: what has no bytes was never served. */
function servedOf(unfinished: UnfinishedSegment | undefined, media: KeptMedia): UnfinishedSegment | undefined {
  if (unfinished === undefined) return undefined;
  const { number, period, tracks } = unfinished;
  const served = new Map<string, UnfinishedTrack>();
  for (const [track, { parts, record }] of tracks) {
    if (record !== undefined && media.hasSegment(track, period.gen, number)) {
      served.set(track, { parts, record });
      continue;
    }
    const missing = parts.findIndex((_, part) => media.partBytes(track, period.gen, number, part) === undefined);
    served.set(track, { parts: missing < 0 ? parts : parts.slice(0, missing), record: undefined });
  }
  const isNothing = [...served.values()].every(({ parts, record }) => parts.length === 0 && record === undefined);
  return isNothing ? undefined : { number, period, tracks: served };
}
