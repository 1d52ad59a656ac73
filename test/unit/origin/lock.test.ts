import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createGatekeeper, type OriginLock } from '../../../src/origin/lock.ts';

const request = (remoteAddress: string, headers: Record<string, string | string[]> = {}) =>
  ({ socket: { remoteAddress }, headers }) as unknown as IncomingMessage;
const lock = (changes: Partial<OriginLock>): OriginLock => ({
  header: 'X-Origin-Key',
  secrets: [],
  addresses: [],
  ...changes,
});

describe('the lock', () => {
  it('is open without secrets and addresses', () => {
    for (const options of [{}, { lock: undefined }, { lock: lock({}) }])
      expect(createGatekeeper(options).admits(request('198.51.100.9'))).toBe(true);
  });

  it('takes either of two secrets while one is changed for the other, and nothing else', () => {
    const { admits } = createGatekeeper({ lock: lock({ secrets: ['old-secret', 'new-secret'] }) });
    const given = (value: string | string[]) => admits(request('198.51.100.9', { 'x-origin-key': value }));
    expect(given('old-secret')).toBe(true);
    expect(given('new-secret')).toBe(true);
    for (const wrong of ['', 'old-secret ', 'old-secre', 'OLD-SECRET', 'old-secret, new-secret'])
      expect(given(wrong)).toBe(false);
    expect(given(['old-secret', 'new-secret'])).toBe(false);
    expect(admits(request('198.51.100.9', { authorization: 'old-secret' }))).toBe(false);
  });

  it('takes the addresses of the CDN, of both families', () => {
    const { admits } = createGatekeeper({ lock: lock({ addresses: ['203.0.113.0/24', '2001:db8::/32'] }) });
    expect(admits(request('::ffff:203.0.113.9'))).toBe(true);
    expect(admits(request('2001:db8::9'))).toBe(true);
    expect(admits(request('198.51.100.9', { 'x-origin-key': '' }))).toBe(false);
  });

  it('one of the two is enough', () => {
    const { admits } = createGatekeeper({ lock: lock({ secrets: ['the-secret'], addresses: ['127.0.0.1'] }) });
    expect(admits(request('127.0.0.1'))).toBe(true);
    expect(admits(request('198.51.100.9', { 'x-origin-key': 'the-secret' }))).toBe(true);
    expect(admits(request('198.51.100.9'))).toBe(false);
  });

  it('looks behind trusted proxies, by the one field that they write', () => {
    const proxies = { addresses: ['10.0.0.0/8'], field: 'x-forwarded-for' } as const;
    const { admits, hops } = createGatekeeper({ proxies, lock: lock({ addresses: ['203.0.113.0/24'] }) });
    const behind = request('10.0.0.1', { 'x-forwarded-for': '192.0.2.66, 203.0.113.5' });
    expect(admits(behind)).toBe(true);
    expect(hops(behind)).toEqual(['10.0.0.1', '203.0.113.5']);
    expect(admits(request('10.0.0.1', { 'x-forwarded-for': '203.0.113.5, 192.0.2.66' }))).toBe(false);
    expect(admits(request('10.0.0.1', { forwarded: 'for=203.0.113.5' }))).toBe(false);
    expect(admits(request('192.0.2.66', { 'x-forwarded-for': '203.0.113.5' }))).toBe(false);
  });
});
