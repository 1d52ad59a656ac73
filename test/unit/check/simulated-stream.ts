// A live stream in memory behind the checker's fetch port: our own texts and CMAF made of arithmetic, at any moment of simulated time.
// Every answer may be spoiled on its way; nothing here opens a socket or waits for real time.
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { checkStream } from '../../../src/check/check-stream.ts';
import type { CheckFetch } from '../../../src/check/http-fetch.ts';
import type { Finding } from '../../../src/check/model.ts';
import { readInit } from '../../../src/cmaf/isobmff/init.ts';
import { writeFragment } from '../../../src/cmaf/isobmff/writer.ts';
import { initHashOf } from '../../../src/package/generation.ts';
import {
  audioPartStart,
  audioStart,
  type Grid,
  indexAt,
  makeGrid,
  startMsOf,
  videoPartTicks,
} from '../../../src/package/grid.ts';
import type { CommittedSegment, PartRecord, Period, Presentation, Track } from '../../../src/package/model.ts';
import { renderText, type TextName } from '../../../src/package/texts.ts';
import { audioInit, avcC, videoInit, visualEntry } from '../../fakes/boxes.ts';
import { ManualClock } from '../../fakes/manual-clock.ts';

export type StreamKind = 'hls' | 'll-hls' | 'dash' | 'll-dash';

/** An answer on its way to the checker; whatever is changed is what it gets. */
export interface SimulatedAnswer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

export interface SimulatedRequest {
  readonly method: 'GET' | 'HEAD';
  /** `v720/media.m3u8`, with its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly nowMs: number;
}

/** Changes the answer before lengths, tags and codings are made of it. */
export type Spoil = (request: SimulatedRequest, answer: SimulatedAnswer) => void;

const BASE = 'https://origin.example/live/match/';
const MARGIN_MS = 300;
const grid: Grid = makeGrid({ num: 25, den: 1 }, 2, 400);
const SECONDS = 5;

const picture = (width: number, height: number, level: number) =>
  readInit(videoInit({ entry: visualEntry('avc1', width, height, avcC(0x64, 0, level)) }));

const TRACKS: readonly Track[] = [
  { id: 'v720', init: picture(1280, 720, 0x1f), bps: 1_500_000 },
  { id: 'v360', init: picture(640, 360, 0x1e), bps: 700_000 },
  { id: 'a1', init: readInit(audioInit()), bps: 140_000 },
].map(({ id, init, bps }) => ({
  id,
  kind: init.kind,
  peakBps: bps,
  averageBps: bps * 0.9,
  frameRate: init.kind === 'video' ? grid.frameRate : undefined,
  language: init.kind === 'audio' ? 'en' : 'und',
  name: init.kind === 'audio' ? 'English' : '',
  channels: init.kind === 'audio' ? 2 : undefined,
  init,
  initHash: initHashOf(init.bytes),
}));

const START_MS = startMsOf(grid, 897_000_000) + 700;
const FIRST = indexAt(grid, START_MS) - 30;
const PERIOD: Period = {
  id: '1',
  ordinal: 1,
  gen: '0123456789',
  grid,
  startNumber: FIRST,
  startIndex: FIRST,
  tracks: TRACKS,
  announcedMs: startMsOf(grid, FIRST),
};

function partsOf(track: Track, index: number): PartRecord[] {
  return Array.from({ length: grid.partsPerSegment }, (_, part) => ({
    durationTicks:
      track.kind === 'video'
        ? videoPartTicks(grid)
        : audioPartStart(grid, index, part + 1) - audioPartStart(grid, index, part),
    isIndependent: track.kind === 'audio' || part === 0,
    sizeBytes: 100,
  }));
}

const segments = new Map<number, CommittedSegment>();

function segmentAt(index: number): CommittedSegment {
  const known = segments.get(index);
  if (known !== undefined) return known;
  const endMs = startMsOf(grid, index + 1);
  const records = TRACKS.map((track) => {
    const isVideo = track.kind === 'video';
    const startTicks = isVideo ? index * grid.segmentTicks : audioStart(grid, index);
    const durationTicks = isVideo ? grid.segmentTicks : audioStart(grid, index + 1) - startTicks;
    const { timescale } = track.init;
    const times = { number: index, gen: PERIOD.gen, startTicks, durationTicks, timescale };
    return [track.id, { ...times, source: 'live' as const, parts: partsOf(track, index), sizeBytes: 500 }] as const;
  });
  const made: CommittedSegment = {
    number: index,
    period: PERIOD,
    tracks: new Map(records),
    source: 'live',
    endMs,
    committedMs: endMs,
  };
  segments.set(index, made);
  return made;
}

/** Segments and parts are there 60 ms after their end. */
const DELAY_MS = 60;

function presentationAt(nowMs: number, hasParts: boolean): Presentation {
  const at = nowMs - DELAY_MS;
  const next = indexAt(grid, at);
  const whole = Array.from({ length: next - FIRST }, (_, n) => segmentAt(FIRST + n));
  const partMs = grid.segmentMs / grid.partsPerSegment;
  const published = hasParts ? Math.floor((at - startMsOf(grid, next)) / partMs) : 0;
  const open =
    published === 0
      ? undefined
      : {
          number: next,
          period: PERIOD,
          tracks: new Map(TRACKS.map((track) => [track.id, partsOf(track, next).slice(0, published)])),
        };
  return {
    segments: whole,
    open,
    changedMs: startMsOf(grid, next) + published * partMs,
    mpdChangedMs: PERIOD.announcedMs,
    ended: false,
  };
}

/** One part of a Segment as a CMAF chunk. */
function chunk(track: Track, index: number, part: number): Buffer {
  const isVideo = track.kind === 'video';
  const unit = isVideo ? grid.segmentTicks / grid.segmentFrames : 1024;
  const decodeTicks = isVideo
    ? index * grid.segmentTicks + part * videoPartTicks(grid)
    : audioPartStart(grid, index, part);
  const count = (partsOf(track, index)[part]?.durationTicks ?? 0) / unit;
  const samples = Array.from({ length: count }, (_, n) => ({
    durationTicks: unit,
    sizeBytes: 4,
    flags: !isVideo || (n === 0 && part === 0) ? 0x0200_0000 : 0x0101_0000,
    compositionOffsetTicks: 0,
  }));
  const data = [Buffer.alloc(4 * count, index % 251)];
  return writeFragment({ trackId: track.init.trackId, sequence: index * 5 + part + 1, decodeTicks, samples, data });
}

const parts = (track: Track, index: number): Buffer =>
  Buffer.concat(Array.from({ length: grid.partsPerSegment }, (_, part) => chunk(track, index, part)));

function textName(path: string): TextName | undefined {
  if (path === 'master.m3u8') return { kind: 'hls-master' };
  if (path === 'manifest.mpd') return { kind: 'dash' };
  const track = /^([^/]+)\/media\.m3u8$/.exec(path)?.[1];
  return track === undefined ? undefined : { kind: 'hls-media', track };
}

const COMMON = { 'access-control-allow-origin': '*' };
const LIVES: Record<string, string> = {
  'hls-master': 'public, max-age=5',
  'hls-media': 'public, max-age=1',
  dash: 'public, max-age=2',
};

function textAnswer(name: TextName, nowMs: number, hasParts: boolean): SimulatedAnswer | undefined {
  const settings = { channel: 'match', windowMs: 60_000, listedMs: 40_000, publishMarginMs: MARGIN_MS };
  const presentation = presentationAt(nowMs, hasParts);
  const text = renderText({ ...settings, targetLatencyMs: 3000, hasParts }, name, presentation, false);
  if (text === undefined) return undefined;
  const type = name.kind === 'dash' ? 'application/dash+xml' : 'application/vnd.apple.mpegurl';
  const changedMs = name.kind === 'hls-media' ? presentation.changedMs : PERIOD.announcedMs;
  return {
    status: 200,
    headers: {
      ...COMMON,
      'content-type': type,
      'cache-control': LIVES[name.kind] ?? '',
      vary: 'Accept-Encoding',
      date: new Date(nowMs).toUTCString(),
      'last-modified': new Date(changedMs).toUTCString(),
    },
    body: Buffer.from(text),
  };
}

function mediaAnswer(path: string, nowMs: number): SimulatedAnswer | undefined {
  const [, id, gen, name = ''] = /^([^/]+)\/([^/]+)\/(.+)$/.exec(path) ?? [];
  const track = TRACKS.find((one) => one.id === id);
  if (track === undefined || gen !== PERIOD.gen) return undefined;
  const headers = {
    ...COMMON,
    'content-type': `${track.kind}/mp4`,
    'cache-control': 'public, max-age=86400, immutable',
  };
  if (name === `init-${track.initHash}.mp4`) return { status: 200, headers, body: track.init.bytes };
  const [, number, part] = /^(\d+)(?:\.(\d+))?\.m4s$/.exec(name) ?? [];
  const index = Number(number);
  if (number === undefined || index < FIRST || startMsOf(grid, index) > nowMs) return undefined;
  return { status: 200, headers, body: part === undefined ? parts(track, index) : chunk(track, index, Number(part)) };
}

function missing(): SimulatedAnswer {
  const headers = { ...COMMON, 'cache-control': 'public, max-age=1', 'content-type': 'application/json' };
  return { status: 404, headers, body: Buffer.from('{"code":"HTTP_NOT_FOUND"}') };
}

/** What HTTP makes of a whole answer: coding, tag, range, condition, HEAD (RFC 9110). */
function wire(request: SimulatedRequest, answer: SimulatedAnswer): SimulatedAnswer {
  if (answer.status !== 200) return answer;
  const isText = /mpegurl|dash/.test(answer.headers['content-type'] ?? '');
  const packed = isText && request.headers['accept-encoding'] === 'gzip';
  const body = packed ? gzipSync(answer.body) : answer.body;
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 16);
  const headers: Record<string, string> = { etag: `"${hash}"`, ...answer.headers };
  if (packed) headers['content-encoding'] = 'gzip';
  if (request.headers['if-none-match'] === headers['etag']) return { status: 304, headers, body: Buffer.alloc(0) };
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers['range'] ?? '') ?? [];
  if (from !== undefined && Number(from) >= body.length)
    return { status: 416, headers: { ...headers, 'content-range': `bytes */${body.length}` }, body: Buffer.alloc(0) };
  if (from !== undefined) {
    const end = to === '' || to === undefined ? body.length : Math.min(body.length, Number(to) + 1);
    const range = `bytes ${from}-${end - 1}/${body.length}`;
    return { status: 206, headers: { ...headers, 'content-range': range }, body: body.subarray(Number(from), end) };
  }
  headers['content-length'] = String(body.length);
  return { status: 200, headers, body: request.method === 'HEAD' ? Buffer.alloc(0) : body };
}

/** When what a blocking request names is there (RFC 8216bis 6.2.5.2). */
function dueMs(query: URLSearchParams, hasParts: boolean): number {
  const [msn, part] = [query.get('_HLS_msn'), query.get('_HLS_part')];
  if (msn === null) return 0;
  const index = Number(msn);
  return !hasParts || part === null
    ? startMsOf(grid, index + 1) + DELAY_MS
    : startMsOf(grid, index) + ((Number(part) + 1) * grid.segmentMs) / grid.partsPerSegment + DELAY_MS;
}

function openStream(kind: StreamKind, clock: ManualClock, spoil: Spoil): CheckFetch {
  const hasParts = kind.startsWith('ll-');
  const until = (ms: number) => new Promise<void>((resolve) => clock.after(ms - clock.nowMs(), resolve));
  return async ({ method, url, headers }) => {
    const { pathname, searchParams, search } = new URL(url);
    if (pathname.endsWith('/time'))
      return {
        status: 200,
        headers: { ...COMMON, 'content-type': 'text/plain', 'cache-control': 'max-age=1' },
        body: Buffer.from(new Date(clock.nowMs()).toISOString()),
      };
    const path = pathname.replace('/live/match/', '');
    await until(Math.max(clock.nowMs() + 5, dueMs(searchParams, hasParts)));
    const name = textName(path);
    // A Segment that grows is answered when it is whole; without parts it is not there before.
    const number = /\/(\d+)\.m4s$/.exec(path)?.[1];
    if (hasParts && number !== undefined && startMsOf(grid, Number(number)) < clock.nowMs())
      await until(Math.max(clock.nowMs(), startMsOf(grid, Number(number) + 1) + DELAY_MS));
    const nowMs = clock.nowMs();
    const found =
      name === undefined
        ? mediaAnswer(path, hasParts ? nowMs : nowMs - grid.segmentMs - DELAY_MS)
        : textAnswer(name, nowMs, hasParts);
    const request = { method, path: `${path}${search}`, headers, nowMs };
    const answer = found ?? missing();
    const whole = { ...answer, headers: { ...answer.headers } };
    spoil(request, whole);
    const sent = wire(request, whole);
    wireSpoils.get(spoil)?.(request, sent);
    return sent;
  };
}

const wireSpoils = new WeakMap<Spoil, Spoil>();

/** A spoil of what goes over the wire, after codings and ranges. */
export function onWire(spoil: Spoil): Spoil {
  const nothing: Spoil = () => undefined;
  wireSpoils.set(nothing, spoil);
  return nothing;
}

/** What the checker says of `SECONDS` of the stream, in simulated time. */
export async function findingsIn(kind: StreamKind, spoil: Spoil = () => undefined): Promise<readonly Finding[]> {
  const clock = new ManualClock(START_MS);
  const url = `${BASE}${kind.endsWith('hls') ? 'master.m3u8' : 'manifest.mpd'}`;
  let isDone = false;
  const result = checkStream({ url, seconds: SECONDS, clock, fetch: openStream(kind, clock, spoil) }).finally(() => {
    isDone = true;
  });
  while (!isDone) {
    await new Promise((resolve) => setImmediate(resolve));
    if (!isDone) clock.advance(10);
  }
  return (await result).findings;
}
