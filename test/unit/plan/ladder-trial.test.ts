import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nearestRate, readProbe } from '../../../src/cli/trial/trial-feed.ts';
import { qualityArguments, qualityGraph, readQuality } from '../../../src/cli/trial/trial-quality.ts';
import { ladderTrial, type RungEncode } from '../../../src/plan/ladder-trial.ts';
import { trialPage } from '../../../src/plan/trial-page.ts';
import { trialText } from '../../../src/plan/trial-report.ts';
import { vbvReport } from '../../../src/plan/vbv.ts';
import { ladderOf, planOf, rate, rung, sourceOf } from '../../fakes/transcode-plan.ts';

const MODEL = { maxrateBps: 800_000, bufferBits: 800_000, framesPerSecond: 25 };

describe('the VBV buffer', () => {
  test('has no late frame while each takes what comes in', () => {
    expect(
      vbvReport(
        Array.from({ length: 100 }, () => 4000),
        MODEL,
      ),
    ).toEqual({ lateFrames: 0, worstOvershoot: 0 });
  });

  test('names the most that was missing, as a share of the buffer', () => {
    // 90 % of 800 kbit are there; the frame has 880 kbit
    const report = vbvReport([110_000, 4000], MODEL);
    expect(report.worstOvershoot).toBeCloseTo(0.2);
    expect(report.lateFrames).toBe(2);
  });

  test('never fills above its size: a pause does not pay for a burst', () => {
    const frames = [...Array.from({ length: 200 }, () => 0), 100_000, 4000];
    expect(vbvReport(frames, MODEL).worstOvershoot).toBe(0);
    expect(vbvReport([...frames.slice(0, 200), 104_000], MODEL).worstOvershoot).toBeCloseTo(0.04);
  });

  test('property: whatever is below maxrate in each frame is never late', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4000 }), { maxLength: 300 }), (frames) => {
        expect(vbvReport(frames, MODEL).lateFrames).toBe(0);
      }),
    );
  });
});

const plan = planOf(
  ladderOf([
    rung('720p', 720, { bitrateBps: 3_000_000, maxrateBps: 3_200_000, bufferBits: 3_200_000 }),
    rung('540p', 540, { bitrateBps: 2_500_000, maxrateBps: 2_600_000, bufferBits: 2_600_000 }),
    rung('360p', 360, { bitrateBps: 1_300_000, maxrateBps: 1_400_000, bufferBits: 1_400_000 }),
    rung('180p', 180, { bitrateBps: 200_000, maxrateBps: 220_000, bufferBits: 220_000 }),
    rung('90p', 90, { bitrateBps: 100_000, maxrateBps: 110_000, bufferBits: 110_000 }),
  ]),
  sourceOf(1280, 720, rate(25)),
);

const encode = (id: string, psnrDb: number, bytes: number): RungEncode => ({
  id,
  frameBytes: Array.from({ length: 100 }, () => bytes),
  quality: { psnrDb, ssim: 0.9, vmaf: undefined },
  cpuSeconds: 2,
  wallSeconds: 1,
});

const trial = ladderTrial({ ladder: 'my', clip: 'a & <b>.mp4', seconds: 4 }, plan, [
  encode('720p', 42, 15_000),
  encode('540p', 40, 12_500),
  encode('360p', 38, 6500),
  encode('180p', 31, 1000),
  encode('90p', 30.8, 500),
]);

describe('a trial', () => {
  test('has rate, speed and cores from the frames and the clock', () => {
    expect(trial.rungs[0]).toMatchObject({ heldBps: 3_000_000, speed: 4, cores: 0.5, peakSegmentBps: 3_000_000 });
    expect(trial.rungs[0]!.declaredPeakBps).toBeGreaterThan(4_800_000);
    expect(trial.rungs[0]!.vbv.lateFrames).toBe(0);
  });

  test('judges steps: too near, good, too far, and hardly better to look at', () => {
    expect(trial.steps.map(({ upper, verdict }) => [upper, verdict])).toEqual([
      ['720p', 'near'],
      ['540p', 'good'],
      ['360p', 'far'],
      ['180p', 'little gain'],
    ]);
    expect(trial.steps[0]!.rateRatio).toBeCloseTo(1.2);
    for (const { verdict, advice } of trial.steps) expect(advice === '').toBe(verdict === 'good');
  });

  test('is text with every rung and every advice', () => {
    const text = trialText(trial);
    for (const { id } of trial.rungs) expect(text).toContain(id);
    expect(text).toContain('720p and 540p are hardly apart in rate');
    expect(text).not.toMatch(/NaN|undefined|VMAF/);
  });

  test('is a page without another host and without markup of others', () => {
    const page = trialPage(trial);
    expect(page).not.toMatch(/https?:|src=|<b>/);
    expect(page.match(/<svg/g)).toHaveLength(2);
    expect(page.match(/<circle/g)).toHaveLength(10);
    expect(page).toContain('prefers-color-scheme: dark');
    expect(page).not.toMatch(/NaN|undefined/);
  });

  test('the page says what the text says: every figure, every advice, what was left out', () => {
    const left = { ...trial, dropped: ['1080p: above the <source>'] };
    const page = trialPage(left).replace(/&#60;/g, '<').replace(/&#62;/g, '>');
    for (const { advice } of trial.steps) expect(page).toContain(advice);
    expect(page).toContain('Left out: 1080p: above the <source>.');
    const [, rungs = ''] = trialText(left).split('\n\n');
    for (const line of rungs.split('\n').slice(1))
      for (const cell of line.replace(' of BANDWIDTH', '').split(/ {2,}/)) expect(page).toContain(`>${cell}<`);
  });

  test('no scale names a figure that there is not, nor one twice', () => {
    const same = { ...trial, rungs: trial.rungs.map((one) => ({ ...one, quality: { ...one.quality, ssim: 0.9999 } })) };
    const [, , ssim = ''] = trialPage(same).split('<svg');
    const figures = [...ssim.matchAll(/text-anchor="end">([\d.]+)</g)].map(([, figure]) => figure);
    expect(figures.length).toBeGreaterThan(1);
    for (const figure of figures) expect(Number(figure)).toBeLessThanOrEqual(1);
    expect(new Set(figures).size).toBe(figures.length);
  });

  test('property: names of rungs never lie on each other in a curve', () => {
    const [rungTrial] = trial.rungs;
    const figures = fc.record({
      heldBps: fc.integer({ min: 1e5, max: 1e7 }),
      psnrDb: fc.float({ min: 20, max: 60, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(figures, { minLength: 1, maxLength: 8 }), (many) => {
        const rungs = many.map(({ heldBps, psnrDb }, i) => ({
          ...rungTrial!,
          id: `r${i}`,
          heldBps,
          quality: { ...rungTrial!.quality, psnrDb },
        }));
        const [, psnr = ''] = trialPage({ ...trial, rungs, steps: [] }).split('<svg');
        const places = [...psnr.matchAll(/class="rung" x="([-\d.]+)" y="([-\d.]+)" text-anchor="(\w+)"/g)].map(
          ([, x, y, anchor]) => ({ x: Number(x) - (anchor === 'end' ? 44 : 0), y: Number(y) }),
        );
        expect(places).toHaveLength(rungs.length);
        for (const [i, one] of places.entries())
          for (const other of places.slice(0, i))
            expect(Math.abs(one.x - other.x) > 43.8 || Math.abs(one.y - other.y) > 14.8).toBe(true);
      }),
    );
  });
});

describe('what ffmpeg says', () => {
  test('of quality', () => {
    const said =
      '[Parsed_psnr_5 @ 0x5] PSNR y:41.2 u:47.1 v:48.0 average:42.61 min:38.9 max:51.0\n[Parsed_ssim_6 @ 0x6] SSIM Y:0.97 (15.9) U:0.98 (1) V:0.98 (1) All:0.981234 (17.2)';
    expect(readQuality(said)).toEqual({ psnrDb: 42.61, ssim: 0.981234, vmaf: undefined });
    expect(readQuality(`${said}\n[libvmaf @ 0x7] VMAF score: 93.4`)?.vmaf).toBe(93.4);
    expect(readQuality(said.replace('42.61', 'inf'))?.psnrDb).toBe(100);
    expect(readQuality('nothing')).toBeUndefined();
  });

  test('of a clip: size, rate, sound', () => {
    const video =
      '  Stream #0:0(und): Video: h264 (High) (avc1 / 0x31637661), yuv420p(tv), 1920x1080 [SAR 1:1], 29.97 fps, 30 tbr';
    expect(readProbe(`${video}\n  Stream #0:1: Audio: aac`)).toEqual({
      width: 1920,
      height: 1080,
      framesPerSecond: 29.97,
      hasAudio: true,
    });
    expect(readProbe(video)?.hasAudio).toBe(false);
    expect(readProbe('a.txt: Invalid data')).toBeUndefined();
    expect(nearestRate(29.97)).toEqual({ num: 30000, den: 1001 });
    expect(nearestRate(48)).toEqual({ num: 50, den: 1 });
  });

  test('is asked at the size of the largest rung, of the frames that the worker gives its encoders', () => {
    const track = plan.video[3]!;
    const feed = { path: 'f', source: sourceOf(1280, 720, rate(25)), hasAudio: false, name: 'f' };
    const graph = qualityGraph({ plan, track, feed, hasVmaf: false });
    expect(graph).toContain('[1:v:0]scale=1280:720');
    expect(graph).toContain('[s0]scale=1280:720');
    expect(graph).not.toContain('libvmaf');
    // Untagged colours are read as the worker reads them, else half of the loss would be a guess.
    expect(qualityArguments({ plan, track, feed, hasVmaf: false }, 'r.mp4').join(' ')).toMatch(
      /-colorspace bt709 -f flv -i f /,
    );
    expect(qualityGraph({ plan, track, feed, hasVmaf: true })).toContain('[rung2][feed2]libvmaf[out2]');
  });
});
