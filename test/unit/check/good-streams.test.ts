// The unspoiled streams: nothing is found in them, or the planted faults would prove nothing.
import { expect, test } from 'vitest';
import { judge } from '../../../src/check/judge.ts';
import { chunkedWorld, edit, evidenceOf, hlsWorld, lowLatencyWorld, numberWorld, timelineWorld } from './world.ts';

test.each([
  ['HLS with demuxed audio', hlsWorld],
  ['low-latency HLS', lowLatencyWorld],
  ['DASH with $Number$ and @duration', numberWorld],
  ['DASH with low latency by chunks', chunkedWorld],
  ['DASH with SegmentTimeline and $Time$', timelineWorld],
])('a good stream has no findings: %s', (_name, make) => {
  const evidence = evidenceOf(make());
  expect(evidence.media.length).toBeGreaterThan(10);
  expect(judge(evidence)).toEqual([]);
});

test('a weak tag of a text, as a cache makes it that unpacks it, is right, and its 304 too (RFC 9110 8.8.1, 13.1.2)', () => {
  const weak = (fields: Readonly<Record<string, string>>) => ({ ...fields, etag: `W/${fields['etag']}` });
  const evidence = evidenceOf(hlsWorld());
  const probes = evidence.probes.map((probe) =>
    probe.purpose === 'revalidate' && probe.plain !== undefined
      ? {
          ...probe,
          plain: { ...probe.plain, headers: weak(probe.plain.headers as Record<string, string>) },
        }
      : probe,
  );
  expect(probes).not.toEqual(evidence.probes);
  expect(judge({ ...evidence, probes })).toEqual([]);
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

test.each([
  ['stays at the head', '3', true],
  ['goes with the segment before it, counted', '4', false],
])('a DISCONTINUITY that reaches the head of the window %s (RFC 8216bis 6.2.2)', (_how, dsn, tagged) => {
  const world = hlsWorld();
  const tag = (file: string): void =>
    edit(
      world,
      file,
      '#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:02',
      '#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:02',
    );
  for (const track of ['v720', 'v360']) {
    tag(`${track}-0.m3u8`);
    if (tagged) tag(`${track}-1.m3u8`);
    if (dsn !== '3') edit(world, `${track}-1.m3u8`, 'DISCONTINUITY-SEQUENCE:3', `DISCONTINUITY-SEQUENCE:${dsn}`);
    edit(world, `${track}-2.m3u8`, 'DISCONTINUITY-SEQUENCE:3', 'DISCONTINUITY-SEQUENCE:4');
  }
  edit(world, 'a-*', 'DISCONTINUITY-SEQUENCE:3', 'DISCONTINUITY-SEQUENCE:4');
  const found = judge(evidenceOf(world)).filter((finding) => finding.where.url.includes('/v'));
  expect(found).toEqual([]);
});
