/**
 * The fault matrix, what a publisher and its network can do: each fault is done for real, and what viewers get is measured.
 * Everything listed is taken all the while (service-client.ts); flash and beep of the feed say whether picture and sound are together.
 * Rows that need many repeats, real players or an hour are in test/long.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Publisher } from '../chaos/publisher.ts';
import { type Look, lookAt, makeClip, PLAIN_VIDEO } from '../rig/feeds.ts';
import { KEY, startTestService, type TestService, waitFor, waitLive } from '../rig/service.ts';
import { metricOf, viewerOf, type Watch, watchChannel } from './service-client.ts';

const CHANNEL = 'match';
const APART_MS = 20;
const folder = mkdtempSync(join(tmpdir(), 'faults-feed-'));
const clip = (name: string) => join(folder, `${name}.flv`);
let service: TestService;
let publisher: Publisher;
let watch: Watch;

beforeAll(async () => {
  await makeClip(folder, 'plain', { seconds: 16.5 });
  await makeClip(folder, 'size', { seconds: 8.5, size: '480x270' });
  await makeClip(folder, 'rate', { seconds: 8.5, filter: 'fps=25', video: [...PLAIN_VIDEO, '-g', '50'] });
  await makeClip(folder, 'parameters', {
    seconds: 8.5,
    video: [...PLAIN_VIDEO, '-profile:v', 'baseline', '-level', '4.0'],
  });
  service = await startTestService();
  publisher = new Publisher({ port: service.ports.rtmp, streamName: `${CHANNEL}?key=${KEY}`, clip: clip('plain') });
  await publisher.start();
  await waitLive(service);
  watch = watchChannel(service);
});
afterAll(async () => {
  await publisher?.end();
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const status = () => service.directory.get(CHANNEL)!.status();

interface Measured {
  readonly slate: number;
  readonly encoderStarts: number;
  readonly periods: number;
  /** How long after its own end the latest Segment came. */
  readonly worstLateMs: number;
  readonly look: Look;
}

const counters = async () => ({
  slate: await metricOf(service, 'packager_segments_total', { source: 'slate' }),
  encoderStarts: await metricOf(service, 'encoder_starts_total'),
  periods: await metricOf(service, 'packager_periods_total'),
});

/** What viewers get while `act` runs and until three Segments after it are media again. */
async function measure(act: () => Promise<unknown>): Promise<Measured> {
  const before = await counters();
  let [worstLateMs, isOver] = [0, false];
  const sampling = (async () => {
    for (let newest = status().newestNumber; !isOver; await sleep(20)) {
      const { newestNumber, newestEndMs = 0 } = status();
      if (newestNumber === newest) continue;
      newest = newestNumber;
      worstLateMs = Math.max(worstLateMs, Date.now() - newestEndMs);
    }
  })();
  await act();
  await waitFor('media', () => status().onAir === 'live' && status().state === 'live');
  const edge = status().newestNumber ?? 0;
  await waitFor('three more Segments', () => (status().newestNumber ?? 0) >= edge + 3);
  isOver = true;
  await sampling;
  const after = await counters();
  const measured = {
    slate: after.slate - before.slate,
    encoderStarts: after.encoderStarts - before.encoderStarts,
    periods: after.periods - before.periods,
    worstLateMs: Math.round(worstLateMs),
    look: await lookAt(service, CHANNEL, folder, 2),
  };
  if (process.env['FAULTS_SAY'] !== undefined) console.log(expect.getState().currentTestName, measured);
  return measured;
}

/** After every row: nothing declared, no Segment of another length, everything listed was there once, in sync. */
afterEach(async () => {
  expect(watch.faults).toEqual([]);
  const { segments } = await viewerOf(service).playlist('180p', 'dvr.m3u8');
  expect(segments.filter(({ isDiscontinuity }) => isDiscontinuity)).toEqual([]);
  expect(new Set(segments.map(({ durationSeconds }) => durationSeconds))).toEqual(new Set([2]));
  expect(segments.map(({ number }) => number)).toEqual(segments.map((_, i) => (segments[0]?.number ?? 0) + i));
});

const inSync = ({ look }: Measured) => expect(look.apartMs).toBeLessThan(APART_MS);

test('gone for 0.5 s: the same worker, not one Segment of slate', async () => {
  const measured = await measure(() => publisher.killFor(500));
  expect(measured).toMatchObject({ slate: 0, encoderStarts: 0, periods: 0 });
  expect(measured.worstLateMs).toBeLessThan(2000);
  inSync(measured);
});

test('gone for 5 s: slate is on air within a second, and media again from a keyframe on', async () => {
  const measured = await measure(() => publisher.killFor(5_000));
  expect(measured).toMatchObject({ encoderStarts: 1, periods: 0 });
  expect(measured.slate).toBeGreaterThanOrEqual(1);
  expect(measured.slate).toBeLessThanOrEqual(5);
  expect(measured.worstLateMs).toBeLessThan(2500);
  inSync(measured);
});

test.each([3_600_000, -3_600_000, 5_000, -5_000])(
  'stamps that jump by %d ms: one new worker, at most three Segments of slate',
  async (byMs) => {
    const measured = await measure(async () => {
      publisher.tell({ kind: 'shift', what: 'all', byMs });
      await sleep(2_500);
    });
    expect(measured).toMatchObject({ encoderStarts: 1, periods: 0 });
    expect(measured.slate).toBeLessThanOrEqual(3);
    inSync(measured);
  },
);

test('stamps that wrap at 2^32: nothing at all', async () => {
  await measure(() => publisher.killFor(100, 2 ** 32 - 7_000));
  const measured = await measure(() => sleep(4_000));
  expect(measured).toMatchObject({ slate: 0, encoderStarts: 0, periods: 0 });
  inSync(measured);
});

test('sound whose origin moves by 30 s: the picture goes on in the same worker, the sound is back beside it', async () => {
  const measured = await measure(async () => {
    publisher.tell({ kind: 'shift', what: 'audio', byMs: 30_000 });
    await sleep(2_500);
  });
  expect(measured).toMatchObject({ slate: 0, encoderStarts: 0, periods: 0 });
  inSync(measured);
});

test.each(['audio', 'video'] as const)(
  '%s away for 10 s: silence or a held picture, and together again afterwards',
  async (track) => {
    const measured = await measure(async () => {
      publisher.tell({ kind: 'mute', track, forMs: 10_000 });
      await sleep(10_500);
    });
    expect(measured).toMatchObject({ slate: 0, encoderStarts: 0, periods: 0 });
    inSync(measured);
  },
);

test('a network that stalls for 3 s, then a burst: the same worker, caught up', async () => {
  const measured = await measure(() => publisher.stopFor(3_000));
  expect(measured.encoderStarts).toBeLessThanOrEqual(1);
  expect(measured.periods).toBe(0);
  expect(measured.slate).toBeLessThanOrEqual(2);
  inSync(measured);
});

test.each(['size', 'rate', 'parameters', 'plain'])(
  'another picture in mid-stream (%s): conformed, one new worker, nothing declared',
  async (name) => {
    const measured = await measure(async () => {
      publisher.tell({ kind: 'clip', clip: clip(name) });
      await sleep(3_500);
    });
    expect(measured).toMatchObject({ encoderStarts: 1, periods: 0 });
    expect(measured.slate).toBeLessThanOrEqual(2);
    inSync(measured);
  },
);
