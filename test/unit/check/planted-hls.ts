// Faults planted into good HLS: rule id, what is done, and to which stream.
import { edit, FIRST, hlsWorld, lowLatencyWorld, type World } from './world.ts';

export interface Planted {
  readonly rule: string;
  readonly fault: string;
  readonly make: () => World;
  readonly spoil: (world: World) => void;
}

/** Replaces in one text. */
const hls = (rule: string, fault: string, file: string, from: string | RegExp, to: string): Planted => ({
  rule,
  fault,
  make: hlsWorld,
  spoil: (world) => edit(world, file, from, to),
});
const low = (rule: string, fault: string, file: string, from: string | RegExp, to: string): Planted => ({
  rule,
  fault,
  make: lowLatencyWorld,
  spoil: (world) => edit(world, file, from, to),
});
const also = (
  planted: Planted,
  ...edits: readonly (readonly [file: string, from: string | RegExp, to: string])[]
): Planted => ({
  ...planted,
  spoil: (world) => {
    planted.spoil(world);
    for (const [file, from, to] of edits) edit(world, file, from, to);
  },
});

const N = FIRST;

export const MULTIVARIANT_FAULTS: readonly Planted[] = [
  hls('hls.extm3u', 'a comment before #EXTM3U', 'master.m3u8', '#EXTM3U', '# hello\n#EXTM3U'),
  hls('hls.encoding', 'a byte order mark', 'v720-2.m3u8', '#EXTM3U', '\uFEFF#EXTM3U'),
  hls('hls.encoding', 'a tab in a line', 'v720-2.m3u8', /g1\/(\d+).m4s\n/, 'g1/$1.m4s\t\n'),
  hls('hls.attribute-list', 'a blank after a comma', 'master.m3u8', 'BANDWIDTH=1500000,', 'BANDWIDTH=1500000, '),
  hls(
    'hls.attribute-list',
    'an attribute twice',
    'master.m3u8',
    'BANDWIDTH=1500000,',
    'BANDWIDTH=1500000,BANDWIDTH=1500000,',
  ),
  hls(
    'hls.attribute-list',
    'CODECS without quotes',
    'master.m3u8',
    'CODECS="avc1.64001f,mp4a.40.2"',
    'CODECS=avc1.64001f',
  ),
  hls('hls.attribute-list', 'RESOLUTION in quotes', 'master.m3u8', 'RESOLUTION=1280x720', 'RESOLUTION="1280x720"'),
  hls(
    'hls.mixed-tags',
    'TARGETDURATION in the multivariant playlist',
    'master.m3u8',
    '#EXT-X-VERSION:6',
    '#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2',
  ),
  hls('hls.version', 'VERSION twice', 'master.m3u8', '#EXT-X-VERSION:6', '#EXT-X-VERSION:6\n#EXT-X-VERSION:6'),
  hls('hls.version', 'VERSION 3 with EXT-X-MAP', 'v720-*', '#EXT-X-VERSION:6', '#EXT-X-VERSION:3'),
  hls('hls.version', 'no VERSION with EXT-X-MAP', 'v720-*', '#EXT-X-VERSION:6\n', ''),
  hls('hls.version-high', 'VERSION 9 without delta updates', 'v720-*', '#EXT-X-VERSION:6', '#EXT-X-VERSION:9'),
  hls('hls.stream-inf-uri', 'a variant without URI', 'master.m3u8', '\nv360/media.m3u8', ''),
  hls('hls.bandwidth', 'no BANDWIDTH', 'master.m3u8', 'INF:BANDWIDTH=1500000,', 'INF:'),
  hls('hls.bandwidth', 'BANDWIDTH with decimals', 'master.m3u8', 'INF:BANDWIDTH=1500000', 'INF:BANDWIDTH=1500000.5'),
  hls('hls.average-bandwidth', 'no AVERAGE-BANDWIDTH', 'master.m3u8', 'AVERAGE-BANDWIDTH=1200000,', ''),
  hls(
    'hls.average-bandwidth',
    'AVERAGE-BANDWIDTH above BANDWIDTH',
    'master.m3u8',
    'AVERAGE-BANDWIDTH=1200000',
    'AVERAGE-BANDWIDTH=1600000',
  ),
  hls('hls.codecs', 'CODECS without the audio', 'master.m3u8', 'avc1.64001f,mp4a.40.2', 'avc1.64001f'),
  hls('hls.codecs', 'no CODECS', 'master.m3u8', 'CODECS="avc1.64001f,mp4a.40.2",', ''),
  hls('hls.resolution', 'no RESOLUTION', 'master.m3u8', 'RESOLUTION=1280x720,', ''),
  hls('hls.frame-rate', 'no FRAME-RATE', 'master.m3u8', 'FRAME-RATE=25.000,', ''),
  hls('hls.frame-rate', 'FRAME-RATE without decimals', 'master.m3u8', 'FRAME-RATE=25.000', 'FRAME-RATE=25'),
  hls('hls.closed-captions', 'CLOSED-CAPTIONS=NONE on one of two', 'master.m3u8', 'CLOSED-CAPTIONS=NONE,', ''),
  hls('hls.closed-captions-absent', 'no CLOSED-CAPTIONS at all', 'master.m3u8', /CLOSED-CAPTIONS=NONE,/g, ''),
  hls('hls.media-group', 'an audio group that nobody is in', 'master.m3u8', 'AUDIO="aac"', 'AUDIO="ac3"'),
  hls('hls.media-attributes', 'EXT-X-MEDIA without NAME', 'master.m3u8', 'NAME="English",', ''),
  hls('hls.media-attributes', 'DEFAULT=YES with AUTOSELECT=NO', 'master.m3u8', 'AUTOSELECT=YES', 'AUTOSELECT=NO'),
  hls('hls.media-language', 'audio without LANGUAGE', 'master.m3u8', 'LANGUAGE="en",', ''),
  hls('hls.media-channels', 'audio without CHANNELS', 'master.m3u8', 'CHANNELS="2",', ''),
  hls('hls.media-name', 'a NAME twice in a group', 'master.m3u8', /(#EXT-X-MEDIA:.*)\n/, '$1\n$1\n'),
  hls(
    'hls.group-members',
    'two audio groups with other members',
    'master.m3u8',
    /(#EXT-X-MEDIA:.*)\n/,
    '$1\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="low",NAME="French",LANGUAGE="fr",CHANNELS="2",URI="a/media.m3u8"\n',
  ),
  hls('hls.independent-segments', 'no EXT-X-INDEPENDENT-SEGMENTS', 'master.m3u8', '#EXT-X-INDEPENDENT-SEGMENTS\n', ''),
  hls('hls.score', 'SCORE on one of two', 'master.m3u8', 'FRAME-RATE=25.000', 'FRAME-RATE=25.000,SCORE=2.0'),
  {
    rule: 'hls.multivariant-constant',
    fault: 'BANDWIDTH moves while the stream lives',
    make: hlsWorld,
    spoil: (world) =>
      void world.texts.set(
        'master-later.m3u8',
        (world.texts.get('master.m3u8') ?? '').replace('BANDWIDTH=1500000', 'BANDWIDTH=1490000'),
      ),
  },
];

export const MEDIA_FAULTS: readonly Planted[] = [
  hls('hls.target-duration', 'no TARGETDURATION', 'v720-2.m3u8', '#EXT-X-TARGETDURATION:2\n', ''),
  hls('hls.target-duration', 'TARGETDURATION with decimals', 'v720-2.m3u8', 'TARGETDURATION:2', 'TARGETDURATION:2.0'),
  hls('hls.extinf', 'a segment without EXTINF', 'v720-2.m3u8', '#EXTINF:2.00000,\n', ''),
  hls('hls.extinf', 'EXTINF without a comma', 'v720-2.m3u8', '#EXTINF:2.00000,', '#EXTINF:2.00000'),
  hls('hls.extinf-over-target', 'EXTINF of 2.5 s', 'v720-2.m3u8', /2\.00000(?=,\ng1\/883612808)/, '2.50000'),
  hls('hls.target-duration-constant', 'TARGETDURATION grows', 'v720-2.m3u8', 'TARGETDURATION:2', 'TARGETDURATION:3'),
  hls(
    'hls.target-duration-equal',
    'TARGETDURATION differs in the audio',
    'a-*',
    'TARGETDURATION:2',
    'TARGETDURATION:3',
  ),
  hls('hls.media-sequence', 'no MEDIA-SEQUENCE', 'v720-2.m3u8', /#EXT-X-MEDIA-SEQUENCE:\d+\n/, ''),
  hls('hls.msn-monotonic', 'MEDIA-SEQUENCE starts again', 'v720-2.m3u8', /SEQUENCE:883612802/, 'SEQUENCE:1'),
  hls(
    'hls.msn-counts',
    'MEDIA-SEQUENCE stands still while segments go',
    'v720-2.m3u8',
    /MEDIA-SEQUENCE:\d+/,
    `MEDIA-SEQUENCE:${N + 1}`,
  ),
  hls(
    'hls.msn-counts',
    'MEDIA-SEQUENCE counts one too many',
    'v720-1.m3u8',
    /MEDIA-SEQUENCE:\d+/,
    `MEDIA-SEQUENCE:${N + 2}`,
  ),
  hls('hls.dsn-present', 'no DISCONTINUITY-SEQUENCE', 'v720-*', '#EXT-X-DISCONTINUITY-SEQUENCE:3\n', ''),
  hls(
    'hls.dsn-monotonic',
    'DISCONTINUITY-SEQUENCE goes back',
    'v720-2.m3u8',
    'DISCONTINUITY-SEQUENCE:3',
    'DISCONTINUITY-SEQUENCE:2',
  ),
  also(
    hls(
      'hls.dsn-counts',
      'a DISCONTINUITY leaves uncounted',
      'v720-0.m3u8',
      `#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z`,
      '#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z',
    ),
  ),
  {
    rule: 'hls.dsn-counts',
    fault: 'the DISCONTINUITY at the head goes uncounted',
    make: hlsWorld,
    spoil: (world) =>
      edit(
        world,
        'v720-0.m3u8',
        '#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:02',
        '#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:02',
      ),
  },
  hls('hls.map', 'no EXT-X-MAP', 'v720-*', /#EXT-X-MAP.*\n/, ''),
  hls(
    'hls.map-discontinuity',
    'EXT-X-MAP changes without DISCONTINUITY',
    'v720-2.m3u8',
    /(g1\/883612805.m4s\n)/,
    '$1#EXT-X-MAP:URI="g2/init.mp4"\n',
  ),
  hls('hls.pdt', 'no PROGRAM-DATE-TIME', 'v720-*', /#EXT-X-PROGRAM-DATE-TIME.*\n/g, ''),
  hls('hls.pdt', 'PROGRAM-DATE-TIME without a zone', 'v720-2.m3u8', '00:00:10.000Z', '00:00:10.000'),
  hls('hls.pdt-monotonic', 'PROGRAM-DATE-TIME goes back', 'v720-2.m3u8', '00:00:10.000Z', '00:00:01.000Z'),
  hls('hls.pdt-consistent', 'PROGRAM-DATE-TIME runs 300 ms ahead', 'v720-2.m3u8', '00:00:16.000Z', '00:00:16.300Z'),
  also(
    hls(
      'hls.pdt-consistent',
      'the carried date of a segment moves between reloads',
      'v720-1.m3u8',
      /#EXT-X-PROGRAM-DATE-TIME:(?!2026-01-01T00:00:02).*\n/g,
      '',
    ),
    ['v720-2.m3u8', /#EXT-X-PROGRAM-DATE-TIME:(?!2026-01-01T00:00:04).*\n/g, ''],
    ['v720-2.m3u8', '00:00:04.000Z', '00:00:04.400Z'],
  ),
  hls('hls.renditions-aligned', 'the second video is 500 ms late', 'v360-*', /:(\d\d)\.000Z/g, ':$1.500Z'),
  hls(
    'hls.dsn-aligned',
    'the audio counts discontinuities otherwise',
    'a-*',
    'DISCONTINUITY-SEQUENCE:3',
    'DISCONTINUITY-SEQUENCE:4',
  ),
  hls('hls.window-short', 'a window of 2 segments', 'v720-2.m3u8', /(?:#EXT-X-PROG.*\n#EXTINF.*\ng1.*\n){5}/, ''),
  hls('hls.window-six', 'a window of 5 segments', 'v720-2.m3u8', /(?:#EXT-X-PROG.*\n#EXTINF.*\ng1.*\n){2}/, ''),
  hls(
    'hls.playlist-type',
    'PLAYLIST-TYPE:EVENT in a sliding window',
    'v720-*',
    '#EXT-X-VERSION:6',
    '#EXT-X-VERSION:6\n#EXT-X-PLAYLIST-TYPE:EVENT',
  ),
  hls(
    'hls.playlist-type',
    'PLAYLIST-TYPE:VOD in a live playlist',
    'v720-*',
    '#EXT-X-VERSION:6',
    '#EXT-X-VERSION:6\n#EXT-X-PLAYLIST-TYPE:VOD',
  ),
  hls(
    'hls.immutable',
    'the EXTINF of a listed segment changes',
    'v720-2.m3u8',
    /2\.00000(?=,\ng1\/883612806)/,
    '1.96000',
  ),
  hls('hls.immutable', 'the URI of a listed segment changes', 'v720-2.m3u8', 'g1/883612806.m4s', 'g2/883612806.m4s'),
  hls(
    'hls.immutable',
    'a DISCONTINUITY appears before a listed segment',
    'v720-2.m3u8',
    '#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:12',
    '#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:12',
  ),
  hls(
    'hls.immutable',
    'a listed segment becomes a gap',
    'v720-2.m3u8',
    'g1/883612806.m4s',
    '#EXT-X-GAP\ng1/883612806.m4s',
  ),
  hls(
    'hls.immutable',
    'the newest segment is withdrawn',
    'v720-2.m3u8',
    /(?:#EXT-X-PROG.*\n#EXTINF.*\ng1.*\n){2}$/,
    '',
  ),
  {
    rule: 'hls.advance',
    fault: 'no new segment for 4 s',
    make: hlsWorld,
    spoil: (world) =>
      void world.last.push(
        (evidence) =>
          void Object.assign(evidence.renditions[0]?.snapshots.at(-1) ?? {}, { lastSeenMs: (N + 11) * 2000 + 1105 }),
      ),
  },
  {
    rule: 'hls.last-modified',
    fault: 'Last-Modified is a minute old',
    make: hlsWorld,
    spoil: (world) =>
      void world.headers.set('v720-2.m3u8', {
        ...world.headers.get('v720-2.m3u8'),
        'last-modified': 'Wed, 31 Dec 2025 23:59:20 GMT',
      }),
  },
  hls('hls.endlist-final', 'the playlist goes on after ENDLIST', 'v720-1.m3u8', /$/, '#EXT-X-ENDLIST\n'),
  {
    rule: 'hls.rendition-behind',
    fault: 'one rendition is 6 s late',
    make: hlsWorld,
    spoil: (world) =>
      void world.last.push(
        (evidence) =>
          void Object.assign(evidence.renditions[1]?.snapshots.at(-1) ?? {}, { atMs: (N + 9) * 2000 + 7105 }),
      ),
  },
];

const part = (number: number, index: number): string => `#EXT-X-PART:DURATION=0.50000,URI="g1/${number}.${index}.m4s"`;

/** The first lines of segments, after EXT-X-MAP. */
const DELTA = /(#EXT-X-MAP.*\n)(?:#EXT-X-PROG.*\n#EXTINF.*\ng1.*\n){1}/;
const NEAR_DELTA = /(#EXT-X-MAP.*\n)(?:#EXT-X-PROG.*\n#EXTINF.*\ng1.*\n){3}/;

export const LOW_LATENCY_FAULTS: readonly Planted[] = [
  low('hls.part-inf', 'parts without PART-INF', 'v720-*', /#EXT-X-PART-INF.*\n/, ''),
  low(
    'hls.part-over-target',
    'a part above PART-TARGET',
    'v720-1.m3u8',
    `DURATION=0.50000,URI="g1/${N + 8}.1`,
    `DURATION=0.60000,URI="g1/${N + 8}.1`,
  ),
  low(
    'hls.part-short',
    'a part of 0.3 s in the middle',
    'v720-1.m3u8',
    `DURATION=0.50000,URI="g1/${N + 7}.1`,
    `DURATION=0.30000,URI="g1/${N + 7}.1`,
  ),
  low('hls.part-sum', 'a part is missing from a finished segment', 'v720-1.m3u8', `${part(N + 7, 2)}\n`, ''),
  low(
    'hls.part-old',
    'parts 12 s from the end',
    'v720-1.m3u8',
    /(#EXTINF:2.00000,\ng1\/883612801)/,
    `${part(N + 1, 0)}\n$1`,
  ),
  low('hls.server-control', 'no PART-HOLD-BACK', 'v*', ',PART-HOLD-BACK=1.53600', ''),
  low('hls.server-control', 'HOLD-BACK below 3 target durations', 'v*', 'HOLD-BACK=6.0', 'HOLD-BACK=4.0'),
  low(
    'hls.server-control',
    'CAN-SKIP-UNTIL below 6 target durations',
    'v*',
    'CAN-SKIP-UNTIL=12.0',
    'CAN-SKIP-UNTIL=8.0',
  ),
  low(
    'hls.server-control',
    'PART-HOLD-BACK below 2 part targets',
    'v*',
    'PART-HOLD-BACK=1.53600',
    'PART-HOLD-BACK=0.9',
  ),
  low(
    'hls.part-hold-back',
    'PART-HOLD-BACK below 3 part targets',
    'v*',
    'PART-HOLD-BACK=1.53600',
    'PART-HOLD-BACK=1.2',
  ),
  low('hls.server-control-equal', 'SERVER-CONTROL differs', 'v360-*', 'HOLD-BACK=6.0', 'HOLD-BACK=8.0'),
  low('hls.preload-hint', 'two hints of one TYPE', 'v720-1.m3u8', /(#EXT-X-PRELOAD-HINT.*)\n/, '$1\n$1\n'),
  low(
    'hls.preload-hint',
    'another part than the hinted one comes',
    'v720-0.m3u8',
    `URI="g1/${N + 7}.2.m4s"`,
    `URI="g1/${N + 7}.x.m4s"`,
  ),
  low('hls.rendition-report', 'no RENDITION-REPORT', 'v720-*', /#EXT-X-RENDITION-REPORT.*\n/, ''),
  low(
    'hls.gap',
    'a segment of gap parts is no gap',
    'v720-*',
    /(#EXT-X-PART:.*g1\/883612806\.\d\.m4s".*)\n/g,
    '$1,GAP=YES\n',
  ),
  low('hls.gap', 'a gap whose parts are none', 'v720-*', /(#EXTINF:[^\n]*\ng1\/883612806\.m4s)/g, '#EXT-X-GAP\n$1'),
  hls(
    'hls.version-high',
    'VERSION 9 with EXT-X-GAP',
    'v720-*',
    /#EXT-X-VERSION:6(.*?)#EXTINF/s,
    '#EXT-X-VERSION:9$1#EXT-X-GAP\n#EXTINF',
  ),
  low('hls.version', 'an EXT-X-SKIP in version 6', 'v720-1.m3u8', DELTA, '$1#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n'),
  low('hls.preload-hint-missing', 'no PRELOAD-HINT', 'v720-*', /#EXT-X-PRELOAD-HINT.*\n/, ''),
  low('hls.block-reload', 'no CAN-BLOCK-RELOAD', 'v*', 'CAN-BLOCK-RELOAD=YES,', ''),
  also(low('hls.delta-skip', 'SKIP without CAN-SKIP-UNTIL', 'v*', 'CAN-SKIP-UNTIL=12.0,', ''), [
    'v720-1.m3u8',
    DELTA,
    '$1#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n',
  ]),
  low('hls.delta-skip', 'a SKIP of nothing', 'v720-1.m3u8', /(#EXT-X-MAP)/, '#EXT-X-SKIP:SKIPPED-SEGMENTS=0\n$1'),
  low('hls.delta-skip', 'a SKIP within the boundary', 'v720-1.m3u8', NEAR_DELTA, '$1#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n'),
  low(
    'hls.delta-skip',
    'a SKIP in an ended playlist',
    'v720-1.m3u8',
    /(#EXT-X-MAP[\s\S]*?)#EXT-X-PRELOAD-HINT.*\n/,
    '#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n$1#EXT-X-ENDLIST\n',
  ),
];
