// The unspoiled streams: nothing is found in them, or the planted faults would prove nothing.
import { expect, test } from 'vitest';
import { judge } from '../../../src/check/judge.ts';
import { evidenceOf, hlsWorld, lowLatencyWorld, numberWorld, timelineWorld } from './world.ts';

test.each([
  ['HLS with demuxed audio', hlsWorld],
  ['low-latency HLS', lowLatencyWorld],
  ['DASH with $Number$ and @duration', numberWorld],
  ['DASH with SegmentTimeline and $Time$', timelineWorld],
])('a good stream has no findings: %s', (_name, make) => {
  const evidence = evidenceOf(make());
  expect(evidence.media.length).toBeGreaterThan(10);
  expect(judge(evidence)).toEqual([]);
});

test('the same evidence gives the same findings, and a rule is reported once with its count', () => {
  const evidence = evidenceOf(hlsWorld());
  const media = evidence.media.map((object) => ({ ...object, headers: {} }));
  const first = judge({ ...evidence, media });
  expect(judge({ ...evidence, media })).toEqual(first);
  const cors = first.filter((finding) => finding.rule === 'http.cors');
  expect(cors).toHaveLength(3);
  expect(cors[0]?.count).toBeGreaterThan(7);
});
