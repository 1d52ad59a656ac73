import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Anchor, SLEW_PER_MS } from '../../../src/ingest/anchor.ts';
import { StampUnwrapper } from '../../../src/ingest/unwrap.ts';

const VIDEO = 9;
const AUDIO = 8;
const START_MS = 1_767_225_600_000;

function offsetOf(anchor: Anchor): number {
  const { offsetMs } = anchor;
  if (offsetMs === undefined) throw new Error('the anchor has no offset yet');
  return offsetMs;
}

/** Video every 40 ms with the given delay per frame; returns offsets after each frame. */
function run(delaysMs: readonly number[], drift = 0): { offsets: number[]; arrivals: number[]; kinds: string[] } {
  const anchor = new Anchor();
  const offsets: number[] = [];
  const arrivals: number[] = [];
  const kinds: string[] = [];
  delaysMs.forEach((delayMs, i) => {
    const stampMs = 1000 + i * 40;
    const arrivalMs = START_MS + i * 40 * (1 + drift) + delayMs;
    kinds.push(anchor.place(VIDEO, stampMs, arrivalMs).kind);
    offsets.push(offsetOf(anchor));
    arrivals.push(arrivalMs);
  });
  return { offsets, arrivals, kinds };
}

describe('StampUnwrapper', () => {
  it('carries stamps on over three wraps of 2^32 and back again', () => {
    const unwrapper = new StampUnwrapper();
    const step = 2 ** 30;
    const forward = Array.from({ length: 14 }, (_, i) => i * step);
    const stamps = [...forward, ...forward.toReversed()];
    for (const wanted of stamps) expect(unwrapper.unwrap(wanted % 2 ** 32)).toBe(wanted);
  });

  it('keeps every distance below 2^31, forwards and backwards', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        fc.array(fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 })),
        (first, steps) => {
          const unwrapper = new StampUnwrapper();
          let wanted = first;
          expect(unwrapper.unwrap(first)).toBe(first);
          for (const step of steps) {
            wanted += step;
            const stamp = ((wanted % 2 ** 32) + 2 ** 32) % 2 ** 32;
            expect(unwrapper.unwrap(stamp)).toBe(wanted);
          }
        },
      ),
    );
  });
});

describe('Anchor', () => {
  it("is provisional at once: the first tag's media time is its arrival", () => {
    const anchor = new Anchor();
    expect(anchor.place(VIDEO, 5000, START_MS)).toEqual({
      kind: 'media',
      mediaMs: START_MS,
    });
  });

  it('takes the smallest delay of the first 2 s as its target and reaches it by slewing', () => {
    const delays = [80, ...Array.from({ length: 15_000 }, () => 10)];
    const { offsets } = run(delays);
    expect(offsets[40]).toBe(offsets[0]); // 1.6 s: still provisional
    expect(offsets.at(-1)).toBeCloseTo(START_MS - 1000 + 10, 3);
  });

  it('never steps: the offset moves at most 200 ppm of the time gone by', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 900 }), {
          minLength: 300,
          maxLength: 600,
        }),
        (delays) => {
          const { offsets, arrivals } = run(delays);
          for (let i = 1; i < offsets.length; i++) {
            const moved = Math.abs((offsets[i] ?? 0) - (offsets[i - 1] ?? 0));
            const newest = Math.max(...arrivals.slice(0, i));
            const elapsed = Math.max(0, (arrivals[i] ?? 0) - newest);
            expect(moved).toBeLessThanOrEqual(elapsed * SLEW_PER_MS + 1e-3);
          }
        },
      ),
      { numRuns: 20 },
    );
  });

  it('follows an encoder clock that is 100 ppm slow over an hour to within 3 ms', () => {
    const delays = Array.from({ length: 90_000 }, (_, i) => (i * 7919) % 23);
    const { offsets, kinds } = run(delays, 100e-6);
    const wanted = START_MS - 1000 + 90_000 * 40 * 100e-6;
    expect(Math.abs((offsets.at(-1) ?? 0) - wanted)).toBeLessThan(3);
    expect(new Set(kinds)).toEqual(new Set(['media']));
  });

  it('calls a step of 10 s forward a jump, and begins anew at the arrival', () => {
    const anchor = new Anchor();
    anchor.place(VIDEO, 0, START_MS);
    anchor.place(VIDEO, 40, START_MS + 40);
    expect(anchor.place(VIDEO, 10_080, START_MS + 80)).toEqual({
      kind: 'jump',
      mediaMs: START_MS + 80,
      why: 'the stamps jumped',
    });
  });

  it('does not call a stall a jump, where stamps and arrivals pause together', () => {
    const anchor = new Anchor();
    anchor.place(VIDEO, 0, START_MS);
    expect(anchor.place(VIDEO, 8_000, START_MS + 8_010).kind).toBe('media');
  });

  it('does not call a burst a jump, where many stamps arrive at once', () => {
    const anchor = new Anchor();
    for (let i = 0; i < 100; i++) expect(anchor.place(VIDEO, i * 40, START_MS).kind).toBe('media');
  });

  it('begins a new base where even the earliest tag of 10 s is late by more than a second, as behind a queue that stays', () => {
    const delays = Array.from({ length: 1500 }, (_, i) => (i < 500 ? 0 : 3000));
    const { kinds, offsets, arrivals } = run(delays);
    const jumps = kinds.flatMap((kind, i) => (kind === 'jump' ? [i] : []));
    expect(jumps).toHaveLength(1);
    const [at = 0] = jumps;
    expect((arrivals[at] ?? 0) - (arrivals[500] ?? 0)).toBe(10_000);
    expect(offsets.at(-1)).toBeCloseTo(START_MS - 1000 + 3000, 0);
  });

  it('calls it no queue that stays when one tag of each 10 s is in time, nor less than a second', () => {
    const bursts = Array.from({ length: 3000 }, (_, i) => (i % 240 === 0 ? 0 : 3000 - (i % 240) * 12));
    expect(run(bursts).kinds).not.toContain('jump');
    const late = Array.from({ length: 5000 }, (_, i) => (i < 500 ? 0 : 950));
    expect(run(late).kinds).not.toContain('jump');
  });

  it('keeps a feed that is slower than real time within a second and a half of now', () => {
    const { kinds, offsets, arrivals } = run(
      Array.from({ length: 7500 }, () => 0),
      0.03,
    );
    const latest = offsets.map((offset, i) => (arrivals[i] ?? 0) - (1000 + i * 40 + offset));
    expect(Math.max(...latest)).toBeLessThan(1_700);
    expect(kinds.filter((kind) => kind === 'jump').length).toBeGreaterThan(3);
  });

  it('tolerates interleaving within a second, and calls more than 1 s backwards a jump', () => {
    const anchor = new Anchor();
    anchor.place(VIDEO, 5_000, START_MS);
    expect(anchor.place(AUDIO, 4_100, START_MS + 1).kind).toBe('media');
    expect(anchor.place(VIDEO, 5_040, START_MS + 40).kind).toBe('media');
    expect(anchor.place(VIDEO, 4_030, START_MS + 80).kind).toBe('jump');
  });

  describe('a picture and its sound that step back by less than a second', () => {
    /** Both kinds every 40 ms for 4 s, stepping back by so much after 2 s; arrivals go on. */
    const stepped = (byMs: number, order: (frame: number) => number = (frame) => frame) => {
      const anchor = new Anchor();
      const placed: { kind: string; lateMs: number }[] = [];
      for (let frame = 0; frame < 100; frame++) {
        const arrivalMs = START_MS + frame * 40;
        for (const track of [VIDEO, AUDIO]) {
          const stamp = 10_000 + (track === VIDEO ? order(frame) : frame) * 40 - (frame < 50 ? 0 : byMs);
          const at = anchor.place(track, stamp, arrivalMs);
          placed.push({ kind: at.kind, lateMs: at.kind === 'stale' ? Number.NaN : arrivalMs - at.mediaMs });
        }
      }
      return placed;
    };

    it.each([350, 700, 999])('%d ms: one new base, seen after 0.25 s, and both are on time again', (byMs) => {
      const placed = stepped(byMs);
      const jumps = placed.flatMap(({ kind }, i) => (kind === 'jump' ? [Math.floor(i / 2)] : []));
      expect(jumps).toEqual([57]);
      expect(placed.map(({ kind }) => kind)).not.toContain('stale');
      for (const { lateMs } of placed.slice(-20)) expect(Math.abs(lateMs)).toBeLessThan(1);
    });

    it.each([40, 150, 330])('%d ms: slewed, they stay together', (byMs) => {
      const placed = stepped(byMs);
      expect(new Set(placed.map(({ kind }) => kind))).toEqual(new Set(['media']));
      expect(placed.at(-1)?.lateMs).toBeCloseTo(placed.at(-2)?.lateMs ?? 0, 1);
    });

    it('is not what an encoder does that stamps pictures in another order', () => {
      const pyramid = [0, 12, 4, 8, 2, 6, 10, 1, 3, 5, 7, 9, 11];
      const placed = stepped(0, (frame) => frame - (frame % 13) + (pyramid[frame % 13] ?? 0));
      expect(new Set(placed.map(({ kind }) => kind))).toEqual(new Set(['media']));
    });
  });

  it('drops stragglers of the other kind after a jump instead of jumping back and forth', () => {
    const anchor = new Anchor();
    anchor.place(VIDEO, 100_000, START_MS);
    anchor.place(AUDIO, 100_000, START_MS);
    expect(anchor.place(VIDEO, 0, START_MS + 40).kind).toBe('jump');
    expect(anchor.place(AUDIO, 100_020, START_MS + 41).kind).toBe('stale');
    expect(anchor.place(AUDIO, 10, START_MS + 50).kind).toBe('media');
    expect(anchor.place(VIDEO, 40, START_MS + 80).kind).toBe('media');
  });

  it('takes tags near the old stamps for a jump back when they come later than 2 s after a jump', () => {
    const anchor = new Anchor();
    anchor.place(VIDEO, 100_000, START_MS);
    anchor.place(AUDIO, 100_000, START_MS);
    anchor.place(VIDEO, 0, START_MS + 40);
    anchor.place(AUDIO, 0, START_MS + 41);
    expect(anchor.place(AUDIO, 100_020, START_MS + 2_039).kind).toBe('stale');
    expect(anchor.place(AUDIO, 100_020, START_MS + 2_041).kind).toBe('jump');
  });

  it('is provisional again after a jump: the target of the old base is of no use', () => {
    const anchor = new Anchor();
    for (let i = 0; i < 100; i++) anchor.place(VIDEO, i * 40, START_MS + i * 40);
    anchor.place(VIDEO, 900_000, START_MS + 4_000);
    const offset = offsetOf(anchor);
    for (let i = 1; i < 45; i++) anchor.place(VIDEO, 900_000 + i * 40, START_MS + 4_000 + i * 40);
    expect(offsetOf(anchor)).toBe(offset);
  });

  it('never goes behind the media time it has given when a new base begins', () => {
    const anchor = new Anchor();
    let newest = 0;
    for (let i = 0; i < 50; i++) {
      const placed = anchor.place(VIDEO, i * 40, START_MS);
      if (placed.kind === 'media') newest = placed.mediaMs;
    }
    const jumped = anchor.place(VIDEO, 500_000, START_MS + 10);
    expect(jumped.kind).toBe('jump');
    if (jumped.kind === 'jump') expect(jumped.mediaMs).toBeGreaterThanOrEqual(newest);
  });

  describe('picture and sound from different origins', () => {
    /** 30 s of both, interleaved as they arrive; `stampOf` says what the publisher writes. */
    function play(stampOf: (track: number, ms: number) => number, delayOf: (ms: number) => number = () => 0) {
      const anchor = new Anchor();
      const placed: { track: number; ms: number; kind: string; mediaMs: number }[] = [];
      for (let ms = 0; ms < 30_000; ms += 20) {
        for (const track of ms % 40 === 0 ? [VIDEO, AUDIO] : [AUDIO]) {
          const one = anchor.place(track, stampOf(track, ms), START_MS + ms + delayOf(ms));
          placed.push({ track, ms, kind: one.kind, mediaMs: one.kind === 'stale' ? Number.NaN : one.mediaMs });
        }
      }
      return placed;
    }
    const media = (placed: ReturnType<typeof play>, track: number) =>
      placed.filter((one) => one.track === track && one.kind === 'media');

    it.each([3_600_000, -3_600_000, 20_000])(
      'sound %d ms from the picture from the start on: no jump, nothing lost',
      (by) => {
        const placed = play((track, ms) => 10_000_000 + ms + (track === AUDIO ? by : 0));
        expect(new Set(placed.map(({ kind }) => kind))).toEqual(new Set(['media']));
        for (const { ms, mediaMs } of placed) expect(Math.abs(mediaMs - START_MS - ms)).toBeLessThan(1);
      },
    );

    it.each([30_000, -30_000, 5_000, -2_000])(
      'sound that jumps by %d ms alone is put back where the picture is after a second, and the picture goes on',
      (by) => {
        const placed = play((track, ms) => 100_000 + ms + (track === AUDIO && ms >= 10_000 ? by : 0));
        expect(placed.filter(({ kind }) => kind === 'jump')).toEqual([]);
        expect(media(placed, VIDEO)).toHaveLength(750);
        expect(media(placed, AUDIO).length).toBeGreaterThan(1_500 - 52);
        for (const { ms, mediaMs } of placed.filter(({ kind }) => kind === 'media'))
          expect(Math.abs(mediaMs - START_MS - ms)).toBeLessThan(1);
      },
    );

    it.each([30_000, -30_000])(
      'a picture that jumps by %d ms alone is one jump, and the sound follows within 1.1 s',
      (by) => {
        const placed = play((track, ms) => 100_000 + ms + (track === VIDEO && ms >= 10_000 ? by : 0));
        expect(placed.filter(({ kind }) => kind === 'jump')).toHaveLength(1);
        expect(media(placed, VIDEO)).toHaveLength(749);
        expect(media(placed, AUDIO).length).toBeGreaterThan(1_500 - 56);
      },
    );

    it.each([1_200, -1_200])(
      'sound that is moved by %d ms for a while and set right again is beside the picture afterwards',
      (by) => {
        const placed = play((track, ms) => 100_000 + ms + (track === AUDIO && ms >= 10_000 && ms < 16_000 ? by : 0));
        expect(placed.filter(({ kind }) => kind === 'jump')).toEqual([]);
        const after = media(placed, AUDIO).filter(({ ms }) => ms > 17_200);
        expect(after.length).toBeGreaterThan(600);
        for (const { ms, mediaMs } of after) expect(Math.abs(mediaMs - START_MS - ms)).toBeLessThan(1);
      },
    );

    it('sound is put back by its smallest delay, also when the last one is late', () => {
      const jitter = (ms: number) => (ms >= 10_900 && ms < 11_200 ? 40 : 5 + ((ms * 7919) % 31));
      const placed = play((track, ms) => 100_000 + ms + (track === AUDIO && ms >= 10_000 ? 30_000 : 0), jitter);
      const both = [VIDEO, AUDIO].map((track) => media(placed, track).findLast(({ ms }) => ms % 40 === 0)!);
      expect(both[0]!.ms).toBe(both[1]!.ms);
      expect(Math.abs(both[0]!.mediaMs - both[1]!.mediaMs)).toBeLessThan(3);
    });

    it('all that jumps together is one jump, whichever comes first', () => {
      for (const first of [VIDEO, AUDIO]) {
        const placed = play((track, ms) => 100_000 + ms + (ms >= 10_000 + (track === first ? 0 : 60) ? 60_000 : 0));
        expect(placed.filter(({ kind }) => kind === 'jump')).toHaveLength(1);
        expect(placed.filter(({ kind }) => kind === 'stale').length).toBeLessThan(5);
      }
    });
  });
});
