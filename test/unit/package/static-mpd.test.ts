// The MPD of a presentation that has ended: static, exact, and it offers nothing that was evicted.
import { XMLParser } from 'fast-xml-parser';
import { describe, expect, test } from 'vitest';
import { renderMpd } from '../../../src/package/dash/mpd.ts';
import { indexAt, makeGrid } from '../../../src/package/grid.ts';
import { Timeline } from '../../../src/package/timeline.ts';
import { fakeSlate, fakeTrack } from '../../fakes/media.ts';
import { deliver, fakeRun } from '../../fakes/run.ts';

const NOW = Date.parse('2026-11-21T18:00:00.900Z');
const TRACKS = ['v720', 'v360', 'a1'];
const MPD = { channel: 'match', timeShiftBufferMs: 60_000, publishMarginMs: 1000, targetLatencyMs: 4000 };
const p30 = makeGrid({ num: 30, den: 1 }, 2);
const ntsc = makeGrid({ num: 30_000, den: 1001 }, 2);
const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  isArray: (name) => ['Period', 'AdaptationSet', 'Representation'].includes(name),
});

function planOf(variant = '', grid = p30) {
  const tracks = TRACKS.map((id) => fakeTrack(id, grid, variant));
  return { grid, tracks, slate: fakeSlate(grid, tracks) };
}

function opened(grid = p30): Timeline {
  const timeline = new Timeline({
    incarnation: 'golden',
    windowMs: 120_000,
    retentionMs: 60_000,
    publishesParts: false,
    fillDelayMs: 800,
    patienceMs: 0,
    silenceMs: 0,
    tailMs: 6000,
    backfillMs: 12_000,
  });
  timeline.open(planOf('', grid), NOW);
  return timeline;
}

function endedAt(nowMs: number, timeline = opened()): Timeline {
  while (timeline.deadlineMs !== undefined && timeline.deadlineMs <= nowMs) timeline.advance(nowMs);
  timeline.end(nowMs);
  return timeline;
}

/** Another header from the edge on. */
function change(timeline: Timeline, nowMs: number): void {
  const plan = planOf(' other');
  const run = fakeRun('r1', () => plan, TRACKS);
  timeline.join(run);
  deliver(run, p30, indexAt(p30, timeline.edgeMs!), TRACKS);
  timeline.advance(nowMs);
}

interface Template {
  readonly timescale: string;
  readonly presentationTimeOffset: string;
  readonly duration: string;
  readonly startNumber: string;
}
interface Static {
  readonly [attribute: string]: unknown;
  readonly Period: readonly {
    readonly [attribute: string]: unknown;
    readonly AdaptationSet: readonly {
      readonly Representation: readonly { readonly id: string; readonly SegmentTemplate: Template }[];
    }[];
  }[];
}
const parsed = (text: string) => (parser.parse(text) as { MPD: Static }).MPD;
const mpdOf = (timeline: Timeline, settings = MPD) => parsed(renderMpd(timeline.presentation(), settings)!);

/** `TRACK/NUMBER` of everything that a static player can ask for (5.3.9.4, 5.3.9.5.3), up to the next Period or the end. */
function offered(mpd: Static): string[] {
  const seconds = (text: unknown) => Number(/^PT([\d.]+)S$/.exec(String(text))?.[1]);
  return mpd.Period.flatMap((period, i) => {
    const next = mpd.Period[i + 1];
    const endS = seconds(next === undefined ? mpd['mediaPresentationDuration'] : next['start']);
    const lastsS = endS - seconds(period['start']);
    return period.AdaptationSet.flatMap(({ Representation }) =>
      Representation.flatMap(({ id, SegmentTemplate: { timescale, duration, startNumber } }) => {
        const count = Math.ceil((lastsS * Number(timescale)) / Number(duration) - 1e-6);
        return Array.from({ length: count }, (_, k) => `${id}/${Number(startNumber) + k}`);
      }),
    );
  });
}

const listed = (timeline: Timeline, ms: number) => {
  const { segments } = timeline.presentation();
  return segments.filter(({ endMs }) => endMs > segments.at(-1)!.endMs - ms).map(({ number }) => number);
};

describe('an ended presentation', () => {
  test('golden', async () => {
    await expect(renderMpd(endedAt(NOW + 90_000).presentation(), MPD)).toMatchFileSnapshot(
      '../../golden/manifest-ended.mpd',
    );
  });

  test('5.3.1.2: is static, with nothing of a live one', () => {
    for (const hasParts of [false, true]) {
      const text = renderMpd(endedAt(NOW + 90_000).presentation(), { ...MPD, hasParts })!;
      expect(text).toContain('type="static"');
      expect(text).not.toMatch(
        /minimumUpdatePeriod|timeShiftBufferDepth|suggestedPresentationDelay|availability|UTCTiming|ServiceDescription|Latency|Resync|ProducerReferenceTime|low-latency/,
      );
    }
  });

  test.each([
    ['manifest.mpd', 60_000],
    ['dvr.mpd', 120_000],
  ])('%s offers every Segment of its window and nothing that was evicted', (_, timeShiftBufferMs) => {
    const timeline = endedAt(NOW + 600_000);
    const numbers = listed(timeline, timeShiftBufferMs);
    expect(numbers).toHaveLength(timeShiftBufferMs / 2000);
    expect(offered(mpdOf(timeline, { ...MPD, timeShiftBufferMs }))).toEqual(
      TRACKS.flatMap((track) => numbers.map((number) => `${track}/${number}`)),
    );
  });

  test('begins at 0 and lasts exactly as long as what is listed (DASH-IF: the first Period of a static presentation starts at 0)', () => {
    const mpd = mpdOf(endedAt(NOW + 600_000));
    expect([mpd.Period[0]!['start'], mpd['mediaPresentationDuration']]).toEqual(['PT0S', 'PT60S']);
  });

  test('at an NTSC rate, too', () => {
    const timeline = endedAt(NOW + 600_000, opened(ntsc));
    const numbers = listed(timeline, 60_000);
    expect(offered(mpdOf(timeline))).toEqual(TRACKS.flatMap((track) => numbers.map((number) => `${track}/${number}`)));
  });

  test('whose first Period is partly evicted: that one begins with its oldest Segment, the next where it was', () => {
    const timeline = opened();
    change(timeline, NOW + 1500);
    const endMs = timeline.edgeMs!;
    endedAt(endMs + 50_000, timeline);
    const mpd = mpdOf(timeline, { ...MPD, timeShiftBufferMs: 56_000 });
    expect(mpd.Period).toHaveLength(2);
    const numbers = listed(timeline, 56_000);
    expect(new Set(offered(mpd).map((name) => Number(name.split('/')[1])))).toEqual(new Set(numbers));
  });

  test('media times map to the Period as before: tfdt - presentationTimeOffset is the place in the Period', () => {
    const timeline = endedAt(NOW + 600_000);
    const [oldest] = listed(timeline, 60_000);
    const record = timeline.find(oldest!)!.tracks.get('v720')!;
    const { presentationTimeOffset, startNumber } =
      mpdOf(timeline).Period[0]!.AdaptationSet[0]!.Representation[0]!.SegmentTemplate;
    expect([Number(presentationTimeOffset), Number(startNumber)]).toEqual([record.startTicks, oldest]);
  });

  test('publishTime is the end (5.3.1.2), and the text never changes after it', () => {
    const timeline = endedAt(NOW + 90_000);
    const text = renderMpd(timeline.presentation(), MPD);
    expect(parsed(text!)['publishTime']).toBe(new Date(NOW + 90_000).toISOString());
    timeline.advance(NOW + 900_000);
    expect(renderMpd(timeline.presentation(), MPD)).toBe(text);
  });
});
