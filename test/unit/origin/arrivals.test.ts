import { beforeEach, describe, expect, test } from 'vitest';
import { Arrivals } from '../../../src/origin/arrivals.ts';

let turns: (() => void)[];
let answered: number[];
let arrivals: Arrivals<number>;
const endTurn = () => {
  for (const call of turns.splice(0)) call();
};

beforeEach(() => {
  turns = [];
  answered = [];
  arrivals = new Arrivals(
    (arrival) => answered.push(arrival),
    (call) => turns.push(call),
  );
});

describe('arrivals', () => {
  test('of one turn are answered together at its end, in order, each once', () => {
    for (const arrival of [1, 2, 3]) arrivals.add(arrival);
    expect(answered).toEqual([]);
    expect(turns).toHaveLength(1);
    endTurn();
    expect(answered).toEqual([1, 2, 3]);
    endTurn();
    expect(answered).toEqual([1, 2, 3]);
    expect(turns).toEqual([]);
  });

  test('of a crowd leave the loop its turns: 256 at a time, and who comes meanwhile is behind them', () => {
    for (let arrival = 0; arrival < 600; arrival += 1) arrivals.add(arrival);
    endTurn();
    expect(answered).toHaveLength(256);
    arrivals.add(600);
    endTurn();
    expect(answered).toHaveLength(512);
    endTurn();
    expect(answered).toEqual(Array.from({ length: 601 }, (_, arrival) => arrival));
    expect(turns).toEqual([]);
  });

  test('that come while others are answered wait for the next turn', () => {
    const chained: number[] = [];
    const chain: Arrivals<number> = new Arrivals(
      (arrival) => {
        chained.push(arrival);
        if (arrival < 3) chain.add(arrival + 1);
      },
      (call) => turns.push(call),
    );
    chain.add(1);
    endTurn();
    expect(chained).toEqual([1]);
    endTurn();
    endTurn();
    expect(chained).toEqual([1, 2, 3]);
  });
});
