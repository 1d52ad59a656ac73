import { describe, expect, test } from 'vitest';
import { readinessOf, STOPPING } from '../../../src/control/readiness.ts';
import { channelStatus } from '../../fakes/control-directory.ts';

const NOW_MS = 1_790_604_240_000;

describe('readiness', () => {
  test('is given while every channel is fresh, on slate too', () => {
    const readiness = readinessOf([channelStatus(), channelStatus({ id: 'two', onAir: 'slate' })], NOW_MS);
    expect(readiness.ready).toBe(true);
    expect(readiness.channels.every((channel) => channel.why === undefined)).toBe(true);
  });

  test('is taken by one stale channel, which is named with the age of its newest Segment', () => {
    const stale = channelStatus({ id: 'two', fresh: false, newestEndMs: NOW_MS - 7000 });
    const readiness = readinessOf([channelStatus(), stale], NOW_MS);
    expect(readiness.ready).toBe(false);
    expect(readiness.channels[0]?.why).toBeUndefined();
    expect(readiness.channels[1]?.why).toBe('the newest Segment ended 7000 ms ago, Segments are 2000 ms (state live)');
  });

  test('tells the last fault', () => {
    const faulty = channelStatus({
      fresh: false,
      newestEndMs: undefined,
      state: 'starting',
      lastFaults: [
        { atMs: 1, code: 'ENCODER_START', message: 'old' },
        { atMs: 2, code: 'SLATE_FAILED', message: 'no room' },
      ],
    });
    expect(readinessOf([faulty], NOW_MS).channels[0]?.why).toBe(
      'nothing is servable yet (state starting); last fault SLATE_FAILED: no room',
    );
  });

  test('is not given to a service without channels', () => {
    expect(readinessOf([], NOW_MS)).toEqual({ ready: false, channels: [], why: 'no channel is configured' });
  });

  test('is off for all when the service stops, and says so', () => {
    expect(STOPPING).toEqual({ ready: false, channels: [], why: 'the service is stopping' });
  });
});
