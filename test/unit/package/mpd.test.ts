import { XMLParser } from 'fast-xml-parser';
import { describe, expect, test } from 'vitest';
import { type MpdSettings, renderMpd } from '../../../src/package/dash/mpd.ts';
import { audioStart, type Grid, indexAt, makeGrid, startMsOf, videoStartTicks } from '../../../src/package/grid.ts';
import { Timeline } from '../../../src/package/timeline.ts';
import { STANDARD_FRAME_RATES } from '../../../src/system/frame-rate.ts';
import { fakeSlate, fakeTrack } from '../../fakes/media.ts';
import { deliver, fakeRun } from '../../fakes/run.ts';

const NOW = Date.parse('2026-11-21T18:00:00.900Z');
const SETTINGS = {
  incarnation: 'i',
  windowMs: 120_000,
  retentionMs: 60_000,
  publishesParts: false,
  fillDelayMs: 800,
  patienceMs: 0,
  silenceMs: 0,
  tailMs: 6000,
  backfillMs: 12_000,
};
const MPD: MpdSettings = { channel: 'match', timeShiftBufferMs: 60_000, publishMarginMs: 1000, targetLatencyMs: 4000 };
const TRACKS = ['v1', 'a1'];
const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  isArray: (name) => ['Period', 'AdaptationSet', 'Representation'].includes(name),
});

interface Template {
  readonly timescale: string;
  readonly presentationTimeOffset: string;
  readonly duration: string;
  readonly startNumber: string;
  readonly media: string;
  readonly initialization: string;
}
interface Parsed {
  readonly publishTime: string;
  readonly Period: readonly {
    readonly id: string;
    readonly start: string;
    readonly AdaptationSet: readonly {
      readonly contentType: string;
      readonly Representation: readonly { readonly id: string; readonly SegmentTemplate: Template }[];
    }[];
  }[];
  readonly [attribute: string]: unknown;
}

function planOf(grid: Grid, variant = '', ids = TRACKS) {
  const tracks = ids.map((id) => fakeTrack(id, grid, variant));
  return { grid, tracks, slate: fakeSlate(grid, tracks) };
}

function opened(grid: Grid): Timeline {
  const timeline = new Timeline(SETTINGS);
  timeline.open(planOf(grid), NOW);
  return timeline;
}

function change(timeline: Timeline, grid: Grid, nowMs: number, variant = ' other'): void {
  const plan = planOf(grid, variant);
  const run = fakeRun(`r${nowMs}`, () => plan, TRACKS);
  timeline.join(run);
  deliver(run, grid, indexAt(grid, timeline.edgeMs!), TRACKS);
  timeline.advance(nowMs);
}

function mpdOf(timeline: Timeline, settings = MPD): Parsed {
  return (parser.parse(renderMpd(timeline.presentation(), settings)!) as { MPD: Parsed }).MPD;
}

const seconds = (text: string) => Number(/^PT([\d.]+)S$/.exec(text)?.[1]);

describe.each(STANDARD_FRAME_RATES.map((rate) => [`${rate.num}/${rate.den}`, rate] as const))('at %s', (_, rate) => {
  const grid = makeGrid(rate, 2);
  const timeline = opened(grid);
  const mpd = mpdOf(timeline);

  test('durations are exact to the ms (ISO/IEC 23009-1 5.3.1.2)', () => {
    const segmentSeconds = grid.segmentMs / 1000;
    expect(mpd['type']).toBe('dynamic');
    expect(seconds(String(mpd['minimumUpdatePeriod']))).toBe(Math.max(2, segmentSeconds));
    expect(mpd['timeShiftBufferDepth']).toBe('PT60S');
    expect(mpd['suggestedPresentationDelay']).toBe('PT4S');
    // Shaka would add a Latency@target to it.
    expect(mpd['ServiceDescription' as keyof Parsed]).toBeUndefined();
    expect(seconds(String(mpd['minBufferTime']))).toBe(segmentSeconds);
    expect(mpd['availabilityStartTime']).toBe('1970-01-01T00:00:01.000Z');
    expect(mpd['mediaPresentationDuration']).toBeUndefined();
  });

  test('no Segment is longer than maxSegmentDuration', () => {
    const most = seconds(String(mpd['maxSegmentDuration']));
    for (const { tracks } of timeline.presentation().segments)
      for (const record of tracks.values()) expect(record.durationTicks / record.timescale).toBeLessThanOrEqual(most);
  });

  test('5.3.9.4: the number of any media time is the number of its Segment, in every Track', () => {
    const [period] = mpd.Period;
    for (const set of period!.AdaptationSet) {
      const template = set.Representation[0]!.SegmentTemplate;
      const [timescale, offset, duration, startNumber] = [
        template.timescale,
        template.presentationTimeOffset,
        template.duration,
        template.startNumber,
      ].map(Number) as [number, number, number, number];
      expect(offset / timescale).toBe(seconds(period!.start));
      expect(duration / timescale).toBe(grid.segmentMs / 1000);
      for (const { number, tracks } of timeline.presentation().segments) {
        const record = tracks.get(set.Representation[0]!.id)!;
        const middle = record.startTicks + record.durationTicks / 2;
        expect(startNumber + Math.floor((middle - offset) / duration)).toBe(number);
      }
    }
  });
});

describe('the MPD', () => {
  const p30 = makeGrid({ num: 30, den: 1 }, 2);
  const p25 = makeGrid({ num: 25, den: 1 }, 2);

  test('presentationTimeOffset maps the absolute times of the media to the Period', () => {
    const timeline = opened(p30);
    const { startIndex } = timeline.period!;
    const [video, audio] = mpdOf(timeline).Period[0]!.AdaptationSet.map(
      (set) => set.Representation[0]!.SegmentTemplate,
    );
    expect(Number(video!.presentationTimeOffset)).toBe(videoStartTicks(p30, startIndex));
    const first = Number(audio!.presentationTimeOffset);
    expect(audioStart(p30, startIndex) - first).toBeGreaterThanOrEqual(0);
    expect(audioStart(p30, startIndex) - first).toBeLessThan(1024);
  });

  test('short Segments do not make players ask oftener than every 2 s', () => {
    expect(mpdOf(opened(makeGrid({ num: 30, den: 1 }, 1)))['minimumUpdatePeriod']).toBe('PT2S');
    expect(mpdOf(opened(makeGrid({ num: 30, den: 1 }, 4)))['minimumUpdatePeriod']).toBe('PT4S');
  });

  test('URLs name Track, GEN and number, the header by its hash, relative to the MPD', () => {
    const timeline = opened(p30);
    const { gen, tracks } = timeline.period!;
    const { media, initialization } = mpdOf(timeline).Period[0]!.AdaptationSet[0]!.Representation[0]!.SegmentTemplate;
    expect(media).toBe(`$RepresentationID$/${gen}/$Number$.m4s`);
    expect(initialization).toBe(`$RepresentationID$/${gen}/init-${tracks[0]!.initHash}.mp4`);
  });

  test('another Grid: the Period starts where the one before it ends, its numbers go on', () => {
    const timeline = opened(p30);
    change(timeline, p25, NOW + 1500);
    const [before, after] = mpdOf(timeline).Period;
    const changed = timeline.presentation().segments.at(-1)!;
    expect(seconds(after!.start)).toBe(startMsOf(p25, changed.period.startIndex) / 1000);
    expect(Number(after!.AdaptationSet[0]!.Representation[0]!.SegmentTemplate.startNumber)).toBe(changed.number);
    expect(before!.id).not.toBe(after!.id);
  });

  test('a Period leaves when it is wholly out of depth and update period, not a Segment earlier or later', () => {
    const timeline = opened(p30);
    change(timeline, p30, NOW + 1500);
    const endMs = startMsOf(p30, timeline.period!.startIndex);
    const advanceTo = (edgeMs: number) => {
      while (timeline.edgeMs! < edgeMs) timeline.advance(timeline.deadlineMs!);
    };
    advanceTo(endMs + 60_000);
    expect(mpdOf(timeline).Period).toHaveLength(2);
    advanceTo(endMs + 62_000);
    expect(mpdOf(timeline).Period).toHaveLength(1);
  });

  test('the first audio Track is the main one, the others are alternates', () => {
    const ids = ['v1', 'a1', 'a2'];
    const timeline = new Timeline(SETTINGS);
    timeline.open(planOf(p30, '', ids), NOW);
    const text = renderMpd(timeline.presentation(), MPD)!;
    expect([...text.matchAll(/<Role [^>]*value="(\w+)"/g)].map(([, value]) => value)).toEqual([
      'main',
      'main',
      'alternate',
    ]);
    expect([...text.matchAll(/<AdaptationSet id="(\d+)"/g)].map(([, id]) => id)).toEqual(['1', '2', '3']);
  });

  test('a channel id with special characters does not break it', () => {
    const text = renderMpd(opened(p30).presentation(), { ...MPD, channel: 'a"<b>&' })!;
    expect(text).toContain('id="a&quot;&lt;b&gt;&amp;"');
  });

  test('publishTime rises with every change of the text and with nothing else (ISO/IEC 23009-1 5.3.1.2)', () => {
    const timeline = opened(p30);
    const content = (text: string) => text.replace(/ publishTime="[^"]*"/, '');
    let before = renderMpd(timeline.presentation(), MPD)!;
    let changes = 0;
    for (let nowMs = NOW; nowMs < NOW + 150_000; nowMs += 500) {
      if ([3000, 20_000, 63_500, 64_000].includes(nowMs - NOW)) change(timeline, p30, nowMs, ` ${nowMs}`);
      else timeline.advance(nowMs);
      const text = renderMpd(timeline.presentation(), MPD)!;
      const [was, is] = [before, text].map((of) => Date.parse(/publishTime="([^"]*)"/.exec(of)![1]!)) as [
        number,
        number,
      ];
      if (content(text) === content(before)) expect(is).toBe(was);
      else expect(is, `at ${nowMs - NOW} ms`).toBeGreaterThan(was);
      expect(is).toBeLessThanOrEqual(nowMs);
      changes += content(text) === content(before) ? 0 : 1;
      before = text;
    }
    // Four Periods come and go with their slate, the last of them stays.
    expect(changes).toBeGreaterThanOrEqual(6);
  });
});
