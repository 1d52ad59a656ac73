import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/system/clock.ts';

afterEach(() => vi.restoreAllMocks());

describe('the clock of the service', () => {
  it.each([3_600_000, -3_600_000])('does not follow a step of the system clock by %d ms', (stepMs) => {
    const clock = systemClock();
    const [beforeMs, beforeUs] = [clock.nowMs(), clock.monotonicUs()];
    const real = Date.now.bind(Date);
    vi.spyOn(Date, 'now').mockImplementation(() => real() + stepMs);
    expect(clock.nowMs() - beforeMs).toBeGreaterThanOrEqual(0);
    expect(clock.nowMs() - beforeMs).toBeLessThan(5_000);
    expect(clock.utcMsOf(beforeUs)).toBeCloseTo(beforeMs, 0);
  });

  it('is the same monotonic clock in each process of the machine, from which only UTC differs', () => {
    const one = systemClock();
    const real = Date.now.bind(Date);
    vi.spyOn(Date, 'now').mockImplementation(() => real() + 3_600_000);
    const two = systemClock();
    const us = one.monotonicUs();
    expect(two.monotonicUs() - us).toBeLessThan(5_000_000);
    expect(two.utcMsOf(us) - one.utcMsOf(us)).toBeCloseTo(3_600_000, -1);
  });

  it('is the only place that reads the system clock', () => {
    const source = resolve(import.meta.dirname, '../../../src');
    const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    const readers = files.filter((name) =>
      /Date\.now\(|new Date\(\)|performance\.(now|timeOrigin)/.test(readFileSync(join(source, name), 'utf8')),
    );
    expect(readers).toEqual(['system/clock.ts']);
  });
});
