import { describe, expect, it } from 'vitest';
import { type CachePolicy, cachePolicy, OBJECT_KINDS, OUTCOMES } from '../../../src/origin/cache-policy.ts';

const maxAge = (field: string): number => Number(/(?:^|[ ,])max-age=(\d+)/.exec(field)?.[1] ?? Number.NaN);
const every = OBJECT_KINDS.flatMap((kind) =>
  OUTCOMES.map((outcome) => ({ kind, outcome, ...cachePolicy(kind, outcome) })),
);
const of = (...outcomes: string[]) => every.filter((row) => outcomes.includes(row.outcome));

function markdown(): string {
  const lines = [
    '| kind | outcome | status | Cache-Control | CDN-Cache-Control | Retry-After | why |',
    '|---|---|---|---|---|---|---|',
  ];
  for (const outcome of OUTCOMES) {
    const groups = new Map<string, { kinds: string[]; row: CachePolicy }>();
    for (const kind of OBJECT_KINDS) {
      const row = cachePolicy(kind, outcome);
      const group = groups.get(JSON.stringify(row)) ?? { kinds: [], row };
      group.kinds.push(kind);
      groups.set(JSON.stringify(row), group);
    }
    for (const { kinds, row } of groups.values()) {
      const who = kinds.length === OBJECT_KINDS.length ? 'every' : kinds.join(', ');
      const retry = row.retryAfterSeconds ?? '';
      lines.push(
        `| ${who} | ${outcome} | ${row.status} | ${row.cacheControl} | ${row.cdnCacheControl} | ${retry} | ${row.why} |`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}

it('is this table', async () => {
  await expect(markdown()).toMatchFileSnapshot('../../golden/cache-policy.md');
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
    for (const status of [200, 204, 206, 304, 400, 401, 403, 404, 405, 408, 410, 412, 414, 416, 431, 500, 503]) {
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

  it('MUST: a 304 says what the 200 says (RFC 9110 15.4.5)', () => {
    for (const kind of OBJECT_KINDS) {
      expect(cachePolicy(kind, 'not-modified').cacheControl).toBe(cachePolicy(kind, 'ok').cacheControl);
    }
  });
});

it('401 and 403 are always no-store', () => {
  for (const row of of('unauthorized', 'forbidden')) expect(row.cacheControl).toBe('no-store');
});

it('never no-store, no-cache or private on a playlist or MPD that is there: caches would stop collapsing', () => {
  for (const row of of('ok')) if (row.kind !== 'other') expect(row.cacheControl).not.toMatch(/no-|private|max-age=0/);
});
