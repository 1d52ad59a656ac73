// What external encoders push to one Channel: one base for all, duplicates, other headers, sources that begin again, and what is refused.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ServiceError } from '../../../src/system/errors.ts';
import { audioInit, bytesOf, cutAt } from '../../fakes/boxes.ts';
import { PushedWorld, pictures, picturesHeader, sounds } from '../../fakes/pushed-world.ts';

const SEGMENT_MS = 2000;
/** On a Segment's start, with `ahead` seconds to it. */
const utcSeconds = (world: PushedWorld, ahead = 0) => 2 * Math.ceil(world.clock.nowMs() / SEGMENT_MS + ahead / 2);

describe('times', () => {
  test('relative times: the first keyframe begins a Segment at or after the moment it came, all Tracks alike', () => {
    const world = new PushedWorld();
    const bornMs = world.clock.nowMs();
    world.source().run(7);
    const [first] = world.whole();
    expect(first).toBe(Math.ceil(bornMs / SEGMENT_MS));
    expect(world.whole()).toHaveLength(3);
    expect(world.carried()).toEqual(['v720', 'v360', 'a']);
    for (const [, tracks] of world.runs[0]?.segments ?? [])
      for (const [id, segment] of tracks)
        expect([id, segment.durationTicks / segment.timescale]).toEqual([id, expect.closeTo(2, 1)]);
  });

  test('MUST (checklist 4): number n from tfdt, equal on two origins fed by the same source', () => {
    const origins = [new PushedWorld(), new PushedWorld({ nowMs: 1_795_291_203_777 })];
    const firstSeconds = 1_795_291_206;
    for (const world of origins) world.source({ firstSeconds }).run(7);
    const [a, b] = origins.map((world) => world.whole());
    expect(a).toEqual(b);
    expect(a?.[0]).toBe(firstSeconds / 2);
    const bytes = origins.map((world) =>
      [...(world.runs[0]?.segments.values() ?? [])].map((tracks) => tracks.get('v720')?.parts[0]?.bytes),
    );
    expect(bytes[0]).toEqual(bytes[1]);
  });

  test('an absolute source of another kind of time scale stands on the same Segments', () => {
    const world = new PushedWorld();
    const firstSeconds = utcSeconds(world, 1);
    world.source({ firstSeconds }).run(5);
    expect(world.whole()).toEqual([firstSeconds / 2, firstSeconds / 2 + 1]);
    expect(world.group.status()?.source).toContain('absolute times');
  });

  test('absolute times half a second off the Grid are refused with the figure', () => {
    const world = new PushedWorld();
    const body = world.body('v720');
    const ticks = (utcSeconds(world) + 0.02) * 12_800;
    body.push(picturesHeader());
    world.send('v360', picturesHeader(), pictures(0, 25, { firstTicks: ticks }));
    world.send('a', audioInit(), sounds(0, 40, utcSeconds(world) * 48_000));
    expect(() => body.push(pictures(0, 25, { firstTicks: ticks }))).toThrow(ServiceError);
    expect(world.faults.join('\n')).toMatch(
      /CMAF_OFF_GRID Track v720: the picture at \d+ is 20\.0 ms \(256 ticks of 12800\) off/,
    );
    expect(world.faults.join('\n')).toContain('-output_ts_offset');
  });

  test('restart continues at the same n: a source of absolute times that is back goes on where it would be', () => {
    const world = new PushedWorld();
    const firstSeconds = utcSeconds(world, 1);
    const source = world.source({ firstSeconds });
    source.run(5);
    source.abort();
    world.clock.advance(5000);
    world.source({ firstSeconds: firstSeconds + 10 }).run(5);
    expect(world.whole().slice(-2)).toEqual([firstSeconds / 2 + 5, firstSeconds / 2 + 6]);
  });

  test('media that is late for six seconds gets another base', () => {
    const world = new PushedWorld();
    const source = world.source();
    source.run(5);
    world.clock.advance(30_000);
    world.edgeMs = world.clock.nowMs() - 1000;
    source.run(14);
    expect(world.faults.join('\n')).toContain("the push's base is chosen anew");
    expect(world.whole().at(-1)).toBeGreaterThanOrEqual(Math.floor((world.clock.nowMs() - 2000) / SEGMENT_MS));
  });

  test('media far ahead of now is refused with the figure', () => {
    const world = new PushedWorld();
    const source = world.source();
    source.run(2);
    const body = source.bodies.get('v720');
    expect(() => {
      for (let second = 2; second < 20; second++) body?.push(pictures(second * 25, second * 25 + 25));
    }).toThrow(/media is 1[23]\.\d s ahead of now/);
  });
});

describe('duplicates and headers', () => {
  test('MUST (checklist 4): a duplicate (same track, tfdt) is ignored, not re-numbered', () => {
    const world = new PushedWorld();
    world.source().run(5);
    const before = world.whole();
    expect(world.send('v720', pictures(75, 100))).toBe('ok');
    expect(world.send('v720', pictures(100, 125))).toBe('ok');
    expect(world.runs).toHaveLength(1);
    expect(world.whole()).toEqual(before);
    expect(world.faults).toEqual([]);
  });

  test('what is sent again after a break of less than three Segments is a resend, not a source that began again', () => {
    const world = new PushedWorld();
    world.source().run(5);
    expect(world.send('v720', picturesHeader(), pictures(25, 50), pictures(50, 75))).toBe('ok');
    expect(world.runs).toHaveLength(1);
    expect(world.log.lines.map(({ message }) => message)).not.toContain('push begins anew');
  });

  test('a twin with other chunks of the same times fills in and doubles nothing', () => {
    const world = new PushedWorld();
    const firstSeconds = utcSeconds(world, 1);
    const firstTicks = firstSeconds * 12_800;
    world.source({ firstSeconds }).run(3);
    expect(world.send('v720', pictures(60, 90, { firstTicks, sequence: 9 }))).toBe('ok');
    expect(world.send('v720', pictures(80, 100, { firstTicks }))).toBe('ok');
    world.send('v360', pictures(75, 100, { firstTicks }));
    world.send('a', sounds(140, 190, firstSeconds * 48_000));
    expect(world.whole()).toHaveLength(2);
    const second = world.runs[0]?.segments.get(firstSeconds / 2 + 1)?.get('v720');
    expect(second?.durationTicks).toBe(180_000);
  });

  test('MUST (checklist 4): the same header sent again is no new Period; a different one is', () => {
    const world = new PushedWorld();
    const source = world.source();
    source.run(3);
    expect(world.send('v720', picturesHeader())).toBe('ok');
    expect(world.runs).toHaveLength(1);
    source.run(3);
    const before = world.runs[0]?.plan()?.tracks.map(({ initHash }) => initHash);
    const other = world.body('v720');
    other.push(picturesHeader({ language: 'eng' }));
    world.clock.advance(1000);
    for (const [track, body] of source.bodies) if (track === 'v360') body.push(pictures(150, 175));
    source.bodies.get('a')?.push(sounds(281, 328));
    other.push(pictures(150, 175));
    expect(world.runs).toHaveLength(2);
    expect(world.ended).toEqual([world.runs[0]?.id]);
    expect(world.runs[1]?.plan()?.tracks.map(({ initHash }) => initHash)).not.toEqual(before);
  });

  test('MUST (checklist 4): mfhd order is not relied upon; tfdt is the key', () => {
    const [plain, shuffled] = [1, 7].map((sequence) => {
      const world = new PushedWorld();
      const source = world.source({ tracks: ['v720'] });
      world.send('a', audioInit(), sounds(0, 200));
      world.send('v360', picturesHeader(), pictures(0, 100));
      for (let second = 0; second < 4; second++)
        source.bodies.get('v720')?.push(pictures(second * 25, second * 25 + 25, { sequence: sequence * (5 - second) }));
      return [...(world.runs[0]?.segments.values() ?? [])].map((tracks) =>
        tracks.get('v720')?.parts.map(({ bytes }) => bytes),
      );
    });
    expect(plain).toHaveLength(2);
    expect(shuffled).toEqual(plain);
  });

  test('MUST (checklist 4): the result is independent of how the bytes are cut', () => {
    const bytes = bytesOf(picturesHeader(), pictures(0, 13), pictures(13, 50), pictures(50, 100));
    const resultOf = (pieces: readonly Buffer[]) => {
      const world = new PushedWorld();
      world.send('a', audioInit(), sounds(0, 200));
      world.send('v360', picturesHeader(), pictures(0, 100));
      expect(world.send('v720', ...pieces)).toBe('ok');
      return [...(world.runs[0]?.segments.entries() ?? [])].map(([index, tracks]) => [
        index,
        tracks.get('v720')?.parts.map((part) => part.bytes.toString('hex')),
      ]);
    };
    const whole = resultOf([bytes]);
    expect(whole).toHaveLength(2);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 12 }), (places) => {
        expect(resultOf(cutAt(bytes, places))).toEqual(whole);
      }),
      { numRuns: 30 },
    );
  });
});

describe('MUST (checklist 4): tfdt that goes back by more than a segment is refused or mapped to a declared discontinuity', () => {
  test('within one body it is refused with the figure', () => {
    const world = new PushedWorld();
    const source = world.source();
    source.run(6);
    expect(() => source.bodies.get('v720')?.push(pictures(0, 10))).toThrow(
      /its times went back by 6\.000 s within one body/,
    );
    expect(world.refusals[0]?.code).toBe('CMAF_TIME_BACKWARDS');
  });

  test('a source that began again gets a new base; what is left of the old one is refused by name', () => {
    const world = new PushedWorld();
    const old = world.source();
    old.run(7);
    const before = world.whole();
    world.clock.advance(4000);
    world.source().run(5);
    expect(world.whole()[0]).toBeGreaterThan(before.at(-1) ?? 0);
    expect(world.ended).toContain(world.runs[0]?.id);
    expect(() => old.bodies.get('a')?.push(sounds(400, 410))).toThrow(/another source has taken over/);
  });

  test('two sources with different times do not take the channel from each other again and again', () => {
    const world = new PushedWorld();
    world.source().run(8);
    world.source().run(5);
    const runs = world.runs.length;
    expect(world.send('v720', pictures(1000, 1010), pictures(0, 10))).toBe('CMAF_TIME_BACKWARDS');
    expect(world.runs).toHaveLength(runs);
  });
});

describe('Tracks', () => {
  test('one that does not come is waited for, named, and the others go on air', () => {
    const world = new PushedWorld();
    const source = world.source({ tracks: ['v720', 'a'] });
    source.run(4);
    expect(world.runs).toHaveLength(0);
    source.run(3);
    expect(world.faults).toEqual([expect.stringContaining('CMAF_TRACK_MISSING v360 did not come within 5 s')]);
    expect(world.carried()).toEqual(['v720', 'a']);
    expect(world.whole().length).toBeGreaterThan(0);
  });

  test('one that falls silent is left out, and let in again when it is back', () => {
    const world = new PushedWorld();
    const source = world.source();
    source.run(4);
    source.run(8, ['v360']);
    expect(world.carried()).toEqual(['v720', 'a']);
    expect(world.faults).toEqual([expect.stringContaining('v360 fell silent')]);
    source.run(6);
    expect(world.carried()).toEqual(['v720', 'v360', 'a']);
    for (const run of world.runs)
      for (const tracks of run.segments.values()) expect(new Set(tracks.keys())).toEqual(run.delivers);
  });

  test('sound that no player expects is refused by name', () => {
    const world = new PushedWorld();
    expect(world.send('v720', audioInit())).toBe('CMAF_UNSUPPORTED');
    expect(world.send('a', audioInit({ timescale: 44_100 }), sounds(0, 3))).toBe('ok');
    world.source({ tracks: ['v720', 'v360'] }).run(1);
    world.send('a', sounds(3, 6, 0, 2048));
    expect(world.faults.join('\n')).toMatch(/access units last 1115 samples at 48 kHz/);
  });

  test('half of the frames is a rate of the Grid, another one is not', () => {
    const world = new PushedWorld();
    world.send('a', audioInit(), sounds(0, 47));
    world.send('v360', picturesHeader({ timescale: 15_360 }), pictures(0, 25));
    world.send('v720', picturesHeader(), pictures(0, 25));
    expect(world.faults.join('\n')).toContain(
      'CMAF_OFF_GRID Track v360: has 30 frames a second, the channel 25 or half of it',
    );
    const half = new PushedWorld();
    half.send('a', audioInit(), sounds(0, 190));
    half.send('v360', picturesHeader({ timescale: 6400 }), pictures(0, 50, { gopFrames: 25 }));
    half.send('v720', picturesHeader(), pictures(0, 100));
    expect(half.faults).toEqual([]);
    expect(half.whole()).toHaveLength(2);
  });
});

describe('the Grid', () => {
  test.each([
    [60, 'keyframes are 2.400 s (60 frames) apart, the last one 0.400 s (10 frames) after the start of its Segment'],
    [100, 'keyframes are 4.000 s (100 frames) apart, the last one 0.000 s (0 frames)'],
    [1000, 'no keyframe for 6.000 s (150 frames)'],
  ])('a GOP of %i frames is refused with the figure and what to set', (gopFrames, figure) => {
    const world = new PushedWorld();
    expect(() => world.source({ gopFrames }).run(8)).toThrow(figure);
    expect(world.refusals[0]?.hint).toContain('-g 50 -keyint_min 50 -sc_threshold 0');
  });

  test('keyframes every second are on it', () => {
    const world = new PushedWorld();
    world.source({ gopFrames: 25 }).run(6);
    expect(world.faults).toEqual([]);
    expect(world.whole()).toHaveLength(3);
  });
});

test('a push without media for three Segments is over, and one that ended sooner', () => {
  const world = new PushedWorld();
  const source = world.source();
  source.run(4);
  world.clock.advance(5500);
  expect(world.gone).toBe(0);
  world.clock.advance(1500);
  expect([world.gone, world.group.status()]).toEqual([1, undefined]);
});
