/**
 * From a journal's entries to what the timeline was when the last of them was written, and back to the fewest entries that say the same.
 * It never looks at media. Invariant: however many of the entries there are, from the first on, what they come to is a state that the
 * timeline was in, but for a step that was cut short: then the number that it was making is unfinished.
 */
import { startMsOf } from './grid.ts';
import {
  partOf,
  periodEntry,
  periodOfEntry,
  recordOfEntry,
  segmentEntry,
  type TimelineEntry,
} from './journal-entry.ts';
import { withoutForgotten } from './kept-segments.ts';
import { type CommittedSegment, indexOf, type Period, type SegmentRecord } from './model.ts';
import type { PublishedPart, TimelineSnapshot, UnfinishedSegment } from './snapshot.ts';
import { type RetiredGeneration, sourceOf } from './timeline-event.ts';

interface BegunTrack {
  readonly parts: PublishedPart[];
  record: SegmentRecord | undefined;
}

export type Replayed =
  | { readonly kind: 'ok'; readonly snapshot: TimelineSnapshot }
  /** They cannot be of one timeline. */
  | { readonly kind: 'bad'; readonly reason: string };

export function replay(entries: readonly TimelineEntry[]): Replayed {
  const journal = new Replay();
  for (const entry of entries) {
    const reason = journal.take(entry);
    if (reason !== undefined) return { kind: 'bad', reason };
  }
  return { kind: 'ok', snapshot: journal.snapshot() };
}

class Replay {
  #period: Period | undefined;
  #periods: readonly Period[] = [];
  #segments: CommittedSegment[] = [];
  /** Those before it are evicted. */
  #first = 0;
  #retired: readonly RetiredGeneration[] = [];
  /** By `GEN/NUMBER`: what is not committed. */
  #begun = new Map<string, Map<string, BegunTrack>>();
  #isSpent = false;
  #ordinal = 0;
  #restarts = 0;
  #abandoned = 0;
  #hasBeenLive = false;
  #isEnded = false;
  #changedMs = 0;
  #mpdChangedMs = 0;
  /** Before the newest Period was announced. */
  #before: { readonly mpdChangedMs: number; readonly ordinal: number; readonly isSpent: boolean } | undefined;

  /** What is wrong with the entry; undefined: it was taken. */
  take(entry: TimelineEntry): string | undefined {
    switch (entry.kind) {
      case 'period':
        return this.#begin(periodOfEntry(entry.period));
      case 'part':
        return this.#part(entry);
      case 'segment':
        this.#trackOf(entry.gen, entry.number, entry.track).record = recordOfEntry(entry);
        if (entry.gen === this.#period?.gen) this.#changedMs = entry.atMs;
        return undefined;
      case 'committed':
        return this.#commit(entry.gen, entry.number, entry.atMs);
      case 'evicted':
        this.#evict(entry.gen, entry.belowNumber);
        return undefined;
      case 'generation-gone':
        this.#evict(entry.gen, Number.POSITIVE_INFINITY);
        this.#retired = this.#retired.filter(({ gen }) => gen !== entry.gen);
        return undefined;
      case 'ended':
        this.#isEnded = true;
        this.#changedMs = entry.atMs;
        this.#mpdChangedMs = entry.atMs;
        return undefined;
      case 'abandoned':
        this.#begun.delete(`${entry.gen}/${entry.number}`);
        this.#isSpent = true;
        this.#abandoned += 1;
        this.#before = undefined;
        this.#changedMs = entry.atMs;
        return undefined;
      case 'opened':
      case 'restarted':
      case 'resumed':
      case 'resumed-to':
        this.#takeWhole(entry);
        return undefined;
    }
  }

  #takeWhole(entry: TimelineEntry & { readonly kind: 'opened' | 'restarted' | 'resumed' | 'resumed-to' }): void {
    switch (entry.kind) {
      case 'opened':
        this.#dropEmptyPeriod();
        this.#clear();
        this.#retired = entry.retired;
        break;
      case 'restarted':
        this.#clear();
        this.#retired = [];
        this.#periods = [];
        this.#ordinal = 0;
        this.#restarts += 1;
        break;
      case 'resumed': {
        this.#clear();
        this.#periods = entry.periods.map(periodOfEntry);
        this.#period = this.#periods.find(({ gen }) => gen === entry.gen);
        const { retired, isSpent, ordinal, restarts, abandoned, hasBeenLive } = entry;
        this.#retired = retired;
        this.#isSpent = isSpent;
        this.#ordinal = ordinal;
        this.#restarts = restarts;
        this.#abandoned = abandoned;
        this.#hasBeenLive = hasBeenLive;
        break;
      }
      case 'resumed-to':
        this.#isEnded = entry.isEnded;
        this.#changedMs = entry.changedMs;
        this.#mpdChangedMs = entry.mpdChangedMs;
        break;
    }
  }

  #clear(): void {
    this.#period = undefined;
    this.#segments = [];
    this.#first = 0;
    this.#begun.clear();
    this.#isSpent = false;
    this.#hasBeenLive = false;
    this.#isEnded = false;
    this.#before = undefined;
  }

  #begin(period: Period): undefined {
    this.#dropEmptyPeriod();
    this.#before = { mpdChangedMs: this.#mpdChangedMs, ordinal: this.#ordinal, isSpent: this.#isSpent };
    this.#periods = withoutForgotten([...this.#periods, period], this.#segments[this.#first]?.period);
    this.#period = period;
    this.#ordinal = period.ordinal;
    this.#isSpent = false;
    this.#mpdChangedMs = period.announcedMs;
    return undefined;
  }

  /** A Period is announced together with something of it: one without anything was never shown, and is as if it had not been. */
  #dropEmptyPeriod(): void {
    const period = this.#period;
    const newest = this.#segments.at(-1);
    if (period === undefined || this.#before === undefined || newest === undefined || newest.period === period) return;
    if (this.#begun.has(`${period.gen}/${period.startNumber}`)) return;
    this.#period = newest.period;
    this.#periods = this.#periods.filter((known) => known !== period);
    this.#ordinal = this.#before.ordinal;
    this.#isSpent = this.#before.isSpent;
    this.#mpdChangedMs = this.#before.mpdChangedMs;
    this.#before = undefined;
  }

  #part(entry: TimelineEntry & { readonly kind: 'part' }): string | undefined {
    const { parts } = this.#trackOf(entry.gen, entry.number, entry.track);
    if (entry.part > parts.length) return `part ${entry.part} of ${entry.number} follows ${parts.length} parts`;
    // One that was noted and never stored was never served either: what comes in its place counts.
    parts.length = entry.part;
    parts.push({ ...partOf(entry.of), source: entry.source });
    if (entry.gen === this.#period?.gen) this.#changedMs = entry.atMs;
    return undefined;
  }

  #trackOf(gen: string, number: number, track: string): BegunTrack {
    const key = `${gen}/${number}`;
    const tracks = this.#begun.get(key) ?? new Map<string, BegunTrack>();
    this.#begun.set(key, tracks);
    const known = tracks.get(track) ?? { parts: [], record: undefined };
    tracks.set(track, known);
    return known;
  }

  #commit(gen: string, number: number, atMs: number): string | undefined {
    const period = this.#periods.find((known) => known.gen === gen);
    const begun = this.#begun.get(`${gen}/${number}`);
    const newest = this.#segments.at(-1);
    if (period === undefined || begun === undefined) return `number ${number} of ${gen} is not known`;
    if (newest !== undefined && number !== newest.number + 1) return `number ${number} follows ${newest.number}`;
    const tracks = new Map<string, SegmentRecord>();
    for (const { id } of period.tracks) {
      const record = begun.get(id)?.record;
      if (record === undefined) return `number ${number} lacks ${id}`;
      tracks.set(id, record);
    }
    const source = sourceOf(period, tracks);
    const endMs = startMsOf(period.grid, indexOf(period, number) + 1);
    this.#segments.push({ number, period, tracks, source, endMs, committedMs: atMs });
    this.#begun.clear();
    if (source === 'live') this.#hasBeenLive = true;
    this.#changedMs = atMs;
    return undefined;
  }

  /** From the front, as they were evicted. */
  #evict(gen: string, belowNumber: number): void {
    for (let first = this.#segments[this.#first]; first !== undefined; first = this.#segments[this.#first]) {
      if (first.period.gen !== gen || first.number >= belowNumber) break;
      this.#first += 1;
    }
  }

  snapshot(): TimelineSnapshot {
    this.#dropEmptyPeriod();
    return {
      period: this.#period,
      periods: this.#periods,
      segments: this.#segments.slice(this.#first),
      retired: this.#retired,
      unfinished: this.#unfinished(),
      isSpent: this.#isSpent,
      ordinal: this.#ordinal,
      restarts: this.#restarts,
      abandoned: this.#abandoned,
      hasBeenLive: this.#hasBeenLive,
      isEnded: this.#isEnded,
      changedMs: this.#changedMs,
      mpdChangedMs: this.#mpdChangedMs,
    };
  }

  #unfinished(): UnfinishedSegment | undefined {
    const period = this.#period;
    if (period === undefined || this.#isEnded) return undefined;
    const newest = this.#segments.at(-1);
    const number = newest === undefined ? period.startNumber : newest.number + 1;
    const begun = this.#begun.get(`${period.gen}/${number}`);
    if (begun === undefined) return undefined;
    const nothing: BegunTrack = { parts: [], record: undefined };
    return { number, period, tracks: new Map(period.tracks.map(({ id }) => [id, begun.get(id) ?? nothing])) };
  }
}

/** Fewer entries that come to the same, also with more after them. Entries that are not of one timeline stay as they are. */
export function compacted(entries: readonly TimelineEntry[]): readonly TimelineEntry[] {
  // Right after a Segment was committed nothing is unfinished; what comes later is kept as it is.
  const cut = entries.findLastIndex(({ kind }) => kind === 'committed') + 1;
  const replayed = replay(entries.slice(0, cut));
  if (cut === 0 || replayed.kind === 'bad') return entries;
  return [...snapshotEntries(replayed.snapshot), ...entries.slice(cut)];
}

function snapshotEntries(snapshot: TimelineSnapshot): TimelineEntry[] {
  const { period, retired, isSpent, ordinal, restarts, abandoned, hasBeenLive } = snapshot;
  const gen = period?.gen ?? null;
  const periods = snapshot.periods.map(periodEntry);
  const { isEnded, changedMs, mpdChangedMs } = snapshot;
  return [
    { kind: 'resumed', periods, gen, retired, isSpent, ordinal, restarts, abandoned, hasBeenLive },
    ...snapshot.segments.flatMap(committedEntries),
    { kind: 'resumed-to', isEnded, changedMs, mpdChangedMs },
  ];
}

function committedEntries({ number, period, tracks, committedMs: atMs }: CommittedSegment): TimelineEntry[] {
  const segments = [...tracks].map(([track, record]) => segmentEntry(track, record, atMs));
  return [...segments, { kind: 'committed', gen: period.gen, number, atMs }];
}
