import { expect, it } from 'vitest';
import { openMemoryStore } from '../../../src/window/memory-store.ts';

const KEY = { track: 'v720', gen: 'g1', number: 7 };
const part = (text: string) => ({
  bytes: Buffer.from(text),
  contentType: 'video/mp4',
  publishedMs: 1,
});

it('holds a finished Segment as one Buffer of its exact size, and its parts as views of it', () => {
  const store = openMemoryStore();
  store.putPart(KEY, 0, part('abc'));
  const segment = store.putSegment({
    key: KEY,
    parts: [Buffer.from('abc'), Buffer.from('de')],
    contentType: 'video/mp4',
    publishedMs: 2,
  });
  expect(segment.bytes?.buffer.byteLength).toBe(5);
  expect(store.part(KEY, 0)?.bytes?.buffer).toBe(segment.bytes?.buffer);
  expect(store.part(KEY, 1)?.bytes?.buffer).toBe(segment.bytes?.buffer);
});

it('answers the same object for the same key, so that callers may cache by identity', () => {
  const store = openMemoryStore();
  store.putSegment({
    key: KEY,
    parts: [Buffer.from('abc')],
    contentType: 'video/mp4',
    publishedMs: 2,
  });
  expect(store.part(KEY, 0)).toBe(store.part(KEY, 0));
  expect(store.segment(KEY)).toBe(store.segment(KEY));
});
