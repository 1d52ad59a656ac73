import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  afterCrash,
  afterFault,
  afterOverload,
  afterTrial,
  bringBack,
  dueRung,
  emptyRungPolicy,
  keptRungs,
  type LeftOut,
  leftOutBy,
  nextReturnMs,
  type RungStep,
} from '../../../src/transcode/rung-policy.ts';

const LADDER = ['1080p', '720p', '360p'];

/** A policy and a clock to drive it by. */
function rungs(encoded: readonly string[] = LADDER) {
  let policy = emptyRungPolicy();
  const left: LeftOut[] = [];
  let crashesMs: readonly number[] = [];
  const take = (step: RungStep): string | undefined => {
    policy = step.policy;
    if (step.leftOut !== undefined) left.push(step.leftOut);
    return step.leftOut?.rung;
  };
  return {
    left,
    fault: (rung: string, atMs: number) => take(afterFault(policy, { rung, reason: 'Broken pipe' }, encoded, atMs)),
    overload: (atMs: number) => take(afterOverload(policy, '3.0 s behind', encoded, atMs)),
    crash: (atMs: number) => {
      const step = afterCrash(policy, { signal: 'SIGSEGV', beforeMs: crashesMs }, encoded, atMs);
      crashesMs = step.crashesMs;
      return take(step);
    },
    trialFailed: (rung: string, atMs: number) => take(afterTrial(policy, { rung, reason: 'it died' }, atMs)),
    due: (atMs: number) => {
      const rung = dueRung(policy, encoded, atMs);
      if (rung !== undefined) policy = bringBack(policy, rung, atMs);
      return rung;
    },
    kept: () => keptRungs(policy, encoded),
    out: () => leftOutBy(policy),
    next: () => nextReturnMs(policy),
  };
}

describe('a rung that ends its encoder', () => {
  test('once is an accident; twice within 30 s it is left out, with its reason', () => {
    const it = rungs();
    expect(it.fault('720p', 0)).toBeUndefined();
    expect(it.fault('720p', 30_000)).toBeUndefined();
    expect(it.fault('720p', 59_999)).toBe('720p');
    expect(it.kept()).toEqual(['1080p', '360p']);
    expect(it.out()).toEqual([
      { rung: '720p', cause: 'failed', reason: 'failed: Broken pipe', sinceMs: 59_999, returnMs: 119_999 },
    ]);
  });

  test('faults of different rungs do not add up', () => {
    const it = rungs();
    expect([it.fault('720p', 0), it.fault('360p', 1), it.fault('1080p', 2)]).toEqual([undefined, undefined, undefined]);
  });

  test('the last rung is kept whatever it does, and what is no rung is not left out', () => {
    const it = rungs(['720p', '360p']);
    it.fault('720p', 0);
    it.fault('720p', 1);
    for (let at = 2; at < 9; at++) expect(it.fault('360p', at)).toBeUndefined();
    expect(it.kept()).toEqual(['360p']);
    const sound = rungs();
    for (let at = 0; at < 9; at++) expect(sound.fault('audio', at)).toBeUndefined();
  });

  test('is tried again after 60 s, doubled each time up to 10 min; one fault is enough on probation', () => {
    const it = rungs();
    it.fault('720p', 0);
    it.fault('720p', 0);
    const waits: number[] = [];
    for (let n = 0; n < 6; n++) {
      const { sinceMs, returnMs } = it.out()[0]!;
      waits.push((returnMs - sinceMs) / 1000);
      expect(it.due(returnMs - 1)).toBeUndefined();
      expect(it.next()).toBe(returnMs);
      expect(it.due(returnMs)).toBe('720p');
      expect(it.kept()).toEqual(LADDER);
      expect(it.fault('720p', returnMs + 29_999)).toBe('720p');
    }
    expect(waits).toEqual([60, 120, 240, 480, 600, 600]);
  });

  test('that proved itself for 10 min is an accident again', () => {
    const it = rungs();
    it.fault('720p', 0);
    it.fault('720p', 0);
    it.due(60_000);
    expect(it.fault('720p', 700_000)).toBeUndefined();
    expect(it.fault('720p', 700_001)).toBe('720p');
    expect(it.out()[0]!.returnMs - 700_001).toBe(60_000);
  });

  test('a trial that fails leaves it out again, twice as long', () => {
    const it = rungs();
    it.fault('720p', 0);
    it.fault('720p', 0);
    it.due(60_000);
    expect(it.trialFailed('720p', 61_000)).toBe('720p');
    expect(it.out()[0]).toMatchObject({ cause: 'failed', returnMs: 181_000 });
  });
});

describe('a machine that does not keep up', () => {
  test('sheds the top rung, one at a time, and never the last', () => {
    const it = rungs();
    expect(it.overload(0)).toBe('1080p');
    expect(it.overload(9999)).toBeUndefined();
    expect(it.overload(10_000)).toBe('720p');
    expect(it.overload(20_000)).toBeUndefined();
    expect(it.kept()).toEqual(['360p']);
    expect(it.left.map(({ reason }) => reason)[0]).toBe('shed: machine too slow (3.0 s behind)');
  });

  test('gets its rungs back from below, 30 s apart, when it has kept up for the wait', () => {
    const it = rungs();
    it.overload(0);
    it.overload(10_000);
    expect(it.due(129_999)).toBeUndefined();
    expect(it.due(130_000)).toBe('720p');
    expect(it.next()).toBe(160_000);
    expect(it.due(159_999)).toBeUndefined();
    expect(it.due(160_000)).toBe('1080p');
    expect(it.kept()).toEqual(LADDER);
    expect(it.next()).toBeUndefined();
  });

  test('that is slow again meanwhile waits anew', () => {
    const it = rungs(['720p', '360p']);
    it.overload(0);
    it.overload(100_000);
    expect(it.out()[0]!.returnMs).toBe(220_000);
  });

  test('a rung that is shed again and again waits up to 30 min', () => {
    const it = rungs(['720p', '360p']);
    const waits: number[] = [];
    for (let n = 0, at = 0; n < 6; n++) {
      it.overload(at);
      const { returnMs } = it.out()[0]!;
      waits.push((returnMs - at) / 60_000);
      it.due(returnMs);
      at = returnMs + 5000;
    }
    expect(waits).toEqual([2, 4, 8, 16, 30, 30]);
  });
});

describe('a crash that names no rung', () => {
  test('again and again: with the fourth within 30 s the top rung is left out, then the next, never the last', () => {
    const it = rungs();
    const out = [0, 300, 900, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000].map((at) => it.crash(at));
    expect(out.map((rung) => rung ?? '-').join(' ')).toBe('- - - 1080p - - - 720p - - - -');
    expect(it.out()[0]).toMatchObject({
      cause: 'failed',
      reason: 'failed: SIGSEGV ended the encoder 4 times within 30 s',
    });
  });

  test('now and then is an accident', () => {
    const it = rungs();
    expect([0, 10_000, 20_000, 30_000, 40_000].map((at) => it.crash(at))).toEqual(Array(5).fill(undefined));
  });

  test('twice after a rung came back is that rung, whichever it is', () => {
    const it = rungs();
    it.fault('720p', 0);
    it.fault('720p', 0);
    for (const at of [59_700, 59_800, 59_900]) it.crash(at);
    expect(it.due(60_000)).toBe('720p');
    expect([it.crash(60_500), it.crash(61_000)]).toEqual([undefined, '720p']);
  });
});

describe('whatever happens', () => {
  const happening = fc.record({
    what: fc.constantFrom('fault', 'fault', 'crash', 'crash', 'overload', 'trial', 'wait'),
    rung: fc.constantFrom(...LADDER, 'audio'),
    afterMs: fc.nat({ max: 90_000 }),
  });

  test('a rung is kept, none is left out again before its wait was over, and all are back when it is quiet', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 60 }), (happenings) => {
        const it = rungs();
        let nowMs = 0;
        let tried: string | undefined;
        for (const { what, rung, afterMs } of happenings) {
          nowMs += afterMs;
          if (what === 'fault') it.fault(rung, nowMs);
          if (what === 'crash') it.crash(nowMs);
          if (what === 'overload') it.overload(nowMs);
          if (what === 'trial' && tried !== undefined && it.kept().includes(tried)) it.trialFailed(tried, nowMs);
          tried = it.due(nowMs);
          expect(it.kept().length).toBeGreaterThan(0);
        }
        for (const rung of LADDER) {
          const times = it.left.filter((out) => out.rung === rung);
          for (const [i, out] of times.entries()) {
            expect(out.returnMs - out.sinceMs).toBeGreaterThanOrEqual(60_000);
            const next = times[i + 1];
            if (next !== undefined) expect(next.sinceMs).toBeGreaterThanOrEqual(out.returnMs);
          }
        }
        for (let n = 0; n < LADDER.length && it.out().length > 0; n++) {
          nowMs = Math.max(nowMs, it.next()!);
          expect(it.due(nowMs)).toBeDefined();
        }
        expect(it.kept()).toEqual(LADDER);
      }),
      { numRuns: 300 },
    );
  });
});
