/**
 * Plays DASH as a strict client: the MPD at its update period, each promised segment of each Representation when the clock says so.
 * It never judges. Time is the stream's: the UTCTiming answer carried on by the Clock.
 */
import { type Collector, SnapshotList } from './collector.ts';
import { trackName } from './declared.ts';
import { resolveUrl } from './hls-read.ts';
import { utcMs } from './iso-time.ts';
import type { Evidence, Exchange, ListedAs, PlaylistSnapshot } from './model.ts';
import { initUrl, type PromisedSegment, periodRanges, promisedSegments } from './mpd-segments.ts';
import { type Mpd, readMpd } from './mpd-text.ts';

export interface DashRun {
  readonly mpds: readonly PlaylistSnapshot[];
  readonly utcTiming: Evidence['utcTiming'];
}

const FIRST_NEWEST = 6;
const STEP_MS = 100;
const MAX_OUTSTANDING = 200;

/** Follows the presentation whose first MPD is given, until `untilMs`, its end or a stop. */
export async function followDash(
  collector: Collector,
  url: string,
  first: Exchange & { readonly text: string },
  untilMs: number,
): Promise<DashRun> {
  const snapshots = new SnapshotList();
  snapshots.add(first);
  let mpd = mpdOf(first, url);
  const clock = await readClock(collector, mpd, url);
  const downloads = new PromisedDownloads(collector);
  let askedMs = first.sentMs;
  while (mpd !== undefined && !collector.stopped && collector.nowMs() < untilMs) {
    await downloads.take(mpd, collector.nowMs() + clock.offsetMs);
    if (!mpd.dynamic) break;
    await collector.wait(Math.min(STEP_MS, untilMs - collector.nowMs()));
    const dueMs =
      mpd.minimumUpdateS === undefined ? Number.POSITIVE_INFINITY : askedMs + Math.max(500, mpd.minimumUpdateS * 1000);
    if (collector.nowMs() < dueMs) continue;
    askedMs = collector.nowMs();
    const answer = await collector.text(url);
    if (answer !== undefined) snapshots.add(answer);
    mpd = (answer === undefined ? undefined : mpdOf(answer, url)) ?? mpd;
  }
  await downloads.settle();
  return { mpds: snapshots.items, utcTiming: clock.answer };
}

function mpdOf(answer: Exchange & { readonly text: string }, url: string): Mpd | undefined {
  if (answer.status !== 200) return undefined;
  const reading = readMpd(answer.text, url);
  return 'mpd' in reading ? reading.mpd : undefined;
}

interface StreamClock {
  readonly offsetMs: number;
  readonly answer: Evidence['utcTiming'];
}

/** The first UTCTiming that is understood; without one the machine's clock is the stream's. */
async function readClock(collector: Collector, mpd: Mpd | undefined, url: string): Promise<StreamClock> {
  for (const { scheme, value } of mpd?.utcTimings ?? []) {
    if (/:(direct):2014$/.test(scheme))
      return { offsetMs: (utcMs(value) ?? collector.nowMs()) - collector.nowMs(), answer: undefined };
    if (!/:(http-xsdate|http-iso|http-head):2014$/.test(scheme)) continue;
    const fetched = await collector.ask(scheme.includes('http-head') ? 'HEAD' : 'GET', resolveUrl(value, url));
    if (fetched === undefined) continue;
    const { body, ...exchange } = fetched;
    const header = Date.parse(exchange.headers['date'] ?? '');
    const isHead = scheme.includes('http-head') && !Number.isNaN(header);
    const text = isHead ? new Date(header).toISOString() : body.toString('utf8', 0, 100);
    const ms = utcMs(text.trim());
    return {
      offsetMs: ms === undefined ? 0 : ms - (exchange.sentMs + exchange.atMs) / 2,
      answer: { ...exchange, text },
    };
  }
  return { offsetMs: 0, answer: undefined };
}

/** Where a track stands. */
interface Position {
  readonly endTicks: number;
  readonly number: number;
}

class PromisedDownloads {
  readonly #collector: Collector;
  readonly #outstanding = new Set<Promise<void>>();
  readonly #positions = new Map<string, Position>();

  constructor(collector: Collector) {
    this.#collector = collector;
  }

  async take(mpd: Mpd, utcNowMs: number): Promise<void> {
    periodRanges(mpd).forEach((range, index) => {
      for (const set of range.period.sets) {
        for (const representation of set.representations) {
          const track = trackName(range.period.id, index, representation.id);
          const known = this.#positions.has(track);
          const counts = known ? { newest: 60, oldest: 0 } : { newest: FIRST_NEWEST, oldest: 1 };
          const listed = { track, initUrl: initUrl(representation), run: range.period.id ?? String(index) };
          const byTime = !/\$Number/.test(representation.template?.attributes['media'] ?? '');
          for (const segment of promisedSegments(mpd, range, representation, utcNowMs, counts))
            this.#start(segment, listed, byTime, utcNowMs);
        }
      }
    });
    if (this.#outstanding.size > MAX_OUTSTANDING) await this.settle();
  }

  #start(
    segment: PromisedSegment,
    base: Pick<ListedAs, 'track' | 'initUrl' | 'run'>,
    byTime: boolean,
    utcNowMs: number,
  ): void {
    const before = this.#positions.get(base.track);
    if (before !== undefined && segment.ticks < before.endTicks) return;
    const follows = before === undefined || before.endTicks === segment.ticks;
    const number = byTime ? (before?.number ?? 0) + (follows ? 1 : 2) : segment.number;
    this.#positions.set(base.track, { endTicks: segment.ticks + segment.durationTicks, number });
    const listed: ListedAs = {
      ...base,
      number,
      counted: byTime,
      durationS: segment.durationTicks / segment.timescale,
      mpdTicks: segment.ticks,
      mpdTimescale: segment.timescale,
      nominal: segment.nominal,
      promisedMs: this.#collector.nowMs() - (utcNowMs - segment.availableFromMs),
    };
    const download = this.#collector
      .object('segment', segment.url, listed)
      .finally(() => this.#outstanding.delete(download));
    this.#outstanding.add(download);
  }

  async settle(): Promise<void> {
    await Promise.all(this.#outstanding);
  }
}
