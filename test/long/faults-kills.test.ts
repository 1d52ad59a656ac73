/**
 * Twenty encoders killed at seeded moments of a Segment, with a source GOP of 2 s: no frame is missing, and media is on air again
 * within a second of when it would have been. `npm run bench -- --only recovery` has the figures of longer GOPs.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { metricOf, watchChannel } from '../e2e/service-client.ts';
import { seeded } from '../fakes/simulated-feed.ts';
import { startTestService, type TestService, waitLive } from '../rig/service.ts';

const KILLS = 20;
/** Three deaths in 30 s are a back-off. */
const APART_MS = 16_000;
let service: TestService;

beforeAll(async () => {
  service = await startTestService();
  service.push({ gopFrames: 60 });
  await waitLive(service);
});
afterAll(() => service?.stop());

test('20 kills: no slate, p95 of how late a Segment is stays under a second', async () => {
  const random = seeded(20);
  const watch = watchChannel(service);
  const slate = () => metricOf(service, 'packager_segments_total', { source: 'slate' });
  const before = await slate();
  const late: number[] = [];
  const status = () => service.directory.get('match')!.status();
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(APART_MS + random() * 2_000);
    process.kill(status().encoder?.pid ?? 0, 'SIGKILL');
    let worstMs = 0;
    const endMs = performance.now() + 8_000;
    for (let newest = status().newestNumber; performance.now() < endMs; await sleep(20)) {
      const { newestNumber, newestEndMs = 0 } = status();
      if (newestNumber === newest) continue;
      newest = newestNumber;
      worstMs = Math.max(worstMs, Date.now() - newestEndMs);
    }
    late.push(worstMs);
  }
  const sorted = late.toSorted((a, b) => a - b);
  console.log(`late by, ms: ${sorted.map(Math.round).join(' ')}; slate ${(await slate()) - before}`);
  expect(await watch.end()).toEqual([]);
  expect((await slate()) - before).toBe(0);
  expect(sorted[Math.ceil(KILLS * 0.95) - 1]).toBeLessThan(1_000);
});
