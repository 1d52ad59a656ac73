import { describe, expect, test } from 'vitest';
import { Manifests } from '../../../src/channel/manifests.ts';
import type { TextName } from '../../../src/channel/view.ts';
import { type Grid, indexAt, makeGrid } from '../../../src/package/grid.ts';
import { Timeline } from '../../../src/package/timeline.ts';
import { fakeSlate, fakeTrack } from '../../fakes/media.ts';
import { deliver, fakeRun } from '../../fakes/run.ts';

const NOW = Date.parse('2026-11-21T18:00:00.900Z');
const TRACKS = ['v1', 'a1'];
const grid = makeGrid({ num: 30, den: 1 }, 2);
const NAMES: readonly TextName[] = [
  { kind: 'hls-master' },
  { kind: 'hls-media', track: 'v1' },
  { kind: 'hls-dvr-master' },
  { kind: 'hls-dvr-media', track: 'v1' },
  { kind: 'dash' },
  { kind: 'dash-dvr' },
];
const PER_PERIOD = ['hls-master', 'hls-dvr-master', 'dash', 'dash-dvr'];

function planOf(of: Grid, variant = '', ids = TRACKS) {
  const tracks = ids.map((id) => fakeTrack(id, of, variant));
  return { grid: of, tracks, slate: fakeSlate(of, tracks) };
}

function opened(windowMs = 120_000) {
  const timeline = new Timeline({
    incarnation: 'i1',
    windowMs,
    retentionMs: 60_000,
    publishesParts: false,
    fillDelayMs: 800,
    patienceMs: 0,
    silenceMs: 0,
    tailMs: 6000,
    backfillMs: windowMs,
  });
  timeline.open(planOf(grid), NOW);
  const manifests = new Manifests({
    channel: 'match',
    windowMs,
    listedMs: 60_000,
    publishMarginMs: 1000,
    targetLatencyMs: 4000,
  });
  const text = (name: TextName) => manifests.text(name, timeline.presentation());
  return { timeline, manifests, text };
}

/** A run with other CMAF headers goes on air: a new Period. */
function changePeriod(timeline: Timeline, nowMs: number, ids = TRACKS) {
  const plan = planOf(grid, ' other', ids);
  const run = fakeRun('r1', () => plan, ids);
  timeline.join(run);
  deliver(run, grid, indexAt(grid, timeline.edgeMs!), ids);
  timeline.advance(nowMs);
}

describe('the texts of a Channel', () => {
  test.each(NAMES)('$kind: the same revision object while nothing changed', (name) => {
    const { text } = opened();
    const first = text(name);
    expect(first?.text.length).toBeGreaterThan(50);
    expect(text(name)).toBe(first);
  });

  test.each(NAMES.filter(({ kind }) => PER_PERIOD.includes(kind)))(
    '$kind: Segments alone change neither text nor object',
    (name) => {
      const { timeline, text } = opened();
      const first = text(name);
      timeline.advance(NOW + 10_000);
      expect(text(name)).toBe(first);
      expect(text(name)?.changedMs).toBe(NOW);
    },
  );

  test.each(NAMES.filter(({ kind }) => !PER_PERIOD.includes(kind)))(
    '$kind: each Segment makes a revision, changed when it was committed',
    (name) => {
      const { timeline, text } = opened();
      const first = text(name);
      expect(first?.changedMs).toBe(NOW);
      timeline.advance(NOW + 2000);
      const second = text(name);
      expect(second).not.toBe(first);
      expect(second?.text).not.toBe(first?.text);
      expect(second?.changedMs).toBe(NOW + 2000);
    },
  );

  test.each(NAMES)('$kind: a Period makes a revision, changed when it was announced', (name) => {
    const { timeline, text } = opened();
    const first = text(name);
    changePeriod(timeline, NOW + 1500);
    const second = text(name);
    // The multivariant playlist of the same Tracks reads the same.
    if (name.kind.endsWith('master')) {
      expect(second).toBe(first);
      return;
    }
    expect(second).not.toBe(first);
    expect(second?.changedMs).toBe(NOW + 1500);
  });

  test('a change of Tracks changes the multivariant playlist', () => {
    const { timeline, text } = opened();
    const first = text({ kind: 'hls-master' });
    changePeriod(timeline, NOW + 1500, ['v1']);
    expect(text({ kind: 'hls-master' })?.text).not.toBe(first?.text);
    expect(text({ kind: 'hls-master' })?.changedMs).toBe(NOW + 1500);
  });

  test.each(['dash', 'dash-dvr'] as const)(
    '%s: a Period that leaves changes the text, and changedMs with it (RFC 9110 8.8.2: Last-Modified)',
    (kind) => {
      const { timeline, text } = opened();
      changePeriod(timeline, NOW + 1500);
      const both = text({ kind })!;
      expect(both.text.match(/<Period /g)).toHaveLength(2);
      timeline.advance(NOW + 300_000);
      const one = text({ kind })!;
      expect(one.text.match(/<Period /g)).toHaveLength(1);
      expect(one.changedMs).toBeGreaterThan(both.changedMs);
    },
  );

  test('each has the type its players expect (RFC 8216bis 4, RFC 6983 and ISO/IEC 23009-1 C.1)', () => {
    const { text } = opened();
    expect(NAMES.map((name) => text(name)?.contentType)).toEqual([
      ...Array.from({ length: 4 }, () => 'application/vnd.apple.mpegurl'),
      'application/dash+xml',
      'application/dash+xml',
    ]);
  });

  test('a Track that the newest Period does not have has no playlist', () => {
    const { timeline, text } = opened();
    expect(text({ kind: 'hls-media', track: 'v9' })).toBeUndefined();
    expect(text({ kind: 'hls-media', track: 'a1' })).toBeDefined();
    changePeriod(timeline, NOW + 1500, ['v1']);
    expect(text({ kind: 'hls-media', track: 'a1' })).toBeUndefined();
    expect(text({ kind: 'hls-dvr-media', track: 'a1' })).toBeUndefined();
  });

  test.each(NAMES)('$kind: undefined before the first Segment', (name) => {
    const { manifests } = opened();
    expect(
      manifests.text(name, { segments: [], open: undefined, changedMs: 0, mpdChangedMs: 0, ended: false }),
    ).toBeUndefined();
  });

  test('live lists a minute, dvr the whole window', () => {
    const { text } = opened();
    const count = (name: TextName) => text(name)?.text.match(/#EXTINF/g)?.length;
    expect(count({ kind: 'hls-media', track: 'v1' })).toBe(30);
    expect(count({ kind: 'hls-dvr-media', track: 'v1' })).toBe(60);
    expect(text({ kind: 'dash' })?.text).toContain('timeShiftBufferDepth="PT60S"');
    expect(text({ kind: 'dash-dvr' })?.text).toContain('timeShiftBufferDepth="PT120S"');
    expect(text({ kind: 'hls-master' })?.text).toContain('v1/media.m3u8');
    expect(text({ kind: 'hls-dvr-master' })?.text).toContain('v1/dvr.m3u8');
  });

  test('a window shorter than a minute bounds the live lists as well', () => {
    const { text } = opened(20_000);
    expect(text({ kind: 'hls-media', track: 'v1' })?.text.match(/#EXTINF/g)).toHaveLength(10);
    expect(text({ kind: 'dash' })?.text).toContain('timeShiftBufferDepth="PT20S"');
  });
});
