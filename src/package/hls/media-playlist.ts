/**
 * HLS media playlists of one Track: the last minute, or the whole window (RFC 8216bis 4.4, 6.2).
 * It never lists a Segment that is not whole. Invariant: a published line never changes; only the front is removed.
 */
import type { CommittedSegment, PartRecord, Period, Presentation, SegmentRecord, Track } from '../model.ts';
import { headerText, type PartLine, type SegmentLine, type ServerControl, segmentText } from './playlist-text.ts';

/** bis 4.4.3.8: HOLD-BACK is at least three target durations; Apple HLS 14.3: PART-HOLD-BACK at least three part targets. */
export const HOLD_BACK_TARGETS = 3;
/** Segments are joined in blocks of this many numbers whose text is kept, so a long window costs one line per update. */
const BLOCK = 64;

export interface MediaWindow {
  /** The newest Segments lasting at least this long are listed; Infinity lists all. */
  readonly listedMs: number;
  /** Requests for what comes next are held: EXT-X-SERVER-CONTROL says so (RFC 8216bis 4.4.3.8; it needs no parts). */
  readonly isBlocking?: boolean;
}

const lineTexts = new WeakMap<SegmentRecord, string>();
const blockTexts = new WeakMap<SegmentRecord, string>();

/** The playlist's text, or undefined when the newest Segment does not have this Track. Links are relative to the playlist. */
export function renderMediaPlaylist(
  presentation: Presentation,
  trackId: string,
  window: MediaWindow,
): string | undefined {
  const listed = listedOf(presentation, trackId, window);
  const first = listed[0];
  const newest = listed.at(-1);
  if (first === undefined || newest === undefined) return undefined;
  const pieces = [
    headerText({
      // RFC 8216bis 4.4.3.1: each EXTINF rounded to the nearest integer is at most the target; it never changes.
      targetDuration: targetDurationOf(first.period),
      mediaSequence: first.number,
      // RFC 8216bis 4.4.3.3: counts the EXT-X-DISCONTINUITY tags that have left; a Period's ordinal is that count, plus one.
      discontinuitySequence: first.period.ordinal,
      serverControl: window.isBlocking && !presentation.ended ? controlOf(targetDurationOf(first.period)) : undefined,
      hasGap: hasGap(listed),
    }),
  ];
  let previous: CommittedSegment | undefined;
  for (let i = 0; i < listed.length; ) {
    const segment = listed[i];
    if (segment === undefined) break;
    const block =
      segment.number % BLOCK === 0 && previous?.period === segment.period ? blockAt(listed, i, trackId) : undefined;
    if (block !== undefined) {
      pieces.push(block);
      previous = listed[i + BLOCK - 1];
      i += BLOCK;
      continue;
    }
    pieces.push(
      previous?.period === segment.period ? lineOf(segment, trackId) : firstLineOf(segment, trackId, previous),
    );
    previous = segment;
    i++;
  }
  if (presentation.ended) pieces.push('#EXT-X-ENDLIST\n');
  return pieces.join('');
}

/** What a player keeps without EXT-X-SERVER-CONTROL, too. */
function controlOf(targetDuration: number): ServerControl {
  return {
    canSkipUntil: undefined,
    holdBack: HOLD_BACK_TARGETS * targetDuration,
    partHoldBack: undefined,
    partTarget: undefined,
  };
}

/** The lines as data, for the whole-playlist oracle. */
export function mediaLines(presentation: Presentation, trackId: string, window: MediaWindow): SegmentLine[] {
  const listed = listedOf(presentation, trackId, window);
  return listed.map((segment, i) => {
    const isFirstOfPeriod = listed[i - 1]?.period !== segment.period;
    return {
      ...segmentLine(segment, trackId),
      mapUri: isFirstOfPeriod ? mapUriOf(segment, trackId) : undefined,
      isDiscontinuity: i > 0 && isFirstOfPeriod,
    };
  });
}

/**
 * RFC 8216bis 4.4.3.2: numbers count the lines, so a Track that was withdrawn and came back lists what follows the hole.
 */
export function listedOf(
  presentation: Presentation,
  trackId: string,
  window: MediaWindow,
): readonly CommittedSegment[] {
  const listed = listedSegments(presentation, window.listedMs);
  return listed.slice(listed.findLastIndex((segment) => !segment.tracks.has(trackId)) + 1);
}

function listedSegments(presentation: Presentation, listedMs: number): readonly CommittedSegment[] {
  const { segments } = presentation;
  const edgeMs = segments.at(-1)?.endMs ?? 0;
  if (!Number.isFinite(listedMs)) return segments;
  const from = segments.findIndex((segment) => segment.endMs > edgeMs - listedMs);
  return from <= 0 ? segments : segments.slice(from);
}

/** A gap is one in all Tracks. */
export function hasGap(listed: readonly CommittedSegment[]): boolean {
  return listed.some(({ source }) => source === 'gap');
}

export function targetDurationOf({ grid }: Period): number {
  return Math.round(grid.segmentMs / 1000);
}

function blockAt(listed: readonly CommittedSegment[], at: number, trackId: string): string | undefined {
  const first = listed[at];
  const last = listed[at + BLOCK - 1];
  const record = first?.tracks.get(trackId);
  if (first === undefined || last === undefined || record === undefined || last.period !== first.period)
    return undefined;
  const cached = blockTexts.get(record);
  if (cached !== undefined) return cached;
  const text = listed
    .slice(at, at + BLOCK)
    .map((segment) => lineOf(segment, trackId))
    .join('');
  blockTexts.set(record, text);
  return text;
}

export function lineOf(segment: CommittedSegment, trackId: string): string {
  const record = recordOf(segment, trackId);
  const cached = lineTexts.get(record);
  if (cached !== undefined) return cached;
  const text = segmentText(segmentLine(segment, trackId));
  lineTexts.set(record, text);
  return text;
}

/** RFC 8216bis 4.4.4.5: EXT-X-MAP applies until the next one, so the first listed Segment and each Period state theirs. */
function firstLineOf(segment: CommittedSegment, trackId: string, previous: CommittedSegment | undefined): string {
  return segmentText({
    ...segmentLine(segment, trackId),
    mapUri: mapUriOf(segment, trackId),
    // RFC 8216bis 4.4.4.3: required where the CMAF header changes.
    isDiscontinuity: previous !== undefined,
  });
}

export function segmentLine(segment: CommittedSegment, trackId: string): SegmentLine {
  const record = recordOf(segment, trackId);
  return {
    uri: `${record.gen}/${record.number}.m4s`,
    durationSeconds: secondsOf(record.durationTicks, record.timescale),
    programDateTimeMs: dateOf(record.startTicks, record.timescale),
    mapUri: undefined,
    isDiscontinuity: false,
    // RFC 8216bis 4.4.4.7: its EXTINF and date hold, clients pass over it in real time.
    isGap: record.source === 'gap',
    parts: [],
  };
}

export function recordOf(segment: CommittedSegment, trackId: string): SegmentRecord {
  const record = segment.tracks.get(trackId);
  if (record === undefined) throw new RangeError(`segment ${segment.number} has no track ${trackId}`);
  return record;
}

export function mapUriOf({ period }: { readonly period: Period }, trackId: string): string {
  return `${period.gen}/init-${trackOf(period, trackId).initHash}.mp4`;
}

function trackOf(period: Period, trackId: string): Track {
  const track = period.tracks.find((candidate) => candidate.id === trackId);
  if (track === undefined) throw new RangeError(`period ${period.id} has no track ${trackId}`);
  return track;
}

/** Rounded to 5 decimals, as EXTINF and DURATION are written. */
export function secondsOf(ticks: number, timescale: number): number {
  return Math.round((ticks / timescale) * 1e5) / 1e5;
}

/** EXT-X-PROGRAM-DATE-TIME of absolute media time, UTC ms. */
export function dateOf(startTicks: number, timescale: number): number {
  return Math.round((startTicks / timescale) * 1000);
}

/** The parts of `number`, whole or open, as lines. */
export function partLines(gen: string, number: number, parts: readonly PartRecord[], timescale: number): PartLine[] {
  return parts.map(({ durationTicks, isIndependent }, part) => ({
    uri: partUri(gen, number, part),
    durationSeconds: secondsOf(durationTicks, timescale),
    isIndependent,
  }));
}

export function partUri(gen: string, number: number, part: number): string {
  return `${gen}/${number}.${part}.m4s`;
}
