// What this service writes with whenAbsent: gap, as evidence: the checker finds nothing in it.
import { expect, test } from 'vitest';
import { judgeCmaf } from '../../../src/check/cmaf-rules.ts';
import { judgeTracks } from '../../../src/check/cmaf-track-rules.ts';
import { judge } from '../../../src/check/judge.ts';
import { type InitFacts, readSegmentFacts } from '../../../src/check/media-facts.ts';
import type { Evidence, MediaObject, PlaylistSnapshot } from '../../../src/check/model.ts';
import { gapSegment } from '../../../src/package/gap.ts';
import { makeGrid, startMsOf } from '../../../src/package/grid.ts';
import { renderLowLatencyPlaylist } from '../../../src/package/hls/low-latency-playlist.ts';
import { renderMediaPlaylist } from '../../../src/package/hls/media-playlist.ts';
import { renderMultivariantPlaylist } from '../../../src/package/hls/multivariant-playlist.ts';
import { Timeline } from '../../../src/package/timeline.ts';
import { fakeSlate, fakeTrack } from '../../fakes/media.ts';
import { deliver, deliverPart, fakeRun } from '../../fakes/run.ts';

const BASE = 'https://origin.example/live/match/';
const NOW = 1_795_291_200_900;
const grid = makeGrid({ num: 30, den: 1 }, 2);
const TRACKS = ['v720', 'v360', 'a1'];
const tracks = TRACKS.map((id) => fakeTrack(id, grid));
const slate = fakeSlate(grid, tracks, true);
const PLAN = { grid, tracks, slate };

function evidenceOf(mode: 'hls' | 'dash', more: Partial<Evidence>): Evidence {
  const none = {
    multivariant: [],
    renditions: [],
    mpds: [],
    utcTiming: undefined,
    media: [],
    probes: [],
    failures: [],
  };
  return { url: BASE, mode, startedMs: NOW - 10_000, endedMs: NOW + 60_000, ...none, ...more };
}

function snapshot(url: string, text: string, atMs: number, index: number): PlaylistSnapshot {
  const date = new Date(atMs).toUTCString();
  const headers = {
    'access-control-allow-origin': '*',
    'cache-control': 'public, max-age=1',
    etag: '"e"',
    vary: 'Accept-Encoding',
    'content-type': 'application/vnd.apple.mpegurl',
    date,
    'last-modified': date,
  };
  return { url, status: 200, headers, text, sentMs: atMs - 5, atMs, index, lastSeenMs: atMs };
}

test.each([false, true])('in playlists before, in and after a hole, parts: %s', (hasParts) => {
  const timeline = new Timeline({
    incarnation: 'i',
    windowMs: 120_000,
    retentionMs: 60_000,
    publishesParts: hasParts,
    fillDelayMs: 800,
    patienceMs: 0,
    silenceMs: 0,
    tailMs: 6000,
    backfillMs: 20_000,
    whenAbsent: 'gap',
  });
  timeline.open(PLAN, NOW);
  const run = fakeRun('r1', () => PLAN, TRACKS);
  timeline.join(run);
  const moments = ['live', 'gap', 'gap', 'live'].map((source) => {
    const number = timeline.nextNumber!;
    const atMs = startMsOf(grid, number + 1) + 800;
    if (source === 'live' && hasParts)
      for (let part = 0; part < 5; part++) deliverPart(run, grid, number, part, TRACKS);
    else if (source === 'live') deliver(run, grid, number, TRACKS);
    timeline.advance(atMs);
    expect(timeline.find(number)?.source).toBe(source);
    return { presentation: timeline.presentation(), atMs };
  });
  const renditions = TRACKS.map((track) => {
    const url = `${BASE}${track}/media.m3u8`;
    const snapshots = moments.map(({ presentation, atMs }, i) => {
      const text = hasParts
        ? renderLowLatencyPlaylist(presentation, track, { listedMs: 60_000, isDelta: false })
        : renderMediaPlaylist(presentation, track, { listedMs: 60_000 });
      return snapshot(url, text!, atMs, i);
    });
    return { url, kind: track === 'a1' ? ('audio' as const) : ('variant' as const), snapshots };
  });
  const master = renderMultivariantPlaylist(timeline.period!.tracks, 'media.m3u8');
  const multivariant = [snapshot(`${BASE}master.m3u8`, master, moments[0]!.atMs, 0)];
  expect(judge(evidenceOf('hls', { multivariant, renditions }))).toEqual([]);
});

test('in the Segments of DASH, around one without samples', () => {
  const media = tracks.flatMap((track) => {
    const timescale = track.kind === 'video' ? grid.videoTimescale : 48_000;
    const init: InitFacts = {
      kind: 'init',
      brands: ['cmfc', 'iso6'],
      hasMvex: true,
      hasSamples: false,
      tracks: [
        {
          trackId: 1,
          handler: track.kind === 'video' ? 'vide' : 'soun',
          timescale,
          codec: track.init.codec,
          width: track.init.width,
          height: track.init.height,
          editTicks: 0,
          defaultDuration: 0,
          defaultFlags: 0,
        },
      ],
    };
    const initUrl = `${BASE}${track.id}/g/init.mp4`;
    const of = (role: 'init' | 'segment', url: string, number: number, facts: MediaObject['facts']): MediaObject => ({
      role,
      url,
      status: 200,
      headers: {},
      sentMs: NOW,
      atMs: NOW,
      byteLength: 1,
      digest: url,
      facts,
      listed: {
        track: `p/${track.id}`,
        initUrl,
        number,
        durationS: 2,
        run: 'p',
        mpdTicks: number * 2 * timescale,
        mpdTimescale: timescale,
        nominal: true,
      },
    });
    const segments = [897_000_001, 897_000_002, 897_000_003].map((number) => {
      const segment = number === 897_000_002 ? gapSegment(grid, track, number) : slate.segment(track.id, number);
      const bytes = Buffer.concat(segment.parts.map((part) => part.bytes));
      return of('segment', `${BASE}${track.id}/g/${number}.m4s`, number, readSegmentFacts(bytes, init));
    });
    return [of('init', initUrl, 0, init), ...segments];
  });
  const evidence = evidenceOf('dash', { media });
  expect([...judgeCmaf(evidence), ...judgeTracks(evidence, [])]).toEqual([]);
});
