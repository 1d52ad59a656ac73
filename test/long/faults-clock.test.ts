/** Half an hour of a real publisher whose clock is 100 ppm fast: by the end it is 180 ms ahead of ours, and nothing shows. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { APART_MS } from '../chaos/fault-stage.ts';
import { Publisher } from '../chaos/publisher.ts';
import { metricOf, watchChannel } from '../e2e/service-client.ts';
import { lookAt, makeClip } from '../rig/feeds.ts';
import { KEY, startTestService, type TestService, waitLive } from '../rig/service.ts';

const MINUTES = 30;
const folder = mkdtempSync(join(tmpdir(), 'faults-clock-'));
let service: TestService;
let publisher: Publisher;

beforeAll(async () => {
  await makeClip(folder, 'plain', { seconds: 16.5 });
  service = await startTestService();
  const clip = join(folder, 'plain.flv');
  publisher = new Publisher({ port: service.ports.rtmp, streamName: `match?key=${KEY}`, clip, speed: 1 + 100e-6 });
  await publisher.start();
  await waitLive(service);
});
afterAll(async () => {
  await publisher?.end();
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('a publisher 100 ppm fast for 30 min: one worker, no slate, everything listed is there, in sync all the time', async () => {
  const counters = async () => [
    await metricOf(service, 'packager_segments_total', { source: 'slate' }),
    await metricOf(service, 'encoder_starts_total'),
    await metricOf(service, 'packager_periods_total'),
  ];
  const before = await counters();
  const watch = watchChannel(service);
  const apartMs: number[] = [];
  for (let minute = 0; minute < MINUTES; minute++) {
    await sleep(60_000);
    apartMs.push((await lookAt(service, 'match', folder, 2)).apartMs ?? Number.NaN);
    // A drifting picture wanders over its slots of the grid: half a frame of it is the ruler's.
    expect(apartMs.at(-1)).toBeLessThan(APART_MS);
  }
  console.log(`apart, ms: ${apartMs.map(Math.round).join(' ')}`);
  expect(await watch.end()).toEqual([]);
  expect(await counters()).toEqual(before);
});
