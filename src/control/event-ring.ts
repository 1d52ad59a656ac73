/**
 * The last events that a client of the stream may resume from, each with an id. Pure.
 * It never sends. Invariant: ids rise by one, also from one life of the service to the next while its clock does not go back by years.
 */

export interface RingEvent {
  readonly id: number;
  readonly name: string;
  /** JSON, one line. */
  readonly data: string;
}

/** What somebody missed; `isWhole`: nothing else. */
export interface Missed {
  readonly isWhole: boolean;
  readonly events: readonly RingEvent[];
}

const KEPT = 256;

export class EventRing {
  readonly #events: RingEvent[] = [];
  #newestId: number;

  /** A thousand ids a millisecond: no life comes into the ids of the next one. */
  constructor(startedMs: number) {
    this.#newestId = Math.floor(startedMs) * 1000;
  }

  get newestId(): number {
    return this.#newestId;
  }

  add(name: string, data: string): RingEvent {
    this.#newestId += 1;
    const event = { id: this.#newestId, name, data };
    this.#events.push(event);
    if (this.#events.length > KEPT) this.#events.shift();
    return event;
  }

  /** HTML 9.2.6, Last-Event-ID: what comes after it. An id that is not of this ring gives all that is kept. */
  since(lastEventId: string): Missed {
    const id = /^\d{1,16}$/.test(lastEventId) ? Number(lastEventId) : Number.NaN;
    const oldestKnown = this.#newestId - this.#events.length;
    const isWhole = id >= oldestKnown && id <= this.#newestId;
    return { isWhole, events: isWhole ? this.#events.filter((event) => event.id > id) : [...this.#events] };
  }
}
