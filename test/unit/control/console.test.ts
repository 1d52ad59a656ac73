/** The console's pure modules: routes, figures, the time line, the scale of charts, histories. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  HEIGHT,
  highestSum,
  linePath,
  nearestTo,
  placesOf,
  stackPaths,
  topOf,
  WIDTH,
} from '../../../src/control/page/chart-scale.js';
import { ageText, bitrateText, countText, durationText, speedText } from '../../../src/control/page/formats.js';
import { Happenings } from '../../../src/control/page/happenings.js';
import { healthOf } from '../../../src/control/page/header.js';
import { FigureHistory, HISTORY_MS, LatencyHistory } from '../../../src/control/page/history.js';
import { rowOf } from '../../../src/control/page/ladder-table.js';
import { hashOf, routeOf } from '../../../src/control/page/route.js';
import { ServiceClock } from '../../../src/control/page/service-clock.js';
import { bandsOf, marksOf, sharesOf, TIME_LINE_MS, withEntries } from '../../../src/control/page/time-line.js';
import { airStateOf, airSummary, gravityOf, stateWords } from '../../../src/control/page/words.js';
import { channelStatus } from '../../fakes/control-directory.ts';

describe('an address', () => {
  test.each([
    ['', { view: 'overview' }],
    ['#/', { view: 'overview' }],
    ['#', { view: 'overview' }],
    ['#match', { view: 'channel', id: 'match' }],
    ['#/match', { view: 'channel', id: 'match' }],
    ['#/match/', { view: 'channel', id: 'match' }],
    ['#%zz', { view: 'channel', id: '%zz' }],
  ])('%s means %o', (hash, route) => {
    expect(routeOf(hash)).toEqual(route);
  });

  test('of a channel leads to it', () => {
    expect(routeOf(hashOf({ view: 'channel', id: 'pitch-2' }))).toEqual({ view: 'channel', id: 'pitch-2' });
    expect(routeOf(hashOf({ view: 'overview' }))).toEqual({ view: 'overview' });
  });
});

describe('figures for people', () => {
  test.each([
    [bitrateText(64_000), '64 kbps'],
    [bitrateText(2_800_000), '2.8 Mbps'],
    [bitrateText(44_500_000_000), '44.5 Gbps'],
    [durationText(59_400), '59 s'],
    [durationText(61_000), '1 min 1 s'],
    [durationText(3_600_000), '1 h 0 min'],
    [durationText(90_000_000), '1 d 1 h'],
    [durationText(-5), '0 s'],
    [ageText(undefined), '–'],
    [ageText(1234), '1.2 s'],
    [ageText(-40), '0.0 s'],
    [ageText(61_000), '1 min 1 s'],
    [countText(0), '0'],
    [countText(1.25), '1.3'],
    [countText(99.6), '100'],
    [countText(12_345), '12.3 k'],
    [countText(3_250_000), '3.3 M'],
    [speedText(undefined), '–'],
    [speedText(0.987), '0.99×'],
  ])('%s is %s', (text, expected) => {
    expect(text).toBe(expected);
  });

  test('what is on air is stale when it should be fresh, and the state is named where it says more', () => {
    expect(airStateOf({ fresh: false, onAir: 'live' })).toBe('stale');
    expect(airStateOf({ fresh: false, onAir: 'starting' })).toBe('starting');
    expect(airSummary([channelStatus(), channelStatus(), channelStatus({ onAir: 'slate' })])).toBe('2 live, 1 slate');
    expect(stateWords({ state: 'recovering', onAir: 'slate' })).toBe('recovering');
    expect(stateWords({ state: 'live', onAir: 'live' })).toBe('');
  });
});

const NOW = 1_790_000_000_000;
const BEGIN = NOW - TIME_LINE_MS;
const change = (atMs: number, from: string, to: string) => ({ kind: 'state' as const, atMs, from, to });
const fault = (atMs: number, code: string) => ({ kind: 'fault' as const, atMs, code, text: `${code} at ${atMs}` });

describe('the time line', () => {
  test('is one band where nothing changed, from when it is known', () => {
    const half = NOW - TIME_LINE_MS / 2;
    expect(bandsOf([], { nowMs: NOW, knownFromMs: half, state: 'live' })).toEqual([
      { state: 'live', fromMs: half, toMs: NOW, left: 0.5, width: 0.5 },
    ]);
    expect(bandsOf([], { nowMs: NOW, knownFromMs: half, state: undefined })).toEqual([]);
  });

  test('begins with the state before its first change, and the last band ends now', () => {
    const entries = [change(BEGIN - 5000, 'opening', 'slate'), change(BEGIN + 90_000, 'slate', 'live')];
    const bands = bandsOf(entries, { nowMs: NOW, knownFromMs: BEGIN - 60_000, state: 'live' });
    expect(bands.map(({ state, left, width }) => [state, left, width])).toEqual([
      ['slate', 0, 0.1],
      ['live', 0.1, 0.9],
    ]);
    expect(sharesOf(bands)).toEqual([
      ['live', 810_000],
      ['slate', 90_000],
    ]);
  });

  test('a change that is told twice is one', () => {
    const twice = [change(BEGIN + 1000, 'live', 'slate'), change(BEGIN + 2000, 'live', 'slate')];
    expect(bandsOf(twice, { nowMs: NOW, knownFromMs: BEGIN, state: 'slate' })).toHaveLength(2);
  });

  test('bands never overlap and stay within the span, whatever came in', () => {
    const state = fc.constantFrom('live', 'slate', 'gap', 'recovering');
    const entry = fc.record({
      kind: fc.constant('state' as const),
      atMs: fc.integer({ min: BEGIN - 1e6, max: NOW + 1e4 }),
      from: state,
      to: state,
    });
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 30 }),
        fc.integer({ min: BEGIN - 1e6, max: NOW }),
        (added, knownFromMs) => {
          const bands = bandsOf(withEntries([], added, NOW), { nowMs: NOW, knownFromMs, state: 'live' });
          for (const [index, band] of bands.entries()) {
            expect(band.left).toBeGreaterThanOrEqual(0);
            expect(band.width).toBeGreaterThan(0);
            expect(band.left + band.width).toBeLessThan(1 + 1e-9);
            expect(band.fromMs).toBeGreaterThanOrEqual(bands[index - 1]?.toMs ?? BEGIN);
            expect(band.state).not.toBe(bands[index - 1]?.toMs === band.fromMs ? bands[index - 1]?.state : '');
          }
        },
      ),
    );
  });

  test('keeps an entry once, in the order of time, and the last state before the span', () => {
    const old = [change(BEGIN - 3000, 'a', 'b'), change(BEGIN - 2000, 'b', 'c'), fault(BEGIN - 1, 'OLD')];
    const kept = withEntries([fault(NOW - 10, 'B'), ...old], [fault(NOW - 20, 'A'), fault(NOW - 10, 'B')], NOW);
    expect(kept).toEqual([change(BEGIN - 2000, 'b', 'c'), fault(NOW - 20, 'A'), fault(NOW - 10, 'B')]);
    const storm = Array.from({ length: 5000 }, (_, index) => fault(NOW - 5000 + index, 'STORM'));
    expect(withEntries([], storm, NOW).length).toBeLessThan(600);
  });

  test('the same fault again is one mark that counts, with its newest words and the key of its first', () => {
    const [first, second] = marksOf(
      [fault(NOW - 9000, 'A'), fault(NOW - 8500, 'B'), fault(NOW - 8000, 'A')],
      NOW,
      2000,
    );
    expect(first).toMatchObject({ times: 2, atMs: NOW - 8000, text: `A at ${NOW - 8000}` });
    expect(first?.key).toBe(marksOf([fault(NOW - 9000, 'A')], NOW, 2000)[0]?.key);
    expect(second).toMatchObject({ times: 1, kind: 'fault', text: `B at ${NOW - 8500}` });
    expect(marksOf([fault(NOW - 9000, 'A'), fault(NOW - 6000, 'A')], NOW, 2000)).toHaveLength(2);
  });

  test('a change of state is a mark with both states and why', () => {
    const [mark] = marksOf([{ ...change(NOW - 9000, 'live', 'slate'), why: 'gone' }], NOW, 1000);
    expect(mark).toMatchObject({ kind: 'state', text: 'live → slate: gone', left: 0.99 });
  });
});

describe('what happened', () => {
  test('is the same from events and from statuses, once', () => {
    const happenings = new Happenings();
    const one = { atMs: NOW - 5000, code: 'ENCODER_EXITED', message: 'died', hint: 'Look.' };
    happenings.add(
      'publish',
      { channel: 'match', atMs: NOW - 9000, address: '10.0.0.1:5', source: 'h264 1280x720' },
      NOW,
    );
    happenings.add('fault', { channel: 'match', ...one }, NOW);
    const publisher = { address: '10.0.0.1:5', sinceMs: NOW - 8990, source: 'h264 1280x720' };
    // Each reads the clock for itself.
    const again = { ...one, atMs: one.atMs - 1 };
    happenings.see([channelStatus({ publisher, lastFaults: [again] })], NOW);
    happenings.add('fault', { channel: 'match', ...again, atMs: one.atMs + 2 }, NOW);
    expect(happenings.of('match').map(({ kind }) => kind)).toEqual(['publish', 'fault']);
    expect(happenings.of('match')[1]).toMatchObject({ text: 'ENCODER_EXITED · died · Look.' });
  });

  test('without events, a publisher and another state are seen in the status', () => {
    const happenings = new Happenings();
    const publisher = { address: '10.0.0.1:5', sinceMs: NOW - 20_000, source: 'h264 1280x720' };
    happenings.see([channelStatus({ publisher })], NOW - 2000);
    happenings.see([channelStatus({ publisher, state: 'recovering' })], NOW);
    expect(happenings.of('match')).toMatchObject([
      { kind: 'publish', text: '10.0.0.1:5 · H.264 1280×720' },
      { kind: 'state', from: 'live', to: 'recovering', atMs: NOW },
    ]);
  });

  test('a state that an event told of is no change when the status says it too', () => {
    const happenings = new Happenings();
    happenings.see([channelStatus({ publisher: undefined })], NOW - 2000);
    happenings.add('state', { channel: 'match', atMs: NOW - 1000, from: 'live', to: 'slate', why: 'gone' }, NOW);
    happenings.see([channelStatus({ publisher: undefined, state: 'slate' })], NOW);
    expect(happenings.of('match')).toHaveLength(1);
  });

  test('an event that comes after the status of the same publish or state takes its place', () => {
    const happenings = new Happenings();
    const publisher = { address: '10.0.0.1:5', sinceMs: NOW - 8990, source: 'h264 1280x720' };
    happenings.see([channelStatus({ state: 'starting', publisher })], NOW - 8900);
    happenings.see([channelStatus({ publisher })], NOW - 4000);
    const told = { channel: 'match', address: '10.0.0.1:5', source: 'h264 1280x720' };
    happenings.add('publish', { ...told, atMs: NOW - 9000 }, NOW);
    happenings.add('state', { channel: 'match', atMs: NOW - 4500, from: 'starting', to: 'live', why: 'whole' }, NOW);
    expect(happenings.of('match').map(({ kind, atMs }) => [kind, atMs])).toEqual([
      ['publish', NOW - 9000],
      ['state', NOW - 4500],
    ]);
  });

  test('while the service does not answer nobody knows the state', () => {
    const happenings = new Happenings();
    happenings.see([channelStatus({ publisher: undefined })], NOW - 9000);
    happenings.lose(NOW - 8000);
    happenings.lose(NOW - 7000);
    happenings.see([channelStatus({ publisher: undefined })], NOW - 5000);
    const bands = bandsOf(happenings.of('match'), { nowMs: NOW, knownFromMs: NOW - 10_000, state: 'live' });
    expect(bands.map(({ state, fromMs }) => [state, NOW - fromMs])).toEqual([
      ['live', 10_000],
      ['no answer', 8000],
      ['live', 5000],
    ]);
  });

  test('everything is known from the start of the service, or from the oldest event of a full replay', () => {
    const happenings = new Happenings();
    const tell = (atMs: number) => happenings.add('fault', { channel: 'match', atMs, code: 'A', message: '' }, NOW);
    tell(NOW - 90_000);
    happenings.reset();
    for (let count = 0; count < 255; count += 1) tell(NOW - 50_000 + count);
    expect(happenings.knownFromMs(NOW - 80_000)).toBe(NOW - 80_000);
    tell(NOW);
    expect(happenings.knownFromMs(NOW - 80_000)).toBe(NOW - 50_000);
  });

  test('of a channel that is no more is forgotten', () => {
    const happenings = new Happenings();
    happenings.see([channelStatus()], NOW);
    happenings.see([], NOW);
    expect(happenings.of('match')).toEqual([]);
  });
});

describe('the scale of a chart', () => {
  test.each([
    [0, 5, 5],
    [5.1, 5, 10],
    [0.21, 0.1, 0.25],
    [1200, 5, 2000],
    [2000, 5, 2000],
    [2300, 5, 2500],
  ])('above %d, at least %d, ends at %d', (highest, floor, top) => {
    expect(topOf(highest, floor)).toBeCloseTo(top);
  });

  test('is never below what it shows, and never ten times of it', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 1e9, noNaN: true }), (highest) => {
        const top = topOf(highest, 0.001);
        expect(top).toBeGreaterThanOrEqual(highest * (1 - 1e-6));
        expect(top).toBeLessThanOrEqual(highest * 2.6);
      }),
    );
  });

  test('the newest sample is at the right edge, one of half the span ago in the middle', () => {
    expect(placesOf([NOW - 1000, NOW - 500, NOW], NOW, 1000)).toEqual([0, WIDTH / 2, WIDTH]);
    expect(placesOf([NOW - 5000, NOW + 5000], NOW, 1000)).toEqual([0, WIDTH]);
  });

  test('a line has a hole where nothing is known, and stays in the box', () => {
    expect(linePath([0, undefined, 5, 99], [0, 100, 200, 300], 10)).toBe('M0.0 100.0M200.0 50.0L300.0 0.0');
  });

  test('areas stand upon one another, with a hole where no series is known', () => {
    const [low, high] = stackPaths(
      [
        [2, undefined, 4],
        [3, undefined, undefined],
      ],
      [0, 150, 300],
      10,
    );
    expect(low).toBe('M0.0 80.0L0.0 100.0ZM300.0 60.0L300.0 100.0Z');
    expect(high).toBe('M0.0 50.0L0.0 80.0ZM300.0 60.0L300.0 60.0Z');
    expect(
      highestSum([
        [2, undefined, 4],
        [3, undefined, undefined],
      ]),
    ).toBe(5);
    expect(highestSum([])).toBe(0);
  });

  test('a stack stays in the box, whatever the samples', () => {
    const values = fc.array(fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }), { nil: undefined }), {
      minLength: 5,
      maxLength: 5,
    });
    fc.assert(
      fc.property(fc.array(values, { minLength: 1, maxLength: 6 }), (series) => {
        const top = topOf(highestSum(series), 1);
        const numbers =
          stackPaths(series, [0, 75, 150, 225, 300], top)
            .join('')
            .match(/[\d.]+ [\d.]+/g) ?? [];
        for (const pair of numbers) {
          const [x = -1, y = -1] = pair.split(' ').map(Number);
          expect(x >= 0 && x <= WIDTH && y >= 0 && y <= HEIGHT).toBe(true);
        }
      }),
    );
  });

  test('the hand takes the nearest sample', () => {
    expect([nearestTo([0, 100, 300], 190), nearestTo([0, 100, 300], 210), nearestTo([], 1)]).toEqual([1, 2, -1]);
  });
});

const figuresAt = (nowMs: number, perSecond = 1, encoderSpeed?: number) => ({
  nowMs,
  requests: [
    { kind: 'segment', cache: 'immutable', perSecond },
    { kind: 'part', cache: 'immutable', perSecond: 2 },
    { kind: 'hls-media', cache: '1s', perSecond: 3 },
  ],
  ...{ bytesPerSecond: 1, waiters: 0, shedPerSecond: 0 },
  channels: [{ id: 'match', ...(encoderSpeed !== undefined && { encoderSpeed }) }],
});

const totalOf = ({ requests }: { requests: readonly { perSecond: number }[] }) =>
  requests.reduce((sum, { perSecond }) => sum + perSecond, 0);

describe('the history of figures', () => {
  test('sums by kind and by cache class', () => {
    const history = new FigureHistory();
    history.add(figuresAt(NOW));
    expect(history.requests('kind').series).toEqual([
      { name: 'hls-media', values: [3] },
      { name: 'part', values: [2] },
      { name: 'segment', values: [1] },
    ]);
    expect(history.requests('cache').series).toEqual([
      { name: '1s', values: [3] },
      { name: 'immutable', values: [3] },
    ]);
    expect(history.totals(totalOf)).toEqual([6]);
  });

  test('is calm: each figure is the mean of the last 5 s', () => {
    const history = new FigureHistory();
    for (let second = 0; second < 10; second += 1)
      history.add(figuresAt(NOW + second * 1000, second % 2 === 0 ? 10 : 0));
    const [, , segment] = history.requests('kind').series;
    expect(segment?.values).toEqual([10, 5, 20 / 3, 5, 6, 4, 6, 4, 6, 4]);
    expect(history.totals(totalOf).at(-1)).toBeCloseTo(9);
  });

  test('leaves out what was never asked for', () => {
    const history = new FigureHistory();
    history.add(figuresAt(NOW, 0));
    expect(history.requests('kind').series.map(({ name }) => name)).toEqual(['hls-media', 'part']);
  });

  test('has one value for each time, none where an encoder is not, and a hole where seconds are missing', () => {
    const history = new FigureHistory();
    history.add(figuresAt(NOW, 1, 1.01));
    history.add(figuresAt(NOW + 1000));
    history.add(figuresAt(NOW + 9000, 1, 0.9));
    const { timesMs, series } = history.speed('match');
    expect(timesMs).toEqual([NOW, NOW + 1000, NOW + 1001, NOW + 9000]);
    expect(series[0]?.values).toEqual([1.01, undefined, undefined, 0.9]);
    expect(history.requests('kind').series[0]?.values).toEqual([3, 3, undefined, 3]);
  });

  test('keeps five minutes, whatever the clock does', () => {
    const history = new FigureHistory();
    for (let second = 0; second < 2000; second += 1) history.add(figuresAt(NOW + second * 1000));
    expect(history.totals(totalOf)).toHaveLength(HISTORY_MS / 1000);
    history.add(figuresAt(NOW + 1_990_000));
    const { timesMs } = history.requests('kind');
    expect(timesMs.at(-1)).toBe(NOW + 1_990_000);
    expect(timesMs).toEqual([...timesMs].sort((a, b) => a - b));
    for (let step = 0; step < 2000; step += 1) history.add(figuresAt(NOW + 1_990_001 + step * 10));
    expect(history.totals(totalOf).length).toBeLessThanOrEqual(400);
  });

  test('of latencies has the player and the newest media, and is forgotten with the channel', () => {
    const history = new LatencyHistory();
    history.add({ atMs: NOW, player: undefined, newest: 1.5 });
    expect(history.series().series).toEqual([
      { name: 'player', values: [undefined] },
      { name: 'newest media', values: [1.5] },
    ]);
    history.forget();
    expect(history.series().timesMs).toEqual([]);
  });
});

test('the clock of the service is the message that was under way for the shortest time, and follows a step', () => {
  const clock = new ServiceClock();
  expect(clock.at(5)).toBe(5);
  clock.hear(NOW - 300, 1000);
  clock.hear(NOW - 20 + 1000, 2000);
  clock.hear(NOW - 500 + 2000, 3000);
  expect(clock.at(3000)).toBe(NOW - 20 + 2000);
  for (let count = 0; count < 20; count += 1) clock.hear(NOW - 60_000, 4000);
  expect(clock.at(4000)).toBe(NOW - 60_000);
});

describe('the rows of the ladder', () => {
  const rung = { id: '720p', kind: 'video' as const, codec: 'avc1.64001f', width: 1280, height: 720 };
  const running = { ...rung, frameRate: '30', bitrateBps: 2_800_000, isCopy: false, isDropped: false };

  test('have size, rate, bitrate and how it is encoded', () => {
    const { cells } = rowOf({ ...running, profile: 'high', preset: 'veryfast' });
    expect(cells).toEqual(['720p', '1280×720', '30 fps', '2.8 Mbps', 'avc1.64001f · high · veryfast', 'runs']);
  });

  test('say why one is left out, and which is the publisher’s own', () => {
    expect(rowOf({ ...running, isDropped: true, why: 'the machine is too slow' })).toMatchObject({
      isDropped: true,
      why: 'the machine is too slow',
    });
    expect(rowOf({ ...running, isCopy: true }).cells.at(-1)).toBe('copied');
    const sound = { id: 'a128', kind: 'audio' as const, codec: 'mp4a.40.2', bitrateBps: 128_000 };
    expect(rowOf({ ...sound, isCopy: false, isDropped: false }).cells.slice(1, 3)).toEqual(['sound', '–']);
  });
});

describe('the health of the service', () => {
  const service = {
    ...{ httpPort: 1, rtmpPort: 2, streamKeysShown: true, nowMs: NOW, version: '0.1.0', startedMs: NOW },
    ...{ isDraining: false, tokenNeeded: false },
  };
  const channels = [{ id: 'match', fresh: false, why: 'the newest Segment ended 9000 ms ago' }];

  test('is ready, not ready and why, draining, or not known', () => {
    expect(healthOf(service, { ready: true, channels: [] }).word).toBe('ready');
    expect(healthOf(service, { ready: false, channels })).toEqual({
      state: 'stale',
      word: 'not ready',
      why: 'match: the newest Segment ended 9000 ms ago',
    });
    expect(healthOf({ ...service, isDraining: true }, { ready: false, channels: [] }).word).toBe('draining');
    expect(healthOf(service, undefined).word).toBe('connecting');
  });
});

test.each([
  ['[libx264] Error while encoding', 'error'],
  ['[flv] Packet mismatch; discarding', 'warning'],
  ['frame= 300 fps= 30 errors=0', 'plain'],
])('the log line %s is %s', (text, gravity) => {
  expect(gravityOf(text)).toBe(gravity);
});
