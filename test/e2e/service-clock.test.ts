/** The system clock is stepped by an hour, back and then forth, while the service is away for a moment. Its numbers never fall. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { aheadClock, systemClock } from '../../src/system/clock.ts';
import { startTestService, type TestService } from '../rig/service.ts';

const HOUR_MS = 3_600_000;
const data = mkdtempSync(join(tmpdir(), 'clock-'));
let service: TestService | undefined;
afterAll(async () => {
  await service?.stop();
  rmSync(data, { recursive: true, force: true });
});

/** A life whose system clock is so many hours ahead of the machine's, and what it says once it has a list. */
async function live(hours: number) {
  service = await startTestService({ data }, {}, { clock: aheadClock(systemClock(), hours * HOUR_MS) });
  const { base, ports } = service;
  const text = await (await fetch(`${base}/180p/dvr.m3u8`)).text();
  const numbers = [...text.matchAll(/(\d+)\.m4s$/gm)].map(([, number]) => Number(number));
  const time = await (await fetch(`http://127.0.0.1:${ports.http}/time`)).text();
  const aheadHours = (Date.parse(time) - Date.now()) / HOUR_MS;
  await service.stop();
  return { text, first: numbers[0] ?? 0, last: numbers.at(-1) ?? 0, count: numbers.length, aheadHours };
}

test('stepped back the service goes on with its own time, in the same list; stepped forth it follows, above all numbers', async () => {
  const before = await live(1);
  expect(before.count).toBeGreaterThan(20);
  const back = await live(0);
  expect(back.aheadHours).toBeCloseTo(1, 2);
  expect(back.first).toBe(before.first);
  expect(back.last).toBeGreaterThanOrEqual(before.last);
  expect(back.last).toBeLessThan(before.last + 20);
  expect(back.text).not.toContain('#EXT-X-DISCONTINUITY\n');
  const forth = await live(2);
  expect(forth.aheadHours).toBeCloseTo(2, 2);
  expect(forth.first).toBeGreaterThan(back.last);
  expect(forth.last).toBeGreaterThan(back.last + 1700);
  expect(forth.text).toMatch(/^#EXT-X-DISCONTINUITY-SEQUENCE:2$/m);
});
