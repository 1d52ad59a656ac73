/**
 * Which segments an MPD promises at an instant, and under which URLs (ISO/IEC 23009-1 5.3.9, A.3).
 * It never fetches and never keeps time: `utcMs` is an argument.
 * Invariant: a segment is promised from its end + AST - availabilityTimeOffset until it has left the time-shift buffer.
 */
import type { Mpd, Period, Representation, SegmentTemplate } from './mpd-text.ts';

export interface PromisedSegment {
  readonly url: string;
  readonly number: number;
  /** First tick by the MPD, in `timescale`, on the media timeline (presentationTimeOffset included). */
  readonly ticks: number;
  readonly durationTicks: number;
  readonly timescale: number;
  /** True for @duration addressing, where ticks are nominal. */
  readonly nominal: boolean;
  readonly availableFromMs: number;
  /** Infinity without timeShiftBufferDepth. */
  readonly availableToMs: number;
}

export interface Range {
  readonly period: Period;
  /** Seconds from the start of the presentation; undefined for the open end. */
  readonly endS: number | undefined;
}

/** Periods with the end each has by its own duration or by the start of the next. */
export function periodRanges(mpd: Mpd): readonly Range[] {
  return mpd.periods.map((period, index) => {
    const next = mpd.periods[index + 1]?.startS;
    const own =
      period.startS !== undefined && period.durationS !== undefined ? period.startS + period.durationS : undefined;
    return { period, endS: next ?? own };
  });
}

export interface TimelineSegment {
  readonly ticks: number;
  readonly durationTicks: number;
  /** Position from the first S of the MPD. */
  readonly index: number;
}

/** Expands S@t/@d/@r. @r = -1 repeats until the next S@t, and yields one segment where there is none. */
export function expandTimeline(template: SegmentTemplate, limit = 20_000): readonly TimelineSegment[] {
  const segments: TimelineSegment[] = [];
  const entries = template.timeline ?? [];
  let ticks = 0;
  entries.forEach((entry, position) => {
    ticks = entry.t ?? ticks;
    const nextT = entries[position + 1]?.t;
    const repeats =
      entry.r >= 0 ? entry.r : nextT === undefined || entry.d <= 0 ? 0 : Math.ceil((nextT - ticks) / entry.d) - 1;
    for (let i = 0; i <= repeats && segments.length < limit; i += 1) {
      segments.push({ ticks, durationTicks: entry.d, index: segments.length });
      ticks += entry.d;
    }
  });
  return segments;
}

/** The promised segments at utcMs, oldest first: at most `newest` from the edge, and the oldest `oldest` of the buffer. */
export function promisedSegments(
  mpd: Mpd,
  range: Range,
  representation: Representation,
  utcMs: number,
  counts: { readonly newest: number; readonly oldest: number },
): readonly PromisedSegment[] {
  const { template } = representation;
  const startS = range.period.startS;
  if (template === undefined || startS === undefined) return [];
  const make = maker(mpd, startS, representation, template);
  const all =
    template.timeline === undefined
      ? byDuration(mpd, range, template, startS, utcMs, make, counts)
      : fromTimeline(template, utcMs, make);
  if (all.length <= counts.newest + counts.oldest) return all;
  return [...all.slice(0, counts.oldest), ...all.slice(all.length - counts.newest)];
}

type Make = (ticks: number, durationTicks: number, number: number) => PromisedSegment;

function maker(mpd: Mpd, periodStartS: number, representation: Representation, template: SegmentTemplate): Make {
  const startMs = mpd.availabilityStartMs ?? 0;
  const offsetS = Number.isFinite(template.availabilityTimeOffsetS) ? template.availabilityTimeOffsetS : 0;
  return (ticks, durationTicks, number) => {
    const endTicks = ticks - template.presentationTimeOffset + durationTicks;
    const endMs = mpd.dynamic ? startMs + (periodStartS + endTicks / template.timescale) * 1000 : 0;
    const keptMs = ((mpd.timeShiftBufferS ?? Number.POSITIVE_INFINITY) + durationTicks / template.timescale) * 1000;
    return {
      url: mediaUrl(representation, number, ticks),
      number,
      ticks,
      durationTicks,
      timescale: template.timescale,
      nominal: template.timeline === undefined,
      availableFromMs: endMs - offsetS * 1000,
      availableToMs: endMs + keptMs,
    };
  };
}

function fromTimeline(template: SegmentTemplate, utcMs: number, make: Make): PromisedSegment[] {
  return expandTimeline(template)
    .map(({ ticks, durationTicks, index }) => make(ticks, durationTicks, template.startNumber + index))
    .filter((segment) => segment.availableFromMs <= utcMs && segment.availableToMs > utcMs);
}

function byDuration(
  mpd: Mpd,
  range: Range,
  template: SegmentTemplate,
  startS: number,
  utcMs: number,
  make: Make,
  counts: { readonly newest: number; readonly oldest: number },
): PromisedSegment[] {
  const { durationTicks, timescale, startNumber, presentationTimeOffset } = template;
  if (durationTicks === undefined || !(durationTicks > 0)) return [];
  const segment = (k: number): PromisedSegment =>
    make(presentationTimeOffset + k * durationTicks, durationTicks, startNumber + k);
  const spanS = range.endS === undefined ? Number.POSITIVE_INFINITY : range.endS - startS;
  const lastOfPeriod = Math.ceil((spanS * timescale) / durationTicks - 1e-6) - 1;
  const offsetS = Number.isFinite(template.availabilityTimeOffsetS) ? template.availabilityTimeOffsetS : 0;
  const sinceS = (utcMs - (mpd.availabilityStartMs ?? 0)) / 1000 - startS + offsetS;
  const newest = mpd.dynamic
    ? Math.min(lastOfPeriod, Math.floor((sinceS * timescale) / durationTicks + 1e-9) - 1)
    : lastOfPeriod;
  if (!Number.isFinite(newest) || newest < 0) return [];
  const depthS = mpd.dynamic ? (mpd.timeShiftBufferS ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
  const oldest = Number.isFinite(depthS)
    ? Math.max(0, Math.ceil(((sinceS - offsetS - depthS) * timescale) / durationTicks) - 1)
    : 0;
  const wanted = new Set<number>();
  for (let k = oldest; k <= newest && k < oldest + counts.oldest; k += 1) wanted.add(k);
  for (let k = Math.max(oldest, newest - counts.newest + 1); k <= newest; k += 1) wanted.add(k);
  return [...wanted]
    .map(segment)
    .filter((item) => !mpd.dynamic || (item.availableFromMs <= utcMs && item.availableToMs > utcMs));
}

/** The URL of `initialization`, or undefined where there is none. */
export function initUrl(representation: Representation): string | undefined {
  const pattern = representation.template?.attributes['initialization'];
  return pattern === undefined
    ? undefined
    : resolve(fill(pattern, representation, undefined, undefined), representation.baseUrl);
}

function mediaUrl(representation: Representation, number: number, ticks: number): string {
  return resolve(
    fill(representation.template?.attributes['media'] ?? '', representation, number, ticks),
    representation.baseUrl,
  );
}

/** Fills $RepresentationID$, $Number%0Nd$, $Time$, $Bandwidth$, $$ (5.3.9.4.4). */
function fill(
  pattern: string,
  representation: Representation,
  number: number | undefined,
  time: number | undefined,
): string {
  return pattern.replace(
    /\$(RepresentationID|Number|Time|Bandwidth|)(?:%0(\d+)d)?\$/g,
    (_all, name: string, width: string | undefined) => {
      const pad = (value: number | string | undefined): string => String(value ?? '').padStart(Number(width ?? 1), '0');
      if (name === 'RepresentationID') return representation.id;
      if (name === 'Number') return pad(number);
      if (name === 'Time') return pad(time);
      return name === 'Bandwidth' ? pad(representation.attributes['bandwidth']) : '$';
    },
  );
}

function resolve(reference: string, base: string): string {
  return URL.canParse(reference, base) ? new URL(reference, base).href : reference;
}
