import { expect, it } from 'vitest';
import { RefusalLog } from '../../../src/ingest/refusal-log.ts';

it('says 20 refusals of a reason in 10 s, and with the next line how many went unsaid', () => {
  const log = new RefusalLog();
  const answers = Array.from({ length: 25 }, (_, i) => log.refused('wrong-key', i));
  expect(answers).toEqual([...Array.from({ length: 20 }, () => 0), ...Array.from({ length: 5 }, () => undefined)]);
  expect(log.refused('wrong-key', 9_999_999)).toBeUndefined();
  expect(log.refused('wrong-key', 10_000_000)).toBe(6);
  expect(log.refused('wrong-key', 10_000_001)).toBe(0);
});

it('keeps reasons apart', () => {
  const log = new RefusalLog();
  for (let i = 0; i < 30; i++) log.refused('timeout', 0);
  expect(log.refused('wrong-key', 0)).toBe(0);
});
