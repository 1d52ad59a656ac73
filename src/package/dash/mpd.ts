/**
 * The DASH MPD of a Channel (ISO/IEC 23009-1, DASH-IF timing model): SegmentTemplate@duration with $Number$, absolute media time.
 * It never says Period@duration on the last Period and never leaves a gap between Periods (players die of both).
 * Invariant: what it promises exists by availabilityStartTime + publish margin; its text changes only with a Period.
 */
import { AUDIO_RATE, startMsOf, videoStartTicks } from '../grid.ts';
import { indexOf, type Period, type Presentation, type Track } from '../model.ts';
import { element, type XmlElement, xmlDocument } from './xml.ts';

export interface MpdSettings {
  readonly channel: string;
  readonly timeShiftBufferMs: number;
  /** Added to availabilityStartTime: media is promised this long after its end. */
  readonly publishMarginMs: number;
  /** What players aim at, after availability. */
  readonly targetLatencyMs: number;
}

/** Links are relative to the MPD at /live/CHANNEL/. Undefined before the first Segment. */
export function renderMpd(presentation: Presentation, settings: MpdSettings): string | undefined {
  const newest = presentation.segments.at(-1);
  if (newest === undefined) return undefined;
  const { segmentMs } = newest.period.grid;
  const periods = listedPeriods(presentation, settings.timeShiftBufferMs);
  return xmlDocument(
    element(
      'MPD',
      {
        xmlns: 'urn:mpeg:dash:schema:mpd:2011',
        id: settings.channel,
        type: 'dynamic',
        profiles: 'urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019',
        availabilityStartTime: new Date(settings.publishMarginMs).toISOString(),
        publishTime: new Date(Math.floor(mpdChangedMs(presentation, settings.timeShiftBufferMs))).toISOString(),
        // The cache policy keeps an MPD for 2 s: with shorter Segments players need not ask oftener.
        minimumUpdatePeriod: seconds(Math.max(2000, segmentMs)),
        timeShiftBufferDepth: seconds(settings.timeShiftBufferMs),
        suggestedPresentationDelay: seconds(settings.targetLatencyMs),
        minBufferTime: seconds(segmentMs),
        // An audio Segment is up to one access unit longer than the Grid's.
        maxSegmentDuration: seconds(segmentMs + Math.ceil((1024 / AUDIO_RATE) * 1000)),
      },
      [
        element('ServiceDescription', { id: 0 }, [
          element('Latency', { target: settings.targetLatencyMs }),
          element('PlaybackRate', { min: 0.96, max: 1.04 }),
        ]),
        ...periods.map(periodElement),
        // dash.js and Shaka resolve it against the MPD; an edge answers it by its own clock.
        element('UTCTiming', {
          schemeIdUri: 'urn:mpeg:dash:utc:http-xsdate:2014',
          value: '../../time',
        }),
      ],
    ),
  );
}

/** UTC ms when the text last changed: a Period was announced, or an old one left (5.3.1.2: publishTime). */
export function mpdChangedMs(presentation: Presentation, timeShiftBufferMs: number): number {
  const [first] = listedPeriods(presentation, timeShiftBufferMs);
  const newest = presentation.segments.at(-1);
  if (first === undefined || newest === undefined || first.ordinal === 1) return presentation.mpdChangedMs;
  const leftAtMs = startMsOf(first.grid, first.startIndex) + keptMs(newest.period, timeShiftBufferMs);
  const pushedOut = presentation.segments.find((segment) => segment.endMs >= leftAtMs);
  return Math.max(presentation.mpdChangedMs, pushedOut?.committedMs ?? 0);
}

/** A Period leaves only when wholly out of timeShiftBufferDepth + minimumUpdatePeriod. */
function keptMs(newest: Period, timeShiftBufferMs: number): number {
  return timeShiftBufferMs + newest.grid.segmentMs;
}

function listedPeriods(presentation: Presentation, timeShiftBufferMs: number): Period[] {
  const newest = presentation.segments.at(-1);
  if (newest === undefined) return [];
  const fromMs = newest.endMs - keptMs(newest.period, timeShiftBufferMs);
  return [...new Set(presentation.segments.filter(({ endMs }) => endMs > fromMs).map(({ period }) => period))];
}

function periodElement(period: Period): XmlElement {
  const video = period.tracks.filter((track) => track.kind === 'video');
  const audio = period.tracks.filter((track) => track.kind === 'audio');
  return element(
    'Period',
    {
      id: period.id,
      start: seconds(startMsOf(period.grid, period.startIndex)),
    },
    [
      video.length === 0 ? undefined : videoSet(period, video),
      ...audio.map((track, i) => audioSet(period, track, 2 + i, i === 0)),
    ],
  );
}

function videoSet(period: Period, tracks: readonly Track[]): XmlElement {
  const widths = tracks.map((track) => track.init.width ?? 0);
  const heights = tracks.map((track) => track.init.height ?? 0);
  return element(
    'AdaptationSet',
    {
      id: 1,
      contentType: 'video',
      mimeType: 'video/mp4',
      segmentAlignment: true,
      startWithSAP: 1,
      maxWidth: Math.max(...widths),
      maxHeight: Math.max(...heights),
    },
    [
      element('Role', {
        schemeIdUri: 'urn:mpeg:dash:role:2011',
        value: 'main',
      }),
      ...tracks.map((track) =>
        element(
          'Representation',
          {
            id: track.id,
            bandwidth: track.peakBps,
            codecs: track.init.codec,
            width: track.init.width,
            height: track.init.height,
            frameRate: track.frameRate === undefined ? undefined : rateText(track.frameRate),
            sar: '1:1',
          },
          [template(period, track)],
        ),
      ),
    ],
  );
}

function audioSet(period: Period, track: Track, id: number, isMain: boolean): XmlElement {
  return element(
    'AdaptationSet',
    {
      id,
      contentType: 'audio',
      mimeType: 'audio/mp4',
      lang: track.language,
      segmentAlignment: true,
      startWithSAP: 1,
    },
    [
      element('Role', {
        schemeIdUri: 'urn:mpeg:dash:role:2011',
        value: isMain ? 'main' : 'alternate',
      }),
      element(
        'Representation',
        {
          id: track.id,
          bandwidth: track.peakBps,
          codecs: track.init.codec,
          audioSamplingRate: AUDIO_RATE,
        },
        [
          element('AudioChannelConfiguration', {
            schemeIdUri: 'urn:mpeg:mpegB:cicp:ChannelConfiguration',
            value: track.channels ?? 2,
          }),
          template(period, track),
        ],
      ),
    ],
  );
}

/** 5.3.9.4: number = startNumber + floor((time - Period@start) / duration); presentationTimeOffset maps absolute tfdt to the Period. */
function template(period: Period, track: Track): XmlElement {
  const { grid } = period;
  const isVideo = track.kind === 'video';
  const perMs = AUDIO_RATE / 1000;
  return element('SegmentTemplate', {
    timescale: isVideo ? grid.videoTimescale : AUDIO_RATE,
    presentationTimeOffset: isVideo
      ? videoStartTicks(grid, indexOf(period, period.startNumber))
      : startMsOf(grid, period.startIndex) * perMs,
    duration: isVideo ? grid.segmentTicks : grid.segmentMs * perMs,
    startNumber: period.startNumber,
    initialization: `$RepresentationID$/${period.gen}/init-${track.initHash}.mp4`,
    media: `$RepresentationID$/${period.gen}/$Number$.m4s`,
  });
}

function rateText(rate: { num: number; den: number }): string {
  return rate.den === 1 ? String(rate.num) : `${rate.num}/${rate.den}`;
}

/** xs:duration in seconds, exact to the ms. */
function seconds(ms: number): string {
  return `PT${ms / 1000}S`;
}
