/** A DASH player that still holds the MPD of before a declared change: what it asks for is there, as slate, and then gone. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestService, type TestService, waitFor, waitLive } from '../rig/service.ts';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});

afterAll(() => service.stop());

function mediaOf(mpd: string): string[] {
  return [...mpd.matchAll(/media="\$RepresentationID\$\/([0-9a-f]+)\/\$Number\$\.m4s"/g)].map(
    (match) => match[1] ?? '',
  );
}

test('a first publish at another rate: the numbers of the old MPD answer 200 for a while, then 410, never 404', async () => {
  const status = () => service.directory.get('match')!.status();
  await waitFor('the slate', async () => (await fetch(`${service.base}/manifest.mpd`)).ok);
  const [old] = mediaOf(await (await fetch(`${service.base}/manifest.mpd`)).text());
  service.push({ rate: '25' });
  await waitLive(service);
  const now = mediaOf(await (await fetch(`${service.base}/manifest.mpd`)).text());
  expect(new Set(now).size).toBe(2);
  const changed = (await (await fetch(`${service.base}/180p/media.m3u8`)).text()).match(
    /DISCONTINUITY\n[\s\S]*?\/(\d+)\.m4s/,
  )?.[1];
  const first = Number(changed);
  expect(first).toBeGreaterThan(0);
  const statusOf = async (number: number) => (await fetch(`${service.base}/180p/${old}/${number}.m4s`)).status;
  expect(await Promise.all([-1, 0, 1, 2].map((k) => statusOf(first + k)))).toEqual([200, 200, 200, 200]);
  expect(await statusOf(first + 3)).toBe(410);
  expect(status().state).toBe('live');
});
