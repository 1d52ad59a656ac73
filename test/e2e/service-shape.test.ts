/** Feeds of other rates and shapes, and ladders that change: what is declared, once, at the same number everywhere. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keptLog } from '../fakes/control-quiet-log.ts';
import { RtmpClient, SET_CHUNK_SIZE, VIDEO } from '../fakes/rtmp-client.ts';
import { FFMPEG, KEY, startTestService, type TestService, TINY_LADDER, waitFor, waitLive } from '../rig/service.ts';
import { metricOf, viewerOf, type Watch, watchChannel } from './service-client.ts';

const folder = mkdtempSync(join(tmpdir(), 'service-shape-'));
const ladder = join(folder, 'changing.yaml');
const log = keptLog();
const watches = new Map<string, Watch>();
let service: TestService;

/** auto: the first publish decides, and who leaves is gone at once; changing: its ladder file is edited; turning: its feed is. */
beforeAll(async () => {
  copyFileSync(TINY_LADDER, ladder);
  const channel = (id: string, file: string, grace: string, window = '2m') =>
    `  ${id}: { ladder: ${file}, keys: { primary: ${KEY}-${id} }, reconnectGrace: ${grace}, window: ${window} }`;
  const config = join(folder, 'settings.yaml');
  const channels = [
    channel('auto', TINY_LADDER, '0s', '20s'),
    channel('changing', ladder, '10s'),
    channel('turning', TINY_LADDER, '2s'),
  ];
  writeFileSync(config, ['channels:', ...channels, ''].join('\n'));
  service = await startTestService({ config }, {}, { log });
  await waitFor('slate', () => service.directory.all().every((view) => view.status().onAir === 'slate'));
  for (const id of ['auto', 'changing', 'turning']) watches.set(id, watchChannel(service, id));
});
afterAll(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const status = (id: string) => service.directory.get(id)?.status();
const push = (channel: string, rate: string, size = '480x270') =>
  service.push({ channel, key: `${KEY}-${channel}`, rate, size });
const gone = (id: string) => waitFor(`${id} on slate`, () => status(id)?.state === 'slate');

/** Where each rendition's DVR list says EXT-X-DISCONTINUITY, and its EXT-X-MAPs. */
async function declaredIn(id: string) {
  const viewer = viewerOf(service, id);
  const tracks = await viewer.renditions('dvr.m3u8');
  return Promise.all(
    tracks.map(async (track) => {
      const { segments, discontinuitySequence } = await viewer.playlist(track, 'dvr.m3u8');
      const at = segments.filter(({ isDiscontinuity }) => isDiscontinuity).map(({ number }) => number);
      const maps = segments.filter(({ map }) => map !== undefined);
      expect(maps.map(({ number }) => number)).toEqual([segments[0]?.number, ...at]);
      return { track, at, discontinuitySequence, maps: maps.map(({ map }) => map), segments };
    }),
  );
}

test('a first publish of another rate is declared once: the same number in all renditions, and a Period that touches', async () => {
  const first = push('auto', '25');
  await waitLive(service, 'auto');
  const lists = await declaredIn('auto');
  expect(lists.map(({ track }) => track).sort()).toEqual(['180p', '90p', 'audio']);
  const [at] = lists[0]?.at ?? [];
  expect(at).toBeGreaterThan(0);
  for (const list of lists) {
    expect(list.at).toEqual([at]);
    expect(list.discontinuitySequence).toBe(1);
    // RFC 8216bis 4.4.4.3 with 4.4.4.5: the number goes on, the CMAF header is another.
    expect(new Set(list.maps).size).toBe(2);
    for (const [i, segment] of list.segments.entries()) {
      const before = list.segments[i - 1];
      if (before === undefined) continue;
      const stepMs = segment.startMs - before.startMs;
      expect(Math.abs(stepMs - before.durationSeconds * 1000)).toBeLessThanOrEqual(track48k(list.track));
    }
  }
  const periods = await viewerOf(service, 'auto').periods('dvr.mpd');
  expect(periods.map(({ frameRates }) => frameRates)).toEqual([['30'], ['25']]);
  expect(periods[1]).toMatchObject({ startNumber: at, startSeconds: (at ?? 0) * 2, tracks: periods[0]?.tracks });
  expect(status('auto')?.tracks[0]?.frameRate).toBe('25');
  await first.stop();
  await gone('auto');
});

/** Milliseconds by which PROGRAM-DATE-TIMEs may differ from the sum of durations: rounding, and at an audio seam one access unit. */
const track48k = (track: string) => (track === 'audio' ? 1 + (1024 / 48_000) * 1000 : 1);

test('a later feed of another rate and shape is conformed: nothing is declared', async () => {
  const before = await declaredIn('auto');
  const odd = push('auto', '30000/1001', '360x480');
  await waitLive(service, 'auto');
  expect(status('auto')?.publisher?.source).toContain('360x480 29.97 fps');
  const lists = await declaredIn('auto');
  expect(lists.map(({ at }) => at)).toEqual(before.map(({ at }) => at));
  expect(lists.map(({ maps }) => maps)).toEqual(before.map(({ maps }) => maps));
  expect(status('auto')?.tracks[0]).toMatchObject({ frameRate: '25', width: 320, height: 180 });
  await odd.stop();
  await gone('auto');
});

test('a bad ladder file keeps the last good one, and the log lists every problem by file, line and column', async () => {
  const good = readFileSync(ladder, 'utf8');
  writeFileSync(ladder, good.replace('height: 180', 'height: tall').replace('bitrate: 64k', 'bitrato: 64k'));
  const told = () =>
    log.lines.filter(({ level, fields }) => level === 'error' && 'code' in fields && fields.code === 'LADDER_INVALID');
  await waitFor('the problems are told', () => told().length >= 2);
  const words = told().map(({ message }) => message);
  expect(words).toContainEqual(expect.stringMatching(/changing\.yaml:\d+:\d+ video\[0\]\.height: .*tall/));
  expect(words).toContainEqual(expect.stringMatching(/changing\.yaml:\d+:\d+ .*bitrato/));
  expect(await metricOf(service, 'config_ladder_reloads_total', { outcome: 'bad' })).toBe(1);
  const feed = push('changing', '30');
  await waitLive(service, 'changing');
  expect((await declaredIn('changing')).map(({ at }) => at)).toEqual([[], [], []]);
  expect(status('changing')?.tracks.map(({ id }) => id)).toEqual(['180p', '90p', 'audio']);

  // A good one, while the publisher is in: it has to wait for the next.
  writeFileSync(ladder, good.replace('id: 90p', 'id: 120p').replace('height: 90', 'height: 120'));
  await waitFor('read again', async () => {
    return (await metricOf(service, 'config_ladder_reloads_total', { outcome: 'good' })) === 1;
  });
  const edge = status('changing')?.newestNumber ?? 0;
  await waitFor('it goes on', () => (status('changing')?.newestNumber ?? 0) >= edge + 1);
  expect(status('changing')?.tracks.map(({ id }) => id)).toEqual(['180p', '90p', 'audio']);
  await feed.stop();
});

test('a good ladder file applies at the next publish, also one within the grace, declared at one number', async () => {
  const feed = push('changing', '30');
  await waitFor('the new rung is there', () => status('changing')?.tracks.some(({ id }) => id === '120p') === true);
  await waitLive(service, 'changing');
  const dvr = viewerOf(service, 'changing');
  await waitFor(
    'the new rung has six Segments',
    async () => (await dvr.renditions('dvr.m3u8')).includes('120p'),
    20_000,
  );
  const lists = await declaredIn('changing');
  expect(lists.map(({ track }) => track).sort()).toEqual(['120p', '180p', 'audio']);
  const at = new Set(lists.filter(({ track }) => track !== '120p').flatMap((list) => list.at));
  expect(at.size).toBe(1);
  const viewer = viewerOf(service, 'changing');
  const newRung = lists.find(({ track }) => track === '120p');
  expect(newRung?.segments[0]?.number).toBe([...at][0]);
  // The rung that is gone is withdrawn, and what was listed of it stays.
  const oldRung = await viewer.get('90p/media.m3u8');
  expect([oldRung.status, oldRung.headers['cache-control']]).toEqual([410, 'public, max-age=5']);
  expect(await viewer.periods('dvr.mpd')).toMatchObject([
    { tracks: ['180p', '90p', 'audio'] },
    { startNumber: [...at][0] },
  ]);
  await feed.stop();
});

/** The tags of a generated clip: type, stamp in ms, body. */
function clipTags(size: string, seconds: number): { type: number; stamp: number; body: Buffer }[] {
  const file = join(folder, `${size}.flv`);
  const picture = ['-f', 'lavfi', '-i', `testsrc2=s=${size}:r=30`, '-f', 'lavfi', '-i', 'sine=440:r=48000'];
  const codecs = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '30', '-c:a', 'aac'];
  execFileSync(FFMPEG, [
    '-loglevel',
    'error',
    '-y',
    ...picture,
    '-t',
    String(seconds),
    ...codecs,
    '-pix_fmt',
    'yuv420p',
    file,
  ]);
  const bytes = readFileSync(file);
  const tags: { type: number; stamp: number; body: Buffer }[] = [];
  for (let at = 13; at + 11 <= bytes.length; ) {
    const length = bytes.readUIntBE(at + 1, 3);
    const stamp = bytes.readUIntBE(at + 4, 3);
    tags.push({ type: bytes[at] ?? 0, stamp, body: bytes.subarray(at + 11, at + 11 + length) });
    at += 11 + length + 4;
  }
  return tags;
}

test('a feed that changes its shape in the middle of the first publish is conformed too', async () => {
  const wide = clipTags('480x270', 4);
  const tall = clipTags('270x480', 5).map((tag) => ({ ...tag, stamp: tag.stamp + 4000 }));
  const client = await new RtmpClient(service.ports.rtmp).publish(`turning?key=${KEY}-turning`);
  client.send(SET_CHUNK_SIZE, Buffer.from([0, 1, 0, 0]), 0, 2);
  client.chunkSize = 65_536;
  const startMs = performance.now();
  for (const { type, stamp, body } of [...wide, ...tall]) {
    const aheadMs = stamp - (performance.now() - startMs);
    if (aheadMs > 0) await sleep(aheadMs);
    client.send(type, body, stamp, type === VIDEO ? 6 : 4, 1);
  }
  expect(status('turning')?.publisher?.source).toContain('270x480');
  expect(status('turning')?.state).toBe('live');
  expect((await declaredIn('turning')).map(({ at }) => at)).toEqual([[], [], []]);
  expect(status('turning')?.tracks[0]).toMatchObject({ width: 320, height: 180 });
  client.destroy();
});

test('a Period that left the window is counted by EXT-X-DISCONTINUITY-SEQUENCE and gone from the MPD; its URLs stay', async () => {
  const viewer = viewerOf(service, 'auto');
  await waitFor('it has left', async () => (await viewer.periods('dvr.mpd')).length === 1, 30_000);
  for (const { at, discontinuitySequence, maps } of await declaredIn('auto')) {
    expect([at, discontinuitySequence, maps.length]).toEqual([[], 2, 1]);
  }
  const [period] = await viewer.periods('dvr.mpd');
  expect(period?.frameRates).toEqual(['25']);
  const ofFirst = [...(watches.get('auto')?.taken.keys() ?? [])]
    .filter((path) => path.startsWith('180p/'))
    .slice(0, 10);
  for (const path of ofFirst) expect([path, (await viewer.get(path)).status]).toEqual([path, 200]);
});

test('viewers of all saw every list go on and every listed URL keep its body', async () => {
  for (const watch of watches.values()) expect(await watch.end()).toEqual([]);
});
