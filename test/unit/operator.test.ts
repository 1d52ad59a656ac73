// What an operator asks of the whole service: drain, and ladders read again.
import { describe, expect, test } from 'vitest';
import type { OperatedChannel, OperationRefusal } from '../../src/channel/operation.ts';
import type { LadderWatch } from '../../src/config/ladder-watch.ts';
import { ServiceOperator } from '../../src/operator.ts';
import { channelSettings } from '../fakes/channel-settings.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { MemoryLog } from '../fakes/memory-log.ts';
import { ladderOf, rung } from '../fakes/transcode-plan.ts';

const LADDER = ladderOf([rung('v720', 720)]);

function world(refusal?: OperationRefusal) {
  const settings = [channelSettings(LADDER)];
  const operator = new ServiceOperator({
    ...{ channels: new Map(), settings, ffmpegPath: 'ffmpeg', clock: new ManualClock(), log: new MemoryLog() },
  });
  const applied: string[] = [];
  const operation = {
    applyLadder: () => {
      applied.push('now');
      return refusal;
    },
  };
  const reload = (applyNow: boolean, id = 'match') =>
    operator.reloadLadder({ id, operation } as unknown as OperatedChannel, applyNow);
  const reads = (verdict: Awaited<ReturnType<LadderWatch['reload']>>) =>
    operator.watches({ reload: () => Promise.resolve(verdict), close: () => Promise.resolve() });
  return { operator, applied, reload, reads };
}

test('a service that stops is drained and stays so', () => {
  const { operator } = world();
  operator.drain();
  operator.stops();
  expect(operator.undrain()).toMatchObject({ code: 'SERVICE_STOPPING' });
  expect([operator.isDraining, operator.isStopping]).toEqual([true, true]);
});

describe('a ladder that is read again', () => {
  test('and is bad, or has another Segment duration, is not applied; every problem is told', async () => {
    const { reload, reads, applied } = world();
    reads({ kind: 'bad', problems: ['l.yaml:1:2 a', 'l.yaml:3:4 b'] });
    expect(await reload(true)).toMatchObject({
      refusal: { code: 'LADDER_INVALID', problems: ['l.yaml:1:2 a', 'l.yaml:3:4 b'] },
    });
    reads({ kind: 'good', ladder: { ...LADDER, segmentSeconds: 4 } });
    expect(await reload(true)).toMatchObject({
      refusal: { code: 'LADDER_INVALID', problems: [expect.stringContaining('segments of 4 s')] },
    });
    expect(applied).toEqual([]);
  });

  test('is for the next publish unless it is wanted now, also where nobody publishes', async () => {
    const { reload, reads, applied } = world();
    reads({ kind: 'good', ladder: LADDER });
    expect([await reload(false), applied]).toEqual([{ applies: 'next-publish' }, []]);
    expect([await reload(true), applied]).toEqual([{ applies: 'now' }, ['now']]);
    const alone = world({ code: 'PUBLISH_NONE', message: 'nobody' });
    alone.reads({ kind: 'good', ladder: LADDER });
    expect(await alone.reload(true)).toEqual({ applies: 'next-publish' });
    const pushed = world({ code: 'PUBLISH_PUSHED', message: 'elsewhere' });
    pushed.reads({ kind: 'good', ladder: LADDER });
    expect(await pushed.reload(true)).toMatchObject({ refusal: { code: 'PUBLISH_PUSHED' } });
  });

  test('before ladders are watched is refused', async () => {
    expect(await world().reload(true)).toMatchObject({ refusal: { code: 'SERVICE_STOPPING' } });
  });
});
