import { describe, expect, it } from 'vitest';
import { admitStreamName, hashKeys } from '../../../src/ingest/stream-keys.ts';

const table = hashKeys(
  [
    { channel: 'match', secrets: ['alpha', 'second'] },
    { channel: 'studio', secrets: ['beta', 'shared'] },
    { channel: 'backup', secrets: ['shared', ''] },
    { channel: 'closed', secrets: [] },
  ],
  'salt',
);

describe('admitStreamName', () => {
  it.each(['match?key=alpha', 'match?key=second', 'match?x=1&key=alpha'])('admits %s', (name) => {
    expect(admitStreamName(table, name)).toEqual({ kind: 'admitted', channel: 'match', replaces: false });
  });

  it('admits the bare secret where it names one channel, and refuses it where it names two', () => {
    expect(admitStreamName(table, 'beta')).toEqual({ kind: 'admitted', channel: 'studio', replaces: false });
    expect(admitStreamName(table, 'shared')).toEqual({ kind: 'refused', reason: 'ambiguous-key' });
    expect(admitStreamName(table, 'backup?key=shared')).toEqual({
      kind: 'admitted',
      channel: 'backup',
      replaces: false,
    });
  });

  it('takes a secret plain and percent-encoded', () => {
    const odd = hashKeys([{ channel: 'match', secrets: ['a+b/c%d'] }], 'salt');
    for (const name of ['match?key=a+b/c%d', 'match?key=a%2Bb%2Fc%25d'])
      expect(admitStreamName(odd, name).kind).toBe('admitted');
  });

  it.each([
    ['match?key=beta', 'wrong-key'],
    ['match?key=', 'wrong-key'],
    ['nobody?key=alpha', 'wrong-key'],
    ['closed?key=', 'wrong-key'],
    ['backup?key=', 'wrong-key'],
    ['match', 'no-key'],
    ['', 'no-key'],
    ['match?token=alpha', 'no-key'],
    ['../match?key=alpha', 'wrong-key'],
  ])('refuses %s', (name, reason) => {
    expect(admitStreamName(table, name)).toEqual({ kind: 'refused', reason });
  });
});

describe('hashKeys', () => {
  it('lets no plain secret through', () => {
    const text = JSON.stringify(table);
    for (const secret of ['alpha', 'second', 'beta', 'shared']) expect(text).not.toContain(secret);
  });

  it('gives other hashes with another salt', () => {
    const keys = [{ channel: 'match', secrets: ['alpha'] }];
    expect(hashKeys(keys, 'a').entries[0]?.hash).not.toBe(hashKeys(keys, 'b').entries[0]?.hash);
  });
});
