// Faults planted into good DASH.
import type { Planted } from './planted-hls.ts';
import { chunkedWorld, edit, numberWorld, timelineWorld } from './world.ts';

const number = (rule: string, fault: string, from: string | RegExp, to: string): Planted => ({
  rule,
  fault,
  make: numberWorld,
  spoil: (world) => edit(world, 'number.mpd', from, to),
});
const chunked = (rule: string, fault: string, from: string | RegExp, to: string): Planted => ({
  rule,
  fault,
  make: chunkedWorld,
  spoil: (world) => edit(world, 'low-latency.mpd', from, to),
});
const both = (rule: string, fault: string, from: string | RegExp, to: string): Planted => ({
  rule,
  fault,
  make: timelineWorld,
  spoil: (world) => edit(world, 'timeline-*', from, to),
});
const later = (rule: string, fault: string, from: string | RegExp, to: string): Planted => ({
  rule,
  fault,
  make: timelineWorld,
  spoil: (world) => edit(world, 'timeline-1.mpd', from, to),
});
const next = (
  rule: string,
  fault: string,
  ...edits: readonly (readonly [from: string | RegExp, to: string])[]
): Planted => ({
  rule,
  fault,
  make: numberWorld,
  spoil: (world) => {
    world.texts.set('number.mpd-later', world.texts.get('number.mpd') ?? '');
    world.headers.set('number.mpd-later', world.headers.get('number.mpd') ?? {});
    for (const [from, to] of edits) edit(world, 'number.mpd-later', from, to);
  },
});

const PUBLISHED = ['publishTime="2026-01-01T00:00:00Z"', 'publishTime="2026-01-01T00:00:16Z"'] as const;
const NUMBERED = /<SegmentTemplate timescale="90000"[^>]*>/;
const SECOND_PERIOD =
  '<Period id="p2" start="PT20S"><AdaptationSet id="1" contentType="video" mimeType="video/mp4" segmentAlignment="true" startWithSAP="1"><SegmentTemplate timescale="90000" duration="180000" startNumber="0" initialization="i" media="$$Number$$"/><Representation id="v" codecs="avc1.64001f" bandwidth="9000000" width="640" height="360" frameRate="25"/></AdaptationSet></Period>';

export const MPD_FAULTS: readonly Planted[] = [
  number('dash.xml', 'a tag that is not closed', '</Period>', ''),
  number('dash.mpd-attributes', 'no availabilityStartTime', /availabilityStartTime="[^"]*" /, ''),
  number('dash.mpd-attributes', 'no publishTime', /publishTime="[^"]*" /, ''),
  number('dash.mpd-attributes', 'no minBufferTime', /minBufferTime="[^"]*" /, ''),
  number('dash.mpd-attributes', 'no profiles', /profiles="[^"]*" /, ''),
  number('dash.mpd-attributes', 'a duration that is none', 'timeShiftBufferDepth="PT1M"', 'timeShiftBufferDepth="60s"'),
  number('dash.minimum-update', 'no minimumUpdatePeriod', / minimumUpdatePeriod="[^"]*"/, ''),
  number('dash.time-shift-buffer', 'no timeShiftBufferDepth', / timeShiftBufferDepth="[^"]*"/, ''),
  number('dash.utc-timing', 'no UTCTiming', /<UTCTiming.*\/>/, ''),
  number('dash.utc-timing', 'UTCTiming by NTP alone', 'utc:http-xsdate:2014', 'utc:ntp:2014'),
  {
    rule: 'dash.utc-timing',
    fault: 'a time source that answers a page',
    make: numberWorld,
    spoil: (world) =>
      void world.last.push((evidence) => void Object.assign(evidence.utcTiming ?? {}, { text: '<html>' })),
  },
  {
    rule: 'dash.utc-timing',
    fault: 'a time source that answers 404',
    make: numberWorld,
    spoil: (world) => void world.last.push((evidence) => void Object.assign(evidence.utcTiming ?? {}, { status: 404 })),
  },
  number('dash.period-id', 'a Period without @id', '<Period id="p1"', '<Period'),
  number('dash.period-start', 'a Period without @start', ' start="PT0S"', ''),
  number('dash.period-duration', '@duration on the last Period', 'start="PT0S"', 'start="PT0S" duration="PT600000H"'),
  number(
    'dash.period-contiguous',
    'a hole between Periods',
    /start="PT0S"([\s\S]*<\/Period>)/,
    `start="PT0S" duration="PT10S"$1${SECOND_PERIOD}`,
  ),
  number('dash.adaptation-set', 'an AdaptationSet without Representations', /<Representation id="a".*\/>/, ''),
  number('dash.adaptation-set-hints', 'no segmentAlignment', ' segmentAlignment="true"', ''),
  number('dash.representation', 'no @bandwidth', ' bandwidth="1400000"', ''),
  number('dash.representation', 'an @id twice', 'id="v360"', 'id="v720"'),
  number('dash.representation-media', 'no @codecs', ' codecs="avc1.64001f"', ''),
  number('dash.representation-media', 'frameRate with decimals', 'frameRate="25"', 'frameRate="25.0"'),
  number(
    'dash.segment-template',
    'neither $Number$ nor $Time$',
    '$RepresentationID$/g1/$Number$.m4s',
    '$RepresentationID$/g1/seg.m4s',
  ),
  number('dash.segment-template', 'no initialization', / initialization="[^"]*"/, ''),
  number('dash.segment-template', 'neither @duration nor SegmentTimeline', ' duration="180000"', ''),
  number('dash.timescale', 'no @timescale', 'timescale="90000" duration="180000"', 'duration="2"'),
  number('dash.start-number', 'no @startNumber', ' startNumber="0"', ''),
  number(
    'dash.max-segment-duration',
    'maxSegmentDuration below the segment',
    'maxSegmentDuration="PT2.1S"',
    'maxSegmentDuration="PT1S"',
  ),
  number(
    'dash.availability-offset',
    'an offset without availabilityTimeComplete',
    NUMBERED,
    '<SegmentTemplate timescale="90000" duration="180000" startNumber="0" availabilityTimeOffset="1.5" initialization="$$RepresentationID$$/g1/init.mp4" media="$$RepresentationID$$/g1/$$Number$$.m4s"/>',
  ),
  number(
    'dash.presentation-delay',
    'a delay longer than the buffer',
    'suggestedPresentationDelay="PT6S"',
    'suggestedPresentationDelay="PT2M"',
  ),
  both('dash.timeline', 'a jump of S@t', '<S d="95232"/>', '<S t="84826829190000" d="95232"/>'),
];

const REFERENCE = /<ProducerReferenceTime id="2"[\s\S]*?<\/ProducerReferenceTime>/;

export const CHUNKED_FAULTS: readonly Planted[] = [
  chunked('dash.availability-offset', 'an offset of a whole segment', 'Offset="1.5"', 'Offset="2"'),
  chunked('dash.availability-offset', 'no availabilityTimeComplete', ' availabilityTimeComplete="false"', ''),
  chunked('dash.availability-offset', 'no availabilityTimeOffset', ' availabilityTimeOffset="1.5"', ''),
  chunked('dash.availability-offset', 'no Latency@target', ' target="3000"', ''),
  chunked('dash.producer-reference', 'no ProducerReferenceTime in the audio', REFERENCE, ''),
  chunked('dash.producer-reference', 'no @presentationTime', ' presentationTime="0"', ''),
  chunked('dash.producer-reference', 'a wallClockTime that is none', '1970-01-01T00:00:00Z" pres', 'yesterday" pres'),
  chunked('dash.producer-reference', 'another clock than the MPD', 'value="/time"', 'value="/clock"'),
  chunked('dash.producer-reference', 'Latency refers to nothing', 'referenceId="1"', 'referenceId="7"'),
  chunked(
    'dash.low-latency-profile',
    'no low-latency profile',
    ',http://www.dashif.org/guidelines/low-latency-live-v5',
    '',
  ),
  chunked('dash.low-latency-profile', 'no PlaybackRate', /<PlaybackRate.*\/>/, ''),
];

export const MPD_UPDATE_FAULTS: readonly Planted[] = [
  later('dash.static-attributes', 'availabilityStartTime moves', '1970-01-01T00:00:01Z', '1970-01-01T00:00:02Z'),
  later('dash.static-attributes', 'a Representation goes', /<Representation id="v360".*\/>/, ''),
  later('dash.static-attributes', 'a bandwidth changes', 'bandwidth="1400000"', 'bandwidth="1400001"'),
  later('dash.static-attributes', 'Period@start moves', 'start="PT0S"', 'start="PT1S"'),
  next('dash.static-attributes', 'startNumber moves', PUBLISHED, ['startNumber="0"', 'startNumber="1"']),
  later(
    'dash.publish-time',
    'publishTime stays while the MPD changes',
    'publishTime="2026-01-01T00:00:16.000Z"',
    'publishTime="2026-01-01T00:00:14.000Z"',
  ),
  next('dash.publish-time', 'only publishTime changes', PUBLISHED),
  later(
    'dash.publish-time',
    'publishTime goes back',
    'publishTime="2026-01-01T00:00:16.000Z"',
    'publishTime="2026-01-01T00:00:13.000Z"',
  ),
  later('dash.period-removed', 'a Period goes while it is in the buffer', '<Period id="p1"', '<Period id="p2"'),
  later(
    'dash.timeline-update',
    'a listed segment changes its duration',
    '<S t="159050304180000" d="180000" r="6"/>',
    '<S t="159050304180000" d="180000" r="3"/><S d="180001"/><S d="179999"/><S d="180000"/>',
  ),
  later('dash.timeline-update', 'the newest segments are withdrawn', 'd="180000" r="6"', 'd="180000" r="3"'),
  {
    rule: 'dash.stalled',
    fault: 'nothing is appended for 8 s',
    make: timelineWorld,
    spoil: (world) =>
      void world.last.push(
        (evidence) =>
          void Object.assign(evidence.mpds.at(-1) ?? {}, { lastSeenMs: (evidence.mpds.at(-1)?.atMs ?? 0) + 8000 }),
      ),
  },
  {
    rule: 'dash.segment-available',
    fault: 'a promised segment answers 404',
    make: numberWorld,
    spoil: (world) =>
      void world.last.push(
        (evidence) => void Object.assign(evidence.media.at(-1) ?? {}, { status: 404, facts: undefined }),
      ),
  },
];
