import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ReplyCounters } from '../../../src/origin/reply-counters.ts';
import { openMetrics } from '../../../src/system/metrics.ts';

const LIST = ['Cache-Control', 'public, max-age=1', 'ETag', '"x"'];

test('what a turn of the event loop answered is in the metrics after it, by kind, status and life, whole', async () => {
  const metrics = openMetrics();
  const counters = new ReplyCounters(metrics);
  const said = async () => {
    const { values } = await metrics.responses.get();
    return values.map(({ labels, value }) => [labels.kind, labels.status, labels.cache, value]);
  };
  for (let n = 0; n < 3; n += 1) counters.responses('hls-media', 200, LIST).add(1);
  counters.responses('hls-media', 304, LIST).add(1);
  counters.responses('segment', 200, ['Cache-Control', 'public, max-age=86400, immutable']).add(1);
  counters.bytes('segment').add(1000);
  counters.bytes('segment').add(24);
  await turn();
  expect(await said()).toEqual([
    ['hls-media', '200', '1s', 3],
    ['hls-media', '304', '1s', 1],
    ['segment', '200', 'immutable', 1],
  ]);
  expect((await metrics.responseBytes.get()).values.map(({ value }) => value)).toEqual([1024]);
  // And the next turn again, from nothing.
  counters.responses('hls-media', 200, LIST).add(1);
  await turn();
  await turn();
  expect((await said())[0]).toEqual(['hls-media', '200', '1s', 4]);
});
