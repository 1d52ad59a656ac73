/**
 * Every metric of the service: name, help and labels stand in this one file (Prometheus naming, seconds and bytes).
 * Labels are channel, track, kind, status, reason: never a URL, an address or anything a client may invent.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type Metrics = ReturnType<typeof openMetrics>;

export function openMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const { counter, gauge } = makers(registers);
  return {
    registry,
    responses: counter('http_responses_total', 'Origin responses by kind of object and status.', ['kind', 'status']),
    responseBytes: counter('http_response_bytes_total', 'Body bytes sent by the origin by kind.', ['kind']),
    waiting: gauge('http_waiting_requests', 'Requests held for an object that does not exist yet.', []),
    connections: gauge('http_connections', 'Open connections to the origin.', []),
    bytesInFlight: gauge('http_bytes_in_flight', 'Bytes of bodies that clients have not taken yet.', []),
    shed: counter('shed_total', 'Requests refused or cut off to protect the origin, by kind of object and reason.', [
      'kind',
      'reason',
    ]),
    accessLogDropped: counter('access_log_dropped_total', 'Lines that the access log had no room for.', []),
    publishes: counter('ingest_publishes_total', 'Publishes accepted.', ['channel']),
    refusals: counter('ingest_refusals_total', 'Connections and publishes refused, by reason.', ['reason']),
    ingestBytes: counter('ingest_bytes_total', 'Media bytes received over RTMP.', ['channel']),
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
    advice: gauge('ingest_advice_standing', '1 while this advice to the publisher stands.', ['channel', 'code']),
    rtmpChildStarts: counter('ingest_rtmp_child_starts_total', 'Starts of the RTMP child process.', []),
    ...encoderMetrics(registers),
    fragments: counter('packager_fragments_total', 'CMAF chunks taken from encoders.', ['channel', 'track']),
    fragmentsDropped: counter('packager_fragments_dropped_total', 'Chunks not used, by reason.', ['channel', 'reason']),
    segments: counter('packager_segments_total', 'Segments published, by source: live or slate.', [
      'channel',
      'source',
    ]),
    parts: counter(
      'packager_parts_total',
      'Parts published before their Segment was whole, by source: live or slate.',
      ['channel', 'source'],
    ),
    partLateness: partLateness(registers),
    stages: stages(registers),
    periods: counter('packager_periods_total', 'Periods begun (each is a discontinuity).', ['channel']),
    segmentLateness: new Histogram({
      name: 'pitchside_packager_segment_lateness_seconds',
      help: 'Time from the end of a Segment in media time to its publication.',
      labelNames: ['channel'] as const,
      buckets: [0.05, 0.1, 0.2, 0.5, 1, 2, 5],
      registers,
    }),
    windowBytes: gauge('window_bytes', 'Bytes kept in the time-shift window.', ['channel']),
    ...diskMetrics(registers),
    onAir: gauge('channel_on_air', '1 while media of a publisher is at the live edge.', ['channel']),
    ladderReloads: counter('config_ladder_reloads_total', 'Ladder files read again, by outcome.', ['outcome']),
  };
}

function makers(registers: Registry[]) {
  return {
    counter: <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
      new Counter({ name: `pitchside_${name}`, help, labelNames, registers }),
    gauge: <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
      new Gauge({ name: `pitchside_${name}`, help, labelNames, registers }),
  };
}

function encoderMetrics(registers: Registry[]) {
  const { counter, gauge } = makers(registers);
  return {
    encoderStarts: counter('encoder_starts_total', 'ffmpeg processes started.', ['channel']),
    encoderExits: counter('encoder_exits_total', 'ffmpeg processes that ended unasked, by reason.', [
      'channel',
      'reason',
    ]),
    encoderSpeed: gauge('encoder_speed_ratio', 'Encoding speed; below 1 the worker falls behind.', ['channel']),
    encoderFps: gauge('encoder_frames_per_second', 'Frames encoded per second.', ['channel']),
    encoderLag: gauge('encoder_lag_seconds', 'How far the slowest rung is behind the feed.', ['channel']),
    rungsLeftOut: gauge('encoder_rungs_left_out', 'Rungs of the ladder that are left out for a while.', ['channel']),
    rungsShed: counter('encoder_rungs_shed_total', 'Rungs that were left out, by reason: failed or slow.', [
      'channel',
      'reason',
    ]),
  };
}

/** The window's disk. */
function diskMetrics(registers: Registry[]) {
  const { counter, gauge } = makers(registers);
  return {
    diskDegraded: gauge('disk_degraded', '1 while the disk is out of order and the window is kept in memory alone.', [
      'channel',
    ]),
    diskWrittenBytes: counter('disk_written_bytes_total', 'Bytes written to the window and its journal.', ['channel']),
    diskWriteSeconds: new Histogram({
      name: 'pitchside_disk_write_seconds',
      help: 'Time that the service stood still for one write to the window or its journal.',
      labelNames: ['channel'] as const,
      buckets: [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 1],
      registers,
    }),
    windowShortened: counter(
      'window_shortened_total',
      'Times that Segments left the window before their time for want of room.',
      ['channel'],
    ),
  };
}

/** Where time goes between a picture's arrival and its part on air: each stage counts from the picture's media time. */
function stages(registers: Registry[]) {
  return new Histogram({
    name: 'pitchside_stage_seconds',
    help: 'Time from the media time of a picture (the last of its chunk) until it arrived, was encoded (first bytes of the chunk), parsed, servable.',
    labelNames: ['channel', 'stage'] as const,
    buckets: [0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.5, 1, 2],
    registers,
  });
}

function partLateness(registers: Registry[]) {
  return new Histogram({
    name: 'pitchside_packager_part_lateness_seconds',
    help: 'Time from the end of a live part in media time (UTC of arrival) to its publication.',
    labelNames: ['channel', 'track'] as const,
    buckets: [0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.5, 1, 2],
    registers,
  });
}
