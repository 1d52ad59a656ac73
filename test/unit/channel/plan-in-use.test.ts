import { describe, expect, test } from 'vitest';
import { choosePlan, conform, type PlanChoice, type PlanInUse } from '../../../src/channel/plan-in-use.ts';
import { fakeSlate } from '../../fakes/media.ts';
import { ladderOf, rate, rung, sourceOf } from '../../fakes/transcode-plan.ts';

const ladder = ladderOf([rung('1080p', 1080), rung('720p', 720), rung('360p', 360)]);

function ok(choice: PlanChoice): PlanInUse {
  if (choice.kind === 'bad') throw new Error(choice.reason);
  return choice.plan;
}

describe('the plan before a first publish', () => {
  test('assumes 16:9 above every rung and 30 fps where the ladder says auto', () => {
    const plan = ok(choosePlan(ladder, undefined));
    expect(plan.facts.map(({ id }) => id)).toEqual(['1080p', '720p', '360p', 'a']);
    expect(plan.grid.frameRate).toEqual({ num: 30, den: 1 });
    expect(plan.plan.video[0]).toMatchObject({ width: 1920, height: 1080 });
    expect(plan.slate).toBeUndefined();
  });

  test("takes the ladder's own rate where it has one", () => {
    expect(ok(choosePlan({ ...ladder, frameRate: rate(50) }, undefined)).grid.frameRate).toEqual({ num: 50, den: 1 });
  });

  test('is the plan of the commonest publish, so that its slate is right already', () => {
    const assumed = ok(choosePlan(ladder, undefined));
    expect(ok(choosePlan(ladder, sourceOf(1920, 1080, rate(30)))).key).toBe(assumed.key);
  });
});

describe('the plan of a source', () => {
  test('has the rate of the source where the ladder says auto, of the ladder where it does not', () => {
    expect(ok(choosePlan(ladder, sourceOf(1920, 1080, rate(25)))).grid.segmentFrames).toBe(50);
    const fixed = ok(choosePlan({ ...ladder, frameRate: rate(30) }, sourceOf(1920, 1080, rate(25))));
    expect(fixed.grid.segmentFrames).toBe(60);
  });

  test('leaves out rungs above the source', () => {
    const plan = ok(choosePlan(ladder, sourceOf(1280, 720, rate(30))));
    expect(plan.facts.map(({ id }) => id)).toEqual(['720p', '360p', 'a']);
    expect(plan.plan.dropped.map(({ id }) => id)).toEqual(['1080p']);
  });

  test.each([
    ['another rate', sourceOf(1920, 1080, rate(25))],
    ['another shape', sourceOf(1440, 1080, rate(30))],
    ['fewer rungs', sourceOf(1280, 720, rate(30))],
  ])('%s has another key, for its CMAF headers differ', (_, source) => {
    const base = ok(choosePlan(ladder, sourceOf(1920, 1080, rate(30))));
    expect(ok(choosePlan(ladder, source)).key).not.toBe(base.key);
  });

  test('another ladder with the same figures has the same key, with another bitrate another', () => {
    const source = sourceOf(1920, 1080, rate(30));
    const base = ok(choosePlan(ladder, source));
    expect(ok(choosePlan({ ...ladder, name: 'renamed' }, source)).key).toBe(base.key);
    const dearer = { ...ladder, video: ladder.video.map((video) => ({ ...video, bitrateBps: video.bitrateBps + 1 })) };
    expect(ok(choosePlan(dearer, source)).key).not.toBe(base.key);
  });

  test('a ladder that fits nothing is refused with a reason', () => {
    const choice = choosePlan(ladder, sourceOf(1920, 16, rate(30)));
    expect(choice).toMatchObject({ kind: 'bad', reason: expect.stringMatching(/below 32/) });
  });
});

describe('a later feed', () => {
  test('is conformed: Grid, Tracks, key, facts and slate stay, only the padding follows its shape', () => {
    const kept = ok(choosePlan(ladder, sourceOf(1920, 1080, rate(30))));
    kept.slate = fakeSlate(kept.grid, []);
    const later = conform(kept, sourceOf(640, 480, rate(25)));
    expect(later.grid).toBe(kept.grid);
    expect(later.facts).toBe(kept.facts);
    expect(later.key).toBe(kept.key);
    expect(later.slate).toBe(kept.slate);
    expect(later.plan.video.map(({ width, height, level }) => [width, height, level])).toEqual(
      kept.plan.video.map(({ width, height, level }) => [width, height, level]),
    );
    expect(later.plan.video.map(({ pad }) => pad)).toEqual([true, true, true]);
    expect(kept.plan.video.map(({ pad }) => pad)).toEqual([false, false, false]);
  });

  test('a feed of the same shape is not padded', () => {
    const kept = ok(choosePlan(ladder, sourceOf(1920, 1080, rate(30))));
    expect(conform(kept, sourceOf(640, 360, rate(30))).plan.video.every(({ pad }) => !pad)).toBe(true);
  });
});
