/**
 * Rules on one media playlist (RFC 8216bis 4.4.3, 4.4.4, 6.2.2).
 * Pure; rules on what may change between two reloads are in hls-update-rules, on parts in hls-part-rules.
 */
import { found } from './catalogue.ts';
import { DATE_TOLERANCE_MS, pairs, type ReadSnapshot, targetDurationS } from './hls-read.ts';
import { dateTimeMs, type HlsPlaylist, type HlsSegment } from './hls-text.ts';
import type { Finding } from './model.ts';

/** `usesFmp4` says whether the segments are known to be fMP4 (by their bytes or their names). */
export function judgeMedia(read: ReadSnapshot, usesFmp4: boolean): readonly Finding[] {
  const { snapshot, playlist } = read;
  const { url } = snapshot;
  return [
    ...judgeTargetDuration(url, playlist),
    ...judgeSequences(url, playlist),
    ...(usesFmp4 ? judgeMaps(url, playlist) : []),
    ...judgeDates(url, playlist),
    ...(playlist.endList ? [] : judgeWindow(url, playlist)),
    ...judgeLastModified(read),
    ...judgeGaps(url, playlist),
  ];
}

function judgeTargetDuration(url: string, playlist: HlsPlaylist): Finding[] {
  const [stated, again] = playlist.targetDurations;
  // bis 4.4.3.1: "The EXT-X-TARGETDURATION tag is REQUIRED." 4.4.3: "There MUST NOT be more than one Media Playlist tag of each type"
  if (stated?.value === undefined)
    return [
      found(
        'hls.target-duration',
        { url, line: stated?.line },
        'EXT-X-TARGETDURATION is missing or not a whole number.',
      ),
    ];
  const findings =
    again === undefined
      ? []
      : [found('hls.target-duration', { url, line: again.line }, 'EXT-X-TARGETDURATION appears twice.')];
  const target = stated.value;
  // bis 4.4.3.1: "The EXTINF duration of each Media Segment in the Playlist file, when rounded to the nearest integer, MUST be less than or equal to the Target Duration."
  for (const segment of playlist.segments) {
    if (segment.durationS !== undefined && Math.round(segment.durationS) > target)
      findings.push(
        found(
          'hls.extinf-over-target',
          { url, line: segment.line },
          `EXTINF ${segment.durationText} rounds to more than the target duration ${target}.`,
        ),
      );
  }
  return findings;
}

function judgeSequences(url: string, playlist: HlsPlaylist): Finding[] {
  const findings: Finding[] = [];
  const firstLine = playlist.segments[0]?.line ?? Number.POSITIVE_INFINITY;
  const firstBreak = playlist.tags.find((tag) => tag.name === 'EXT-X-DISCONTINUITY')?.line ?? Number.POSITIVE_INFINITY;
  const { mediaSequence, discontinuitySequence } = playlist;
  if (mediaSequence !== undefined && mediaSequence.line > firstLine)
    findings.push(
      found(
        'hls.media-sequence',
        { url, line: mediaSequence.line },
        'EXT-X-MEDIA-SEQUENCE comes after the first segment.',
      ),
    );
  if (mediaSequence === undefined && !playlist.endList)
    findings.push(found('hls.media-sequence', { url }, 'A live playlist has no EXT-X-MEDIA-SEQUENCE.'));
  // Apple 8.17; bis 4.4.3.3: "MUST appear before the first Media Segment in the Playlist" and before any EXT-X-DISCONTINUITY
  if (discontinuitySequence === undefined && !playlist.endList)
    findings.push(found('hls.dsn-present', { url }, 'A live playlist has no EXT-X-DISCONTINUITY-SEQUENCE.'));
  if (discontinuitySequence !== undefined && discontinuitySequence.line > Math.min(firstLine, firstBreak))
    findings.push(
      found(
        'hls.dsn-present',
        { url, line: discontinuitySequence.line },
        'EXT-X-DISCONTINUITY-SEQUENCE comes after the first segment or discontinuity.',
      ),
    );
  return findings;
}

const mapKey = (segment: HlsSegment): string => `${segment.map?.uri} ${segment.map?.byteRange ?? ''}`;

function judgeMaps(url: string, playlist: HlsPlaylist): Finding[] {
  const bare = playlist.segments.find((segment) => !segment.gap && segment.map?.uri === undefined);
  // bis 3.1.2: fMP4 segments need the Media Initialization Section that EXT-X-MAP names
  if (bare !== undefined)
    return [found('hls.map', { url, line: bare.line }, 'An fMP4 segment has no EXT-X-MAP before it.')];
  return pairs(playlist.segments)
    .filter(([before, after]) => mapKey(before) !== mapKey(after) && before.map !== undefined && !after.discontinuity)
    .map(([, after]) =>
      found(
        'hls.map-discontinuity',
        { url, line: after.map?.line ?? after.line },
        'EXT-X-MAP changes without EXT-X-DISCONTINUITY.',
      ),
    );
}

function judgeDates(url: string, playlist: HlsPlaylist): Finding[] {
  const findings: Finding[] = [];
  for (const segment of playlist.segments) {
    if (segment.pdtText !== undefined && dateTimeMs(segment.pdtText) === undefined)
      findings.push(
        found(
          'hls.pdt',
          { url, line: segment.line },
          `EXT-X-PROGRAM-DATE-TIME "${segment.pdtText}" is not an ISO 8601 date with a zone.`,
        ),
      );
  }
  if (playlist.endList || playlist.segments.length === 0) return findings;
  if (!playlist.segments.some((segment) => segment.pdtText !== undefined))
    return [...findings, found('hls.pdt', { url }, 'A live playlist has no EXT-X-PROGRAM-DATE-TIME.')];
  return [...findings, ...judgeDateSteps(url, playlist)];
}

function judgeDateSteps(url: string, playlist: HlsPlaylist): Finding[] {
  const findings: Finding[] = [];
  let expected: number | undefined;
  let latest = Number.NEGATIVE_INFINITY;
  for (const segment of playlist.segments) {
    const stated = dateTimeMs(segment.pdtText);
    const where = { url, line: segment.line };
    if (stated !== undefined && stated < latest - DATE_TOLERANCE_MS)
      findings.push(
        found(
          'hls.pdt-monotonic',
          where,
          `EXT-X-PROGRAM-DATE-TIME ${segment.pdtText} is before the end of what precedes it.`,
        ),
      );
    else if (
      stated !== undefined &&
      expected !== undefined &&
      !segment.discontinuity &&
      Math.abs(stated - expected) > DATE_TOLERANCE_MS
    ) {
      findings.push(
        found(
          'hls.pdt-consistent',
          where,
          `EXT-X-PROGRAM-DATE-TIME is ${Math.round(stated - expected)} ms from the sum of EXTINF.`,
        ),
      );
    }
    const date = stated ?? expected;
    latest = Math.max(latest, date ?? latest);
    expected = date === undefined || segment.durationS === undefined ? undefined : date + segment.durationS * 1000;
  }
  return findings;
}

function judgeWindow(url: string, playlist: HlsPlaylist): Finding[] {
  const target = targetDurationS(playlist);
  const total = playlist.segments.reduce((sum, segment) => sum + (segment.durationS ?? 0), 0);
  const findings: Finding[] = [];
  // bis 6.2.2: "A Media Playlist without EXT-X-ENDLIST ... MUST NOT remove a Media Segment ... if that would make its duration less than three times the Target Duration"
  if (playlist.skip !== undefined) return findings;
  if (target !== undefined && total < 3 * target - 1e-6)
    findings.push(
      found(
        'hls.window-short',
        { url },
        `The playlist lists ${total.toFixed(3)} s, 3 target durations are ${3 * target} s.`,
      ),
    );
  if (playlist.segments.length < 6)
    findings.push(found('hls.window-six', { url }, `The playlist lists ${playlist.segments.length} segments.`));
  if (playlist.playlistType?.value === 'VOD')
    findings.push(
      found(
        'hls.playlist-type',
        { url, line: playlist.playlistType.line },
        'EXT-X-PLAYLIST-TYPE:VOD in a live playlist.',
      ),
    );
  return findings;
}

function judgeLastModified({ snapshot, playlist }: ReadSnapshot): Finding[] {
  const target = targetDurationS(playlist);
  const modified = Date.parse(snapshot.headers['last-modified'] ?? '');
  const answered = Date.parse(snapshot.headers['date'] ?? '');
  if (playlist.endList || target === undefined || Number.isNaN(modified) || Number.isNaN(answered)) return [];
  const agoS = (answered - modified) / 1000;
  // Apple 8.24; both headers have whole seconds
  return agoS > 3 * target + 1
    ? [found('hls.last-modified', { url: snapshot.url }, `Last-Modified is ${agoS} s before Date.`)]
    : [];
}

function judgeGaps(url: string, playlist: HlsPlaylist): Finding[] {
  const withMedia = playlist.segments
    .filter((segment) => segment.gap && segment.parts.some((part) => !part.gap))
    .map((segment) => found('hls.gap', { url, line: segment.line }, 'The segment is EXT-X-GAP, a part of it is not.'));
  const unsaid = playlist.segments
    .filter((segment) => !segment.gap && segment.parts.length > 0 && segment.parts.every((part) => part.gap))
    .map((segment) =>
      found('hls.gap', { url, line: segment.line }, 'All parts are GAP=YES, the segment is not EXT-X-GAP.'),
    );
  return [...withMedia, ...unsaid];
}
