import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { renderText } from '../../../src/package/texts.ts';
import { type Capacity, capacityOf } from '../../../src/plan/capacity.ts';
import { capacityJson, capacityText, naiveSum } from '../../../src/plan/capacity-report.ts';
import { type CapacityCase, mixServed, servedOf } from '../../../src/plan/case.ts';
import { answersPerSecond, sumOf, viewerRequests } from '../../../src/plan/requests.ts';
import { simulatedPresentation } from '../../../src/plan/simulated-presentation.ts';
import { tradeOffs } from '../../../src/plan/trade-offs.ts';
import { trackFactsOf } from '../../../src/transcode/track-facts.ts';
import { ladderOf, rate, rung, sourceOf } from '../../fakes/transcode-plan.ts';

const LADDER = ladderOf([rung('720p', 720), rung('480p', 480), rung('240p', 240)]);

function asked(changes: Partial<CapacityCase> = {}): CapacityCase {
  return {
    ladder: LADDER,
    latency: 'low',
    source: sourceOf(1280, 720, rate(30)),
    windowMs: 120_000,
    viewers: 65_000_000,
    mix: { hls: 0.4, 'll-hls': 0.3, dash: 0.2, 'll-dash': 0.1 },
    shields: 4,
    offload: 0.9,
    joinSeconds: 300,
    ...changes,
  };
}

function capacity(changes: Partial<CapacityCase> = {}): Capacity {
  const result = capacityOf(asked(changes));
  if (result.kind === 'bad') throw new Error(result.reason);
  return result.capacity;
}

function served(changes: Partial<CapacityCase> = {}) {
  const result = servedOf(asked(changes));
  if (result.kind === 'bad') throw new Error(result.reason);
  return result;
}

const only = (player: string): CapacityCase['mix'] => ({ hls: 0, 'll-hls': 0, dash: 0, 'll-dash': 0, [player]: 1 });

describe('requests', () => {
  test('of one viewer a second: HLS 2, low-latency HLS 10 and 20, DASH 1.5', () => {
    expect(sumOf(viewerRequests('hls', served()))).toBe(2);
    expect(sumOf(viewerRequests('ll-hls', served()))).toBeCloseTo(10);
    expect(sumOf(viewerRequests('ll-hls', served({ latency: 'ultra' })))).toBeCloseTo(20);
    expect(sumOf(viewerRequests('dash', served()))).toBe(1.5);
    expect(viewerRequests('ll-dash', served())).toEqual(viewerRequests('dash', served()));
  });

  test('at the edge are those of every viewer; a tenth is left of them at 90 % offload', () => {
    const { edge, shield } = capacity({ viewers: 1000, mix: only('hls') });
    expect(edge.requestsPerSecond).toBe(2000);
    expect(shield.requestsPerSecond).toBeCloseTo(200);
  });

  test('without parts low-latency players ask as ordinary ones', () => {
    const normal = served({ latency: 'normal' });
    expect(mixServed(only('ll-hls'), normal)).toEqual(only('hls'));
    expect(capacity({ latency: 'normal', mix: only('ll-hls') }).edge).toEqual(
      capacity({ latency: 'normal', mix: only('hls') }).edge,
    );
  });

  test('at the origin: each answer once a shield, of all Tracks', () => {
    const { byKind } = capacity({ mix: only('dash') }).origin;
    // 3 pictures and a sound, a Segment each 2 s, 4 shields; an MPD lives for 2 s
    expect(byKind.segment).toBe(8);
    expect(byKind.mpd).toBe(2);
    // Edges answer it themselves.
    expect(byKind.time).toBe(0);
    expect([byKind.part, byKind.playlist]).toEqual([0, 0]);
    const parts = capacity({ mix: only('ll-hls') }).origin.byKind;
    expect(parts.part).toBe(40);
    expect(parts.segment).toBe(0);
    // each blocking address once, and the plain one once a second
    expect(parts.playlist).toBe(4 * 4 * (1 + 2.5));
  });

  test('property: more viewers never ask more of the origin, and it is never asked more than the shields are', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e8 }), fc.integer({ min: 1, max: 50 }), (viewers, shields) => {
        const some = capacity({ viewers, shields });
        const many = capacity({ viewers: viewers * 10, shields });
        const most = shields * sumOf(answersPerSecond(asked().mix, served()));
        expect(many.origin.requestsPerSecond).toBeLessThanOrEqual(most + 1e-6);
        expect(some.origin.requestsPerSecond).toBeLessThanOrEqual(many.origin.requestsPerSecond + 1e-6);
        for (const kind of ['segment', 'part', 'playlist', 'mpd'] as const)
          expect(some.origin.byKind[kind]).toBeLessThanOrEqual(some.shield.byKind[kind] + 1e-6);
      }),
      { numRuns: 30 },
    );
  });
});

describe('bytes', () => {
  test('manifests are those that the renderers write, with a full window and half of the open Segment', () => {
    const of = served();
    const presentation = simulatedPresentation(of, 120_000);
    const settings = { channel: 'match', windowMs: 120_000, listedMs: 60_000, publishMarginMs: 300, hasParts: true };
    const text = renderText(
      { ...settings, targetLatencyMs: 1400 },
      { kind: 'hls-media', track: '720p' },
      presentation,
      false,
    )!;
    expect(text.match(/#EXTINF/g)).toHaveLength(30);
    const [first] = presentation.segments;
    const { averageBps } = trackFactsOf(of.plan)[0]!;
    expect(first!.tracks.get('720p')!.sizeBytes / ((averageBps * 2) / 8)).toBeCloseTo(1, 3);
    expect(text).toContain('#EXT-X-PRELOAD-HINT');
    const size = capacity().texts.find((one) => one.text === 'media.m3u8');
    expect(size?.bytes).toBeGreaterThanOrEqual(text.length);
    expect(size?.bytes).toBeLessThan(text.length * 1.1);
    expect(gunzipSync(gzipSync(text)).toString()).toBe(text);
    expect(size?.gzipBytes).toBeLessThan((size?.bytes ?? 0) / 3);
  });

  test('the window holds every Track for its time and the minute of grace; BANDWIDTH is the manifests', () => {
    const { windowBytes, top } = capacity();
    const facts = trackFactsOf(served().plan);
    const sum = facts.reduce((total, { averageBps }) => total + averageBps, 0);
    expect(windowBytes.average).toBe(Math.round((sum * 180) / 8));
    expect(windowBytes.peak).toBeGreaterThan(windowBytes.average);
    // On disk: the newest minute in memory, 64 MB at most, and two beside it while the disk is out of order.
    const peak = facts.reduce((total, { peakBps }) => total + peakBps, 0);
    const { residentBytes } = capacity({ windowMs: 86_400_000 });
    expect(residentBytes).toEqual({ usual: Math.round((peak * 60) / 8), diskOut: Math.round((peak * 120) / 8) });
    const heavy = ladderOf([{ ...rung('720p', 720), bitrateBps: 50_000_000, maxrateBps: 60_000_000 }]);
    expect(capacity({ ladder: heavy }).residentBytes).toEqual({ usual: 64 * 1024 ** 2, diskOut: 256 * 1024 ** 2 });
    expect(top.peakBps).toBe(facts[0]!.peakBps + facts[3]!.peakBps);
  });

  test('the origin sends every Track once to each shield, as parts too where they are asked for', () => {
    const facts = trackFactsOf(served().plan);
    const sum = facts.reduce((total, { averageBps }) => total + averageBps, 0);
    const segments = capacity({ mix: only('hls') }).origin.egressBps;
    expect(segments / (4 * sum)).toBeGreaterThan(1);
    expect(segments / (4 * sum)).toBeLessThan(1.1);
    const both = capacity({ mix: { ...only('hls'), hls: 0.5, 'll-hls': 0.5 } }).origin.egressBps;
    expect(both / segments).toBeGreaterThan(1.9);
  });
});

describe('latency', () => {
  const latencyOf = (changes: Partial<CapacityCase>) => capacity(changes).players[0]!.latency;

  test('is what players hold back by the manifests, the encoder and where they come in', () => {
    expect(latencyOf({ latency: 'normal', mix: only('hls') })).toEqual({
      fromMs: expect.closeTo(6387, 0),
      toMs: expect.closeTo(8387, 0),
    });
    expect(latencyOf({ mix: only('ll-hls') }).fromMs).toBeCloseTo(1216 + 53, 0);
    expect(latencyOf({ mix: only('ll-dash') })).toEqual({ fromMs: 1400, toMs: 1400 });
    expect(latencyOf({ latency: 'normal', mix: only('dash') }).fromMs).toBe(4500);
    // A player that takes whole Segments can't be nearer than one, whatever the target.
    expect(latencyOf({ mix: only('dash') }).fromMs).toBe(2300);
  });
});

describe('trade-offs', () => {
  const rows = tradeOffs(asked());

  test('change one thing each: segments, parts, a rung less at either end, a rung more', () => {
    expect(rows.map(({ name }) => name)).toEqual([
      'as asked',
      'segments of 4 s',
      'segments of 6 s',
      'no parts',
      'parts of 0.2 s',
      'without 720p',
      'without 240p',
      'one rung more',
    ]);
    expect(rows.map(({ capacity: { encoding } }) => encoding.rungs)).toEqual([3, 3, 3, 3, 3, 2, 2, 4]);
    expect(rows[1]!.capacity.segmentMs).toBe(4000);
    expect(rows[3]!.capacity.partMs).toBeUndefined();
  });

  test('cores are those that were measured for the variant', () => {
    const measured = tradeOffs(asked(), ({ asked: { ladder } }) => ladder.video.length / 10);
    expect(measured.map(({ capacity: { encoding } }) => encoding.cores)).toEqual([
      0.3, 0.3, 0.3, 0.3, 0.3, 0.2, 0.2, 0.4,
    ]);
  });
});

describe('the report', () => {
  test('the usual sum: 65,000,000 x 5 % = 3,250,000; 90 % offload leaves 325,000; a tenth to a database 32,500', () => {
    expect(naiveSum(asked())).toEqual({
      edgeRequestsPerSecond: 3_250_000,
      missedRequestsPerSecond: 325_000,
      databaseRequestsPerSecond: 32_500,
    });
  });

  test('is one screen of text, as in the golden', async () => {
    const text = capacityText(asked(), tradeOffs(asked()));
    expect(text.split('\n').length).toBeLessThanOrEqual(50);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
    expect(text).not.toMatch(/NaN|undefined|Infinity/);
    await expect(`${text}\n`).toMatchFileSnapshot('../../golden/plan-low.txt');
  });

  test('tells the same figures as JSON', () => {
    const json = JSON.parse(capacityJson(asked(), tradeOffs(asked())));
    expect(json.origin.requestsPerSecond).toBe(capacity().origin.requestsPerSecond);
    expect(json.usualSum.databaseRequestsPerSecond).toBe(32_500);
    expect(json.tradeOffs).toHaveLength(7);
  });

  test('what no encoder could be asked for is said', () => {
    const ladder = { ...LADDER, video: [] };
    expect(capacityOf(asked({ ladder }))).toEqual({ kind: 'bad', reason: expect.stringContaining('no video') });
  });
});
