/**
 * The fault matrix, what a publisher and its network can do: each fault is done for real, and what viewers get is measured.
 * Everything listed is taken all the while (service-client.ts); flash and beep of the feed say whether picture and sound are together.
 * Rows that need more time, real players or many repeats are in test/long.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { APART_MS, FaultStage } from '../../chaos/fault-stage.ts';

let stage: FaultStage;

beforeAll(async () => {
  stage = await FaultStage.open();
});
afterAll(() => stage?.end());
afterEach(async () => {
  expect(await stage.broken()).toEqual([]);
});

test('gone for 5 s: slate is on air within a second, and media again from a keyframe on', async () => {
  const measured = await stage.measure(() => stage.publisher.killFor(5_000));
  expect(measured).toMatchObject({ encoderStarts: 1, periods: 0 });
  expect(measured.slate).toBeGreaterThanOrEqual(1);
  expect(measured.slate).toBeLessThanOrEqual(5);
  expect(measured.worstLateMs).toBeLessThan(2_100);
  expect(measured.look.apartMs).toBeLessThan(APART_MS);
});

test.each([3_600_000, -3_600_000])(
  'stamps that jump by %d ms: one new worker, at most two Segments of slate',
  async (byMs) => {
    const measured = await stage.measure(async () => {
      stage.publisher.tell({ kind: 'shift', what: 'all', byMs });
      await sleep(2_500);
    });
    expect(measured).toMatchObject({ encoderStarts: 1, periods: 0 });
    expect(measured.slate).toBeLessThanOrEqual(2);
    expect(measured.look.apartMs).toBeLessThan(APART_MS);
  },
);

test('sound whose origin moves by 30 s: the picture goes on in the same worker, the sound is back beside it', async () => {
  const measured = await stage.measure(async () => {
    stage.publisher.tell({ kind: 'shift', what: 'audio', byMs: 30_000 });
    await sleep(2_500);
  });
  expect(measured).toMatchObject({ slate: 0, encoderStarts: 0, periods: 0 });
  expect(measured.look.apartMs).toBeLessThan(APART_MS);
});

test('sound away for 10 s: silence under a picture that goes on, and together again afterwards', async () => {
  const measured = await stage.measure(async () => {
    stage.publisher.tell({ kind: 'mute', track: 'audio', forMs: 10_000 });
    await sleep(10_500);
  });
  expect(measured).toMatchObject({ slate: 0, encoderStarts: 0, periods: 0 });
  // A track that is away is not waited for: the fill delay, not the patience.
  expect(measured.worstLateMs).toBeLessThan(1_300);
  expect(measured.look.apartMs).toBeLessThan(APART_MS);
});

test('another picture in mid-stream (size): conformed, one new worker, nothing declared', async () => {
  const measured = await stage.measure(async () => {
    stage.changeClip('size');
    await sleep(3_500);
  });
  expect(measured).toMatchObject({ encoderStarts: 1, periods: 0 });
  expect(measured.slate).toBeLessThanOrEqual(1);
  expect(measured.look.apartMs).toBeLessThan(APART_MS);
});
