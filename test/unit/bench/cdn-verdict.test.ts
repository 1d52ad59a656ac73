import { describe, expect, test } from 'vitest';
import type { AccessLine } from '../../../src/origin/access-log.ts';
import type { PhaseReport, SwarmReport } from '../../../src/swarm/report.ts';
import { askedTwice } from '../../bench/cdn/asked-twice.ts';
import { measuredOf, planLine, rowOf, spikeLines, verdictsOf } from '../../bench/cdn/verdict.ts';

const NOON_MS = 1_795_291_200_000;

/** A line of the origin's log, `atMs` after noon. */
function line(atMs: number, path: string, more: Partial<AccessLine> = {}): string {
  const usual = { method: 'GET', kind: 'segment', status: 200, holdMs: 0, totalMs: 1, bytes: 1, cache: 'immutable' };
  return `${JSON.stringify({ time: new Date(NOON_MS + atMs).toISOString(), path, ...usual, client: '-', whole: true, ...more })}\n`;
}

describe("objects asked for twice, by the origin's log", () => {
  test('what never changes is asked for once; two at once are one too many', () => {
    const log = line(0, '/a.m4s') + line(5, '/b.m4s') + line(5, '/a.m4s') + line(90_000, '/b.m4s');
    const asked = askedTwice(log);
    expect([asked.requests, asked.objects, asked.early.length]).toEqual([4, 2, 2]);
    expect(askedTwice(line(0, '/a.m4s') + line(5, '/b.m4s')).early).toEqual([]);
  });

  test('a list is asked for again when it has outlived its max-age, counted from its answer', () => {
    const list = (atMs: number, holdMs = 0) => line(atMs, '/media.m3u8', { cache: '1s', holdMs });
    expect(askedTwice(list(0) + list(1000) + list(2001)).early).toEqual([]);
    expect(askedTwice(list(0) + list(990)).early).toEqual(['/media.m3u8: again 10 ms before its time']);
    expect(askedTwice(list(0, 500) + list(1400)).early).toHaveLength(1);
    expect(askedTwice(list(0, 500) + list(1500)).early).toEqual([]);
  });

  test('lines come in any order: a held answer is written when it is out', () => {
    const held = line(0, '/media.m3u8?_HLS_msn=5', { cache: '12s', holdMs: 900 });
    expect(askedTwice(line(400, '/media.m3u8?_HLS_msn=5', { cache: '12s', holdMs: 500 }) + held).early).toHaveLength(1);
    expect(askedTwice(line(400, '/media.m3u8?_HLS_msn=6', { cache: '12s' }) + held).early).toEqual([]);
  });

  test('what no cache may keep, and what was cut off, may be asked for again, and is counted', () => {
    const refused = line(0, '/a.m4s', { status: 503, cache: 'no-store' });
    const cut = line(10, '/a.m4s', { whole: false });
    const asked = askedTwice(refused + cut + line(20, '/a.m4s'));
    expect([asked.unkept, asked.early]).toEqual([2, []]);
    // A refusal does not end the life of what was kept before.
    expect(
      askedTwice(line(0, '/a.m4s') + line(10, '/a.m4s', { cache: 'no-store' }) + line(20, '/a.m4s')).early,
    ).toHaveLength(2);
  });

  test('the last line may not be whole yet', () => {
    expect(askedTwice(`${line(0, '/a.m4s')}{"time":"20`).requests).toBe(1);
    expect(askedTwice('').requests).toBe(0);
  });
});

const SPREAD = { p50: 1, p95: 2, p99: 3, max: 4 };

function phase(name: PhaseReport['name'], more: Partial<PhaseReport> = {}): PhaseReport {
  return {
    ...{
      name,
      seconds: 10,
      viewers: 1000,
      requests: 20_000,
      requestsPerSecond: 2000,
      expectedPerSecond: 2000,
      kinds: {},
    },
    ...{
      hitShare: 1,
      edgeLog: undefined,
      objectsPerSecond: 6,
      errors: 0,
      late: 0,
      generatorLateMs: SPREAD,
      heldBack: 0,
    },
    origin: { requests: 60, perSecond: 6, byKind: {}, offload: 0.997 },
    ...more,
  };
}

function report(phases: readonly PhaseReport[], spike?: SwarmReport['plan']['spike']): SwarmReport {
  const plan = { capped: ['4000 viewers instead of 9000'], spike } as unknown as SwarmReport['plan'];
  return { plan, seconds: 30, wasStopped: false, rssMb: 100, cpuSeconds: 2, phases };
}

describe('a spike', () => {
  const SPIKE = { viewers: 10_000, atMs: 12_000, what: 'join' } as const;
  const kinds = { segment: { latencyMs: { ...SPREAD, p99: 850 } } } as unknown as PhaseReport['kinds'];
  const phases = [
    phase('watching', { requests: 7, errors: 9 }),
    phase('spike', { seconds: 6, requests: 50_000, errors: 1, kinds }),
    phase('after', { seconds: 20, requests: 90_000, errors: 2 }),
  ];
  const said = (originLog: string) => spikeLines('spike', { report: report(phases, SPIKE), originLog });

  test('meets its goal when nothing was asked for twice; its figures are those of the spike and what followed', () => {
    const [first, capped] = said(line(0, '/a.m4s') + line(1, '/b.m4s'));
    expect(first).toContain('10000 viewers join within a second | 140000 requests in 26 s');
    expect(first).toContain(
      '2 requests for 2 URLs, 0 not to be kept, 0 before their time | goal: no object before its time: met',
    );
    expect(first).toContain('errors 3, slowest p99 850 ms');
    expect(capped).toBe('  capped: 4000 viewers instead of 9000');
  });

  test('does not meet it when one object was, and says which; nor when the log is empty', () => {
    const [first] = said(line(0, '/a.m4s') + line(1, '/a.m4s'));
    expect(first).toContain(
      '1 before their time (/a.m4s: again Infinity ms before its time) | goal: no object before its time: NOT MET',
    );
    expect(said('')[0]).toContain('NOT MET');
  });
});

describe('a crowd', () => {
  const measured = (viewers: number, perSecond: number, more: Partial<PhaseReport> = {}, log = '') => {
    const origin = { requests: 10 * perSecond, perSecond, byKind: {}, offload: 1 - perSecond / (2 * viewers) };
    const rates = { viewers, requests: 20 * viewers, requestsPerSecond: 2 * viewers, expectedPerSecond: 2 * viewers };
    const watching = phase('watching', { ...rates, origin, ...more });
    return measuredOf({ report: report([phase('joining', { requests: 0 }), watching]), originLog: log }, viewers, 2000);
  };

  test('that sent too little, or was late itself, was not held, and nothing is concluded from it', () => {
    expect(measured(1000, 6).isHeld).toBe(true);
    expect(measured(1000, 6, { requestsPerSecond: 1700 }).isHeld).toBe(false);
    expect(measured(1000, 6, { generatorLateMs: { ...SPREAD, p99: 490 } }).isHeld).toBe(true);
    expect(measured(1000, 6, { generatorLateMs: { ...SPREAD, p99: 510 } }).isHeld).toBe(false);
    expect(measured(1000, 6, { late: 1 }).isHeld).toBe(false);
    expect(measured(1000, 6, { errors: 1 }).isHeld).toBe(false);
    expect(rowOf('x', measured(1000, 6, { requestsPerSecond: 1700 }))).toContain('did not hold their schedule');
    const lines = verdictsOf('x', [measured(100, 6), measured(1000, 6, { requestsPerSecond: 10 })], 1000).join('\n');
    expect(lines).toContain('99.700 % | extrapolated from 100 viewers');
  });

  test('meets the goals by its own figures, measured where the crowd is large enough', () => {
    const lines = verdictsOf('x', [measured(1000, 6), measured(10_000, 6.1)], 10_000);
    expect(lines).toEqual([
      'x: origin requests / objects, worst of all crowds | 1.017 | goal <= 1.05: met',
      'x: requests for what a cache still had, all crowds | 0 | goal 0: met',
      'x: origin at 10000 / origin at 1000 viewers | 1.017 | goal 0.95 to 1.05: met',
      'x: offload at 10000 viewers | 99.969 % | measured | goal > 99.9 %: met',
    ]);
  });

  test('does not meet them when the origin is asked more, by more viewers, or for the same object', () => {
    const twice = line(0, '/a') + line(1, '/a');
    const lines = verdictsOf('x', [measured(1000, 6), measured(10_000, 60, {}, twice)], 10_000).join('\n');
    expect(lines.match(/NOT MET/g)).toHaveLength(4);
  });

  test('stands beside what plan says of it, by kind', () => {
    const kinds = {
      playlist: { requests: 6000 },
      blocked: { requests: 3000 },
      segment: { requests: 11_000, latencyMs: SPREAD },
    };
    const one = measured(1000, 6, { kinds: kinds as unknown as PhaseReport['kinds'], requestsPerSecond: 2000 });
    const tier = (requestsPerSecond: number, playlist: number, segment: number) => ({
      byKind: { multivariant: 0, playlist, mpd: 0, segment, part: 0, init: 0, time: 0 },
      ...{ requestsPerSecond, egressBps: 0 },
    });
    expect(planLine(one, { edge: tier(2000, 1000, 1000), origin: tier(8, 4, 4) })).toBe(
      '  plan: 1.00 of 2000 requests a second at the edge (playlist 0.90 of 1000, segment 1.10 of 1000), 0.75 of 8.0 at the origin | goal 0.9 to 1.1 at the edge: met',
    );
    const more = measured(1000, 6, { requestsPerSecond: 2300 });
    expect(planLine(more, { edge: tier(2000, 1000, 1000), origin: tier(8, 4, 4) })).toContain('NOT MET');
  });

  test('costs processor time for each request of the whole run', () => {
    expect(measured(1000, 6).generatorUs).toBe(100);
  });
});
