/**
 * Whether a cache answered, and how long an answer lives, by its header fields. Pure.
 * It never guesses: without a word of a cache the answer is unknown. Invariant: `hit` means that the origin was not asked.
 */

type CacheOutcome = 'hit' | 'miss' | 'unknown';

/** Names in lower case, as node:http gives them. */
export type HeaderFields = Readonly<Record<string, string | readonly string[] | undefined>>;

function fieldOf(headers: HeaderFields, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : value?.join(', ');
}

export interface CacheFacts {
  readonly outcome: CacheOutcome;
  /** Seconds that a shared cache may keep it; undefined: not said. */
  readonly lifetimeS: number | undefined;
}

/** The same fields are handed out for many answers. */
const known = new WeakMap<HeaderFields, CacheFacts>();

export function cacheFacts(headers: HeaderFields): CacheFacts {
  const same = known.get(headers);
  if (same !== undefined) return same;
  const facts = { outcome: cacheOutcome(headers), lifetimeS: sharedLifetimeS(headers) };
  known.set(headers, facts);
  return facts;
}

/** By Cache-Status (RFC 9211), else X-Cache, else Age. */
function cacheOutcome(headers: HeaderFields): CacheOutcome {
  const status = fieldOf(headers, 'cache-status');
  if (status !== undefined) return byCacheStatus(status);
  const said = fieldOf(headers, 'x-cache');
  if (said !== undefined) return wordOutcome(said);
  // RFC 9111 5.1: Age "implies that the response was not generated or validated by the origin server for this request";
  // a cache that has just fetched says 0, and so does one that fetched less than a second ago.
  const age = Number(fieldOf(headers, 'age'));
  return age > 0 ? 'hit' : 'unknown';
}

/** RFC 9211 2: a list, the cache nearest to the origin first. One that hit, or waited for another's fetch, kept the origin out of it. */
function byCacheStatus(text: string): CacheOutcome {
  const caches = text.split(',').map((member) => member.split(';').map((part) => part.trim()));
  if (caches.some((cache) => cache.includes('hit') || cache.includes('collapsed') || cache.includes('collapsed=?1')))
    return 'hit';
  return caches.some((cache) => cache.some((part) => part.startsWith('fwd='))) ? 'miss' : 'unknown';
}

/** `HIT`, `Hit from cloudfront`, `TCP_HIT`, and of nginx the stale ones, which asked nobody either. */
export function wordOutcome(text: string): CacheOutcome {
  if (/\b(tcp_)?\w*hit\b|\bstale\b|\bupdating\b/i.test(text)) return 'hit';
  return /miss|pass|expired|bypass|revalidated/i.test(text) ? 'miss' : 'unknown';
}

/** RFC 9213, RFC 9111 5.2.2.10. */
function sharedLifetimeS(headers: HeaderFields): number | undefined {
  const targeted = fieldOf(headers, 'cdn-cache-control');
  const common = fieldOf(headers, 'cache-control') ?? '';
  const found = /(?:^|[ ,])max-age=(\d+)/.exec(targeted ?? '') ?? /s-maxage=(\d+)/.exec(common);
  const seconds = found?.[1] ?? /(?:^|[ ,])max-age=(\d+)/.exec(common)?.[1];
  return seconds === undefined ? undefined : Number(seconds);
}
