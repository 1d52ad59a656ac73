import HLS from 'hls-parser';
import { Parser } from 'm3u8-parser';
import { parse as parseMpd } from 'mpd-parser';
import { describe, expect, test } from 'vitest';
import { renderMpd } from '../../../src/package/dash/mpd.ts';
import { indexAt, makeGrid } from '../../../src/package/grid.ts';
import { mediaLines, renderMediaPlaylist } from '../../../src/package/hls/media-playlist.ts';
import { renderMultivariantPlaylist } from '../../../src/package/hls/multivariant-playlist.ts';
import { wholePlaylistText } from '../../../src/package/hls/playlist-text.ts';
import { Timeline } from '../../../src/package/timeline.ts';
import { STANDARD_FRAME_RATES } from '../../../src/system/frame-rate.ts';
import { fakeSlate, fakeTrack } from '../../fakes/media.ts';
import { deliver, fakeRun } from '../../fakes/run.ts';

const NOW = Date.parse('2026-11-21T18:00:00.900Z');
const SETTINGS = {
  incarnation: 'golden',
  windowMs: 120_000,
  retentionMs: 60_000,
  publishesParts: false,
  fillDelayMs: 800,
  patienceMs: 0,
  silenceMs: 0,
  tailMs: 6000,
  backfillMs: 12_000,
};
const MPD = {
  channel: 'match',
  timeShiftBufferMs: 60_000,
  publishMarginMs: 1000,
  targetLatencyMs: 4000,
};
const TRACKS = ['v720', 'v360', 'a1'];

function planOf(rate = { num: 30, den: 1 }, variant = '', trackIds = TRACKS) {
  const grid = makeGrid(rate, 2);
  const tracks = trackIds.map((id) => fakeTrack(id, grid, variant));
  return { grid, tracks, slate: fakeSlate(grid, tracks) };
}

function timelineOf(rate?: { num: number; den: number }, trackIds = TRACKS): Timeline {
  const timeline = new Timeline(SETTINGS);
  timeline.open(planOf(rate, '', trackIds), NOW);
  return timeline;
}

/** Six slate Segments, then two of a run with other headers. */
function twoPeriods(): Timeline {
  const timeline = timelineOf();
  const other = planOf(undefined, ' other');
  const run = fakeRun('r1', () => other, TRACKS);
  timeline.join(run);
  for (const step of [1, 2]) {
    deliver(run, other.grid, indexAt(other.grid, timeline.edgeMs!), TRACKS);
    timeline.advance(NOW + step * 2000);
  }
  return timeline;
}

describe('goldens', () => {
  test.each(STANDARD_FRAME_RATES.map((rate) => [`${rate.num}-${rate.den}`, rate] as const))(
    'media playlists at %s',
    async (name, rate) => {
      const presentation = timelineOf(rate).presentation();
      const text = ['v720', 'a1']
        .map((track) => renderMediaPlaylist(presentation, track, { listedMs: 60_000 }))
        .join('\n');
      await expect(text).toMatchFileSnapshot(`../../golden/media-${name}.m3u8`);
    },
  );

  test.each(STANDARD_FRAME_RATES.map((rate) => [`${rate.num}-${rate.den}`, rate] as const))(
    'MPD at %s',
    async (name, rate) => {
      await expect(renderMpd(timelineOf(rate).presentation(), MPD)).toMatchFileSnapshot(
        `../../golden/manifest-${name}.mpd`,
      );
    },
  );

  test('two Periods', async () => {
    const presentation = twoPeriods().presentation();
    await expect(renderMpd(presentation, MPD)).toMatchFileSnapshot('../../golden/manifest-two-periods.mpd');
    await expect(renderMediaPlaylist(presentation, 'v720', { listedMs: 60_000 })).toMatchFileSnapshot(
      '../../golden/media-two-periods.m3u8',
    );
  });

  test('multivariant playlists: with audio, without, audio alone', async () => {
    const text = [TRACKS, ['v720', 'v360'], ['a1']].map((ids) =>
      renderMultivariantPlaylist(timelineOf(undefined, ids).period!.tracks, 'media.m3u8'),
    );
    await expect(text.join('\n')).toMatchFileSnapshot('../../golden/multivariant.m3u8');
  });
});

describe('HLS', () => {
  test('rendered Segment by Segment equals the whole rendered at once by hls-parser', () => {
    const presentation = twoPeriods().presentation();
    for (const track of TRACKS) {
      const first = presentation.segments[0]!;
      const header = {
        targetDuration: 2,
        mediaSequence: first.number,
        discontinuitySequence: first.period.ordinal,
      };
      const window = { listedMs: Number.POSITIVE_INFINITY };
      expect(renderMediaPlaylist(presentation, track, window)).toBe(
        wholePlaylistText(header, mediaLines(presentation, track, window)),
      );
    }
  });

  test('kept blocks of a long window give the same text as line by line', () => {
    const timeline = new Timeline({
      ...SETTINGS,
      windowMs: 3_600_000,
      backfillMs: 1_200_000,
    });
    timeline.open(planOf(), NOW);
    const all = { listedMs: Number.POSITIVE_INFINITY };
    const first = renderMediaPlaylist(timeline.presentation(), 'v720', all)!;
    timeline.advance(NOW + 300_000);
    const second = renderMediaPlaylist(timeline.presentation(), 'v720', all)!;
    const lines = mediaLines(timeline.presentation(), 'v720', all);
    const head = timeline.presentation().segments[0]!;
    expect(second).toBe(
      wholePlaylistText(
        {
          targetDuration: 2,
          mediaSequence: head.number,
          discontinuitySequence: 1,
        },
        lines,
      ),
    );
    expect(second.startsWith(first.trimEnd())).toBe(true);
  });

  test('hls-parser in strict mode and m3u8-parser read it back alike', () => {
    const presentation = twoPeriods().presentation();
    const text = renderMediaPlaylist(presentation, 'v720', {
      listedMs: 60_000,
    })!;
    const parsed = HLS.parse(text) as InstanceType<typeof HLS.types.MediaPlaylist>;
    const other = new Parser();
    other.push(text);
    other.end();
    expect(parsed.segments.map((segment) => segment.mediaSequenceNumber)).toEqual(
      presentation.segments.map((segment) => segment.number),
    );
    expect(other.manifest.segments.map((segment) => segment.uri)).toEqual(
      parsed.segments.map((segment) => segment.uri),
    );
    expect(other.manifest.discontinuityStarts).toEqual([6]);
    expect(other.manifest.targetDuration).toBe(2);
  });

  test('EXT-X-DISCONTINUITY-SEQUENCE counts the tags that have left the list (RFC 8216bis 4.4.3.3)', () => {
    const timeline = twoPeriods();
    const before = renderMediaPlaylist(timeline.presentation(), 'v720', {
      listedMs: 60_000,
    })!;
    const after = renderMediaPlaylist(timeline.presentation(), 'v720', {
      listedMs: 4000,
    })!;
    expect(before).toContain('#EXT-X-DISCONTINUITY-SEQUENCE:1\n');
    expect(before).toContain('#EXT-X-DISCONTINUITY\n');
    expect(after).toContain('#EXT-X-DISCONTINUITY-SEQUENCE:2\n');
    expect(after).not.toContain('#EXT-X-DISCONTINUITY\n');
    expect(after).toContain('#EXT-X-MAP');
  });

  test('EXT-X-TARGETDURATION is the same in all playlists and no EXTINF rounds above it (RFC 8216bis 4.4.3.1)', () => {
    for (const rate of STANDARD_FRAME_RATES) {
      const presentation = timelineOf(rate).presentation();
      for (const track of TRACKS) {
        const text = renderMediaPlaylist(presentation, track, {
          listedMs: 60_000,
        })!;
        expect(text).toContain('#EXT-X-TARGETDURATION:2\n');
        for (const [, duration] of text.matchAll(/#EXTINF:([\d.]+)/g))
          expect(Math.round(Number(duration))).toBeLessThanOrEqual(2);
      }
    }
  });

  test('an unknown Track has no playlist', () => {
    expect(
      renderMediaPlaylist(timelineOf().presentation(), 'v9', {
        listedMs: 60_000,
      }),
    ).toBeUndefined();
  });
});

describe('DASH', () => {
  test('mpd-parser finds the Segments where the playlist has them', () => {
    const presentation = timelineOf().presentation();
    const newest = presentation.segments.at(-1)!;
    const text = renderMpd(presentation, MPD)!;
    const parsed = parseMpd(text, {
      manifestUri: 'http://origin/live/match/manifest.mpd',
      NOW: newest.endMs + MPD.publishMarginMs,
    });
    const uris = parsed.playlists[0]!.segments.map((segment) => segment.uri);
    expect(uris.at(-1)).toBe(`v720/${newest.period.gen}/${newest.number}.m4s`);
    expect(uris).toHaveLength(presentation.segments.length);
  });

  test('the text changes only with a Period (ISO/IEC 23009-1 5.3.1.2: publishTime)', () => {
    const timeline = timelineOf();
    const before = renderMpd(timeline.presentation(), MPD);
    timeline.advance(NOW + 6000);
    expect(renderMpd(timeline.presentation(), MPD)).toBe(before);
    expect(renderMpd(twoPeriods().presentation(), MPD)).not.toBe(before);
  });

  test('Periods are contiguous, none has a duration and the first leaves only when wholly out of depth and update period', () => {
    const timeline = twoPeriods();
    const starts = [...renderMpd(timeline.presentation(), MPD)!.matchAll(/<Period [^>]*start="PT([\d.]+)S"/g)].map(
      (m) => Number(m[1]),
    );
    const changed = timeline.presentation().segments.find((segment) => segment.period.ordinal === 2)!;
    expect(starts[1]).toBe((changed.endMs - 2000) / 1000);
    expect(renderMpd(timeline.presentation(), MPD)).not.toContain('duration="PT');
    timeline.advance(changed.endMs + 59_000);
    expect(renderMpd(timeline.presentation(), MPD)!.match(/<Period /g)).toHaveLength(2);
    timeline.advance(changed.endMs + 65_000);
    expect(renderMpd(timeline.presentation(), MPD)!.match(/<Period /g)).toHaveLength(1);
  });

  test('before the first Segment there is no MPD', () => {
    expect(renderMpd(new Timeline(SETTINGS).presentation(), MPD)).toBeUndefined();
  });
});
