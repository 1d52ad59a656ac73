import { describe, expect, it } from 'vitest';
import { type PlacedStamp, StampPlacer } from '../../../src/ingest/stamp-placer.ts';

const [AUDIO, VIDEO] = [8, 9];
/** Two services of one machine: the same monotonic clock, UTC read at different times. */
const utc = (startMs: number) => (us: number) => startMs + us / 1000;
const tag = (stamp: number, arrivalMs: number, kind = VIDEO) => ({
  kind,
  stamp: stamp % 2 ** 32,
  arrivalUs: arrivalMs * 1000,
  body: Buffer.alloc(0),
});
const mediaOf = (placed: PlacedStamp) => (placed.kind === 'stale' ? Number.NaN : placed.mediaMs);
/** Arrives up to 60 ms late, each tag by another delay: the first one by 50 ms, the first that is held by 4. */
const late = (i: number) => (i * 37 + 50) % 60;
const FIRST_HELD = 302;

describe('a publish that is taken over', () => {
  it.each([
    ['UTC is the same', 0, 0],
    ['the system clock was set ahead by an hour in between', 3_600_000, 0],
    ['the system clock was set back by an hour in between', -3_600_000, 0],
    ['stamps wrap while the first service has it', 0, 2 ** 32 - 3_000],
    ['stamps had wrapped twice', 0, 2 * 2 ** 32 + 5_000],
  ])('keeps its media times on the monotonic clock: %s', (_what, stepMs, firstStamp) => {
    const [utcThen, utcNow] = [utc(1_795_000_000_000), utc(1_795_000_000_000 + stepMs)];
    const one = new StampPlacer(utcThen, undefined);
    const taken = new Map<number, number>();
    for (let i = 0; i < 500; i++) {
      const arrivalMs = 1_000 + i * 40 + late(i);
      const frame = tag(firstStamp + i * 40, arrivalMs);
      taken.set(i, mediaOf(one.place(frame, utcThen(frame.arrivalUs))) - utcThen(0));
    }
    const two = new StampPlacer(utcNow, one.placed);
    for (let i = FIRST_HELD; i < 700; i++) {
      const frame = tag(firstStamp + i * 40, 1_000 + i * 40 + late(i));
      const media = mediaOf(two.place(frame, utcNow(frame.arrivalUs))) - utcNow(0);
      if (i < 500) expect(Math.abs(media - (taken.get(i) ?? Number.NaN))).toBeLessThan(5);
      // What one slews at most in the 8 s that both have seen.
      if (i === FIRST_HELD) expect(Math.abs(media - (taken.get(i) ?? Number.NaN))).toBeLessThan(8_000 * 200e-6 + 0.01);
    }
  });

  it('begins anew by arrival when what is held is of another base than what was told', () => {
    const clock = utc(1_795_000_000_000);
    const two = new StampPlacer(clock, { stamp: 3_600_000, mediaUs: 20_000_000 });
    const placed = two.place(tag(1_000, 10_000), clock(10_000_000));
    expect(mediaOf(placed)).toBe(clock(10_000_000));
  });

  it('tells of pictures as long as there are any, and of sound where there are none', () => {
    const clock = utc(0);
    const one = new StampPlacer(clock, undefined);
    expect(one.placed).toBeUndefined();
    one.place(tag(10, 100, AUDIO), 100);
    expect(one.placed).toEqual({ stamp: 10, mediaUs: 100_000 });
    one.place(tag(40, 130), 130);
    one.place(tag(50, 140, AUDIO), 140);
    expect(one.placed).toEqual({ stamp: 40, mediaUs: 130_000 });
  });
});
