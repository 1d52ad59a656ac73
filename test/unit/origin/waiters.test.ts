import { beforeEach, describe, expect, it } from 'vitest';
import { openTurns } from '../../../src/origin/turns.ts';
import { openWaiters, type WaitEnd, type Waiters } from '../../../src/origin/waiters.ts';
import type { Clock } from '../../../src/system/clock.ts';
import { FakeChannel } from '../../fakes/channel-view.ts';

/** Timers as a list; the test lets them pass. */
function handClock() {
  const timers = new Map<number, { atMs: number; call: () => void }>();
  let nowMs = 0;
  let next = 0;
  const clock: Clock = {
    nowMs: () => nowMs,
    monotonicUs: () => nowMs * 1000,
    utcMsOf: (us) => us / 1000,
    after(delayMs, call) {
      const id = next++;
      timers.set(id, { atMs: nowMs + delayMs, call });
      return () => {
        timers.delete(id);
      };
    },
  };
  const pass = (ms: number): void => {
    nowMs += ms;
    for (const [id, timer] of [...timers]) {
      if (timer.atMs > nowMs) continue;
      timers.delete(id);
      timer.call();
    }
  };
  return { clock, pass, timers };
}

let hand: ReturnType<typeof handClock>;
let counts: number[];
let waiters: Waiters;
let channel: FakeChannel;
let ends: string[];
const hold = (key: string, name = key, holdMs = 2000) =>
  waiters.hold(channel, key, holdMs, (end: WaitEnd) => ends.push(`${name} ${end}`));

beforeEach(() => {
  hand = handClock();
  counts = [];
  ends = [];
  channel = new FakeChannel();
  waiters = openWaiters({ clock: hand.clock, turns: openTurns(), limit: 3, onCount: (count) => counts.push(count) });
});

function nothingIsLeft(): void {
  expect(waiters.count).toBe(0);
  expect(hand.timers.size).toBe(0);
  expect(channel.listeners).toBe(0);
}

describe('waiters', () => {
  it('lets all ask again when any answer may be another now', () => {
    hold('n1', 'a');
    hold('list/v720/5', 'b');
    channel.wake('all');
    expect(ends).toEqual(['a ready', 'b ready']);
    nothingIsLeft();
  });

  it('who asks again at once, when all are let ask, waits anew and is not let go twice', () => {
    waiters.hold(channel, 'n1', 2000, (end) => {
      ends.push(`first ${end}`);
      hold('n2', 'second');
    });
    hold('n2', 'other');
    channel.wake('all');
    expect(ends).toEqual(['first ready', 'other ready']);
    expect(waiters.count).toBe(1);
    channel.wake('n2');
    expect(ends.at(-1)).toBe('second ready');
    nothingIsLeft();
  });

  it('wakes all who wait for the object, in their order, once, and nobody else', () => {
    hold('n1', 'a');
    hold('n1', 'b');
    hold('n2', 'c');
    channel.wake('n1');
    channel.wake('n1');
    expect(ends).toEqual(['a ready', 'b ready']);
    expect(waiters.count).toBe(1);
    channel.wake('n2');
    nothingIsLeft();
  });

  it('keeps the keys of two Channels apart', () => {
    const other = new FakeChannel('other');
    hold('n1', 'a');
    waiters.hold(other, 'n1', 2000, (end) => ends.push(`b ${end}`));
    other.wake('n1');
    expect(ends).toEqual(['b ready']);
  });

  it('ends a wait at its deadline, with one timer for all who wait for the same', () => {
    hold('n1', 'a', 1000);
    hold('n1', 'b', 2000);
    expect(hand.timers.size).toBe(1);
    hand.pass(999);
    expect(ends).toEqual([]);
    hand.pass(1);
    expect(ends).toEqual(['a late']);
    channel.wake('n1');
    expect(ends).toEqual(['a late', 'b ready']);
    nothingIsLeft();
  });

  it('ends a shorter wait that came later before a longer one for the same object', () => {
    hold('n1', 'long', 3000);
    hand.pass(500);
    const cancel = hold('n1', 'gone', 1000);
    hold('n1', 'short', 1000);
    cancel?.();
    hand.pass(999);
    expect(ends).toEqual([]);
    hand.pass(1);
    expect(ends).toEqual(['short late']);
    hand.pass(1500);
    expect(ends).toEqual(['short late', 'long late']);
    nothingIsLeft();
  });

  it('a deadline is kept although its timer came early', () => {
    hold('n1', 'a', 1000);
    const [timer] = hand.timers.values();
    hand.pass(999.5);
    timer?.call();
    expect(ends).toEqual([]);
    hand.pass(1);
    expect(ends).toEqual(['a late']);
  });

  it('calls many in slices, who cancels between two of them not at all, and counts them against the bound', () => {
    const turns: (() => void)[] = [];
    const many = openWaiters({
      clock: hand.clock,
      turns: openTurns((call) => turns.push(call)),
      limit: 600,
      onCount: (count) => counts.push(count),
    });
    let told = 0;
    const cancels = Array.from({ length: 600 }, () => many.hold(channel, 'n1', 2000, () => (told += 1)));
    channel.wake('n1');
    expect([told, many.count, channel.listeners]).toEqual([256, 0, 0]);
    cancels[599]?.();
    expect(counts.at(-1)).toBe(0);
    expect(Array.from({ length: 257 }, () => many.hold(channel, 'n2', 2000, () => {})).at(-1)).toBeUndefined();
    while (turns.length > 0) turns.shift()?.();
    expect(told).toBe(599);
    many.closeAll();
    nothingIsLeft();
  });

  it('calls who was woken before who waits when the origin closes, all before closeAll returns', () => {
    const many = openWaiters({ clock: hand.clock, turns: openTurns(() => {}), limit: 600, onCount: () => {} });
    const seen: WaitEnd[] = [];
    for (let at = 0; at < 300; at += 1) many.hold(channel, 'n1', 2000, (end) => seen.push(end));
    many.hold(channel, 'n2', 2000, (end) => seen.push(end));
    channel.wake('n1');
    many.closeAll();
    expect([seen.length, seen[299], seen[300]]).toEqual([301, 'ready', 'closed']);
  });

  it('refuses above its bound and takes more when one has gone', () => {
    for (const name of ['a', 'b', 'c']) expect(hold('n1', name)).toBeDefined();
    expect(hold('n1', 'd')).toBeUndefined();
    expect(hold('n2', 'e')).toBeUndefined();
    channel.wake('n1');
    expect(ends).toEqual(['a ready', 'b ready', 'c ready']);
    expect(hold('n1', 'f')).toBeDefined();
    // One word for all who are woken together.
    expect(counts).toEqual([1, 2, 3, 0, 1]);
  });

  it('forgets at once who cancels, without a call', () => {
    const cancel = hold('n1');
    cancel?.();
    cancel?.();
    nothingIsLeft();
    channel.wake('n1');
    hand.pass(5000);
    expect(ends).toEqual([]);
  });

  it('does not take one who waits again while being woken for one who was waiting', () => {
    waiters.hold(channel, 'n1', 2000, () => hold('n1', 'again'));
    channel.wake('n1');
    expect(ends).toEqual([]);
    expect(waiters.count).toBe(1);
    channel.wake('n1');
    expect(ends).toEqual(['again ready']);
    nothingIsLeft();
  });

  it('ends a wake-up in vain: who waits again each time is told once each time', () => {
    let told = 0;
    const again = (): void => {
      told += 1;
      if (told < 10) waiters.hold(channel, 'n1', 2000, again);
    };
    waiters.hold(channel, 'n1', 2000, again);
    channel.wake('n1');
    expect(told).toBe(1);
    expect(channel.listeners).toBe(1);
    channel.wake('n1');
    expect(told).toBe(2);
  });

  it('tells one who waits again only the next time, also when the last other wait was cancelled meanwhile', () => {
    let cancelOther: (() => void) | undefined;
    let told = 0;
    waiters.hold(channel, 'n1', 2000, () => cancelOther?.());
    waiters.hold(channel, 'n1', 2000, () => {
      waiters.hold(channel, 'n1', 2000, () => {
        told += 1;
      });
    });
    cancelOther = hold('n2');
    channel.wake('n1');
    expect(told).toBe(0);
    channel.wake('n1');
    expect(told).toBe(1);
    nothingIsLeft();
  });

  it('leaves out one who is cancelled by the first that is woken', () => {
    let cancelSecond: (() => void) | undefined;
    waiters.hold(channel, 'n1', 2000, () => cancelSecond?.());
    cancelSecond = hold('n1', 'second');
    expect(() => channel.wake('n1')).not.toThrow();
    nothingIsLeft();
  });

  it('ends all waits of a Channel that closes', () => {
    hold('n1', 'a');
    hold('n2', 'b');
    channel.wake('closed');
    expect(ends).toEqual(['a closed', 'b closed']);
    nothingIsLeft();
  });

  it('ends all waits of all Channels when the origin closes', () => {
    const other = new FakeChannel('other');
    hold('n1', 'a');
    waiters.hold(other, 'n1', 2000, (end) => ends.push(`b ${end}`));
    waiters.closeAll();
    expect(ends).toEqual(['a closed', 'b closed']);
    nothingIsLeft();
    expect(other.listeners).toBe(0);
  });

  it('when the origin drains, ends those whose answer has not begun, and takes only those whose has', () => {
    hold('n1', 'a');
    waiters.hold(channel, 'n1', 2000, (end) => ends.push(`b ${end}`), true);
    waiters.endHolds();
    expect(ends).toEqual(['a closed']);
    expect(hold('n2')).toBeUndefined();
    expect(waiters.hold(channel, 'n2', 2000, (end) => ends.push(`c ${end}`), true)).toBeDefined();
    channel.wake('n1');
    expect(ends).toEqual(['a closed', 'b ready']);
    waiters.closeAll();
    expect(ends).toEqual(['a closed', 'b ready', 'c closed']);
    expect(waiters.hold(channel, 'n3', 2000, () => undefined, true)).toBeUndefined();
    nothingIsLeft();
  });
});
