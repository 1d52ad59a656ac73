/**
 * A timeline with its journal and its store as a Channel has them, whose process may be killed between any two writes and begun again.
 * What was served is kept, and held against what is served later: one body a URL, lists that only go on, nothing listed that is not there.
 * It never runs a clock. Invariant: the order of writes is the Channel's: begun, noted, stored; served only after the whole step.
 */
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { Manifests } from '../../src/channel/manifests.ts';
import type { TextName } from '../../src/channel/view.ts';
import { isTimelineEntry } from '../../src/package/entry-shape.ts';
import { entryOf, type TimelineEntry } from '../../src/package/journal-entry.ts';
import type { Filler } from '../../src/package/period-plan.ts';
import { replay } from '../../src/package/replay.ts';
import { resumable } from '../../src/package/resume.ts';
import { Timeline } from '../../src/package/timeline.ts';
import type { TimelineEvent } from '../../src/package/timeline-event.ts';
import type { TimelineSettings } from '../../src/package/timeline-settings.ts';
import { openMemoryStore } from '../../src/window/memory-store.ts';
import type { WindowStore } from '../../src/window/model.ts';

type Write =
  | { readonly kind: 'begin'; readonly gen: string; readonly number: number }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'store'; readonly event: TimelineEvent };

const TYPE = 'video/mp4';

export class JournalledLife {
  timeline: Timeline;
  store: WindowStore = openMemoryStore();
  readonly settings: TimelineSettings;
  readonly #writes: Write[] = [];
  #begun = new Map<string, number>();
  #mayGoOn = new Map<string, number>();
  #manifests: Manifests;
  #nowBegun = '';
  /** URL to digest, of all that a list has shown. */
  readonly #served = new Map<string, string>();
  /** URLs that were asked for since the last kill. */
  readonly #asked = new Set<string>();
  #texts = new Map<string, string>();
  #hasEnded = false;

  constructor(settings: TimelineSettings) {
    this.settings = settings;
    this.timeline = new Timeline(settings);
    this.#manifests = this.#newManifests();
  }

  #newManifests(): Manifests {
    const { windowMs, publishesParts: hasParts } = this.settings;
    return new Manifests({
      channel: 'm',
      listedMs: 60_000,
      windowMs,
      publishMarginMs: 300,
      targetLatencyMs: 1400,
      hasParts,
    });
  }

  /** Each line of the journal. */
  get entries(): TimelineEntry[] {
    return entriesOf(this.#writes);
  }

  carry(events: readonly TimelineEvent[], nowMs: number): void {
    this.#writeAll(events, nowMs);
    if (events.some(({ kind }) => kind === 'abandoned')) this.#texts.clear();
    if (events.length > 0) this.#serve();
  }

  #writeAll(events: readonly TimelineEvent[], nowMs: number): void {
    for (const event of events) {
      if (event.kind === 'part') this.#begin(event.gen, event.number);
      if (event.kind === 'segment') this.#begin(event.record.gen, event.record.number);
      this.#write({ kind: 'note', text: JSON.stringify(entryOf(event, nowMs)) });
      this.#write({ kind: 'store', event });
    }
  }

  #begin(gen: string, number: number): void {
    const name = `${gen}/${number}`;
    if (name === this.#nowBegun) return;
    this.#nowBegun = name;
    const before = this.#begun.get(gen) ?? -1;
    const isOld = number <= before;
    if (isOld && this.#mayGoOn.get(gen) !== number) throw new Error(`${name} was begun before`);
    this.#mayGoOn.delete(gen);
    if (!isOld) this.#write({ kind: 'begin', gen, number });
  }

  #write(write: Write): void {
    this.#writes.push(write);
    if (write.kind === 'begin') this.#begun.set(write.gen, write.number);
    if (write.kind === 'store') put(this.store, write.event);
  }

  /**
   * Killed while it carries these events out, after some of the writes, and begun again at nowMs; nothing of them was served. The fillers
   * are the slates that the new life finds at once. isContinued as in window/open-window.ts.
   */
  kill(
    events: readonly TimelineEvent[],
    when: { readonly atMs: number; readonly afterWrites: number; readonly nowMs: number },
    fillers: readonly Filler[],
    isContinued = true,
  ): void {
    const before = this.#writes.length;
    this.#writeAll(events, when.atMs);
    const { nowMs } = when;
    this.#writes.length = Math.min(this.#writes.length, before + when.afterWrites);
    this.store = openMemoryStore();
    this.#begun = new Map();
    for (const write of this.#writes) {
      if (write.kind === 'store') put(this.store, write.event);
      if (write.kind === 'begin') this.#begun.set(write.gen, write.number);
    }
    this.#mayGoOn = new Map(this.#begun);
    this.#nowBegun = '';
    this.#asked.clear();
    this.#resume(nowMs, isContinued);
    for (const { slate } of fillers) this.timeline.setSlate(slate);
  }

  #resume(nowMs: number, isContinued: boolean): void {
    this.timeline = this.replayed(this.entries, nowMs, isContinued);
    this.#manifests = this.#newManifests();
  }

  /** What these entries and the store come to: a timeline of its own, without slate. */
  replayed(entries: readonly TimelineEntry[] = this.entries, atMs = 0, isContinued = true): Timeline {
    const replayed = replay(entries);
    if (replayed.kind === 'bad') throw new Error(replayed.reason);
    const { store } = this;
    const media = {
      hasSegment: (track: string, gen: string, number: number) => store.segment({ track, gen, number }) !== undefined,
      partBytes: (track: string, gen: string, number: number, part: number) =>
        store.part({ track, gen, number }, part)?.bytes,
    };
    const snapshot = resumable(replayed.snapshot, media, isContinued);
    const { unfinished } = snapshot;
    return new Timeline(this.settings, {
      snapshot,
      atMs,
      bytesOf: (track, part) => media.partBytes(track, unfinished!.period.gen, unfinished!.number, part)!,
    });
  }

  /** All texts of the moment, by name. */
  texts(timeline = this.timeline, manifests = this.#manifests): Map<string, string> {
    const presentation = timeline.presentation();
    const tracks = presentation.segments.at(-1)?.period.tracks.map(({ id }) => id) ?? [];
    const names: TextName[] = [
      ...(['hls-master', 'hls-dvr-master', 'dash', 'dash-dvr'] as const).map((kind) => ({ kind })),
      ...tracks.flatMap((track) => [{ kind: 'hls-media', track } as const, { kind: 'hls-dvr-media', track } as const]),
    ];
    const texts = new Map<string, string>();
    for (const name of names) {
      const text = manifests.text(name, presentation)?.text;
      if (text !== undefined) texts.set('track' in name ? `${name.kind} ${name.track}` : name.kind, text);
    }
    return texts;
  }

  textsOf(timeline: Timeline): Map<string, string> {
    return this.texts(timeline, this.#newManifests());
  }

  /** Everybody asks for everything; throws where a rule is broken. */
  #serve(): void {
    const texts = this.texts();
    for (const [name, text] of texts) {
      const track = name.split(' ')[1];
      if (track === undefined) continue;
      // After an end another presentation begins, of which the lists before say nothing.
      const before = this.#hasEnded ? undefined : this.#texts.get(name);
      if (before !== undefined) goesOn(before, text);
      for (const url of urlsOf(text)) this.#take(track, url);
    }
    this.#texts = texts;
    this.#hasEnded = this.timeline.isEnded;
  }

  #take(track: string, url: string): void {
    if (this.#asked.has(`${track}/${url}`)) return;
    this.#asked.add(`${track}/${url}`);
    const [, gen = '', number = '', part] = /^(\w+)\/(\d+)(?:\.(\d+))?\.m4s$/.exec(url) ?? [];
    const key = { track, gen, number: Number(number) };
    const bytes = (part === undefined ? this.store.segment(key) : this.store.part(key, Number(part)))?.bytes;
    if (bytes === undefined) throw new Error(`${track}/${url} is listed and not there`);
    const digest = createHash('sha1').update(bytes).digest('base64');
    const known = this.#served.get(`${track}/${url}`);
    if (known !== undefined && known !== digest) throw new Error(`${track}/${url} has a second body`);
    this.#served.set(`${track}/${url}`, digest);
  }
}

function entriesOf(writes: readonly Write[]): TimelineEntry[] {
  return writes.flatMap((write) => {
    if (write.kind !== 'note') return [];
    const entry: unknown = JSON.parse(write.text);
    if (!isTimelineEntry(entry)) throw new Error(`not the shape of an entry: ${write.text}`);
    return [entry];
  });
}

function put(store: WindowStore, event: TimelineEvent): void {
  if (event.kind === 'part') {
    const { track, gen, number, part } = event;
    store.putPart({ track, gen, number }, part.part, { bytes: part.bytes, contentType: TYPE, publishedMs: 1 });
  } else if (event.kind === 'segment') {
    const { track, record, parts } = event;
    const key = { track, gen: record.gen, number: record.number };
    store.putSegment({ key, parts, contentType: TYPE, publishedMs: 1 });
  } else if (event.kind === 'evicted') store.evictBelow(event.gen, event.belowNumber);
  else if (event.kind === 'generation-gone') store.forgetGeneration(event.gen);
}

function urlsOf(text: string): string[] {
  return [...text.matchAll(/^#EXT-X-PART:.*URI="([^"]+)"|^(\w+\/\d+\.m4s)$/gm)].map(
    ([, part, whole]) => part ?? whole ?? '',
  );
}

interface Line {
  readonly text: string;
  readonly isDiscontinuity: boolean;
}

/** Segments by number, with all that is said of each, and what is said of parts at the edge. */
function linesOf(text: string) {
  const tag = (name: string) => Number(new RegExp(`^#EXT-X-${name}:(\\d+)`, 'm').exec(text)?.[1]);
  const [mediaSequence, discontinuitySequence] = [tag('MEDIA-SEQUENCE'), tag('DISCONTINUITY-SEQUENCE')];
  const lines = new Map<number, Line>();
  let pending: string[] = [];
  for (const line of text.split('\n')) {
    if (/^#EXT(INF|-X-(DISCONTINUITY$|PROGRAM|GAP))/.test(line)) pending.push(line);
    if (line === '' || line.startsWith('#')) continue;
    const isDiscontinuity = pending.includes('#EXT-X-DISCONTINUITY');
    const said = pending.filter((tagged) => tagged !== '#EXT-X-DISCONTINUITY');
    lines.set(mediaSequence + lines.size, { text: [...said, line].join('\n'), isDiscontinuity });
    pending = [];
  }
  const open = [...text.slice(text.lastIndexOf('.m4s\n')).matchAll(/^#EXT-X-PART:.*$/gm)].map(([part]) => part);
  return { mediaSequence, discontinuitySequence, lines, open, isEnded: text.includes('#EXT-X-ENDLIST') };
}

/** RFC 8216bis 6.2.1: what may change between two answers of one playlist, the second asked for later. */
function goesOn(before: string, now: string): void {
  const [a, b] = [linesOf(before), linesOf(now)];
  if (a.isEnded) expect(now).toBe(before);
  expect(b.mediaSequence).toBeGreaterThanOrEqual(a.mediaSequence);
  const newest = Math.max(...a.lines.keys());
  expect(Math.max(...b.lines.keys())).toBeGreaterThanOrEqual(newest);
  for (const [number, { text, isDiscontinuity }] of b.lines) {
    const known = a.lines.get(number);
    if (known === undefined) continue;
    expect(text).toBe(known.text);
    // The first listed Segment does not say it: the sequence number counts it.
    if (number !== b.mediaSequence && number !== a.mediaSequence) expect(isDiscontinuity).toBe(known.isDiscontinuity);
  }
  // 4.4.3.3: the sequence rises by the tags that were removed.
  const removed = [...a.lines].filter(
    ([number, line]) => number > a.mediaSequence && number <= b.mediaSequence && line.isDiscontinuity,
  );
  if (b.mediaSequence <= newest) expect(b.discontinuitySequence).toBe(a.discontinuitySequence + removed.length);
  else expect(b.discontinuitySequence).toBeGreaterThanOrEqual(a.discontinuitySequence + removed.length);
  // A part that was listed at the edge is listed on, or its Segment is whole.
  if (Math.max(...b.lines.keys()) === newest) expect(b.open.slice(0, a.open.length)).toEqual(a.open);
}
