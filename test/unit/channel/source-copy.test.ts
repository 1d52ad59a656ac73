// The copy of a publish: when it may begin, what it makes of the feed's tags, and which feeds it refuses by name.
import { describe, expect, test } from 'vitest';
import { CopyRate } from '../../../src/channel/copy-rate.ts';
import { choosePlan } from '../../../src/channel/plan-in-use.ts';
import { sourceCopyOf } from '../../../src/channel/source-copy.ts';
import type { Fragment } from '../../../src/cmaf/isobmff/model.ts';
import type { SourceDescription, SourceKeyframe } from '../../../src/ingest/model.ts';
import { ManualClock } from '../../fakes/manual-clock.ts';
import { PublisherFeed, SOURCE } from '../../fakes/publisher-feed.ts';
import { ladderOf, rung } from '../../fakes/transcode-plan.ts';

const START_MS = 1_795_296_854_321;
const COPY = rung('source', 0, {
  copy: true,
  height: undefined,
  bitrateBps: 6_000_000,
  maxrateBps: 6_600_000,
  bufferBits: 6_600_000,
});
/** 1280x720 at 50, constrained baseline 3.2, square pixels. */
const SPS = '6742c020da014016ec0440000003004000001903c60ca8';
const HIGH_10 = SPS.replace('6742c0', '676e00');

const header = (sps: string) =>
  Buffer.concat([
    Buffer.from('17000000000142c020ffe1', 'hex'),
    Buffer.from([0, sps.length / 2]),
    Buffer.from(sps, 'hex'),
    Buffer.from('01000468ce0fc8', 'hex'),
  ]);

class CopiedFeed extends PublisherFeed {
  readonly told: SourceKeyframe[] = [];
  header: Buffer | undefined = header(SPS);

  override get videoHeader(): Buffer | undefined {
    return this.header;
  }

  override keyframes(): SourceKeyframe[] {
    return this.told;
  }

  comes(keyframe: SourceKeyframe): void {
    this.told.push(keyframe);
    this.listener?.onKeyframe?.(keyframe);
  }
}

const at50: SourceDescription = {
  ...SOURCE,
  video: {
    ...SOURCE.video,
    codec: 'h264',
    width: 1280,
    height: 720,
    frameRate: { num: 50, den: 1 },
    profile: 'baseline',
  },
};

function begin(options: { source?: SourceDescription; header?: Buffer | undefined; planRate?: number } = {}) {
  const feed = new CopiedFeed('p1', START_MS);
  feed.source = options.source ?? at50;
  if ('header' in options) feed.header = options.header;
  const choice = choosePlan(ladderOf([COPY, rung('240', 240)]), {
    width: 1280,
    height: 720,
    frameRate: { num: options.planRate ?? 50, den: 1 },
  });
  if (choice.kind === 'bad') throw new Error(choice.reason);
  const faults: string[] = [];
  let bases = 0;
  const clock = new ManualClock(START_MS);
  const copy = sourceCopyOf({
    plan: choice.plan,
    feed,
    clock,
    onBase: () => bases++,
    onFault: (message) => faults.push(message),
  });
  if (copy === undefined) throw new Error('no copy');
  return { copy, feed, clock, faults, bases: () => bases, plan: choice.plan };
}

function keyframe(feed: CopiedFeed, n: number, more: Partial<SourceKeyframe> = {}): void {
  const told = { base: 0, stampMs: n * 2000, compositionMs: 0, mediaMs: START_MS + n * 2000, hasIdr: true, ...more };
  feed.comes(told);
}

test('a plan without a copied rung has none', () => {
  const choice = choosePlan(ladderOf([rung('240', 240)]), { width: 1280, height: 720, frameRate: { num: 50, den: 1 } });
  if (choice.kind === 'bad') throw new Error(choice.reason);
  const options = {
    plan: choice.plan,
    feed: new CopiedFeed('p1', 0),
    clock: new ManualClock(START_MS),
    onBase: () => 0,
    onFault: () => 0,
  };
  expect(sourceCopyOf(options)).toBeUndefined();
});

test('media begins when the second keyframe has come, and not before', () => {
  const { copy, feed, bases } = begin();
  copy.begin();
  keyframe(feed, 0);
  expect([bases(), copy.startFor(0)]).toEqual([0, undefined]);
  keyframe(feed, 1);
  expect(bases()).toBe(1);
  keyframe(feed, 2);
  expect(bases()).toBe(1);
});

test('keyframes that came before the source was known count', () => {
  const { copy, feed, bases } = begin();
  for (const n of [0, 1])
    feed.told.push({ base: 0, stampMs: n * 2000, compositionMs: 0, mediaMs: START_MS + n * 2000, hasIdr: true });
  copy.begin();
  expect(bases()).toBe(1);
});

test('a run begins on a keyframe, its input a Segment earlier: decoding times of B-frames lie before the first picture', () => {
  const { copy, feed } = begin();
  copy.begin();
  for (const n of [0, 1, 2]) keyframe(feed, n);
  feed.starts = feed.told.map(({ mediaMs }) => mediaMs);
  const first = copy.startFor(0);
  const index = (first?.keyframe.frame ?? 0) / 100;
  expect(Number.isInteger(index)).toBe(true);
  expect(first).toMatchObject({ originIndex: index, inputOriginMs: (index - 1) * 2000, trimMs: 2000 });
  expect(copy.startFor(index + 2)).toMatchObject({ originIndex: index + 2, trimMs: 2000 });
});

test('tags become Fragments of the run, and their times are the run’s own', () => {
  const { copy, feed, faults } = begin();
  copy.begin();
  keyframe(feed, 0);
  keyframe(feed, 1);
  feed.starts = feed.told.map(({ mediaMs }) => mediaMs);
  const start = copy.startFor(0);
  if (start === undefined) throw new Error('no base');
  const fragments: Fragment[] = [];
  const run = copy.openRun(start, (fragment) => fragments.push(fragment));
  const times = Array.from({ length: 101 }, (_, n) => {
    const isKey = n % 100 === 0;
    const body = Buffer.from(
      `${isKey ? '17' : '27'}01000000 00000002 ${isKey ? '65' : '41'}00`.replaceAll(' ', ''),
      'hex',
    );
    return run?.timeOf({ isVideo: true, stampMs: n * 20, body });
  });
  expect(times).toEqual(Array.from({ length: 101 }, (_, n) => 2000 + n * 20));
  expect(run?.timeOf({ isVideo: false, stampMs: 2010, body: Buffer.alloc(3) })).toBe(4010);
  expect(fragments.map(({ decodeTicks }) => decodeTicks)).toEqual([0, 36_000, 72_000, 108_000, 144_000]);
  expect(run?.init).toMatchObject({ codec: 'avc1.42c020', width: 1280, height: 720, timescale: 90_000 });
  expect(faults).toEqual([]);
});

describe('a feed is refused by name, and its publisher let go', () => {
  const refused = ({ copy, feed, faults, bases }: ReturnType<typeof begin>): string => {
    copy.begin();
    expect(bases()).toBe(0);
    expect(feed.closed).toHaveLength(1);
    expect(faults).toHaveLength(1);
    return faults[0] ?? '';
  };

  test('whose rate is not the channel’s', () => {
    expect(refused(begin({ planRate: 25 }))).toBe(
      "the feed has 50 frames a second, the channel 25: its pictures can't be copied. Set the encoder so, or use a ladder without copy.",
    );
  });

  test('whose header cannot be read', () => {
    expect(refused(begin({ header: undefined }))).toContain("H.264 header can't be read");
  });

  test('of a profile that players do not take', () => {
    const source = {
      ...at50,
      video: {
        ...at50.video,
        codec: 'h264',
        width: 1280,
        height: 720,
        frameRate: { num: 50, den: 1 },
        profile: 'high 10',
      },
    } as const;
    expect(refused(begin({ source, header: header(HIGH_10) }))).toMatch(/high 10|can't be read/);
  });

  test.each([
    ['open GOPs', { hasIdr: false }, 'not IDR pictures (open GOP)'],
    ['a keyframe off its place', { stampMs: 4400, mediaMs: START_MS + 4400 }, 'one came 2.400 s (120 frames) after'],
  ])('%s, also in mid-stream, and once', (_, more, words) => {
    const { copy, feed, faults } = begin();
    copy.begin();
    for (const n of [0, 1]) keyframe(feed, n);
    keyframe(feed, 2, more);
    keyframe(feed, 3);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(words);
    expect(feed.closed).toHaveLength(1);
  });

  test('other parameter sets within its pictures', () => {
    const { copy, feed, faults } = begin();
    copy.begin();
    for (const n of [0, 1]) keyframe(feed, n);
    const start = copy.startFor(0);
    const run = start && copy.openRun(start, () => undefined);
    run?.timeOf({
      isVideo: true,
      stampMs: 0,
      body: Buffer.from('1701000000' + '00000002' + '6801' + '00000002' + '6500', 'hex'),
    });
    expect(faults[0]).toContain('parameter sets change within its pictures');
    expect(feed.closed).toHaveLength(1);
  });
});

test('a publisher whose clock runs away begins a new base, and it is said', () => {
  const { copy, feed, faults, bases } = begin();
  copy.begin();
  for (let n = 0; n < 3; n++) keyframe(feed, n);
  keyframe(feed, 3, { mediaMs: START_MS + 6000 + 3000 });
  expect(bases()).toBe(2);
  expect(faults[0]).toMatch(/^the publisher's clock has run away by -\d+ ms/);
  expect(feed.closed).toEqual([]);
});

test('a Segment above what the ladder declares is said once, with both figures', () => {
  const { plan } = begin();
  const facts = plan.facts.find(({ id }) => id === 'source');
  if (facts === undefined) throw new Error('no track');
  const rate = new CopyRate(facts, plan.grid);
  const part = (bytes: number) =>
    ({ bytes: Buffer.alloc(bytes), durationTicks: plan.grid.segmentTicks / 5 }) as Fragment;
  const segment = (bps: number) => Array.from({ length: 5 }, () => rate.take(part((bps * 2) / 8 / 5)));
  expect(segment(6_000_000).filter((fault) => fault !== undefined)).toEqual([]);
  const said = segment(20_000_000).filter((fault) => fault !== undefined);
  expect(said).toHaveLength(1);
  expect(said[0]?.message).toMatch(
    /^the feed reaches 20000k in a segment, and the copied rung source is declared with \d+k at most$/,
  );
  expect(segment(20_000_000).filter((fault) => fault !== undefined)).toEqual([]);
});

describe('a feed without a second keyframe', () => {
  test('is refused after 13 s', () => {
    const { copy, feed, clock, faults } = begin();
    copy.begin();
    keyframe(feed, 0);
    clock.advance(12_900);
    expect(faults).toEqual([]);
    clock.advance(200);
    expect(faults[0]).toContain('no second keyframe within 13 s');
    expect(feed.closed).toHaveLength(1);
  });

  test('is not blamed when it has left, and one with keyframes is not either', () => {
    for (const leaves of [true, false]) {
      const { copy, feed, clock, faults } = begin();
      copy.begin();
      keyframe(feed, 0);
      if (leaves) feed.end();
      else keyframe(feed, 1);
      clock.advance(60_000);
      expect(faults).toEqual([]);
    }
  });
});
