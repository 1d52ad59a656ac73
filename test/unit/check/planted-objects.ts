// Faults planted into media objects, their bandwidth and the answers of the server.
import type { MediaFacts, RunFacts } from '../../../src/check/media-facts.ts';
import type { Evidence, MediaObject, Probe } from '../../../src/check/model.ts';
import type { Planted } from './planted-hls.ts';
import { FIRST, hlsWorld, numberWorld, timelineWorld, type World } from './world.ts';

type Loose = Record<string, unknown>;

const planted = (rule: string, fault: string, make: () => World, change: (evidence: Evidence) => void): Planted => ({
  rule,
  fault,
  make,
  spoil: (world) => void world.last.push((evidence) => change(evidence as Evidence)),
});

const set = (target: object | undefined, values: Loose): void => {
  if (target === undefined) throw new Error('nothing to change');
  Object.assign(target, values);
};
const init = (evidence: Evidence, track = 'v720'): MediaObject =>
  evidence.media.find((object) => object.role === 'init' && object.listed.track.includes(track)) ?? missing();
const segments = (evidence: Evidence, track = 'v720'): readonly MediaObject[] =>
  evidence.media.filter(
    (object) => object.role === 'segment' && new RegExp(`/${track}(/|$)`).test(object.listed.track),
  );
const newest = (evidence: Evidence, track = 'v720'): MediaObject => segments(evidence, track).at(-1) ?? missing();
const facts = (object: MediaObject): MediaFacts => object.facts ?? missing();
const run = (object: MediaObject): RunFacts =>
  (object.facts?.kind === 'segment' ? object.facts.runs[0] : undefined) ?? missing();
const track = (object: MediaObject) => (object.facts?.kind === 'init' ? object.facts.tracks[0] : undefined);
const probe = (evidence: Evidence, purpose: Probe['purpose'], kind?: Probe['kind']): Probe =>
  evidence.probes.find((item) => item.purpose === purpose && (kind === undefined || item.kind === kind)) ?? missing();
const missing = (): never => {
  throw new Error('nothing to change');
};
const shift = (object: MediaObject, ticks: number): void =>
  set(run(object), {
    startTicks: (run(object).startTicks ?? 0) + ticks,
    presentationTicks: (run(object).presentationTicks ?? 0) + ticks,
  });

export const CMAF_FAULTS: readonly Planted[] = [
  planted('cmaf.unreadable', 'a truncated box', hlsWorld, (evidence) =>
    set(newest(evidence), { facts: undefined, unreadable: 'box "mdat" of 900 bytes at offset 500 does not fit' }),
  ),
  planted('hls.not-cmaf', 'MPEG-TS segments', hlsWorld, (evidence) =>
    set(newest(evidence), { facts: { kind: 'other', format: 'mpeg-ts' } }),
  ),
  planted('cmaf.brand', 'ftyp isom alone', hlsWorld, (evidence) =>
    set(facts(init(evidence)), { brands: ['isom', 'mp41'] }),
  ),
  planted('cmaf.header', 'a header without mvex', hlsWorld, (evidence) =>
    set(facts(init(evidence)), { hasMvex: false }),
  ),
  planted('cmaf.header', 'a header with samples', hlsWorld, (evidence) =>
    set(facts(init(evidence)), { hasSamples: true }),
  ),
  planted('cmaf.single-track', 'two trafs in a moof', hlsWorld, (evidence) =>
    set(facts(newest(evidence)), { mostTrafs: 2 }),
  ),
  planted('cmaf.tfdt', 'no tfdt', hlsWorld, (evidence) => set(facts(newest(evidence)), { missingTfdt: 1 })),
  planted('cmaf.moof-relative', 'base-data-offset', hlsWorld, (evidence) =>
    set(facts(newest(evidence)), { notMoofRelative: 1 }),
  ),
  planted('cmaf.no-fragment', 'a segment without moof', hlsWorld, (evidence) =>
    set(facts(newest(evidence)), { fragments: 0, mostTrafs: 0, runs: [] }),
  ),
  planted('cmaf.continuity', 'a gap of one tick between segments', hlsWorld, (evidence) => shift(newest(evidence), 1)),
  planted('cmaf.continuity', 'an overlap of one tick inside a segment', hlsWorld, (evidence) =>
    set(run(newest(evidence)), { worstGapTicks: -1 }),
  ),
  planted('hls.discontinuity-missing', 'timestamps jump without DISCONTINUITY', hlsWorld, (evidence) =>
    shift(newest(evidence), 900_000),
  ),
  planted('cmaf.sync-start', 'a segment that begins with a P picture', hlsWorld, (evidence) =>
    set(run(newest(evidence)), { startsWithSync: false }),
  ),
  planted('cmaf.video-aligned', 'the second video one frame late', hlsWorld, (evidence) =>
    segments(evidence, 'v360').forEach((object) => void shift(object, 3600)),
  ),
  planted('cmaf.audio-aligned', 'audio two frames late', hlsWorld, (evidence) =>
    segments(evidence, 'a').forEach((object) => void shift(object, 2048)),
  ),
  planted('cmaf.audio-aligned', 'audio two frames late, by $Time$', timelineWorld, (evidence) =>
    segments(evidence, 'a').forEach((object) => void shift(object, 2048)),
  ),
  planted('cmaf.grid', 'tfdt from zero with epoch numbers', numberWorld, (evidence) =>
    segments(evidence).forEach((object) => void shift(object, -FIRST * 180_000)),
  ),
  planted('cmaf.grid-drift', 'tfdt half a second off the grid', numberWorld, (evidence) =>
    evidence.media
      .filter((object) => object.role === 'segment')
      .forEach((object) => void shift(object, run(object).timescale / 2)),
  ),
  planted('cmaf.timeline-exact', 'S@t one frame beside tfdt', timelineWorld, (evidence) =>
    shift(newest(evidence), 3600),
  ),
  planted('cmaf.duration', 'EXTINF a frame too short', hlsWorld, (evidence) =>
    set(newest(evidence).listed, { durationS: 1.96 }),
  ),
  planted('cmaf.codec', 'another level than declared', hlsWorld, (evidence) =>
    set(track(init(evidence)), { codec: 'avc1.640028' }),
  ),
  planted('cmaf.codec', 'another audio than declared, in DASH', numberWorld, (evidence) =>
    set(track(init(evidence, 'p1/a')), { codec: 'mp4a.40.5' }),
  ),
  planted('cmaf.resolution', 'another picture size than declared', hlsWorld, (evidence) =>
    set(track(init(evidence)), { width: 1024, height: 576 }),
  ),
  planted('cmaf.timescale', 'another timescale in one video track', hlsWorld, (evidence) =>
    set(track(init(evidence, 'v360')), { timescale: 12800 }),
  ),
  planted('cmaf.track-id', 'a track_ID that the header lacks', hlsWorld, (evidence) =>
    set(facts(newest(evidence)), { unknownTracks: [7] }),
  ),
  planted('hls.pdt-media', 'dates drift from the samples', hlsWorld, (evidence) =>
    set(newest(evidence).listed, { pdtMs: (newest(evidence).listed.pdtMs ?? 0) + 120 }),
  ),
  planted('bandwidth.peak', 'a segment of twice BANDWIDTH', hlsWorld, (evidence) =>
    set(newest(evidence), { byteLength: 750_000 }),
  ),
  planted('bandwidth.declared', 'a segment 10 % above BANDWIDTH', hlsWorld, (evidence) =>
    set(newest(evidence), { byteLength: 400_000 }),
  ),
  planted('bandwidth.average', 'all segments near BANDWIDTH', hlsWorld, (evidence) =>
    segments(evidence).forEach((object) => void set(object, { byteLength: 340_000 })),
  ),
  planted('bandwidth.dash', 'segments that @bandwidth does not carry', numberWorld, (evidence) =>
    segments(evidence).forEach((object) => void set(object, { byteLength: 600_000 })),
  ),
];

const headers = (
  rule: string,
  fault: string,
  file: string,
  values: Record<string, string | undefined>,
  make = hlsWorld,
): Planted => ({
  rule,
  fault,
  make,
  spoil: (world) => {
    const merged = { ...world.headers.get(file), ...values };
    world.headers.set(
      file,
      Object.fromEntries(
        Object.entries(merged).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
      ),
    );
  },
});
const answer = (rule: string, fault: string, purpose: Probe['purpose'], values: Loose, kind?: Probe['kind']): Planted =>
  planted(rule, fault, hlsWorld, (evidence) => set(probe(evidence, purpose, kind).answer, values));
const fields = (
  rule: string,
  fault: string,
  purpose: Probe['purpose'],
  values: Record<string, string>,
  kind?: Probe['kind'],
): Planted => planted(rule, fault, hlsWorld, (evidence) => set(probe(evidence, purpose, kind).answer.headers, values));

export const HTTP_FAULTS: readonly Planted[] = [
  planted(
    'http.no-answer',
    'a request without an answer',
    hlsWorld,
    (evidence) =>
      void (evidence.failures as { url: string; atMs: number; reason: string }[]).push({
        url: 'https://origin.example/x',
        atMs: 0,
        reason: 'GET: socket hang up',
      }),
  ),
  planted('http.status', 'a listed segment answers 404', hlsWorld, (evidence) =>
    set(newest(evidence), { status: 404, facts: undefined }),
  ),
  {
    rule: 'http.status',
    fault: 'a playlist answers 503',
    make: hlsWorld,
    spoil: (world) => void world.statuses.set('v720-1.m3u8', 503),
  },
  answer('http.status', 'the oldest listed segment is gone', 'repeat', { status: 404 }),
  planted('http.redirect', 'a segment answers 302', hlsWorld, (evidence) =>
    set(newest(evidence), { status: 302, facts: undefined }),
  ),
  headers('http.content-type', 'a playlist as text/plain', 'v720-2.m3u8', { 'content-type': 'text/plain' }),
  headers('http.content-type', 'media as application/octet-stream', 'media', {
    'content-type': 'application/octet-stream',
  }),
  headers('http.content-type', 'an MPD as text/xml', 'number.mpd', { 'content-type': 'text/xml' }, numberWorld),
  headers('http.cache-control', 'media without Cache-Control', 'media', { 'cache-control': undefined }),
  headers('http.cache-media', 'media for 5 s', 'media', { 'cache-control': 'max-age=5, immutable' }),
  headers('http.immutable', 'media that may change', 'media', { 'cache-control': 'public, max-age=86400' }),
  headers('http.cache-playlist', 'a live playlist for a minute', 'v720-2.m3u8', { 'cache-control': 'max-age=60' }),
  headers('http.cache-playlist', 'a live playlist for ever in shared caches', 'v720-2.m3u8', {
    'cache-control': 'max-age=1, s-maxage=600',
  }),
  headers('http.cache-uncollapsed', 'a live playlist that no cache may store', 'v720-2.m3u8', {
    'cache-control': 'no-store',
  }),
  headers('http.cache-mpd', 'an MPD for a minute', 'number.mpd', { 'cache-control': 'max-age=60' }, numberWorld),
  fields('http.cache-missing', 'a 404 for an hour', 'missing', { 'cache-control': 'max-age=3600' }),
  answer('http.cache-missing', 'a missing URL answers 500', 'missing', { status: 500 }),
  headers('http.cors', 'media without CORS', 'media', { 'access-control-allow-origin': undefined }),
  planted('http.cors', 'a 404 without CORS', hlsWorld, (evidence) =>
    set(probe(evidence, 'missing').answer, { headers: { 'cache-control': 'max-age=1' } }),
  ),
  planted('http.cache-control', 'a 404 without Cache-Control', hlsWorld, (evidence) =>
    set(probe(evidence, 'missing').answer, { headers: { 'access-control-allow-origin': '*' } }),
  ),
  planted('http.etag', 'a weak ETag with media', hlsWorld, (evidence) => {
    set(probe(evidence, 'revalidate'), { kind: 'segment' });
    set(probe(evidence, 'revalidate').plain?.headers, { etag: 'W/"1"' });
  }),
  planted('http.etag', 'a text without an ETag', hlsWorld, (evidence) =>
    set(probe(evidence, 'revalidate').plain?.headers, { etag: undefined }),
  ),
  answer('http.revalidation', '200 to a matching If-None-Match', 'revalidate', { status: 200 }),
  planted('http.revalidation', 'a 304 without Cache-Control', hlsWorld, (evidence) =>
    set(probe(evidence, 'revalidate').answer, { headers: { etag: '"p"' } }),
  ),
  fields('http.head', 'HEAD with another length', 'head', { 'content-length': '0' }),
  answer('http.head', 'HEAD answers 405', 'head', { status: 405 }),
  answer('http.range', '200 to a range', 'range', { status: 200 }),
  answer('http.range', 'a 206 with other bytes', 'range', { digest: 'other' }),
  answer('http.range', '200 to a range beyond the end', 'range-beyond', { status: 200 }),
  fields('http.range', 'a 416 without the length', 'range-beyond', { 'content-range': 'bytes */*' }),
  fields('http.gzip', 'a playlist that is not compressed', 'gzip', { 'content-encoding': 'identity' }, 'playlist'),
  fields('http.gzip', 'a compressed playlist without Vary', 'gzip', { vary: '' }, 'playlist'),
  fields('http.gzip-mpd', 'an MPD that is not compressed', 'gzip', { 'content-encoding': 'identity' }, 'mpd'),
  fields('http.gzip-etag', 'one ETag for both forms', 'gzip', { etag: '"p"' }, 'playlist'),
  planted(
    'http.one-body',
    'a URL with two bodies',
    hlsWorld,
    (evidence) => void (evidence.media as MediaObject[]).push({ ...newest(evidence), digest: 'another' }),
  ),
  headers('http.set-cookie', 'a cookie with media', 'media', { 'set-cookie': 'id=1' }),
  headers('http.vary', 'Vary: Origin', 'media', { vary: 'Origin' }),
  answer('http.early', 'the next segment answers 500', 'early', { status: 500 }),
  fields('http.early', 'a 404 at the live edge for a minute', 'early', { 'cache-control': 'max-age=60' }),
];
