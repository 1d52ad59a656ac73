/** `takeover: replace`: who comes with the key replaces who is in, and viewers are told nothing. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KEY, startTestService, type TestService, TINY_LADDER, waitFor, waitLive } from '../rig/service.ts';

let service: TestService;
const folder = mkdtempSync(path.join(tmpdir(), 'takeover-'));

beforeAll(async () => {
  const config = path.join(folder, 'settings.yaml');
  writeFileSync(config, `channels:\n  match: { ladder: ${TINY_LADDER}, keys: { a: ${KEY} }, takeover: replace }\n`);
  service = await startTestService({ config });
});

afterAll(async () => {
  await service.stop();
  rmSync(folder, { recursive: true });
});

const status = () => service.directory.get('match')!.status();

test('a second publisher with the key takes over: the first is ended, the encoder goes on, nothing is declared', async () => {
  service.push();
  await waitLive(service);
  const first = status();
  service.push();
  await waitFor('the second is in', () => {
    const { publisher } = status();
    return publisher !== undefined && publisher.address !== first.publisher?.address;
  });
  const before = status().newestNumber ?? 0;
  await waitFor('three more live Segments', () => (status().newestNumber ?? 0) >= before + 3, 15_000);
  expect(status()).toMatchObject({ state: 'live', onAir: 'live' });
  expect(status().encoder?.pid).toBe(first.encoder?.pid);
  const text = await (await fetch(`${service.base}/180p/media.m3u8`)).text();
  expect(text).not.toContain('#EXT-X-DISCONTINUITY\n');
  const numbers = [...text.matchAll(/\/(\d+)\.m4s/g)].map((match) => Number(match[1]));
  expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i));
});

test('a wrong key replaces nobody', async () => {
  const { publisher } = status();
  const refused = service.push({ key: 'wrong-key-1234' });
  await once(refused.process, 'exit');
  expect(status().publisher).toEqual(publisher);
});
