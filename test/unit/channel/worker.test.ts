import { describe, expect, test, vi } from 'vitest';
import type { EncodeRun } from '../../../src/channel/encode-run.ts';
import { readFormerLife } from '../../../src/channel/former-life.ts';
import { choosePlan, type PlanInUse } from '../../../src/channel/plan-in-use.ts';
import type { Death } from '../../../src/channel/run-health.ts';
import { Worker } from '../../../src/channel/worker.ts';
import type { WorkerFault } from '../../../src/channel/worker-fault.ts';
import type { ChannelSettings, Latency } from '../../../src/config/model.ts';
import type { SourceDescription } from '../../../src/ingest/model.ts';
import { audioOffset, indexAt, startMsOf } from '../../../src/package/grid.ts';
import { openMetrics } from '../../../src/system/metrics.ts';
import { EncoderLog } from '../../../src/transcode/encoder-log.ts';
import { openMemoryJournal } from '../../../src/window/memory-journal.ts';
import { openMemoryStore } from '../../../src/window/memory-store.ts';
import { channelSettings } from '../../fakes/channel-settings.ts';
import { ManualClock } from '../../fakes/manual-clock.ts';
import { encoders, forgetEncoders } from '../../fakes/manual-encoder.ts';
import { audioFragment } from '../../fakes/media.ts';
import { MemoryLog } from '../../fakes/memory-log.ts';
import { initOf, MemoryReceiver } from '../../fakes/memory-receiver.ts';
import { PublisherFeed, SOURCE } from '../../fakes/publisher-feed.ts';
import { ladderOf, rate, rung, sourceOf } from '../../fakes/transcode-plan.ts';

vi.mock('../../../src/transcode/ffmpeg-process.ts', () => import('../../fakes/manual-encoder.ts'));

const ladder = ladderOf([rung('v720', 720), rung('v360', 360)]);
const SILENT: SourceDescription = { ...SOURCE, audio: undefined };

function planAt(num: number, den = 1, latency: Latency = 'normal'): PlanInUse {
  const choice = choosePlan(ladder, sourceOf(1280, 720, rate(num, den)), latency);
  if (choice.kind === 'bad') throw new Error(choice.reason);
  return choice.plan;
}

function world(
  options: {
    source?: SourceDescription;
    plan?: PlanInUse;
    keyframes?: (nowMs: number) => number[];
    settings?: Partial<ChannelSettings>;
    /** Of the place that is not on air yet. */
    part?: number;
  } = {},
) {
  forgetEncoders();
  const clock = new ManualClock();
  const log = new MemoryLog();
  const receiver = new MemoryReceiver();
  const plan = options.plan ?? planAt(30);
  const { grid } = plan;
  const nowMs = clock.nowMs();
  const runs: EncodeRun[] = [];
  const ended: string[] = [];
  const faults: WorkerFault[] = [];
  const deaths: Death[] = [];
  const overloads: number[] = [];
  const feed = new PublisherFeed('p1', nowMs, options.keyframes?.(nowMs) ?? [nowMs]);
  const edge = { ms: undefined as number | undefined };
  let media = 0;
  const metrics = openMetrics();
  const worker = new Worker({
    encoderLog: new EncoderLog(clock),
    parts: {
      settings: channelSettings(ladder, options.settings),
      receiver,
      ffmpegPath: 'ffmpeg',
      store: openMemoryStore(),
      journal: openMemoryJournal('i1'),
      former: { ...readFormerLife([]), isContinued: false, numbersFrom: 0 },
      slates: undefined,
      health: { state: { kind: 'none' } },
      clock,
      log,
      metrics,
    },
    feed,
    source: options.source ?? SOURCE,
    plan: () => plan,
    copy: undefined,
    nextRunId: () => `match-p1-${runs.length + 1}`,
    resumeAt: () => ({ index: indexAt(grid, edge.ms ?? clock.nowMs() - grid.segmentMs), part: options.part ?? 0 }),
    waitsForSlate: () => false,
    onRun: (run) => runs.push(run),
    onRunEnd: (id) => ended.push(id),
    onMedia: () => {
      media += 1;
    },
    onFault: (fault) => faults.push(fault),
    onDeath: (death) => deaths.push(death),
    onOverload: (lagMs) => overloads.push(lagMs),
  });
  /** Makes it live: the first encoder posts headers and one Segment. */
  const goLive = (at = 0) => {
    const { runId } = encoders[at]!;
    encoders[at]!.start(4000 + at);
    receiver.sendHeaders(runId, grid);
    receiver.sendSegment(runId, grid, runs[at]!.origin.index, 0);
  };
  return {
    clock,
    log,
    receiver,
    plan,
    grid,
    nowMs,
    runs,
    ended,
    faults,
    deaths,
    overloads,
    feed,
    edge,
    worker,
    goLive,
    metrics,
    media: () => media,
  };
}

/** The number after the name of an ffmpeg filter's option. */
const optionOf = (text: string, name: string) => Number(new RegExp(`${name}=(-?[\\d.]+)`).exec(text)?.[1]);

describe('where a run begins', () => {
  test('a fresh publish: at the Segment that holds its first keyframe, untrimmed, from that keyframe', () => {
    const it = world({ keyframes: (nowMs) => [nowMs - 300] });
    const keyMs = it.nowMs - 300;
    const index = indexAt(it.grid, keyMs);
    it.edge.ms = startMsOf(it.grid, index);
    it.worker.start();
    expect(it.runs[0]!.origin.index).toBe(index);
    expect(it.feed.inputs).toEqual([expect.objectContaining({ fromMs: keyMs, originMs: startMsOf(it.grid, index) })]);
    expect(encoders[0]!.arguments).not.toContain('trim=');
  });

  test('a fresh publish while older indices are still open: the indices before its keyframe are not its own', () => {
    const it = world();
    const index = indexAt(it.grid, it.nowMs);
    it.edge.ms = startMsOf(it.grid, index - 1);
    it.worker.start();
    expect(it.runs[0]!.origin.index).toBe(index);
    expect(it.feed.inputs[0]!.originMs).toBe(startMsOf(it.grid, index));
  });

  describe('of a fresh publish where parts are published', () => {
    const begin = (whenAbsent: 'slate' | 'gap', part: number, indicesLater: number) => {
      const plan = planAt(30, 1, 'low');
      const index = 900_000_000;
      // Its first keyframe is 0.9 s into a Segment: in part 2 of 5.
      const keyMs = startMsOf(plan.grid, index + indicesLater) + 900;
      const it = world({ plan, keyframes: () => [keyMs], settings: { whenAbsent, latency: 'low' }, part });
      it.edge.ms = startMsOf(plan.grid, index);
      it.worker.start();
      const { origin } = it.runs[0]!;
      return [origin.index - index, origin.part];
    };

    test('slate: at the part that holds its first keyframe', () => {
      expect([begin('slate', 0, 0), begin('slate', 0, 1)]).toEqual([
        [0, 2],
        [1, 2],
      ]);
    });

    test('gap: at the start of that Segment, or all of it would be a gap', () => {
      expect([begin('gap', 0, 0), begin('gap', 0, 1), begin('gap', 1, 1)]).toEqual([
        [0, 0],
        [1, 0],
        [1, 0],
      ]);
    });

    test('gap: in a Segment that is begun and finished with slate, at its part', () => {
      expect(begin('gap', 1, 0)).toEqual([0, 2]);
    });
  });

  test('a replacement: at the first Segment not on air, from the newest keyframe at or before it, trimmed by whole Segments', () => {
    const it = world({ keyframes: (nowMs) => [nowMs - 9000, nowMs - 5000, nowMs - 1000] });
    const keyMs = it.nowMs - 5000;
    const wanted = indexAt(it.grid, it.nowMs - 1500);
    it.edge.ms = startMsOf(it.grid, wanted);
    it.worker.start();
    const keyIndex = indexAt(it.grid, keyMs);
    const trimMs = (wanted - keyIndex) * it.grid.segmentMs;
    expect(trimMs).toBeGreaterThan(0);
    expect(it.runs[0]!.origin.index).toBe(wanted);
    expect(it.feed.inputs[0]).toMatchObject({ fromMs: keyMs, originMs: startMsOf(it.grid, keyIndex) });
    expect(encoders[0]!.arguments).toContain(`asetpts=PTS-${trimMs / 1000}/TB`);
  });

  test('before the Channel is open: not before the Segment that ended last', () => {
    const it = world({ keyframes: (nowMs) => [nowMs - 9000, nowMs - 3000] });
    it.worker.start();
    expect(it.runs[0]!.origin.index).toBe(indexAt(it.grid, it.nowMs - it.grid.segmentMs));
  });

  test('a ring without a keyframe begins at the edge and waits for one', () => {
    const it = world({ keyframes: () => [] });
    it.edge.ms = startMsOf(it.grid, indexAt(it.grid, it.nowMs));
    it.worker.start();
    expect(it.runs[0]!.origin.index).toBe(indexAt(it.grid, it.nowMs));
    expect(it.feed.inputs[0]!.fromMs).toBe(it.edge.ms);
  });

  test.each([
    [30, 1],
    [30000, 1001],
    [24000, 1001],
    [60, 1],
  ])('at %d/%d fps the access units sit where the absolute 1024-sample grid has them', (num, den) => {
    const plan = planAt(num, den);
    const it = world({ plan });
    const offsets = [0, 1, 2].map((n) => {
      it.edge.ms = startMsOf(plan.grid, indexAt(plan.grid, it.nowMs) + n);
      it.worker.start();
      encoders[n]?.exit(1);
      const index = it.runs[n]!.origin.index;
      expect(optionOf(encoders[n]!.arguments, 'first_pts')).toBe(audioOffset(plan.grid, index));
      return audioOffset(plan.grid, index);
    });
    expect(new Set(offsets).size).toBeGreaterThan(1);
  });
});

describe('what a worker encodes', () => {
  test('posts every Track of the plan, with the secret of its run', () => {
    const it = world();
    it.worker.start();
    expect(encoders[0]!.request.command.outputs.map(({ url }) => url)).toEqual(
      ['v720', 'v360', 'a'].map((track) => `http://receiver/match-p1-1/${track}`),
    );
    expect(encoders[0]!.arguments).toContain('Bearer test');
    expect([...it.runs[0]!.delivers]).toEqual(['v720', 'v360', 'a']);
  });

  test("a feed without sound gets no audio output: that Track is the slate's", () => {
    const it = world({ source: SILENT });
    it.worker.start();
    expect(encoders[0]!.request.command.outputs).toHaveLength(2);
    expect([...it.runs[0]!.delivers]).toEqual(['v720', 'v360']);
    expect(it.receiver.runs[0]!.tracks).toEqual(['v720', 'v360']);
  });

  test('its run is joined before the first byte goes in', () => {
    const it = world();
    it.worker.start();
    expect(it.runs).toHaveLength(1);
    expect(encoders[0]!.written).toEqual([`FLV from ${it.nowMs}`]);
    it.feed.send(Buffer.from('more'));
    expect(encoders[0]!.written).toEqual([`FLV from ${it.nowMs}`, 'more']);
  });

  test('whole parts and Segments are told, single access units are not', () => {
    const it = world();
    it.worker.start();
    const { runId } = encoders[0]!;
    it.receiver.sendHeaders(runId, it.grid);
    expect(it.media()).toBe(0);
    it.receiver.sendSegment(runId, it.grid, it.runs[0]!.origin.index, 0);
    expect(it.media()).toBe(3 * it.grid.partsPerSegment);
    expect([...it.runs[0]!.segments.keys()]).toEqual([it.runs[0]!.origin.index]);
  });

  test('when each picture was encoded and parsed is in the metrics, counted from its media time', async () => {
    const it = world();
    it.worker.start();
    const { runId } = encoders[0]!;
    it.receiver.sendHeaders(runId, it.grid);
    it.receiver.sendSegment(runId, it.grid, it.runs[0]!.origin.index, 0);
    const { values } = await it.metrics.stages.get();
    const counts = values.filter(({ metricName }) => metricName?.endsWith('_count'));
    expect(counts.map(({ labels, value }) => [labels.stage, value])).toEqual([
      ['encoded', 2 * it.grid.partsPerSegment],
      ['parsed', 2 * it.grid.partsPerSegment],
    ]);
  });

  test('how late chunks are and how far Tracks are apart is in the metrics', async () => {
    const it = world();
    it.worker.start();
    const { runId } = encoders[0]!;
    const { index } = it.runs[0]!.origin;
    it.receiver.sendHeaders(runId, it.grid);
    const skew = async (end: string) =>
      (await it.metrics.renditionSkew.get()).values.filter(({ metricName }) => metricName?.endsWith(end));
    it.clock.advance(startMsOf(it.grid, index + 1) + 300 - it.clock.nowMs());
    it.receiver.sendSegment(runId, it.grid, index, 0, ['v360', 'a']);
    it.clock.advance(200);
    it.receiver.sendSegment(runId, it.grid, index, 0, ['v720']);
    expect(await skew('_sum')).toMatchObject([{ value: 0.2, labels: { channel: 'match' } }]);
    expect(await skew('_count')).toMatchObject([{ value: 1 }]);
    const lateness = (await it.metrics.fragmentLateness.get()).values;
    const of = (track: string) =>
      lateness.find(({ metricName, labels }) => metricName?.endsWith('_sum') && labels.track === track)?.value;
    const { partsPerSegment: parts, segmentMs } = it.grid;
    // Each part ends a part earlier than the next; the last one 0.3 s ago.
    const wanted = (lastLateMs: number) =>
      Array.from({ length: parts }, (_, n) => lastLateMs + (n * segmentMs) / parts).reduce((sum, ms) => sum + ms, 0) /
      1000;
    expect(of('v360')).toBeCloseTo(wanted(300), 3);
    expect(of('v720')).toBeCloseTo(wanted(500), 3);
  });

  test('what ffmpeg says of its frames is counted over all encoders, and nothing is left when none runs', async () => {
    const it = world();
    it.worker.start();
    it.goLive();
    const progress = { frame: 60, outTimeMs: 2000, bitrateBps: undefined, fps: 30, speed: 1.01 };
    const say = (at: number, dropped: number, duplicated: number) =>
      encoders[at]!.request.listener.onProgress({ ...progress, dropped, duplicated });
    const values = async () => {
      const names = ['encoderDropped', 'encoderDuplicated', 'encoderFps', 'encoderSpeed'] as const;
      return Promise.all(names.map(async (name) => (await it.metrics[name].get()).values.map(({ value }) => value)));
    };
    say(0, 2, 5);
    say(0, 3, 5);
    expect(await values()).toEqual([[3], [5], [30], [1.01]]);
    encoders[0]!.exit(1);
    expect((await values()).slice(2)).toEqual([[], []]);
    it.goLive(1);
    say(1, 1, 0);
    expect(await values()).toEqual([[4], [5], [30], [1.01]]);
  });

  test("a header with a timescale that is not the Grid's is a fault of the service, said by Track", () => {
    const it = world();
    it.worker.start();
    it.receiver.runs[0]!.sink.onInit('v720', { ...initOf('v720', it.grid), timescale: 15_360 });
    expect(it.faults).toEqual([
      expect.objectContaining({
        level: 'error',
        code: 'CMAF_OFF_GRID',
        message: expect.stringContaining('track v720 has timescale 15360'),
      }),
    ]);
  });

  test('a body that the receiver refuses is said with its code and Track', () => {
    const it = world();
    it.worker.start();
    it.receiver.runs[0]!.sink.onRefused('a', { code: 'CMAF_BOX_INVALID', message: 'no moof', hint: 'Send moof.' });
    expect(it.faults).toEqual([
      { level: 'error', code: 'CMAF_BOX_INVALID', message: 'track a: no moof', hint: 'Send moof.', lines: [] },
    ]);
  });

  test('dropped chunks and taken ones are counted', async () => {
    const it = world();
    it.worker.start();
    it.receiver.sendSegment(encoders[0]!.runId, it.grid, it.runs[0]!.origin.index, 0, ['v360']);
    expect((await it.metrics.fragments.get()).values).toMatchObject([{ labels: { track: 'v360' }, value: 5 }]);
    expect((await it.metrics.fragmentsDropped.get()).values).toMatchObject([
      { labels: { reason: 'unknown-track' }, value: 5 },
    ]);
  });

  test('says pid, rate and speed while it runs, nothing after', () => {
    const it = world();
    it.worker.start();
    expect(it.worker.encoder()).toBeUndefined();
    encoders[0]!.start(77);
    expect(it.worker.encoder()).toEqual({ pid: 77, fps: 0, speed: undefined });
    const progress = { frame: 1, fps: 30, speed: 1.01, outTimeMs: 1, dropped: 0, duplicated: 0 };
    encoders[0]!.request.listener.onProgress(progress);
    expect(it.worker.encoder()).toEqual({ pid: 77, fps: 30, speed: 1.01 });
    encoders[0]!.exit(1);
    // The one in its place has said nothing yet.
    expect(it.worker.encoder()).toBeUndefined();
    encoders[1]!.start(78);
    expect(it.worker.encoder()).toEqual({ pid: 78, fps: 0, speed: undefined });
  });
});

describe('an encoder that dies', () => {
  test('is replaced at once, by a run of its own, from the ring', () => {
    const it = world();
    it.worker.start();
    it.goLive();
    it.edge.ms = startMsOf(it.grid, it.runs[0]!.origin.index + 1);
    encoders[0]!.exit(undefined, 'SIGKILL', ['last words']);
    expect(encoders).toHaveLength(2);
    expect(it.ended).toEqual(['match-p1-1']);
    expect(it.runs[1]!.id).toBe('match-p1-2');
    expect(it.runs[1]!.origin.index).toBe(it.runs[0]!.origin.index + 1);
    expect(it.feed.inputs[1]).toMatchObject({
      fromMs: it.nowMs,
      originMs: startMsOf(it.grid, it.runs[0]!.origin.index),
    });
    expect(it.feed.attached).toBe(1);
    it.feed.send(Buffer.from('x'));
    expect(encoders[0]!.written).not.toContain('x');
    expect(encoders[1]!.written).toContain('x');
    expect(it.faults).toEqual([
      expect.objectContaining({ level: 'warn', code: 'ENCODER_EXITED', lines: ['last words'] }),
    ]);
  });

  test('a tag that comes late for the dead one goes nowhere', () => {
    const it = world();
    it.worker.start();
    it.goLive();
    encoders[0]!.exit(1);
    const before = [encoders[0]!.written.length, encoders[1]!.written.length];
    it.feed.inputs[0]!.write(Buffer.from('late'));
    expect([encoders[0]!.written.length, encoders[1]!.written.length]).toEqual(before);
  });

  test('its receiving run stays open for a second: the last bytes may still be in a socket', () => {
    const it = world();
    it.worker.start();
    it.goLive();
    encoders[0]!.exit(1);
    it.clock.advance(999);
    expect(it.receiver.runs[0]!.closed).toBe(false);
    it.clock.advance(1);
    expect(it.receiver.runs[0]!.closed).toBe(true);
    expect(it.receiver.runs[1]!.closed).toBe(false);
  });

  test('three times within 30 s: the third waits 200 ms, and says so with its last five lines', () => {
    const it = world();
    it.worker.start();
    for (const at of [0, 1]) encoders[at]!.exit(1);
    expect(encoders).toHaveLength(3);
    encoders[2]!.exit(1, undefined, ['1', '2', '3', '4', '5', '6']);
    expect(encoders).toHaveLength(3);
    expect(it.feed.attached).toBe(0);
    expect(it.faults.at(-1)).toMatchObject({
      level: 'error',
      code: 'ENCODER_EXITED',
      lines: ['2', '3', '4', '5', '6'],
      hint: expect.stringContaining('last lines'),
    });
    it.clock.advance(199);
    expect(encoders).toHaveLength(3);
    it.clock.advance(251);
    expect(encoders).toHaveLength(4);
  });

  test('counts only ends that nobody asked for', async () => {
    const it = world();
    it.worker.start();
    encoders[0]!.exit(undefined, 'SIGSEGV');
    encoders[1]!.exit(3);
    void it.worker.stop();
    encoders[2]!.exit(0);
    const { values } = await it.metrics.encoderExits.get();
    expect(values.map(({ labels, value }) => [labels.reason, value])).toEqual([
      ['SIGSEGV', 1],
      ['code-3', 1],
    ]);
    expect((await it.metrics.encoderStarts.get()).values).toMatchObject([{ value: 3 }]);
  });

  test('late chunks of the dead one still count for its own run, not for the life of the next', () => {
    const it = world();
    it.worker.start();
    it.goLive();
    encoders[0]!.exit(1);
    it.receiver.sendSegment('match-p1-1', it.grid, it.runs[0]!.origin.index, 1);
    expect([...it.runs[0]!.segments.keys()]).toHaveLength(2);
    // The next has 10 s to its own first chunk, for it is still starting.
    it.clock.advance(5000);
    expect(encoders[1]!.kills).toBe(0);
    it.clock.advance(5250);
    expect(encoders[1]!.kills).toBe(1);
  });

  test('the stamps jumped: the encoder is killed, and the next begins at the new base', () => {
    const it = world();
    it.worker.start();
    it.goLive();
    it.worker.kill('the stamps jumped');
    expect(encoders[0]!.kills).toBe(1);
    it.feed.starts = [it.nowMs + 700];
    it.edge.ms = startMsOf(it.grid, it.runs[0]!.origin.index + 1);
    encoders[0]!.exit(undefined, 'SIGKILL');
    expect(it.feed.inputs[1]!.fromMs).toBe(it.nowMs + 700);
    expect(it.log.saying('encoder killed')).toEqual([{ reason: 'the stamps jumped' }]);
  });
});

describe('an encoder that stalls', () => {
  test('fed and silent for 1.5 s: killed, and replaced when it has ended', () => {
    const it = world();
    it.worker.start();
    it.goLive();
    for (let ms = 0; ms < 2000; ms += 40) {
      it.feed.send();
      it.clock.advance(40);
    }
    expect(encoders[0]!.kills).toBe(1);
    expect(it.faults).toEqual([expect.objectContaining({ code: 'ENCODER_STALLED' })]);
    encoders[0]!.exit(undefined, 'SIGKILL');
    expect(encoders).toHaveLength(2);
  });

  test('a full pipe that never drains is a stall as well, though no more tags come', () => {
    const it = world();
    it.worker.start();
    it.goLive();
    encoders[0]!.takes = false;
    it.feed.send();
    it.clock.advance(2000);
    expect(encoders[0]!.kills).toBe(1);
  });

  test('a pipe that has drained owes nothing more', () => {
    const it = world();
    it.worker.start();
    it.goLive();
    encoders[0]!.takes = false;
    it.feed.send();
    encoders[0]!.drain();
    it.clock.advance(4000);
    expect(encoders[0]!.kills).toBe(0);
  });

  test('a publisher that falls silent, its last tags unanswered, is no stall of the encoder', () => {
    const it = world();
    it.worker.start();
    it.goLive();
    it.feed.send();
    it.clock.advance(4000);
    expect(encoders[0]!.kills).toBe(0);
    it.feed.send();
    it.clock.advance(500);
    expect(encoders[0]!.kills).toBe(0);
    expect(it.faults).toEqual([]);
  });
});

describe('an encoder that is behind its feed', () => {
  /** Live and on time for a while; `play` lets time pass while pictures come so late and chunks come out so far behind them. */
  function onTime() {
    const it = world();
    it.worker.start();
    it.goLive();
    const { runId, request } = encoders[0]!;
    const origin = it.runs[0]!.origin.index;
    let made = 1;
    const play = (forMs: number, late: { pictureMs: number; outMs: number }) => {
      for (let ms = 0; ms < forMs; ms += 100) {
        it.clock.advance(100);
        it.feed.heardUs = it.clock.monotonicUs();
        it.feed.pictureMs = it.clock.nowMs() - late.pictureMs;
        it.feed.send();
        const outMs = it.feed.pictureMs - late.outMs;
        for (; startMsOf(it.grid, origin + made + 1) <= outMs; made++)
          it.receiver.sendSegment(runId, it.grid, origin, made);
        request.listener.onProgress({ frame: 1, fps: 30, speed: 1, outTimeMs: outMs, dropped: 0, duplicated: 0 });
        it.receiver.run(runId).sink.onFragment('a', FIRST_UNIT);
      }
    };
    play(4000, { pictureMs: 0, outMs: 0 });
    return { it, play };
  }
  const FIRST_UNIT = audioFragment(planAt(30).grid, 0, 0);

  test("has nothing to answer for while the pictures themselves come late: their lag is the network's", () => {
    const { it, play } = onTime();
    play(20_000, { pictureMs: 4000, outMs: 0 });
    expect([it.overloads, it.faults]).toEqual([[], []]);
  });

  test('a publisher that is away for 2 s and back is no overload, whatever the progress lines make of it', () => {
    const { it, play } = onTime();
    it.clock.advance(2000);
    // It fills the hole.
    play(1000, { pictureMs: 0, outMs: 2000 });
    play(8000, { pictureMs: 0, outMs: 0 });
    expect([it.overloads, it.faults]).toEqual([[], []]);
  });

  test('that came late because its pipe was full are its own lag', () => {
    const { it, play } = onTime();
    encoders[0]!.takes = false;
    it.feed.send();
    encoders[0]!.drain();
    for (let lateMs = 0; lateMs < 9000 && it.overloads.length === 0; lateMs += 100) {
      encoders[0]!.takes = false;
      play(200, { pictureMs: lateMs, outMs: 0 });
      encoders[0]!.drain();
    }
    expect(it.overloads[0]).toBeGreaterThan(2500);
    expect(it.overloads[0]).toBeLessThan(4000);
  });
});

describe('stop', () => {
  test('ends the input, takes no more tags, and is done when the encoder has ended', async () => {
    const it = world();
    it.worker.start();
    it.goLive();
    let stopped = false;
    const done = it.worker.stop().then(() => {
      stopped = true;
    });
    expect(encoders[0]).toMatchObject({ inputEnded: true, kills: 0 });
    expect(it.feed.attached).toBe(0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(stopped).toBe(false);
    encoders[0]!.exit(0);
    await done;
    expect(encoders).toHaveLength(1);
    expect(it.ended).toEqual(['match-p1-1']);
    it.clock.advance(1000);
    expect(it.clock.waiting).toBe(0);
  });

  test('kills after 5 s, once', async () => {
    const it = world();
    it.worker.start();
    it.goLive();
    const done = it.worker.stop();
    it.clock.advance(4999);
    expect(encoders[0]!.kills).toBe(0);
    it.clock.advance(251);
    expect(encoders[0]!.kills).toBe(1);
    it.clock.advance(5000);
    expect(encoders[0]!.kills).toBe(1);
    encoders[0]!.exit(undefined, 'SIGKILL');
    await done;
  });

  test('while it waits between tries: at once, and no try comes', async () => {
    const it = world();
    it.worker.start();
    for (const at of [0, 1, 2]) encoders[at]!.exit(1);
    await it.worker.stop();
    it.clock.advance(60_000);
    expect(encoders).toHaveLength(3);
    expect(it.clock.waiting).toBe(0);
  });

  test('twice, or before the start, is answered as well', async () => {
    const it = world();
    await it.worker.stop();
    const other = world();
    other.worker.start();
    const both = Promise.all([other.worker.stop(), other.worker.stop()]);
    encoders[0]!.exit(0);
    await both;
    await other.worker.stop();
  });

  test('the publisher is let flow again, whatever the pipe did', () => {
    const it = world();
    it.worker.start();
    encoders[0]!.takes = false;
    it.feed.send();
    void it.worker.stop();
    encoders[0]!.exit(0);
    expect(it.feed.flow.at(-1)).toBe(true);
  });
});

describe('back-pressure', () => {
  test('a full pipe pauses the feed, its drain lets it go on', () => {
    const it = world();
    it.worker.start();
    expect(it.feed.flow).toEqual([]);
    encoders[0]!.takes = false;
    it.feed.send();
    expect(it.feed.flow).toEqual([false]);
    encoders[0]!.drain();
    expect(it.feed.flow).toEqual([false, true]);
  });

  test('an encoder that dies with a full pipe leaves no feed paused', () => {
    const it = world();
    it.worker.start();
    encoders[0]!.takes = false;
    it.feed.send();
    encoders[0]!.exit(1);
    expect(it.feed.flow.at(-1)).toBe(true);
  });
});

describe('a publisher that is back', () => {
  const back = (it: ReturnType<typeof world>, headersKey: string | undefined = 'headers-1') => {
    const feed = new PublisherFeed('p2', it.nowMs + 1000, [it.nowMs + 900, it.nowMs + 1000]);
    feed.headersKey = headersKey;
    return feed;
  };

  test('unchanged: the same encoder goes on with its tags, from the newest keyframe, on the same base', () => {
    const it = world();
    it.worker.start();
    it.goLive();
    it.feed.end();
    const feed = back(it);
    expect(it.worker.adopt(feed)).toBe(true);
    expect(encoders).toHaveLength(1);
    expect(feed.inputs).toEqual([
      expect.objectContaining({
        fromMs: it.nowMs + 1000,
        originMs: it.feed.inputs[0]!.originMs,
        isContinuation: true,
      }),
    ]);
    feed.send(Buffer.from('again'));
    expect(encoders[0]!.written.at(-1)).toBe('again');
  });

  test('its flow and its ring are used from then on', () => {
    const it = world();
    it.worker.start();
    it.goLive();
    const feed = back(it);
    it.worker.adopt(feed);
    expect(it.feed.attached).toBe(0);
    encoders[0]!.takes = false;
    feed.send();
    expect([it.feed.flow, feed.flow]).toEqual([[], [false]]);
    encoders[0]!.exit(1);
    expect(feed.inputs).toHaveLength(2);
    expect(feed.inputs[1]!.isContinuation).toBeUndefined();
  });

  test('after a hole of more than 4 s is refused: what is missing is slate already', () => {
    const it = world();
    it.worker.start();
    it.goLive();
    const back = new PublisherFeed('p2', it.clock.nowMs(), [it.runs[0]!.outMs('v720') + 4100]);
    expect(it.worker.adopt(back)).toBe(false);
    back.starts = [it.runs[0]!.outMs('v720') + 4000];
    expect(it.worker.adopt(back)).toBe(true);
  });

  test('with other sequence headers, or none, is refused', () => {
    const it = world();
    it.worker.start();
    it.goLive();
    expect(it.worker.adopt(back(it, 'headers-2'))).toBe(false);
    const nothing = back(it);
    nothing.headersKey = undefined;
    expect(it.worker.adopt(nothing)).toBe(false);
    const early = back(it);
    early.starts = [];
    expect(it.worker.adopt(early)).toBe(false);
    expect(it.feed.attached).toBe(1);
  });

  test('is refused where no headers were known when the encoder began', () => {
    const it = world();
    it.feed.headersKey = undefined;
    it.worker.start();
    const feed = back(it);
    feed.headersKey = undefined;
    expect(it.worker.adopt(feed)).toBe(false);
  });

  test('is refused by a worker that stops, waits or has no process', () => {
    const it = world();
    expect(it.worker.adopt(back(it))).toBe(false);
    it.worker.start();
    void it.worker.stop();
    expect(it.worker.adopt(back(it))).toBe(false);
    const failed = world();
    failed.worker.start();
    for (const at of [0, 1, 2]) encoders[at]!.exit(1);
    expect(failed.worker.adopt(back(failed))).toBe(false);
  });
});
