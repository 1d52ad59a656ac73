/** How soon a part is there: needs the machine for itself. */
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hintedPart } from '../../rig/hinted-part.ts';
import { KEY, startTestService, type TestService, TINY_LADDER, waitLive } from '../../rig/service.ts';

const FRAME_MS = 40;
const folder = mkdtempSync(join(tmpdir(), 'pitchside-part-latency-'));
let service: TestService;

beforeAll(async () => {
  const config = join(folder, 'settings.yaml');
  await writeFile(config, `channels:\n  match: { ladder: ${TINY_LADDER}, latency: low, keys: { main: ${KEY} } }\n`);
  service = await startTestService({ config });
});

afterAll(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('a held part is there within 120 ms (p95) of the arrival of its last frame', async () => {
  service.push({ rate: '25', size: '320x180', bitrate: '400k' });
  await waitLive(service);
  // The Anchor has settled by then: media time is UTC of the fastest arrival, so no frame came before its time.
  await sleep(3000);
  const lagsMs: number[] = [];
  let edge = await hintedPart(service.base);
  while (lagsMs.length < 50) {
    const answer = await fetch(`${service.base}/180p/${edge.gen}/${edge.number}.${edge.part}.m4s`);
    await answer.arrayBuffer();
    expect(answer.status).toBe(200);
    lagsMs.push(Date.now() - (edge.endMs - FRAME_MS));
    edge = await hintedPart(service.base, edge);
  }
  lagsMs.sort((a, b) => a - b);
  expect(lagsMs[Math.ceil(lagsMs.length * 0.95) - 1]).toBeLessThan(120);
}, 60_000);
