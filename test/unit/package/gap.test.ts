// whenAbsent: gap. An index that passes without media is a gap in real time, declared by nothing else; what was begun is finished with slate.
import HLS from 'hls-parser';
import { describe, expect, test } from 'vitest';
import { boxAt } from '../../../src/check/boxes.ts';
import { readSegmentFacts } from '../../../src/check/media-facts.ts';
import { renderMpd } from '../../../src/package/dash/mpd.ts';
import { gapSegment } from '../../../src/package/gap.ts';
import { audioStart, type Grid, makeGrid, partStartMs, startMsOf, videoStartTicks } from '../../../src/package/grid.ts';
import { renderLowLatencyPlaylist } from '../../../src/package/hls/low-latency-playlist.ts';
import { renderMediaPlaylist } from '../../../src/package/hls/media-playlist.ts';
import type { PeriodPlan } from '../../../src/package/period-plan.ts';
import { Timeline } from '../../../src/package/timeline.ts';
import type { TimelineEvent } from '../../../src/package/timeline-event.ts';
import { fakeSlate, fakeTrack } from '../../fakes/media.ts';
import { deliver, deliverPart, fakeRun } from '../../fakes/run.ts';

/** A Segment of 2.000 s ended half a second ago. */
const NOW = 1_795_291_200_500;
const p30 = makeGrid({ num: 30, den: 1 }, 2);
const TRACKS = ['v720', 'v360', 'a1'];
const PARTS = [0, 1, 2, 3, 4];
const WINDOW = { listedMs: 60_000, isDelta: false };

function opened(publishesParts: boolean, whenAbsent: 'slate' | 'gap' = 'gap', slateVariant = '') {
  const tracks = TRACKS.map((id) => fakeTrack(id, p30));
  const plan: PeriodPlan = { grid: p30, tracks, slate: fakeSlate(p30, tracks, true) };
  const other = TRACKS.map((id) => fakeTrack(id, p30, slateVariant));
  const timeline = new Timeline({
    incarnation: 'golden',
    windowMs: 120_000,
    retentionMs: 60_000,
    publishesParts,
    fillDelayMs: publishesParts ? 500 : 800,
    patienceMs: 2000,
    silenceMs: 400,
    tailMs: 6000,
    backfillMs: 8000,
    whenAbsent,
  });
  timeline.open({ ...plan, tracks: other, slate: fakeSlate(p30, other, true) }, NOW);
  const run = fakeRun('r1', () => ({ ...plan, slate: fakeSlate(p30, other, true) }), TRACKS);
  timeline.join(run);
  return { timeline, run, plan };
}

const edgeOf = (timeline: Timeline) => timeline.nextNumber!;
const endMs = (number: number, grid: Grid = p30) => startMsOf(grid, number + 1);

/** One Segment of the publisher's, then nothing. */
function livedOnce(publishesParts: boolean, whenAbsent: 'slate' | 'gap' = 'gap', slateVariant = '') {
  const world = opened(publishesParts, whenAbsent, slateVariant);
  const number = edgeOf(world.timeline);
  // With a slate of other headers nothing could finish a Segment: none is begun before it is whole.
  if (publishesParts && slateVariant === '')
    for (const part of PARTS) deliverPart(world.run, p30, number, part, TRACKS);
  else deliver(world.run, p30, number, TRACKS);
  world.timeline.advance(endMs(number));
  expect(world.timeline.find(number)?.source).toBe('live');
  return { ...world, next: number + 1 };
}

const committed = (events: readonly TimelineEvent[]) =>
  events.flatMap((event) => (event.kind === 'committed' ? [`${event.segment.number} ${event.segment.source}`] : []));

describe('the bytes of a gap (ISO/IEC 14496-12 8.8.8)', () => {
  test.each(['v720', 'a1'])(
    'of %s: one moof whose trun has no samples, an empty mdat, tfdt at the begin of its index',
    (id) => {
      const track = fakeTrack(id, p30);
      const gap = gapSegment(p30, track, 897_000_003);
      const { bytes } = gap.parts[0]!;
      const facts = readSegmentFacts(bytes, undefined);
      const startTicks = id === 'a1' ? audioStart(p30, 897_000_003) : videoStartTicks(p30, 897_000_003);
      expect(facts).toMatchObject({ fragments: 1, mostTrafs: 1, missingTfdt: 0, notMoofRelative: 0 });
      expect(facts.runs).toEqual([expect.objectContaining({ trackId: 1, startTicks, samples: 0, durationTicks: 0 })]);
      expect(boxAt(bytes, 'mdat')?.body.length).toBe(0);
      expect(gap).toMatchObject({ source: 'gap', startTicks });
    },
  );
});

describe.each([false, true])('an index without media, parts published: %s', (publishesParts) => {
  test('is a gap when it is over, not before, and no parts are published of it', () => {
    const { timeline, next } = livedOnce(publishesParts);
    const dueMs = endMs(next) + (publishesParts ? 500 : 800);
    expect(timeline.deadlineMs).toBe(dueMs);
    expect(timeline.advance(dueMs - 1)).toEqual([]);
    const events = timeline.advance(dueMs);
    expect(committed(events)).toEqual([`${next} gap`]);
    expect(events.map(({ kind }) => kind)).toEqual(['segment', 'segment', 'segment', 'committed']);
    for (const record of timeline.find(next)!.tracks.values())
      expect(record).toMatchObject({ source: 'gap', parts: [] });
    expect(timeline.presentation().open).toBeUndefined();
  });

  test('is slate until a publisher was on air: a player that is opened early starts', () => {
    const { timeline } = opened(publishesParts);
    const next = edgeOf(timeline);
    expect(committed(timeline.advance(endMs(next) + 800))).toEqual([`${next} slate`]);
  });

  test('is slate again in the presentation that follows an end', () => {
    const { timeline, plan, next } = livedOnce(publishesParts);
    const nowMs = endMs(next) + 800;
    timeline.advance(nowMs);
    timeline.end(nowMs);
    timeline.open({ ...plan, slate: plan.slate! }, nowMs + 60_000);
    const first = edgeOf(timeline);
    expect(committed(timeline.advance(endMs(first) + 800))).toEqual([`${first} slate`]);
  });

  test('is slate where that is wanted', () => {
    const { timeline, next } = livedOnce(publishesParts, 'slate');
    expect(committed(timeline.advance(endMs(next) + 800))).toEqual([`${next} slate`]);
  });

  test('changes no Period, also where slate would have another CMAF header', () => {
    const { timeline, next } = livedOnce(publishesParts, 'gap', ' slate');
    const { id } = timeline.period!;
    expect(committed(timeline.advance(endMs(next) + 2400))).toEqual([`${next} gap`]);
    expect(timeline.period!.id).toBe(id);
  });

  test('is followed by live media at the index after it, under the same Period', () => {
    const { timeline, run, next } = livedOnce(publishesParts);
    timeline.advance(endMs(next) + 800);
    if (publishesParts) for (const part of PARTS) deliverPart(run, p30, next + 1, part, TRACKS);
    else deliver(run, p30, next + 1, TRACKS);
    const events = timeline.advance(endMs(next) + 900);
    expect(committed(events)).toEqual([`${next + 1} live`]);
    expect(events.some(({ kind }) => kind === 'period')).toBe(false);
  });
});

describe('what was begun', () => {
  test('is finished with slate, part by part; the index after it is the gap', () => {
    const { timeline, run, next } = livedOnce(true);
    deliverPart(run, p30, next, 0, TRACKS);
    timeline.advance(endMs(next - 1));
    const events = timeline.advance(endMs(next) + 500);
    expect(events.filter(({ kind }) => kind === 'part')).toHaveLength(4 * TRACKS.length);
    expect(committed(events)).toEqual([`${next} live`]);
    expect(committed(timeline.advance(endMs(next + 1) + 500))).toEqual([`${next + 1} gap`]);
  });

  test('in one Track alone is finished with slate in the others', () => {
    const { timeline, run, next } = livedOnce(false);
    deliver(run, p30, next, ['a1']);
    timeline.advance(endMs(next) + 800);
    const { tracks, source } = timeline.find(next)!;
    expect([...tracks].map(([id, record]) => [id, record.source])).toEqual([
      ['v720', 'slate'],
      ['v360', 'slate'],
      ['a1', 'live'],
    ]);
    expect(source).toBe('slate');
  });

  test('is waited for no longer than a held DASH request is: the patience counts from its first part', () => {
    const { timeline, next } = livedOnce(true);
    timeline.heard(endMs(next) + 10_000);
    expect(timeline.deadlineMs).toBe(endMs(next) + 500);
    expect(partStartMs(p30, next, 1) + 2000).toBeLessThan(endMs(next) + 500);
  });
});

/** Live, two gaps, live. */
function withHole(publishesParts: boolean) {
  const { timeline, run, next } = livedOnce(publishesParts);
  timeline.advance(endMs(next + 1) + 800);
  for (const number of [next + 2, next + 3]) {
    if (publishesParts) for (const part of PARTS) deliverPart(run, p30, number, part, TRACKS);
    else deliver(run, p30, number, TRACKS);
    timeline.advance(endMs(number));
  }
  return { timeline, next };
}

describe('HLS', () => {
  test.each([
    ['media-gap', false],
    ['low-latency-gap', true],
  ])('%s.m3u8', async (name, publishesParts) => {
    const { timeline } = withHole(publishesParts);
    const presentation = timeline.presentation();
    const text = publishesParts
      ? renderLowLatencyPlaylist(presentation, 'v720', WINDOW)!
      : renderMediaPlaylist(presentation, 'v720', WINDOW)!;
    await expect(text).toMatchFileSnapshot(`../../golden/${name}.m3u8`);
  });

  test.each([false, true])(
    'RFC 8216bis 4.4.4.7: EXT-X-GAP once for each, EXTINF as ever, no EXT-X-DISCONTINUITY, parts: %s',
    (parts) => {
      const { timeline, next } = withHole(parts);
      const presentation = timeline.presentation();
      for (const track of TRACKS) {
        const text = parts
          ? renderLowLatencyPlaylist(presentation, track, WINDOW)!
          : renderMediaPlaylist(presentation, track, WINDOW)!;
        const { segments } = HLS.parse(text) as InstanceType<typeof HLS.types.MediaPlaylist>;
        const gaps = segments.filter(({ gap }) => gap).map(({ mediaSequenceNumber }) => mediaSequenceNumber);
        expect(gaps).toEqual([next, next + 1]);
        expect(text).not.toContain('#EXT-X-DISCONTINUITY\n');
        for (const { duration } of segments.filter(({ uri }) => uri)) expect(Math.abs(duration - 2)).toBeLessThan(0.03);
      }
    },
  );

  test.each([false, true])(
    'EXT-X-VERSION is 8 while a gap is listed, and 6 else (RFC 8216bis 6.2.1), parts: %s',
    (parts) => {
      const { timeline } = withHole(parts);
      const textOf = (listedMs: number) =>
        parts
          ? renderLowLatencyPlaylist(timeline.presentation(), 'v720', { listedMs, isDelta: false })
          : renderMediaPlaylist(timeline.presentation(), 'v720', { listedMs });
      expect(textOf(6000)).toContain('#EXT-X-VERSION:8\n');
      expect(textOf(4000)).toContain('#EXT-X-VERSION:6\n');
    },
  );
});

test('DASH: the MPD says nothing of a gap', () => {
  const settings = { channel: 'match', timeShiftBufferMs: 60_000, publishMarginMs: 1000, targetLatencyMs: 4000 };
  const { timeline, next } = livedOnce(false);
  const before = renderMpd(timeline.presentation(), settings);
  timeline.advance(endMs(next + 1) + 800);
  expect(timeline.find(next + 1)?.source).toBe('gap');
  expect(renderMpd(timeline.presentation(), settings)).toBe(before);
});
