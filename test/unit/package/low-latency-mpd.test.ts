import { XMLParser } from 'fast-xml-parser';
import { parse as parseMpd } from 'mpd-parser';
import { describe, expect, test } from 'vitest';
import { periodRanges, promisedSegments } from '../../../src/check/mpd-segments.ts';
import { readMpd } from '../../../src/check/mpd-text.ts';
import { renderMpd } from '../../../src/package/dash/mpd.ts';
import { audioPartTicks, makeGrid, startMsOf } from '../../../src/package/grid.ts';
import { indexOf, type Presentation } from '../../../src/package/model.ts';
import { STANDARD_FRAME_RATES } from '../../../src/system/frame-rate.ts';
import { lowLatencyWorld } from '../../fakes/low-latency.ts';

const MARGIN_MS = 300;
const SETTINGS = {
  channel: 'match',
  timeShiftBufferMs: 60_000,
  publishMarginMs: MARGIN_MS,
  targetLatencyMs: 3000,
  hasParts: true,
};
const TRACKS = ['v720', 'v360', 'a1'];
const URL_OF_MPD = 'http://origin/live/match/manifest.mpd';
const grid30 = makeGrid({ num: 30, den: 1 }, 2);
const textOf = (presentation: Presentation) => renderMpd(presentation, SETTINGS) ?? '';
const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  isArray: (name) => ['Period', 'AdaptationSet', 'Representation'].includes(name),
});

interface Node {
  readonly [name: string]: string & Node & readonly Node[];
}
const mpdOf = (presentation: Presentation) => (parser.parse(textOf(presentation)) as { MPD: Node }).MPD;
const setsOf = (mpd: Node): readonly Node[] => mpd['Period']!.flatMap((period: Node) => [...period['AdaptationSet']!]);

test.each([
  ['25', makeGrid({ num: 25, den: 1 }, 2)],
  ['29.97', makeGrid({ num: 30_000, den: 1001 }, 2, 200)],
])('golden at %s', async (name, grid) => {
  const presentation = lowLatencyWorld(grid, TRACKS).withOpen(1);
  await expect(textOf(presentation)).toMatchFileSnapshot(`../../golden/low-latency-${name}.mpd`);
});

describe.each(
  STANDARD_FRAME_RATES.flatMap((rate) =>
    [400, 200].map((partMs) => [`${rate.num}/${rate.den}, ${partMs} ms`, makeGrid(rate, 2, partMs)] as const),
  ),
)('at %s', (_, grid) => {
  const world = lowLatencyWorld(grid, TRACKS);
  const partMs = grid.segmentMs / grid.partsPerSegment;
  const text = textOf(world.withOpen(1));

  test('availabilityTimeOffset is the Segment less one part, below its duration, and it is not complete (DASH-IF IOP 5 part 4)', () => {
    for (const set of setsOf(mpdOf(world.withOpen(1)))) {
      for (const representation of set['Representation'] ?? []) {
        const template = representation['SegmentTemplate']!;
        const offsetMs = Number(template['availabilityTimeOffset']) * 1000;
        expect(offsetMs).toBeLessThan(grid.segmentMs);
        expect(offsetMs).toBeLessThanOrEqual(grid.segmentMs - partMs + 1e-9);
        expect(offsetMs).toBeGreaterThan(grid.segmentMs - partMs - 1);
        expect(template['availabilityTimeComplete']).toBe('false');
      }
    }
  });

  test('no Segment is promised before its first part has ended and the margin has passed (ISO/IEC 23009-1 A.3.2)', () => {
    const reading = readMpd(text, URL_OF_MPD);
    if ('problem' in reading) throw new Error(reading.problem);
    const { mpd } = reading;
    const [range] = periodRanges(mpd);
    const startMs = startMsOf(grid, indexOf(world.period, world.next));
    const firstPartMs = startMs + partMs + MARGIN_MS;
    for (const representation of range!.period.sets.flatMap((set) => set.representations)) {
      const newest = (atMs: number) => promisedSegments(mpd, range!, representation, atMs, { newest: 1, oldest: 0 })[0];
      expect(newest(firstPartMs - 0.01)?.number).toBe(world.next - 1);
      expect(newest(firstPartMs + 1)?.number).toBe(world.next);
    }
  });

  test('ProducerReferenceTime maps media time to UTC, by the clock of the MPD (ISO/IEC 23009-1 5.12, DASH-IF IOP 5 part 4)', () => {
    const mpd = mpdOf(world.withOpen(1));
    for (const set of setsOf(mpd)) {
      const reference = set['ProducerReferenceTime']!;
      const template = set['Representation']![0]!['SegmentTemplate']!;
      expect(reference['UTCTiming']).toEqual(mpd['UTCTiming']);
      expect(reference['type']).toBe('encoder');
      expect(reference['presentationTime']).toBe(template['presentationTimeOffset']);
      const mediaMs = (Number(reference['presentationTime']) / Number(template['timescale'])) * 1000;
      expect(Math.abs(Date.parse(reference['wallClockTime']!) - mediaMs)).toBeLessThan(0.001);
    }
  });

  test('Resync says the longest chunk in the timescale of the set, and which chunks can be tuned in at (ISO/IEC 23009-1 5.3.13)', () => {
    const [video, audio] = setsOf(mpdOf(world.withOpen(1))).map((set) => set['Resync']);
    expect(video).toEqual({ type: '0', dT: String(grid.segmentTicks / grid.partsPerSegment) });
    expect(audio).toEqual({ type: '1', dT: String(audioPartTicks(grid)) });
  });
});

describe('the MPD of a Channel with parts', () => {
  const world = lowLatencyWorld(grid30, TRACKS);
  const mpd = mpdOf(world.withOpen(2));

  test('has the profile, a ServiceDescription with Latency@target and PlaybackRate, and no Latency@max (DASH-IF IOP 5 part 4)', () => {
    expect(mpd['profiles']!.split(',')).toContain('http://www.dashif.org/guidelines/low-latency-live-v5');
    const { Latency, PlaybackRate } = mpd['ServiceDescription']!;
    expect(PlaybackRate).toEqual({ min: '0.96', max: '1.04' });
    expect(Latency).toEqual({ referenceId: '1', target: '3000' });
    // Shaka would add it to Latency@target.
    expect(mpd['suggestedPresentationDelay']).toBeUndefined();
    expect(setsOf(mpd)[0]!['ProducerReferenceTime']!['id']).toBe('1');
  });

  test('Latency counts from the audio where there is no video; ids of ProducerReferenceTime are those of the sets', () => {
    const sound = mpdOf(lowLatencyWorld(grid30, ['a1']).withOpen(1));
    expect(sound['ServiceDescription']!['Latency']!['referenceId']).toBe('2');
    for (const set of [...setsOf(mpd), ...setsOf(sound)]) expect(set['ProducerReferenceTime']!['id']).toBe(set['id']);
  });

  test('elements stand in the order of the schema: ProducerReferenceTime, Resync, Role, Representation', () => {
    for (const set of setsOf(mpd)) {
      const children = Object.keys(set).filter((name) => /^[A-Z]/.test(name));
      expect(children).toEqual(['ProducerReferenceTime', 'Resync', 'Role', 'Representation']);
    }
  });

  test('minBufferTime is what the largest buffer of an encoder needs at @bandwidth (ISO/IEC 23009-1 5.3.5.4)', () => {
    const seconds = Number(/^PT([\d.]+)S$/.exec(mpd['minBufferTime']!)?.[1]);
    // Bits by t: maxrate t + buffer; received: bandwidth (t + minBufferTime), bandwidth = maxrate + buffer / 2 s.
    for (const buffer of [1, 2, 4]) expect((1 + buffer / 2) * seconds).toBeGreaterThanOrEqual(buffer);
    expect(seconds).toBeLessThan(2);
  });

  test('parts alone change nothing in it (ISO/IEC 23009-1 5.3.1.2: publishTime)', () => {
    const first = textOf(world.presentation);
    for (let n = 0; n <= 5; n++) expect(textOf(world.withOpen(n))).toBe(first);
    expect(textOf(world.later().withOpen(2))).toBe(first);
  });

  test('a Period is announced with its first part, contiguous with the one before', () => {
    const period = {
      ...world.period,
      id: 'other',
      gen: 'feedbeef00',
      ordinal: 2,
      startNumber: world.next,
      startIndex: indexOf(world.period, world.next),
    };
    const open = { ...world.withOpen(1, period), mpdChangedMs: 1_795_284_000_500 };
    const periods = mpdOf(open)['Period']! as readonly Node[];
    expect(periods.map((item) => item['id'])).toEqual([world.period.id, 'other']);
    const startS = startMsOf(grid30, period.startIndex) / 1000;
    expect(periods[1]!['start']).toBe(`PT${startS}S`);
    expect(mpdOf(open)['publishTime']).toBe(new Date(1_795_284_000_500).toISOString());
  });

  test('mpd-parser finds the Segments where the playlist has them', () => {
    const { presentation, period, next } = world;
    const NOW = presentation.segments.at(-1)!.endMs + MARGIN_MS;
    const parsed = parseMpd(textOf(presentation), { manifestUri: URL_OF_MPD, NOW });
    const uris = parsed.playlists[0]!.segments.map((segment) => segment.uri);
    expect(uris).toContain(`v720/${period.gen}/${next - 1}.m4s`);
  });

  test('without parts nothing of it is there', () => {
    const { hasParts: _, ...settings } = SETTINGS;
    const plain = renderMpd(world.presentation, settings);
    expect(plain).toBe(renderMpd(world.presentation, { ...settings, hasParts: false }));
    expect(plain).not.toMatch(/ProducerReference|Resync|availabilityTime|low-latency|referenceId/);
  });
});
