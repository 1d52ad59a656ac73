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

const { MasterPlaylist, MediaInitializationSection, MediaPlaylist, Rendition, Segment, Variant } = HLS.types;

export { MasterPlaylist, Rendition, Variant };

export interface SegmentLine {
  readonly uri: string;
  /** Rounded to 5 decimals. */
  readonly durationSeconds: number;
  readonly programDateTimeMs: number;
  readonly mapUri: string | undefined;
  readonly isDiscontinuity: boolean;
}

export interface MediaHeader {
  readonly targetDuration: number;
  readonly mediaSequence: number;
  readonly discontinuitySequence: number;
}

/** EXT-X-MAP without EXT-X-I-FRAMES-ONLY needs protocol version 6 (RFC 8216bis section 8); nothing here needs more. */
export const PLAYLIST_VERSION = 6;

function segmentOf(line: SegmentLine): InstanceType<typeof Segment> {
  return new Segment({
    uri: line.uri,
    duration: line.durationSeconds,
    discontinuity: line.isDiscontinuity,
    map: line.mapUri === undefined ? undefined : new MediaInitializationSection({ uri: line.mapUri }),
    programDateTime: new Date(line.programDateTimeMs),
  });
}

function playlistOf(header: MediaHeader, segments: InstanceType<typeof Segment>[], endlist: boolean) {
  return new MediaPlaylist({
    version: PLAYLIST_VERSION,
    targetDuration: header.targetDuration,
    mediaSequenceBase: header.mediaSequence,
    discontinuitySequenceBase: header.discontinuitySequence,
    segments,
    endlist,
  });
}

/** Header lines, each ended by a newline. */
export function headerText(header: MediaHeader): string {
  return `${HLS.stringify(playlistOf(header, [], false))}\n`;
}

/** The lines of one Segment, each ended by a newline. */
export function segmentText(line: SegmentLine): string {
  const playlist = new MediaPlaylist({
    version: PLAYLIST_VERSION,
    segments: [segmentOf(line)],
  });
  const text = HLS.stringify(playlist);
  const body = text.indexOf('\n', text.indexOf('#EXT-X-VERSION')) + 1;
  return `${text.slice(body)}\n`;
}

/** The same playlist rendered at once: the oracle that tests compare with. */
export function wholePlaylistText(header: MediaHeader, lines: readonly SegmentLine[], endlist = false): string {
  return `${HLS.stringify(playlistOf(header, lines.map(segmentOf), endlist))}\n`;
}

export function multivariantText(playlist: InstanceType<typeof MasterPlaylist>): string {
  return `${HLS.stringify(playlist)}\n`;
}
