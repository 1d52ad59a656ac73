/**
 * Rules across the renditions of one presentation (RFC 8216bis 6.2.4, Apple 8.2, 8.15).
 * Pure; compares the latest snapshots, matched by date, never by media sequence number (bis 6.2.4 forbids that to clients).
 */
import { found } from './catalogue.ts';
import { DATE_TOLERANCE_MS, type ReadRendition, type ReadSnapshot, targetDurationS } from './hls-read.ts';
import { type HlsEntry, segmentDates } from './hls-text.ts';
import type { Finding } from './model.ts';

export function judgeRenditions(renditions: readonly ReadRendition[]): readonly Finding[] {
  const latest = renditions
    .filter((rendition) => rendition.kind !== 'subtitles')
    .flatMap((rendition) => rendition.reads.slice(-1));
  const first = latest[0];
  if (first === undefined) return [];
  return latest
    .slice(1)
    .flatMap((other) => [...judgeEqual(first, other), ...judgeAligned(first, other), ...judgeBehind(first, other)]);
}

const written = (entry: HlsEntry | undefined): string =>
  entry === undefined
    ? 'missing'
    : [...entry.attributes.values()]
        .map(({ name, value }) => `${name}=${value}`)
        .sort()
        .join(',');

function judgeEqual(first: ReadSnapshot, other: ReadSnapshot): Finding[] {
  const { url } = other.snapshot;
  const findings: Finding[] = [];
  const [a, b] = [targetDurationS(first.playlist), targetDurationS(other.playlist)];
  if (a !== b && a !== undefined && b !== undefined)
    findings.push(found('hls.target-duration-equal', { url }, `EXT-X-TARGETDURATION is ${b}, elsewhere ${a}.`));
  if (written(first.playlist.serverControl) !== written(other.playlist.serverControl))
    findings.push(
      found(
        'hls.server-control-equal',
        { url },
        `EXT-X-SERVER-CONTROL is ${written(other.playlist.serverControl)}, elsewhere ${written(first.playlist.serverControl)}.`,
      ),
    );
  if (written(first.playlist.partInf) !== written(other.playlist.partInf))
    findings.push(
      found(
        'hls.server-control-equal',
        { url },
        `EXT-X-PART-INF is ${written(other.playlist.partInf)}, elsewhere ${written(first.playlist.partInf)}.`,
      ),
    );
  return findings;
}

interface Dated {
  readonly dateMs: number;
  readonly endMs: number;
  readonly dsn: number;
  readonly line: number;
}

function dated({ playlist }: ReadSnapshot): readonly Dated[] {
  const dates = segmentDates(playlist);
  return playlist.segments.flatMap((segment, index) => {
    const dateMs = dates[index];
    return dateMs === undefined
      ? []
      : [{ dateMs, endMs: dateMs + (segment.durationS ?? 0) * 1000, dsn: segment.dsn, line: segment.line }];
  });
}

function nearest(list: readonly Dated[], dateMs: number): Dated | undefined {
  let best: Dated | undefined;
  for (const item of list)
    if (best === undefined || Math.abs(item.dateMs - dateMs) < Math.abs(best.dateMs - dateMs)) best = item;
  return best;
}

function judgeAligned(first: ReadSnapshot, other: ReadSnapshot): Finding[] {
  const [reference, judged] = [dated(first), dated(other)];
  const [oldest, newest] = [reference[0], reference.at(-1)];
  if (oldest === undefined || newest === undefined) return [];
  const inside = judged.filter(
    (item) => item.dateMs >= oldest.dateMs - DATE_TOLERANCE_MS && item.dateMs <= newest.dateMs + DATE_TOLERANCE_MS,
  );
  const { url } = other.snapshot;
  const off = inside.find(
    (item) => Math.abs((nearest(reference, item.dateMs)?.dateMs ?? 0) - item.dateMs) > DATE_TOLERANCE_MS,
  );
  if (off !== undefined) {
    const byMs = Math.round(off.dateMs - (nearest(reference, off.dateMs)?.dateMs ?? 0));
    return [
      found(
        'hls.renditions-aligned',
        { url, line: off.line },
        `The segment begins ${byMs} ms from the nearest one of ${first.snapshot.url}.`,
      ),
    ];
  }
  const moved = inside.find((item) => nearest(reference, item.dateMs)?.dsn !== item.dsn);
  // bis 4.4.3.3: segments of the same content have the same discontinuity sequence number
  return moved === undefined
    ? []
    : [
        found(
          'hls.dsn-aligned',
          { url, line: moved.line },
          `The segment is in discontinuity ${moved.dsn}, in ${first.snapshot.url} in ${nearest(reference, moved.dateMs)?.dsn}.`,
        ),
      ];
}

function judgeBehind(first: ReadSnapshot, other: ReadSnapshot): Finding[] {
  const [a, b] = [dated(first).at(-1), dated(other).at(-1)];
  const target = targetDurationS(first.playlist);
  if (a === undefined || b === undefined || target === undefined || first.playlist.endList || other.playlist.endList)
    return [];
  const lagMs = other.snapshot.atMs - b.endMs - (first.snapshot.atMs - a.endMs);
  // two texts are read at different moments: one segment of difference is the reader's own
  return Math.abs(lagMs) > 2.5 * target * 1000
    ? [
        found(
          'hls.rendition-behind',
          { url: other.snapshot.url },
          `The newest segment is ${Math.round(lagMs)} ms later than that of ${first.snapshot.url}.`,
        ),
      ]
    : [];
}
