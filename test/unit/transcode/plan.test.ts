import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STANDARD_FRAME_RATES } from '../../../src/system/frame-rate.ts';
import { averageBps, peakBps } from '../../../src/transcode/bandwidth.ts';
import { h264Level } from '../../../src/transcode/h264-level.ts';
import { conformPlan, describeTrack, makePlan } from '../../../src/transcode/plan.ts';
import { gridOf, ladderOf, planOf, rate, rung, sourceOf } from '../../fakes/transcode-plan.ts';

const LADDER = ladderOf([rung('1080', 1080), rung('720', 720), rung('480', 480), rung('240', 240)]);
const sizes = (plan: ReturnType<typeof planOf>) =>
  plan.video.map(({ id, width, height }) => `${id} ${width}x${height}`);

describe('rungs against the source', () => {
  it('are all kept when the source is as large as the largest', () => {
    const plan = planOf(LADDER, sourceOf(1920, 1080, rate(25)));
    expect(sizes(plan)).toEqual(['1080 1920x1080', '720 1280x720', '480 854x480', '240 426x240']);
    expect(plan.dropped).toEqual([]);
  });

  it('are dropped with a reason when the source lies between two', () => {
    const plan = planOf(LADDER, sourceOf(1600, 900, rate(25)));
    expect(sizes(plan)[0]).toBe('720 1280x720');
    expect(plan.dropped).toEqual([
      { id: '1080', reason: 'height 1080 is above the source (1600x900): never scaled up' },
    ]);
  });

  it('are compared by the short side, so a portrait 1080x1920 feed is a 1080-class source', () => {
    const plan = planOf(LADDER, sourceOf(1080, 1920, rate(30)));
    expect(sizes(plan)).toEqual(['1080 1080x1920', '720 720x1280', '480 480x854', '240 240x426']);
    expect(plan.dropped).toEqual([]);
  });

  it('stay when the source is a few lines short of them, at the size of the source', () => {
    expect(sizes(planOf(LADDER, sourceOf(1920, 1072, rate(25))))[0]).toBe('1080 1920x1072');
  });

  it('leave the smallest at the size of the source when all are above it, and this is said', () => {
    const grid = gridOf(rate(25));
    const result = makePlan({ ladder: LADDER, grid, source: sourceOf(161, 91, rate(25)), sourceKnown: true });
    if (result.kind === 'bad') throw new Error(result.reason);
    expect(sizes(result.plan)).toEqual(['240 160x90']);
    expect(result.plan.dropped.map(({ id }) => id)).toEqual(['1080', '720', '480']);
    expect(result.notes).toEqual(["every rung is above the source (161x91): 240 is kept at the source's own size"]);
  });

  it('that became the same picture by the limit of the source are kept once', () => {
    const ladder = ladderOf([rung('x', 730), rung('y', 720)]);
    const plan = planOf(ladder, sourceOf(1280, 720, rate(25)));
    expect(sizes(plan)).toEqual(['x 1280x720']);
    expect(plan.dropped[0]?.reason).toContain('the same 1280x720 as x');
  });

  it('of one size and two bitrates are both kept: that is a choice', () => {
    const ladder = ladderOf([rung('hi', 720), rung('lo', 720, { bitrateBps: 900_000 })]);
    expect(sizes(planOf(ladder, sourceOf(1280, 720, rate(25))))).toEqual(['hi 1280x720', 'lo 1280x720']);
  });

  it('by width take the long side', () => {
    const ladder = ladderOf([rung('w', 0, { height: undefined, width: 640, bitrateBps: 1e6 })]);
    expect(sizes(planOf(ladder, sourceOf(1280, 720, rate(25))))).toEqual(['w 640x360']);
    expect(sizes(planOf(ladder, sourceOf(720, 1280, rate(25))))).toEqual(['w 360x640']);
  });

  it('are all kept before a first publish, when the source is only assumed', () => {
    const grid = gridOf(rate(25));
    const result = makePlan({ ladder: LADDER, grid, source: sourceOf(640, 360, rate(25)), sourceKnown: false });
    expect(result.kind === 'ok' && sizes(result.plan)[0]).toBe('1080 1920x1080');
  });

  it('stand in descending order of bitrate', () => {
    const ladder = ladderOf([rung('small', 240, { bitrateBps: 9_000_000 }), rung('large', 720)]);
    expect(planOf(ladder, sourceOf(1280, 720, rate(25))).video.map(({ id }) => id)).toEqual(['small', 'large']);
  });

  it('never exceed the source, are even and keep the shape, whatever the source', () => {
    const side = fc.integer({ min: 64, max: 4096 });
    fc.assert(
      fc.property(side, side, (width, height) => {
        fc.pre(Math.max(width, height) / Math.min(width, height) < 3);
        const grid = gridOf(rate(25));
        const source = sourceOf(width, height, rate(25));
        const result = makePlan({ ladder: LADDER, grid, source, sourceKnown: true });
        if (result.kind === 'bad') throw new Error(result.reason);
        expect(result.plan.video.length + result.plan.dropped.length).toBe(4);
        for (const track of result.plan.video) {
          expect((track.width % 2) + (track.height % 2)).toBe(0);
          expect(track.width).toBeLessThanOrEqual(width);
          expect(track.height).toBeLessThanOrEqual(height);
          expect(Math.abs(track.width - (width * track.height) / height)).toBeLessThan(2 + (2 * width) / height);
        }
      }),
    );
  });
});

describe('a plan that cannot be', () => {
  const grid = gridOf(rate(25));
  const source = sourceOf(1920, 1080, rate(25));
  it.each([
    ['no rendition', { ladder: ladderOf([]), grid, source }, 'has no video rendition'],
    ['two of one name', { ladder: ladderOf([rung('x', 720), rung('x', 480)]), grid, source }, 'are called x'],
    ['a source without size', { ladder: LADDER, grid, source: sourceOf(0, 1080, rate(25)) }, 'says it is 0x1080'],
    ['parts of broken frames', { ladder: LADDER, grid: { ...grid, partsPerSegment: 7 }, source }, 'do not divide'],
    ['a picture too small', { ladder: LADDER, grid, source: sourceOf(40, 20, rate(25)) }, 'no side may be below 32'],
  ])('is refused with the reason: %s', (_name, request, reason) => {
    const result = makePlan({ ...request, sourceKnown: true });
    expect(result.kind === 'bad' ? result.reason : '').toContain(reason);
  });
});

describe('half rate', () => {
  const ladder = ladderOf([rung('hi', 720), rung('lo', 240, { frameRate: 'half' })]);
  it.each(STANDARD_FRAME_RATES)('is taken above 30 fps only: %o', (frameRate) => {
    const [hi, lo] = planOf(ladder, sourceOf(1280, 720, frameRate)).video;
    const halves = frameRate.num / frameRate.den > 31;
    expect((lo?.segmentFrames ?? 0) * (halves ? 2 : 1)).toBe(hi?.segmentFrames);
    expect(((lo?.frameRate.num ?? 0) / (lo?.frameRate.den ?? 1)) * (halves ? 2 : 1)).toBeCloseTo(
      frameRate.num / frameRate.den,
      9,
    );
  });

  it('is not taken where a part would hold half a frame', () => {
    const grid = { ...gridOf(rate(50)), partsPerSegment: 20 };
    const result = makePlan({ ladder, grid, source: sourceOf(1280, 720, rate(50)), sourceKnown: true });
    expect(result.kind === 'ok' && result.plan.video[1]?.segmentFrames).toBe(100);
  });
});

describe('a kept plan', () => {
  const plan = planOf(LADDER, sourceOf(1920, 1080, rate(25)));
  it('pads where a later feed has another shape, and changes nothing else', () => {
    const conformed = conformPlan(plan, sourceOf(1440, 1080, rate(30)));
    expect(conformed.video.map(({ pad }) => pad)).toEqual([true, true, true, true]);
    expect(conformed.video.map((track) => ({ ...track, pad: false }))).toEqual(plan.video);
  });
  it('does not pad a smaller feed of the same shape', () => {
    expect(conformPlan(plan, sourceOf(1280, 720, rate(25))).video.some(({ pad }) => pad)).toBe(false);
    expect(conformPlan(plan, sourceOf(854, 480, rate(25))).video.some(({ pad }) => pad)).toBe(false);
  });
});

describe('H.264 levels (ITU-T H.264 table A-1)', () => {
  const demand = { maxrateBps: 5_000_000, bufferBits: 5_000_000, profile: 'high', preset: 'veryfast' } as const;
  it.each([
    [1920, 1080, rate(60), '4.2'],
    [1920, 1080, rate(30), '4.0'],
    [1280, 720, rate(60000, 1001), '3.2'],
    [1280, 720, rate(30), '3.1'],
    [854, 480, rate(25), '3.0'],
    [854, 480, rate(30), '3.1'],
    [3840, 2160, rate(60), '5.2'],
  ])('hold the size and rate: %ix%i', (width, height, frameRate, level) => {
    expect(h264Level({ ...demand, width, height, frameRate })).toBe(level);
  });
  it('hold the bitrate, with a quarter more in High than in Main (table A-2)', () => {
    const small = { ...demand, width: 320, height: 180, frameRate: rate(25), maxrateBps: 4_800_000, bufferBits: 1 };
    expect(h264Level({ ...small, profile: 'high' })).toBe('2.1');
    expect(h264Level({ ...small, profile: 'main' })).toBe('3.0');
  });
  it('hold the reference frames of the preset in the decoded picture buffer', () => {
    const wide = { ...demand, width: 640, height: 480, frameRate: rate(1), maxrateBps: 100_000, bufferBits: 100_000 };
    expect(h264Level({ ...wide, width: 352, height: 288, preset: 'fast' })).toBe('1.1');
    expect(h264Level({ ...wide, width: 352, height: 288, preset: 'medium' })).toBe('1.2');
  });
  it('are said in one line with the track', () => {
    const [first] = planOf(LADDER, sourceOf(1920, 1080, rate(50))).video;
    expect(first && describeTrack(first)).toBe('1080 1920x1080@50 2700k level 4.2');
  });
});

describe('bandwidth', () => {
  it('is the peak a VBV-bound encoder can reach over one segment, with audio and 3 %', () => {
    const track = rung('hi', 720, { bitrateBps: 2_000_000, maxrateBps: 2_200_000, bufferBits: 1_000_000 });
    const plan = planOf(ladderOf([track]), sourceOf(1280, 720, rate(25)));
    const [video] = plan.video;
    if (video === undefined) throw new Error('no track');
    expect(peakBps(plan, video)).toBe(Math.ceil((2_200_000 + 500_000 + 128_000) * 1.03));
    expect(averageBps(plan, video)).toBe(Math.ceil(2_128_000 * 1.03));
  });
});

describe('a copied rung', () => {
  const copy = rung('source', 0, { copy: true, height: undefined, bitrateBps: 6_000_000, maxrateBps: 6_600_000 });
  const ladder = ladderOf([copy, rung('480', 480), rung('240', 240)]);

  it("has the source's own size, rate, profile and level, whatever the other rungs are", () => {
    const plan = planOf(ladder, { ...sourceOf(1366, 768, rate(50)), profile: 'main', level: '4.2' });
    expect(sizes(plan)).toEqual(['source 1366x768', '480 854x480', '240 426x240']);
    expect(plan.video[0]).toMatchObject({ isCopy: true, frameRate: rate(50), profile: 'main', level: '4.2' });
    expect(plan.video.slice(1).map(({ isCopy }) => isCopy)).toEqual([false, false]);
  });

  it('is promised with the bandwidth that the ladder declares', () => {
    const plan = planOf(ladder, sourceOf(1920, 1080, rate(25)));
    const [track] = plan.video;
    expect(track && averageBps({ ...plan, audio: [] }, track)).toBe(6_180_000);
  });

  it('never leaves out an encoded rung of the same size, and is never above the source', () => {
    const plan = planOf(ladderOf([copy, rung('480', 480)]), sourceOf(640, 360, rate(25)));
    expect(sizes(plan)).toEqual(['source 640x360', '480 640x360']);
  });

  it("follows a later source's shape, since it can't be conformed", () => {
    const plan = planOf(ladder, sourceOf(1920, 1080, rate(25)));
    const later = conformPlan(plan, { ...sourceOf(1280, 720, rate(25)), profile: 'baseline', level: '3.1' });
    expect(sizes(later)).toEqual(['source 1280x720', '480 854x480', '240 426x240']);
    expect(later.video[0]).toMatchObject({ profile: 'baseline', level: '3.1' });
  });

  it('has a slate of moderate size while no feed is known', () => {
    const source = sourceOf(3840, 2160, rate(25));
    const result = makePlan({ ladder, grid: gridOf(source.frameRate), source, sourceKnown: false });
    expect(result.kind === 'ok' && sizes(result.plan)[0]).toBe('source 1280x720');
  });
});
