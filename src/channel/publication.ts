/**
 * Carries the timeline's events out: journal first, then the window, then the metrics.
 * It never decides. Invariant: a number is journalled as begun before its first byte can be served.
 */
import { AssertionError } from 'node:assert';
import { entryOf } from '../package/journal-entry.ts';
import type { CommittedSegment, Period } from '../package/model.ts';
import type { TimelineEvent } from '../package/timeline-event.ts';
import type { ChannelParts } from './channel.ts';
import { observeStages } from './stages.ts';
import { manifestSettings } from './timing.ts';

type PublishedPart = TimelineEvent & { kind: 'part' };

export interface PublicationListener {
  onPart(part: PublishedPart): void;
  onSegment(track: string, gen: string, number: number): void;
  onCommitted(segment: CommittedSegment): void;
}

export class Publication {
  readonly #parts: ChannelParts;
  readonly #listener: PublicationListener;
  /** Media is promised to DASH players this long after its end. */
  readonly #promisedMs: number;
  /** What was begun last: once for all Tracks of a number. */
  #begun = '';
  /** GENs that this life has made something under. */
  readonly #own = new Set<string>();

  constructor(parts: ChannelParts, listener: PublicationListener) {
    this.#parts = parts;
    this.#listener = listener;
    this.#promisedMs = manifestSettings(parts.settings).publishMarginMs;
  }

  /** Throws AssertionError when a number would get a second body; nothing of it is stored then. */
  carryOut(events: readonly TimelineEvent[], nowMs: number): void {
    const { store, journal, metrics, settings } = this.#parts;
    for (const event of events) {
      if (event.kind === 'part') this.#journal(event.gen, event.number);
      if (event.kind === 'segment') this.#journal(event.record.gen, event.record.number);
      // Before its bytes are stored: what has none then was never served (package/resume.ts).
      journal.note(entryOf(event, nowMs));
      switch (event.kind) {
        case 'period':
          this.#begin(event.period, nowMs);
          break;
        case 'part':
          this.#storePart(event, nowMs);
          break;
        case 'segment':
          this.#store(event, nowMs);
          break;
        case 'committed':
          this.#committed(event.segment, nowMs);
          break;
        case 'evicted':
          store.evictBelow(event.gen, event.belowNumber);
          break;
        case 'generation-gone':
          store.forgetGeneration(event.gen);
          journal.retire(event.gen);
          this.#own.delete(event.gen);
          break;
        case 'opened':
        case 'restarted':
        case 'ended':
        case 'abandoned':
          break;
      }
    }
    if (events.length > 0) metrics.windowBytes.set({ channel: settings.id }, store.bytes);
  }

  #begin(period: Period, nowMs: number): void {
    const { store, metrics, log, settings } = this.#parts;
    for (const track of period.tracks) {
      const contentType = `${track.kind}/mp4`;
      store.putInit(track.id, period.gen, track.initHash, { bytes: track.init.bytes, contentType, publishedMs: nowMs });
    }
    metrics.periods.inc({ channel: settings.id });
    const tracks = period.tracks.map(({ id }) => id);
    log.info({ period: period.id, number: period.startNumber, tracks }, 'period begun');
  }

  #storePart(event: PublishedPart, nowMs: number): void {
    const { store, metrics, settings } = this.#parts;
    const { track, trackKind, gen, number, part, endMs, frameMs } = event;
    const object = { bytes: part.bytes, contentType: `${trackKind}/mp4`, publishedMs: nowMs };
    store.putPart({ track, gen, number }, part.part, object);
    metrics.parts.inc({ channel: settings.id, source: part.source });
    if (part.source === 'live')
      metrics.partLateness.observe({ channel: settings.id, track }, Math.max(0, nowMs - endMs) / 1000);
    if (part.source === 'live' && trackKind === 'video')
      observeStages(this.#parts, endMs - frameMs, { servable: nowMs });
    this.#listener.onPart(event);
  }

  #store({ trackKind, track, record, parts }: TimelineEvent & { kind: 'segment' }, nowMs: number): void {
    const { gen, number } = record;
    const contentType = `${trackKind}/mp4`;
    this.#parts.store.putSegment({ key: { track, gen, number }, parts, contentType, publishedMs: nowMs });
    this.#listener.onSegment(track, gen, number);
  }

  #journal(gen: string, number: number): void {
    const begun = `${gen}/${number}`;
    if (begun === this.#begun) return;
    const { journal, former } = this.#parts;
    // What a former life had begun last is gone on with, once.
    const isGoneOnWith = former.isContinued && !this.#own.has(gen) && journal.lastBegun(gen) === number;
    this.#own.add(gen);
    if (!isGoneOnWith && !journal.begin(gen, number)) {
      throw new AssertionError({ message: `number ${number} of ${gen} was begun before` });
    }
    this.#begun = begun;
  }

  #committed(segment: CommittedSegment, nowMs: number): void {
    const { metrics, settings } = this.#parts;
    const channel = settings.id;
    const isLive = segment.source === 'live';
    metrics.segments.inc({ channel, source: segment.source });
    const lateMs = Math.max(0, nowMs - segment.endMs);
    if (isLive) metrics.segmentLateness.observe({ channel }, lateMs / 1000);
    metrics.segmentsLate.inc({ channel }, isLive && lateMs > this.#promisedMs ? 1 : 0);
    metrics.tracks.set({ channel }, segment.tracks.size);
    metrics.newestSegment.set({ channel }, segment.endMs / 1000);
    metrics.onAir.set({ channel }, isLive ? 1 : 0);
    this.#listener.onCommitted(segment);
  }
}
