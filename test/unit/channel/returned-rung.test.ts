/** A rung that is back is in the HLS lists once its own list is as long as players and the standards want it; the MPD has it at once. */
import { describe, expect, test } from 'vitest';
import { Manifests } from '../../../src/channel/manifests.ts';
import { indexAt, makeGrid } from '../../../src/package/grid.ts';
import { lastShownMs } from '../../../src/package/hls/listed-tracks.ts';
import { Timeline } from '../../../src/package/timeline.ts';
import { fakeSlate, fakeTrack } from '../../fakes/media.ts';
import { deliver, fakeRun } from '../../fakes/run.ts';

const NOW = Date.parse('2026-11-21T18:00:00.900Z');
const grid = makeGrid({ num: 30, den: 1 }, 2);
const ALL = ['v1', 'v2', 'a1'];

function planOf(ids: readonly string[]) {
  const tracks = ids.map((id) => fakeTrack(id, grid));
  return { grid, tracks, slate: fakeSlate(grid, tracks) };
}

/** All rungs, then none but `kept`, then all again for so many Segments. */
function returned(segments: number, { kept = ['v2', 'a1'], windowMs = 60_000, publishesParts = false } = {}) {
  const timeline = new Timeline({
    ...{ incarnation: 'i1', windowMs, retentionMs: 60_000, publishesParts, fillDelayMs: 800, patienceMs: 0 },
    ...{ silenceMs: 0, tailMs: 6000, backfillMs: windowMs },
  });
  timeline.open(planOf(ALL), NOW);
  let nowMs = NOW;
  const play = (id: string, ids: readonly string[], count: number) => {
    const plan = planOf(ids);
    const run = fakeRun(id, () => plan, ids);
    timeline.join(run);
    for (let i = 0; i < count; i++) {
      const edgeMs = timeline.edgeMs!;
      nowMs = edgeMs + 2000;
      deliver(run, grid, indexAt(grid, edgeMs), ids);
      timeline.advance(nowMs);
    }
  };
  play('less', kept, 2);
  play('all', ALL, segments);
  const manifests = new Manifests({
    ...{
      channel: 'match',
      listedMs: 60_000,
      windowMs,
      publishMarginMs: 1000,
      targetLatencyMs: 4000,
      hasParts: publishesParts,
    },
  });
  const text = (name: Parameters<Manifests['text']>[0]) => manifests.text(name, timeline.presentation());
  return { timeline, text, nowMs };
}

describe('a rung that is back', () => {
  test.each(['hls-master', 'hls-dvr-master'] as const)('%s has it with its sixth Segment, not before', (kind) => {
    expect(returned(5).text({ kind })?.text).not.toContain('v1/');
    const six = returned(6);
    expect(six.text({ kind })?.text).toContain('v1/');
    expect(six.text({ kind })?.changedMs).toBe(six.nowMs);
  });

  test.each(['hls-media', 'hls-dvr-media'] as const)('%s of it is not there until then', (kind) => {
    expect(returned(5).text({ kind, track: 'v1' })).toBeUndefined();
    const list = returned(6).text({ kind, track: 'v1' })?.text;
    // RFC 8216bis 6.2.2: three target durations at least; Apple 8.10: six Segments.
    expect(list?.match(/#EXTINF/g)).toHaveLength(6);
    expect(returned(5).text({ kind, track: 'v2' })?.text).toContain('#EXTINF');
  });

  test('rendition reports do not name it before (RFC 8216bis 4.4.5.4)', () => {
    const reports = (segments: number) =>
      returned(segments, { publishesParts: true }).text({ kind: 'hls-media', track: 'v2' })?.text;
    expect(reports(5)).not.toContain('../v1/');
    expect(reports(6)).toContain('../v1/');
  });

  test('the MPD has it at once: a Period may be short', () => {
    expect(
      returned(1)
        .text({ kind: 'dash' })
        ?.text.match(/<Representation id="v1"/g),
    ).toHaveLength(2);
  });

  test('where the whole window is shorter than six Segments, that is enough', () => {
    expect(returned(4, { windowMs: 10_000 }).text({ kind: 'hls-master' })?.text).not.toContain('v1/');
    expect(returned(5, { windowMs: 10_000 }).text({ kind: 'hls-master' })?.text).toContain('v1/');
  });

  test('sound is never held back, nor the only rung, nor anything where all lists are short', () => {
    expect(returned(1, { kept: ['v1', 'v2'] }).text({ kind: 'hls-media', track: 'a1' })?.text).toContain('#EXTINF');
    const only = returned(1, { kept: ['a1'] }).text({ kind: 'hls-master' })?.text;
    expect([only?.includes('v1/'), only?.includes('v2/')]).toEqual([true, true]);
  });

  test('lists without a rung that came later changed with their Period', () => {
    const { timeline } = returned(2);
    expect(lastShownMs(timeline.presentation(), 60_000)).toBeUndefined();
  });
});
