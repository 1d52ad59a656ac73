/**
 * The DASH rules: clauses of ISO/IEC 23009-1 and of the DASH-IF timing model (TM) and IOP.
 * Data only; see catalogue.ts for what the columns mean.
 */
import type { RuleRow } from './catalogue.ts';

export const DASH_RULES = {
  'dash.xml': ['ISO/IEC 23009-1 5.2.2', 'error', 'Serve a well-formed MPD document.'],
  'dash.mpd-attributes': ['ISO/IEC 23009-1 5.3.1.2', 'error', 'Give MPD the attributes that its type demands.'],
  'dash.minimum-update': ['DASH-IF TM 4.9', 'warning', 'Write MPD@minimumUpdatePeriod while the presentation is live.'],
  'dash.time-shift-buffer': [
    'ISO/IEC 23009-1 5.3.1.2',
    'warning',
    'State MPD@timeShiftBufferDepth, or everything since the start is promised.',
  ],
  'dash.utc-timing': ['DASH-IF TM 4.6', 'error', 'Write a UTCTiming that clients implement and that answers.'],
  'dash.period-id': ['ISO/IEC 23009-1 5.3.2.2', 'error', 'Give each Period of a dynamic MPD a unique @id.'],
  'dash.period-start': ['DASH-IF TM 4.3', 'error', 'Give each Period of a dynamic MPD its @start.'],
  'dash.period-duration': [
    'ISO/IEC 23009-1 5.3.2.1',
    'error',
    'Leave @duration off the last Period of a live MPD: dash.js takes it for the end.',
  ],
  'dash.period-contiguous': ['DASH-IF TM 4.3', 'error', 'Let each Period end exactly where the next starts.'],
  'dash.adaptation-set': [
    'ISO/IEC 23009-1 5.3.3.2',
    'error',
    'Give each AdaptationSet its media type and Representations.',
  ],
  'dash.adaptation-set-hints': [
    'DASH-IF IOP 5',
    'warning',
    'Write AdaptationSet@id, @segmentAlignment and @startWithSAP.',
  ],
  'dash.representation': [
    'ISO/IEC 23009-1 5.3.5.2',
    'error',
    'Give each Representation a unique @id and its @bandwidth.',
  ],
  'dash.representation-media': [
    'DASH-IF IOP 5',
    'error',
    'Give each Representation @codecs, and video @width, @height and @frameRate.',
  ],
  'dash.segment-template': [
    'ISO/IEC 23009-1 5.3.9.4',
    'error',
    'Write a SegmentTemplate with $Number$ or $Time$, initialization and either @duration or a SegmentTimeline.',
  ],
  'dash.timescale': ['DASH-IF TM 4.1', 'error', 'Write SegmentTemplate@timescale.'],
  'dash.start-number': ['ISO/IEC 23009-1 5.3.9.5.3', 'warning', 'Write SegmentTemplate@startNumber.'],
  'dash.timeline': ['DASH-IF TM 5.3', 'error', 'Let each S begin where the one before ends.'],
  'dash.max-segment-duration': [
    'ISO/IEC 23009-1 5.3.1.2',
    'error',
    'Make MPD@maxSegmentDuration at least the longest segment.',
  ],
  'dash.availability-offset': [
    'DASH-IF IOP 5 part 4',
    'error',
    'With @availabilityTimeOffset write @availabilityTimeComplete="false" and a ServiceDescription with Latency.',
  ],
  'dash.producer-reference': [
    'DASH-IF IOP 5 part 4, ISO/IEC 23009-1 5.12',
    'error',
    'Give each low-latency AdaptationSet a ProducerReferenceTime with the UTCTiming of the MPD, and let Latency refer to it.',
  ],
  'dash.low-latency-profile': [
    'DASH-IF IOP 5 part 4',
    'warning',
    'Name http://www.dashif.org/guidelines/low-latency-live-v5 in MPD@profiles and write PlaybackRate.',
  ],
  'dash.presentation-delay': [
    'ISO/IEC 23009-1 5.3.1.2',
    'error',
    'Make @suggestedPresentationDelay smaller than @timeShiftBufferDepth.',
  ],
  'dash.static-attributes': [
    'ISO/IEC 23009-1 5.4.1, DASH-IF TM 4.9',
    'error',
    'Never change what an MPD update must keep.',
  ],
  'dash.publish-time': [
    'ISO/IEC 23009-1 5.3.1.2',
    'error',
    'Raise MPD@publishTime when the MPD changes, and only then.',
  ],
  'dash.period-removed': ['DASH-IF TM 4.4', 'error', 'Keep a Period until it is wholly out of the time-shift buffer.'],
  'dash.timeline-update': ['DASH-IF TM 5.3', 'error', 'Only append to a SegmentTimeline and drop what has expired.'],
  'dash.segment-available': [
    'ISO/IEC 23009-1 A.3.2, DASH-IF TM 4.5',
    'error',
    'Promise a segment only when it answers 200, and keep it for the time-shift buffer.',
  ],
  'dash.stalled': ['DASH-IF TM 4.9', 'error', 'Append to the SegmentTimeline as media comes.'],
} as const satisfies Record<string, RuleRow>;
