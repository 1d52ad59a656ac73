/**
 * Requests held for an object that does not exist yet: keyed by Channel and object, woken once when it appears.
 * It never answers anybody; it says how the wait ended. Invariant: the number is bounded, each waiter has one deadline,
 * and a waiter that is woken, late or cancelled leaves nothing behind; a Channel is listened to only while waited for.
 */
import type { ChannelView } from '../channel/view.ts';
import type { Clock } from '../system/clock.ts';
import type { Slice, Turns } from './turns.ts';

/** `ready`: ask again; `late`: the deadline passed; `closed`: the Channel or the origin ends. */
export type WaitEnd = 'ready' | 'late' | 'closed';

export interface Waiters {
  /**
   * Holds until onEnd is called, once, at the latest after holdMs. Many who are woken together are called in slices
   * (turns.ts). Returns what cancels it without a call, or undefined when there are too many, or no more are taken.
   * `begun`: its answer has begun and is to be finished.
   */
  hold(view: ChannelView, key: string, holdMs: number, onEnd: OnEnd, begun?: boolean): (() => void) | undefined;
  /** Ends as `closed` all waits of answers that have not begun, and takes no more of them. */
  endHolds(): void;
  /** Ends all waits as `closed`, after those that have been woken, and takes no more. */
  closeAll(): void;
  readonly count: number;
}

type OnEnd = (end: WaitEnd, slice: Slice) => void;

interface Waiter {
  /** Undefined once it was called or cancelled. */
  onEnd: OnEnd | undefined;
  readonly endMs: number;
  readonly row: Row;
  readonly begun: boolean;
}

/** Those who wait for one object, in the order in which they came, which is that of their deadlines: one timer does for all. */
interface Row {
  readonly key: string;
  readonly waiters: Set<Waiter>;
  /** The latest deadline so far. */
  lastMs: number;
  stopTimer: () => void;
}

/** Those who wait for objects of one Channel. Waits of unequal length for one object make more than one row. */
interface Room {
  readonly byKey: Map<string, Row[]>;
  readonly stopListening: () => void;
  /** Deliveries under way: the room stays as long, for a listener added while the Channel tells is told as well. */
  delivering: number;
}

/** The names under which a Channel tells that it closes, and that every answer may be another now (channel/view.ts: onReady). */
const CLOSED_KEY = 'closed';
const ALL_KEY = 'all';

export interface WaitersOptions {
  readonly clock: Clock;
  readonly turns: Turns;
  /** Most requests held at a time. */
  readonly limit: number;
  /** Told the number after each change. */
  readonly onCount: (count: number) => void;
}

class KeyedWaiters implements Waiters {
  readonly #options: WaitersOptions;
  readonly #rooms = new Map<ChannelView, Room>();
  #count = 0;
  /** Those who were woken and whose slice has not come. */
  #ending = 0;
  #takes: 'all' | 'begun' | 'none' = 'all';

  constructor(options: WaitersOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#count;
  }

  hold(view: ChannelView, key: string, holdMs: number, onEnd: OnEnd, begun = false): (() => void) | undefined {
    if (this.#count + this.#ending >= this.#options.limit) return undefined;
    if (this.#takes === 'none' || (this.#takes === 'begun' && !begun)) return undefined;
    const room = this.#room(view);
    const endMs = this.#options.clock.nowMs() + holdMs;
    const row = rowFor(room, key, endMs);
    const waiter: Waiter = { onEnd, endMs, row, begun };
    row.lastMs = endMs;
    row.waiters.add(waiter);
    if (row.waiters.size === 1) this.#setTimer(view, room, row, holdMs);
    this.#changeCount(1);
    return () => {
      waiter.onEnd = undefined;
      if (!row.waiters.delete(waiter)) return;
      this.#changeCount(-1);
      if (row.waiters.size > 0) return;
      forgetRow(room, row);
      this.#leaveIfEmpty(view, room);
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
    this.#options.turns.flush();
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
        else this.#endKeys(view, room, [key], 'ready');
      }),
    };
    this.#rooms.set(view, room);
    return room;
  }

  /** For the deadline of the first in the row. */
  #setTimer(view: ChannelView, room: Room, row: Row, forMs: number): void {
    row.stopTimer = this.#options.clock.after(forMs, () => this.#endLate(view, room, row));
  }

  #endLate(view: ChannelView, room: Room, row: Row): void {
    const nowMs = this.#options.clock.nowMs();
    const ended: Waiter[] = [];
    for (const waiter of row.waiters) {
      if (waiter.endMs > nowMs) {
        // Timers of the system may be up to 1 ms early.
        this.#setTimer(view, room, row, Math.ceil(waiter.endMs - nowMs));
        break;
      }
      row.waiters.delete(waiter);
      ended.push(waiter);
    }
    if (row.waiters.size === 0) forgetRow(room, row);
    this.#deliver(view, room, ended, 'late');
  }

  #endAll(view: ChannelView, room: Room, end: WaitEnd): void {
    this.#endKeys(view, room, [...room.byKey.keys()], end);
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
      for (const row of [...(room.byKey.get(key) ?? [])]) {
        for (const waiter of [...row.waiters].filter(isMeant)) {
          row.waiters.delete(waiter);
          ended.push(waiter);
        }
        if (row.waiters.size === 0) forgetRow(room, row);
      }
    }
    this.#deliver(view, room, ended, end);
  }

  /** Who cancels before its slice is not told. */
  #deliver(view: ChannelView, room: Room, ended: readonly Waiter[], end: WaitEnd): void {
    if (ended.length === 0) {
      this.#leaveIfEmpty(view, room);
      return;
    }
    this.#changeCount(-ended.length);
    this.#ending += ended.length;
    room.delivering += 1;
    this.#options.turns.soon(ended, (waiter, slice) => {
      const { onEnd } = waiter;
      this.#ending -= 1;
      waiter.onEnd = undefined;
      onEnd?.(end, slice);
    });
    room.delivering -= 1;
    this.#leaveIfEmpty(view, room);
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

/** The row whose last deadline is not after this one, or a new one: there are no more rows than lengths of waits. */
function rowFor(room: Room, key: string, endMs: number): Row {
  const rows = room.byKey.get(key) ?? [];
  room.byKey.set(key, rows);
  let row = rows.find(({ lastMs }) => lastMs <= endMs);
  if (row === undefined) {
    row = { key, waiters: new Set(), lastMs: endMs, stopTimer: () => {} };
    rows.push(row);
  }
  return row;
}

function forgetRow(room: Room, row: Row): void {
  row.stopTimer();
  const rows = room.byKey.get(row.key);
  const at = rows?.indexOf(row) ?? -1;
  if (rows === undefined || at === -1) return;
  rows.splice(at, 1);
  if (rows.length === 0) room.byKey.delete(row.key);
}

export function openWaiters(options: WaitersOptions): Waiters {
  return new KeyedWaiters(options);
}
