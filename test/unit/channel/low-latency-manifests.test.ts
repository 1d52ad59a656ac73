import { describe, expect, test } from 'vitest';
import { Manifests } from '../../../src/channel/manifests.ts';
import type { TextName } from '../../../src/channel/view.ts';
import { makeGrid } from '../../../src/package/grid.ts';
import { indexOf, type Presentation } from '../../../src/package/model.ts';
import { lowLatencyWorld } from '../../fakes/low-latency.ts';

const world = lowLatencyWorld(makeGrid({ num: 30, den: 1 }, 2), ['v1', 'a1'], 60_000);
const SETTINGS = { channel: 'match', windowMs: 120_000, listedMs: 60_000, publishMarginMs: 300, targetLatencyMs: 3000 };
const MEDIA: TextName = { kind: 'hls-media', track: 'v1' };
const DVR: TextName = { kind: 'hls-dvr-media', track: 'v1' };
const DELTA = { isDelta: true };
const withParts = () => new Manifests({ ...SETTINGS, hasParts: true });
const UNTOUCHED: readonly TextName[] = [{ kind: 'hls-master' }, { kind: 'hls-dvr-master' }, DVR, { kind: 'dash' }];

describe('the texts of a Channel with parts', () => {
  test('each part makes a revision of the media playlist, changed when it was published (RFC 9110 8.8.2)', () => {
    const manifests = withParts();
    const [first, second] = [world.withOpen(1), world.withOpen(2)];
    const one = manifests.text(MEDIA, first)!;
    expect(manifests.text(MEDIA, first)).toBe(one);
    const two = manifests.text(MEDIA, second)!;
    expect(two.text).not.toBe(one.text);
    expect([one.changedMs, two.changedMs]).toEqual([first.changedMs, second.changedMs]);
    expect(two.changedMs).toBeGreaterThan(one.changedMs);
  });

  test.each(UNTOUCHED)('$kind: a part changes neither text nor object', (name) => {
    const manifests = withParts();
    const before = manifests.text(name, world.presentation);
    for (let n = 0; n <= 5; n++) expect(manifests.text(name, world.withOpen(n))).toBe(before);
  });

  test('the dvr playlist first asked for between two Segments changed with the newest one', () => {
    const newest = world.presentation.segments.at(-1)!;
    expect(withParts().text(DVR, world.withOpen(3))?.changedMs).toBe(newest.committedMs);
    const later = world.later();
    expect(withParts().text(DVR, later.withOpen(3))?.changedMs).toBe(later.presentation.segments.at(-1)!.committedMs);
    expect(withParts().text(DVR, later.withOpen(3))?.text).not.toMatch(/EXT-X-PART|SERVER-CONTROL|PRELOAD/);
  });

  test('full and delta are revisions of their own, each the same object until something changes', () => {
    const manifests = withParts();
    const now = world.withOpen(2);
    const [full, delta] = [manifests.text(MEDIA, now), manifests.text(MEDIA, now, DELTA)];
    expect(full?.text).not.toContain('EXT-X-SKIP');
    expect(delta?.text).toContain('#EXT-X-SKIP:SKIPPED-SEGMENTS=24\n');
    expect(manifests.text(MEDIA, now)).toBe(full);
    expect(manifests.text(MEDIA, now, DELTA)).toBe(delta);
    expect(manifests.text(MEDIA, world.withOpen(3), DELTA)).not.toBe(delta);
    expect(delta?.changedMs).toBe(now.changedMs);
  });

  test('a delta of anything else than a live media playlist is the whole text', () => {
    const manifests = withParts();
    for (const name of UNTOUCHED)
      expect(manifests.text(name, world.presentation, DELTA)).toBe(manifests.text(name, world.presentation));
  });

  test('without parts neither an open Segment nor a delta is known', () => {
    const manifests = new Manifests(SETTINGS);
    const plain = manifests.text(MEDIA, world.presentation)!;
    expect(plain.text).not.toMatch(/EXT-X-PART|PRELOAD|CAN-SKIP/);
    expect(plain.text).toContain('#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,HOLD-BACK=6\n');
    expect(manifests.text(MEDIA, world.presentation, DELTA)).toBe(plain);
  });

  test('HLS shows another set of Tracks with the first whole Segment, DASH with the first part', () => {
    const manifests = withParts();
    const { tracks, ...rest } = world.period;
    const period = {
      ...rest,
      id: 'other',
      gen: 'feedbeef00',
      ordinal: 2,
      startNumber: world.next,
      startIndex: indexOf(world.period, world.next),
      announcedMs: 1_795_284_000_450,
      tracks: tracks.filter(({ id }) => id === 'v1'),
    };
    const open: Presentation = { ...world.withOpen(1, period), mpdChangedMs: period.announcedMs };
    const [master, mpd] = [manifests.text({ kind: 'hls-master' }, open)!, manifests.text({ kind: 'dash' }, open)!];
    expect(master.text).toContain('a1/media.m3u8');
    expect(mpd.text.match(/<Period /g)).toHaveLength(2);
    expect(mpd.changedMs).toBe(period.announcedMs);
    const newest = open.segments.at(-1)!;
    const committedMs = 1_795_284_002_300;
    const whole = { ...newest, number: world.next, period, endMs: newest.endMs + 2000, committedMs };
    const closed = { ...open, open: undefined, segments: [...open.segments, whole], changedMs: committedMs };
    const after = manifests.text({ kind: 'hls-master' }, closed)!;
    expect(after.text).not.toContain('a1/media.m3u8');
    expect(after.changedMs).toBe(committedMs);
    expect(manifests.text({ kind: 'hls-media', track: 'a1' }, closed)).toBeUndefined();
  });
});
