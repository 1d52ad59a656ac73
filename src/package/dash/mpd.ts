/**
 * The DASH MPD of a Channel (ISO/IEC 23009-1, DASH-IF timing model): SegmentTemplate@duration with $Number$, absolute media time.
 * It never says Period@duration on the last Period and never leaves a gap between Periods (players die of both).
 * Invariant: what it promises exists by availabilityStartTime + publish margin, or, once the presentation has ended, exists;
 * its text changes only with a Period and at the end.
 */
import { AUDIO_RATE, audioPartTicks, type Grid, startMsOf, videoStartTicks } from '../grid.ts';
import { type CommittedSegment, indexOf, type Period, type Presentation, type Track } from '../model.ts';
import { element, type XmlElement, xmlDocument } from './xml.ts';

export interface MpdSettings {
  readonly channel: string;
  readonly timeShiftBufferMs: number;
  /** Added to availabilityStartTime: media is promised this long after its end. */
  readonly publishMarginMs: number;
  /** What players aim at, after availability. */
  readonly targetLatencyMs: number;
  /** Segments are served part by part as they grow: low latency by chunks (DASH-IF IOP 5 part 4). */
  readonly hasParts?: boolean;
}

/** dash.js and Shaka resolve it against the MPD; an edge answers it by its own clock. */
const UTC_TIMING = element('UTCTiming', {
  schemeIdUri: 'urn:mpeg:dash:utc:http-xsdate:2014',
  value: '../../time',
});
const PROFILES = 'urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019';
const LOW_LATENCY_PROFILE = 'http://www.dashif.org/guidelines/low-latency-live-v5';

/** Links are relative to the MPD at /live/CHANNEL/. Undefined before the first Segment. */
export function renderMpd(presentation: Presentation, settings: MpdSettings): string | undefined {
  const newest = presentation.segments.at(-1);
  if (newest === undefined) return undefined;
  if (presentation.ended) return staticMpd(presentation, newest, settings);
  const { hasParts = false, targetLatencyMs } = settings;
  const { segmentMs } = newestPeriod(presentation, newest).grid;
  const periods = listedPeriods(presentation, settings.timeShiftBufferMs);
  return xmlDocument(
    element(
      'MPD',
      {
        xmlns: 'urn:mpeg:dash:schema:mpd:2011',
        id: settings.channel,
        type: 'dynamic',
        profiles: hasParts ? `${PROFILES},${LOW_LATENCY_PROFILE}` : PROFILES,
        availabilityStartTime: new Date(settings.publishMarginMs).toISOString(),
        publishTime: new Date(Math.floor(mpdChangedMs(presentation, settings.timeShiftBufferMs))).toISOString(),
        // The cache policy keeps an MPD for 2 s: with shorter Segments players need not ask oftener.
        minimumUpdatePeriod: seconds(Math.max(2000, segmentMs)),
        timeShiftBufferDepth: seconds(settings.timeShiftBufferMs),
        // One of the two, never both: Shaka adds Latency@target to this delay, and plays at 0.95 until it is so far behind (D-129).
        suggestedPresentationDelay: hasParts ? undefined : seconds(targetLatencyMs),
        minBufferTime: seconds(hasParts ? leastBufferMs(segmentMs) : segmentMs),
        maxSegmentDuration: seconds(longestSegmentMs(segmentMs)),
      },
      [
        hasParts ? serviceDescription(periods, targetLatencyMs) : undefined,
        ...periods.map((period) => periodElement(period, hasParts)),
        UTC_TIMING,
      ],
    ),
  );
}

function serviceDescription(periods: readonly Period[], targetLatencyMs: number): XmlElement {
  return element('ServiceDescription', { id: 0 }, [
    // No @max: dash.js dies of it after holes.
    element('Latency', { referenceId: referenceIdOf(periods), target: targetLatencyMs }),
    element('PlaybackRate', { min: 0.96, max: 1.04 }),
  ]);
}

/**
 * After the end (5.3.1.2: type static): everything that is listed, for ever, and nothing that was evicted. The presentation begins
 * at 0 now: Shaka adds where the live one began to each Period@start, and loops for minutes over one that is in UTC (D-105).
 */
function staticMpd(presentation: Presentation, newest: CommittedSegment, settings: MpdSettings): string {
  const { segmentMs } = newest.period.grid;
  const periods = keptPeriods(presentation, newest, settings.timeShiftBufferMs);
  const beginMs = Math.min(...periods.map(periodStartMs));
  return xmlDocument(
    element(
      'MPD',
      {
        xmlns: 'urn:mpeg:dash:schema:mpd:2011',
        id: settings.channel,
        type: 'static',
        profiles: PROFILES,
        publishTime: new Date(Math.floor(presentation.mpdChangedMs)).toISOString(),
        // 5.3.2.1: the last Period ends with the presentation.
        mediaPresentationDuration: seconds(newest.endMs - beginMs),
        minBufferTime: seconds(segmentMs),
        maxSegmentDuration: seconds(longestSegmentMs(segmentMs)),
      },
      periods.map((period) => periodElement(period, false, periodStartMs(period) - beginMs)),
    ),
  );
}

/** The Periods of the listed Segments; the first begins with the oldest of them (5.3.9.5.3: nothing before it is asked for). */
function keptPeriods({ segments }: Presentation, newest: CommittedSegment, windowMs: number): Period[] {
  const listed = segments.filter(({ endMs }) => endMs > newest.endMs - windowMs);
  const [oldest] = listed;
  return [...new Set(listed.map(({ period }) => period))].map((period) =>
    period === oldest?.period
      ? { ...period, startNumber: oldest.number, startIndex: indexOf(period, oldest.number) }
      : period,
  );
}

/** An audio Segment is up to one access unit longer than the Grid's. */
function longestSegmentMs(segmentMs: number): number {
  return segmentMs + Math.ceil((1024 / AUDIO_RATE) * 1000);
}

/** UTC ms when the text last changed: a Period was announced, or an old one left (5.3.1.2: publishTime). */
export function mpdChangedMs(presentation: Presentation, timeShiftBufferMs: number): number {
  const [first] = listedPeriods(presentation, timeShiftBufferMs);
  const newest = presentation.segments.at(-1);
  if (presentation.ended || first === undefined || newest === undefined || first.ordinal === 1)
    return presentation.mpdChangedMs;
  const leftAtMs = startMsOf(first.grid, first.startIndex) + keptMs(newest.period, timeShiftBufferMs);
  const pushedOut = presentation.segments.find((segment) => segment.endMs >= leftAtMs);
  return Math.max(presentation.mpdChangedMs, pushedOut?.committedMs ?? 0);
}

/** The most that a ladder may give an encoder's buffer, as time at maxrate. */
const MOST_BUFFER_MS = 4000;

/**
 * 5.3.5.4: at @bandwidth, nothing runs dry that starts with this much. An encoder's buffer of b s on top of maxrate is declared as
 * maxrate x (1 + b / d) for Segments of d s, so b d / (b + d) is enough; players that wait for it before they start lose no more.
 */
function leastBufferMs(segmentMs: number): number {
  return Math.ceil((MOST_BUFFER_MS * segmentMs) / (MOST_BUFFER_MS + segmentMs));
}

/** A Period leaves only when wholly out of timeShiftBufferDepth + minimumUpdatePeriod. */
function keptMs(newest: Period, timeShiftBufferMs: number): number {
  return timeShiftBufferMs + newest.grid.segmentMs;
}

function listedPeriods(presentation: Presentation, timeShiftBufferMs: number): Period[] {
  const newest = presentation.segments.at(-1);
  if (newest === undefined) return [];
  const fromMs = newest.endMs - keptMs(newest.period, timeShiftBufferMs);
  const whole = presentation.segments.filter(({ endMs }) => endMs > fromMs).map(({ period }) => period);
  // A Period is announced with its first part: its Segment can be asked for from then on.
  return [...new Set([...whole, newestPeriod(presentation, newest)])];
}

function newestPeriod({ open }: Presentation, newest: CommittedSegment): Period {
  return open?.period ?? newest.period;
}

const VIDEO_SET_ID = 1;
const FIRST_AUDIO_SET_ID = 2;

/** The ProducerReferenceTime that Latency counts from: the video's, or the first audio's where there is none. */
function referenceIdOf(periods: readonly Period[]): number {
  return periods.at(-1)?.tracks.some(({ kind }) => kind === 'video') === false ? FIRST_AUDIO_SET_ID : VIDEO_SET_ID;
}

function periodStartMs({ grid, startIndex }: Period): number {
  return startMsOf(grid, startIndex);
}

function periodElement(period: Period, hasParts: boolean, startMs = periodStartMs(period)): XmlElement {
  const video = period.tracks.filter((track) => track.kind === 'video');
  const audio = period.tracks.filter((track) => track.kind === 'audio');
  return element(
    'Period',
    {
      id: period.id,
      start: seconds(startMs),
    },
    [
      video.length === 0 ? undefined : videoSet(period, video, hasParts),
      ...audio.map((track, i) => audioSet(period, track, FIRST_AUDIO_SET_ID + i, i === 0, hasParts)),
    ],
  );
}

function videoSet(period: Period, tracks: readonly Track[], hasParts: boolean): XmlElement {
  const widths = tracks.map((track) => track.init.width ?? 0);
  const heights = tracks.map((track) => track.init.height ?? 0);
  return element(
    'AdaptationSet',
    {
      id: VIDEO_SET_ID,
      contentType: 'video',
      mimeType: 'video/mp4',
      segmentAlignment: true,
      startWithSAP: 1,
      maxWidth: Math.max(...widths),
      maxHeight: Math.max(...heights),
    },
    [
      ...(hasParts ? chunkElements(period, 'video', VIDEO_SET_ID) : []),
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
          [template(period, track, hasParts)],
        ),
      ),
    ],
  );
}

function audioSet(period: Period, track: Track, id: number, isMain: boolean, hasParts: boolean): XmlElement {
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
      ...(hasParts ? chunkElements(period, 'audio', id) : []),
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
          template(period, track, hasParts),
        ],
      ),
    ],
  );
}

/**
 * IOP 5 part 4: each low-latency set says when its media was made, by the clock that the MPD names (5.12), and where in a
 * Segment one can tune in (5.3.13). Media time is UTC, so one pair holds for the whole Period. The chunks of video inside a
 * Segment are no access points (type 0), those of audio are all (type 1).
 */
function chunkElements(period: Period, kind: Track['kind'], id: number): XmlElement[] {
  const { grid } = period;
  const dT = kind === 'video' ? grid.segmentTicks / grid.partsPerSegment : audioPartTicks(grid);
  return [
    element(
      'ProducerReferenceTime',
      {
        id,
        type: 'encoder',
        wallClockTime: new Date(startMsOf(grid, period.startIndex)).toISOString(),
        presentationTime: timeOffsetTicks(period, kind),
      },
      [UTC_TIMING],
    ),
    element('Resync', { type: kind === 'video' ? 0 : 1, dT }),
  ];
}

/** 5.3.9.4: number = startNumber + floor((time - Period@start) / duration); presentationTimeOffset maps absolute tfdt to the Period. */
function template(period: Period, { kind, initHash }: Track, hasParts: boolean): XmlElement {
  const { grid } = period;
  const isVideo = kind === 'video';
  return element('SegmentTemplate', {
    timescale: isVideo ? grid.videoTimescale : AUDIO_RATE,
    presentationTimeOffset: timeOffsetTicks(period, kind),
    duration: isVideo ? grid.segmentTicks : grid.segmentMs * (AUDIO_RATE / 1000),
    startNumber: period.startNumber,
    availabilityTimeOffset: hasParts ? availabilityTimeOffset(grid) : undefined,
    availabilityTimeComplete: hasParts ? false : undefined,
    initialization: `$RepresentationID$/${period.gen}/init-${initHash}.mp4`,
    media: `$RepresentationID$/${period.gen}/$Number$.m4s`,
  });
}

function timeOffsetTicks({ grid, startIndex }: Period, kind: Track['kind']): number {
  return kind === 'video' ? videoStartTicks(grid, startIndex) : startMsOf(grid, startIndex) * (AUDIO_RATE / 1000);
}

/**
 * A Segment can be asked for when its first part is there (A.3.2; IOP 5 part 4: Segment less one chunk). Seconds, rounded down:
 * nothing is promised before it has bytes. An audio part ends up to one access unit later; the publish margin covers that.
 */
function availabilityTimeOffset({ segmentMs, partsPerSegment }: Grid): number {
  return Math.floor((segmentMs * 10 * (partsPerSegment - 1)) / partsPerSegment) / 1e4;
}

function rateText(rate: { num: number; den: number }): string {
  return rate.den === 1 ? String(rate.num) : `${rate.num}/${rate.den}`;
}

/** xs:duration in seconds, exact to the ms. */
function seconds(ms: number): string {
  return `PT${ms / 1000}S`;
}
