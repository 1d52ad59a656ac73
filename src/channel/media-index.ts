/**
 * Answers what the window has of a Channel's media, by name: there, next, too early, gone or unknown.
 * It never waits. Invariant: a URL that any manifest may have shown is never answered `unknown` or `too-early`.
 */
import type { Period } from '../package/model.ts';
import type { Timeline } from '../package/timeline.ts';
import type { MemoryObject, WindowStore } from '../window/model.ts';
import type { MediaAnswer, MediaName } from './view.ts';

export class MediaIndex {
  readonly #timeline: Timeline;
  readonly #store: WindowStore;
  readonly #hasParts: boolean;

  /** hasParts: parts are published before their Segment is whole. */
  constructor(timeline: Timeline, store: WindowStore, hasParts = false) {
    this.#timeline = timeline;
    this.#store = store;
    this.#hasParts = hasParts;
  }

  /** True for a Track that has or had media: where no list shows it, it was withdrawn, or is on its way back. */
  wasOnAir(track: string): boolean {
    return this.#timeline.periods.some((period) => period.tracks.some(({ id }) => id === track));
  }

  answer(name: MediaName): MediaAnswer {
    const ofTrack = this.#timeline.periods.filter(
      (period) => period.gen === name.gen && period.tracks.some(({ id }) => id === name.track),
    );
    if (ofTrack.length === 0) return { kind: 'unknown' };
    if (name.kind === 'init') return this.#init(name, ofTrack);
    const { track, gen, number } = name;
    const object =
      name.kind === 'segment'
        ? this.#store.segment({ track, gen, number })
        : this.#store.part({ track, gen, number }, name.part);
    if (object !== undefined) return { kind: 'ready', object };
    return this.#growing(name) ?? this.#absent(name, ofTrack);
  }

  /** The Segment at the edge, some of whose parts are there. */
  #growing(name: MediaName & { kind: 'segment' | 'part' }): MediaAnswer | undefined {
    const { track, gen, number } = name;
    if (name.kind !== 'segment' || this.#openNumber !== number) return undefined;
    const count = this.#publishedParts(track, number);
    const parts = Array.from({ length: count }, (_, part) => this.#store.part({ track, gen, number }, part));
    const there = parts.filter((part): part is MemoryObject => part?.bytes !== undefined);
    const contentType = there[0]?.contentType;
    if (contentType === undefined || there.length < count) return undefined;
    return { kind: 'growing', parts: there, contentType, key: mediaPartKey(track, gen, number, count) };
  }

  get #openNumber(): number | undefined {
    const { open } = this.#timeline.presentation();
    return open?.period.gen === this.#timeline.period?.gen ? open?.number : undefined;
  }

  #publishedParts(track: string, number: number): number {
    const { open } = this.#timeline.presentation();
    return open?.number === number ? (open.tracks.get(track)?.length ?? 0) : 0;
  }

  #init(name: MediaName & { kind: 'init' }, periods: readonly Period[]): MediaAnswer {
    const object = this.#store.init(name.track, name.gen, name.hash);
    if (object !== undefined) return { kind: 'ready', object };
    const known = periods.some((period) =>
      period.tracks.some(({ id, initHash }) => id === name.track && initHash === name.hash),
    );
    return { kind: known ? 'gone' : 'unknown' };
  }

  #absent(name: MediaName & { kind: 'segment' | 'part' }, periods: readonly Period[]): MediaAnswer {
    const next = this.#timeline.nextNumber ?? 0;
    const first = Math.min(...periods.map((period) => period.startNumber));
    if (name.number < first) return { kind: 'unknown' };
    // The GEN of a Period that is over: a player that holds its MPD for too long asks for what comes after its end.
    if (this.#timeline.period?.gen !== name.gen) return { kind: 'gone' };
    if (name.number >= next) return this.#ahead(name, next);
    // A number of the window whose part does not exist.
    return this.#timeline.find(name.number) === undefined ? { kind: 'gone' } : { kind: 'unknown' };
  }

  /** What comes next is held for, what comes later is not. */
  #ahead(name: MediaName & { kind: 'segment' | 'part' }, next: number): MediaAnswer {
    const { track, gen, number } = name;
    const count = this.#timeline.period?.grid.partsPerSegment ?? 1;
    if (!this.#hasParts) {
      if (name.kind === 'part' && name.part >= count) return { kind: 'unknown' };
      return number === next ? { kind: 'pending', key: mediaKey(track, gen, number) } : { kind: 'too-early' };
    }
    // A DASH player asks for the next Segment by the clock, also when the one before is late.
    if (name.kind === 'segment')
      return number <= next + 1 ? { kind: 'pending', key: mediaPartKey(track, gen, number, 0) } : { kind: 'too-early' };
    if (name.part >= count) return { kind: 'unknown' };
    // RFC 8216bis 6.2.6: requests for a hinted resource are held; what is not hinted and not there is 404.
    const published = this.#publishedParts(track, next);
    const isHinted =
      published < count ? number === next && name.part === published : number === next + 1 && name.part === 0;
    return isHinted ? { kind: 'pending', key: mediaPartKey(track, gen, number, name.part) } : { kind: 'too-early' };
  }
}

export function mediaPartKey(track: string, gen: string, number: number, part: number): string {
  return `${mediaKey(track, gen, number)}.${part}`;
}

export function mediaKey(track: string, gen: string, number: number): string {
  return `${track}/${gen}/${number}`;
}
