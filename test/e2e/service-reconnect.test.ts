/** A publisher that comes back within the grace goes on with the same encoder, and viewers are told nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestService, type TestService, waitFor, waitLive } from '../rig/service.ts';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});

afterAll(() => service.stop());

const status = () => service.directory.get('match')!.status();

async function playlist(): Promise<string> {
  return (await fetch(`${service.base}/180p/media.m3u8`)).text();
}

test('gone for half a second and back unchanged: same encoder, nothing declared, no number missing', async () => {
  const first = service.push();
  await waitLive(service);
  const pid = status().encoder?.pid;
  await first.stop('SIGKILL');
  await waitFor('the publisher is seen to be gone', () => status().publisher === undefined);
  await sleep(500);
  service.push();
  await waitFor('the publisher is back', () => status().publisher !== undefined);
  const before = status().newestNumber ?? 0;
  await waitFor(
    'live Segments after the return',
    () => (status().newestNumber ?? 0) >= before + 3 && status().state === 'live',
  );
  expect(status().encoder?.pid).toBe(pid);
  const text = await playlist();
  expect(text).not.toContain('#EXT-X-DISCONTINUITY\n');
  const numbers = [...text.matchAll(/\/(\d+)\.m4s/g)].map((match) => Number(match[1]));
  expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i));
});

test('back with other sequence headers: another encoder', async () => {
  const pid = status().encoder?.pid;
  const { publisher } = status();
  expect(publisher).toBeDefined();
  await service.endPushes('SIGKILL');
  service.push({ size: '320x180' });
  await waitFor('another encoder', () => status().encoder !== undefined && status().encoder?.pid !== pid);
  await waitLive(service);
  expect(await playlist()).not.toContain('#EXT-X-DISCONTINUITY\n');
});

test('gone for longer than the grace: slate, and no encoder is left', async () => {
  await service.endPushes('SIGKILL');
  await waitFor('slate', () => status().state === 'slate', 5000);
  await waitFor('no encoder', () => status().encoder === undefined, 6000);
  const before = status().newestNumber ?? 0;
  await waitFor('two slate Segments', () => (status().newestNumber ?? 0) >= before + 2);
  expect(status().onAir).toBe('slate');
});
