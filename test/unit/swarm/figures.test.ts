import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cacheFacts } from '../../../src/swarm/cache-facts.ts';
import { passCeiling } from '../../../src/swarm/ceiling.ts';
import { isLoopback, mayLoad } from '../../../src/swarm/consent.ts';
import { readDash } from '../../../src/swarm/dash-list.ts';
import { readHls } from '../../../src/swarm/hls-list.ts';
import { Ledger } from '../../../src/swarm/ledger.ts';
import { countsBetween, originCounts, total } from '../../../src/swarm/origin-metrics.ts';
import {
  type Mix,
  planSwarm,
  planText,
  type StreamFacts,
  type SwarmWish,
  splitByMix,
} from '../../../src/swarm/plan.ts';
import { phaseReport, swarmText } from '../../../src/swarm/report.ts';
import { Spread } from '../../../src/swarm/spread.ts';
import { TextDesk } from '../../../src/swarm/text-desk.ts';
import { BASE, NOON_MS, SwarmStream } from '../../fakes/swarm-stream.ts';

const MIX: Mix = { hls: 60, 'll-hls': 30, dash: 10 };
const WISH: SwarmWish = {
  ...{ hlsUrl: `${BASE}master.m3u8`, mpdUrl: `${BASE}manifest.mpd`, viewers: 100, mix: MIX, durationMs: 60_000 },
  ...{ rampMs: 5000, spike: undefined, thinkMs: 60_000, connections: undefined, maxRequestsPerSecond: 5000, seed: 1 },
  metricsUrl: undefined,
  edgeLogFile: undefined,
};

function facts(shape: ConstructorParameters<typeof SwarmStream>[0] = { segmentMs: 2000 }): StreamFacts {
  const stream = new SwarmStream(shape);
  const hls = readHls(stream.list(NOON_MS), `${BASE}v1/media.m3u8`, '1');
  const mpd = readDash(stream.mpd(), WISH.mpdUrl, '1');
  if (hls.kind !== 'list' || mpd === undefined) throw new Error('the stream cannot be read');
  return { hls: { list: hls.list, lanes: 2 }, dash: { mpd, lanes: 2 } };
}

describe('what a cache says', () => {
  test.each([
    [{ 'cache-status': '"varnish"; hit; ttl=3' }, 'hit'],
    [{ 'cache-status': '"shield"; fwd=uri-miss; stored, "edge"; hit' }, 'hit'],
    [{ 'cache-status': '"edge"; fwd=uri-miss; collapsed' }, 'hit'],
    [{ 'cache-status': '"edge"; fwd=uri-miss; fwd-status=200; stored' }, 'miss'],
    // RFC 9211 wins over what older fields say.
    [{ 'cache-status': '"edge"; fwd=stale', 'x-cache': 'HIT', age: '3' }, 'miss'],
    [{ 'x-cache': 'HIT' }, 'hit'],
    [{ 'x-cache': 'Hit from cloudfront' }, 'hit'],
    [{ 'x-cache': 'TCP_HIT from a.example' }, 'hit'],
    [{ 'x-cache': 'MISS' }, 'miss'],
    [{ 'x-cache': 'pass' }, 'miss'],
    [{ 'x-cache': 'EXPIRED' }, 'miss'],
    [{ 'x-cache': 'UPDATING' }, 'hit'],
    [{ age: '4' }, 'hit'],
    [{ age: '0' }, 'unknown'],
    [{}, 'unknown'],
  ])('%j: %s', (headers, outcome) => {
    expect(cacheFacts(headers).outcome).toBe(outcome);
  });

  test('RFC 9213, RFC 9111 5.2.2.10: CDN-Cache-Control before s-maxage before max-age', () => {
    const common = 'public, max-age=1, s-maxage=7, stale-if-error=300';
    expect(cacheFacts({ 'cache-control': common, 'cdn-cache-control': 'max-age=12' }).lifetimeS).toBe(12);
    expect(cacheFacts({ 'cache-control': common }).lifetimeS).toBe(7);
    expect(cacheFacts({ 'cache-control': 'public, max-age=86400, immutable' }).lifetimeS).toBe(86_400);
    expect(cacheFacts({ 'cache-control': 'no-store' }).lifetimeS).toBeUndefined();
  });
});

test('a spread names percentiles within 5 %, never above the largest', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.2, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 300 }),
      (values) => {
        const spread = new Spread();
        for (const value of values) spread.add(value);
        const sorted = values.toSorted((a, b) => a - b);
        for (const share of [0.5, 0.95, 0.99]) {
          const exact = sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
          expect(spread.percentile(share)).toBeGreaterThanOrEqual(exact * 0.999);
          expect(spread.percentile(share)).toBeLessThanOrEqual(Math.min(exact * 1.051, sorted.at(-1) ?? 0));
        }
      },
    ),
  );
});

test('the ceiling lets no more through in any second than it says, and a quarter of it at once', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 4, max: 500 }),
      fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 400 }),
      (perSecond, times) => {
        let ceiling = { perSecond, evenMs: 0 };
        const sent = times
          .toSorted((a, b) => a - b)
          .map((nowMs) => {
            const passed = passCeiling(ceiling, nowMs);
            ceiling = passed.ceiling;
            return nowMs + passed.waitMs;
          });
        for (const [index, fromMs] of sent.entries()) {
          const within = sent.slice(index).filter((atMs) => atMs < fromMs + 1000).length;
          expect(within).toBeLessThanOrEqual(1.25 * perSecond + 1);
        }
      },
    ),
  );
  expect(passCeiling({ perSecond: 10, evenMs: 0 }, 1000).waitMs).toBe(0);
});

describe('whom a swarm may load', () => {
  test.each(['127.0.0.1', '127.8.9.10', 'localhost', '[::1]', 'LOCALHOST'])('%s is this machine', (host) => {
    expect(isLoopback(host)).toBe(true);
  });
  test.each(['10.0.0.1', '127.0.0.1.example.com', 'localhost.example.com', '1127.0.0.1', 'example.com', '::2'])(
    '%s is not',
    (host) => {
      expect(mayLoad(host, undefined)).toBe(false);
    },
  );
  test('another host alone that was named', () => {
    expect(mayLoad('edge.example', 'Edge.example')).toBe(true);
    expect(mayLoad('other.example', 'edge.example')).toBe(false);
  });
});

describe('the plan', () => {
  test('splits whole viewers by the mix, none lost', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 20_000 }),
        fc.tuple(fc.nat(100), fc.nat(100), fc.integer({ min: 1, max: 100 })),
        (n, [a, b, c]) => {
          const counts = splitByMix(n, { hls: a, 'll-hls': b, dash: c });
          expect(counts.hls + counts['ll-hls'] + counts.dash).toBe(n);
          expect(Math.abs(counts.hls - (n * a) / (a + b + c))).toBeLessThan(1);
        },
      ),
    );
  });

  test('says target, viewers, rate and ceiling before anything is done', () => {
    const plan = planSwarm({ ...WISH, spike: { viewers: 500, atMs: 30_000, what: 'join' } }, facts(), 20_000);
    expect(plan.capped).toEqual([]);
    expect(planText(plan).join('\n')).toMatch(
      /master\.m3u8 and .*manifest\.mpd\n100 viewers \(60 hls, 30 ll-hls, 10 dash\)/,
    );
    expect(planText(plan).join('\n')).toContain('At 30 s 500 viewers join within a second.');
    expect(planText(plan).join('\n')).toContain('about 195 requests a second');
    expect(planText(plan).join('\n')).toContain('never more than 5000 a second');
  });

  test('is held back by open files, by the ceiling, by its own limit, and says which', () => {
    const files = planSwarm({ ...WISH, viewers: 800 }, facts(), 1100);
    expect([files.viewers, files.sockets, files.capped.length]).toEqual([500, 1000, 1]);
    expect(files.capped[0]).toContain('ulimit');
    const rate = planSwarm({ ...WISH, viewers: 800, maxRequestsPerSecond: 195 }, facts(), 1100);
    expect(rate.viewers).toBe(100);
    expect(rate.capped[0]).toContain('--max-rate');
    const most = planSwarm({ ...WISH, viewers: 1_000_000, maxRequestsPerSecond: 1e6 }, facts(), 1e9);
    expect(most.viewers).toBe(20_000);
    expect(most.maxRequestsPerSecond).toBe(50_000);
    expect(most.capped).toHaveLength(2);
    expect(planSwarm({ ...WISH, durationMs: 1e9 }, facts(), 20_000).durationMs).toBe(3_600_000);
  });

  test('a spike of joins counts against the same limits; of those who are there it takes no more than there are', () => {
    const joins = planSwarm({ ...WISH, spike: { viewers: 900, atMs: 1, what: 'join' } }, facts(), 1100);
    expect([joins.viewers, joins.spike?.viewers, splitSum(joins.joinCounts)]).toEqual([100, 400, 400]);
    const reloads = planSwarm({ ...WISH, spike: { viewers: 900, atMs: 1, what: 'reload' } }, facts(), 1100);
    expect([reloads.spike?.viewers, splitSum(reloads.joinCounts)]).toEqual([100, 0]);
  });

  test('gives what is held or grows its own connection, whatever --connections says', () => {
    const low = planSwarm({ ...WISH, connections: 1 }, facts({ segmentMs: 2000, partMs: 400, canBlock: true }), 20_000);
    expect(low.connectionsOf).toEqual({ hls: 1, 'll-hls': 4, dash: 3 });
    expect(planSwarm({ ...WISH, connections: 9 }, facts(), 20_000).connectionsOf.hls).toBe(6);
  });
});

const splitSum = (mix: Mix) => mix.hls + mix['ll-hls'] + mix.dash;

describe('the books', () => {
  const exchange = { status: 200, headers: {}, bytes: 100, isGzip: false, tookMs: 5, fault: undefined };

  test('count by kind: requests, objects, outcomes, bytes, gzip, errors by name, late', () => {
    const ledger = new Ledger();
    const control = { 'cdn-cache-control': 'max-age=1' };
    ledger.took('playlist', 'a', { ...exchange, headers: { ...control, age: '1' }, isGzip: true });
    ledger.took('playlist', 'a', { ...exchange, headers: { ...control, 'x-cache': 'MISS' } });
    ledger.took('segment', 's', { ...exchange, status: 404 });
    ledger.took('segment', 's', { ...exchange, status: 0, fault: 'CUT' });
    ledger.cameLate('segment', 700);
    const { playlist, segment } = ledger.figures();
    expect(playlist).toMatchObject({
      requests: 2,
      objects: 1,
      hits: 1,
      misses: 1,
      gzipped: 1,
      bytes: 200,
      lifetimeS: 1,
    });
    expect(segment).toMatchObject({ requests: 2, errors: { 404: 1, CUT: 1 }, late: 1, lateMaxMs: 700 });
    expect(ledger.requests).toBe(4);
  });

  test('objects a second: media once, lists once a lifetime, and no more than were asked for', () => {
    const ledger = new Ledger();
    const headers = { 'cache-control': 'max-age=2' };
    for (let n = 0; n < 100; n += 1) ledger.took('playlist', `list${n % 2}`, { ...exchange, headers });
    for (let n = 0; n < 100; n += 1) ledger.took('segment', `${n % 10}`, { ...exchange, headers });
    for (let n = 0; n < 3; n += 1) ledger.took('mpd', 'm', { ...exchange, headers });
    ledger.took('time', '/time', exchange);
    const plan = planSwarm(WISH, facts(), 20_000);
    const phase = {
      name: 'watching',
      seconds: 10,
      viewers: 100,
      ledger,
      origin: { 'hls-media': 5, segment: 5 },
    } as const;
    const report = phaseReport(phase, plan, facts());
    expect(report.objectsPerSecond).toBeCloseTo(2 / 2 + 10 / 10 + 0.3, 6);
    expect(report.origin).toMatchObject({ requests: 10, perSecond: 1 });
    expect(report.origin?.offload).toBeCloseTo(1 - 10 / 204, 6);
    expect(report.expectedPerSecond).toBeCloseTo(195, 6);
    const text = swarmText({ plan, seconds: 10, wasStopped: false, rssMb: 80, cpuSeconds: 1, phases: [report] });
    expect(text).toContain('watching: 10.0 s, 100 viewers, 204 requests, 20.4 a second (195.0 by arithmetic)');
    expect(text).toContain('origin: 10 requests, 1.00 a second (hls-media 5, segment 5), offload 95.10 %');
  });

  test("the origin's own count is read from its metrics, by kind, against an earlier reading", () => {
    const text = (n: number) =>
      `# HELP x y\npitchside_http_responses_total{kind="segment",status="200"} ${n}\npitchside_http_responses_total{kind="segment",status="404"} 2\npitchside_http_response_bytes_total{kind="segment"} 9\npitchside_http_responses_total{kind="dash",status="200"} 1\n`;
    const grown = countsBetween(originCounts(text(3)), originCounts(text(10)));
    expect(grown).toEqual({ segment: 7 });
    expect(total(originCounts(text(3)))).toBe(6);
  });
});

describe('texts', () => {
  test('the same bytes are read once for everybody, also under other directives', () => {
    const desk = new TextDesk();
    const body = Buffer.from(new SwarmStream({ segmentMs: 2000 }).list(NOON_MS));
    const one = desk.read('playlist', `${BASE}v1/media.m3u8`, body, false, NOON_MS);
    const other = desk.read('blocked', `${BASE}v1/media.m3u8?_HLS_msn=4`, Buffer.from(body), false, NOON_MS);
    expect(one).toBeDefined();
    expect(other).toBe(one);
  });

  test('what is not what it says is no text: broken gzip, a page, a clock of another day, a list without Segments', () => {
    const desk = new TextDesk();
    expect(desk.read('playlist', 'http://h/a', Buffer.from('no gzip'), true, NOON_MS)).toBeUndefined();
    expect(desk.read('playlist', 'http://h/b', Buffer.from('<html>'), false, NOON_MS)).toBeUndefined();
    expect(desk.read('mpd', 'http://h/c', Buffer.from('<html/>'), false, NOON_MS)).toBeUndefined();
    expect(desk.read('time', 'http://h/time', Buffer.from('2020-01-01T00:00:00Z'), false, NOON_MS)).toBeUndefined();
    expect(desk.read('multivariant', 'http://h/d', Buffer.from('#EXTM3U\n'), false, NOON_MS)).toBeUndefined();
  });
});
