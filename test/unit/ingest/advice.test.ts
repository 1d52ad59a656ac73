import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { remedyFor } from '../../../src/ingest/advice-remedies.ts';
import { ADVICE_RULES } from '../../../src/ingest/advice-rules.ts';
import { DriftMeter } from '../../../src/ingest/drift-meter.ts';
import { SourceWindow } from '../../../src/ingest/source-window.ts';
import { framesPerSecond, STANDARD_FRAME_RATES } from '../../../src/system/frame-rate.ts';
import { SOURCE } from '../../fakes/publisher-feed.ts';
import { SimulatedFeed, type Simulation, seeded, TOP_720P } from '../../fakes/simulated-feed.ts';

const played = (simulation: Simulation) => new SimulatedFeed().play(simulation);
const sourceOf = (more: { width?: number; height?: number; sampleRate?: number }) => {
  const { width = 1280, height = 720, sampleRate = 48_000 } = more;
  return { ...SOURCE, video: { ...SOURCE.video!, width, height }, audio: { ...SOURCE.audio!, sampleRate } };
};
const jitter = (seed: number, ms: number) => {
  const next = seeded(seed);
  return () => (2 * next() - 1) * ms;
};

describe('a feed as it should be', () => {
  it('gets no advice at any standard rate, with stamps and arrivals that jitter by 15 ms', () => {
    const rates = fc.constantFrom(...STANDARD_FRAME_RATES.map(framesPerSecond));
    const check = fc.property(rates, fc.nat(), fc.boolean(), (fps, seed, isStamps) => {
      const shake = jitter(seed, 15);
      const feed = played({
        seconds: 150,
        fps,
        ...(isStamps ? { stampJitterMs: shake } : { delayMs: () => 15 + shake() }),
      });
      expect(feed.told).toEqual([]);
    });
    fc.assert(check, { numRuns: 40 });
    // 40 feeds of 150 s are two seconds of arithmetic, and a multiple of that on a machine that encodes beside it.
  }, 60_000);

  it.each([25, 30_000 / 1001, 50])('is measured at %d fps: bitrate, GOP and clock', (fps) => {
    const { advisor } = played({ seconds: 150, fps });
    const { bitrateBps, keyframeIntervalMs, driftPpm, audioLeadMs } = advisor.figures();
    expect(bitrateBps! / 6_161_250).toBeCloseTo(1, 1);
    expect(keyframeIntervalMs! / ((1000 * Math.round(2 * fps)) / fps)).toBeCloseTo(1, 2);
    expect(Math.abs(driftPpm!)).toBeLessThan(5);
    expect(Math.abs(audioLeadMs!)).toBeLessThan(1000 / fps);
  });

  it('is not judged before its first five seconds are over', () => {
    expect(played({ seconds: 4.9, audioFromMs: undefined, compositionMs: (n) => (n % 3) * 33 }).told).toEqual([]);
  });

  it('may have keyframes every 0.25 s, audio that starts 5 s late, one lost second, one scene cut, HE-AAC at 24000 Hz', () => {
    expect(played({ seconds: 60, fps: 60, gopFrames: () => 15 }).told).toEqual([]);
    expect(played({ seconds: 60, audioFromMs: 5_000 }).told).toEqual([]);
    expect(played({ seconds: 60, isLost: (n) => n > 900 && n <= 930 }).told).toEqual([]);
    expect(played({ seconds: 60, gopFrames: (n) => (n === 5 ? 20 : 60) }).told).toEqual([]);
    expect(played({ seconds: 20, source: sourceOf({ sampleRate: 24_000 }) }).told).toEqual([]);
  });
});

describe('keyframes', () => {
  it('8.3 s apart are told with that figure and the setting, once, as soon as a whole GOP is known', () => {
    const feed = played({ seconds: 60, gopFrames: () => 250 });
    expect(feed.told).toEqual(['+KEYFRAMES_FAR_APART']);
    const advice = feed.advice('KEYFRAMES_FAR_APART')!;
    expect(advice.message).toContain('every 8.3 s');
    expect(advice.obs).toContain('Settings > Output > Output Mode "Advanced" > Streaming > Keyframe Interval 2 s');
    expect(advice.ffmpeg).toContain('-g 60 ');
    expect(advice.level).toBe('warn');
    const firstMs = played({ seconds: 11, gopFrames: () => 250 }).told;
    expect(firstMs).toEqual(['+KEYFRAMES_FAR_APART']);
  });

  it('4 s apart are borne, and none at all is told', () => {
    expect(played({ seconds: 60, gopFrames: () => 120 }).told).toEqual([]);
    const feed = played({ seconds: 30, gopFrames: () => 1_000_000 });
    expect(feed.told).toEqual(['+KEYFRAMES_FAR_APART']);
    expect(feed.advice('KEYFRAMES_FAR_APART')?.message).toContain('No keyframe for more than 12.0 s');
  });

  it('are withdrawn when they are near again, and told in the list but not said a second time', () => {
    const feed = played({ seconds: 60, gopFrames: () => 250 }).play({ seconds: 30 });
    expect(feed.told).toEqual(['+KEYFRAMES_FAR_APART', '-KEYFRAMES_FAR_APART']);
    expect(feed.standing).toEqual([]);
    feed.play({ seconds: 60, gopFrames: () => 250 });
    expect(feed.told.slice(2)).toContain('+KEYFRAMES_FAR_APART again');
    expect(feed.standing).toContain('KEYFRAMES_FAR_APART');
  });

  it('are not far apart because the encoder paused for three seconds', () => {
    const frameMs = (n: number) => (n % 200 === 199 ? 3_000 : 1000 / 30);
    expect(played({ seconds: 60, frameMs }).told.filter((told) => told.includes('KEYFRAMES'))).toEqual([]);
  });

  it('show the new figure when it moves, without a change being told', () => {
    const feed = played({ seconds: 60, gopFrames: () => 250 }).play({ seconds: 60, gopFrames: () => 150 });
    expect(feed.advice('KEYFRAMES_FAR_APART')?.message).toContain('every 5.0 s');
    expect(feed.told.filter((told) => told.includes('FAR_APART'))).toEqual(['+KEYFRAMES_FAR_APART']);
  });

  it('that come irregularly are told with the shortest and the longest interval', () => {
    const frames = [60, 22, 60, 41, 60, 60, 13];
    const feed = played({ seconds: 40, gopFrames: (n) => frames[n % frames.length]! });
    expect(feed.told).toEqual(['+KEYFRAMES_IRREGULAR']);
    expect(feed.advice('KEYFRAMES_IRREGULAR')?.message).toContain('between 0.4 s and 2.0 s');
    expect(feed.advice('KEYFRAMES_IRREGULAR')?.obs).toContain('scenecut=0');
  });

  it('are not taken for irregular because the network made the encoder drop frames', () => {
    const feed = played({ seconds: 60, isLost: (n) => n % 600 > 580 });
    expect(feed.told.filter((told) => told.includes('KEYFRAMES'))).toEqual([]);
  });
});

describe('frames', () => {
  it('out of their order (B-frames) are a note, told after the first window and withdrawn when over', () => {
    const feed = played({ seconds: 20, fps: 25, compositionMs: (n) => [80, 200, 80, 0, 40][n % 5]! });
    expect(feed.told).toEqual(['+B_FRAMES']);
    expect(feed.advice('B_FRAMES')).toMatchObject({ level: 'info', ffmpeg: '-bf 0' });
    expect(feed.advice('B_FRAMES')?.message).toContain('200 ms');
    expect(feed.play({ seconds: 40, fps: 25 }).standing).toEqual([]);
  });

  it('with negative composition times are B-frames too; a constant one is none', () => {
    expect(played({ seconds: 10, compositionMs: (n) => [0, 67, -33][n % 3]! }).told).toEqual(['+B_FRAMES']);
    expect(played({ seconds: 10, compositionMs: () => 67 }).told).toEqual([]);
  });

  it.each([
    ['a phone whose rate follows the light', (n: number) => 1000 / (27 + 3 * Math.sin(n / 30))],
    ['a phone whose frames are 33 to 50 ms apart', () => 33],
  ])('of %s are a variable rate', (name, base) => {
    const next = seeded(7);
    const frameMs = name.includes('33 to 50') ? () => 33 + 17 * Math.round(next()) : base;
    const feed = played({ seconds: 60, frameMs, gopFrames: () => 50 });
    expect(feed.told).toEqual(['+FRAME_RATE_VARIABLE']);
    expect(feed.advice('FRAME_RATE_VARIABLE')?.ffmpeg).toBe('-fps_mode cfr -r 30');
    expect(feed.advice('FRAME_RATE_VARIABLE')?.obs).toContain('Settings > Video > Common FPS Values 30');
  });

  it('that are missing here and there are told as missing, not as a variable rate', () => {
    const next = seeded(3);
    const feed = played({ seconds: 60, isLost: (n) => n % 60 !== 0 && next() < 0.12 });
    expect(feed.told).toEqual(['+FRAMES_MISSING']);
    expect(feed.advice('FRAMES_MISSING')?.obs).toContain('Docks > Stats');
  });
});

describe('the bitrate', () => {
  it('far above what the top rung needs is told with both figures', () => {
    const feed = played({ seconds: 60, videoBps: () => 25_000_000 });
    expect(feed.told).toEqual(['+BITRATE_HIGH']);
    expect(feed.advice('BITRATE_HIGH')).toMatchObject({
      level: 'info',
      ffmpeg: '-b:v 6000k -maxrate 6000k -bufsize 6000k',
    });
    expect(feed.advice('BITRATE_HIGH')?.message).toMatch(
      /25\.0 Mbit\/s; the best rendition, 720p, is made at 2\.8 Mbit\/s/,
    );
  });

  it('is no matter while little is wasted: 4 times a small rung, or a rung that is not known', () => {
    const small = { id: '180p', width: 320, height: 180, bitrateBps: 300_000 };
    expect(
      played({ seconds: 60, videoBps: () => 2_500_000, topRung: small, source: sourceOf({ width: 480, height: 270 }) })
        .told,
    ).toEqual([]);
    expect(played({ seconds: 60, videoBps: () => 12_000_000 }).told).toEqual([]);
  });

  it('is withdrawn when little is wasted any more, though it is still many times a small rung', () => {
    const small = { id: '180p', width: 320, height: 180, bitrateBps: 300_000 };
    const shape = { seconds: 40, topRung: small, source: sourceOf({ width: 480, height: 270 }) };
    const feed = played({ ...shape, videoBps: () => 8_000_000 }).play({ ...shape, videoBps: () => 3_300_000 });
    expect(feed.told).toEqual(['+BITRATE_HIGH', '-BITRATE_HIGH']);
  });

  it('far below it is told after half a minute, and withdrawn when it rises', () => {
    const feed = played({ seconds: 25, videoBps: () => 900_000 });
    expect(feed.told).toEqual([]);
    feed.play({ seconds: 20, videoBps: () => 900_000 });
    expect(feed.told).toEqual(['+BITRATE_LOW']);
    expect(feed.advice('BITRATE_LOW')?.message).toContain('906 kbit/s');
    feed.play({ seconds: 30 });
    expect(feed.told).toEqual(['+BITRATE_LOW', '-BITRATE_LOW']);
  });

  it('that steps once is no habit; that steps to and fro is unstable', () => {
    expect(played({ seconds: 60, videoBps: (ms) => (ms < 30_000 ? 8_000_000 : 2_500_000) }).told).toEqual([]);
    const feed = played({ seconds: 60, videoBps: (ms) => (ms % 20_000 < 10_000 ? 8_000_000 : 2_200_000) });
    expect(feed.told).toEqual(['+BITRATE_UNSTABLE']);
    expect(feed.advice('BITRATE_UNSTABLE')?.message).toContain('between 2.2 Mbit/s and 8.1 Mbit/s');
    expect(feed.play({ seconds: 60 }).told).toEqual(['+BITRATE_UNSTABLE', '-BITRATE_UNSTABLE']);
  });
});

describe('audio', () => {
  it('at 44.1 kHz is told with where OBS sets it', () => {
    const feed = played({ seconds: 10, source: sourceOf({ sampleRate: 44_100 }) });
    expect(feed.told).toEqual(['+AUDIO_RATE']);
    expect(feed.advice('AUDIO_RATE')).toMatchObject({
      message: 'The audio is sampled at 44100 Hz and is resampled here to 48000 Hz.',
      obs: 'Settings > Audio > General > Sample Rate 48 kHz',
      ffmpeg: '-ar 48000',
    });
  });

  it('that is not there for 10 s is told, and withdrawn when it comes', () => {
    const feed = played({ seconds: 30, audioFromMs: undefined });
    expect(feed.told).toEqual(['+AUDIO_MISSING']);
    expect(feed.play({ seconds: 10 }).told).toEqual(['+AUDIO_MISSING', '-AUDIO_MISSING']);
    expect(played({ seconds: 30, audioToMs: 15_000 }).told).toEqual(['+AUDIO_MISSING']);
  });

  it.each([
    [1_500, '1.5 s ahead of'],
    [-800, '0.8 s behind'],
  ])('whose stamps are %d ms off the video is told with side and size', (audioLeadMs, words) => {
    const feed = played({ seconds: 20, audioLeadMs });
    expect(feed.standing).toEqual(expect.arrayContaining(['AUDIO_APART']));
    expect(feed.advice('AUDIO_APART')?.message).toContain(words);
    expect(feed.advice('AUDIO_APART')?.obs).toContain('Sync Offset');
  });
});

describe('audio without video beside it', () => {
  it('runs ahead of the last picture', () => {
    const feed = played({ seconds: 40, isLost: (n) => n > 300 });
    expect(feed.standing).toContain('AUDIO_APART');
    expect(feed.advice('AUDIO_APART')?.message).toContain('ahead of');
  });
});

describe("the encoder's clock", () => {
  it.each([
    [100, 'info', '100 ppm fast, 0.4 s an hour'],
    [-100, 'info', '100 ppm slow'],
    [400, 'warn', 'more than can be made good'],
  ] as const)('at %d ppm is told in four minutes, in spite of jitter', (driftPpm, level, words) => {
    const shake = jitter(5, 15);
    const feed = played({ seconds: 240, driftPpm, delayMs: () => 15 + shake() });
    expect(feed.told).toEqual(['+CLOCK_DRIFT']);
    expect(feed.advice('CLOCK_DRIFT')?.level).toBe(level);
    expect(feed.advice('CLOCK_DRIFT')?.message).toContain(words);
    expect(feed.advisor.figures().driftPpm! / driftPpm).toBeCloseTo(1, 1);
  });

  it('at 40 ppm, as any machine, is not worth a word', () => {
    expect(played({ seconds: 300, driftPpm: 40 }).told).toEqual([]);
  });

  it('is not blamed for an uplink that does not keep up', () => {
    const feed = played({ seconds: 200, delayMs: (ms) => ms / 100 });
    expect(feed.advisor.figures().driftPpm).toBeUndefined();
    expect(feed.told).toEqual(['+MEDIA_LATE']);
  });

  it('is measured over the last five minutes: what was before is forgotten', () => {
    const meter = new DriftMeter();
    const take = (fromMs: number, ppm: number) => {
      for (let ms = 0; ms < 300_000; ms += 5_000) meter.take(fromMs + ms, (-ms * ppm) / 1e6);
    };
    take(0, 300);
    expect(meter.steadyPpm).toBeCloseTo(300);
    take(300_000, 0);
    expect(meter.ppm).toBeCloseTo(0);
    expect(meter.leastDelayMs).toBeCloseTo(0);
  });

  it('is not blamed for another route, whose delay steps by 40 ms', () => {
    expect(played({ seconds: 300, delayMs: (ms) => (ms < 150_000 ? 10 : 50) }).told).toEqual([]);
  });
});

describe('a window', () => {
  it('keeps no more than 1200 stamps, however many come', () => {
    const window = new SourceWindow();
    const frame = { track: 'video' as const, arrivalMs: 0, bytes: 1, keyframe: false, compositionMs: 0 };
    for (let n = 0; n < 1_200; n++) window.take({ ...frame, stampMs: n });
    for (let n = 0; n < 1_000; n++) window.take({ ...frame, stampMs: 5_000_000 + 7 * n });
    expect(window.figures()).toMatchObject({ frameMs: 1, unevenMs: 0 });
  });
});

describe('media that comes late against its own stamps', () => {
  const stalls = (ms: number) => (ms % 8_000 > 5_000 && ms > 10_000 && ms < 60_000 ? 1_800 : 20);

  it('is told with the worst figure, and withdrawn half a minute after the last time', () => {
    const feed = played({ seconds: 59, delayMs: stalls });
    expect(feed.told).toEqual(['+MEDIA_LATE']);
    expect(feed.advice('MEDIA_LATE')?.message).toContain('1.8 s late');
    expect(feed.advice('MEDIA_LATE')?.obs).toContain('Dynamically change bitrate');
    expect(feed.play({ seconds: 60 }).told).toEqual(['+MEDIA_LATE', '-MEDIA_LATE']);
  });

  it('is not measured against the burst that ffmpeg sends at first', () => {
    expect(played({ seconds: 40, delayMs: (ms) => (ms < 1_500 ? 1_500 - ms : 1_500) }).told).toEqual([]);
  });

  it('is borne once', () => {
    expect(played({ seconds: 60, delayMs: (ms) => (ms > 21_000 && ms < 23_000 ? 1_500 : 20) }).told).toEqual([]);
  });

  it('is not blamed on the network while the service itself holds the publisher back', () => {
    const feed = new SimulatedFeed();
    feed.play({ seconds: 20 });
    for (let i = 0; i < 8; i++) {
      feed.advisor.forgetDelay();
      feed.play({ seconds: 5, delayMs: (ms) => (ms > 2_000 ? 2_000 : 0) });
    }
    expect(feed.told.filter((told) => told.includes('MEDIA_LATE'))).toEqual([]);
  });
});

describe('the picture', () => {
  it('above 1.5 times the top rung is told with both sizes; 1080 lines for 720 are not', () => {
    const feed = played({ seconds: 10, source: sourceOf({ width: 2560, height: 1440 }) });
    expect(feed.told).toEqual(['+PICTURE_TOO_LARGE']);
    expect(feed.advice('PICTURE_TOO_LARGE')).toMatchObject({
      obs: 'Settings > Video > Output (Scaled) Resolution 1280x720',
      ffmpeg: '-vf scale=-2:720',
    });
    expect(played({ seconds: 10, source: sourceOf({ width: 1920, height: 1080 }) }).told).toEqual([]);
  });
});

describe('the advisor', () => {
  it('has a rule for every code once, and a remedy for OBS and for ffmpeg', () => {
    const codes = ADVICE_RULES.map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) {
      for (const facts of [
        { source: SOURCE, topRung: TOP_720P },
        { source: undefined, topRung: undefined },
      ]) {
        const { obs, ffmpeg } = remedyFor(code, facts);
        expect([obs, ffmpeg].join(' ')).not.toMatch(/undefined|NaN/);
        expect(obs.length * ffmpeg.length).toBeGreaterThan(0);
      }
    }
  });

  it('has each code in the table of samples/README.md', () => {
    const readme = readFileSync(new URL('../../../samples/README.md', import.meta.url), 'utf8');
    const rows = [...readme.matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1]);
    expect(rows.sort()).toEqual(ADVICE_RULES.map(({ code }) => code).sort());
  });

  it('forgets what it measured when the stamps jump, and keeps what stands', () => {
    const feed = played({ seconds: 150, gopFrames: () => 250, driftPpm: 20 });
    expect(feed.advisor.figures().driftPpm).toBeDefined();
    feed.advisor.forgetStamps();
    expect(feed.advisor.figures()).toMatchObject({ keyframeIntervalMs: undefined, driftPpm: undefined });
    expect(feed.standing).toEqual(['KEYFRAMES_FAR_APART']);
  });

  it('never gives one advice twice in a row, whatever comes', () => {
    const tag = fc.record({
      track: fc.constantFrom('video' as const, 'audio' as const),
      stampMs: fc.integer({ min: -10_000, max: 200_000 }),
      stepMs: fc.integer({ min: 0, max: 2_000 }),
      bytes: fc.nat(1_000_000),
      keyframe: fc.boolean(),
      compositionMs: fc.integer({ min: -(2 ** 23), max: 2 ** 23 - 1 }),
    });
    const check = fc.property(fc.array(tag, { maxLength: 400 }), (tags) => {
      const { advisor } = new SimulatedFeed();
      const standing = new Set<string>();
      let arrivalMs = 0;
      for (const { stepMs, ...one } of tags) {
        arrivalMs += stepMs;
        advisor.take({ ...one, arrivalMs });
        for (const { kind, advice } of advisor.evaluate(arrivalMs, SOURCE) ?? []) {
          expect(standing.has(advice.code)).toBe(kind === 'withdrawn');
          expect(`${advice.message}`).not.toMatch(/NaN|undefined|Infinity/);
          if (kind === 'given') standing.add(advice.code);
          else standing.delete(advice.code);
        }
        expect(new Set(advisor.list().map(({ code }) => code))).toEqual(standing);
      }
    });
    fc.assert(check, { numRuns: 60 });
  });
});
