/** A minute of chaos with one seed: `npm run chaos` has the rest. The faults are the same in every run, their moments too. */
import { expect, test } from 'vitest';
import { runChaos } from '../../chaos/run-chaos.ts';

test('60 s of random faults on two channels: a strict reader of everything finds no broken rule', async () => {
  const { findings, faults, objects, joined } = await runChaos({ seed: 12, lengthMs: 60_000 });
  expect(findings).toEqual([]);
  expect(faults.length).toBeGreaterThanOrEqual(4);
  expect(objects).toBeGreaterThan(200);
  expect(joined).toBeGreaterThan(20);
});
