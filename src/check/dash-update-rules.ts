/**
 * Rules on what may change from one MPD to the next (ISO/IEC 23009-1 5.4.1, DASH-IF timing model 4.9, 5.3).
 * Pure; compares neighbouring snapshots.
 */
import { found } from './catalogue.ts';
import type { ReadMpd } from './dash-rules.ts';
import { pairs } from './hls-read.ts';
import { utcMs } from './iso-time.ts';
import type { Finding } from './model.ts';
import { expandTimeline, periodRanges } from './mpd-segments.ts';
import type { Attributes, Mpd, Period, SegmentTemplate } from './mpd-text.ts';

export function judgeMpdUpdates(reads: readonly ReadMpd[]): readonly Finding[] {
  return [...pairs(reads).flatMap(([before, after]) => judgePair(before, after)), ...judgeStall(reads)];
}

function judgePair(before: ReadMpd, after: ReadMpd): readonly Finding[] {
  const { url } = after.snapshot;
  return [
    ...judgePublishTime(url, before, after),
    ...judgeRoot(url, before.mpd, after.mpd),
    ...judgeRemoved(url, before, after),
    ...after.mpd.periods.flatMap((period) => {
      const old =
        period.id === undefined ? undefined : before.mpd.periods.find((candidate) => candidate.id === period.id);
      return old === undefined ? [] : judgePeriod(url, old, period);
    }),
  ];
}

/** The text without publishTime: what publishTime is about. */
const content = (text: string): string => text.replace(/\spublishTime="[^"]*"/, '');

function judgePublishTime(url: string, before: ReadMpd, after: ReadMpd): Finding[] {
  const [was, is] = [before, after].map(({ mpd }) => utcMs(mpd.attributes['publishTime']));
  if (was === undefined || is === undefined) return [];
  const changed = content(before.snapshot.text) !== content(after.snapshot.text);
  const where = { url };
  if (is < was)
    return [
      found(
        'dash.publish-time',
        where,
        `MPD@publishTime went back from ${before.mpd.attributes['publishTime']} to ${after.mpd.attributes['publishTime']}.`,
      ),
    ];
  if (changed && is === was)
    return [
      found('dash.publish-time', where, `The MPD changed, publishTime stayed ${after.mpd.attributes['publishTime']}.`),
    ];
  return !changed && is > was
    ? [found('dash.publish-time', where, `Only publishTime changed, to ${after.mpd.attributes['publishTime']}.`)]
    : [];
}

function changes(old: Attributes, now: Attributes, names: readonly string[]): readonly string[] {
  return names
    .filter((name) => old[name] !== now[name])
    .map((name) => `@${name} went from ${old[name] ?? 'nothing'} to ${now[name] ?? 'nothing'}`);
}

function judgeRoot(url: string, old: Mpd, now: Mpd): Finding[] {
  const list = [...changes(old.attributes, now.attributes, ['availabilityStartTime', 'profiles', 'id'])];
  if (!old.dynamic && now.dynamic) list.push('@type went from static to dynamic');
  return list.map((change) => found('dash.static-attributes', { url }, `MPD: ${change}.`));
}

function judgeRemoved(url: string, before: ReadMpd, after: ReadMpd): Finding[] {
  if (!after.mpd.dynamic) return [];
  const kept = new Set(after.mpd.periods.map((period) => period.id));
  return periodRanges(before.mpd).flatMap(({ period, endS }) => {
    if (kept.has(period.id)) return [];
    // DASH-IF TM 4.4: a Period may go when it is wholly before the time-shift buffer
    const endMs = (before.mpd.availabilityStartMs ?? 0) + (endS ?? Number.POSITIVE_INFINITY) * 1000;
    const bufferStartMs = after.snapshot.atMs - (after.mpd.timeShiftBufferS ?? Number.POSITIVE_INFINITY) * 1000;
    return endMs <= bufferStartMs
      ? []
      : [
          found(
            'dash.period-removed',
            { url, track: period.id },
            'The Period left the MPD while it is within the time-shift buffer.',
          ),
        ];
  });
}

function judgePeriod(url: string, old: Period, now: Period): Finding[] {
  const wrong = (track: string | undefined, message: string): Finding =>
    found('dash.static-attributes', { url, track }, message);
  const findings: Finding[] = [];
  if (old.startS !== now.startS)
    findings.push(wrong(now.id, `Period@start went from ${old.startS} to ${now.startS} s.`));
  if (old.sets.length !== now.sets.length)
    return [
      ...findings,
      wrong(now.id, `The Period went from ${old.sets.length} to ${now.sets.length} AdaptationSets.`),
    ];
  old.sets.forEach((set, index) => {
    const same = now.sets[index];
    if (same === undefined) return;
    findings.push(
      ...changes(set.attributes, same.attributes, ['id', 'contentType', 'mimeType', 'lang']).map((change) =>
        wrong(now.id, `AdaptationSet: ${change}.`),
      ),
    );
    const [was, is] = [set, same].map(({ representations }) => representations.map((item) => item.id).join(', '));
    if (was !== is) findings.push(wrong(now.id, `The Representations went from ${was} to ${is}.`));
    for (const representation of set.representations) {
      const other = same.representations.find((item) => item.id === representation.id);
      if (other === undefined) continue;
      findings.push(
        ...changes(representation.attributes, other.attributes, [
          'bandwidth',
          'codecs',
          'mimeType',
          'width',
          'height',
          'frameRate',
          'audioSamplingRate',
        ]).map((change) => wrong(representation.id, `Representation: ${change}.`)),
      );
      if (representation.template !== undefined && other.template !== undefined)
        findings.push(...judgeTemplate(url, representation.id, representation.template, other.template));
    }
  });
  return findings;
}

function judgeTemplate(url: string, track: string, old: SegmentTemplate, now: SegmentTemplate): Finding[] {
  const names = [
    'timescale',
    'duration',
    'media',
    'initialization',
    'presentationTimeOffset',
    'availabilityTimeOffset',
    ...(old.timeline === undefined ? ['startNumber'] : []),
  ];
  const findings = changes(old.attributes, now.attributes, names).map((change) =>
    found('dash.static-attributes', { url, track }, `SegmentTemplate: ${change}.`),
  );
  return old.timeline === undefined || now.timeline === undefined
    ? findings
    : [...findings, ...judgeTimeline(url, track, old, now)];
}

function judgeTimeline(url: string, track: string, old: SegmentTemplate, now: SegmentTemplate): Finding[] {
  const wrong = (message: string): Finding[] => [found('dash.timeline-update', { url, track }, message)];
  const [was, is] = [expandTimeline(old), expandTimeline(now)];
  const first = is[0];
  if (first === undefined) return [];
  const current = new Map(is.map((segment) => [segment.ticks, segment]));
  for (const segment of was) {
    if (segment.ticks < first.ticks) continue;
    const same = current.get(segment.ticks);
    if (same === undefined) return wrong(`The segment at ${segment.ticks} is gone from the middle or the end.`);
    if (same.durationTicks !== segment.durationTicks)
      return wrong(
        `The segment at ${segment.ticks} went from ${segment.durationTicks} to ${same.durationTicks} ticks.`,
      );
    // TM 5.3: @startNumber moves with what is dropped
    if (
      old.startNumber + segment.index !== now.startNumber + same.index &&
      /\$Number/.test(now.attributes['media'] ?? '')
    )
      return wrong(
        `The segment at ${segment.ticks} went from number ${old.startNumber + segment.index} to ${now.startNumber + same.index}.`,
      );
  }
  return [];
}

/** The newest end over all SegmentTimelines, seconds since 1970 as the MPD counts; undefined without a timeline. */
function newestEndS({ mpd }: ReadMpd): number | undefined {
  const ends = mpd.periods.flatMap((period) =>
    period.sets.flatMap((set) =>
      set.representations.flatMap(({ template }) => {
        const last = template?.timeline === undefined ? undefined : expandTimeline(template).at(-1);
        return last === undefined || template === undefined
          ? []
          : [
              (period.startS ?? 0) +
                (last.ticks - template.presentationTimeOffset + last.durationTicks) / template.timescale,
            ];
      }),
    ),
  );
  return ends.length === 0 ? undefined : Math.max(...ends);
}

function judgeStall(reads: readonly ReadMpd[]): Finding[] {
  let start: ReadMpd | undefined;
  for (const read of reads) {
    const end = newestEndS(read);
    if (end === undefined || !read.mpd.dynamic) return [];
    if (start === undefined || newestEndS(start) !== end) start = read;
    const longestS = Math.max(
      ...read.mpd.periods.flatMap((period) =>
        period.sets.flatMap((set) =>
          set.representations.flatMap(({ template }) =>
            (template?.timeline ?? []).map((entry) => entry.d / (template?.timescale ?? 1)),
          ),
        ),
      ),
      0,
    );
    const idleS = (read.snapshot.lastSeenMs - start.snapshot.atMs) / 1000;
    if (longestS > 0 && idleS > 1.5 * longestS + (read.mpd.minimumUpdateS ?? 0))
      return [
        found(
          'dash.stalled',
          { url: read.snapshot.url },
          `No new segment for at least ${idleS.toFixed(1)} s, segments last ${longestS} s.`,
        ),
      ];
  }
  return [];
}
