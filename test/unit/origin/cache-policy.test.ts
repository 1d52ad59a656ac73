import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cachePolicy, OBJECT_KINDS, OUTCOMES } from '../../../src/origin/cache-policy.ts';
import { withCachePolicy } from '../../../src/origin/cache-policy-table.ts';

const maxAge = (field: string): number => Number(/(?:^|[ ,])max-age=(\d+)/.exec(field)?.[1] ?? Number.NaN);
const every = OBJECT_KINDS.flatMap((kind) =>
  OUTCOMES.map((outcome) => ({ kind, outcome, ...cachePolicy(kind, outcome) })),
);
const of = (...outcomes: string[]) => every.filter((row) => outcomes.includes(row.outcome));

it('is what docker/README.md says: run `npm run docs` after a change', () => {
  const readme = readFileSync(new URL('../../../docker/README.md', import.meta.url), 'utf8');
  expect(withCachePolicy(readme)).toBe(readme);
  expect(() => withCachePolicy('no markers')).toThrow(RangeError);
});

it('as a table has a row for each policy there is, with its reason', () => {
  const marked = '<!-- cache policy: printed by npm run docs -->\n<!-- /cache policy -->\n';
  const table = withCachePolicy(marked);
  for (const row of every) {
    const cells = [row.cacheControl, row.cdnCacheControl, row.why];
    expect(table.split('\n').some((line) => cells.every((cell) => line.includes(cell)))).toBe(true);
  }
});

describe('checklist 6', () => {
  it('MUST: every kind and outcome has an explicit Cache-Control, the same for shared caches, and a reason', () => {
    expect(every).toHaveLength(OBJECT_KINDS.length * OUTCOMES.length);
    for (const row of every) {
      expect(row.cacheControl).toMatch(/^(public, max-age=\d+|no-store)/);
      expect(row.cdnCacheControl).toMatch(/^(max-age=\d+|no-store)/);
      expect(row.cacheControl === 'no-store').toBe(row.cdnCacheControl === 'no-store');
      expect(row.why.length).toBeGreaterThan(10);
    }
  });

  it('MUST: covers every status that the origin answers', () => {
    const statuses = new Set(every.map((row) => row.status));
    for (const status of [200, 204, 206, 304, 400, 401, 403, 404, 405, 408, 410, 412, 414, 416, 431, 500, 501, 503]) {
      expect(statuses).toContain(status);
    }
  });

  it('MUST: 404 at the live edge lives 1 s, 410 at most 60 s, 503 is no-store with Retry-After', () => {
    for (const row of of('not-yet')) expect(maxAge(row.cacheControl)).toBe(1);
    for (const row of of('unknown')) expect(maxAge(row.cacheControl)).toBe(row.kind === 'other' ? 5 : 1);
    for (const row of of('unknown-channel')) expect(maxAge(row.cacheControl)).toBe(5);
    for (const row of of('gone')) expect(maxAge(row.cacheControl)).toBe(60);
    for (const row of of('withdrawn')) expect(maxAge(row.cacheControl)).toBe(5);
    for (const row of of('overloaded', 'expired')) {
      expect([row.status, row.cacheControl, row.retryAfterSeconds]).toEqual([503, 'no-store', 1]);
    }
  });

  it('MUST: playlists without directives live TD/2 (1 s); an MPD never longer than minimumUpdatePeriod', () => {
    for (const kind of ['hls-media', 'hls-dvr-media'] as const) {
      expect(maxAge(cachePolicy(kind, 'ok').cacheControl)).toBe(1);
      expect(maxAge(cachePolicy(kind, 'ok').cdnCacheControl)).toBe(1);
    }
    for (const kind of ['dash', 'dash-dvr'] as const)
      expect(maxAge(cachePolicy(kind, 'ok').cacheControl)).toBeLessThanOrEqual(2);
  });

  it('MUST: the answer to a blocking request lives 6 x TD (RFC 8216bis, appendix B), for browsers and for CDNs', () => {
    for (const outcome of ['ok', 'not-modified'] as const) {
      const { cacheControl, cdnCacheControl } = cachePolicy('hls-blocked', outcome);
      expect([cacheControl, cdnCacheControl]).toEqual(['public, max-age=12', 'max-age=12']);
    }
  });

  it('MUST: media is immutable for a day, in 200, 206 and 304 alike', () => {
    for (const row of of('ok', 'partial', 'not-modified')) {
      if (!['init', 'segment', 'part'].includes(row.kind)) continue;
      expect(row.cacheControl).toBe('public, max-age=86400, immutable');
    }
  });

  it('MUST: the multivariant playlist lives 5 s, 30 s in a CDN; both may outlive a dead origin by 5 min (RFC 5861 4)', () => {
    for (const kind of ['hls-master', 'hls-dvr-master'] as const) {
      const { cacheControl, cdnCacheControl } = cachePolicy(kind, 'ok');
      expect(cacheControl).toBe('public, max-age=5, stale-if-error=300');
      expect(cdnCacheControl).toBe('max-age=30, stale-if-error=300');
    }
  });

  it('MUST: stale-if-error of what moves is at most 3 x TD, and no error or blocked answer has it', () => {
    const stale = (field: string) => Number(/stale-if-error=(\d+)/.exec(field)?.[1] ?? 0);
    for (const row of every) {
      const isFound = row.outcome === 'ok' || row.outcome === 'partial' || row.outcome === 'not-modified';
      const allowed = isFound ? { 'hls-master': 300, 'hls-dvr-master': 300 }[row.kind as string] : 0;
      const most = ['hls-media', 'hls-dvr-media', 'dash', 'dash-dvr'].includes(row.kind) && isFound ? 6 : 0;
      expect(stale(row.cacheControl)).toBe(allowed ?? most);
      expect(stale(row.cdnCacheControl)).toBe(allowed ?? most);
      expect(row.cacheControl).not.toMatch(/stale-while-revalidate|s-maxage/);
    }
  });

  it('MUST: what is storable by default (RFC 9110 15.1) and is an error says how long, or that it is not', () => {
    for (const row of every.filter(({ status }) => [404, 405, 410, 414, 501].includes(status)))
      expect(row.cacheControl === 'no-store' || maxAge(row.cacheControl) <= 60).toBe(true);
  });

  it('MUST: a 304 says what the 200 says (RFC 9110 15.4.5)', () => {
    for (const kind of OBJECT_KINDS) {
      expect(cachePolicy(kind, 'not-modified').cacheControl).toBe(cachePolicy(kind, 'ok').cacheControl);
    }
  });
});

it('401 and 403 are always no-store', () => {
  for (const row of of('unauthorized', 'forbidden', 'locked')) expect(row.cacheControl).toBe('no-store');
});

it('never no-store, no-cache or private on a playlist or MPD that is there: caches would stop collapsing', () => {
  for (const row of of('ok')) if (row.kind !== 'other') expect(row.cacheControl).not.toMatch(/no-|private|max-age=0/);
});
