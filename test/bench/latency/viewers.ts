/**
 * A process of its own: viewers as to requests. Each plays one video and one audio rendition of the HLS stream like an LL-HLS player:
 * a blocking reload always waiting, the hinted part asked for before it exists; without parts it reloads and takes each new Segment.
 *
 *   viewers.ts URL COUNT      URL of the master playlist; https means HTTP/2, one connection a viewer
 *
 * stdout, each second, from the start on: {"requests", "byStatus", "lag", "growing"}, the last two {"p50", "p95", "count"}. Lag is from the end of a unit's last
 * frame in media time (UTC of its arrival over RTMP) to the last byte of the answer, in ms. Without parts the first viewer asks for
 * each Segment before it exists, so that the lag is the server's and not that of the reload; with parts it also reads each Segment while
 * it grows, as LL-DASH players do, and `growing` is the lag of each chunk in it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CmafStreamReader } from '../../../src/cmaf/isobmff/stream.ts';
import { percentile } from './figures.ts';
import { firstVariant, type MediaUnit, readPlaylist } from './live-playlist.ts';
import { openSource, type Source } from './media-source.ts';

const KEPT_LAGS = 20_000;
const utcMs = (): number => performance.timeOrigin + performance.now();

const byStatus: Record<number, number> = {};
const lags: number[] = [];
const growingLags: number[] = [];
let requests = 0;

async function ask(source: Source, url: string, onBytes?: (bytes: Buffer) => void): Promise<Buffer | undefined> {
  requests += 1;
  const { status, body } = await source.get(url, onBytes);
  byStatus[status] = (byStatus[status] ?? 0) + 1;
  return status === 200 ? body : undefined;
}

/** When units were asked for and when they were there, until a playlist tells when they ended to happen. */
class Arrivals {
  readonly #asked = new Map<string, { readonly askedMs: number; hereMs: number | undefined }>();

  isAsked(uri: string): boolean {
    return this.#asked.has(uri);
  }

  async fetch(source: Source, base: string, uri: string): Promise<void> {
    const unit = { askedMs: utcMs(), hereMs: undefined as number | undefined };
    this.#asked.set(uri, unit);
    if ((await ask(source, new URL(uri, base).href)) !== undefined) unit.hereMs = utcMs();
  }

  /** Counts those that were asked for before they existed: the lag of others is that of who asks. */
  settle(units: readonly MediaUnit[]): void {
    for (const { uri, endMs } of units) {
      const unit = this.#asked.get(uri);
      if (unit?.hereMs === undefined) continue;
      if (unit.askedMs < endMs && lags.length < KEPT_LAGS) lags.push(unit.hereMs - endMs);
      unit.hereMs = undefined;
    }
    for (const uri of [...this.#asked.keys()].slice(0, -200)) this.#asked.delete(uri);
  }
}

/** `/GEN/NUMBER.m4s` of the next number. */
const following = (uri: string): string => uri.replace(/(\d+)(\.m4s)$/, (_, n, rest) => `${Number(n) + 1}${rest}`);

/** One Segment after another, each but the first asked for before it begins; so the first does not count. */
async function readGrowing(source: Source, header: string, first: string): Promise<void> {
  const reader = new CmafStreamReader();
  reader.push((await ask(source, header)) ?? Buffer.alloc(0));
  let isInTime = false;
  for (let url = following(first); ; url = following(url)) {
    const body = await ask(source, url, (bytes) => {
      const nowMs = utcMs();
      for (const item of reader.push(bytes)) {
        if (item.kind !== 'fragment' || !isInTime || growingLags.length >= KEPT_LAGS) continue;
        const { decodeTicks, durationTicks } = item.fragment;
        growingLags.push(nowMs - ((decodeTicks + durationTicks) / (reader.init?.timescale ?? 1)) * 1000);
      }
    });
    isInTime = true;
    // A new Generation has other names; what was measured until then stands.
    if (body === undefined) return;
  }
}

/** isFirst: of the first viewer, whose Segments count. isVideo: whose lag counts; sound takes an access unit longer to encode. */
async function playRendition(
  source: Source,
  url: string,
  { isFirst, isVideo }: { isFirst: boolean; isVideo: boolean },
): Promise<never> {
  const arrivals = new Arrivals();
  let query = '';
  let isReadingGrowing = false;
  for (;;) {
    const text = await ask(source, url + query);
    if (text === undefined) {
      query = '';
      await sleep(500);
      continue;
    }
    const list = readPlaylist(text.toString());
    if (isVideo) arrivals.settle([...list.parts, ...list.segments]);
    if (list.hint !== undefined && !arrivals.isAsked(list.hint)) void arrivals.fetch(source, url, list.hint);
    const newest = list.segments.at(-1)?.uri;
    if (list.canBlock && list.parts.length > 0) {
      if (isFirst && !isReadingGrowing && newest !== undefined && list.header !== undefined) {
        isReadingGrowing = true;
        void readGrowing(source, new URL(list.header, url).href, new URL(newest, url).href);
      }
      query = `?_HLS_msn=${list.next.msn}&_HLS_part=${list.next.part}`;
      continue;
    }
    const wanted = newest === undefined ? undefined : isFirst ? following(newest) : newest;
    if (wanted !== undefined && !arrivals.isAsked(wanted)) await arrivals.fetch(source, url, wanted);
    // Half a target duration after a list that may not have changed (RFC 8216bis 6.3.4); the first viewer has just waited.
    await sleep(isFirst ? 50 : list.targetSeconds * 500);
  }
}

async function view(master: string, isFirst: boolean): Promise<void> {
  const source = openSource(master);
  const variant = firstVariant((await ask(source, master))?.toString() ?? '');
  if (variant === undefined) throw new Error(`${master} is no multivariant playlist`);
  const renditions = [variant.video, ...(variant.audio === undefined ? [] : [variant.audio])];
  await Promise.all(
    renditions.map((uri, i) =>
      playRendition(source, new URL(uri, master).href, { isFirst: isFirst && i === 0, isVideo: i === 0 }),
    ),
  );
}

const [, , master = '', count = '1'] = process.argv;
setInterval(() => {
  const of = (all: readonly number[]) => ({ p50: percentile(all, 0.5), p95: percentile(all, 0.95), count: all.length });
  process.stdout.write(`${JSON.stringify({ requests, byStatus, lag: of(lags), growing: of(growingLags) })}\n`);
}, 1000);
await Promise.all(Array.from({ length: Number(count) }, (_, i) => view(master, i === 0)));
