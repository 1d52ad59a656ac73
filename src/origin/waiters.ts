/**
 * Requests held for an object that does not exist yet: keyed by Channel and object, woken once when it appears.
 * It never answers anybody; it says how the wait ended. Invariant: the number is bounded, each waiter has one deadline,
 * and a waiter that is woken, late or cancelled leaves nothing behind; a Channel is listened to only while waited for.
 */
import type { ChannelView } from '../channel/view.ts';
import type { Clock } from '../system/clock.ts';

/** `ready`: ask again; `late`: the deadline passed; `closed`: the Channel or the origin ends. */
export type WaitEnd = 'ready' | 'late' | 'closed';

export interface Waiters {
  /**
   * Holds until onEnd is called, once, at the latest after holdMs. Returns what cancels it without a call,
   * or undefined when there are too many, or no more are taken. `begun`: its answer has begun and is to be finished.
   */
  hold(
    view: ChannelView,
    key: string,
    holdMs: number,
    onEnd: (end: WaitEnd) => void,
    begun?: boolean,
  ): (() => void) | undefined;
  /** Ends as `closed` all waits of answers that have not begun, and takes no more of them. */
  endHolds(): void;
  /** Ends all waits as `closed`, and takes no more. */
  closeAll(): void;
  readonly count: number;
}

interface Waiter {
  readonly onEnd: (end: WaitEnd) => void;
  readonly begun: boolean;
  stopTimer: () => void;
}

/** Those who wait for objects of one Channel. */
interface Room {
  readonly byKey: Map<string, Set<Waiter>>;
  readonly stopListening: () => void;
  /** Deliveries under way: the room stays as long, for a listener added while the Channel tells is told as well. */
  delivering: number;
}

/** The names under which a Channel tells that it closes, and that every answer may be another now (channel/view.ts: onReady). */
const CLOSED_KEY = 'closed';
const ALL_KEY = 'all';

export interface WaitersOptions {
  readonly clock: Clock;
  /** Most requests held at a time. */
  readonly limit: number;
  /** Told the number after each change. */
  readonly onCount: (count: number) => void;
}

class KeyedWaiters implements Waiters {
  readonly #options: WaitersOptions;
  readonly #rooms = new Map<ChannelView, Room>();
  #count = 0;
  #takes: 'all' | 'begun' | 'none' = 'all';

  constructor(options: WaitersOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#count;
  }

  hold(
    view: ChannelView,
    key: string,
    holdMs: number,
    onEnd: (end: WaitEnd) => void,
    begun = false,
  ): (() => void) | undefined {
    if (this.#count >= this.#options.limit) return undefined;
    if (this.#takes === 'none' || (this.#takes === 'begun' && !begun)) return undefined;
    const room = this.#room(view);
    const waiter: Waiter = { onEnd, begun, stopTimer: () => {} };
    const waiting = room.byKey.get(key) ?? new Set();
    room.byKey.set(key, waiting.add(waiter));
    this.#changeCount(1);
    waiter.stopTimer = this.#options.clock.after(holdMs, () => {
      if (!this.#forget(room, key, waiter)) return;
      this.#leaveIfEmpty(view, room);
      onEnd('late');
    });
    return () => {
      if (this.#forget(room, key, waiter)) this.#leaveIfEmpty(view, room);
    };
  }

  endHolds(): void {
    if (this.#takes === 'all') this.#takes = 'begun';
    for (const [view, room] of [...this.#rooms])
      this.#endKeys(view, room, [...room.byKey.keys()], 'closed', ({ begun }) => !begun);
  }

  closeAll(): void {
    this.#takes = 'none';
    for (const [view, room] of [...this.#rooms]) this.#endAll(view, room, 'closed');
  }

  #room(view: ChannelView): Room {
    const known = this.#rooms.get(view);
    if (known !== undefined) return known;
    const room: Room = {
      byKey: new Map(),
      delivering: 0,
      stopListening: view.onReady((key) => {
        if (key === CLOSED_KEY) this.#endAll(view, room, 'closed');
        else if (key === ALL_KEY) this.#endAll(view, room, 'ready');
        else this.#end(view, room, key, 'ready');
      }),
    };
    this.#rooms.set(view, room);
    return room;
  }

  #endAll(view: ChannelView, room: Room, end: WaitEnd): void {
    this.#endKeys(view, room, [...room.byKey.keys()], end);
  }

  #end(view: ChannelView, room: Room, key: string, end: WaitEnd): void {
    this.#endKeys(view, room, [key], end);
  }

  /** Takes all out before the first is told: who asks again at once starts a new wait. */
  #endKeys(
    view: ChannelView,
    room: Room,
    keys: readonly string[],
    end: WaitEnd,
    isMeant: (waiter: Waiter) => boolean = () => true,
  ): void {
    const ended: Waiter[] = [];
    for (const key of keys) {
      const waiting = room.byKey.get(key);
      if (waiting === undefined) continue;
      const meant = [...waiting].filter(isMeant);
      for (const waiter of meant) waiting.delete(waiter);
      if (waiting.size === 0) room.byKey.delete(key);
      for (const waiter of meant) {
        waiter.stopTimer();
        ended.push(waiter);
      }
    }
    if (ended.length === 0) return;
    this.#changeCount(-ended.length);
    room.delivering += 1;
    for (const waiter of ended) waiter.onEnd(end);
    room.delivering -= 1;
    this.#leaveIfEmpty(view, room);
  }

  /** False when it was forgotten before. */
  #forget(room: Room, key: string, waiter: Waiter): boolean {
    const waiting = room.byKey.get(key);
    if (waiting === undefined || !waiting.delete(waiter)) return false;
    waiter.stopTimer();
    if (waiting.size === 0) room.byKey.delete(key);
    this.#changeCount(-1);
    return true;
  }

  #leaveIfEmpty(view: ChannelView, room: Room): void {
    if (room.byKey.size > 0 || room.delivering > 0 || this.#rooms.get(view) !== room) return;
    room.stopListening();
    this.#rooms.delete(view);
  }

  #changeCount(by: number): void {
    this.#count += by;
    this.#options.onCount(this.#count);
  }
}

export function openWaiters(options: WaitersOptions): Waiters {
  return new KeyedWaiters(options);
}
