/** What chaos holds a run to, planted one fault at a time; and that a seed says all. */
import { describe, expect, test } from 'vitest';
import { writeFragment } from '../../../src/cmaf/isobmff/writer.ts';
import { MediaLedger } from '../../chaos/media-ledger.ts';
import { planFaults, readSchedule } from '../../chaos/schedule.ts';

const PLACE = '/live/match/180p/gen';
const LIST = '/live/match/180p/media.m3u8';

function segment(decodeTicks: number, fill = 1): Buffer {
  const samples = [{ durationTicks: 3000, sizeBytes: 1, flags: 0x0200_0000, compositionOffsetTicks: 0 }];
  return writeFragment({ trackId: 1, sequence: 1, decodeTicks, samples, data: [Buffer.from([fill])] });
}

const list = (first: number, count: number, { target = 2, seconds = 2, dsn = 1 } = {}) =>
  [
    `#EXT-X-TARGETDURATION:${target}\n#EXT-X-MEDIA-SEQUENCE:${first}\n#EXT-X-DISCONTINUITY-SEQUENCE:${dsn}`,
    ...Array.from({ length: count }, (_, i) => `#EXTINF:${seconds},\ngen/${first + i}.m4s`),
    '',
  ].join('\n');

const rules = (ledger: MediaLedger) => ledger.findings().map(({ rule }) => rule);

describe('the ledger', () => {
  test('of a good stream has no finding', () => {
    const ledger = new MediaLedger();
    for (const number of [1, 2, 3]) {
      const parts = [segment(number * 6000), segment(number * 6000 + 3000)];
      // The last part of the third is taken after its Segment.
      const early = number === 3 ? parts.slice(0, 1) : parts;
      for (const [i, part] of early.entries()) ledger.takeMedia(`${PLACE}/${number}.${i}.m4s`, part);
      for (let again = 0; again < 2; again++) ledger.takeMedia(`${PLACE}/${number}.m4s`, Buffer.concat(parts));
      ledger.takeMedia(`${PLACE}/${number}.1.m4s`, segment(number * 6000 + 3000));
      ledger.takePlaylist(LIST, list(number, 3), number * 2000 - 1000, number * 2000);
    }
    ledger.takeSequences(LIST, list(1, 3), list(2, 3));
    expect(ledger.findings()).toEqual([]);
    expect([ledger.objects, ledger.joined]).toEqual([9, 3]);
  });

  test.each<[string, string, (ledger: MediaLedger) => void]>([
    [
      'one-body',
      'a URL with two bodies',
      (ledger) => [1, 2].map((fill) => ledger.takeMedia(`${PLACE}/1.m4s`, segment(0, fill))),
    ],
    [
      'tfdt',
      'a Segment that begins a tick late',
      (ledger) => [0, 3001].map((at, i) => ledger.takeMedia(`${PLACE}/${i}.m4s`, segment(at))),
    ],
    [
      'tfdt',
      'a step inside a Segment',
      (ledger) => ledger.takeMedia(`${PLACE}/1.m4s`, Buffer.concat([segment(0), segment(2999)])),
    ],
    [
      'parts',
      'a part that is not in its Segment',
      (ledger) => ['1.0', '1'].map((name, i) => ledger.takeMedia(`${PLACE}/${name}.m4s`, segment(0, i))),
    ],
    ['sequence', 'a sequence that falls', (ledger) => ledger.takeSequences(LIST, list(5, 3), list(4, 3))],
    [
      'sequence',
      'a discontinuity sequence that falls',
      (ledger) => ledger.takeSequences(LIST, list(5, 3, { dsn: 2 }), list(5, 3)),
    ],
    [
      'target',
      'a target that changes',
      (ledger) => [2, 3].map((target) => ledger.takePlaylist(LIST, list(1, 3, { target }), 0, 0)),
    ],
    ['target', 'a Segment above the target', (ledger) => ledger.takePlaylist(LIST, list(1, 3, { seconds: 2.6 }), 0, 0)],
    [
      'lines',
      'a line that changes',
      (ledger) => [2, 1.9].map((seconds) => ledger.takePlaylist(LIST, list(1, 3, { seconds }), 0, 0)),
    ],
    [
      'advance',
      'no new Segment for 5 s',
      (ledger) => [0, 5000].map((at) => ledger.takePlaylist(LIST, list(1 + at, 3), Math.max(0, at - 4900), at)),
    ],
  ])('finds %s: %s', (rule, _what, plant) => {
    const ledger = new MediaLedger();
    plant(ledger);
    expect(rules(ledger)).toEqual([rule]);
  });
});

describe('the schedule', () => {
  const options = { lengthMs: 600_000, channels: ['a', 'b'], clips: ['x', 'y'] };

  test('is the same for the same seed, another for another, and replays from its lines', () => {
    const faults = planFaults({ seed: 7, ...options });
    expect(planFaults({ seed: 7, ...options })).toEqual(faults);
    expect(planFaults({ seed: 8, ...options })).not.toEqual(faults);
    const log = ['{"kind":"run"}', ...faults.map((fault) => JSON.stringify(fault)), ''].join('\n');
    expect(readSchedule(log)).toEqual(faults);
  });

  test('of ten minutes has every kind of fault, and leaves the last seconds alone', () => {
    const faults = [1, 2, 3].flatMap((seed) => planFaults({ seed, ...options }));
    expect(new Set(faults.map(({ fault }) => fault.kind)).size).toBe(11);
    expect(Math.max(...faults.map(({ atMs }) => atMs))).toBeLessThan(600_000 - 10_000);
  });
});
