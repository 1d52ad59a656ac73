/**
 * Rules of Low-Latency HLS: parts, server control, preload hints, delta updates, rendition reports (RFC 8216bis 4.4.3.7, 4.4.3.8,
 * 4.4.4.9, 4.4.5). Pure; a playlist without parts is only judged for its server control and its skip.
 */
import { found } from './catalogue.ts';
import { decimal } from './hls-lines.ts';
import { pairs, type ReadSnapshot, resolveUrl, targetDurationS } from './hls-read.ts';
import type { HlsEntry, HlsPart, HlsPlaylist } from './hls-text.ts';
import type { Finding } from './model.ts';

const number = (entry: HlsEntry | undefined, name: string): number | undefined =>
  decimal(entry?.attributes.get(name)?.value);

export function judgeParts({ snapshot, playlist }: ReadSnapshot, otherUrls: readonly string[]): readonly Finding[] {
  const { url } = snapshot;
  const hasParts = playlist.openParts.length > 0 || playlist.segments.some((segment) => segment.parts.length > 0);
  const target = number(playlist.partInf, 'PART-TARGET');
  const findings: Finding[] = [...judgeServerControl(url, playlist, target)];
  // bis 4.4.3.7: "The EXT-X-PART-INF tag ... is REQUIRED if a Playlist contains one or more EXT-X-PART tags."
  if (hasParts && target === undefined)
    return [
      ...findings,
      found(
        'hls.part-inf',
        { url, line: playlist.partInf?.line },
        'There are parts, but no EXT-X-PART-INF with PART-TARGET.',
      ),
    ];
  if (target !== undefined)
    findings.push(
      ...judgeDurations(url, playlist, target),
      ...judgeSums(url, playlist),
      ...judgeAge(url, playlist),
      ...judgeReports(url, playlist, otherUrls),
      ...judgeProfile(url, playlist),
    );
  return [...findings, ...judgeHints(url, playlist), ...judgeSkip(url, playlist)];
}

/** bis B.1: what a low-latency server does besides listing parts. */
function judgeProfile(url: string, playlist: HlsPlaylist): Finding[] {
  if (playlist.endList) return [];
  const findings: Finding[] = [];
  if (playlist.serverControl?.attributes.get('CAN-BLOCK-RELOAD')?.value !== 'YES')
    findings.push(
      found('hls.block-reload', { url, line: playlist.serverControl?.line }, 'CAN-BLOCK-RELOAD=YES is missing.'),
    );
  if (!playlist.preloadHints.some((hint) => hint.attributes.get('TYPE')?.value === 'PART'))
    findings.push(found('hls.preload-hint-missing', { url }, 'There is no EXT-X-PRELOAD-HINT of TYPE=PART.'));
  return findings;
}

/** bis 4.4.5.2: EXT-X-SKIP replaces segments beyond the Skip Boundary alone; 6.2.5.2: not where there is none, nor after the end. */
function judgeSkip(url: string, playlist: HlsPlaylist): Finding[] {
  const { skip } = playlist;
  if (skip === undefined) return [];
  const wrong = (message: string): Finding[] => [found('hls.delta-skip', { url, line: skip.line }, message)];
  const skipped = number(skip, 'SKIPPED-SEGMENTS');
  const until = number(playlist.serverControl, 'CAN-SKIP-UNTIL');
  if (skipped === undefined || skipped < 1) return wrong('EXT-X-SKIP has no SKIPPED-SEGMENTS of one or more.');
  if (until === undefined) return wrong('EXT-X-SKIP without CAN-SKIP-UNTIL.');
  if (playlist.endList) return wrong('EXT-X-SKIP in an ended playlist.');
  const listedS = playlist.segments.reduce((sum, segment) => sum + (segment.durationS ?? 0), 0);
  // EXTINF is rounded to 5 decimals
  return listedS < until - 1e-5 * playlist.segments.length
    ? wrong(`After EXT-X-SKIP ${listedS.toFixed(3)} s are listed, CAN-SKIP-UNTIL is ${until} s.`)
    : [];
}

function judgeServerControl(url: string, playlist: HlsPlaylist, partTarget: number | undefined): Finding[] {
  const control = playlist.serverControl;
  const where = { url, line: control?.line };
  const target = targetDurationS(playlist);
  const [holdBack, partHoldBack, skip] = ['HOLD-BACK', 'PART-HOLD-BACK', 'CAN-SKIP-UNTIL'].map((name) =>
    number(control, name),
  );
  const findings: Finding[] = [];
  const wrong = (message: string): void => void findings.push(found('hls.server-control', where, message));
  // bis 4.4.3.8: "PART-HOLD-BACK ... is REQUIRED if the Playlist contains the EXT-X-PART-INF tag"; "MUST be at least twice the Part Target Duration"
  if (partTarget !== undefined && partHoldBack === undefined) wrong('EXT-X-PART-INF without PART-HOLD-BACK.');
  if (partTarget !== undefined && partHoldBack !== undefined && partHoldBack < 2 * partTarget - 1e-9)
    wrong(`PART-HOLD-BACK ${partHoldBack} is below 2 x PART-TARGET ${partTarget}.`);
  else if (partTarget !== undefined && partHoldBack !== undefined && partHoldBack < 3 * partTarget - 1e-9)
    findings.push(
      found('hls.part-hold-back', where, `PART-HOLD-BACK ${partHoldBack} is below 3 x PART-TARGET ${partTarget}.`),
    );
  if (target !== undefined && holdBack !== undefined && holdBack < 3 * target)
    wrong(`HOLD-BACK ${holdBack} is below 3 x ${target}.`);
  if (target !== undefined && skip !== undefined && skip < 6 * target)
    wrong(`CAN-SKIP-UNTIL ${skip} is below 6 x ${target}.`);
  if (control?.attributes.get('CAN-SKIP-DATERANGES') !== undefined && skip === undefined)
    wrong('CAN-SKIP-DATERANGES without CAN-SKIP-UNTIL.');
  return findings;
}

function judgeDurations(url: string, playlist: HlsPlaylist, target: number): Finding[] {
  const groups: readonly (readonly HlsPart[])[] = [
    ...playlist.segments.map((segment) => segment.parts),
    playlist.openParts,
  ];
  return groups.flatMap((parts) =>
    parts.flatMap((part, index) => {
      const where = { url, line: part.line };
      if (part.durationS === undefined || part.uri === undefined)
        return [found('hls.part-inf', where, 'EXT-X-PART lacks DURATION or URI.')];
      if (part.durationS > target + 1e-6)
        return [found('hls.part-over-target', where, `DURATION ${part.durationS} is above PART-TARGET ${target}.`)];
      // bis 4.4.4.9: at least 85 % unless INDEPENDENT, GAP, before a GAP part, or the last of its segment
      const exempt = part.independent || part.gap || parts[index + 1]?.gap === true || index === parts.length - 1;
      return !exempt && part.durationS < 0.85 * target - 1e-6
        ? [found('hls.part-short', where, `DURATION ${part.durationS} is below 85 % of PART-TARGET ${target}.`)]
        : [];
    }),
  );
}

function judgeSums(url: string, playlist: HlsPlaylist): Finding[] {
  const firstWithParts = playlist.segments.findIndex((segment) => segment.parts.length > 0);
  return playlist.segments.flatMap((segment, index) => {
    if (segment.parts.length === 0 || segment.durationS === undefined) return [];
    const sum = segment.parts.reduce((total, part) => total + (part.durationS ?? 0), 0);
    const toleranceS = 0.001 + segment.parts.length * 1e-5;
    const over = sum > segment.durationS + toleranceS;
    // the first segment that lists parts may have lost some at the front
    const under = sum < segment.durationS - toleranceS && index > firstWithParts;
    return over || under
      ? [
          found(
            'hls.part-sum',
            { url, line: segment.line },
            `The parts last ${sum.toFixed(5)} s, EXTINF says ${segment.durationText}.`,
          ),
        ]
      : [];
  });
}

function judgeAge(url: string, playlist: HlsPlaylist): Finding[] {
  const target = targetDurationS(playlist) ?? 0;
  let fromEnd = playlist.openParts.reduce((sum, part) => sum + (part.durationS ?? 0), 0);
  for (const segment of [...playlist.segments].reverse()) {
    // a segment that reaches into the last 3 target durations may list its parts
    if (fromEnd > 3 * target + 1e-6 && segment.parts.length > 0)
      return [
        found('hls.part-old', { url, line: segment.line }, `Parts are listed ${fromEnd.toFixed(1)} s from the end.`),
      ];
    fromEnd += segment.durationS ?? 0;
  }
  return [];
}

function judgeHints(url: string, playlist: HlsPlaylist): Finding[] {
  const hints = playlist.preloadHints;
  const types = hints.map((hint) => hint.attributes.get('TYPE')?.value);
  const repeated = hints.find((_hint, index) => types.indexOf(types[index]) !== index);
  if (playlist.endList && hints.length > 0)
    return [found('hls.preload-hint', { url, line: hints[0]?.line }, 'EXT-X-PRELOAD-HINT in an ended playlist.')];
  if (repeated !== undefined)
    return [found('hls.preload-hint', { url, line: repeated.line }, 'Two EXT-X-PRELOAD-HINT of one TYPE.')];
  return hints
    .filter((hint) => !hint.attributes.has('URI') || !/^(PART|MAP)$/.test(hint.attributes.get('TYPE')?.value ?? ''))
    .map((hint) => found('hls.preload-hint', { url, line: hint.line }, 'EXT-X-PRELOAD-HINT lacks TYPE or URI.'));
}

function judgeReports(url: string, playlist: HlsPlaylist, otherUrls: readonly string[]): Finding[] {
  if (playlist.endList) return [];
  const reported = new Set(
    playlist.renditionReports.map((report) => resolveUrl(report.attributes.get('URI')?.value ?? '', url)),
  );
  return otherUrls
    .filter((other) => !reported.has(other))
    .map((other) => found('hls.rendition-report', { url }, `There is no EXT-X-RENDITION-REPORT for ${other}.`));
}

const partUris = (playlist: HlsPlaylist): readonly (string | undefined)[] =>
  [...playlist.segments.flatMap((segment) => segment.parts), ...playlist.openParts].map((part) => part.uri);

/** bis 4.4.5.3: a hint names what comes next; the part that comes has the hinted URI. */
export function judgeHintsKept(reads: readonly ReadSnapshot[]): readonly Finding[] {
  return pairs(reads).flatMap(([before, after]) => {
    const hint = before.playlist.preloadHints
      .find((entry) => entry.attributes.get('TYPE')?.value === 'PART')
      ?.attributes.get('URI')?.value;
    const known = new Set(partUris(before.playlist));
    const now = partUris(after.playlist);
    const fresh = now.filter((uri) => !known.has(uri));
    const near = (after.playlist.segments.at(-1)?.msn ?? 0) - (before.playlist.segments.at(-1)?.msn ?? 0) <= 1;
    if (hint === undefined || fresh.length === 0 || !near || now.includes(hint)) return [];
    return [found('hls.preload-hint', { url: after.snapshot.url }, `"${hint}" was hinted, "${fresh[0]}" came.`)];
  });
}
