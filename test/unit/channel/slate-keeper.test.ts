import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { choosePlan, type PlanInUse } from '../../../src/channel/plan-in-use.ts';
import { SlateKeeper } from '../../../src/channel/slate-keeper.ts';
import type { Slate } from '../../../src/package/slate.ts';
import { ManualClock } from '../../fakes/manual-clock.ts';
import { encoders, forgetEncoders } from '../../fakes/manual-encoder.ts';
import { MemoryReceiver } from '../../fakes/memory-receiver.ts';
import { ladderOf, rate, rung, sourceOf } from '../../fakes/transcode-plan.ts';

vi.mock('../../../src/transcode/ffmpeg-process.ts', () => import('../../fakes/manual-encoder.ts'));
vi.mock('../../../src/transcode/slate-picture.ts', () => ({ slatePicture: () => ({ rgb: Buffer.from('picture') }) }));

const ladder = ladderOf([rung('v720', 720), rung('v360', 360)]);
/** What promises have left to do. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

function planAt(framesPerSecond: number): PlanInUse {
  const choice = choosePlan(ladder, sourceOf(1280, 720, rate(framesPerSecond)));
  if (choice.kind === 'bad') throw new Error(choice.reason);
  return choice.plan;
}

describe('the keeper of the slate', () => {
  const plan = planAt(30);
  let clock: ManualClock;
  let receiver: MemoryReceiver;
  let keeper: SlateKeeper;
  let slates: { plan: PlanInUse; slate: Slate }[];
  let failures: string[];
  let pictureFailures: string[];

  beforeEach(() => {
    forgetEncoders();
    clock = new ManualClock();
    receiver = new MemoryReceiver();
    slates = [];
    failures = [];
    pictureFailures = [];
    keeper = new SlateKeeper({
      parts: { receiver, ffmpegPath: 'ffmpeg', clock, slates: undefined },
      channel: 'match',
      onSlate: (of, slate) => slates.push({ plan: of, slate }),
      onFailed: (message) => failures.push(message),
      onPictureFailed: (message) => pictureFailures.push(message),
    });
  });

  afterEach(() => keeper.close());

  const finish = (at: number, of = plan) => {
    receiver.sendSlate(encoders[at]!.runId, of.grid);
    encoders[at]!.exit(0);
  };

  test('writes one picture, ends the input, and tells the slate when all Tracks and the encoder have ended', async () => {
    keeper.want(plan, false);
    expect(keeper.isBusy).toBe(true);
    expect(encoders).toHaveLength(1);
    expect(encoders[0]).toMatchObject({ written: ['picture'], inputEnded: true });
    expect(encoders[0]!.request.niceness).toBe(0);
    receiver.sendSlate(encoders[0]!.runId, plan.grid);
    await settled();
    expect(slates).toEqual([]);
    encoders[0]!.exit(0);
    await settled();
    expect(slates).toHaveLength(1);
    expect(slates[0]!.plan).toBe(plan);
    expect([...slates[0]!.slate.inits.keys()]).toEqual(['v720', 'v360', 'a']);
    expect(slates[0]!.slate.segment('v720', 897_000_000).startTicks).toBe(897_000_000 * 180_000);
    expect(receiver.runs[0]!.closed).toBe(true);
    expect(keeper.isBusy).toBe(false);
    expect(clock.waiting).toBe(0);
  });

  test('a Track whose body ends after the exit of the encoder is waited for', async () => {
    keeper.want(plan, false);
    const { runId } = encoders[0]!;
    const { sink, tracks } = receiver.run(runId);
    receiver.sendHeaders(runId, plan.grid);
    receiver.sendSegment(runId, plan.grid, 0, 0);
    for (const track of tracks.slice(1)) sink.onEnd(track, 'clean');
    encoders[0]!.exit(0);
    await settled();
    expect(slates).toEqual([]);
    sink.onEnd(tracks[0]!, 'clean');
    await settled();
    expect(slates).toHaveLength(1);
  });

  test('behind viewers of something else it gives way to the encoders of the air', () => {
    keeper.want(plan, true);
    expect(encoders[0]!.request.niceness).toBe(10);
  });

  test('one encode at a time: wanting the same again starts nothing', () => {
    keeper.want(plan, false);
    keeper.want({ ...plan }, false);
    expect(encoders).toHaveLength(1);
    expect(encoders[0]!.kills).toBe(0);
  });

  test('another plan cancels the first, whose slate is never told', async () => {
    const other = planAt(25);
    keeper.want(plan, false);
    keeper.want(other, false);
    expect(encoders[0]!.kills).toBe(1);
    expect(receiver.runs[0]!.closed).toBe(true);
    finish(0);
    finish(1, other);
    await settled();
    expect(slates.map(({ plan: of }) => of)).toEqual([other]);
    expect(failures).toEqual([]);
  });

  test('a failure is told with the last words and tried again after 5 s', async () => {
    keeper.want(plan, true);
    encoders[0]!.exit(1, undefined, ['one', 'two', 'three', 'Unknown encoder libx264']);
    await settled();
    expect(failures).toEqual(["ffmpeg ended with code 1; ffmpeg's last words: two / three / Unknown encoder libx264"]);
    expect(keeper.isBusy).toBe(false);
    clock.advance(4999);
    expect(encoders).toHaveLength(1);
    clock.advance(1);
    expect(encoders).toHaveLength(2);
    expect(encoders[1]!.request.niceness).toBe(10);
    expect(encoders[1]!.runId).not.toBe(encoders[0]!.runId);
    finish(1);
    await settled();
    expect(slates).toHaveLength(1);
  });

  test('an encoder that a signal ended is told by that', async () => {
    keeper.want(plan, false);
    encoders[0]!.exit(undefined, 'SIGKILL');
    await settled();
    expect(failures[0]).toContain('ffmpeg ended with SIGKILL');
  });

  test('an encode that hangs is killed after 30 s and tried again', async () => {
    keeper.want(plan, false);
    clock.advance(29_999);
    expect(encoders[0]!.kills).toBe(0);
    clock.advance(1);
    await settled();
    expect(encoders[0]!.kills).toBe(1);
    expect(receiver.runs[0]!.closed).toBe(true);
    expect(failures).toEqual([expect.stringContaining('not done after 30 s')]);
    clock.advance(5000);
    expect(encoders).toHaveLength(2);
  });

  test('what is not one whole Segment is refused by Track', async () => {
    keeper.want(plan, false);
    const { runId } = encoders[0]!;
    const { sink, tracks } = receiver.run(runId);
    receiver.sendHeaders(runId, plan.grid);
    receiver.sendSegment(runId, plan.grid, 0, 0, ['v720', 'a']);
    for (const track of tracks) sink.onEnd(track, 'clean');
    encoders[0]!.exit(0);
    await settled();
    expect(slates).toEqual([]);
    expect(failures[0]).toContain('track v360: the slate is not one whole Segment');
  });

  test('a Track that never sent its header is named', async () => {
    keeper.want(plan, false);
    const { sink, tracks } = receiver.runs[0]!;
    for (const track of tracks) sink.onEnd(track, 'aborted');
    encoders[0]!.exit(0);
    await settled();
    expect(failures[0]).toContain('no CMAF header for track v720');
  });

  test('another plan that comes while the retry waits starts at once, and the retry is off', async () => {
    keeper.want(plan, false);
    encoders[0]!.exit(1);
    await settled();
    const other = planAt(25);
    keeper.want(other, false);
    expect(encoders).toHaveLength(2);
    clock.advance(6000);
    expect(encoders).toHaveLength(2);
  });

  test('closed: the encode is killed, nothing is told, nothing is tried again', async () => {
    keeper.want(plan, false);
    keeper.close();
    expect(encoders[0]!.kills).toBeGreaterThan(0);
    finish(0);
    await settled();
    keeper.want(plan, false);
    encoders[1]!.exit(1);
    await settled();
    keeper.close();
    clock.advance(60_000);
    expect(encoders).toHaveLength(2);
    expect(slates).toEqual([]);
    expect(failures).toHaveLength(1);
    expect(clock.waiting).toBe(0);
  });
});
