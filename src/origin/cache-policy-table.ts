/**
 * The cache policy as Markdown, from the table that the code runs by, for docker/README.md.
 * It never reads or writes a file. Invariant: what is printed is the whole table, rows that say the same as one.
 */
import { type CachePolicy, cachePolicy, OBJECT_KINDS, OUTCOMES, type Outcome } from './cache-policy.ts';

const BEGIN = '<!-- cache policy: printed by npm run docs -->\n';
const END = '<!-- /cache policy -->\n';

/** The README with the table between its markers. Throws RangeError when a marker is missing. */
export function withCachePolicy(readme: string): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) throw new RangeError(`the markers ${BEGIN.trim()} and ${END.trim()} are missing`);
  return readme.slice(0, begin + BEGIN.length) + policyTable() + readme.slice(end);
}

/** 206 and 304 say what their 200 says (RFC 9110 15.4.5), so they stand beside it. */
const SAME_AS_OK: readonly Outcome[] = ['partial', 'not-modified'];

function policyTable(): string {
  const outcomes = OUTCOMES.filter((outcome) => !SAME_AS_OK.includes(outcome));
  return [
    '| what | outcome | status | Cache-Control | CDN-Cache-Control, Surrogate-Control | why |\n|---|---|---|---|---|---|\n',
    ...outcomes.flatMap(rowsOf),
  ].join('');
}

function rowsOf(outcome: Outcome): string[] {
  const groups = new Map<string, { readonly kinds: string[]; readonly row: CachePolicy }>();
  for (const kind of OBJECT_KINDS) {
    const row = cachePolicy(kind, outcome);
    const name = JSON.stringify(row);
    const group = groups.get(name) ?? { kinds: [], row };
    group.kinds.push(kind);
    groups.set(name, group);
  }
  return [...groups.values()].map(({ kinds, row }) => {
    const what = kinds.length === OBJECT_KINDS.length ? 'everything' : kinds.join(', ');
    const status = outcome === 'ok' ? '200, 206, 304' : String(row.status);
    const retry = row.retryAfterSeconds === undefined ? '' : `; Retry-After: ${row.retryAfterSeconds}`;
    return `| ${what} | ${outcome} | ${status} | ${row.cacheControl}${retry} | ${row.cdnCacheControl} | ${row.why} |\n`;
  });
}
