import HLS from 'hls-parser';
import { Parser } from 'm3u8-parser';
import { describe, expect, test } from 'vitest';
import { readPlaylist } from '../../../src/check/hls-text.ts';
import { AUDIO_RATE, type Grid, makeGrid, partTargetSeconds, type Rate } from '../../../src/package/grid.ts';
import { lowLatencyLines, renderLowLatencyPlaylist } from '../../../src/package/hls/low-latency-playlist.ts';
import { renderMediaPlaylist } from '../../../src/package/hls/media-playlist.ts';
import { wholePlaylistText } from '../../../src/package/hls/playlist-text.ts';
import type { CommittedSegment, Period, Presentation } from '../../../src/package/model.ts';
import { STANDARD_FRAME_RATES } from '../../../src/system/frame-rate.ts';
import { lowLatencyWorld } from '../../fakes/low-latency.ts';

const TRACKS = ['v720', 'v360', 'a1'];
const FULL = { listedMs: 60_000, isDelta: false };
const DELTA = { listedMs: 60_000, isDelta: true };
const grid30 = makeGrid({ num: 30, den: 1 }, 2);
const allGrids = STANDARD_FRAME_RATES.flatMap((rate) => [makeGrid(rate, 2), makeGrid(rate, 2, 200), makeGrid(rate, 4)]);

const textOf = (presentation: Presentation, track = 'v720', window = FULL) =>
  renderLowLatencyPlaylist(presentation, track, window) ?? '';
const linesOf = (text: string, tag: string) => text.split('\n').filter((line) => line.startsWith(tag));
const durations = (text: string, tag: string) =>
  [...text.matchAll(new RegExp(`#${tag}:(?:DURATION=)?([\\d.]+)`, 'g'))].map((match) => Number(match[1]));

/** The next Period: other CMAF headers, the same or another Grid. */
function otherPeriod(
  { tracks, startNumber, ...period }: Period,
  next: number,
  ids = TRACKS,
  grid: Grid = period.grid,
): Period {
  return {
    ...period,
    grid,
    id: 'other',
    gen: 'feedbeef00',
    ordinal: period.ordinal + 1,
    startNumber: next,
    startIndex: period.startIndex + next - startNumber,
    tracks: tracks.filter(({ id }) => ids.includes(id)).map((track) => ({ ...track, initHash: `${track.initHash}2` })),
  };
}

/** The segment with everything of it in another Period. */
const inPeriod = (segment: CommittedSegment, period: Period): CommittedSegment => ({
  ...segment,
  period,
  tracks: new Map([...segment.tracks].map(([id, record]) => [id, { ...record, gen: period.gen }])),
});

describe('goldens', () => {
  const rates: readonly [string, Rate][] = [
    ['25', { num: 25, den: 1 }],
    ['29.97', { num: 30_000, den: 1001 }],
    ['50', { num: 50, den: 1 }],
    ['59.94', { num: 60_000, den: 1001 }],
  ];
  test.each(rates)('with parts at %s', async (name, rate) => {
    const presentation = lowLatencyWorld(makeGrid(rate, 2), TRACKS, 12_000).withOpen({ v720: 2, v360: 1, a1: 3 });
    const text = ['v720', 'v360', 'a1'].map((track) => textOf(presentation, track)).join('\n');
    await expect(text).toMatchFileSnapshot(`../../golden/low-latency-${name}.m3u8`);
  });

  test('a delta update, the edge of a new Period, and the end', async () => {
    const world = lowLatencyWorld(grid30, TRACKS, 20_000);
    const changed = world.withOpen({ v720: 1, v360: 0, a1: 1 }, otherPeriod(world.period, world.next));
    const ended = { ...world.withOpen(0), ended: true };
    const text = [textOf(world.withOpen(2), 'v720', DELTA), textOf(changed, 'v720', DELTA), textOf(ended)].join('\n');
    await expect(text).toMatchFileSnapshot('../../golden/low-latency-delta.m3u8');
  });
});

describe.each(
  allGrids.map(
    (grid) =>
      [`${grid.frameRate.num}/${grid.frameRate.den} x ${grid.segmentMs} / ${grid.partsPerSegment}`, grid] as const,
  ),
)('at %s', (_, grid) => {
  const world = lowLatencyWorld(grid, TRACKS, grid.segmentMs * 8);
  const moments = Array.from({ length: grid.partsPerSegment + 1 }, (_, n) => world.withOpen(n));

  test('no DURATION is above PART-TARGET; below 85 % only where it may be (RFC 8216bis 4.4.4.9)', () => {
    const target = partTargetSeconds(grid);
    for (const track of TRACKS) {
      for (const line of linesOf(textOf(moments.at(-2)!, track), '#EXT-X-PART:')) {
        const duration = Number(/DURATION=([\d.]+)/.exec(line)?.[1]);
        expect(duration).toBeLessThanOrEqual(target);
        if (!line.includes('INDEPENDENT=YES')) expect(duration).toBeGreaterThanOrEqual(0.85 * target);
      }
    }
  });

  test('the parts of a Segment add up to its EXTINF (RFC 8216bis 4.4.4.9)', () => {
    for (const track of TRACKS) {
      const whole = readPlaylist(textOf(world.presentation, track)).segments.filter(({ parts }) => parts.length > 0);
      expect(whole).toHaveLength(2);
      for (const { parts, durationS } of whole) {
        expect(parts).toHaveLength(grid.partsPerSegment);
        const sum = parts.reduce((total, part) => total + part.durationS!, 0);
        expect(Math.abs(sum - durationS!)).toBeLessThanOrEqual(0.5e-5 * (parts.length + 1));
      }
    }
  });

  test('hls-parser in strict mode reads every moment, and writes it at once as we do piece by piece', () => {
    for (const presentation of moments) {
      for (const track of TRACKS) {
        for (const window of [FULL, DELTA]) {
          const text = textOf(presentation, track, window);
          const { header, lines, open, reports } = lowLatencyLines(presentation, track, window)!;
          expect(text).toBe(wholePlaylistText(header, lines, { open: open!, reports }));
          const parsed = HLS.parse(text) as InstanceType<typeof HLS.types.MediaPlaylist>;
          expect(parsed.lowLatencyCompatibility?.canBlockReload).toBe(true);
          expect(parsed.segments.at(-1)?.parts.at(-1)?.hint).toBe(true);
        }
      }
    }
  });

  test('parts go when they leave the last three target durations, and never come back (RFC 8216bis 4.4.4.9)', () => {
    const after = world.later();
    let previous: string[] = [];
    for (const presentation of [...moments, after.presentation, after.withOpen(1)]) {
      const text = textOf(presentation);
      const parts = linesOf(text, '#EXT-X-PART:');
      const read = readPlaylist(text);
      const openS = read.openParts.reduce((sum, part) => sum + part.durationS!, 0);
      const wholeWithParts = read.segments.filter((segment) => segment.parts.length > 0);
      const reachS = openS + wholeWithParts.reduce((sum, segment) => sum + segment.durationS!, 0);
      expect(reachS).toBeLessThan(3 * Math.round(grid.segmentMs / 1000) + 1e-4);
      expect(reachS).toBeGreaterThan(3 * partTargetSeconds(grid) * 0.9);
      const from = previous.indexOf(parts[0] ?? '');
      if (previous.length > 0) expect(parts.slice(0, previous.length - from)).toEqual(previous.slice(from));
      previous = parts;
    }
  });

  test('EXT-X-SERVER-CONTROL and EXT-X-PART-INF are the same in all playlists at all times (RFC 8216bis 4.4.3.8)', () => {
    const heads = moments.flatMap((presentation) =>
      TRACKS.flatMap((track) =>
        [FULL, DELTA].map((window) => linesOf(textOf(presentation, track, window), '#EXT-X-SERVER').join()),
      ),
    );
    expect(new Set(heads).size).toBe(1);
    const control = new Map(
      heads[0]!
        .replace('#EXT-X-SERVER-CONTROL:', '')
        .split(',')
        .map((pair) => pair.split('=') as [string, string]),
    );
    const target = Math.round(grid.segmentMs / 1000);
    expect(control.get('CAN-BLOCK-RELOAD')).toBe('YES');
    expect(Number(control.get('CAN-SKIP-UNTIL'))).toBe(6 * target);
    expect(Number(control.get('HOLD-BACK'))).toBe(3 * target);
    // Apple HLS 14.3
    expect(Number(control.get('PART-HOLD-BACK'))).toBeGreaterThanOrEqual(3 * partTargetSeconds(grid) - 1e-9);
    expect(heads[0]).not.toMatch(/\d{7,}/);
  });
});

describe('the Segment at the edge', () => {
  const world = lowLatencyWorld(grid30, TRACKS);

  test('its parts have the URIs that were hinted (RFC 8216bis 4.4.5.3)', () => {
    const { gen } = world.period;
    for (let n = 0; n <= 5; n++) {
      const hint = /#EXT-X-PRELOAD-HINT:TYPE=PART,URI="([^"]*)"/.exec(textOf(world.withOpen(n)))![1]!;
      expect(hint).toBe(n < 5 ? `${gen}/${world.next}.${n}.m4s` : `${gen}/${world.next + 1}.0.m4s`);
      const then = n < 5 ? world.withOpen(n + 1) : world.later().withOpen(1);
      expect(linesOf(textOf(then), '#EXT-X-PART:').at(-1)).toContain(`URI="${hint}"`);
    }
    expect(textOf(world.presentation)).toContain(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${gen}/${world.next}.0.m4s"`);
  });

  test('has no EXTINF and no URI; its date comes before its first part and stays when it is whole (RFC 8216bis 4.4.4.9)', () => {
    for (const track of TRACKS) {
      const open = textOf(world.withOpen(3), track);
      const whole = textOf(world.later().presentation, track);
      expect(linesOf(open, '#EXTINF')).toHaveLength(world.presentation.segments.length);
      const tail = open.slice(open.lastIndexOf('#EXT-X-PROGRAM-DATE-TIME'), open.indexOf('#EXT-X-PRELOAD-HINT'));
      expect(linesOf(tail, '#EXT-X-PART:')).toHaveLength(3);
      expect(whole).toContain(tail);
    }
  });

  test('a video part is INDEPENDENT where it begins with an IDR picture, an audio part always (RFC 8216bis 4.4.4.9)', () => {
    const flags = (track: string) =>
      linesOf(textOf(world.withOpen(5), track), '#EXT-X-PART:').map((line) => line.endsWith('INDEPENDENT=YES'));
    expect(flags('v720').slice(-5)).toEqual([true, false, false, false, false]);
    expect(new Set(flags('a1'))).toEqual(new Set([true]));
  });

  test('parts are frames: exact for video, whole access units for audio', () => {
    expect(durations(textOf(world.withOpen(5)), 'EXT-X-PART').slice(-5)).toEqual([0.4, 0.4, 0.4, 0.4, 0.4]);
    for (const duration of durations(textOf(world.withOpen(5), 'a1'), 'EXT-X-PART'))
      expect([18, 19].map((units) => Math.round((units * 1024 * 1e5) / AUDIO_RATE) / 1e5)).toContain(duration);
  });

  test('another Period is declared before its first part, or before the hint of it (RFC 8216bis 4.4.4.9)', () => {
    const other = otherPeriod(world.period, world.next);
    for (const n of [0, 1, 3]) {
      const text = textOf(world.withOpen({ v720: n, v360: 0, a1: 3 }, other));
      const at = ['#EXT-X-DISCONTINUITY\n', `#EXT-X-MAP:URI="${other.gen}/`, `URI="${other.gen}/${world.next}.`].map(
        (s) => text.indexOf(s),
      );
      expect(at).not.toContain(-1);
      expect(at).toEqual([...at].sort((a, b) => a - b));
      expect(at[0]).toBeGreaterThan(text.indexOf(`${world.next - 1}.m4s\n`));
    }
  });

  test('parts of a Period with another part grid are no measure of this PART-TARGET, and are not listed', () => {
    const p25 = makeGrid({ num: 25, den: 1 }, 2, 80);
    const other = otherPeriod(world.period, world.next, TRACKS, p25);
    const text = textOf(world.withOpen(1, other));
    expect(linesOf(text, '#EXT-X-PART:').map((line) => line.includes(other.gen))).toEqual([true]);
    expect(text).toContain(`PART-TARGET=${partTargetSeconds(p25)}`);
  });

  test('a Track that the open Period does not have has no next part; one that is new has no playlist yet', () => {
    const other = otherPeriod(world.period, world.next, ['v720', 'a1']);
    expect(textOf(world.withOpen(2, other), 'v360')).not.toContain('PRELOAD-HINT');
    expect(textOf(world.withOpen(2), 'v1080')).toBe('');
  });
});

describe('rendition reports', () => {
  const world = lowLatencyWorld(grid30, TRACKS);
  const reports = (presentation: Presentation, track: string) =>
    linesOf(textOf(presentation, track), '#EXT-X-RENDITION-REPORT:').map((line) => line.slice(line.indexOf(':') + 1));

  test('one for each other playlist, of what that lists at this moment (RFC 8216bis 4.4.5.4, B.1)', () => {
    const presentation = world.withOpen({ v720: 3, v360: 1, a1: 4 });
    const read = (track: string) => readPlaylist(textOf(presentation, track));
    for (const track of TRACKS) {
      const others = TRACKS.filter((id) => id !== track);
      expect(reports(presentation, track)).toEqual(
        others.map(
          (id) => `URI="../${id}/media.m3u8",LAST-MSN=${world.next},LAST-PART=${read(id).openParts.length - 1}`,
        ),
      );
    }
  });

  test('a playlist without an open part reports its newest whole Segment and the last part of it', () => {
    const at = `LAST-MSN=${world.next - 1},LAST-PART=4`;
    expect(reports(world.presentation, 'a1')).toEqual(['v720', 'v360'].map((id) => `URI="../${id}/media.m3u8",${at}`));
    expect(reports(world.withOpen({ v720: 1, v360: 0, a1: 1 }), 'a1')[1]).toBe(`URI="../v360/media.m3u8",${at}`);
  });
});

describe('delta updates', () => {
  const world = lowLatencyWorld(grid30, TRACKS, 20_000);
  const full = textOf(world.withOpen(2));
  const delta = textOf(world.withOpen(2), 'v720', DELTA);

  test('EXT-X-SKIP stands for what is farther than CAN-SKIP-UNTIL from the end of the newest whole Segment (RFC 8216bis 4.4.5.2)', () => {
    for (const [listedMs, skipped] of [
      [12_000, 0],
      [14_000, 1],
      [20_000, 4],
    ] as const) {
      const presentation = lowLatencyWorld(grid30, TRACKS, listedMs).withOpen(3);
      const text = textOf(presentation, 'v720', DELTA);
      expect(linesOf(text, '#EXT-X-SKIP')).toEqual(skipped === 0 ? [] : [`#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped}`]);
      expect(linesOf(text, '#EXTINF')).toHaveLength(6);
    }
  });

  test.each(TRACKS)(
    '%s: what stays is never shorter than CAN-SKIP-UNTIL, and what is skipped is all beyond it',
    (track) => {
      for (let i = 0, at = world; i < 4; i++, at = at.later()) {
        const read = readPlaylist(textOf(at.withOpen(1), track, DELTA));
        const listedS = read.segments.reduce((sum, segment) => sum + segment.durationS!, 0);
        expect(listedS).toBeGreaterThanOrEqual(12 - 1e-9);
        expect(listedS - read.segments[0]!.durationS!).toBeLessThan(12 - 1e-9);
      }
    },
  );

  test('version 9, the sequence numbers of the full playlist (RFC 8216bis section 8, 6.2.5.1)', () => {
    expect(linesOf(delta, '#EXT-X-VERSION')).toEqual(['#EXT-X-VERSION:9']);
    expect(linesOf(full, '#EXT-X-VERSION')).toEqual(['#EXT-X-VERSION:6']);
    for (const tag of ['#EXT-X-MEDIA-SEQUENCE', '#EXT-X-DISCONTINUITY-SEQUENCE', '#EXT-X-TARGETDURATION'])
      expect(linesOf(delta, tag)).toEqual(linesOf(full, tag));
  });

  test('after EXT-X-SKIP come the lines of the full playlist, the MAP in force said again for Shaka', () => {
    const rest = delta.slice(delta.indexOf('#EXT-X-MAP'));
    const [map = '', ...lines] = rest.split('\n');
    expect(full).toContain(map);
    expect(full.endsWith(lines.join('\n'))).toBe(true);
    expect(lines[0]).toMatch(/^#EXT-X-PROGRAM-DATE-TIME/);
  });

  test('with nothing to skip it is the full playlist', () => {
    const short = lowLatencyWorld(grid30, TRACKS, 12_000).withOpen(2);
    expect(textOf(short, 'v720', DELTA)).toBe(textOf(short));
  });

  test('a list that is never longer does not offer it (RFC 8216bis 4.4.3.8)', () => {
    const text = textOf(world.withOpen(2), 'v720', { listedMs: 12_000, isDelta: true });
    expect(text).not.toContain('SKIP');
    expect(text).toContain('HOLD-BACK=6');
  });

  test.each([
    ['before the boundary', 2],
    ['at the first line after it', 4],
    ['after it', 6],
  ])('a change of Period %s: numbers count the tags that were skipped with their Segments', (_, at) => {
    const { segments } = world.presentation;
    const other = otherPeriod(world.period, segments[at]!.number);
    const changed = segments.map((segment, i) => (i < at ? segment : inPeriod(segment, other)));
    const presentation = { ...world.presentation, segments: changed };
    const [whole, part] = [FULL, DELTA].map((window) => readPlaylist(textOf(presentation, 'v720', window)));
    expect(part!.segments.map(({ map, msn, uri }) => [map?.uri, msn, uri])).toEqual(
      whole!.segments.slice(4).map(({ map, msn, uri }) => [map?.uri, msn, uri]),
    );
    expect(part!.segments[0]!.discontinuity).toBe(at === 4);
    expect(part!.discontinuitySequence?.value).toBe(whole!.discontinuitySequence?.value);
  });

  test('m3u8-parser reads the skip and the parts', () => {
    const parser = new Parser();
    parser.push(delta);
    parser.end();
    const { manifest } = parser as unknown as {
      manifest: {
        skip: { skippedSegments: number };
        segments: { uri: string; parts?: object[] }[];
        preloadSegment: { parts: object[] };
      };
    };
    expect(manifest.skip.skippedSegments).toBe(4);
    expect(manifest.segments.filter(({ uri }) => uri !== undefined)).toHaveLength(6);
    expect(manifest.preloadSegment.parts).toHaveLength(2);
  });
});

describe('the end and latency normal', () => {
  const world = lowLatencyWorld(grid30, TRACKS);

  test('an ended playlist blocks nothing, hints nothing, reports nothing (RFC 8216bis 4.4.3.4, 4.4.5.3, 6.2.5.2)', () => {
    const ended = { ...world.withOpen(2), ended: true };
    for (const window of [FULL, DELTA]) {
      const text = textOf(ended, 'v720', window);
      expect(text.endsWith('#EXT-X-ENDLIST\n')).toBe(true);
      expect(text).not.toMatch(/PRELOAD|REPORT|SERVER-CONTROL|PART|SKIP/);
    }
  });

  test('without its tags of parts it is the playlist of latency normal', () => {
    const text = textOf(world.presentation).replace(/#EXT-X-(SERVER|PART|PRELOAD|RENDITION)[^\n]*\n/g, '');
    expect(text).toBe(renderMediaPlaylist(world.presentation, 'v720', FULL));
  });

  test('the text of a finished Segment is made once', () => {
    const first = textOf(world.withOpen(1));
    expect(textOf(world.withOpen(1))).toBe(first);
    const block = first.slice(first.indexOf(`${world.next - 3}.m4s`), first.lastIndexOf('#EXT-X-PROGRAM'));
    expect(textOf(world.withOpen(4))).toContain(block);
  });
});
