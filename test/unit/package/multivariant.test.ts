import { describe, expect, test } from 'vitest';
import { makeGrid } from '../../../src/package/grid.ts';
import { renderMultivariantPlaylist } from '../../../src/package/hls/multivariant-playlist.ts';
import type { Period, Track } from '../../../src/package/model.ts';
import { fakeTrack } from '../../fakes/media.ts';

const grid = makeGrid({ num: 50, den: 1 }, 2);
const track = (id: string, averageBps: number, more: Partial<Track> = {}): Track => ({
  ...fakeTrack(id, grid),
  averageBps,
  peakBps: averageBps * 1.5,
  ...more,
});
const periodOf = (tracks: readonly Track[]): Period => ({
  id: 'p',
  ordinal: 1,
  gen: '0123456789',
  grid,
  startNumber: 1,
  startIndex: 1,
  tracks,
  announcedMs: 0,
});
const text = (tracks: readonly Track[]) => renderMultivariantPlaylist(periodOf(tracks).tracks, 'media.m3u8');
const order = (tracks: readonly Track[]) => [...text(tracks).matchAll(/^([\w-]+)\/media\.m3u8$/gm)].map(([, id]) => id);

describe('the order of variants (Apple HLS Authoring Specification: the first is tried first)', () => {
  test('the dearest of at most 2 Mbit/s, then all others from the dearest down', () => {
    const tracks = [track('v360', 800_000), track('v1080', 5_000_000), track('v540', 1_900_000), track('v720', 3e6)];
    expect(order(tracks)).toEqual(['v540', 'v1080', 'v720', 'v360']);
  });

  test('2 Mbit/s exactly is near enough; where all are above it, the cheapest is first', () => {
    expect(order([track('v720', 2_000_000), track('v360', 500_000)])).toEqual(['v720', 'v360']);
    expect(order([track('v1080', 6e6), track('v720', 4e6), track('v540', 3e6)])).toEqual(['v540', 'v1080', 'v720']);
  });
});

describe('what a variant says', () => {
  const tracks = [
    track('v720', 2_000_000),
    track('a1', 128_000),
    track('a2', 256_000, { name: 'Deutsch', language: 'de' }),
  ];

  test('BANDWIDTH and AVERAGE-BANDWIDTH count its dearest audio rendition once (RFC 8216bis 4.4.6.2)', () => {
    expect(text(tracks)).toMatch(/BANDWIDTH=3384000,AVERAGE-BANDWIDTH=2256000/);
    expect(text([tracks[0]!])).toMatch(/BANDWIDTH=3000000,AVERAGE-BANDWIDTH=2000000/);
  });

  test('CODECS names each format in it once', () => {
    expect(text(tracks)).toContain('CODECS="avc1.64001f,mp4a.40.2"');
  });

  test('one audio rendition of a group is the default, the first (RFC 8216bis 4.4.6.1)', () => {
    const renditions = text(tracks)
      .split('\n')
      .filter((line) => line.startsWith('#EXT-X-MEDIA:'));
    expect(renditions.map((line) => /DEFAULT=(\w+)/.exec(line)?.[1])).toEqual(['YES', 'NO']);
    expect(renditions.map((line) => /NAME="([^"]*)"/.exec(line)?.[1])).toEqual(['English', 'Deutsch']);
    expect(renditions.join()).not.toContain('FORCED');
  });
});
