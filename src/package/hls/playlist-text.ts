/**
 * The one place that calls hls-parser: a playlist object in, lines out.
 * It never renders a whole live playlist at once: hls-parser scans all earlier lines for each new one, so long windows
 * would take quadratic time. Invariant: header and each Segment rendered alone, joined, equal the whole rendered at once.
 */
import HLS from 'hls-parser';

// Process-wide options of hls-parser: strict, and no console output of its own.
HLS.setOptions({
  strictMode: true,
  silent: true,
  allowClosedCaptionsNone: true,
});

const {
  MasterPlaylist,
  MediaInitializationSection,
  MediaPlaylist,
  PartialSegment,
  Rendition,
  RenditionReport,
  Segment,
  Variant,
} = HLS.types;

export { MasterPlaylist, Rendition, Variant };

/** An EXT-X-PART. */
export interface PartLine {
  readonly uri: string;
  /** Rounded to 5 decimals. */
  readonly durationSeconds: number;
  readonly isIndependent: boolean;
}

export interface SegmentLine {
  readonly uri: string;
  /** Rounded to 5 decimals. */
  readonly durationSeconds: number;
  readonly programDateTimeMs: number;
  readonly mapUri: string | undefined;
  readonly isDiscontinuity: boolean;
  /** There is nothing behind its URI that clients should load. */
  readonly isGap: boolean;
  /** Listed before EXTINF; empty lists none. */
  readonly parts: readonly PartLine[];
}

/** The Segment at the edge: no EXTINF and no URI yet, and what comes next. */
export interface OpenLine {
  /** undefined says nothing but the hint. */
  readonly programDateTimeMs: number | undefined;
  readonly mapUri: string | undefined;
  readonly isDiscontinuity: boolean;
  readonly parts: readonly PartLine[];
  readonly hintUri: string;
}

/** An EXT-X-RENDITION-REPORT. */
export interface ReportLine {
  readonly uri: string;
  readonly lastMsn: number;
  readonly lastPart: number | undefined;
}

/** What EXT-X-SERVER-CONTROL and EXT-X-PART-INF say, in seconds; without parts HOLD-BACK alone. */
export interface ServerControl {
  readonly canSkipUntil: number | undefined;
  readonly holdBack: number;
  readonly partHoldBack: number | undefined;
  readonly partTarget: number | undefined;
}

export interface MediaHeader {
  readonly targetDuration: number;
  readonly mediaSequence: number;
  readonly discontinuitySequence: number;
  /** Of a live playlist that may be asked for with delivery directives. */
  readonly serverControl?: ServerControl | undefined;
  /** Segments that EXT-X-SKIP stands for; 0 in a full playlist. */
  readonly skipped?: number;
  /** An EXT-X-GAP is listed. */
  readonly hasGap?: boolean;
}

/** EXT-X-MAP without EXT-X-I-FRAMES-ONLY needs protocol version 6 (RFC 8216bis section 8); nothing in a full playlist needs more. */
export const PLAYLIST_VERSION = 6;
/** RFC 8216bis section 8: EXT-X-SKIP needs protocol version 9. */
const DELTA_VERSION = 9;
/** Section 8 does not name EXT-X-GAP, but the tag came with version 8, and hls-parser in strict mode wants it. */
const GAP_VERSION = 8;

function segmentOf(line: SegmentLine): InstanceType<typeof Segment> {
  return new Segment({
    uri: line.uri,
    duration: line.durationSeconds,
    discontinuity: line.isDiscontinuity,
    gap: line.isGap,
    map: line.mapUri === undefined ? undefined : new MediaInitializationSection({ uri: line.mapUri }),
    programDateTime: new Date(line.programDateTimeMs),
    parts: line.parts.map(partOf),
  });
}

function partOf({ uri, durationSeconds, isIndependent }: PartLine): InstanceType<typeof PartialSegment> {
  return new PartialSegment({ hint: false, uri, duration: durationSeconds, independent: isIndependent });
}

function playlistOf(header: MediaHeader, segments: InstanceType<typeof Segment>[], endlist: boolean) {
  const { serverControl, skipped = 0, hasGap = false } = header;
  return new MediaPlaylist({
    version: skipped > 0 ? DELTA_VERSION : hasGap ? GAP_VERSION : PLAYLIST_VERSION,
    targetDuration: header.targetDuration,
    ...(serverControl === undefined ? {} : controlOf(serverControl)),
    skip: skipped,
    mediaSequenceBase: header.mediaSequence,
    discontinuitySequenceBase: header.discontinuitySequence,
    segments,
    endlist,
  });
}

/** hls-parser leaves out what is undefined; its types do not say so. */
function controlOf({ partTarget, ...control }: ServerControl) {
  return {
    lowLatencyCompatibility: { canBlockReload: true, ...control } as {
      canBlockReload: boolean;
      canSkipUntil: number;
      holdBack: number;
      partHoldBack: number;
    },
    ...(partTarget === undefined ? {} : { partTargetDuration: partTarget }),
  };
}

/** Header lines, each ended by a newline. */
export function headerText(header: MediaHeader): string {
  return `${HLS.stringify(playlistOf(header, [], false))}\n`;
}

/** The lines of one Segment, each ended by a newline. */
export function segmentText(line: SegmentLine): string {
  return bodyText({ segments: [segmentOf(line)] });
}

/** The lines of the Segment at the edge and EXT-X-PRELOAD-HINT, each ended by a newline. */
export function openText(line: OpenLine): string {
  return bodyText({ segments: [openSegmentOf(line)] });
}

/** EXT-X-RENDITION-REPORT lines, each ended by a newline; they follow all Segments. */
export function reportsText(reports: readonly ReportLine[]): string {
  return reports.length === 0 ? '' : bodyText({ renditionReports: reports.map(reportOf) });
}

function bodyText(content: Partial<InstanceType<typeof MediaPlaylist>>): string {
  const text = HLS.stringify(new MediaPlaylist({ version: PLAYLIST_VERSION, ...content }));
  const body = text.indexOf('\n', text.indexOf('#EXT-X-VERSION')) + 1;
  return `${text.slice(body)}\n`;
}

function openSegmentOf(line: OpenLine): InstanceType<typeof Segment> {
  const hint = new PartialSegment({ hint: true, uri: line.hintUri });
  return new Segment({
    uri: '',
    discontinuity: line.isDiscontinuity,
    map: line.mapUri === undefined ? undefined : new MediaInitializationSection({ uri: line.mapUri }),
    programDateTime: line.programDateTimeMs === undefined ? undefined : new Date(line.programDateTimeMs),
    parts: [...line.parts.map(partOf), hint],
  } as ConstructorParameters<typeof Segment>[0]);
}

function reportOf({ uri, lastMsn, lastPart }: ReportLine): InstanceType<typeof RenditionReport> {
  return new RenditionReport({ uri, lastMSN: lastMsn, lastPart } as ConstructorParameters<typeof RenditionReport>[0]);
}

/** The same playlist rendered at once: the oracle that tests compare with. */
export function wholePlaylistText(
  header: MediaHeader,
  lines: readonly SegmentLine[],
  edge?: { readonly open: OpenLine; readonly reports: readonly ReportLine[] },
): string {
  const segments = [...lines.map(segmentOf), ...(edge === undefined ? [] : [openSegmentOf(edge.open)])];
  const playlist = playlistOf(header, segments, false);
  playlist.renditionReports = (edge?.reports ?? []).map(reportOf);
  return `${HLS.stringify(playlist)}\n`;
}

export function multivariantText(playlist: InstanceType<typeof MasterPlaylist>): string {
  return `${HLS.stringify(playlist)}\n`;
}
