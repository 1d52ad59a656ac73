import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressGroup } from '../../../src/ingest/child/address-group.ts';
import { GuessDelay } from '../../../src/ingest/child/guess-delay.ts';
import { DEFAULT_RTMP_LIMITS } from '../../../src/ingest/child/limits.ts';
import { TokenBucket } from '../../../src/ingest/child/token-bucket.ts';

describe('TokenBucket', () => {
  it('lets two seconds of the rate through at once, then asks for a pause as long as the debt', () => {
    const bucket = new TokenBucket(1_000, 0);
    expect(bucket.take(2_000, 0)).toBe(0);
    expect(bucket.take(500, 0)).toBe(500);
    expect(bucket.take(0, 500_000)).toBe(0);
    expect(bucket.take(100, 600_000)).toBe(0);
    expect(bucket.take(1, 600_000)).toBe(1);
  });

  it('saves no more than the burst however long a peer was silent, and earns nothing when time goes back', () => {
    const bucket = new TokenBucket(1_000, 0);
    expect(bucket.take(2_100, 3_600_000_000)).toBe(100);
    expect(bucket.take(0, 0)).toBe(100);
  });

  it('lets no more through than rate times time, the burst and one read, whatever a peer does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ bytes: fc.nat(65_536), idleMs: fc.nat(300) }), { minLength: 1, maxLength: 200 }),
        (reads) => {
          const rate = 125_000;
          const bucket = new TokenBucket(rate, 0);
          let nowUs = 0;
          let sum = 0;
          for (const { bytes, idleMs } of reads) {
            nowUs += idleMs * 1000;
            sum += bytes;
            expect(sum).toBeLessThanOrEqual((rate * nowUs) / 1e6 + 2 * rate + 65_536);
            nowUs += bucket.take(bytes, nowUs) * 1000;
          }
        },
      ),
    );
  });
});

describe('GuessDelay', () => {
  const second = 1_000_000;

  it('makes an address wait longer after each wrong key, two seconds at most, and nobody else', () => {
    const delay = new GuessDelay(100, 5_000);
    expect(delay.delayMs('a', 0)).toBe(0);
    const waits = Array.from({ length: 8 }, () => {
      delay.refused('a', second);
      return delay.delayMs('a', second);
    });
    expect(waits).toEqual([100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000]);
    expect(delay.delayMs('b', second)).toBe(0);
  });

  it('forgets an address ten seconds after its last wrong key', () => {
    const delay = new GuessDelay(100, 5_000);
    delay.refused('a', 0);
    delay.refused('a', 5 * second);
    expect(delay.delayMs('a', 15 * second)).toBe(200);
    expect(delay.delayMs('a', 15 * second + 1)).toBe(0);
    delay.refused('a', 16 * second);
    expect(delay.delayMs('a', 16 * second)).toBe(100);
  });

  it('remembers 1024 addresses, the last ones', () => {
    const delay = new GuessDelay(100, 5_000);
    for (let i = 0; i <= 1024; i++) delay.refused(String(i), i);
    expect(delay.delayMs('0', 2_000)).toBe(0);
    expect(delay.delayMs('1', 2_000)).toBe(100);
    expect(delay.delayMs('1024', 2_000)).toBe(100);
  });

  it('waits half of the handshake deadline at most, so that the right key still gets in', () => {
    const delay = new GuessDelay(100, 1_000);
    for (let i = 0; i < 9; i++) delay.refused('a', 0);
    expect(delay.delayMs('a', 0)).toBe(500);
  });

  it('never waits where it is switched off', () => {
    const delay = new GuessDelay(0, 5_000);
    delay.refused('a', 0);
    expect(delay.delayMs('a', 0)).toBe(0);
  });
});

describe('addressGroup', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('counts %s as %s', (address, group) => {
    expect(addressGroup(address)).toBe(group);
  });
});

it('ends a publisher that stops sending within 10 s, deadlines being looked at every half second', () => {
  expect(DEFAULT_RTMP_LIMITS.idleTimeoutMs + 500).toBeLessThan(10_000);
});
