/**
 * The live media playlist of a Channel with parts: the Segments as ever, parts near the edge, the Segment at the edge part by
 * part, a hint of what comes next and where the other playlists are (RFC 8216bis 4.4.4.9, 4.4.5, 6.2.5.1, appendix B).
 * It never lists a part that is not published. Invariant: EXT-X-SERVER-CONTROL is a function of the Grid and the settings alone,
 * so it is the same in all playlists and for ever (4.4.3.8).
 */
import { AUDIO_RATE, audioStart, partTargetSeconds, videoStartTicks } from '../grid.ts';
import { type CommittedSegment, indexOf, type Period, type Presentation, type SegmentRecord } from '../model.ts';
import { listedTracks } from './listed-tracks.ts';
import {
  dateOf,
  HOLD_BACK_TARGETS,
  hasGap,
  lineOf,
  listedOf,
  type MediaWindow,
  mapUriOf,
  partLines,
  partUri,
  recordOf,
  secondsOf,
  segmentLine,
  targetDurationOf,
} from './media-playlist.ts';
import {
  headerText,
  type MediaHeader,
  type OpenLine,
  openText,
  type ReportLine,
  reportsText,
  type SegmentLine,
  type ServerControl,
  segmentText,
} from './playlist-text.ts';

export interface LowLatencyWindow extends MediaWindow {
  /** A delta update is asked for (`_HLS_skip`). Where there is nothing to skip, the full playlist is the answer. */
  readonly isDelta: boolean;
}

/** bis 4.4.3.8: CAN-SKIP-UNTIL is at least six target durations. */
const SKIP_TARGETS = 6;
/** bis 4.4.4.9: parts farther than this from the end of the playlist should not be listed. */
const PART_TARGETS = 3;

const linesWithParts = new WeakMap<SegmentRecord, string>();

/** The playlist's text, or undefined when the newest whole Segment does not have this Track. Links are relative to the playlist. */
export function renderLowLatencyPlaylist(
  presentation: Presentation,
  trackId: string,
  window: LowLatencyWindow,
): string | undefined {
  const view = viewOf(presentation, trackId, window);
  if (view === undefined) return undefined;
  const { listed, header, open, reports } = view;
  const skipped = header.skipped ?? 0;
  const lines = listed.slice(skipped).map((segment, i) => textOf(view, segment, i, trackId));
  const edge = presentation.ended
    ? '#EXT-X-ENDLIST\n'
    : (open === undefined ? '' : openText(open)) + reportsText(reports);
  return headerText(header) + lines.join('') + edge;
}

/** The same as data, for the whole-playlist oracle. */
export function lowLatencyLines(presentation: Presentation, trackId: string, window: LowLatencyWindow) {
  const view = viewOf(presentation, trackId, window);
  if (view === undefined) return undefined;
  const shown = view.listed.slice(view.header.skipped ?? 0);
  return {
    header: view.header,
    lines: shown.map((segment, i) => lineWith(view, segment, i, trackId)),
    open: view.open,
    reports: view.reports,
  };
}

interface View {
  readonly listed: readonly CommittedSegment[];
  readonly header: MediaHeader;
  readonly withPartsFromMs: number;
  readonly partTarget: number;
  readonly open: OpenLine | undefined;
  readonly reports: readonly ReportLine[];
}

function viewOf(presentation: Presentation, trackId: string, window: LowLatencyWindow): View | undefined {
  const listed = listedOf(presentation, trackId, window);
  const [first, newest] = [listed[0], listed.at(-1)];
  if (first === undefined || newest === undefined) return undefined;
  const { ended } = presentation;
  const { grid } = newestPeriod(presentation, newest);
  const targetDuration = targetDurationOf(first.period);
  const partTarget = partTargetSeconds(grid);
  const serverControl = serverControlOf(partTarget, targetDuration, window.listedMs);
  return {
    listed,
    header: {
      targetDuration,
      mediaSequence: first.number,
      discontinuitySequence: first.period.ordinal,
      hasGap: hasGap(listed),
      // bis 6.2.5.2: after EXT-X-ENDLIST delivery directives are ignored.
      serverControl: ended ? undefined : serverControl,
      skipped: window.isDelta && !ended ? skippedOf(listed, trackId, serverControl.canSkipUntil) : 0,
    },
    // Strictly: with the Segment at the edge that is two whole ones. hls-parser counts Segments and refuses a fourth with parts.
    withPartsFromMs: ended
      ? Number.POSITIVE_INFINITY
      : newest.endMs + openMs(presentation, trackId) - PART_TARGETS * targetDuration * 1000,
    partTarget,
    open: ended ? undefined : openLine(presentation, trackId, newest),
    reports: ended ? [] : reportLines(presentation, trackId, newest, window.listedMs),
  };
}

/**
 * bis 4.4.5.2: a delta update skips what is farther than CAN-SKIP-UNTIL from the end of the newest whole Segment, as clients add it
 * up. Six audio Segments of 2 s may be some ms shorter than 12 s, then seven stay.
 */
function skippedOf(listed: readonly CommittedSegment[], trackId: string, untilSeconds: number | undefined): number {
  if (untilSeconds === undefined) return 0;
  let seconds = 0;
  const last = listed.findLastIndex((segment) => {
    const isSkipped = seconds >= untilSeconds - 1e-9;
    const { durationTicks, timescale } = recordOf(segment, trackId);
    seconds += secondsOf(durationTicks, timescale);
    return isSkipped;
  });
  return last + 1;
}

function newestPeriod({ open }: Presentation, newest: CommittedSegment): Period {
  return open?.period ?? newest.period;
}

/** CAN-SKIP-UNTIL only where playlists are longer than that; the listed window is the same for all Tracks. */
function serverControlOf(partTarget: number, targetDuration: number, listedMs: number): ServerControl {
  const canSkipUntil = SKIP_TARGETS * targetDuration;
  return {
    canSkipUntil: listedMs > canSkipUntil * 1000 ? canSkipUntil : undefined,
    holdBack: HOLD_BACK_TARGETS * targetDuration,
    partHoldBack: Math.round(HOLD_BACK_TARGETS * partTarget * 1e5) / 1e5,
    partTarget,
  };
}

/** How far the published parts of this Track reach beyond the newest whole Segment. */
function openMs({ open }: Presentation, trackId: string): number {
  const ticks = (open?.tracks.get(trackId) ?? []).reduce((sum, part) => sum + part.durationTicks, 0);
  return open === undefined ? 0 : (ticks / timescaleOf(open.period, trackId)) * 1000;
}

function textOf(view: View, segment: CommittedSegment, i: number, trackId: string): string {
  const line = lineWith(view, segment, i, trackId);
  if (line.mapUri !== undefined) return segmentText(line);
  if (line.parts.length === 0) return lineOf(segment, trackId);
  const record = recordOf(segment, trackId);
  const cached = linesWithParts.get(record);
  if (cached !== undefined) return cached;
  const text = segmentText(line);
  linesWithParts.set(record, text);
  return text;
}

/**
 * Line i of those shown. The first one states its EXT-X-MAP, also after EXT-X-SKIP, which stands for the one before: a client
 * remembers it (bis 4.4.5.2), but Shaka leaves Segments of a delta update without a CMAF header. A MAP may be said again.
 */
function lineWith(view: View, segment: CommittedSegment, i: number, trackId: string): SegmentLine {
  const { listed, header, withPartsFromMs, partTarget } = view;
  const previous = listed[(header.skipped ?? 0) + i - 1];
  const isOther = previous?.period !== segment.period;
  const { period, number, endMs } = segment;
  const record = recordOf(segment, trackId);
  // Of another part grid: its parts are no measure of this PART-TARGET.
  const hasParts = endMs - period.grid.segmentMs > withPartsFromMs && partTargetSeconds(period.grid) === partTarget;
  return {
    ...segmentLine(segment, trackId),
    mapUri: i === 0 || isOther ? mapUriOf(segment, trackId) : undefined,
    isDiscontinuity: previous !== undefined && isOther,
    parts: hasParts ? partLines(record.gen, number, record.parts, record.timescale) : [],
  };
}

/**
 * bis 4.4.4.9: EXT-X-MAP, EXT-X-DISCONTINUITY and EXT-X-PROGRAM-DATE-TIME of a Segment come before its first part.
 * bis 4.4.5.3: the hint is the URI that the next EXT-X-PART will have. A Track that the open Period does not have has no next.
 */
function openLine(presentation: Presentation, trackId: string, newest: CommittedSegment): OpenLine | undefined {
  const period = newestPeriod(presentation, newest);
  if (!period.tracks.some(({ id }) => id === trackId)) return undefined;
  const { open } = presentation;
  if (open === undefined) {
    const hintUri = partUri(period.gen, newest.number + 1, 0);
    return { programDateTimeMs: undefined, mapUri: undefined, isDiscontinuity: false, parts: [], hintUri };
  }
  const parts = open.tracks.get(trackId) ?? [];
  const timescale = timescaleOf(period, trackId);
  const isOther = newest.period !== period;
  const isFull = parts.length >= period.grid.partsPerSegment;
  return {
    programDateTimeMs: dateOf(startTicksOf(period, open.number, trackId), timescale),
    mapUri: isOther ? mapUriOf(open, trackId) : undefined,
    isDiscontinuity: isOther,
    parts: partLines(period.gen, open.number, parts, timescale),
    hintUri: isFull ? partUri(period.gen, open.number + 1, 0) : partUri(period.gen, open.number, parts.length),
  };
}

/** bis 4.4.5.4, B.1: one for each other media playlist, true when it is written. */
function reportLines(
  presentation: Presentation,
  trackId: string,
  newest: CommittedSegment,
  listedMs: number,
): ReportLine[] {
  const { open } = presentation;
  return listedTracks(presentation, listedMs)
    .filter(({ id }) => id !== trackId)
    .map(({ id }) => {
      const uri = `../${id}/media.m3u8`;
      const published = open?.tracks.get(id)?.length ?? 0;
      if (open !== undefined && published > 0) return { uri, lastMsn: open.number, lastPart: published - 1 };
      const whole = newest.tracks.get(id)?.parts.length ?? 0;
      return { uri, lastMsn: newest.number, lastPart: whole > 0 ? whole - 1 : undefined };
    });
}

function isVideo(period: Period, trackId: string): boolean {
  return period.tracks.some(({ id, kind }) => id === trackId && kind === 'video');
}

function timescaleOf(period: Period, trackId: string): number {
  return isVideo(period, trackId) ? period.grid.videoTimescale : AUDIO_RATE;
}

function startTicksOf(period: Period, number: number, trackId: string): number {
  const index = indexOf(period, number);
  return isVideo(period, trackId) ? videoStartTicks(period.grid, index) : audioStart(period.grid, index);
}
