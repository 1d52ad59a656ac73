/**
 * The two windows of the whole service on a clock that runs ahead: what is listed, and what may still be fetched.
 * The service's own encoder makes the slate in real time; only the Channel's clock is fast.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../src/system/clock.ts';
import { KEY, startTestService, type TestService, TINY_LADDER, waitFor } from '../rig/service.ts';
import { metricOf, viewerOf } from './service-client.ts';

const SPEED = 16;
const folder = mkdtempSync(join(tmpdir(), 'service-window-'));
let service: TestService;

/** UTC that passes SPEED times as fast from now on; who waits is called accordingly. */
function fastClock(): Clock {
  const clock = systemClock();
  const startMs = clock.nowMs();
  const nowMs = () => startMs + (clock.nowMs() - startMs) * SPEED;
  return { ...clock, nowMs, after: (delayMs, call) => clock.after(delayMs / SPEED, call) };
}

beforeAll(async () => {
  const config = join(folder, 'settings.yaml');
  const channel = (id: string, window: string) =>
    `  ${id}: { ladder: ${TINY_LADDER}, keys: { primary: ${KEY}-${id} }, window: ${window} }`;
  writeFileSync(config, ['channels:', channel('short', '20s'), channel('long', '2m'), ''].join('\n'));
  service = await startTestService({ config }, {}, { clock: fastClock() });
  await waitFor('slate', () => service.directory.all().every((view) => view.status().onAir === 'slate'));
});
afterAll(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('what leaves the lists stays 200 for the retention, is 410 then, and never 404', async () => {
  const viewer = viewerOf(service, 'short');
  const { segments } = await viewer.playlist('180p', 'dvr.m3u8');
  const first = segments[0];
  if (first === undefined) throw new Error('nothing is listed');
  const startMs = service.directory.nowMs();
  const seen: { readonly ageMs: number; readonly status: number; readonly isListed: boolean }[] = [];
  for (;;) {
    const { mediaSequence } = await viewer.playlist('180p', 'dvr.m3u8');
    const { status, headers } = await viewer.get(`180p/${first.uri}`);
    seen.push({ ageMs: service.directory.nowMs() - first.startMs, status, isListed: mediaSequence <= first.number });
    if (status !== 200) {
      expect([status, headers['cache-control']]).toEqual([410, 'public, max-age=60']);
      break;
    }
    if (service.directory.nowMs() - startMs > 200_000) throw new Error('it never left');
    await sleep(20);
  }
  expect(new Set(seen.map(({ status }) => status))).toEqual(new Set([200, 410]));
  const unlisted = seen.filter(({ isListed }) => !isListed);
  const served = unlisted.filter(({ status }) => status === 200);
  // 20 s of window and 60 s in which a player that holds an old list may still ask; one Segment of slack.
  expect(seen.at(-1)?.ageMs, 'when it was first seen to be gone').toBeGreaterThan(78_000);
  expect(served.at(-1)?.ageMs, 'when it was last served').toBeLessThan(90_000);
  expect(served.length).toBeGreaterThan(5);
  // The CMAF header belongs to all of its Segments, and was of no use to evict.
  expect((await viewer.get(`180p/${first.map}`)).status).toBe(200);
});

test('bytes are kept for the window and the retention and no longer', async () => {
  const bytes = () => metricOf(service, 'window_bytes', { channel: 'short' });
  const edge = service.directory.get('short')?.status().newestNumber ?? 0;
  const before = await bytes();
  await waitFor('20 more Segments', () => (service.directory.get('short')?.status().newestNumber ?? 0) >= edge + 20);
  expect(Math.abs((await bytes()) - before)).toBeLessThan(before * 0.1);
});

test('the DVR lists cover the whole window, the ordinary ones the last minute', async () => {
  const viewer = viewerOf(service, 'long');
  const edge = () => service.directory.get('long')?.status();
  await waitFor('the window is full', () => (edge()?.windowSegments ?? 0) >= 60);
  for (const track of await viewer.renditions('dvr.m3u8')) {
    const { segments } = await viewer.playlist(track, 'dvr.m3u8');
    expect(segments).toHaveLength(60);
    expect((await viewer.playlist(track)).segments).toHaveLength(30);
  }
  expect(await viewer.text('dvr.mpd')).toContain('timeShiftBufferDepth="PT120S"');
  expect(await viewer.text('manifest.mpd')).toContain('timeShiftBufferDepth="PT60S"');
});

test('the ordinary lists of a window that is shorter than a minute are as long as it', async () => {
  const viewer = viewerOf(service, 'short');
  for (const file of ['media.m3u8', 'dvr.m3u8'])
    expect((await viewer.playlist('180p', file)).segments).toHaveLength(10);
  expect(await viewer.text('manifest.mpd')).toContain('timeShiftBufferDepth="PT20S"');
});

test('DASH: the oldest and the newest number that the MPD promises are there', async () => {
  for (const [id, depthMs] of [
    ['short', 20_000],
    ['long', 120_000],
  ] as const) {
    const viewer = viewerOf(service, id);
    const mpd = await viewer.text('dvr.mpd');
    const media = /media="\$RepresentationID\$\/(\w+)\/\$Number\$\.m4s"/.exec(mpd)?.[1];
    const nowMs = service.directory.nowMs();
    // ISO/IEC 23009-1 A.3.4: available from its end plus AST's offset (1 s) on, for its duration and the depth.
    const newest = Math.floor((nowMs - 1000) / 2000) - 1;
    const oldest = Math.ceil((nowMs - 1000 - depthMs) / 2000) - 1;
    const statuses = await Promise.all(
      [oldest, newest].map(async (number) => (await viewer.get(`audio/${media}/${number}.m4s`)).status),
    );
    expect([id, ...statuses]).toEqual([id, 200, 200]);
  }
});
