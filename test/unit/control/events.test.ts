// The event stream: what may be resumed, what is sent when, and what a bad reader may cost.
import { describe, expect, test } from 'vitest';
import type { ChannelNotice } from '../../../src/channel/notices.ts';
import { EventRing } from '../../../src/control/event-ring.ts';
import { EventStream } from '../../../src/control/event-stream.ts';
import { figuresOf } from '../../../src/control/figures.ts';
import { openMetrics } from '../../../src/system/metrics.ts';
import { channelStatus, controlDirectory } from '../../fakes/control-directory.ts';
import { ManualClock } from '../../fakes/manual-clock.ts';
import { MemoryLog } from '../../fakes/memory-log.ts';

describe('the ring', () => {
  test('gives what comes after an id, with ids that rise by one', () => {
    const ring = new EventRing(1000);
    const ids = ['a', 'b', 'c'].map((data) => ring.add('fault', data).id);
    expect(ids).toEqual([1_000_001, 1_000_002, 1_000_003]);
    expect(ring.since(String(ids[0]))).toMatchObject({ isWhole: true, events: [{ data: 'b' }, { data: 'c' }] });
    expect(ring.since(String(ids[2]))).toEqual({ isWhole: true, events: [] });
    // Of a client that connected before anything had happened.
    expect(ring.since('1000000').events).toHaveLength(3);
  });

  test('keeps 256; an older id, one of another life and what is none give all of them, and say so', () => {
    const ring = new EventRing(1000);
    for (let n = 1; n <= 300; n++) ring.add('fault', String(n));
    expect(ring.since('1000044')).toMatchObject({ isWhole: true, events: { length: 256 } });
    for (const id of ['1000043', '999999', '1000301', '-1', 'x', '', '1e6', '99999999999999999999'])
      expect(ring.since(id)).toMatchObject({ isWhole: false, events: { length: 256, 0: { data: '45' } } });
  });

  test('of the next life has higher ids', () => {
    const former = new EventRing(1000);
    for (let n = 0; n < 500; n++) former.add('fault', '');
    expect(new EventRing(1001).add('fault', '').id).toBeGreaterThan(former.newestId);
  });
});

class Reader {
  text = '';
  writableLength = 0;
  isDestroyed = false;
  isEnded = false;
  #onClose: () => void = () => undefined;

  write(text: string): boolean {
    this.text += text;
    return true;
  }
  once(_event: string, call: () => void): this {
    this.#onClose = call;
    return this;
  }
  end(): this {
    this.isEnded = true;
    return this;
  }
  destroy(): this {
    this.isDestroyed = true;
    return this;
  }
  leave(): void {
    this.#onClose();
  }
  /** Name and data of each event so far. */
  get events(): [string, Record<string, unknown>][] {
    return [...this.text.matchAll(/^event: (.*)\ndata: (.*)$/gm)].map(([, name = '', data = '']) => [
      name,
      JSON.parse(data),
    ]);
  }
  count(name: string): number {
    return this.events.filter(([one]) => one === name).length;
  }
}

function world() {
  const [clock, log, metrics] = [new ManualClock(), new MemoryLog(), openMetrics()];
  const directory = controlDirectory(() => clock.nowMs(), channelStatus());
  const stream = new EventStream({ directory, metrics, clock, log });
  const join = (lastEventId?: string) => {
    const reader = new Reader();
    stream.add(reader as never, lastEventId);
    return reader;
  };
  /** Second by second, with what promises have left to do. */
  const pass = async (seconds: number) => {
    for (let n = 0; n < seconds; n++) {
      clock.advance(1000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { clock, log, metrics, directory, stream, join, pass };
}

const FAULT: ChannelNotice = { kind: 'fault', channel: 'match', atMs: 1, code: 'X', message: 'broke\nbadly' };

describe('a client', () => {
  test('gets the channels at once, when they change but once a second, and after 5 s without a change', async () => {
    const { join, pass, directory } = world();
    const reader = join();
    expect(reader.events).toEqual([
      ['channels', { nowMs: expect.any(Number), channels: [JSON.parse(JSON.stringify(channelStatus()))] }],
    ]);
    await pass(1);
    expect(reader.count('channels')).toBe(2);
    await pass(4);
    expect(reader.count('channels')).toBe(2);
    await pass(1);
    expect(reader.count('channels')).toBe(3);
    directory.set(channelStatus({ state: 'slate' }));
    directory.set(channelStatus({ state: 'gap' }));
    await pass(1);
    expect(reader.count('channels')).toBe(4);
  });

  test('gets figures every second, as rates', async () => {
    const { join, pass, metrics } = world();
    const reader = join();
    await pass(1);
    metrics.responses.inc({ kind: 'segment', status: '200', cache: 'immutable' }, 30);
    metrics.responses.inc({ kind: 'segment', status: '206', cache: 'immutable' }, 3);
    metrics.responseBytes.inc({ kind: 'segment' }, 5000);
    metrics.sourceBitrate.set({ channel: 'match' }, 6e6);
    metrics.waiting.set(7);
    await pass(1);
    expect(reader.count('figures')).toBe(2);
    expect(reader.events.at(-1)).toEqual([
      'figures',
      {
        nowMs: expect.any(Number),
        requests: [{ kind: 'segment', cache: 'immutable', perSecond: 33 }],
        ...{ bytesPerSecond: 5000, waiters: 7, shedPerSecond: 0 },
        channels: [{ id: 'match', encoderSpeed: 1.01, encoderFps: 30, inputBitrateBps: 6e6 }],
      },
    ]);
  });

  test('is told what happens as it happens, on one line, with an id', () => {
    const { join, stream } = world();
    const reader = join();
    stream.tell(FAULT);
    const { kind: _kind, ...data } = FAULT;
    expect(reader.text).toContain(`\n\nid: 1795291200500001\nevent: fault\ndata: ${JSON.stringify(data)}\n\n`);
  });

  test('resumes after its last id, also with what happened while nobody listened; an id that is too old is a reset', () => {
    const { join, stream } = world();
    stream.tell(FAULT);
    stream.tell(FAULT);
    expect(join().count('fault')).toBe(0);
    const resumed = join('1795291200500001');
    expect([resumed.count('fault'), resumed.count('reset')]).toEqual([1, 0]);
    const late = join('17');
    expect(late.events.map(([name]) => name)).toEqual(['channels', 'reset', 'fault', 'fault']);
  });
});

describe('the stream', () => {
  test('looks at nothing while nobody listens', async () => {
    const { join, stream, clock, pass } = world();
    expect(clock.waiting).toBe(0);
    stream.tell(FAULT);
    const [first, second] = [join(), join()];
    expect(clock.waiting).toBe(1);
    first.leave();
    await pass(2);
    expect(clock.waiting).toBe(1);
    second.leave();
    expect(clock.waiting).toBe(0);
    const third = join();
    expect(clock.waiting).toBe(1);
    await pass(1);
    expect(third.count('figures')).toBe(1);
  });

  test('has room for 32', () => {
    const { join, stream } = world();
    const readers = Array.from({ length: 32 }, () => join());
    expect(stream.hasRoom).toBe(false);
    readers[3]!.leave();
    expect(stream.hasRoom).toBe(true);
  });

  test('cuts off who does not take what it is sent, and nobody else', () => {
    const { join, stream, log } = world();
    const [slow, good] = [join(), join()];
    slow.writableLength = 512 * 1024;
    stream.tell(FAULT);
    expect(slow.isDestroyed).toBe(false);
    slow.writableLength += 1;
    stream.tell(FAULT);
    stream.tell(FAULT);
    expect([slow.isDestroyed, slow.count('fault'), good.isDestroyed, good.count('fault')]).toEqual([true, 2, false, 3]);
    expect(log.saying('a reader of the event stream is too slow: closed')).toHaveLength(1);
  });

  test('ends its clients when it is closed', () => {
    const { join, stream, clock } = world();
    const reader = join();
    stream.close();
    expect([reader.isEnded, clock.waiting]).toEqual([true, 0]);
  });
});

describe('figures', () => {
  const sample = (atMs: number, count: number, shed: number) => ({
    ...{ atMs, bytes: 0, waiters: 0, shed, inputBps: new Map([['match', 5]]) },
    requests: new Map([['dash 2s', { kind: 'dash', cache: '2s', count }]]),
  });

  test('are of the time between, never below 0, and leave out what was not asked for', () => {
    expect(figuresOf(sample(0, 10, 4), sample(2000, 15, 5), [])).toMatchObject({
      ...{ nowMs: 2000, shedPerSecond: 0.5, requests: [{ kind: 'dash', cache: '2s', perSecond: 2.5 }] },
    });
    expect(figuresOf(sample(0, 10, 4), sample(1000, 10, 0), [])).toMatchObject({ requests: [], shedPerSecond: 0 });
  });

  test('have no bitrate of a publisher that is gone', () => {
    const of = (status: Parameters<typeof channelStatus>[0]) =>
      figuresOf(sample(0, 0, 0), sample(1000, 0, 0), [channelStatus(status)]).channels[0]!.inputBitrateBps;
    expect([of({}), of({ publisher: undefined })]).toEqual([5, undefined]);
  });
});
