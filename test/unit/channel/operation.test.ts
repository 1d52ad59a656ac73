// What an operator may see and do, and what is told of it.
import { describe, expect, test, vi } from 'vitest';
import { describeLadder } from '../../../src/channel/ladder-in-use.ts';
import type { ChannelNotice } from '../../../src/channel/notices.ts';
import { NoticeBoard } from '../../../src/channel/notices.ts';
import { choosePlan } from '../../../src/channel/plan-in-use.ts';
import type { Timeline } from '../../../src/package/timeline.ts';
import type { LeftOut } from '../../../src/transcode/rung-policy.ts';
import { ChannelWorld, WORLD_LADDER } from '../../fakes/channel-world.ts';
import { MemoryLog } from '../../fakes/memory-log.ts';
import { SOURCE } from '../../fakes/publisher-feed.ts';
import { ladderOf, rung } from '../../fakes/transcode-plan.ts';

vi.mock('../../../src/transcode/ffmpeg-process.ts', () => import('../../fakes/manual-encoder.ts'));
vi.mock('../../../src/transcode/slate-picture.ts', () => ({ slatePicture: () => ({ rgb: Buffer.from('picture') }) }));

const { live } = ChannelWorld;

/** Publish and unpublish, as told so far. */
const publishes = ({ notices }: ChannelWorld) =>
  notices.flatMap((notice) =>
    notice.kind === 'publish' ? [`in ${notice.address}`] : notice.kind === 'unpublish' ? [`out: ${notice.why}`] : [],
  );

describe('a publish', () => {
  test('is told once, with address and source in words', async () => {
    const { it } = await live();
    expect(it.notices.filter(({ kind }) => kind === 'publish')).toEqual([
      {
        kind: 'publish',
        channel: 'match',
        atMs: expect.any(Number),
        address: '192.0.2.7:50000',
        source: 'h264 1280x720 30 fps, aac 48000 Hz x 2, test',
      },
    ]);
  });

  test('that is back within the grace, unchanged or with other headers, was never out: nothing is told', async () => {
    const { it, feed } = await live();
    feed.end();
    it.clock.advance(500);
    const back = it.publish();
    back.announce();
    expect(publishes(it)).toHaveLength(1);
    back.end();
    it.clock.advance(500);
    it.publish('headers-2').announce();
    it.clock.advance(10_000);
    expect(publishes(it)).toHaveLength(1);
  });

  test('that changes its headers goes on: nothing is told', async () => {
    const { it, feed } = await live();
    feed.changeSource({ ...feed.source!, encoder: 'other' }, 'headers-2');
    expect(publishes(it)).toHaveLength(1);
  });

  test('that is gone for longer is over when the grace is, with why', async () => {
    const { it, feed } = await live();
    feed.end();
    it.clock.advance(1900);
    expect(publishes(it)).toHaveLength(1);
    it.clock.advance(200);
    expect(publishes(it).at(-1)).toBe('out: publisher gone: publisher-gone; nobody was back within 2000 ms');
    it.clock.advance(60_000);
    it.publish().announce();
    expect(publishes(it)).toHaveLength(3);
  });

  test.each(['before', 'after'])(
    'taken over is over and the next is in, also when its end is told %s',
    async (order) => {
      const { it, feed } = await live({ settings: { takeover: 'replace' } });
      if (order === 'before') feed.end('replaced');
      const second = it.publish();
      if (order === 'after') feed.end('replaced');
      second.announce();
      expect(publishes(it)).toEqual([
        'in 192.0.2.7:50000',
        'out: another publisher with the key took over',
        'in 192.0.2.7:50000',
      ]);
    },
  );

  test('is over when the service stops, and nothing is told of one that never had a picture', async () => {
    const { it } = await live();
    void it.channel.close();
    expect(publishes(it).at(-1)).toBe('out: the service stops');
    const other = new ChannelWorld();
    await other.open();
    other.publish().end();
    other.clock.advance(60_000);
    expect(publishes(other)).toEqual([]);
  });
});

describe('notices', () => {
  test('tell each step of the state and each fault, as the status has them', async () => {
    const { it, worker } = await live();
    worker.exit(1, undefined, ['it broke']);
    const steps = it.notices.flatMap((notice) =>
      notice.kind === 'state' ? [[notice.from, notice.to, notice.event]] : [],
    );
    expect(steps).toEqual([
      ['opening', 'slate', 'slate-ready'],
      ['slate', 'starting', 'publish-in'],
      ['starting', 'live', 'live-segment'],
    ]);
    const faults = it.notices.filter(({ kind }) => kind === 'fault');
    expect(faults.length).toBeGreaterThan(0);
    expect(faults).toEqual(it.status.lastFaults.map((fault) => ({ kind: 'fault', channel: 'match', ...fault })));
  });

  test('reach every listener, also past one that fails', () => {
    const log = new MemoryLog();
    const board = new NoticeBoard(log);
    const heard: string[] = [];
    board.listen(() => {
      throw new Error('no');
    });
    const end = board.listen(({ kind }) => heard.push(kind));
    const notice: ChannelNotice = { kind: 'unpublish', channel: 'match', atMs: 1, why: 'x' };
    board.tell(notice);
    end();
    board.tell(notice);
    expect(heard).toEqual(['unpublish']);
    expect(log.saying('a notice could not be told')).toHaveLength(2);
  });
});

describe('stopping the publisher', () => {
  test('closes the publish; while nobody publishes it is refused', async () => {
    const { it, feed } = await live();
    expect(it.channel.operation.stopPublisher()).toBeUndefined();
    expect(feed.closed).toEqual(['an operator ended the publish']);
    feed.end('closed');
    expect(it.channel.operation.stopPublisher()).toMatchObject({ code: 'PUBLISH_NONE' });
    expect(publishes(it).at(-1)).toBe('out: publisher gone: closed');
  });
});

describe('restarting the encoder', () => {
  test('kills the one at work; the next begins at the first place that is not on air and nothing counts as a fault', async () => {
    const { it, worker } = await live();
    const newest = it.status.newestNumber!;
    expect(it.channel.operation.restartEncoder()).toBeUndefined();
    expect(worker.kills).toBe(1);
    worker.exit(undefined, 'SIGKILL');
    expect(it.workers).toHaveLength(2);
    it.startWorker();
    expect(it.originOf(it.workers[1]!)).toBe(newest + 1);
    expect(it.codes()).toEqual([]);
    expect((await it.metrics.encoderExits.get()).values).toEqual([]);
  });

  test('is refused while one is being replaced or started, and while nobody publishes', async () => {
    const { it, worker, feed } = await live();
    it.channel.operation.restartEncoder();
    expect(it.channel.operation.restartEncoder()).toMatchObject({ code: 'ENCODER_NONE' });
    worker.exit(undefined, 'SIGKILL');
    it.startWorker();
    expect(it.channel.operation.restartEncoder()).toMatchObject({ code: 'ENCODER_NONE' });
    expect(it.workers[1]!.kills).toBe(0);
    feed.end('closed');
    expect(it.channel.operation.restartEncoder()).toMatchObject({ code: 'ENCODER_NONE' });
  });
});

describe('applying the ladder', () => {
  const OTHER = ladderOf([rung('v720', 720), rung('v240', 240)]);

  test('encodes the publish that is on by the ladder that was read, which else waits for the next publish', async () => {
    const { it, worker } = await live();
    it.channel.setLadder(OTHER);
    it.clock.advance(1000);
    expect([it.workers.length, it.channel.operation.ladder().rungs.map(({ id }) => id)]).toEqual([
      1,
      ['v720', 'v360', 'a'],
    ]);
    expect(it.channel.operation.applyLadder()).toBeUndefined();
    expect(worker.inputEnded).toBe(true);
    expect(it.workers).toHaveLength(2);
    expect(it.channel.operation.ladder().rungs.map(({ id }) => id)).toEqual(['v720', 'v240', 'a']);
    expect(publishes(it)).toHaveLength(1);
  });

  test('is refused while nobody publishes', async () => {
    const it = new ChannelWorld();
    await it.open();
    expect(it.channel.operation.applyLadder()).toMatchObject({ code: 'PUBLISH_NONE' });
  });
});

describe('the ladder as it runs', () => {
  test('has the figures of each rung, what is left out with why, and no arguments before a process is at work', () => {
    const it = new ChannelWorld({ ladder: ladderOf([rung('v1080', 1080), ...WORLD_LADDER.video]) });
    it.channel.open();
    it.publish().announce();
    const { ladder, rungs, arguments: given } = it.channel.operation.ladder();
    expect([ladder, given]).toEqual([it.status.ladder, null]);
    expect(rungs.map(({ id, kind, isDropped, isCopy }) => [id, kind, isDropped, isCopy])).toEqual([
      ['v1080', 'video', true, false],
      ['v720', 'video', false, false],
      ['v360', 'video', false, false],
      ['a', 'audio', false, false],
    ]);
    expect(rungs[0]).toMatchObject({ height: 1080, why: expect.stringContaining('720') });
    const { bitrateBps, maxrateBps, bufferBits, preset, profile } = WORLD_LADDER.video[0]!;
    expect(rungs[1]).toMatchObject({
      bitrateBps,
      maxrateBps,
      bufsizeBits: bufferBits,
      preset,
      profile,
      frameRate: '30',
    });
  });

  test('says of a rung that was left out while it ran that it is, and why; of a pushed one no figures of an encoder', () => {
    const choice = choosePlan(WORLD_LADDER, SOURCE.video);
    if (choice.kind === 'bad') throw new Error(choice.reason);
    const facts = { plan: choice.plan, timeline: { period: undefined } as Timeline, arguments: undefined };
    const leftOut = [{ rung: 'v360', reason: 'it ended the encoder twice' } as LeftOut];
    const { rungs } = describeLadder({ ...facts, leftOut, isPushed: false });
    expect(rungs.map(({ id, isDropped, why }) => [id, isDropped, why])).toEqual([
      ['v720', false, undefined],
      ['v360', true, 'it ended the encoder twice'],
      ['a', false, undefined],
    ]);
    const pushed = describeLadder({ ...facts, leftOut: [], isPushed: true }).rungs;
    expect(pushed.map(({ isCopy, maxrateBps, preset }) => [isCopy, maxrateBps, preset])).toEqual(
      Array(3).fill([true, undefined, undefined]),
    );
  });

  test('has the codecs that are on air', async () => {
    const { it } = await live();
    const codecs = it.channel.operation.ladder().rungs.map(({ codec }) => codec);
    expect(codecs).toEqual(it.status.tracks.map(({ codec }) => codec));
    expect(codecs[0]).toMatch(/^avc1\./);
  });
});
