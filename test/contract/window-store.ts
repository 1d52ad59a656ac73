// What every WindowStore must do, in memory or on a disk.
import { AssertionError } from 'node:assert';
import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import type { SegmentInput, SegmentKey, StoredObject, WindowStore } from '../../src/window/model.ts';

/** What the origin would send of it. */
function textOf(object: StoredObject | undefined): string | undefined {
  if (object?.file === undefined) return object?.bytes.toString();
  const { path, offset, sizeBytes } = object.file;
  return readFileSync(path)
    .subarray(offset, offset + sizeBytes)
    .toString();
}

const KEY: SegmentKey = { track: 'v720', gen: 'g1', number: 900_000_000 };
const at = (number: number, track = 'v720', gen = 'g1'): SegmentKey => ({
  track,
  gen,
  number,
});
const content = (text: string) => ({
  bytes: Buffer.from(text),
  contentType: 'video/mp4',
  publishedMs: 1_000,
});
const segment = (key: SegmentKey, ...parts: string[]): SegmentInput => ({
  key,
  parts: parts.map((part) => Buffer.from(part)),
  contentType: 'video/mp4',
  publishedMs: 2_000,
});

export function windowStoreContract(name: string, open: () => WindowStore | Promise<WindowStore>): void {
  describe(`window store: ${name}`, () => {
    let store: WindowStore;
    beforeEach(async () => {
      store = await open();
    });
    segmentRules(() => store);
    partRules(() => store);
    initRules(() => store);
    evictionRules(() => store);
  });
}

function segmentRules(store: () => WindowStore): void {
  it('answers a Segment as its parts in order, with the content type and the time it was published', () => {
    const put = store().putSegment(segment(KEY, 'abc', 'defg'));
    expect(store().segment(KEY)).toEqual(put);
    expect(textOf(put)).toBe('abcdefg');
    expect(put.contentType).toBe('video/mp4');
    expect(put.publishedMs).toBe(2_000);
  });

  it('knows nothing of what was not put', () => {
    store().putSegment(segment(KEY, 'abc'));
    for (const key of [at(900_000_001), at(900_000_000, 'a1'), at(900_000_000, 'v720', 'g2')]) {
      expect(store().segment(key)).toBeUndefined();
      expect(store().part(key, 0)).toBeUndefined();
    }
    expect(store().part(KEY, 1)).toBeUndefined();
    expect(store().init('v720', 'g1', 'h')).toBeUndefined();
  });

  it('makes a strong ETag of the content alone (RFC 9110 8.8.3; checklist 6: strong ETag stable across origins)', () => {
    const one = store().putSegment(segment(at(1), 'abc', 'def'));
    const same = store().putSegment({
      ...segment(at(2, 'v360', 'g2'), 'abcdef'),
      publishedMs: 77,
    });
    const other = store().putSegment(segment(at(3), 'abcdeg'));
    expect(one.etag).toMatch(/^"[0-9a-f]{16,64}"$/);
    expect(same.etag).toBe(one.etag);
    expect(other.etag).not.toBe(one.etag);
  });

  it('throws at a second put of a Segment, also of the same bytes (checklist 6: identical URL, identical bytes)', () => {
    store().putSegment(segment(KEY, 'abc'));
    expect(() => store().putSegment(segment(KEY, 'xyz'))).toThrow(AssertionError);
    expect(() => store().putSegment(segment(KEY, 'abc'))).toThrow(AssertionError);
    expect(textOf(store().segment(KEY))).toBe('abc');
    expect(store().segments).toBe(1);
  });

  it('does not change a stored body when the buffers it was made of are written again', () => {
    const input = segment(KEY, 'abc', 'def');
    store().putSegment(input);
    for (const part of input.parts) part.fill(0);
    expect(textOf(store().segment(KEY))).toBe('abcdef');
  });
}

function partRules(store: () => WindowStore): void {
  it('answers a part before its Segment is finished, and the Segment only then', () => {
    store().putPart(KEY, 0, content('abc'));
    expect(textOf(store().part(KEY, 0))).toBe('abc');
    expect(store().segment(KEY)).toBeUndefined();
    expect(store().segments).toBe(0);
  });

  it('keeps the body, ETag and time of a part when its Segment is finished', () => {
    store().putPart(KEY, 0, content('abc'));
    store().putPart(KEY, 1, content('de'));
    const before = [store().part(KEY, 0), store().part(KEY, 1)];
    store().putSegment(segment(KEY, 'abc', 'de', 'f'));
    expect([store().part(KEY, 0), store().part(KEY, 1)]).toEqual(before);
    expect(textOf(store().part(KEY, 2))).toBe('f');
    expect(store().part(KEY, 3)).toBeUndefined();
  });

  it('throws when a part is put twice, put after its Segment, or differs from its Segment', () => {
    store().putPart(KEY, 0, content('abc'));
    expect(() => store().putPart(KEY, 0, content('abc'))).toThrow(AssertionError);
    expect(() => store().putSegment(segment(KEY, 'abX', 'def'))).toThrow(AssertionError);
    expect(() => store().putSegment(segment(KEY))).toThrow(AssertionError);
    store().putSegment(segment(KEY, 'abc', 'def'));
    expect(() => store().putPart(KEY, 1, content('def'))).toThrow(AssertionError);
    expect(() => store().putPart(KEY, 2, content('ghi'))).toThrow(AssertionError);
  });
}

function initRules(store: () => WindowStore): void {
  it('answers an init by track, generation and hash', () => {
    store().putInit('v720', 'g1', 'h1', content('init'));
    expect(textOf(store().init('v720', 'g1', 'h1'))).toBe('init');
    expect(store().init('v720', 'g1', 'h1')?.etag).toMatch(/^"[0-9a-f]{16,64}"$/);
    expect(store().init('v720', 'g1', 'h2')).toBeUndefined();
    expect(store().init('v720', 'g2', 'h1')).toBeUndefined();
    expect(store().init('v360', 'g1', 'h1')).toBeUndefined();
  });

  it('takes the same init again and throws at other bytes under its hash', () => {
    store().putInit('v720', 'g1', 'h1', content('init'));
    const bytes = store().bytes;
    store().putInit('v720', 'g1', 'h1', {
      ...content('init'),
      publishedMs: 9_000,
    });
    expect(store().bytes).toBe(bytes);
    expect(store().init('v720', 'g1', 'h1')?.publishedMs).toBe(1_000);
    expect(() => store().putInit('v720', 'g1', 'h1', content('inix'))).toThrow(AssertionError);
  });
}

function evictionRules(store: () => WindowStore): void {
  it('forgets every Segment and part of the generation below the number, in all Tracks, and nothing else', () => {
    for (const number of [10, 11, 12]) {
      store().putSegment(segment(at(number), 'abc'));
      store().putSegment(segment(at(number, 'a1'), 'a'));
    }
    store().putPart(at(9, 'v360'), 0, content('zz'));
    store().putSegment(segment(at(10, 'v720', 'g0'), 'old'));
    store().evictBelow('g1', 12);
    expect(store().segment(at(11))).toBeUndefined();
    expect(store().segment(at(11, 'a1'))).toBeUndefined();
    expect(store().part(at(10), 0)).toBeUndefined();
    expect(store().part(at(9, 'v360'), 0)).toBeUndefined();
    expect(textOf(store().segment(at(12)))).toBe('abc');
    expect(textOf(store().segment(at(12, 'a1')))).toBe('a');
    expect(textOf(store().segment(at(10, 'v720', 'g0')))).toBe('old');
    expect(store().segments).toBe(3);
    expect(store().bytes).toBe(7);
  });

  it('keeps the inits of a generation while it has Segments, and while it is the newest', () => {
    store().putInit('v720', 'g1', 'h1', content('init1'));
    store().putSegment(segment(at(10), 'abc'));
    store().evictBelow('g1', 11);
    expect(store().init('v720', 'g1', 'h1')).toBeDefined();
    store().putSegment(segment(at(11), 'abc'));
    store().putInit('v720', 'g2', 'h2', content('init2'));
    store().evictBelow('g1', 11);
    expect(store().init('v720', 'g1', 'h1')).toBeDefined();
    store().evictBelow('g1', 12);
    expect(store().init('v720', 'g1', 'h1')).toBeUndefined();
    expect(store().init('v720', 'g2', 'h2')).toBeDefined();
    expect(store().bytes).toBe(5);
  });

  it('forgets a whole generation with its inits and parts', () => {
    store().putInit('v720', 'g1', 'h1', content('init'));
    store().putSegment(segment(at(10), 'abc'));
    store().putPart(at(11), 0, content('p'));
    store().putSegment(segment(at(10, 'v720', 'g2'), 'keep'));
    store().forgetGeneration('g1');
    expect(store().init('v720', 'g1', 'h1')).toBeUndefined();
    expect(store().segment(at(10))).toBeUndefined();
    expect(store().part(at(11), 0)).toBeUndefined();
    expect(store().segment(at(10, 'v720', 'g2'))).toBeDefined();
    expect([store().bytes, store().segments]).toEqual([4, 1]);
    store().forgetGeneration('never');
    store().evictBelow('never', 5);
  });

  it('counts each byte once: parts become part of their Segment', () => {
    store().putInit('v720', 'g1', 'h', content('i'));
    store().putPart(KEY, 0, content('abc'));
    expect(store().bytes).toBe(4);
    store().putSegment(segment(KEY, 'abc', 'de'));
    store().part(KEY, 1);
    expect(store().bytes).toBe(6);
    store().evictBelow('g1', KEY.number + 1);
    expect(store().bytes).toBe(1);
  });

  it('holds no more than the window however long it runs', () => {
    for (let number = 0; number < 500; number += 1) {
      store().putSegment(segment(at(number), 'abc', 'def'));
      store().evictBelow('g1', number - 9);
    }
    expect(store().segments).toBe(10);
    expect(store().bytes).toBe(60);
  });
}
