// What this service writes for a Channel with parts, as evidence: the checker finds nothing in it.
import { describe, expect, test } from 'vitest';
import { judge } from '../../../src/check/judge.ts';
import type { Evidence, PlaylistSnapshot } from '../../../src/check/model.ts';
import { renderMpd } from '../../../src/package/dash/mpd.ts';
import { makeGrid } from '../../../src/package/grid.ts';
import { renderLowLatencyPlaylist } from '../../../src/package/hls/low-latency-playlist.ts';
import { renderMultivariantPlaylist } from '../../../src/package/hls/multivariant-playlist.ts';
import type { Presentation } from '../../../src/package/model.ts';
import { STANDARD_FRAME_RATES } from '../../../src/system/frame-rate.ts';
import { lowLatencyWorld } from '../../fakes/low-latency.ts';

const BASE = 'https://origin.example/live/match/';
const HEADERS = {
  'access-control-allow-origin': '*',
  'cache-control': 'public, max-age=1',
  etag: '"e"',
  vary: 'Accept-Encoding',
};
const TRACKS = ['v720', 'v360', 'a1'];

function snapshot(url: string, text: string, atMs: number, index: number): PlaylistSnapshot {
  const type = url.endsWith('mpd') ? 'application/dash+xml' : 'application/vnd.apple.mpegurl';
  const date = new Date(atMs).toUTCString();
  const headers = { ...HEADERS, 'content-type': type, date, 'last-modified': date };
  return { url, status: 200, headers, text, sentMs: atMs - 5, atMs, index, lastSeenMs: atMs };
}

function evidenceOf(mode: 'hls' | 'dash', atMs: number, more: Partial<Evidence>): Evidence {
  const none = {
    multivariant: [],
    renditions: [],
    mpds: [],
    utcTiming: undefined,
    media: [],
    probes: [],
    failures: [],
  };
  return { url: BASE, mode, startedMs: atMs - 10_000, endedMs: atMs, ...none, ...more };
}

/** Parts coming one by one, the audio ahead of the video, for two Segments. */
function momentsOf(partMs: number, rate: { num: number; den: number }): Presentation[] {
  const world = lowLatencyWorld(makeGrid(rate, 2, partMs), TRACKS, 20_000);
  const counts = Array.from({ length: world.period.grid.partsPerSegment }, (_, n) => n);
  return [world, world.later()].flatMap((at) => [
    at.presentation,
    ...counts.flatMap((n) => [at.withOpen({ v720: n, v360: n, a1: n + 1 }), at.withOpen(n + 1)]),
  ]);
}

describe.each(
  STANDARD_FRAME_RATES.flatMap((rate) => [400, 200].map((partMs) => [rate.num, rate.den, partMs] as const)),
)('at %d/%d and parts of %d ms the checker finds nothing', (num, den, partMs) => {
  const moments = momentsOf(partMs, { num, den });
  const [first] = moments;
  const period = first!.segments[0]!.period;
  const endMs = moments.at(-1)!.changedMs;

  test.each([false, true])('in the playlists, delta updates: %s', (isDelta) => {
    const renditions = TRACKS.map((track) => {
      const url = `${BASE}${track}/media.m3u8`;
      const texts = moments.map((moment) => {
        const text = renderLowLatencyPlaylist(moment, track, { listedMs: 60_000, isDelta }) ?? '';
        return { text, atMs: moment.changedMs };
      });
      const changed = texts.filter(({ text }, i) => text !== texts[i - 1]?.text);
      const kind = track === 'a1' ? ('audio' as const) : ('variant' as const);
      return { url, kind, snapshots: changed.map(({ text, atMs }, i) => snapshot(url, text, atMs, i)) };
    });
    const master = renderMultivariantPlaylist(period.tracks, 'media.m3u8');
    const multivariant = [snapshot(`${BASE}master.m3u8`, master, first!.changedMs, 0)];
    expect(renditions[0]!.snapshots.length).toBeGreaterThan(period.grid.partsPerSegment);
    expect(judge(evidenceOf('hls', endMs, { multivariant, renditions }))).toEqual([]);
  });

  test('in the MPD', () => {
    const settings = { channel: 'match', timeShiftBufferMs: 60_000, publishMarginMs: 300, targetLatencyMs: 3000 };
    const text = renderMpd(moments.at(-1)!, { ...settings, hasParts: true }) ?? '';
    expect(text).toContain('availabilityTimeComplete="false"');
    const mpds = [snapshot(`${BASE}manifest.mpd`, text, endMs, 0)];
    expect(judge(evidenceOf('dash', endMs, { mpds }))).toEqual([]);
  });
});
