/**
 * The rest of the fault matrix that needs no players: each fault is done for real, and what viewers get is measured.
 * Everything listed is taken all the while (service-client.ts); flash and beep of the feed say whether picture and sound are together.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { APART_MS, FaultStage } from '../chaos/fault-stage.ts';
import { waitFor } from '../rig/service.ts';

let stage: FaultStage;

beforeAll(async () => {
  stage = await FaultStage.open();
});
afterAll(() => stage?.end());
afterEach(async () => {
  expect(await stage.broken()).toEqual([]);
});

test('gone for 0.5 s: the same worker, not one Segment of slate', async () => {
  const measured = await stage.measure(() => stage.publisher.killFor(500));
  expect(measured).toMatchObject({ slate: 0, encoderStarts: 0, periods: 0 });
  expect(measured.look.apartMs).toBeLessThan(APART_MS);
});

test('gone for 60 s: slate, never later than a Segment is waited for, and the same channel afterwards', async () => {
  const measured = await stage.measure(() => stage.publisher.killFor(60_000));
  expect(measured).toMatchObject({ encoderStarts: 1, periods: 0 });
  expect(measured.worstLateMs).toBeLessThan(2_100);
  expect(measured.look.apartMs).toBeLessThan(APART_MS);
});

test.each([5_000, -5_000, 700, -700])(
  'stamps that jump by %d ms: at most one new worker and two Segments of slate',
  async (byMs) => {
    const measured = await stage.measure(async () => {
      stage.publisher.tell({ kind: 'shift', what: 'all', byMs });
      await sleep(2_500);
    });
    expect(measured.encoderStarts).toBeLessThanOrEqual(1);
    expect(measured.periods).toBe(0);
    expect(measured.slate).toBeLessThanOrEqual(2);
    expect(measured.look.apartMs).toBeLessThan(APART_MS);
  },
);

test('stamps that wrap at 2^32: nothing at all', async () => {
  await stage.measure(() => stage.publisher.killFor(100, 2 ** 32 - 7_000));
  const measured = await stage.measure(() => sleep(4_000));
  expect(measured).toMatchObject({ slate: 0, encoderStarts: 0, periods: 0 });
  expect(measured.look.apartMs).toBeLessThan(APART_MS);
});

test('a picture away for 10 s: slate over the sound, the same worker, and together again afterwards', async () => {
  const measured = await stage.measure(async () => {
    stage.publisher.tell({ kind: 'mute', track: 'video', forMs: 10_000 });
    await sleep(10_500);
  });
  expect(measured).toMatchObject({ encoderStarts: 0, periods: 0 });
  expect(measured.slate).toBeLessThanOrEqual(6);
  expect(measured.worstLateMs).toBeLessThan(1_300);
  expect(measured.look.apartMs).toBeLessThan(APART_MS);
});

test('a network that stalls for 3 s, then a burst, twice: the same worker, caught up, late media marked as it is', async () => {
  const late = () => stage.picturesLaterThan(1);
  const before = await late();
  for (let stall = 0; stall < 2; stall++) {
    const measured = await stage.measure(() => stage.publisher.stopFor(3_000));
    expect(measured).toMatchObject({ encoderStarts: 0, periods: 0 });
    expect(measured.slate).toBeLessThanOrEqual(2);
    expect(measured.look.apartMs).toBeLessThan(APART_MS);
  }
  // Each picture's own lateness is in the metrics; what came too late is slate; who stalls twice is told so, and no encoder is blamed.
  expect((await late()) - before).toBeGreaterThan(30);
  await waitFor('it is said', () => stage.status().advice.some(({ code }) => code === 'MEDIA_LATE'));
  expect(stage.status().lastFaults.filter(({ code }) => /OVERLOADED|SHED/.test(code))).toEqual([]);
});

test('a queue of 3 s that stays: slate for some ten seconds, then a new base, on time again', async () => {
  const measured = await stage.measure(async () => {
    stage.publisher.tell({ kind: 'delay', byMs: 3_000 });
    await waitFor('slate', () => stage.status().onAir === 'slate', 15_000);
  });
  expect(measured).toMatchObject({ encoderStarts: 1, periods: 0 });
  expect(measured.slate).toBeLessThanOrEqual(12);
  expect(measured.look.apartMs).toBeLessThan(APART_MS);
  const later = await stage.measure(() => sleep(12_000));
  expect(later).toMatchObject({ slate: 0, encoderStarts: 0, periods: 0 });
});

test.each(['size', 'rate', 'parameters', 'plain'])(
  'another picture in mid-stream (%s): conformed, one new worker',
  async (clip) => {
    const measured = await stage.measure(async () => {
      stage.changeClip(clip);
      await sleep(3_500);
    });
    expect(measured).toMatchObject({ encoderStarts: 1, periods: 0 });
    expect(measured.slate).toBeLessThanOrEqual(1);
    expect(measured.look.apartMs).toBeLessThan(APART_MS);
  },
);
