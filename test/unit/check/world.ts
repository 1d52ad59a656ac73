// Good streams as evidence, made of the hand-written playlists and MPDs in test/fixtures/check, and the means to spoil them.
import { readFileSync } from 'node:fs';
import { trackName } from '../../../src/check/declared.ts';
import { segmentListing } from '../../../src/check/hls-listing.ts';
import { readPlaylist } from '../../../src/check/hls-text.ts';
import type { InitFacts, RunFacts, SegmentFacts, TrackFacts } from '../../../src/check/media-facts.ts';
import type {
  Evidence,
  HlsRendition,
  ListedAs,
  MediaObject,
  PlaylistSnapshot,
  Probe,
} from '../../../src/check/model.ts';
import { initUrl, periodRanges, promisedSegments } from '../../../src/check/mpd-segments.ts';
import { readMpd } from '../../../src/check/mpd-text.ts';

const FOLDER = new URL('../../fixtures/check/', import.meta.url);
const BASE = 'https://origin.example/live/match/';
/** The first number of the fixtures; media time is UTC and a segment lasts 2 s. */
export const FIRST = 883612800;

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends object | undefined ? Mutable<T[K]> : T[K] };

export interface World {
  readonly mode: 'hls' | 'dash';
  /** Texts by file name; their order is that of their answers. */
  readonly texts: Map<string, string>;
  /** Headers by file name; `media` for all media. */
  readonly headers: Map<string, Record<string, string>>;
  /** Statuses other than 200, by file name. */
  readonly statuses: Map<string, number>;
  /** What is done to the finished evidence. */
  readonly last: ((evidence: Mutable<Evidence>) => void)[];
}

const COMMON = { 'access-control-allow-origin': '*', date: 'Thu, 01 Jan 2026 00:00:20 GMT', vary: 'Accept-Encoding' };
const PLAYLIST = {
  ...COMMON,
  'content-type': 'application/vnd.apple.mpegurl',
  'cache-control': 'public, max-age=1',
  etag: '"p"',
};
const MPD = { ...COMMON, 'content-type': 'application/dash+xml', 'cache-control': 'public, max-age=2', etag: '"m"' };
const MEDIA = {
  'access-control-allow-origin': '*',
  'content-type': 'video/mp4',
  'cache-control': 'public, max-age=86400, immutable',
  etag: '"s"',
};

function load(folder: string, names: readonly string[]): Map<string, string> {
  return new Map(names.map((name) => [name, readFileSync(new URL(`${folder}/${name}`, FOLDER), 'utf8')]));
}

function world(mode: 'hls' | 'dash', folder: string, names: readonly string[]): World {
  const headers = new Map<string, Record<string, string>>(
    names.map((name) => [name, { ...(mode === 'hls' ? PLAYLIST : MPD) }]),
  );
  return {
    mode,
    texts: load(folder, names),
    headers: headers.set('media', { ...MEDIA }),
    statuses: new Map(),
    last: [],
  };
}

const three = (track: string): string[] => [0, 1, 2].map((k) => `${track}-${k}.m3u8`);

export const hlsWorld = (): World =>
  world('hls', 'hls', ['master.m3u8', ...three('v720'), ...three('v360'), ...three('a')]);
export const lowLatencyWorld = (): World =>
  world('hls', 'low-latency', ['master.m3u8', 'v720-0.m3u8', 'v720-1.m3u8', 'v360-0.m3u8', 'v360-1.m3u8']);
export const numberWorld = (): World => world('dash', 'dash', ['number.mpd']);
export const chunkedWorld = (): World => world('dash', 'dash', ['low-latency.mpd']);
export const timelineWorld = (): World => world('dash', 'dash', ['timeline-0.mpd', 'timeline-1.mpd']);

/** Replaces in one text or, by a trailing `*`, in all that begin so; fails when there is nothing to replace. */
export function edit(world: World, file: string, from: string | RegExp, to: string): void {
  const names = [...world.texts.keys()].filter((name) =>
    file.endsWith('*') ? name.startsWith(file.slice(0, -1)) : name === file,
  );
  for (const name of names) {
    const text = world.texts.get(name) ?? '';
    const changed = text.replace(from, to);
    if (changed === text) throw new Error(`nothing to change in ${name}`);
    world.texts.set(name, changed);
  }
  if (names.length === 0) throw new Error(`no text ${file}`);
}

export function evidenceOf(world: World): Evidence {
  const evidence = world.mode === 'hls' ? hlsEvidence(world) : dashEvidence(world);
  const mutable = structuredClone(evidence) as Mutable<Evidence>;
  for (const change of world.last) change(mutable);
  return mutable as Evidence;
}

// snapshot k of a text that changes each 2 s, seen from FIRST + 15 s on
const seenMs = (k: number): number => (FIRST + 7 + k) * 2000 + 1100;

function snapshot(world: World, name: string, url: string, index: number): PlaylistSnapshot {
  const sentMs = seenMs(index);
  return {
    url,
    status: world.statuses.get(name) ?? 200,
    headers: world.headers.get(name) ?? {},
    text: world.texts.get(name) ?? '',
    sentMs,
    atMs: sentMs + 5,
    index,
    lastSeenMs: sentMs,
  };
}

function snapshots(world: World, prefix: string, url: string): readonly PlaylistSnapshot[] {
  const names = [...world.texts.keys()].filter((name) => name.startsWith(prefix));
  return names
    .map((name, index) => snapshot(world, name, url, index))
    .filter((item, index, all) => item.text !== all[index - 1]?.text);
}

function hlsEvidence(world: World): Evidence {
  const tracks = ['v720', 'v360', 'a'].filter((track) =>
    [...world.texts.keys()].some((name) => name.startsWith(`${track}-`)),
  );
  const renditions = tracks.map((track): HlsRendition => {
    const url = `${BASE}${track}/media.m3u8`;
    return { url, kind: track === 'a' ? 'audio' : 'variant', snapshots: snapshots(world, `${track}-`, url) };
  });
  const listings = renditions.flatMap(({ url, snapshots: list }) =>
    list.slice(-1).flatMap(({ text }) => segmentListing(readPlaylist(text), url).segments),
  );
  return {
    ...emptyEvidence('hls'),
    multivariant: snapshots(world, 'master', `${BASE}master.m3u8`),
    renditions,
    media: mediaOf(world, listings),
    probes: probesOf(world),
  };
}

function dashEvidence(world: World): Evidence {
  const url = `${BASE}manifest.mpd`;
  const mpds = snapshots(world, '', url);
  const latest = mpds.at(-1)!;
  const reading = readMpd(latest.text, url);
  const mpd = 'mpd' in reading ? reading.mpd : undefined;
  const listings = (mpd === undefined ? [] : periodRanges(mpd)).flatMap((range, index) =>
    range.period.sets.flatMap((set) =>
      set.representations.flatMap((item) =>
        promisedSegments(mpd!, range, item, latest.atMs, { newest: 6, oldest: 0 }).map((segment, position) => ({
          url: segment.url,
          listed: {
            track: trackName(range.period.id, index, item.id),
            initUrl: initUrl(item),
            run: range.period.id ?? String(index),
            number: segment.nominal ? segment.number : position,
            counted: !segment.nominal,
            durationS: segment.durationTicks / segment.timescale,
            mpdTicks: segment.ticks,
            mpdTimescale: segment.timescale,
            nominal: segment.nominal,
            promisedMs: segment.availableFromMs,
          },
        })),
      ),
    ),
  );
  const utcTiming = {
    url: `${BASE}time`,
    status: 200,
    headers: {},
    sentMs: 0,
    atMs: 1,
    text: '2026-01-01T00:00:15.123Z',
  };
  return { ...emptyEvidence('dash'), mpds, utcTiming, media: mediaOf(world, listings), probes: probesOf(world) };
}

function emptyEvidence(mode: 'hls' | 'dash'): Evidence {
  return {
    url: BASE,
    mode,
    startedMs: seenMs(0),
    endedMs: seenMs(3),
    multivariant: [],
    renditions: [],
    mpds: [],
    utcTiming: undefined,
    media: [],
    probes: [],
    failures: [],
  };
}

const isAudio = (track: string): boolean => /\/a(\/|$)/.test(track);
const audioStart = (number: number): number => Math.ceil((number * 96000) / 1024) * 1024;

function trackFacts(track: string): TrackFacts {
  if (isAudio(track))
    return {
      trackId: 1,
      handler: 'soun',
      timescale: 48000,
      codec: 'mp4a.40.2',
      width: undefined,
      height: undefined,
      editTicks: 0,
      defaultDuration: 1024,
      defaultFlags: 0,
    };
  const large = track.includes('v720');
  return {
    trackId: 1,
    handler: 'vide',
    timescale: 90000,
    codec: large ? 'avc1.64001f' : 'avc1.64001e',
    width: large ? 1280 : 640,
    height: large ? 720 : 360,
    editTicks: 0,
    defaultDuration: 3600,
    defaultFlags: 0,
  };
}

function runOf(url: string, track: string): RunFacts {
  const named = Number(/(\d+)\.m4s$/.exec(url)?.[1] ?? FIRST);
  const scale = isAudio(track) ? 48000 : 90000;
  // $Time$ addresses carry ticks, all others the number
  const number = named > 1e10 ? Math.floor(named / (2 * scale)) : named;
  const start = isAudio(track) ? audioStart(number) : number * 180000;
  const duration = isAudio(track) ? audioStart(number + 1) - start : 180000;
  const sampleTicks = isAudio(track) ? 1024 : 3600;
  return {
    trackId: 1,
    startTicks: start,
    presentationTicks: start,
    durationTicks: duration,
    samples: duration / sampleTicks,
    startsWithSync: true,
    worstGapTicks: 0,
    timescale: scale,
    sampleTicks,
  };
}

const bytesOf = (track: string): number => (isAudio(track) ? 16_500 : track.includes('v720') ? 280_000 : 130_000);

function mediaOf(
  world: World,
  listings: readonly { readonly url: string; readonly listed: ListedAs }[],
): MediaObject[] {
  const base = { status: 200, headers: world.headers.get('media') ?? {}, sentMs: seenMs(2), atMs: seenMs(2) + 20 };
  const inits = new Map<string, MediaObject>();
  const segments = listings.map(({ url, listed }): MediaObject => {
    const facts: SegmentFacts = {
      kind: 'segment',
      fragments: 4,
      mostTrafs: 1,
      missingTfdt: 0,
      notMoofRelative: 0,
      unknownTracks: [],
      runs: [runOf(url, listed.track)],
    };
    const init: InitFacts = {
      kind: 'init',
      brands: ['iso6', 'cmfc'],
      tracks: [trackFacts(listed.track)],
      hasMvex: true,
      hasSamples: false,
    };
    if (listed.initUrl !== undefined)
      inits.set(listed.initUrl, {
        ...base,
        url: listed.initUrl,
        role: 'init',
        byteLength: 800,
        digest: `init ${listed.track}`,
        listed,
        facts: init,
      });
    return {
      ...base,
      url,
      role: 'segment',
      byteLength: bytesOf(listed.track),
      digest: `segment ${url}`,
      listed,
      facts,
    };
  });
  return [...inits.values(), ...segments];
}

function probesOf(world: World): Probe[] {
  const at = { sentMs: seenMs(3), atMs: seenMs(3) + 5 };
  const text = {
    ...at,
    url: `${BASE}text`,
    status: 200,
    headers: { ...PLAYLIST, 'content-length': '900' },
    byteLength: 900,
    digest: 'text',
  };
  const media = {
    ...at,
    url: `${BASE}v720/g1/${FIRST}.m4s`,
    status: 200,
    headers: { ...world.headers.get('media'), 'content-length': '280000' },
    byteLength: 280_000,
    digest: 'whole',
  };
  const missing = {
    ...at,
    url: `${BASE}v720/g1/missing.m4s`,
    status: 404,
    headers: { 'access-control-allow-origin': '*', 'cache-control': 'max-age=1' },
    byteLength: 20,
    digest: 'missing',
  };
  const answer = (
    plain: Probe['answer'],
    status: number,
    headers: Record<string, string>,
    body: { byteLength: number; digest: string },
  ) => ({ ...plain, status, headers: { ...plain.headers, ...headers }, ...body });
  const none = { byteLength: 0, digest: '' };
  return [
    { purpose: 'revalidate', kind: 'playlist', plain: text, answer: answer(text, 304, {}, none) },
    { purpose: 'head', kind: 'playlist', plain: text, answer: answer(text, 200, {}, none) },
    {
      purpose: 'gzip',
      kind: 'playlist',
      plain: text,
      answer: answer(
        text,
        200,
        { 'content-encoding': 'gzip', etag: '"p-gzip"' },
        { byteLength: 300, digest: 'packed' },
      ),
    },
    {
      purpose: 'gzip',
      kind: 'mpd',
      plain: text,
      answer: answer(
        text,
        200,
        { 'content-encoding': 'gzip', etag: '"p-gzip"' },
        { byteLength: 300, digest: 'packed' },
      ),
    },
    { purpose: 'repeat', kind: 'segment', answer: { ...media, url: `${BASE}v720/g1/0.m4s` } },
    {
      purpose: 'range',
      kind: 'segment',
      plain: media,
      headDigest: 'head',
      answer: answer(media, 206, { 'content-range': 'bytes 0-99/280000' }, { byteLength: 100, digest: 'head' }),
    },
    {
      purpose: 'range-beyond',
      kind: 'segment',
      plain: media,
      headDigest: 'head',
      answer: answer(media, 416, { 'content-range': 'bytes */280000' }, none),
    },
    { purpose: 'missing', kind: 'missing', answer: missing },
    { purpose: 'early', kind: 'segment', answer: missing },
  ];
}
