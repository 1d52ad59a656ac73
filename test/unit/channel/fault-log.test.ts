import { expect, test } from 'vitest';
import { FaultLog } from '../../../src/channel/fault-log.ts';

const fault = (atMs: number) => ({ atMs, code: 'ENCODER_EXITED', message: `the ${atMs}th` });

test('keeps the last twenty faults, newest last', () => {
  const log = new FaultLog();
  expect(log.list()).toEqual([]);
  for (let n = 1; n <= 20; n++) log.add(fault(n));
  expect(log.list().map(({ atMs }) => atMs)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  for (let n = 21; n <= 50; n++) log.add(fault(n));
  expect(log.list()).toHaveLength(20);
  expect(log.list()[0]).toEqual(fault(31));
  expect(log.list().at(-1)).toEqual(fault(50));
});

test('tells the code of each, also of those that it no longer keeps', () => {
  const codes: string[] = [];
  const log = new FaultLog((code) => codes.push(code));
  for (let n = 1; n <= 30; n++) log.add(fault(n));
  expect(codes).toEqual(Array.from({ length: 30 }, () => 'ENCODER_EXITED'));
});

test('a list that was handed out does not change afterwards', () => {
  const log = new FaultLog();
  log.add(fault(1));
  const list = log.list();
  log.add(fault(2));
  expect(list).toEqual([fault(1)]);
});
