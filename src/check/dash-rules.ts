/**
 * Rules on one MPD (ISO/IEC 23009-1 5.3, DASH-IF timing model).
 * Pure; what may change between two MPDs is in dash-update-rules, what must answer in dash-availability-rules.
 */
import { found } from './catalogue.ts';
import { judgeLowLatency, judgeOffset } from './dash-low-latency-rules.ts';
import { durationSeconds, utcMs } from './iso-time.ts';
import type { Finding, MpdSnapshot } from './model.ts';
import type { AdaptationSet, Mpd, Period, Representation, SegmentTemplate } from './mpd-text.ts';

export interface ReadMpd {
  readonly snapshot: MpdSnapshot;
  readonly mpd: Mpd;
}

export function judgeMpd({ snapshot, mpd }: ReadMpd): readonly Finding[] {
  const { url } = snapshot;
  return [
    ...judgeAttributes(url, mpd),
    ...judgePeriods(url, mpd),
    ...mpd.periods.flatMap((period) => [
      ...judgeIds(url, period),
      ...period.sets.flatMap((set) => judgeSet(url, mpd, period, set)),
    ]),
    ...judgeLowLatency(url, mpd),
    ...judgeContentType(snapshot),
  ];
}

function judgeContentType(snapshot: MpdSnapshot): Finding[] {
  const type = snapshot.headers['content-type'];
  return type !== undefined && /^application\/dash\+xml(;|$)/i.test(type)
    ? []
    : [found('http.content-type', { url: snapshot.url }, `The MPD's Content-Type is ${type ?? 'missing'}.`)];
}

/** UTCTiming schemes that dash.js and Shaka implement. */
const TIMING_SCHEMES = [
  'urn:mpeg:dash:utc:http-xsdate:2014',
  'urn:mpeg:dash:utc:http-iso:2014',
  'urn:mpeg:dash:utc:http-head:2014',
  'urn:mpeg:dash:utc:direct:2014',
];

function judgeAttributes(url: string, mpd: Mpd): Finding[] {
  const findings: Finding[] = [];
  const wrong = (message: string): void => void findings.push(found('dash.mpd-attributes', { url }, message));
  if (!mpd.attributes['profiles']) wrong('MPD@profiles is missing.');
  if (durationSeconds(mpd.attributes['minBufferTime']) === undefined)
    wrong('MPD@minBufferTime is missing or not a duration.');
  for (const name of [
    'minimumUpdatePeriod',
    'timeShiftBufferDepth',
    'suggestedPresentationDelay',
    'maxSegmentDuration',
    'mediaPresentationDuration',
  ]) {
    const value = mpd.attributes[name];
    if (value !== undefined && durationSeconds(value) === undefined) wrong(`MPD@${name} "${value}" is not a duration.`);
  }
  if (!mpd.dynamic) {
    if (mpd.attributes['mediaPresentationDuration'] === undefined && mpd.periods.at(-1)?.durationS === undefined)
      wrong('A static MPD has no duration.');
    if (mpd.attributes['minimumUpdatePeriod'] !== undefined) wrong('A static MPD has minimumUpdatePeriod.');
    return findings;
  }
  if (mpd.availabilityStartMs === undefined) wrong('MPD@availabilityStartTime is missing or not a date.');
  if (utcMs(mpd.attributes['publishTime']) === undefined) wrong('MPD@publishTime is missing or not a date.');
  if (mpd.minimumUpdateS === undefined)
    findings.push(found('dash.minimum-update', { url }, 'MPD@minimumUpdatePeriod is missing.'));
  if (mpd.timeShiftBufferS === undefined)
    findings.push(found('dash.time-shift-buffer', { url }, 'MPD@timeShiftBufferDepth is missing.'));
  if (!mpd.utcTimings.some((timing) => TIMING_SCHEMES.includes(timing.scheme)))
    findings.push(found('dash.utc-timing', { url }, 'There is no UTCTiming of a scheme that players implement.'));
  const delay = durationSeconds(mpd.attributes['suggestedPresentationDelay']);
  if (delay !== undefined && mpd.timeShiftBufferS !== undefined && delay >= mpd.timeShiftBufferS)
    findings.push(
      found(
        'dash.presentation-delay',
        { url },
        `suggestedPresentationDelay ${delay} s is not below timeShiftBufferDepth ${mpd.timeShiftBufferS} s.`,
      ),
    );
  return findings;
}

function judgePeriods(url: string, mpd: Mpd): Finding[] {
  const findings: Finding[] = [];
  if (mpd.periods.length === 0) findings.push(found('dash.mpd-attributes', { url }, 'There is no Period.'));
  const ids = mpd.periods.map((period) => period.id);
  mpd.periods.forEach((period, index) => {
    const track = period.id ?? String(index);
    if (mpd.dynamic && (period.id === undefined || ids.indexOf(period.id) !== index))
      findings.push(
        found(
          'dash.period-id',
          { url, track },
          period.id === undefined ? 'Period@id is missing.' : `Period@id "${period.id}" appears twice.`,
        ),
      );
    if (mpd.dynamic && durationSeconds(period.attributes['start']) === undefined)
      findings.push(found('dash.period-start', { url, track }, 'Period@start is missing or not a duration.'));
    const before = mpd.periods[index - 1];
    if (before?.startS === undefined || period.startS === undefined) return;
    const endS = before.durationS === undefined ? period.startS : before.startS + before.durationS;
    if (period.startS <= before.startS || Math.abs(endS - period.startS) > 0.0005)
      findings.push(
        found(
          'dash.period-contiguous',
          { url, track },
          `The Period starts at ${period.startS} s, the one before ends at ${endS} s.`,
        ),
      );
  });
  const last = mpd.periods.at(-1);
  // ISO/IEC 23009-1 5.3.2.1 lets a dynamic MPD end by it; dash.js takes @duration for the end even with minimumUpdatePeriod
  if (mpd.dynamic && mpd.minimumUpdateS !== undefined && last?.attributes['duration'] !== undefined)
    findings.push(
      found('dash.period-duration', { url, track: last.id }, 'The last Period of a live MPD has @duration.'),
    );
  return findings;
}

function judgeIds(url: string, period: Period): Finding[] {
  const all = period.sets.flatMap((set) => set.representations);
  const ids = all.map((representation) => representation.id);
  const findings = all.flatMap((representation, index) => {
    const track = representation.id;
    const wrong = (message: string): Finding => found('dash.representation', { url, track }, message);
    if (representation.id === '') return [wrong('Representation@id is missing.')];
    if (ids.indexOf(representation.id) !== index)
      return [wrong(`Representation@id "${representation.id}" appears twice.`)];
    return /^[1-9]\d*$/.test(representation.attributes['bandwidth'] ?? '')
      ? []
      : [wrong(`Representation@bandwidth is ${representation.attributes['bandwidth'] ?? 'missing'}.`)];
  });
  return period.sets.length === 0
    ? [found('dash.adaptation-set', { url, track: period.id }, 'The Period has no AdaptationSet.'), ...findings]
    : findings;
}

function judgeSet(url: string, mpd: Mpd, period: Period, set: AdaptationSet): Finding[] {
  const track = `${period.id ?? ''}/${set.attributes['id'] ?? set.contentType ?? ''}`;
  const findings: Finding[] = [];
  if (set.contentType === undefined || set.representations.length === 0)
    findings.push(
      found(
        'dash.adaptation-set',
        { url, track },
        set.representations.length === 0
          ? 'The AdaptationSet is empty.'
          : 'Neither contentType nor mimeType is stated.',
      ),
    );
  const hints = ['id', 'segmentAlignment'].filter(
    (name) => set.attributes[name] === undefined || set.attributes[name] === 'false',
  );
  if (
    set.attributes['startWithSAP'] === undefined &&
    set.representations.some((item) => item.attributes['startWithSAP'] === undefined)
  )
    hints.push('startWithSAP');
  if (hints.length > 0 && set.contentType !== 'text')
    findings.push(
      found(
        'dash.adaptation-set-hints',
        { url, track },
        `AdaptationSet lacks ${hints.map((name) => `@${name}`).join(', ')}.`,
      ),
    );
  return [
    ...findings,
    ...set.representations.flatMap((item) => [...judgeMedia(url, set, item), ...judgeTemplate(url, mpd, item)]),
  ];
}

function judgeMedia(url: string, set: AdaptationSet, representation: Representation): Finding[] {
  const { attributes, id } = representation;
  const wanted =
    set.contentType === 'video'
      ? ['codecs', 'width', 'height', 'frameRate']
      : set.contentType === 'audio'
        ? ['codecs', 'audioSamplingRate']
        : [];
  const missing = wanted.filter((name) => !attributes[name]);
  const mime = attributes['mimeType'] === undefined ? ['mimeType'] : [];
  if (missing.length + mime.length > 0)
    return [
      found(
        'dash.representation-media',
        { url, track: id },
        `Representation lacks ${[...missing, ...mime].map((name) => `@${name}`).join(', ')}.`,
      ),
    ];
  if (set.contentType === 'video' && !/^\d+(\/\d+)?$/.test(attributes['frameRate'] ?? ''))
    return [
      found(
        'dash.representation-media',
        { url, track: id },
        `@frameRate "${attributes['frameRate']}" is not a whole number or a fraction.`,
      ),
    ];
  return [];
}

function judgeTemplate(url: string, mpd: Mpd, representation: Representation): Finding[] {
  const track = representation.id;
  const { template } = representation;
  if (template === undefined) return [found('dash.segment-template', { url, track }, 'There is no SegmentTemplate.')];
  const { attributes } = template;
  const media = attributes['media'] ?? '';
  const findings: Finding[] = [];
  const wrong = (message: string): void => void findings.push(found('dash.segment-template', { url, track }, message));
  const [byNumber, byTime] = [/\$Number(%0\d+d)?\$/.test(media), /\$Time(%0\d+d)?\$/.test(media)];
  // 5.3.9.4.4: exactly one of $Number$ and $Time$
  if (byNumber === byTime) wrong(`@media "${media}" must have either $Number$ or $Time$.`);
  if (/\$/.test(media.replace(/\$(RepresentationID|Bandwidth|Number|Time|SubNumber)?(%0\d+d)?\$/g, '')))
    wrong(`@media "${media}" has an unknown identifier.`);
  if (attributes['initialization'] === undefined) wrong('@initialization is missing.');
  if ((template.durationTicks === undefined) === (template.timeline === undefined))
    wrong('There must be either @duration or a SegmentTimeline.');
  if (template.durationTicks !== undefined && !(template.durationTicks > 0))
    wrong(`@duration is ${attributes['duration']}.`);
  if (byTime && template.timeline === undefined) wrong('$Time$ needs a SegmentTimeline.');
  if (!(template.timescale > 0)) wrong(`@timescale is ${attributes['timescale']}.`);
  if (attributes['timescale'] === undefined)
    findings.push(found('dash.timescale', { url, track }, 'SegmentTemplate@timescale is missing.'));
  if (byNumber && attributes['startNumber'] === undefined)
    findings.push(found('dash.start-number', { url, track }, 'SegmentTemplate@startNumber is missing.'));
  return [
    ...findings,
    ...judgeTimeline(url, track, template),
    ...judgeLongest(url, mpd, track, template),
    ...judgeOffset(url, mpd, track, template),
  ];
}

function judgeTimeline(url: string, track: string, template: SegmentTemplate): Finding[] {
  if (template.timeline === undefined) return [];
  let end: number | undefined;
  for (const [index, entry] of template.timeline.entries()) {
    const jump = end === undefined || entry.t === undefined ? 0 : entry.t - end;
    if (jump !== 0)
      return [
        found('dash.timeline', { url, track }, `S ${index + 1} begins ${jump} ticks from the end of the one before.`),
      ];
    if (!(entry.d > 0)) return [found('dash.timeline', { url, track }, `S ${index + 1} has no @d.`)];
    end = entry.r < 0 ? undefined : (entry.t ?? end ?? 0) + entry.d * (entry.r + 1);
  }
  return template.timeline.length === 0
    ? [found('dash.timeline', { url, track }, 'The SegmentTimeline is empty.')]
    : [];
}

function judgeLongest(url: string, mpd: Mpd, track: string, template: SegmentTemplate): Finding[] {
  const stated = durationSeconds(mpd.attributes['maxSegmentDuration']);
  const longest =
    Math.max(template.durationTicks ?? 0, ...(template.timeline ?? []).map((entry) => entry.d)) / template.timescale;
  return stated !== undefined && longest > stated + 1e-6
    ? [
        found(
          'dash.max-segment-duration',
          { url, track },
          `A segment lasts ${longest} s, maxSegmentDuration is ${stated} s.`,
        ),
      ]
    : [];
}
