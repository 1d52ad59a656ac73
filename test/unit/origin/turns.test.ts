import { describe, expect, it } from 'vitest';
import { openTurns, type Slice } from '../../../src/origin/turns.ts';

/** Turns that come when the test says so. */
function hand() {
  const coming: (() => void)[] = [];
  const turns = openTurns((call) => coming.push(call));
  const next = (): void => {
    const due = coming.splice(0);
    expect(due.length).toBeLessThanOrEqual(1);
    for (const call of due) call();
  };
  return { turns, next, isIdle: () => coming.length === 0 };
}

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at);

describe('turns', () => {
  it('makes the first 256 calls at once and as many a turn, each once and in order', () => {
    const { turns, next, isIdle } = hand();
    const seen: number[] = [];
    const slices: Slice[] = [];
    turns.soon(numbers(600), (item, slice) => {
      seen.push(item);
      slices.push(slice);
    });
    expect(seen).toHaveLength(256);
    next();
    expect(seen).toHaveLength(512);
    next();
    expect(seen).toEqual(numbers(600));
    expect([new Set(slices).size, slices[0] === slices[255], slices[255] === slices[256]]).toEqual([3, true, false]);
    expect(isIdle()).toBe(true);
  });

  it('what comes soon waits for what is before it, what comes later for both', () => {
    const { turns, next, isIdle } = hand();
    const seen: string[] = [];
    const note = (name: string) => () => {
      if (seen.at(-1) !== name) seen.push(name);
    };
    turns.soon(numbers(300), note('first'));
    turns.later(numbers(300), note('later'));
    turns.soon(numbers(300), note('second'));
    expect(seen).toEqual(['first']);
    while (!isIdle()) next();
    expect(seen).toEqual(['first', 'second', 'later']);
  });

  it('a list for later may grow until its turn', () => {
    const { turns, next } = hand();
    const list = [1];
    const seen: number[] = [];
    turns.later(list, (item) => seen.push(item));
    list.push(2);
    expect(seen).toEqual([]);
    next();
    expect(seen).toEqual([1, 2]);
  });

  it('what comes later is passed over 64 times at most', () => {
    const { turns, next } = hand();
    let isDone = false;
    turns.soon(numbers(256 * 200), () => {});
    turns.later([0], () => {
      isDone = true;
    });
    for (let turn = 0; turn < 64; turn += 1) next();
    expect(isDone).toBe(false);
    next();
    expect(isDone).toBe(true);
  });

  it('flush makes all calls of soon, none of later', () => {
    const { turns, next, isIdle } = hand();
    const seen: string[] = [];
    turns.soon(numbers(1000), () => seen.push('soon'));
    turns.later([0], () => seen.push('later'));
    turns.flush();
    expect(seen).toHaveLength(1000);
    while (!isIdle()) next();
    expect(seen.slice(1000)).toEqual(['later']);
  });
});
