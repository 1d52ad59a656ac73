/**
 * Plays HLS as a strict client: all renditions, reloads at the cadence of RFC 8216bis 6.3.4, every new segment and part.
 * It never judges and never adapts: a slow answer is evidence, not a reason to ask less.
 */
import { type Collector, SnapshotList } from './collector.ts';
import { segmentListing } from './hls-listing.ts';
import { resolveUrl, targetDurationS } from './hls-read.ts';
import { type HlsPlaylist, readPlaylist } from './hls-text.ts';
import type { Exchange, HlsRendition, PlaylistSnapshot } from './model.ts';

export interface HlsRun {
  readonly multivariant: readonly PlaylistSnapshot[];
  readonly renditions: readonly HlsRendition[];
}

/** At the first look: the oldest segment and this many at the edge. */
const FIRST_NEWEST = 6;
const MAX_OUTSTANDING = 64;

/** Follows the presentation whose first text is given, until `untilMs`, the end of the stream or a stop. */
export async function followHls(
  collector: Collector,
  url: string,
  first: Exchange & { readonly text: string },
  untilMs: number,
): Promise<HlsRun> {
  const playlist = readPlaylist(first.text);
  if (playlist.kind === 'media') {
    const snapshots = await followRendition(collector, url, untilMs);
    return { multivariant: [], renditions: [{ url, kind: 'variant', snapshots }] };
  }
  const master = new SnapshotList();
  master.add(first);
  const wanted = renditionsOf(playlist, url);
  const renditions = await Promise.all(
    wanted.map(
      async (rendition): Promise<HlsRendition> => ({
        ...rendition,
        snapshots: await followRendition(collector, rendition.url, untilMs),
      }),
    ),
  );
  const again = collector.stopped ? undefined : await collector.text(url);
  if (again !== undefined) master.add(again);
  return { multivariant: master.items, renditions };
}

function renditionsOf(playlist: HlsPlaylist, base: string): readonly Omit<HlsRendition, 'snapshots'>[] {
  const found = new Map<string, HlsRendition['kind']>();
  for (const variant of playlist.variants)
    if (variant.uri !== undefined) found.set(resolveUrl(variant.uri, base), 'variant');
  for (const media of playlist.media) {
    const [uri, type] = [media.attributes.get('URI')?.value, media.attributes.get('TYPE')?.value];
    if (uri !== undefined && !found.has(resolveUrl(uri, base)))
      found.set(resolveUrl(uri, base), type === 'AUDIO' ? 'audio' : type === 'SUBTITLES' ? 'subtitles' : 'variant');
  }
  return [...found].map(([url, kind]) => ({ url, kind }));
}

async function followRendition(
  collector: Collector,
  url: string,
  untilMs: number,
): Promise<readonly PlaylistSnapshot[]> {
  const snapshots = new SnapshotList();
  const downloads = new Downloads(collector, url);
  let requestUrl = url;
  while (!collector.stopped && collector.nowMs() < untilMs) {
    const sentMs = collector.nowMs();
    const answer = await collector.text(requestUrl);
    if (answer === undefined || answer.status !== 200) {
      if (answer !== undefined) snapshots.add(answer);
      requestUrl = url;
      await collector.wait(1000);
      continue;
    }
    const { changed } = snapshots.add(answer);
    const playlist = readPlaylist(answer.text);
    await downloads.take(playlist);
    if (playlist.endList) break;
    requestUrl = nextRequest(url, playlist);
    const pauseMs = requestUrl === url ? pause(playlist, changed) - (collector.nowMs() - sentMs) : changed ? 0 : 200;
    await collector.wait(Math.max(20, Math.min(pauseMs, untilMs - collector.nowMs())));
  }
  await downloads.settle();
  return snapshots.items;
}

/** bis 6.3.4: after a change wait the last segment's duration, else half the target duration. */
function pause(playlist: HlsPlaylist, changed: boolean): number {
  const targetS = targetDurationS(playlist) ?? 2;
  return 1000 * (changed ? (playlist.segments.at(-1)?.durationS ?? targetS) : targetS / 2);
}

/** bis 6.2.5.2: where the server says CAN-BLOCK-RELOAD, ask for what comes next; it answers when it is there. */
function nextRequest(url: string, playlist: HlsPlaylist): string {
  const last = playlist.segments.at(-1);
  if (playlist.serverControl?.attributes.get('CAN-BLOCK-RELOAD')?.value !== 'YES' || last === undefined) return url;
  const next = new URL(url);
  next.searchParams.set('_HLS_msn', String(last.msn + 1));
  if (playlist.partInf !== undefined) next.searchParams.set('_HLS_part', String(playlist.openParts.length));
  return next.href;
}

/** What of one rendition is downloaded already, and what is under way. */
class Downloads {
  readonly #collector: Collector;
  readonly #url: string;
  readonly #outstanding = new Set<Promise<void>>();
  #newest: number | undefined;
  #newestPart = '';

  constructor(collector: Collector, url: string) {
    this.#collector = collector;
    this.#url = url;
  }

  async take(playlist: HlsPlaylist): Promise<void> {
    const first = this.#newest === undefined;
    const edge = playlist.segments.length - FIRST_NEWEST;
    const listing = segmentListing(playlist, this.#url);
    const before = this.#newest ?? Number.NEGATIVE_INFINITY;
    listing.segments.forEach((item, index) => {
      if (item.listed.number <= before || (first && index > 0 && index < edge)) return;
      this.#start('segment', item.url, item.listed);
    });
    for (const part of listing.parts) {
      const position = `${String(part.listed.number).padStart(20, '0')}.${String(part.listed.part).padStart(6, '0')}`;
      if (position <= this.#newestPart) continue;
      this.#newestPart = position;
      this.#start('part', part.url, part.listed);
    }
    this.#newest = Math.max(before, playlist.segments.at(-1)?.msn ?? before);
    if (this.#outstanding.size > MAX_OUTSTANDING) await this.settle();
  }

  #start(...[role, url, listed]: Parameters<Collector['object']>): void {
    const download = this.#collector.object(role, url, listed).finally(() => this.#outstanding.delete(download));
    this.#outstanding.add(download);
  }

  async settle(): Promise<void> {
    await Promise.all(this.#outstanding);
  }
}
