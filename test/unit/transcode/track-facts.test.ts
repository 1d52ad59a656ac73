import { describe, expect, test } from 'vitest';
import { conformPlan } from '../../../src/transcode/plan.ts';
import { trackFactsOf } from '../../../src/transcode/track-facts.ts';
import { gridOf, ladderOf, planOf, rate, rung, sourceOf } from '../../fakes/transcode-plan.ts';

const SOURCE = sourceOf(1920, 1080, rate(30));
const ladder = ladderOf([
  rung('1080p', 1080, { bitrateBps: 5_000_000, maxrateBps: 5_500_000, bufferBits: 8_000_000 }),
  rung('360p', 360, { bitrateBps: 800_000, maxrateBps: 900_000, bufferBits: 900_000 }),
]);

describe('what manifests say of the Tracks of a plan', () => {
  const plan = planOf(ladder, SOURCE);
  const facts = trackFactsOf(plan);

  test('video first, in the order of the plan, then audio', () => {
    expect(facts.map(({ id, kind }) => [id, kind])).toEqual([
      ['1080p', 'video'],
      ['360p', 'video'],
      ['a', 'audio'],
    ]);
  });

  test('peak is what a VBV-bound encoder may emit over one Segment, of this Track alone (RFC 8216bis 4.4.6.2)', () => {
    for (const [i, track] of plan.video.entries()) {
      const overSegment = (track.maxrateBps * 2 + track.bufferBits) / 2;
      expect(facts[i]?.peakBps).toBeGreaterThanOrEqual(overSegment * 1.03);
      expect(facts[i]?.peakBps).toBeLessThan(overSegment * 1.03 + 6000);
      expect(facts[i]?.averageBps).toBeGreaterThanOrEqual(track.bitrateBps * 1.03);
      expect(facts[i]?.averageBps).toBeLessThan(track.bitrateBps * 1.03 + 6000);
    }
  });

  test('the box overhead of small rungs is counted: a part costs about 150 bytes and 4 bytes a frame', () => {
    const boxesBps = (grid = gridOf(rate(30))) =>
      (8 * (grid.partsPerSegment * 150 + grid.segmentFrames * 4)) / (grid.segmentMs / 1000);
    const small = plan.video[1]!;
    expect(facts[1]!.averageBps).toBeGreaterThanOrEqual(small.bitrateBps + boxesBps());
  });

  test('audio has its own peak above its average', () => {
    const audio = facts[2]!;
    expect(audio.averageBps).toBeGreaterThanOrEqual(128_000 * 1.03);
    expect(audio.peakBps).toBeGreaterThanOrEqual(128_000 * 1.15);
    expect(audio).toMatchObject({ language: 'en', name: 'Commentary', channels: 2, frameRate: undefined });
  });

  test('audio is not counted twice: no video figure depends on it', () => {
    expect(trackFactsOf({ ...plan, audio: [] }).slice(0, 2)).toEqual(facts.slice(0, 2));
  });

  test('a feed of another shape changes nothing: what was promised holds', () => {
    expect(trackFactsOf(conformPlan(plan, sourceOf(640, 480, rate(25))))).toEqual(facts);
  });
});
