/**
 * An MPD as a player keeps it that goes by `$Number$` and the clock: one picture and one sound, their URLs by arithmetic.
 * It never judges a text, and it plays no SegmentTimeline. Invariant: times are milliseconds from availabilityStartTime on, as
 * MPD times are; one text is read once for all viewers.
 */

import { resolveUrl } from '../check/hls-read.ts';
import { durationSeconds } from '../check/iso-time.ts';
import { periodRanges } from '../check/mpd-segments.ts';
import { type AdaptationSet, type Mpd, type Representation, readMpd, type SegmentTemplate } from '../check/mpd-text.ts';

interface DashRung {
  readonly id: string;
  readonly initUrl: string | undefined;
  /** With `$Number$` in it. */
  readonly mediaUrl: string;
  readonly startNumber: number;
  readonly durationMs: number;
  /** availabilityTimeOffset: a Segment is offered before its end by so much. */
  readonly offeredEarlyMs: number;
}

interface DashPeriod {
  readonly startMs: number;
  readonly endMs: number | undefined;
  /** Picture first, then sound; each with at least one rung. */
  readonly sets: readonly (readonly DashRung[])[];
}

export interface DashList {
  readonly revision: string;
  readonly availabilityStartMs: number;
  /** minimumUpdatePeriod; undefined: the text is final. */
  readonly updateMs: number | undefined;
  /** How far behind the clock to play. */
  readonly delayMs: number;
  readonly windowMs: number;
  readonly timeUrl: string | undefined;
  /** By start; at least one. */
  readonly periods: readonly DashPeriod[];
}

/** Undefined when there is nothing live in it that can be played by number. */
export function readDash(text: string, url: string, revision: string): DashList | undefined {
  const reading = readMpd(text, url);
  if (!('mpd' in reading) || !reading.mpd.dynamic) return undefined;
  const { mpd } = reading;
  const periods = periodsOf(mpd);
  const longest = periods[0]?.sets[0]?.[0]?.durationMs;
  if (longest === undefined) return undefined;
  const time = mpd.utcTimings.find(({ scheme }) => /:utc:http-(xsdate|iso):2014$/.test(scheme));
  return {
    revision,
    availabilityStartMs: mpd.availabilityStartMs ?? 0,
    updateMs: mpd.minimumUpdateS === undefined ? undefined : Math.max(1000, mpd.minimumUpdateS * 1000),
    delayMs: delayOf(mpd) ?? 3 * longest,
    windowMs: (mpd.timeShiftBufferS ?? 60) * 1000,
    timeUrl: time === undefined ? undefined : resolveUrl(time.value, url),
    periods,
  };
}

/** ServiceDescription Latency@target in ms, else suggestedPresentationDelay. */
function delayOf(mpd: Mpd): number | undefined {
  const target = mpd.latencies[0]?.['target'];
  if (target !== undefined) return Number(target);
  const seconds = durationSeconds(mpd.attributes['suggestedPresentationDelay']);
  return seconds === undefined ? undefined : seconds * 1000;
}

function periodsOf(mpd: Mpd): readonly DashPeriod[] {
  return periodRanges(mpd).flatMap(({ period, endS }) => {
    const sets = ['video', 'audio'].flatMap((type) => {
      const set = period.sets.find(({ contentType }) => contentType === type);
      const rungs = set === undefined ? [] : rungsOf(set);
      return rungs.length === 0 ? [] : [rungs];
    });
    if (sets.length === 0) return [];
    return [{ startMs: (period.startS ?? 0) * 1000, endMs: endS === undefined ? undefined : endS * 1000, sets }];
  });
}

function rungsOf(set: AdaptationSet): readonly DashRung[] {
  return set.representations.flatMap((representation) => {
    const { template } = representation;
    const media = template?.attributes['media'];
    if (template?.durationTicks === undefined || media === undefined) return [];
    return [rungOf(representation, template, template.durationTicks, media)];
  });
}

function rungOf(
  representation: Representation,
  template: SegmentTemplate,
  durationTicks: number,
  media: string,
): DashRung {
  const urlOf = (name: string) =>
    resolveUrl(
      name
        .replaceAll('$RepresentationID$', representation.id)
        .replaceAll('$Bandwidth$', representation.attributes['bandwidth'] ?? ''),
      representation.baseUrl,
    );
  const init = template.attributes['initialization'];
  return {
    id: representation.id,
    initUrl: init === undefined ? undefined : urlOf(init),
    mediaUrl: urlOf(media),
    startNumber: template.startNumber,
    durationMs: (durationTicks * 1000) / template.timescale,
    offeredEarlyMs: Number.isFinite(template.availabilityTimeOffsetS) ? template.availabilityTimeOffsetS * 1000 : 0,
  };
}

export interface DashSegment {
  readonly url: string;
  readonly initUrl: string | undefined;
  readonly startMs: number;
  readonly durationMs: number;
  readonly offeredEarlyMs: number;
  /** UTC. */
  readonly availableMs: number;
}

/** The Segment that `mediaMs` lies in, of the set and rung (counted round); undefined before the first Period. */
export function segmentAt(list: DashList, set: number, rung: number, mediaMs: number): DashSegment | undefined {
  const period = list.periods.findLast(({ startMs }) => startMs <= mediaMs + 1);
  const rungs = period?.sets[set];
  const chosen = rungs?.[rung % rungs.length];
  if (period === undefined || chosen === undefined) return undefined;
  const { durationMs, offeredEarlyMs } = chosen;
  const index = Math.floor((mediaMs - period.startMs + 1) / durationMs);
  const startMs = period.startMs + index * durationMs;
  const number = chosen.startNumber + index;
  return {
    // ISO/IEC 23009-1 5.3.9.4.4: $Number$, with a width where it has one: $Number%05d$.
    url: chosen.mediaUrl.replace(/\$Number(?:%0(\d+)d)?\$/g, (_, width: string | undefined) =>
      String(number).padStart(Number(width ?? 0), '0'),
    ),
    initUrl: chosen.initUrl,
    startMs,
    durationMs,
    offeredEarlyMs,
    // 5.3.9.5.3, A.3.2: a Segment is available from its end on, less availabilityTimeOffset.
    availableMs: list.availabilityStartMs + startMs + durationMs - offeredEarlyMs,
  };
}
