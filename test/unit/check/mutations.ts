// The corpus: one mutation of a live stream's answers for each fault, and the rule that has to name it.
import type { RuleId } from '../../../src/check/catalogue.ts';
import {
  onWire,
  type SimulatedAnswer,
  type SimulatedRequest,
  type Spoil,
  type StreamKind,
} from './simulated-stream.ts';

export interface Mutation {
  readonly kind: StreamKind;
  readonly rule: RuleId;
  readonly fault: string;
  readonly spoil: Spoil;
}

/** Of answers whose path fits. */
const where =
  (path: RegExp, change: (answer: SimulatedAnswer, request: SimulatedRequest) => void): Spoil =>
  (request, answer) => {
    if (path.test(request.path) && answer.status === 200) change(answer, request);
  };

const text = (path: RegExp, from: string | RegExp, to: string | ((...found: string[]) => string)): Spoil =>
  where(path, (answer) => {
    const body = answer.body.toString();
    answer.body = Buffer.from(typeof to === 'string' ? body.replace(from, to) : body.replace(from, to));
  });

const bytes = (path: RegExp, change: (body: Buffer, request: SimulatedRequest) => Buffer): Spoil =>
  where(path, (answer, request) => {
    answer.body = change(Buffer.from(answer.body), request);
  });

const header = (path: RegExp, name: string, value: string | undefined): Spoil =>
  where(path, (answer) => {
    if (value === undefined) delete answer.headers[name];
    else answer.headers[name] = value;
  });

const MASTER = /^master/;
const MEDIA = /media\.m3u8/;
const VIDEO = /^v720\/media/;
const SEGMENT = /^v720\/[^/]+\/\d+\.m4s/;
const PART = /^v720\/[^/]+\/\d+\.\d+\.m4s/;
const INIT = /^v720\/.*init-/;
const MPD = /mpd$/;
const OBJECT = /\.m4s$/;

/** Adds to each tfdt of the object. */
const shifted = (body: Buffer, ticks: bigint): Buffer => {
  for (let at = body.indexOf('tfdt'); at >= 0; at = body.indexOf('tfdt', at + 4))
    body.writeBigUInt64BE(body.readBigUInt64BE(at + 8) + ticks, at + 8);
  return body;
};

const renamed = (body: Buffer, from: string, to: string): Buffer => {
  for (let at = body.indexOf(from); at >= 0; at = body.indexOf(from)) body.write(to, at, 'latin1');
  return body;
};

const numberOf = ({ path }: SimulatedRequest): number => Number(/\/(\d+)(?:\.\d+)?\.m4s/.exec(path)?.[1]);

const of =
  (kind: StreamKind) =>
  (rule: RuleId, fault: string, spoil: Spoil): Mutation => ({ kind, rule, fault, spoil });
const hls = of('hls');
const low = of('ll-hls');
const dash = of('dash');
const chunked = of('ll-dash');

const HLS: readonly Mutation[] = [
  hls('hls.extm3u', 'a comment before #EXTM3U', text(VIDEO, '#EXTM3U', '# hello\n#EXTM3U')),
  hls('hls.bandwidth', 'a variant without BANDWIDTH', text(MASTER, /INF:BANDWIDTH=\d+,/, 'INF:')),
  hls('hls.codecs', 'CODECS without the audio', text(MASTER, ',mp4a.40.2', '')),
  hls('hls.frame-rate', 'a variant without FRAME-RATE', text(MASTER, /FRAME-RATE=[\d.]+,/, '')),
  hls('hls.media-group', 'an audio group that nobody is in', text(MASTER, 'GROUP-ID="audio"', 'GROUP-ID="other"')),
  hls('hls.target-duration', 'no TARGETDURATION', text(VIDEO, /#EXT-X-TARGETDURATION:2\n/, '')),
  hls('hls.extinf-over-target', 'an EXTINF of 2.6 s', text(VIDEO, /#EXTINF:2[\d.]*,/, '#EXTINF:2.60000,')),
  hls('hls.map', 'no EXT-X-MAP', text(VIDEO, /#EXT-X-MAP.*\n/, '')),
  hls(
    'hls.window-short',
    'two Segments listed',
    text(VIDEO, /(#EXT-X-MAP.*\n)[\s\S]*((?:#EXT-X-PROG.*\n#EXTINF.*\n.*\n?){2})$/, '$1$2'),
  ),
  hls('hls.pdt-consistent', 'a date 400 ms ahead', text(VIDEO, /(-TIME:.*)\.000(?=Z\n#EXTINF.*\n\S+\n$)/, '$1.400')),
  hls('hls.dsn-aligned', 'sound counts discontinuities otherwise', text(/^a1\/media/, /SEQUENCE:1\n/, 'SEQUENCE:2\n')),
  hls('hls.msn-counts', 'MEDIA-SEQUENCE stands still', text(VIDEO, /MEDIA-SEQUENCE:\d+/, 'MEDIA-SEQUENCE:896999980')),
  hls('hls.immutable', 'a listed Segment gets another duration', (request, answer) => {
    if (VIDEO.test(request.path) && request.nowMs % 4000 > 2000)
      answer.body = Buffer.from(
        answer.body.toString().replace(/#EXTINF:2[\d.]*,(?=\n\S*896999995)/, '#EXTINF:1.90000,'),
      );
  }),
  hls('cmaf.codec', 'another level than CODECS says', text(MASTER, /avc1\.64001f/i, 'avc1.640028')),
  hls('cmaf.resolution', 'another picture than RESOLUTION says', text(MASTER, '1280x720', '1024x576')),
];

const LOW_LATENCY: readonly Mutation[] = [
  low('hls.part-inf', 'parts without PART-INF', text(VIDEO, /#EXT-X-PART-INF.*\n/, '')),
  low(
    'hls.part-over-target',
    'a part above PART-TARGET',
    text(VIDEO, /PART:DURATION=0\.4[\d]*/, 'PART:DURATION=0.49000'),
  ),
  low('hls.part-sum', 'a part left out of a whole Segment', text(VIDEO, /#EXT-X-PART:.*\.2\.m4s"\n/g, '')),
  low('hls.server-control', 'no PART-HOLD-BACK', text(MEDIA, /,PART-HOLD-BACK=[\d.]+/, '')),
  low('hls.server-control-equal', 'one list holds back otherwise', text(VIDEO, /,HOLD-BACK=6[\d.]*/, ',HOLD-BACK=8.0')),
  low('hls.preload-hint-missing', 'no PRELOAD-HINT', text(VIDEO, /#EXT-X-PRELOAD-HINT.*\n/, '')),
  low('hls.block-reload', 'no CAN-BLOCK-RELOAD', text(MEDIA, 'CAN-BLOCK-RELOAD=YES,', '')),
  low('hls.rendition-report', 'no RENDITION-REPORT', text(VIDEO, /#EXT-X-RENDITION-REPORT.*\n/g, '')),
  low(
    'cmaf.tfdt',
    'parts without tfdt',
    bytes(PART, (body) => renamed(body, 'tfdt', 'free')),
  ),
  low(
    'http.status',
    'a listed part answers 404',
    where(PART, (answer, { path }) => {
      if (path.endsWith('.3.m4s')) answer.status = 404;
    }),
  ),
];

const DASH: readonly Mutation[] = [
  dash('dash.xml', 'an MPD that is not closed', text(MPD, '</MPD>', '')),
  dash('dash.minimum-update', 'no minimumUpdatePeriod', text(MPD, / minimumUpdatePeriod="[^"]*"/, '')),
  dash('http.content-type', 'the MPD as text/plain', header(MPD, 'content-type', 'text/plain')),
  dash('http.cache-mpd', 'an MPD for a minute', header(MPD, 'cache-control', 'max-age=60')),
  dash(
    'dash.segment-available',
    'a promised Segment answers 404',
    where(SEGMENT, (answer, request) => {
      if (numberOf(request) % 2 === 0) answer.status = 404;
    }),
  ),
  dash('cmaf.codec', 'another codec than @codecs', text(MPD, 'mp4a.40.2', 'mp4a.40.5')),
  dash(
    'cmaf.grid-drift',
    'media half a second off the template',
    bytes(OBJECT, (body, { path }) => shifted(body, path.startsWith('a1') ? 24_000n : 45_000n)),
  ),
];

const CHUNKED: readonly Mutation[] = [
  chunked('dash.producer-reference', 'Latency refers to nothing', text(MPD, 'referenceId="1"', 'referenceId="7"')),
  chunked(
    'dash.low-latency-profile',
    'no low-latency profile',
    text(MPD, ',http://www.dashif.org/guidelines/low-latency-live-v5', ''),
  ),
  chunked('dash.low-latency-profile', 'no PlaybackRate', text(MPD, /<PlaybackRate[^>]*\/>/, '')),
  chunked(
    'http.gzip-mpd',
    'an MPD that is not compressed',
    onWire(
      where(MPD, (answer, request) => {
        if (request.method === 'GET') delete answer.headers['content-encoding'];
      }),
    ),
  ),
];

const CMAF: readonly Mutation[] = [
  hls(
    'cmaf.brand',
    'a header without a CMAF brand',
    bytes(INIT, (body) => renamed(renamed(body, 'iso6', 'isom'), 'cmfc', 'isom')),
  ),
  hls(
    'cmaf.header',
    'a header without mvex',
    bytes(INIT, (body) => renamed(body, 'mvex', 'free')),
  ),
  hls(
    'cmaf.continuity',
    'a hole of one tick',
    bytes(SEGMENT, (body, request) => shifted(body, BigInt(numberOf(request) % 2))),
  ),
  hls(
    'cmaf.sync-start',
    'a Segment that begins with no IDR picture',
    bytes(SEGMENT, (body) => {
      for (
        let at = body.indexOf(Buffer.from([2, 0, 0, 0]));
        at >= 0;
        at = body.indexOf(Buffer.from([2, 0, 0, 0]), at + 4)
      )
        body.writeUInt32BE(0x0101_0000, at);
      return body;
    }),
  ),
  hls(
    'cmaf.unreadable',
    'a Segment that is cut off',
    bytes(SEGMENT, (body) => body.subarray(0, body.length - 20)),
  ),
  hls(
    'hls.not-cmaf',
    'a transport stream',
    bytes(SEGMENT, () => Buffer.alloc(376).fill(0x47)),
  ),
  hls(
    'hls.discontinuity-missing',
    'times that jump by ten seconds',
    bytes(SEGMENT, (body, request) => shifted(body, numberOf(request) % 2 === 0 ? 0n : 900_000n)),
  ),
  hls(
    'bandwidth.peak',
    'a Segment of twice BANDWIDTH',
    bytes(SEGMENT, (body) => {
      const filler = Buffer.alloc(800_000);
      filler.writeUInt32BE(filler.length);
      filler.write('free', 4);
      return Buffer.concat([body, filler]);
    }),
  ),
];

const HTTP: readonly Mutation[] = [
  hls('http.cors', 'media without CORS', header(OBJECT, 'access-control-allow-origin', undefined)),
  hls('http.cache-control', 'media without Cache-Control', header(OBJECT, 'cache-control', undefined)),
  hls('http.immutable', 'media that may change', header(OBJECT, 'cache-control', 'public, max-age=86400')),
  hls('http.cache-playlist', 'a playlist for a minute', header(VIDEO, 'cache-control', 'max-age=60')),
  hls('http.cache-uncollapsed', 'a playlist that no cache may store', header(VIDEO, 'cache-control', 'no-store')),
  hls('http.set-cookie', 'a cookie with media', header(OBJECT, 'set-cookie', 'id=1')),
  hls('http.vary', 'Vary: Origin on media', header(OBJECT, 'vary', 'Origin')),
  hls('http.etag', 'a weak tag', header(OBJECT, 'etag', 'W/"1"')),
  hls('http.content-type', 'media as octets', header(OBJECT, 'content-type', 'application/octet-stream')),
  hls('http.early', 'what is not there yet is a 500', (_request, answer) => {
    if (answer.status === 404 && !_request.path.includes('missing')) answer.status = 500;
  }),
  hls('http.cache-missing', 'a 404 for an hour', (_request, answer) => {
    if (answer.status === 404) answer.headers['cache-control'] = 'max-age=3600';
  }),
  hls(
    'http.range',
    'a range that is ignored',
    onWire((request, answer) => {
      if (request.headers['range'] !== undefined) answer.status = 200;
    }),
  ),
  hls(
    'http.head',
    'HEAD is refused',
    onWire((request, answer) => {
      if (request.method === 'HEAD') answer.status = 405;
    }),
  ),
  hls(
    'http.revalidation',
    'a condition that is ignored',
    onWire((request, answer) => {
      if (request.headers['if-none-match'] !== undefined) answer.status = 200;
    }),
  ),
  hls('http.gzip-etag', 'one tag for both forms', header(VIDEO, 'etag', '"same"')),
];

export const MUTATIONS: readonly Mutation[] = [...HLS, ...LOW_LATENCY, ...DASH, ...CHUNKED, ...CMAF, ...HTTP];
