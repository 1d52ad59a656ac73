/**
 * Rules on what may change between two reloads of one media playlist (RFC 8216bis 6.2.1, 6.2.2).
 * Pure; compares neighbouring snapshots only, so memory let go in between makes it lenient, never wrong.
 */
import { found } from './catalogue.ts';
import { DATE_TOLERANCE_MS, pairs, type ReadSnapshot, targetDurationS } from './hls-read.ts';
import { type HlsPlaylist, type HlsSegment, segmentDates } from './hls-text.ts';
import type { Finding } from './model.ts';

export function judgeUpdates(reads: readonly ReadSnapshot[]): readonly Finding[] {
  return [...pairs(reads).flatMap(([before, after]) => judgePair(before, after)), ...judgeAdvance(reads)];
}

function judgePair(before: ReadSnapshot, after: ReadSnapshot): readonly Finding[] {
  const { url } = after.snapshot;
  const [old, now] = [before.playlist, after.playlist];
  // bis 4.4.3.4, 6.2.1: after EXT-X-ENDLIST the playlist does not change any more
  if (old.endList && before.snapshot.text !== after.snapshot.text)
    return [found('hls.endlist-final', { url }, 'The playlist changed after EXT-X-ENDLIST.')];
  const findings: Finding[] = [];
  const [oldTarget, target] = [targetDurationS(old), targetDurationS(now)];
  // bis 4.4.3.1: the value "MUST NOT change"
  if (oldTarget !== undefined && target !== undefined && oldTarget !== target)
    findings.push(
      found('hls.target-duration-constant', { url }, `EXT-X-TARGETDURATION went from ${oldTarget} to ${target}.`),
    );
  const oldDsn = old.discontinuitySequence?.value ?? 0;
  const dsn = now.discontinuitySequence?.value ?? 0;
  if (dsn < oldDsn)
    findings.push(
      found(
        'hls.dsn-monotonic',
        { url, line: now.discontinuitySequence?.line },
        `EXT-X-DISCONTINUITY-SEQUENCE went from ${oldDsn} to ${dsn}.`,
      ),
    );
  const oldMsn = old.mediaSequence?.value ?? 0;
  const msn = now.mediaSequence?.value ?? 0;
  // bis 4.4.3.2: never decreases
  if (msn < oldMsn)
    return [
      ...findings,
      found(
        'hls.msn-monotonic',
        { url, line: now.mediaSequence?.line },
        `EXT-X-MEDIA-SEQUENCE went from ${oldMsn} to ${msn}.`,
      ),
    ];
  const shifted = judgeNumbers(url, old, now);
  if (shifted.length > 0) return [...findings, ...shifted];
  const lines = judgeLines(url, old, now);
  // a discontinuity that was added or taken away moves all numbers after it: one fault, one finding
  const counts = dsn < oldDsn || lines.length > 0 ? [] : judgeDsn(url, old, now);
  return [...findings, ...judgeType(url, old, now), ...lines, ...counts, ...judgeDrift(url, old, now)];
}

const nameOf = (segment: HlsSegment): string => `${segment.uri} ${segment.byteRange ?? ''}`;

/** A segment keeps its number: the same URI under another MSN means removals were not counted. */
function judgeNumbers(url: string, old: HlsPlaylist, now: HlsPlaylist): Finding[] {
  const numbers = new Map(old.segments.map((segment) => [nameOf(segment), segment.msn]));
  if (numbers.size < old.segments.length) return [];
  const moved = now.segments.find((segment) => {
    const before = numbers.get(nameOf(segment));
    return before !== undefined && before !== segment.msn;
  });
  if (moved === undefined) return [];
  return [
    found(
      'hls.msn-counts',
      { url, line: moved.line },
      `"${moved.uri}" had media sequence number ${numbers.get(nameOf(moved))} and now has ${moved.msn}.`,
    ),
  ];
}

function judgeType(url: string, old: HlsPlaylist, now: HlsPlaylist): Finding[] {
  const removed = (now.segments[0]?.msn ?? 0) > (old.segments[0]?.msn ?? 0);
  // bis 6.2.1: EXT-X-PLAYLIST-TYPE "MUST NOT" be in a playlist that segments are removed from
  return removed && now.playlistType !== undefined
    ? [
        found(
          'hls.playlist-type',
          { url, line: now.playlistType.line },
          `Segments are removed from a playlist of EXT-X-PLAYLIST-TYPE:${now.playlistType.value}.`,
        ),
      ]
    : [];
}

function judgeLines(url: string, old: HlsPlaylist, now: HlsPlaylist): Finding[] {
  const current = new Map(now.segments.map((segment) => [segment.msn, segment]));
  const firstMsn = now.segments[0]?.msn ?? Number.POSITIVE_INFINITY;
  return old.segments.flatMap((segment) => {
    const same = current.get(segment.msn);
    if (same === undefined && segment.msn > firstMsn)
      return [found('hls.immutable', { url }, `Segment ${segment.msn} was withdrawn from the end of the playlist.`)];
    const change = same === undefined ? undefined : changeOf(segment, same, same.msn === firstMsn);
    return change === undefined
      ? []
      : [found('hls.immutable', { url, line: same?.line }, `Segment ${segment.msn}: ${change}.`)];
  });
}

/** bis 6.2.1: what was said of a segment stays. A date or a map may be stated anew at the head of the window. */
function changeOf(old: HlsSegment, now: HlsSegment, isHead: boolean): string | undefined {
  if (nameOf(old) !== nameOf(now)) return `URI went from "${old.uri}" to "${now.uri}"`;
  if (old.durationText !== now.durationText)
    return `EXTINF went from ${old.durationText ?? 'nothing'} to ${now.durationText ?? 'nothing'}`;
  // the tag before the head may go with the segment it parted from; that it is counted is judgeDsn's
  const parted = isHead && old.discontinuity && !now.discontinuity;
  if (old.discontinuity !== now.discontinuity && !parted)
    return `EXT-X-DISCONTINUITY was ${now.discontinuity ? 'added' : 'removed'}`;
  if (old.gap !== now.gap) return `EXT-X-GAP was ${now.gap ? 'added' : 'removed'}`;
  if (old.map?.uri !== now.map?.uri) return `EXT-X-MAP went from "${old.map?.uri ?? ''}" to "${now.map?.uri ?? ''}"`;
  if (old.pdtText !== undefined && now.pdtText !== undefined && old.pdtText !== now.pdtText)
    return `EXT-X-PROGRAM-DATE-TIME went from ${old.pdtText} to ${now.pdtText}`;
  return undefined;
}

function judgeDsn(url: string, old: HlsPlaylist, now: HlsPlaylist): Finding[] {
  // bis 4.4.5.2: EXT-X-SKIP may stand for EXT-X-DISCONTINUITY tags too, which are then counted by nobody
  if (old.skip !== undefined || now.skip !== undefined) return [];
  const before = new Map(old.segments.map((segment) => [segment.msn, segment]));
  const wrong = now.segments.find((segment) => {
    const same = before.get(segment.msn);
    return same !== undefined && same.dsn !== segment.dsn;
  });
  // bis 6.2.2: "The server MUST increment the value of the EXT-X-DISCONTINUITY-SEQUENCE tag by one" for each EXT-X-DISCONTINUITY removed
  if (wrong === undefined) return [];
  return [
    found(
      'hls.dsn-counts',
      { url, line: now.discontinuitySequence?.line },
      `Segment ${wrong.msn} was in discontinuity ${before.get(wrong.msn)?.dsn} and is now in ${wrong.dsn}.`,
    ),
  ];
}

function judgeDrift(url: string, old: HlsPlaylist, now: HlsPlaylist): Finding[] {
  const dates = segmentDates(old);
  const before = new Map(old.segments.map((segment, index) => [segment.msn, dates[index]]));
  const after = segmentDates(now);
  const drifted = now.segments.findIndex((segment, index) => {
    const [was, is] = [before.get(segment.msn), after[index]];
    return (
      was !== undefined && is !== undefined && segment.pdtText === undefined && Math.abs(was - is) > DATE_TOLERANCE_MS
    );
  });
  const segment = now.segments[drifted];
  if (segment === undefined) return [];
  const byMs = Math.round((after[drifted] ?? 0) - (before.get(segment.msn) ?? 0));
  return [
    found(
      'hls.pdt-consistent',
      { url, line: segment.line },
      `The date of segment ${segment.msn} moved by ${byMs} ms between two reloads.`,
    ),
  ];
}

/** bis 6.2.2: a new segment within 1.5 target durations. What is measured is a lower bound: from the first answer to the last request with the same newest segment. */
function judgeAdvance(reads: readonly ReadSnapshot[]): readonly Finding[] {
  const findings: Finding[] = [];
  let start: ReadSnapshot | undefined;
  let previous: ReadSnapshot | undefined;
  for (const read of reads) {
    const newest = read.playlist.segments.at(-1)?.msn;
    const continues =
      previous !== undefined &&
      read.snapshot.index === previous.snapshot.index + 1 &&
      previous.playlist.segments.at(-1)?.msn === newest;
    start = continues ? start : read;
    previous = read;
    const target = targetDurationS(read.playlist);
    if (start === undefined || target === undefined || read.playlist.endList) continue;
    const idleS = (read.snapshot.lastSeenMs - start.snapshot.atMs) / 1000;
    if (idleS > 1.5 * target)
      findings.push(
        found(
          'hls.advance',
          { url: read.snapshot.url },
          `No new segment after ${newest ?? 'none'} for at least ${idleS.toFixed(1)} s (1.5 target durations are ${1.5 * target} s).`,
        ),
      );
  }
  return findings;
}
