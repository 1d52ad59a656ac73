/**
 * Where in a playlist a player begins, and what it loads at a place: a part, a whole Segment, the hint, or nothing yet.
 * Pure. Invariant: a place that is not listed yet is never loaded, but by its hint.
 */
import type { HlsList, ListedSegment, Position } from './hls-list.ts';
import type { Span } from './model.ts';

/** Where a viewer wants to begin. */
export type Wish =
  | { readonly kind: 'edge' }
  | { readonly kind: 'back'; readonly share: number }
  /** Where the other rendition of it began. */
  | { readonly kind: 'at'; readonly mediaMs: number };

/** What to load. */
export interface Piece {
  readonly kind: 'segment' | 'part' | 'hint';
  readonly url: string;
  readonly mapUrl: string | undefined;
  readonly span: Span;
  readonly after: Position;
}

export type Place =
  | { readonly kind: 'piece'; readonly piece: Piece }
  | { readonly kind: 'gap'; readonly after: Position }
  | { readonly kind: 'not-yet' }
  | { readonly kind: 'gone' };

/** What stands at `position`; parts are looked at in low-latency mode alone. */
export function placeAt(list: HlsList, position: Position, isLowLatency: boolean): Place {
  const first = list.segments[0];
  if (first === undefined) return { kind: 'not-yet' };
  if (position.msn < first.msn) return { kind: 'gone' };
  const segment = list.segments[position.msn - first.msn];
  if (segment === undefined) return isLowLatency ? atTheEdge(list, position) : { kind: 'not-yet' };
  const following = { msn: segment.msn + 1, part: 0 };
  // bis 4.4.4.7: EXT-X-GAP: "Clients SHOULD NOT attempt to download such Media Segments"
  if (segment.isGap) return { kind: 'gap', after: following };
  if (!isLowLatency || segment.parts.length === 0) return { kind: 'piece', piece: wholeOf(segment, following) };
  const part = segment.parts[position.part];
  // A number beyond the last part of a finished Segment is part 0 of the next one (bis 6.2.5.2).
  if (part === undefined) return placeAt(list, following, isLowLatency);
  const nextPart = { msn: segment.msn, part: position.part + 1 };
  return { kind: 'piece', piece: { kind: 'part', url: part.url, mapUrl: segment.mapUrl, span: part, after: nextPart } };
}

function wholeOf(segment: ListedSegment, after: Position): Piece {
  return { kind: 'segment', url: segment.url, mapUrl: segment.mapUrl, span: segment, after };
}

function atTheEdge(list: HlsList, position: Position): Place {
  const { open, hintUrl, partTargetMs } = list;
  if (position.msn !== open.msn) return { kind: 'not-yet' };
  const after = { msn: open.msn, part: position.part + 1 };
  const part = open.parts[position.part];
  if (part !== undefined)
    return { kind: 'piece', piece: { kind: 'part', url: part.url, mapUrl: open.mapUrl, span: part, after } };
  if (position.part !== open.parts.length || hintUrl === undefined) return { kind: 'not-yet' };
  const last = open.parts.at(-1);
  const startMs = last === undefined ? open.startMs : last.startMs + last.durationMs;
  const span = { startMs, durationMs: partTargetMs ?? 0 };
  return { kind: 'piece', piece: { kind: 'hint', url: hintUrl, mapUrl: open.mapUrl, span, after } };
}

/** Sound is cut at access units, so its Segments begin a little beside the picture's. */
const SAME_START_MS = 100;

/** The first place of a player that has this list. A list has a Segment. */
export function startOf(list: HlsList, wish: Wish, isLowLatency: boolean): Position {
  const places = placesToStart(list, isLowLatency && wish.kind !== 'back');
  const targetMs = targetOf(list, wish, isLowLatency);
  const found = places.findLast(({ startMs }) => startMs <= targetMs) ?? places[0];
  return found?.position ?? { msn: list.open.msn, part: 0 };
}

function targetOf(list: HlsList, wish: Wish, isLowLatency: boolean): number {
  if (wish.kind === 'at') return wish.mediaMs + SAME_START_MS;
  const startMs = list.segments[0]?.startMs ?? 0;
  const wholeEndMs = list.open.startMs;
  if (wish.kind === 'back') return startMs + wish.share * (wholeEndMs - startMs);
  const lastPart = list.open.parts.at(-1);
  // bis 4.4.3.8: PART-HOLD-BACK is "the server-recommended minimum distance from the end of the Playlist ... in Low-Latency Mode".
  if (isLowLatency && list.partHoldBackMs !== undefined)
    return (lastPart === undefined ? wholeEndMs : lastPart.startMs + lastPart.durationMs) - list.partHoldBackMs;
  // bis 6.3.3: not "less than three Target Durations from the end of the Playlist", or what HOLD-BACK says.
  return wholeEndMs - list.holdBackMs;
}

interface StartPlace {
  readonly startMs: number;
  readonly position: Position;
}

/** Starts of Segments, and with parts each one that a decoder can begin with; oldest first. */
function placesToStart(list: HlsList, withParts: boolean): readonly StartPlace[] {
  const items = [...list.segments, list.open];
  return items.flatMap((item): StartPlace[] => {
    const start = { startMs: item.startMs, position: { msn: item.msn, part: 0 } };
    if (!withParts || item.parts.length === 0) return item === list.open ? [] : [start];
    return item.parts.flatMap((part, index) =>
      part.isIndependent ? [{ startMs: part.startMs, position: { msn: item.msn, part: index } }] : [],
    );
  });
}
