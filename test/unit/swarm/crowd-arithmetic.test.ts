import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readDash } from '../../../src/swarm/dash-list.ts';
import { readHls } from '../../../src/swarm/hls-list.ts';
import type { ViewerKind } from '../../../src/swarm/model.ts';
import { requestsPerSecond, type StreamFacts } from '../../../src/swarm/plan.ts';
import { draw, seedOf } from '../../../src/swarm/seeded.ts';
import { BASE, NOON_MS, SwarmStream, Theatre } from '../../fakes/swarm-stream.ts';

function factsOf(stream: SwarmStream): StreamFacts {
  const hls = readHls(stream.list(NOON_MS + 1900), `${BASE}v1/media.m3u8`, '1');
  const mpd = readDash(stream.mpd(), `${BASE}manifest.mpd`, '1');
  if (hls.kind !== 'list' || mpd === undefined) throw new Error('the stream cannot be read');
  return { hls: { list: hls.list, lanes: 2 }, dash: { mpd, lanes: 2 } };
}

function crowd(stream: SwarmStream, kind: ViewerKind, viewers: number, seed: number, thinkMs?: number): Theatre {
  const theatre = new Theatre(stream);
  for (let n = 0; n < viewers; n += 1) theatre.join(kind, NOON_MS + draw(seedOf(seed, n)).value * 4000, seed, thinkMs);
  return theatre;
}

describe('the request rate of N viewers is arithmetic', () => {
  test.each<readonly [string, ViewerKind, ConstructorParameters<typeof SwarmStream>[0]]>([
    ['polled HLS', 'hls', { segmentMs: 2000 }],
    ['blocking HLS without parts', 'll-hls', { segmentMs: 2000, canBlock: true }],
    ['low-latency HLS', 'll-hls', { segmentMs: 2000, partMs: 400, canBlock: true }],
    ['DASH', 'dash', { segmentMs: 2000 }],
    ['low-latency DASH', 'dash', { segmentMs: 2000, partMs: 400 }],
    ['Segments of 6 s', 'hls', { segmentMs: 6000 }],
  ])('%s: within 2 %% over 24 s, nothing late', (_, kind, shape) => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 1e6 }), (viewers, seed) => {
        const stream = new SwarmStream(shape);
        const theatre = crowd(stream, kind, viewers, seed);
        // Joined and its buffer full.
        const fromMs = NOON_MS + 12_000;
        theatre.playUntil(fromMs + 24_000);
        const rate = theatre.between(fromMs, fromMs + 24_000).length / 24;
        const expected = viewers * requestsPerSecond(kind, factsOf(stream));
        expect(rate / expected).toBeGreaterThan(0.98);
        expect(rate / expected).toBeLessThan(1.02);
        expect(theatre.late).toEqual([]);
      }),
      { numRuns: 3 },
    );
  });

  test('the figures of the README: 2 requests a second by HLS, 10 with parts of 0.4 s, 1.5 by DASH', () => {
    const [normal, low] = [
      new SwarmStream({ segmentMs: 2000 }),
      new SwarmStream({ segmentMs: 2000, partMs: 400, canBlock: true }),
    ];
    expect(requestsPerSecond('hls', factsOf(normal))).toBe(2);
    expect(requestsPerSecond('ll-hls', factsOf(low))).toBe(10);
    expect(requestsPerSecond('dash', factsOf(low))).toBe(1.5);
  });
});

describe('a crowd', () => {
  test('is replayed by its seed, request by request; another seed is another crowd', () => {
    const run = (seed: number) => {
      const theatre = crowd(new SwarmStream({ segmentMs: 2000 }), 'hls', 5, seed, 10_000);
      theatre.playUntil(NOON_MS + 40_000);
      return theatre.sent.map(({ atMs, viewer, ask }) => `${atMs} ${viewer} ${ask.url}`);
    };
    expect(run(7)).toEqual(run(7));
    expect(run(7)).not.toEqual(run(8));
  });

  test('is no drum: polls are spread over the target duration', () => {
    const theatre = crowd(new SwarmStream({ segmentMs: 2000 }), 'hls', 200, 1);
    theatre.playUntil(NOON_MS + 14_000);
    const tenths = new Map<number, number>();
    for (const { atMs, ask } of theatre.between(NOON_MS + 10_000, NOON_MS + 14_000)) {
      if (ask.kind !== 'playlist') continue;
      const tenth = Math.floor((atMs % 2000) / 200);
      tenths.set(tenth, (tenths.get(tenth) ?? 0) + 1);
    }
    // 800 polls in ten bins.
    expect(tenths.size).toBe(10);
    expect(Math.max(...tenths.values())).toBeLessThan(160);
  });

  test('that joins within a second asks for no object that a crowd of one does not', () => {
    const objects = (viewers: number) => {
      const theatre = new Theatre(new SwarmStream({ segmentMs: 2000, canBlock: true }));
      for (let n = 0; n < viewers; n += 1) theatre.join('ll-hls', NOON_MS + 900 + n, 1);
      theatre.playUntil(NOON_MS + 1950);
      return new Set(theatre.sent.filter(({ ask }) => ask.lane === 1).map(({ ask }) => ask.url));
    };
    expect([...objects(300)].toSorted()).toEqual([...objects(1)].toSorted());
  });
});
