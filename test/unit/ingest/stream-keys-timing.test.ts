import { beforeEach, expect, it, vi } from 'vitest';
import { admitStreamName, hashKeys } from '../../../src/ingest/stream-keys.ts';

const compared = vi.hoisted(() => vi.fn<(a: NodeJS.ArrayBufferView, b: NodeJS.ArrayBufferView) => void>());
vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof import('node:crypto')>();
  return {
    ...crypto,
    timingSafeEqual: (a: NodeJS.ArrayBufferView, b: NodeJS.ArrayBufferView) => {
      compared(a, b);
      return crypto.timingSafeEqual(a, b);
    },
  };
});

const table = hashKeys(
  [
    { channel: 'match', secrets: ['alpha', 'beta'] },
    { channel: 'other', secrets: ['gamma'] },
  ],
  'salt',
);
beforeEach(() => compared.mockClear());

it.each([
  'match?key=alpha',
  'match?key=beta',
  'match?key=gamma',
  'match?key=no',
  'nobody?key=alpha',
  `match?key=${'x'.repeat(999)}`,
])('compares hashes of equal length, each entry and in constant time, whatever is given: %s', (name) => {
  admitStreamName(table, name);
  // Every entry for the key as it stands and for the key percent-decoded.
  expect(compared).toHaveBeenCalledTimes(6);
  for (const [a, b] of compared.mock.calls) expect([a.byteLength, b.byteLength]).toEqual([32, 32]);
});
