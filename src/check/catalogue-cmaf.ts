/**
 * The rules on media objects (ISO/IEC 23000-19, 14496-12) and on declared against true bandwidth.
 * Data only; see catalogue.ts for what the columns mean.
 */
import type { RuleRow } from './catalogue.ts';

export const CMAF_RULES = {
  'cmaf.unreadable': ['ISO/IEC 14496-12 4.2', 'error', 'Serve whole, well-formed boxes.'],
  'cmaf.brand': ['ISO/IEC 23000-19 7.2, RFC 8216bis 3.1.2', 'error', 'Put cmfc or cmf2 (at least iso6) into ftyp.'],
  'cmaf.header': [
    'ISO/IEC 23000-19 7.3.1',
    'error',
    'Make the header ftyp + moov with mvex and zero durations, without samples.',
  ],
  'cmaf.single-track': [
    'ISO/IEC 23000-19 7.3.2.1',
    'error',
    'Put one track into each file: one trak, one traf per moof.',
  ],
  'cmaf.tfdt': ['ISO/IEC 23000-19 7.5.16', 'error', 'Write tfdt in every traf.'],
  'cmaf.moof-relative': [
    'ISO/IEC 23000-19 7.5.15',
    'error',
    'Set default-base-is-moof and leave base-data-offset out.',
  ],
  'cmaf.no-fragment': ['ISO/IEC 23000-19 7.3.3', 'error', 'Put at least one moof with samples into each segment.'],
  'cmaf.continuity': [
    'ISO/IEC 23000-19 7.3.2.3',
    'error',
    'Begin each fragment on the tick where the one before ends.',
  ],
  'cmaf.sync-start': ['ISO/IEC 23000-19 7.3.3.1, Apple HLS 7.4', 'error', 'Begin each segment with a sync sample.'],
  'cmaf.video-aligned': [
    'ISO/IEC 23000-19 7.3.4',
    'error',
    'Cut all video tracks of a switching set at the same instants.',
  ],
  'cmaf.audio-aligned': ['Apple HLS 8.1', 'error', 'Begin each audio segment within one frame of the video boundary.'],
  'cmaf.grid': ['DASH-IF TM 5.2', 'error', 'Keep the segments within half a duration of number x duration.'],
  'cmaf.grid-drift': ['DASH-IF TM 4.7', 'warning', 'Keep the first sample within one frame of number x duration.'],
  'cmaf.timeline-exact': [
    'ISO/IEC 23009-1 5.3.9.6',
    'error',
    'Make S@t and S@d the true time and duration of the segment.',
  ],
  'cmaf.duration': ['RFC 8216bis 4.4.4.1', 'error', 'Make EXTINF the true duration of the samples.'],
  'cmaf.codec': ['RFC 6381 3, RFC 8216bis 4.4.6.2', 'error', 'Write the codec string of the header into the manifest.'],
  'cmaf.resolution': ['RFC 8216bis 4.4.6.2, ISO/IEC 23009-1 5.3.7.2', 'error', 'Declare the true picture size.'],
  'cmaf.timescale': [
    'ISO/IEC 23000-19 7.3.4',
    'warning',
    'Use one timescale in all video tracks of a switching set, and in the MPD.',
  ],
  'cmaf.track-id': ['ISO/IEC 14496-12 8.8.7', 'error', 'Use the track_ID of the header in every fragment.'],
  'bandwidth.peak': ['Apple HLS 1.29', 'error', 'Raise BANDWIDTH or bound the encoder: measured more than 125 %.'],
  'bandwidth.declared': [
    'RFC 8216bis 4.4.6.2',
    'warning',
    'BANDWIDTH is to be the peak: raise it or bound the encoder.',
  ],
  'bandwidth.average': ['Apple HLS 1.28', 'warning', 'Keep the average below 110 % of AVERAGE-BANDWIDTH.'],
  'bandwidth.dash': [
    'ISO/IEC 23009-1 5.3.5.4',
    'error',
    'Raise Representation@bandwidth: over minBufferTime it does not carry the segments.',
  ],
} as const satisfies Record<string, RuleRow>;
