/**
 * Every metric of the service: name, help and labels stand in this one file (Prometheus naming, seconds and bytes).
 * Labels are channel, track, kind, status, reason: never a URL, an address or anything a client may invent.
 * `npm run docs` prints it into docker/README.md.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type Metrics = ReturnType<typeof openMetrics>;

/** What is known of a metric before it has a value. */
export interface MetricRow {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
}

export function openMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const rows: MetricRow[] = [];
  const make = makers(registry, rows);
  return {
    registry,
    /** In the order of this file; prom-client's own (`process_`, `nodejs_`) are not among them. */
    rows: rows as readonly MetricRow[],
    ...httpMetrics(make),
    ...ingestMetrics(make),
    ...encoderMetrics(make),
    ...packagerMetrics(make),
    ...windowMetrics(make),
    ...channelMetrics(make),
    ...webhookMetrics(make),
  };
}

type Make = ReturnType<typeof makers>;

function makers(registry: Registry, rows: MetricRow[]) {
  const registers = [registry];
  const note = (type: MetricRow['type'], name: string, help: string, labels: readonly string[]): string => {
    rows.push({ name: `pitchside_${name}`, type, labels, help });
    return `pitchside_${name}`;
  };
  return {
    counter: <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
      new Counter({ name: note('counter', name, help, labelNames), help, labelNames, registers }),
    gauge: <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
      new Gauge({ name: note('gauge', name, help, labelNames), help, labelNames, registers }),
    histogram: <L extends string>(name: string, help: string, labelNames: readonly L[], buckets: number[]) =>
      new Histogram({ name: note('histogram', name, help, labelNames), help, labelNames, buckets, registers }),
  };
}

function httpMetrics({ counter, gauge }: Make) {
  return {
    responses: counter(
      'http_responses_total',
      'Origin responses by kind of object, status, and how long they may be cached: immutable, a max-age such as 1s, no-store.',
      ['kind', 'status', 'cache'],
    ),
    responseBytes: counter('http_response_bytes_total', 'Body bytes sent by the origin by kind.', ['kind']),
    waiting: gauge('http_waiting_requests', 'Requests held for an object that does not exist yet.', []),
    connections: gauge('http_connections', 'Open connections to the origin.', []),
    bytesInFlight: gauge('http_bytes_in_flight', 'Bytes of bodies that clients have not taken yet.', []),
    shed: counter('shed_total', 'Requests refused or cut off to protect the origin, by kind of object and reason.', [
      'kind',
      'reason',
    ]),
    accessLogDropped: counter('access_log_dropped_total', 'Lines that the access log had no room for.', []),
  };
}

function ingestMetrics({ counter, gauge }: Make) {
  return {
    publishes: counter('ingest_publishes_total', 'Publishes accepted.', ['channel']),
    refusals: counter('ingest_refusals_total', 'Connections and publishes refused, by reason.', ['reason']),
    ingestBytes: counter('ingest_bytes_total', 'Media bytes received, over RTMP or pushed.', ['channel']),
    sourceBitrate: gauge(
      'ingest_source_bits_per_second',
      'Bitrate of the feed, video and audio, over 5 s of its media.',
      ['channel'],
    ),
    keyframeInterval: gauge('ingest_source_keyframe_interval_seconds', 'Length of the newest whole GOP of the feed.', [
      'channel',
    ]),
    clockDrift: gauge('ingest_source_clock_drift_ppm', "The encoder's clock against ours; above 0 it runs fast.", [
      'channel',
    ]),
    audioLead: gauge(
      'ingest_source_audio_lead_seconds',
      "A/V offset of the feed: mean distance of its audio's stamps from the newest picture's, over 5 s; above 0 audio is ahead.",
      ['channel'],
    ),
    advice: gauge('ingest_advice_standing', '1 while this advice to the publisher stands.', ['channel', 'code']),
    rtmpChildStarts: counter('ingest_rtmp_child_starts_total', 'Starts of the RTMP child process.', []),
  };
}

function encoderMetrics({ counter, gauge }: Make) {
  return {
    encoderStarts: counter('encoder_starts_total', 'ffmpeg processes started.', ['channel']),
    encoderExits: counter('encoder_exits_total', 'ffmpeg processes that ended unasked, by reason.', [
      'channel',
      'reason',
    ]),
    encoderSpeed: gauge(
      'encoder_speed_ratio',
      'Encoding speed; below 1 the worker falls behind. Absent while nothing is encoded.',
      ['channel'],
    ),
    encoderFps: gauge(
      'encoder_frames_per_second',
      'Frames encoded per second, all rungs as one. Absent while nothing is encoded.',
      ['channel'],
    ),
    encoderDropped: counter(
      'encoder_frames_dropped_total',
      'Frames that ffmpeg left out to keep the frame rate constant.',
      ['channel'],
    ),
    encoderDuplicated: counter(
      'encoder_frames_duplicated_total',
      'Frames that ffmpeg repeated to keep the frame rate constant: a feed with holes, or of a lower rate than the ladder.',
      ['channel'],
    ),
    encoderLag: gauge('encoder_lag_seconds', 'How far the slowest rung is behind the feed.', ['channel']),
    rungsLeftOut: gauge('encoder_rungs_left_out', 'Rungs of the ladder that are left out for a while.', ['channel']),
    rungsShed: counter('encoder_rungs_shed_total', 'Rungs that were left out, by reason: failed or slow.', [
      'channel',
      'reason',
    ]),
  };
}

/** Lateness is counted from media time, which is UTC of arrival: it has the encoder's delay in it. */
function packagerMetrics({ counter, gauge, histogram }: Make) {
  return {
    runs: counter('packager_runs_total', 'EncodeRuns: unbroken runs of one encoder, ours or an external one.', [
      'channel',
    ]),
    fragments: counter('packager_fragments_total', 'CMAF chunks taken from encoders.', ['channel', 'track']),
    fragmentsDropped: counter('packager_fragments_dropped_total', 'Chunks not used, by reason.', ['channel', 'reason']),
    fragmentLateness: histogram(
      'packager_fragment_lateness_seconds',
      'Time from the end of a chunk in media time until it was read from our encoder.',
      ['channel', 'track'],
      [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5],
    ),
    renditionSkew: histogram(
      'packager_rendition_skew_seconds',
      'Between the first and the last Track whose media of a Segment was all there, of one encoder.',
      ['channel'],
      [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2],
    ),
    segments: counter('packager_segments_total', 'Segments published, by source: live, slate or gap.', [
      'channel',
      'source',
    ]),
    segmentsLate: counter(
      'packager_segments_late_total',
      'Segments with pictures of a publisher that were on air after the time that the MPD promises.',
      ['channel'],
    ),
    segmentLateness: histogram(
      'packager_segment_lateness_seconds',
      'Time from the end of a Segment in media time to its publication.',
      ['channel'],
      [0.05, 0.1, 0.2, 0.5, 1, 2, 5],
    ),
    newestSegment: gauge(
      'packager_newest_segment_end_timestamp_seconds',
      'UTC of the end of the newest Segment on air, in seconds since 1970.',
      ['channel'],
    ),
    parts: counter(
      'packager_parts_total',
      'Parts published before their Segment was whole, by source: live or slate.',
      ['channel', 'source'],
    ),
    partLateness: histogram(
      'packager_part_lateness_seconds',
      'Time from the end of a live part in media time (UTC of arrival) until it was servable.',
      ['channel', 'track'],
      [0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.5, 1, 2],
    ),
    /** Where time goes between a picture's arrival and its part on air. */
    stages: histogram(
      'stage_seconds',
      'Time from the media time of a picture (the last of its chunk) until it arrived, was encoded (first bytes of the chunk), parsed, servable.',
      ['channel', 'stage'],
      [0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.5, 1, 2],
    ),
    periods: counter('packager_periods_total', 'Periods begun (each is a discontinuity).', ['channel']),
    tracks: gauge('packager_tracks', 'Tracks on air: renditions of video and audio.', ['channel']),
  };
}

/** The window, its disk and its journal. */
function windowMetrics({ counter, gauge, histogram }: Make) {
  return {
    windowBytes: gauge('window_bytes', 'Bytes kept in the time-shift window.', ['channel']),
    windowShortened: counter(
      'window_shortened_total',
      'Times that Segments left the window before their time for want of room.',
      ['channel'],
    ),
    diskDegraded: gauge('disk_degraded', '1 while the disk is out of order and the window is kept in memory alone.', [
      'channel',
    ]),
    diskWrittenBytes: counter('disk_written_bytes_total', 'Bytes written to the window and its journal.', ['channel']),
    diskWriteSeconds: histogram(
      'disk_write_seconds',
      'Time that the service stood still for one write to the window or its journal.',
      ['channel'],
      [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 1],
    ),
    journalRecords: counter('journal_records_total', 'Records written to the journal.', ['channel']),
    journalBytes: gauge('journal_bytes', "Size of the journal's file.", ['channel']),
    journalNewest: gauge(
      'journal_newest_record_timestamp_seconds',
      "UTC of the journal's newest record, in seconds since 1970: time() minus it is its age.",
      ['channel'],
    ),
    journalPutAside: counter(
      'journal_put_aside_total',
      'Journals that could not be read at the start and were put aside: the window of before is gone.',
      ['channel'],
    ),
  };
}

function channelMetrics({ counter, gauge }: Make) {
  return {
    onAir: gauge('channel_on_air', '1 while media of a publisher is at the live edge.', ['channel']),
    state: gauge('channel_state', '1 for the state that the channel is in (src/README.md), 0 for the others.', [
      'channel',
      'state',
    ]),
    faults: counter('channel_faults_total', 'Faults of the channel by code, as its status lists them.', [
      'channel',
      'code',
    ]),
    ladderReloads: counter('config_ladder_reloads_total', 'Ladder files read again, by outcome: good or bad.', [
      'outcome',
    ]),
  };
}

function webhookMetrics({ counter, gauge }: Make) {
  return {
    webhooks: counter(
      'webhook_deliveries_total',
      'Webhooks by hook (its place in the settings, from 1) and outcome: delivered, retried, given-up, dropped.',
      ['hook', 'outcome'],
    ),
    webhooksWaiting: gauge('webhook_waiting', 'Events that wait for their receiver, by hook.', ['hook']),
  };
}
