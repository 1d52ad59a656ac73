/**
 * What the origin itself counts, read from its /metrics (Prometheus text format). Pure but for the one request.
 * It never adds what is not the origin's. Invariant: counters are compared with an earlier reading of the same process.
 */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';

/** Responses by kind of object, all statuses. */
export type OriginCounts = Readonly<Record<string, number>>;

const RESPONSES = /^pitchside_http_responses_total\{([^}]*)\} (\d+(?:\.\d+)?(?:e\+?\d+)?)$/gm;

export function originCounts(text: string): OriginCounts {
  const counts: Record<string, number> = {};
  for (const [, labels = '', value = '0'] of text.matchAll(RESPONSES)) {
    const kind = /(?:^|,)kind="([^"]*)"/.exec(labels)?.[1] ?? 'other';
    counts[kind] = (counts[kind] ?? 0) + Number(value);
  }
  return counts;
}

export function countsBetween(before: OriginCounts, after: OriginCounts): OriginCounts {
  const grown = Object.entries(after).map(([kind, count]) => [kind, count - (before[kind] ?? 0)] as const);
  return Object.fromEntries(grown.filter(([, count]) => count > 0));
}

export function total(counts: OriginCounts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** Undefined when it does not answer with metrics. */
export async function readOriginCounts(url: string): Promise<OriginCounts | undefined> {
  try {
    const request = get(url, { timeout: 5000, agent: false });
    request.on('timeout', () => request.destroy(new Error('no answer for 5 s')));
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let text = '';
    response.setEncoding('utf8');
    for await (const chunk of response) text += chunk;
    return response.statusCode === 200 ? originCounts(text) : undefined;
  } catch {
    // The report says that there was nothing to read.
    return undefined;
  }
}
