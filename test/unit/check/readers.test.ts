// The strict readers: playlists, MPDs, durations, addresses; what they make of text, and what they refuse.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readPlaylist, segmentDates } from '../../../src/check/hls-text.ts';
import { durationSeconds, utcMs } from '../../../src/check/iso-time.ts';
import { expandTimeline, initUrl, periodRanges, promisedSegments } from '../../../src/check/mpd-segments.ts';
import { type Mpd, readMpd } from '../../../src/check/mpd-text.ts';
import { nextUrl } from '../../../src/check/probing.ts';

test('a segment carries number, discontinuity, map and date in force at its line', () => {
  const playlist = readPlaylist(
    '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n#EXT-X-MAP:URI="a.mp4"\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z\n#EXTINF:2.0,\n7.m4s\n#EXTINF:2.0,\n8.m4s\n#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI="b.mp4"\n#EXT-X-GAP\n#EXTINF:1.5,title\n9.m4s\n',
  );
  expect(playlist.problems).toEqual([]);
  expect(
    playlist.segments.map(({ msn, dsn, line, gap, discontinuity, durationS, map }) => ({
      msn,
      dsn,
      line,
      gap,
      discontinuity,
      durationS,
      map: map?.uri,
    })),
  ).toEqual([
    { msn: 7, dsn: 1, line: 8, gap: false, discontinuity: false, durationS: 2, map: 'a.mp4' },
    { msn: 8, dsn: 1, line: 10, gap: false, discontinuity: false, durationS: 2, map: 'a.mp4' },
    { msn: 9, dsn: 2, line: 15, gap: true, discontinuity: true, durationS: 1.5, map: 'b.mp4' },
  ]);
  expect(segmentDates(playlist)).toEqual([Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 1) + 2000, undefined]);
});

test('CRLF lines, comments and blank lines are read over (RFC 8216bis 4.1)', () => {
  const playlist = readPlaylist('#EXTM3U\r\n# comment\r\n\r\n#EXT-X-TARGETDURATION:2\r\n#EXTINF:2,\r\na.ts\r\n');
  expect(playlist.problems).toEqual([]);
  expect(playlist.segments[0]?.uri).toBe('a.ts');
});

test('a quoted attribute may hold commas and equals signs (RFC 8216bis 4.2)', () => {
  const playlist = readPlaylist(
    '#EXTM3U\n#EXT-X-STREAM-INF:CODECS="avc1.64001f,mp4a.40.2",BANDWIDTH=1,NAME="a=b"\nv.m3u8\n',
  );
  expect(playlist.variants[0]?.attributes.get('CODECS')?.value).toBe('avc1.64001f,mp4a.40.2');
  expect(playlist.problems).toEqual([]);
});

test('the playlist reader never throws, whatever the text', () => {
  const line = fc.oneof(
    fc.string(),
    fc.constantFrom(
      '#EXTM3U',
      '#EXTINF:',
      '#EXTINF:x',
      '#EXT-X-MAP',
      '#EXT-X-PART:DURATION=',
      '#EXT-X-STREAM-INF:A="',
      '#EXT-X-MEDIA-SEQUENCE:-1',
      '#EXT-X-SKIP:SKIPPED-SEGMENTS=9',
    ),
  );
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const playlist = readPlaylist(lines.join('\n'));
      expect(playlist.segments.length).toBeLessThanOrEqual(lines.join('\n').split('\n').length);
    }),
  );
});

test.each([
  ['PT2S', 2],
  ['PT2.5S', 2.5],
  ['PT1M', 60],
  ['P1DT1H', 90000],
  ['PT490896H', 1767225600],
  ['P1D', 86400],
  ['PT', undefined],
  ['2s', undefined],
  ['P1Y', undefined],
  ['', undefined],
])('xs:duration %s is %s s', (text, seconds) => expect(durationSeconds(text)).toBe(seconds));

test('xs:dateTime without a zone is UTC (ISO/IEC 23009-1 5.3.1.2)', () => {
  expect(utcMs('2026-01-01T00:00:00')).toBe(Date.UTC(2026, 0, 1));
  expect(utcMs('2026-01-01T01:00:00.5+01:00')).toBe(Date.UTC(2026, 0, 1) + 500);
  expect(utcMs('yesterday')).toBeUndefined();
});

const mpdOf = (text: string): Mpd => {
  const reading = readMpd(text, 'https://host/live/x.mpd');
  if ('problem' in reading) throw new Error(reading.problem);
  return reading.mpd;
};
const template = (attributes: string, timeline = ''): Mpd =>
  mpdOf(
    `<MPD type="dynamic" availabilityStartTime="1970-01-01T00:00:01Z" timeShiftBufferDepth="PT10S"><BaseURL>media/</BaseURL><Period id="1" start="PT0S"><AdaptationSet contentType="video"><SegmentTemplate ${attributes}>${timeline}</SegmentTemplate><Representation id="v" bandwidth="5"/></AdaptationSet></Period></MPD>`,
  );
const promised = (mpd: Mpd, atMs: number, counts = { newest: 100, oldest: 0 }) => {
  const [range] = periodRanges(mpd);
  const representation = mpd.periods[0]?.sets[0]?.representations[0];
  return range === undefined || representation === undefined
    ? []
    : promisedSegments(mpd, range, representation, atMs, counts);
};

test('a segment is promised when its end has passed, and for the time-shift buffer (DASH-IF TM 4.5)', () => {
  const mpd = template(
    'timescale="1000" duration="2000" startNumber="0" media="$RepresentationID$/$Number%05d$.m4s" initialization="$RepresentationID$-$Bandwidth$.mp4"',
  );
  // the start time is 1 s: segment 9 ends at 20 s and is there from 21 s on
  expect(promised(mpd, 20_999).at(-1)?.number).toBe(8);
  expect(promised(mpd, 21_000).at(-1)).toMatchObject({
    number: 9,
    url: 'https://host/live/media/v/00009.m4s',
    availableFromMs: 21_000,
  });
  expect(promised(mpd, 21_000).map((segment) => segment.number)).toEqual([4, 5, 6, 7, 8, 9]);
  expect(promised(mpd, 21_000, { newest: 2, oldest: 1 }).map((segment) => segment.number)).toEqual([4, 8, 9]);
  const representation = mpd.periods[0]?.sets[0]?.representations[0];
  expect(representation && initUrl(representation)).toBe('https://host/live/media/v-5.mp4');
});

test('availabilityTimeOffset promises earlier by so much (ISO/IEC 23009-1 5.3.9.5.3)', () => {
  const mpd = template(
    'timescale="1000" duration="2000" startNumber="0" availabilityTimeOffset="1.6" media="$Number$"',
  );
  expect(promised(mpd, 19_400).at(-1)?.number).toBe(9);
});

test('presentationTimeOffset moves the media timeline, not the numbers', () => {
  const mpd = template(
    'timescale="1000" duration="2000" startNumber="5" presentationTimeOffset="4000" media="$Number$"',
  );
  expect(promised(mpd, 21_000).at(-1)).toMatchObject({ number: 14, ticks: 22_000 });
});

test('S@t, @d and @r expand to segments; -1 repeats until the next @t (ISO/IEC 23009-1 5.3.9.6)', () => {
  const mpd = template(
    'timescale="1000" startNumber="3" media="$Time$.m4s"',
    '<SegmentTimeline><S t="4000" d="2000" r="-1"/><S t="10000" d="1000" r="1"/></SegmentTimeline>',
  );
  const item = mpd.periods[0]?.sets[0]?.representations[0]?.template;
  expect(item && expandTimeline(item).map(({ ticks, durationTicks }) => [ticks, durationTicks])).toEqual([
    [4000, 2000],
    [6000, 2000],
    [8000, 2000],
    [10000, 1000],
    [11000, 1000],
  ]);
  expect(promised(mpd, 13_000).at(-1)).toMatchObject({ number: 7, url: 'https://host/live/media/11000.m4s' });
});

test('what is not XML, or not an MPD, is a problem and not an exception', () => {
  expect(readMpd('<MPD><Period></MPD>', 'u')).toHaveProperty('problem');
  expect(readMpd('<html></html>', 'u')).toEqual({ problem: 'the root element is not MPD' });
  expect(readMpd('', 'u')).toHaveProperty('problem');
});

test.each([
  ['https://h/v/883612800.m4s', 883612800, 'https://h/v/883612801.m4s'],
  ['https://h/chunk-stream0-00012.m4s', 12, 'https://h/chunk-stream0-00013.m4s'],
  ['https://h/seg-v-9.m4s?x=1', 9, 'https://h/seg-v-10.m4s?x=1'],
  ['https://h/name.m4s', 4711, undefined],
])('the URL after %s is %s', (url, number, next) => expect(nextUrl(url, number)).toBe(next));
