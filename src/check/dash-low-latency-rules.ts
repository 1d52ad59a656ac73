/**
 * Rules of DASH with low latency by chunks (DASH-IF IOP 5 part 4): offers before the end of a Segment, and what they need beside.
 * Pure; an MPD that offers nothing early is not judged. What the offers are worth is in dash-availability-rules.
 */
import { found } from './catalogue.ts';
import { utcMs } from './iso-time.ts';
import type { Finding } from './model.ts';
import type { AdaptationSet, Mpd, SegmentTemplate, UtcTiming } from './mpd-text.ts';

const PROFILE = 'http://www.dashif.org/guidelines/low-latency-live-v5';

export function judgeOffset(url: string, mpd: Mpd, track: string, template: SegmentTemplate): Finding[] {
  const offset = template.availabilityTimeOffsetS;
  const complete = template.attributes['availabilityTimeComplete'];
  const wrong = (message: string): Finding => found('dash.availability-offset', { url, track }, message);
  if (offset === 0)
    return complete === 'false' ? [wrong('@availabilityTimeComplete="false" without @availabilityTimeOffset.')] : [];
  if (!Number.isFinite(offset))
    return template.timeline === undefined ? [] : [wrong('@availabilityTimeOffset is INF with a SegmentTimeline.')];
  if (complete !== 'false') return [wrong('@availabilityTimeOffset without @availabilityTimeComplete="false".')];
  if (template.durationTicks !== undefined && offset >= template.durationTicks / template.timescale)
    return [wrong(`@availabilityTimeOffset ${offset} s is not below the segment duration.`)];
  return mpd.latencies.some((latency) => latency['target'] !== undefined)
    ? []
    : [wrong('There is no ServiceDescription with Latency@target.')];
}

const isChunked = (set: AdaptationSet): boolean =>
  set.representations.some(({ template }) => template?.attributes['availabilityTimeComplete'] === 'false');

export function judgeLowLatency(url: string, mpd: Mpd): Finding[] {
  const sets = mpd.periods.flatMap((period) =>
    period.sets.filter(isChunked).map((set) => ({ set, track: `${period.id ?? ''}/${set.attributes['id'] ?? ''}` })),
  );
  if (sets.length === 0) return [];
  const missing = [
    ...(mpd.attributes['profiles']?.split(',').includes(PROFILE) ? [] : [`the profile ${PROFILE}`]),
    ...(mpd.playbackRates.length > 0 ? [] : ['ServiceDescription with PlaybackRate']),
  ];
  return [
    ...missing.map((what) => found('dash.low-latency-profile', { url }, `The MPD lacks ${what}.`)),
    ...judgeLatencyReference(url, mpd),
    ...sets.flatMap(({ set, track }) => judgeReferences(url, mpd, set, track)),
  ];
}

/** ISO/IEC 23009-1 K.3.2: Latency@referenceId is the @id of a ProducerReferenceTime. */
function judgeLatencyReference(url: string, mpd: Mpd): Finding[] {
  const ids = mpd.periods.flatMap(({ sets }) =>
    sets.flatMap(({ references }) => references.map(({ attributes }) => attributes['id'])),
  );
  return mpd.latencies
    .map((latency) => latency['referenceId'])
    .filter((id) => id !== undefined && !ids.includes(id))
    .map((id) =>
      found('dash.producer-reference', { url }, `Latency refers to a ProducerReferenceTime ${id} that is not there.`),
    );
}

/** IOP 5 part 4: each low-latency set "shall" have one, and its UTCTiming is one of the MPD's. */
function judgeReferences(url: string, mpd: Mpd, set: AdaptationSet, track: string): Finding[] {
  const wrong = (message: string): Finding => found('dash.producer-reference', { url, track }, message);
  if (set.references.length === 0) return [wrong('A low-latency AdaptationSet has no ProducerReferenceTime.')];
  const same = (a: UtcTiming, b: UtcTiming): boolean => a.scheme === b.scheme && a.value === b.value;
  return set.references.flatMap(({ attributes, utcTimings }) => {
    const lacking = ['id', 'wallClockTime', 'presentationTime'].filter((name) => attributes[name] === undefined);
    if (lacking.length > 0)
      return [wrong(`ProducerReferenceTime lacks ${lacking.map((name) => `@${name}`).join(', ')}.`)];
    if (utcMs(attributes['wallClockTime']) === undefined)
      return [wrong(`ProducerReferenceTime@wallClockTime "${attributes['wallClockTime']}" is not a date.`)];
    return utcTimings.some((timing) => mpd.utcTimings.some((other) => same(timing, other)))
      ? []
      : [wrong('ProducerReferenceTime does not have the UTCTiming of the MPD.')];
  });
}
