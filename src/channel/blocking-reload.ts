/**
 * What a request with delivery directives gets: the playlist at once, a place to wait, or a refusal (RFC 8216bis 6.2.5.2).
 * It never waits and never renders. Invariant: an answer of `edge` or `past` lists what was asked for, or something later.
 */
import { partTargetSeconds } from '../package/grid.ts';
import type { CommittedSegment, Period, Presentation } from '../package/model.ts';
import type { PlaylistDirectives } from './view.ts';

export type ReloadAnswer =
  /** `of` as in TextAnswer. */
  | { readonly kind: 'answer'; readonly of: 'current' | 'edge' | 'past' }
  /** Until `key` wakes, at most holdMs; then 503. */
  | { readonly kind: 'wait'; readonly key: string; readonly holdMs: number }
  /** 400; `why` names the rule. */
  | { readonly kind: 'refused'; readonly why: string };

/** bis 6.2.5.2: 503 when what was asked for is not there within three target durations. */
const HOLD_TARGETS = 3;
/** bis 6.2.5.2: at most this many numbers beyond the last whole Segment. */
const MSN_AHEAD = 2;

const CURRENT: ReloadAnswer = { kind: 'answer', of: 'current' };
const EDGE: ReloadAnswer = { kind: 'answer', of: 'edge' };
const PAST: ReloadAnswer = { kind: 'answer', of: 'past' };

/** Woken when part `part` of `number` is published, its text included. */
export function partKey(track: string, number: number, part: number): string {
  return `list/${track}/${number}.${part}`;
}

/** Woken when `number` is whole in all Tracks. */
export function wholeKey(track: string, number: number): string {
  return `list/${track}/${number}`;
}

/** For the media playlist of a Track that is there, of a Channel with parts. */
export function blockingReload(
  presentation: Presentation,
  track: string,
  { msn, part }: Pick<PlaylistDirectives, 'msn' | 'part'>,
): ReloadAnswer {
  const newest = presentation.segments.at(-1);
  // bis 6.2.5.2: an ended playlist ignores directives. _HLS_skip alone blocks nothing, and never does a part without a number.
  if (msn === undefined || newest === undefined || presentation.ended) return CURRENT;
  if (msn > newest.number + MSN_AHEAD)
    return { kind: 'refused', why: `_HLS_msn is more than ${MSN_AHEAD} beyond the newest Segment, ${newest.number}` };
  const period = presentation.open?.period ?? newest.period;
  const holdMs = HOLD_TARGETS * Math.round(period.grid.segmentMs / 1000) * 1000;
  if (part === undefined) {
    if (newest.number < msn) return { kind: 'wait', key: wholeKey(track, msn), holdMs };
    return newest.number === msn ? EDGE : PAST;
  }
  return forPart({ presentation, track, newest, period, holdMs }, msn, part);
}

interface Edge {
  readonly presentation: Presentation;
  readonly track: string;
  readonly newest: CommittedSegment;
  /** Of the Segment at the edge. */
  readonly period: Period;
  readonly holdMs: number;
}

function forPart(edge: Edge, msn: number, part: number): ReloadAnswer {
  const { newest, period, track, holdMs } = edge;
  const published = edge.presentation.open?.tracks.get(track)?.length ?? 0;
  const { partsPerSegment } = period.grid;
  // Counted in parts from part 0 of the Segment at the edge; the newest one that is listed is published - 1.
  const asked = (msn - newest.number - 1) * partsPerSegment + part;
  const limit = advancePartLimit(period);
  if (msn > newest.number && asked > published - 1 + limit)
    return { kind: 'refused', why: `_HLS_part is more than ${limit} parts (3 s) beyond the newest one` };
  const wanted = nextOf(edge, msn, part);
  if (wanted.number > newest.number) {
    const ahead = (wanted.number - newest.number - 1) * partsPerSegment + wanted.part;
    if (ahead >= published) return { kind: 'wait', key: partKey(track, wanted.number, wanted.part), holdMs };
    // Asked when the next one had come already: what lists one more is as good an answer for as long.
    return published - 1 - ahead <= 1 ? EDGE : PAST;
  }
  if (wanted.number < newest.number) return PAST;
  return partsOf(edge, wanted.number) - 1 - wanted.part + published <= 1 ? EDGE : PAST;
}

/** bis 6.2.5.2: a part beyond the last of its Segment means part 0 of the next. hls.js asks so when it has another rendition's count. */
function nextOf(edge: Edge, number: number, part: number): { readonly number: number; readonly part: number } {
  return part < partsOf(edge, number) ? { number, part } : { number: number + 1, part: 0 };
}

/** Of a whole Segment as many as it has; of those to come as the Grid says. Older ones than are kept: all are past. */
function partsOf({ presentation, track, newest, period }: Edge, number: number): number {
  const [oldest] = presentation.segments;
  const index = number - (oldest?.number ?? newest.number);
  const whole = presentation.segments[index]?.tracks.get(track)?.parts.length ?? 0;
  return number <= newest.number && whole > 0 ? whole : period.grid.partsPerSegment;
}

/** bis 6.2.5.2, Advance Part Limit: three seconds of parts, or three parts where they last a second and more. */
function advancePartLimit({ grid }: Period): number {
  const target = partTargetSeconds(grid);
  return target < 1 ? Math.ceil(3 / target) : 3;
}
