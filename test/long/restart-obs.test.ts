/** OBS Studio streams while the service is upgraded (SIGTERM, start) and killed and started again: it never connects again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keyOf, ServiceUnderTest } from '../chaos/service-under-test.ts';
import { type Obs, startObs } from '../rig/obs.ts';
import { waitFor } from '../rig/service.ts';

const folder = mkdtempSync(join(tmpdir(), 'restart-obs-'));
let service: ServiceUnderTest;
let obs: Obs;
const isLive = async () => (await service.status('match')).state === 'live';

beforeAll(async () => {
  const channel = { id: 'match', latency: 'normal', takeover: 'refuse' } as const;
  service = await ServiceUnderTest.start(folder, [channel], { isKept: true });
  obs = await startObs(folder, `rtmp://127.0.0.1:${service.ports.rtmp}/live`, `match?key=${keyOf('match')}`);
  await waitFor('live', isLive, 60_000);
});
afterAll(async () => {
  await obs?.end();
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test.each(['SIGTERM', 'SIGKILL'] as const)(
  '%s and a start: the same connection of OBS goes on, and OBS says nothing',
  async (signal) => {
    const { publisher } = await service.status('match');
    const before = obs.said().length;
    await service.killFor(0, signal);
    const backMs = performance.now();
    await waitFor('live', isLive, 15_000);
    const tookMs = Math.round(performance.now() - backMs);
    await sleep(5000);
    const after = await service.status('match');
    console.log(`${signal}: live ${tookMs} ms after the service was back; OBS said:`, obs.said().slice(before));
    expect([after.publisher?.address, after.publisher?.source]).toEqual([publisher?.address, publisher?.source]);
    expect(after.onAir).toBe('live');
    expect(obs.said().slice(before)).not.toMatch(/reconnect|disconnect|stopped|error/i);
  },
);
