import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressList, hopsOf, parseBlock, plainAddress } from '../../../src/origin/hops.ts';

describe('plainAddress', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    [' 192.0.2.7:4711 ', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['[2001:DB8::1]:443', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['unknown', undefined],
    ['_hidden', undefined],
    ['', undefined],
    ['192.0.2.256', undefined],
    ['[192.0.2.7', undefined],
  ])('%s is %s', (text, expected) => {
    expect(plainAddress(text)).toBe(expected);
  });
});

describe('addressList', () => {
  it('knows blocks of both families and single addresses', () => {
    const has = addressList(['203.0.113.0/24', '2001:db8::/32', '192.0.2.7']);
    for (const inside of ['203.0.113.255', '2001:db8:ffff::1', '192.0.2.7']) expect(has(inside)).toBe(true);
    for (const outside of ['203.0.114.0', '2001:db9::1', '192.0.2.8', '::1']) expect(has(outside)).toBe(false);
  });

  it('refuses what is no block', () => {
    for (const text of [
      '203.0.113.0/33',
      '2001:db8::/129',
      'example.com',
      '1.2.3.4/8/9',
      '1.2.3.4/',
      'fe80::1%eth0/64',
    ])
      expect(parseBlock(text)).toBeUndefined();
    expect(() => addressList(['example.com'])).toThrow(RangeError);
  });
});

describe('hopsOf', () => {
  const isProxy = addressList(['10.0.0.0/8', '2001:db8::/32']);
  const forwardedFor = (peer: string, field?: string) => hopsOf(peer, field, 'x-forwarded-for', isProxy);
  const forwarded = (peer: string, field?: string) => hopsOf(peer, field, 'forwarded', isProxy);

  it('a peer that is no trusted proxy is not believed, whatever it says', () => {
    expect(forwardedFor('198.51.100.9', '203.0.113.5')).toEqual(['198.51.100.9']);
    expect(forwarded('198.51.100.9', 'for=203.0.113.5')).toEqual(['198.51.100.9']);
  });

  it('RFC 7239 7.4: the list is read from its end, as far as trusted proxies vouch for it', () => {
    expect(forwardedFor('::ffff:10.0.0.1', '192.0.2.66, 203.0.113.5, 10.9.9.9')).toEqual([
      '10.0.0.1',
      '10.9.9.9',
      '203.0.113.5',
    ]);
  });

  it('RFC 7239 4: for as token or quoted, with ports, among other parameters, case-insensitive', () => {
    const field = 'for=192.0.2.66;by=203.0.113.1, proto=https;For="[2001:db8::7]:4711", by=x;for="10.1.1.1"';
    expect(forwarded('10.0.0.1', field)).toEqual(['10.0.0.1', '10.1.1.1', '2001:db8::7', '192.0.2.66']);
  });

  it('RFC 7239 6.2, 6.3: unknown and obfuscated names end what is known', () => {
    for (const name of ['unknown', '_hidden', '"_x,for=10.1.1.1"', ''])
      expect(forwarded('10.0.0.1', `for=203.0.113.5, for=${name}`)).toEqual(['10.0.0.1']);
    expect(forwarded('10.0.0.1', 'for=203.0.113.5, proto=https')).toEqual(['10.0.0.1']);
  });

  it('without a field or a socket knows the peer, or nobody', () => {
    expect(forwardedFor('10.0.0.1')).toEqual(['10.0.0.1']);
    expect(hopsOf(undefined, '10.0.0.1', 'forwarded', isProxy)).toEqual([]);
  });

  it('for any field: every hop but the last is a trusted proxy, and it ends soon', () => {
    const part = fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), fc.constantFrom('10.0.0.2', 'for=10.0.0.3', '"', ','));
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 40 }),
        fc.constantFrom('forwarded', 'x-forwarded-for'),
        (parts, which) => {
          const hops = hopsOf('10.0.0.1', parts.join(','), which as 'forwarded', isProxy);
          expect(hops.slice(0, -1).every(isProxy)).toBe(true);
          expect(hops.length).toBeLessThanOrEqual(17);
        },
      ),
    );
  });
});
