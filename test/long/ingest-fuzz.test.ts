/** 100,000 hostile sessions beside a live publisher. */
import { expect, test } from 'vitest';
import { fuzzIngest } from '../rig/rtmp-fuzz.ts';

test('100,000 mutated publish conversations: the child lives, its memory is flat, and the live publisher loses no picture', async () => {
  const { childStarts, residentMb, live, feedsLeft, publishes } = await fuzzIngest(100_000);
  expect(childStarts).toBe(1);
  // A good part of the sessions must have come as far as media, or this tests the door alone.
  expect(publishes).toBeGreaterThan(20_000);
  expect(feedsLeft).toBe(0);
  expect(residentMb[3] - residentMb[0]).toBeLessThan(40);
  expect(live.events).toEqual([]);
  expect(live.wrong).toBe(0);
  expect(live.frames).toBeGreaterThan(live.expectedFrames * 0.9 - 60);
  expect(live.longestGapMs).toBeLessThan(2_000);
});
