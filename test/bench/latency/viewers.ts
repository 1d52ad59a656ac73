/**
 * A process of its own: viewers as to requests. Each plays one video and one audio rendition of the HLS stream like an LL-HLS player:
 * a blocking reload always waiting, the hinted part asked for before it exists; without parts it reloads and takes each new Segment.
 *
 *   viewers.ts URL COUNT      URL of the master playlist; https means HTTP/2, one connection a viewer
 *
 * stdout, each second, from the start on: {"requests", "byStatus", "lag": {"p50", "p95", "count"}}. Lag is from the end of a unit's last
 * frame in media time (UTC of its arrival over RTMP) to the last byte of the answer, in ms. Without parts the first viewer asks for
 * each Segment before it exists, so that the lag is the server's and not that of the reload.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { percentile } from './figures.ts';
import { firstVariant, type MediaUnit, readPlaylist } from './live-playlist.ts';
import { openSource, type Source } from './media-source.ts';

const KEPT_LAGS = 20_000;
const utcMs = (): number => performance.timeOrigin + performance.now();

const byStatus: Record<number, number> = {};
const lags: number[] = [];
let requests = 0;

async function ask(source: Source, url: string): Promise<string | undefined> {
  requests += 1;
  const { status, body } = await source.get(url);
  byStatus[status] = (byStatus[status] ?? 0) + 1;
  return status === 200 ? body : undefined;
}

/** When units ended to arrive, until a playlist tells when they ended to happen. */
class Arrivals {
  readonly #atMs = new Map<string, number>();

  isAsked(uri: string): boolean {
    return this.#atMs.has(uri);
  }

  async fetch(source: Source, base: string, uri: string): Promise<void> {
    this.#atMs.set(uri, Number.NaN);
    if ((await ask(source, new URL(uri, base).href)) !== undefined) this.#atMs.set(uri, utcMs());
  }

  settle(units: readonly MediaUnit[]): void {
    for (const { uri, endMs } of units) {
      const atMs = this.#atMs.get(uri);
      if (atMs === undefined || Number.isNaN(atMs - endMs)) continue;
      this.#atMs.set(uri, Number.NaN);
      if (lags.length < KEPT_LAGS) lags.push(atMs - endMs);
    }
    for (const uri of [...this.#atMs.keys()].slice(0, -200)) this.#atMs.delete(uri);
  }
}

/** `/GEN/NUMBER.m4s` of the next number. */
const following = (uri: string): string => uri.replace(/(\d+)(\.m4s)$/, (_, n, rest) => `${Number(n) + 1}${rest}`);

async function playRendition(source: Source, url: string, isFirst: boolean): Promise<never> {
  const arrivals = new Arrivals();
  let query = '';
  for (;;) {
    const text = await ask(source, url + query);
    if (text === undefined) {
      query = '';
      await sleep(500);
      continue;
    }
    const list = readPlaylist(text);
    // The reload of those who do not wait would be in their lags.
    arrivals.settle(isFirst ? [...list.parts, ...list.segments] : list.parts);
    if (list.hint !== undefined && !arrivals.isAsked(list.hint)) void arrivals.fetch(source, url, list.hint);
    if (list.canBlock && list.parts.length > 0) {
      query = `?_HLS_msn=${list.next.msn}&_HLS_part=${list.next.part}`;
      continue;
    }
    const newest = list.segments.at(-1)?.uri;
    const wanted = newest === undefined ? undefined : isFirst ? following(newest) : newest;
    if (wanted !== undefined && !arrivals.isAsked(wanted)) await arrivals.fetch(source, url, wanted);
    // Half a target duration after a list that may not have changed (RFC 8216bis 6.3.4); the first viewer has just waited.
    await sleep(isFirst ? 50 : list.targetSeconds * 500);
  }
}

async function view(master: string, isFirst: boolean): Promise<void> {
  const source = openSource(master);
  const variant = firstVariant((await ask(source, master)) ?? '');
  if (variant === undefined) throw new Error(`${master} is no multivariant playlist`);
  const renditions = [variant.video, ...(variant.audio === undefined ? [] : [variant.audio])];
  await Promise.all(renditions.map((uri) => playRendition(source, new URL(uri, master).href, isFirst)));
}

const [, , master = '', count = '1'] = process.argv;
setInterval(() => {
  const lag = { p50: percentile(lags, 0.5), p95: percentile(lags, 0.95), count: lags.length };
  process.stdout.write(`${JSON.stringify({ requests, byStatus, lag })}\n`);
}, 1000);
await Promise.all(Array.from({ length: Number(count) }, (_, i) => view(master, i === 0)));
