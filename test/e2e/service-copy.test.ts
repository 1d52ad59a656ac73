/** Copied rungs end to end: real pushes whose own pictures go out beside encoded ones, read by the strict checker, or refused by name. */

import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkStream } from '../../src/check/check-stream.ts';
import { systemClock } from '../../src/system/clock.ts';
import { rowsOf } from '../rig/matrix.ts';
import { ROOT, startTestService, type TestService, waitFor, waitLive } from '../rig/service.ts';

const LADDER = resolve(ROOT, 'test/fixtures/ladders/copy.yaml');
const KEY = 'copy-test-key-';
const NO_B = ['-tune', 'zerolatency'];
const WITH_B = ['-bf', '3', '-flags', '+cgop'];

const MATRIX = [
  { channel: 'r25', rate: '25', gopFrames: 50, encoder: NO_B, segmentMs: 2000 },
  { channel: 'r25-b', rate: '25', gopFrames: 25, encoder: WITH_B, segmentMs: 2000 },
  { channel: 'r30n', rate: '30000/1001', gopFrames: 30, encoder: NO_B, segmentMs: 2002 },
  { channel: 'r30n-b', rate: '30000/1001', gopFrames: 60, encoder: WITH_B, segmentMs: 2002 },
  { channel: 'r50', rate: '50', gopFrames: 100, encoder: NO_B, segmentMs: 2000 },
  { channel: 'r50-b', rate: '50', gopFrames: 25, encoder: WITH_B, segmentMs: 2000 },
];
const FEEDS = rowsOf(MATRIX, ({ channel }) => channel, ['r25-b', 'r30n', 'r50']);
const BAD = ['gop', 'irregular', 'open'];
const TROUBLED = 'troubled';

const folder = mkdtempSync(join(tmpdir(), 'pitchside-copy-'));
let service: TestService;

beforeAll(async () => {
  const ids = [...FEEDS.map(({ channel }) => channel), ...BAD, TROUBLED];
  const channels = ids.map((id) => `  ${id}: { ladder: ${LADDER}, keys: { main: ${KEY}${id} } }`);
  const config = join(folder, 'settings.yaml');
  await writeFile(config, `channels:\n${channels.join('\n')}\n`);
  service = await startTestService({ config }, {});
});

afterAll(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe.concurrent.each(FEEDS)('a copy of $channel', ({ channel, rate, gopFrames, encoder, segmentMs }) => {
  test('HLS and DASH keep every rule of the checker beside an encoded rung', async ({ expect }) => {
    const push = service.push({
      rate,
      gopFrames,
      encoder,
      size: '320x180',
      bitrate: '500k',
      channel,
      key: KEY + channel,
    });
    await waitLive(service, channel);
    const base = `http://127.0.0.1:${service.ports.http}/live/${channel}`;
    const clock = systemClock();
    const [hls, dash] = await Promise.all(
      ['master.m3u8', 'manifest.mpd'].map((name) => checkStream({ url: `${base}/${name}`, seconds: 8, clock })),
    );
    const status = service.directory.get(channel)?.status();
    await push.stop();
    const serious = [...(hls?.findings ?? []), ...(dash?.findings ?? [])].filter(({ severity }) => severity !== 'note');
    expect(serious).toEqual([]);
    expect(status?.segmentMs).toBe(segmentMs);
    expect(status?.state).toBe('live');
    // A busy machine may be slow; the copy has nothing to complain of.
    expect(status?.lastFaults.filter(({ code }) => code !== 'ENCODER_OVERLOADED')).toEqual([]);
  });
});

describe.concurrent('a feed that does not fit is refused by name', () => {
  const faultOf = async (channel: string, gopFrames: number, encoder: readonly string[], rate = '25') => {
    const push = service.push({ rate, gopFrames, encoder, size: '320x180', channel, key: KEY + channel });
    await waitFor('the refusal', () => (service.directory.get(channel)?.status().lastFaults.length ?? 0) > 0);
    await waitFor('the end of the push', () => push.process.exitCode !== null);
    return service.directory.get(channel)?.status().lastFaults[0];
  };

  test('keyframes every 1.7 s do not divide 2 s', async () => {
    const fault = await faultOf('gop', 85, NO_B, '50');
    expect(fault?.code).toBe('PUBLISH_COPY');
    expect(fault?.message).toContain('1.700 s (85 frames) apart');
    expect(fault?.message).toContain('keyframe interval of 2, 1, 0.5 s exactly');
  });

  test('an irregular GOP', async () => {
    const fault = await faultOf('irregular', 50, ['-tune', 'zerolatency', '-force_key_frames', '4.4,5.0']);
    expect(fault?.code).toBe('PUBLISH_COPY');
    expect(fault?.message).toContain(
      'keyframes are not regular: after intervals of 2.000 s (50 frames) one came 0.400 s',
    );
  });

  test('open GOPs', async () => {
    const fault = await faultOf('open', 50, ['-bf', '3', '-x264-params', 'open-gop=1:bframes=3']);
    expect(fault?.message).toContain('not IDR');
  });
});

describe.sequential('a copy through trouble', () => {
  const status = () => service.directory.get(TROUBLED)?.status();
  const base = () => `http://127.0.0.1:${service.ports.http}/live/${TROUBLED}`;
  const feed = { rate: '25', gopFrames: 25, encoder: WITH_B, size: '320x180', bitrate: '500k', channel: TROUBLED };
  const breaks = async () => {
    const text = await (await fetch(`${base()}/source/media.m3u8`)).text();
    return text.split('\n').filter((line) => line === '#EXT-X-DISCONTINUITY').length;
  };
  const segmentsLater = (count: number) => {
    const from = status()?.newestNumber ?? 0;
    return waitFor(`${count} Segments`, () => (status()?.newestNumber ?? 0) >= from + count);
  };
  let push = undefined as ReturnType<TestService['push']> | undefined;

  test('an encoder that is killed goes on at the same base: nothing is declared', async () => {
    push = service.push({ ...feed, key: KEY + TROUBLED });
    await waitLive(service, TROUBLED);
    await segmentsLater(1);
    const [before, pid] = [await breaks(), status()?.encoder?.pid];
    if (pid === undefined) throw new Error('no encoder');
    process.kill(pid, 'SIGKILL');
    await waitFor('another encoder', () => status()?.encoder !== undefined && status()?.encoder?.pid !== pid);
    await segmentsLater(3);
    expect(status()?.onAir).toBe('live');
    expect(await breaks()).toBe(before);
  });

  test('a publisher that is back at another phase begins another base, and every rule is kept', async () => {
    const pid = status()?.encoder?.pid;
    await push?.stop('SIGKILL');
    await waitFor('the publisher is gone', () => status()?.publisher === undefined);
    service.push({ ...feed, key: KEY + TROUBLED });
    await waitFor('another encoder', () => status()?.encoder !== undefined && status()?.encoder?.pid !== pid);
    await waitFor('live', () => status()?.onAir === 'live' && status()?.state === 'live');
    await segmentsLater(2);
    const clock = systemClock();
    const [hls, dash] = await Promise.all(
      ['master.m3u8', 'manifest.mpd'].map((name) => checkStream({ url: `${base()}/${name}`, seconds: 6, clock })),
    );
    const serious = [...(hls?.findings ?? []), ...(dash?.findings ?? [])].filter(
      ({ severity }) => severity === 'error',
    );
    expect(serious).toEqual([]);
  });
});
