import { describe, expect, test, vi } from 'vitest';
import { indexAt, makeGrid, startMsOf } from '../../../src/package/grid.ts';
import { openMemoryJournal } from '../../../src/window/memory-journal.ts';
import { ChannelWorld, P30, settled, WORLD_LADDER, type WorldOptions } from '../../fakes/channel-world.ts';
import { encoders } from '../../fakes/manual-encoder.ts';
import { SOURCE } from '../../fakes/publisher-feed.ts';
import { rung } from '../../fakes/transcode-plan.ts';

vi.mock('../../../src/transcode/ffmpeg-process.ts', () => import('../../fakes/manual-encoder.ts'));
vi.mock('../../../src/transcode/slate-picture.ts', () => ({ slatePicture: () => ({ rgb: Buffer.from('picture') }) }));

const video = (more: Partial<NonNullable<typeof SOURCE.video>>) => ({
  ...SOURCE,
  video: { ...SOURCE.video!, ...more },
});

async function opened(options: WorldOptions = {}) {
  const it = new ChannelWorld(options);
  await it.open();
  return it;
}

const { live } = ChannelWorld;

describe('the metrics of a Channel', () => {
  test('say its state as 1 among 0s, and its faults by code', async () => {
    const { it, worker } = await live();
    const states = async () => {
      const { values } = await it.metrics.state.get();
      expect(values).toHaveLength(8);
      return values
        .filter(({ value }) => value !== 0)
        .map(({ labels, value }) => [labels.channel, labels.state, value]);
    };
    expect(await states()).toEqual([['match', 'live', 1]]);
    worker.exit(undefined, 'SIGKILL');
    expect((await it.metrics.faults.get()).values).toEqual([
      { labels: { channel: 'match', code: it.codes().at(-1) }, value: it.codes().length },
    ]);
    void it.channel.close();
    expect(await states()).toEqual([['match', 'closed', 1]]);
  });

  test('count runs and Tracks, and Segments that were on air after the time promised', async () => {
    const { it, feed, worker } = await live();
    const figures = async (name: 'runs' | 'tracks' | 'segmentsLate' | 'newestSegment') =>
      (await it.metrics[name].get()).values.map(({ value }) => value);
    expect([await figures('runs'), await figures('tracks'), await figures('segmentsLate')]).toEqual([[1], [3], [0]]);
    expect(await figures('newestSegment')).toEqual([it.status.newestEndMs! / 1000]);
    // Of normal latency 1 s is promised: on air just in time, and a moment after it.
    for (const [n, lateMs, count] of [
      [1, 1000, 0],
      [2, 1001, 1],
    ] as const) {
      const untilMs = it.status.newestEndMs! + 2000 + lateMs;
      // Tags come in meanwhile: what the encoder owes is waited for.
      while (it.nowMs < untilMs) {
        feed.heardUs = it.clock.monotonicUs();
        it.clock.advance(Math.min(100, untilMs - it.nowMs));
      }
      it.deliver(worker, n);
      expect(it.status.onAir).toBe('live');
      expect(await figures('segmentsLate')).toEqual([count]);
    }
  });
});

describe('a Channel before its first publish', () => {
  test('shows nothing until its slate is there; who asks is told to wait', async () => {
    const it = new ChannelWorld();
    expect(it.channel.text({ kind: 'hls-master' })).toEqual({
      kind: 'pending',
      key: 'text',
      holdMs: 8000,
      late: 'expired',
    });
    it.channel.open();
    expect(it.status).toMatchObject({ state: 'opening', onAir: 'starting', fresh: false });
    expect(it.channel.text({ kind: 'dash' })).toMatchObject({ kind: 'pending', key: 'text' });
    await it.makeSlate();
    expect(it.woken).toContain('text');
    expect(it.status).toMatchObject({ state: 'slate', onAir: 'slate', fresh: true });
    expect(it.channel.text({ kind: 'hls-master' }).kind).toBe('ready');
  });

  test('answers its slate, a minute of it at once, each Track with its header', async () => {
    const it = await opened();
    const numbers = it.listed();
    expect(numbers).toHaveLength(30);
    const gen = /([0-9a-f]{10})\//.exec(playlist(it))![1]!;
    for (const track of ['v720', 'v360', 'a']) {
      const answer = it.channel.media({ kind: 'segment', track, gen, number: numbers.at(-1)! });
      expect(answer).toMatchObject({
        kind: 'ready',
        object: { contentType: track === 'a' ? 'audio/mp4' : 'video/mp4' },
      });
    }
    const hash = /init-([0-9a-f]{16})/.exec(playlist(it))![1]!;
    expect(it.channel.media({ kind: 'init', track: 'v720', gen, hash })).toMatchObject({
      kind: 'ready',
      object: { contentType: 'video/mp4' },
    });
  });

  test('goes on by itself: each index is slate 0.8 s after its end, and the waiters of each Track are woken', async () => {
    const it = await opened();
    const next = it.status.newestNumber! + 1;
    const dueMs = startMsOf(P30, next + 1) + 800;
    it.clock.advanceTo(dueMs - 1);
    expect(it.status.newestNumber).toBe(next - 1);
    it.woken.length = 0;
    it.clock.advanceTo(dueMs);
    expect(it.status.newestNumber).toBe(next);
    const gen = it.woken[0]!.split('/')[1];
    expect(it.woken).toEqual([
      ...['v720', 'v360', 'a'].map((track) => `${track}/${gen}/${next}`),
      ...['v720', 'v360', 'a'].map((track) => `list/${track}/${next}`),
    ]);
    it.clock.advance(60_000);
    expect(it.status.newestNumber).toBe(next + 30);
    expect(it.status.fresh).toBe(true);
  });

  test('a slate that fails is said, and tried again after 5 s', async () => {
    const it = new ChannelWorld();
    it.channel.open();
    it.slateEncoders[0]!.exit(1, undefined, ['Unknown encoder libx264']);
    await settled();
    expect(it.status.lastFaults).toEqual([
      { atMs: it.nowMs, code: 'SLATE_FAILED', message: expect.stringContaining('Unknown encoder libx264') },
    ]);
    expect(it.status.state).toBe('opening');
    it.clock.advance(5000);
    await it.makeSlate();
    expect(it.status.state).toBe('slate');
  });

  test('a ladder that fits nothing is said, not thrown', () => {
    const it = new ChannelWorld({ ladder: { ...WORLD_LADDER, video: [] } });
    it.channel.open();
    expect(it.codes()).toEqual(['LADDER_INVALID']);
    expect(encoders).toEqual([]);
  });

  test('the longest channel id that settings allow opens and publishes', async () => {
    const it = await opened({ settings: { id: 'x'.repeat(63) } });
    const feed = it.publish();
    feed.announce();
    expect(it.workers).toHaveLength(1);
  });
});

function playlist(it: ChannelWorld, track = 'v720'): string {
  const answer = it.channel.text({ kind: 'hls-dvr-media', track });
  return answer.kind === 'ready' ? answer.revision.text : '';
}

describe('a publish', () => {
  test('in mid-Segment: its run begins at the Segment that holds its first keyframe, untrimmed', async () => {
    const it = await opened();
    it.clock.advanceTo(startMsOf(P30, indexAt(P30, it.nowMs) + 3) + 1234);
    const feed = it.publish();
    expect(it.workers).toEqual([]);
    feed.announce();
    const worker = it.startWorker();
    expect(it.originOf(worker)).toBe(indexAt(P30, it.nowMs));
    expect(worker.arguments).not.toContain('trim=');
    expect(feed.inputs[0]).toMatchObject({ fromMs: it.nowMs, originMs: startMsOf(P30, indexAt(P30, it.nowMs)) });
  });

  test('goes on air with its first whole Segment: same init, so nothing is declared', async () => {
    const { it, worker } = await live();
    expect(it.status).toMatchObject({ state: 'live', onAir: 'live', newestNumber: it.originOf(worker) });
    expect(playlist(it)).not.toContain('#EXT-X-DISCONTINUITY\n');
    const numbers = it.listed();
    expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i));
  });

  test('states: slate, starting, live, recovering when slate is at the edge, live again, slate when it is over', async () => {
    const { it, feed, worker } = await live();
    it.clock.advance(10_000);
    expect(it.status).toMatchObject({ state: 'recovering', onAir: 'slate' });
    it.deliver(worker, it.status.newestNumber! + 1 - it.originOf(worker));
    expect(it.status.state).toBe('live');
    feed.end();
    it.clock.advance(2000);
    const states = it.log.saying('channel state').map(({ to }) => to);
    expect(states).toEqual(['slate', 'starting', 'live', 'recovering', 'live', 'slate']);
  });

  test('says who publishes what, and with which encoder', async () => {
    const { it } = await live();
    expect(it.status.publisher).toMatchObject({
      address: '192.0.2.7:50000',
      source: 'h264 1280x720 30 fps, aac 48000 Hz x 2, test',
    });
    expect(it.status.encoder).toEqual({ pid: 4001, fps: 0, speed: undefined });
    expect(it.status.tracks.map(({ id }) => id)).toEqual(['v720', 'v360', 'a']);
    expect(it.channel.takesPublish).toBe(false);
  });

  test('without video is refused after 10 s, with what to do', async () => {
    const it = await opened();
    const feed = it.publish();
    feed.announce({ ...SOURCE, video: undefined });
    it.clock.advance(9900);
    expect(feed.closed).toEqual([]);
    it.clock.advance(200);
    expect(feed.closed).toEqual(['no video']);
    expect(it.status.lastFaults[0]).toMatchObject({ code: 'PUBLISH_CODEC', message: expect.stringContaining('H.264') });
    expect(it.workers).toEqual([]);
  });

  test('whose picture comes seconds after its sound is encoded from then on', async () => {
    const it = await opened();
    const feed = it.publish();
    feed.announce({ ...SOURCE, video: undefined });
    it.clock.advance(4000);
    feed.changeSource(SOURCE, 'headers-2');
    it.clock.advance(20_000);
    expect(feed.closed).toEqual([]);
    expect(it.workers).not.toEqual([]);
  });

  test('too small for any rung is refused and said', async () => {
    const it = await opened();
    const feed = it.publish();
    feed.announce(video({ width: 640, height: 16 }));
    expect(feed.closed).toHaveLength(1);
    expect(it.codes()).toEqual(['LADDER_INVALID']);
    expect(it.workers).toEqual([]);
  });

  test('without sound has silence of the slate under its pictures', async () => {
    const it = await opened();
    const feed = it.publish();
    feed.announce({ ...SOURCE, audio: undefined });
    const worker = it.startWorker();
    it.deliver(worker, 0);
    it.untilLive();
    expect(it.listed('a')).toEqual(it.listed('v720'));
    expect(it.status.publisher?.source).toContain('no audio');
  });

  test('an encoder that dies is replaced at once; the next Segment not on air is its first', async () => {
    const { it, worker } = await live();
    const next = it.status.newestNumber! + 1;
    it.clock.advance(700);
    worker.exit(undefined, 'SIGKILL');
    expect(it.workers).toHaveLength(2);
    const second = it.startWorker();
    expect(it.originOf(second)).toBe(next);
    it.deliver(second, 0);
    expect(it.status).toMatchObject({ newestNumber: next, onAir: 'live' });
    expect(it.codes()).toEqual(['ENCODER_EXITED']);
  });

  test('what a dead encoder had made whole is still put on air', async () => {
    const { it, worker } = await live();
    const next = it.status.newestNumber! + 1;
    it.deliver(worker, next - it.originOf(worker), P30, ['v720', 'v360']);
    worker.exit(undefined, 'SIGKILL');
    // Its audio is short of a few units; pictures are used at the deadline, silence fills in.
    it.clock.advanceTo(startMsOf(P30, next + 1) + 800);
    expect(it.status).toMatchObject({ newestNumber: next, onAir: 'live' });
  });
});

describe('a publisher that goes', () => {
  test('and is back unchanged within the grace keeps its encoder', async () => {
    const { it, feed, worker } = await live();
    feed.end();
    expect(it.channel.takesPublish).toBe(true);
    expect(it.status.publisher).toBeUndefined();
    it.clock.advance(1900);
    const again = it.publish();
    again.announce();
    expect(it.workers).toHaveLength(1);
    again.send(Buffer.from('again'));
    expect(worker.written).toContain('again');
    it.clock.advance(10_000);
    expect(worker.inputEnded).toBe(false);
    expect(it.log.saying('publisher is back; its worker goes on')).toHaveLength(1);
  });

  test('because another takes over (takeover: replace): the first is closed, the encoder goes on, its late end changes nothing', async () => {
    const it = new ChannelWorld({ settings: { takeover: 'replace' } });
    await it.open();
    const first = it.publish();
    first.announce();
    const worker = it.startWorker();
    it.deliver(worker, 0);
    expect(it.channel.takesPublish).toBe(true);
    const second = it.publish();
    expect(first.closed).toEqual(['another publisher with the key took over']);
    first.end('replaced');
    second.announce();
    second.send(Buffer.from('second'));
    expect(worker.written).toContain('second');
    expect(it.workers).toHaveLength(1);
    expect(it.status.publisher).toBeDefined();
  });

  test('for longer than absentTimeout: the lists are final, and who comes back begins another presentation', async () => {
    const it = new ChannelWorld({ settings: { absentTimeoutMs: 60_000 } });
    await it.open();
    const feed = it.publish();
    feed.announce();
    it.deliver(it.startWorker(), 0);
    feed.end();
    it.clock.advance(2000 + 59_000);
    expect(it.status).toMatchObject({ state: 'slate' });
    it.clock.advance(1000);
    expect(it.status).toMatchObject({ state: 'ended', fresh: true });
    expect(it.woken).toContain('all');
    const ended = it.listed();
    it.clock.advance(120_000);
    expect(it.listed()).toEqual(ended);
    it.publish().announce();
    expect(it.status.state).toBe('starting');
    expect(it.listed()[0]).toBeGreaterThan(ended.at(-1)!);
  });

  test('and is back before absentTimeout: nothing ends', async () => {
    const it = new ChannelWorld({ settings: { absentTimeoutMs: 60_000 } });
    await it.open();
    const feed = it.publish();
    feed.announce();
    it.deliver(it.startWorker(), 0);
    feed.end();
    it.clock.advance(30_000);
    it.publish();
    it.clock.advance(120_000);
    expect(it.status.state).not.toBe('ended');
    expect(it.log.saying('channel state').filter(({ to }) => to === 'ended')).toHaveLength(0);
  });

  test('with whenAbsent: gap: the index after the grace is a gap, under the same Period; the state and the status say so', async () => {
    const it = new ChannelWorld({ settings: { whenAbsent: 'gap' } });
    await it.open();
    expect(it.status).toMatchObject({ state: 'slate', onAir: 'slate' });
    const feed = it.publish();
    feed.announce();
    const worker = it.startWorker();
    it.deliver(worker, 0);
    it.untilLive();
    const { length } = it.log.saying('period begun');
    feed.end();
    it.clock.advance(8000);
    expect(it.status).toMatchObject({ state: 'gap', onAir: 'gap', fresh: true });
    const answer = it.channel.text({ kind: 'hls-media', track: 'v720' });
    expect(answer.kind === 'ready' && answer.revision.text.match(/#EXT-X-GAP\n/g)?.length).toBeGreaterThan(1);
    const { gen } =
      it.store.segments > 0
        ? { gen: /(\w+)\/\d+\.m4s/.exec(answer.kind === 'ready' ? answer.revision.text : '')![1]! }
        : { gen: '' };
    const media = it.channel.media({ kind: 'segment', track: 'v720', gen, number: it.listed().at(-1)! });
    expect(media.kind === 'ready' && media.object.bytes?.length).toBeLessThan(200);
    it.publish().announce();
    expect(it.status.state).toBe('starting');
    expect(it.log.saying('period begun')).toHaveLength(length);
  });

  test.each([
    ['slate', 2000],
    ['gap', 4000],
  ] as const)('with whenAbsent: %s who asks for what comes next is held for %i ms', async (whenAbsent, holdMs) => {
    const it = new ChannelWorld({ settings: { whenAbsent } });
    await it.open();
    expect(it.channel.holdMs).toBe(holdMs);
  });

  test('and is back with other headers gets an encoder of its own', async () => {
    const { it, feed, worker } = await live();
    feed.end();
    it.clock.advance(500);
    it.publish('headers-2').announce();
    expect(it.workers).toHaveLength(2);
    expect(worker.inputEnded).toBe(true);
    expect(it.workers[1]!.inputEnded).toBe(false);
  });

  test('for longer than the grace is over: its encoder drains, then slate', async () => {
    const { it, feed, worker } = await live();
    feed.end();
    it.clock.advance(1999);
    expect(worker.inputEnded).toBe(false);
    it.clock.advance(1);
    expect(worker.inputEnded).toBe(true);
    expect(it.status).toMatchObject({ state: 'slate', encoder: undefined });
    worker.exit(0);
    it.publish().announce();
    expect(it.workers).toHaveLength(2);
  });

  test('is not waited for when the service itself closed it, nor without a grace', async () => {
    const { it, feed, worker } = await live();
    feed.end('closed');
    expect(worker.inputEnded).toBe(true);
    expect(it.status.state).toBe('slate');
    const none = await live({ settings: { reconnectGraceMs: 0 } });
    none.feed.end();
    expect(none.worker.inputEnded).toBe(true);
  });

  test('twice within the grace: the first end does not end the third publish', async () => {
    const { it, feed, worker } = await live();
    feed.end();
    it.clock.advance(800);
    it.publish().end();
    it.clock.advance(800);
    it.publish().announce();
    it.clock.advance(5000);
    expect(worker.inputEnded).toBe(false);
    expect(it.status.encoder).toBeDefined();
  });

  test('an end that comes late, after the next publisher is in, changes nothing', async () => {
    const { it, feed, worker } = await live();
    const second = it.publish();
    second.announce();
    feed.end();
    it.clock.advance(5000);
    expect(it.channel.takesPublish).toBe(false);
    expect(worker.inputEnded).toBe(false);
  });
});

describe('a ladder that was read again', () => {
  test('with other Segments than the channel runs with is refused: EXT-X-TARGETDURATION must not change (RFC 8216bis 4.4.3.1)', async () => {
    const it = await opened();
    it.channel.setLadder({ ...WORLD_LADDER, segmentSeconds: 4, video: [rung('v240', 240)] });
    expect(it.status.lastFaults).toMatchObject([{ code: 'LADDER_INVALID', message: expect.stringContaining('4 s') }]);
    it.publish().announce();
    expect(it.workers[0]!.request.command.outputs).toHaveLength(3);
    expect(it.status.segmentMs).toBe(2000);
  });
});

describe('Grid and Tracks', () => {
  test('of the first publish stay for a later feed of another shape and rate', async () => {
    const { it, feed, worker } = await live();
    feed.end();
    it.clock.advance(3000);
    worker.exit(0);
    it.publish('headers-2').announce(video({ width: 640, height: 480, frameRate: { num: 25, den: 1 } }));
    expect(it.slateEncoders).toHaveLength(1);
    expect(it.workers[1]!.request.command.outputs).toHaveLength(3);
    expect(it.workers[1]!.arguments).toContain('pad=');
    expect(it.workers[1]!.arguments).toContain('-r 30 ');
  });

  test('stay when a long publish changes its shape: it is conformed, not planned anew', async () => {
    const { it, feed } = await live();
    it.clock.advance(3 * 120_000);
    feed.changeSource(video({ width: 640, height: 480, frameRate: { num: 25, den: 1 } }), 'headers-2');
    expect(it.workers).toHaveLength(2);
    expect(it.workers[1]!.arguments).toContain('-r 30 ');
    expect(it.slateEncoders).toHaveLength(1);
  });

  test('are planned anew when the window has passed without a publish', async () => {
    const { it, feed, worker } = await live();
    feed.end();
    it.clock.advance(2000);
    worker.exit(0);
    it.clock.advance(120_000);
    it.publish('headers-2').announce(video({ frameRate: { num: 25, den: 1 } }));
    expect(it.workers[1]!.arguments).toContain('-r 25 ');
    // Its slate is made while the old one is on air.
    expect(it.slateEncoders).toHaveLength(2);
    expect(it.slateEncoders[1]!.request.niceness).toBe(10);
  });

  test('a new ladder counts from the next publish on', async () => {
    const { it, feed, worker } = await live();
    it.channel.setLadder({ ...WORLD_LADDER, video: [rung('v240', 240)] });
    expect(it.workers).toHaveLength(1);
    feed.end();
    it.clock.advance(2000);
    worker.exit(0);
    it.publish('headers-2').announce();
    expect(it.workers[1]!.request.command.outputs.map(({ url }) => url.split('/').at(-1))).toEqual(['v240', 'a']);
  });

  test('stay for a publish under way when its feed changes after the ladder was read again', async () => {
    const { it, feed } = await live();
    it.channel.setLadder({ ...WORLD_LADDER, video: [rung('v240', 240)] });
    feed.changeSource(video({ width: 640, height: 480 }), 'headers-2');
    expect(it.workers[1]!.request.command.outputs.map(({ url }) => url.split('/').at(-1))).toEqual([
      'v720',
      'v360',
      'a',
    ]);
  });

  test('a withdrawn Track is gone, one that never was is unknown', async () => {
    const { it, feed, worker } = await live();
    expect(it.channel.text({ kind: 'hls-media', track: 'v360' }).kind).toBe('ready');
    it.channel.setLadder({ ...WORLD_LADDER, video: [rung('v720', 720)] });
    feed.end();
    it.clock.advance(2000);
    worker.exit(0);
    it.publish('headers-2').announce();
    const second = it.startWorker(P30, ' other');
    it.deliver(second, 0);
    it.untilLive();
    expect(it.channel.text({ kind: 'hls-media', track: 'v360' })).toEqual({ kind: 'gone' });
    expect(it.channel.text({ kind: 'hls-dvr-media', track: 'v999' })).toEqual({ kind: 'unknown' });
  });
});

describe('the window', () => {
  const p25 = makeGrid({ num: 25, den: 1 }, 2);
  const at25 = video({ frameRate: { num: 25, den: 1 } });

  test('is made anew when the first publish is of another Grid and nobody was shown anything', async () => {
    const it = await opened();
    const generation = await firstGeneration(it, 'unseen');
    it.publish().announce(at25);
    expect(it.slateEncoders).toHaveLength(2);
    await it.makeSlate(p25);
    expect(playlist(it)).not.toContain('#EXT-X-DISCONTINUITY\n');
    expect(playlist(it)).toContain('#EXT-X-DISCONTINUITY-SEQUENCE:1\n');
    expect(playlist(it)).not.toContain(generation);
    const number = it.status.newestNumber!;
    expect(it.channel.media({ kind: 'segment', track: 'v720', gen: generation, number })).toEqual({ kind: 'unknown' });
    expect(it.listed()).toHaveLength(30);
    expect(it.status.state).toBe('starting');
  });

  test('nobody watches: media waits for its slate, and nothing has to be declared', async () => {
    const it = await opened();
    it.publish().announce(at25);
    const worker = it.startWorker(p25);
    it.deliver(worker, 0, p25);
    it.clock.advance(1000);
    expect(it.log.saying('period begun')).toHaveLength(1);
    await it.makeSlate(p25);
    it.untilLive();
    expect(it.log.saying('period begun')).toHaveLength(2);
    expect(playlist(it)).not.toContain('#EXT-X-DISCONTINUITY\n');
    expect(it.status.newestNumber).toBe(it.originOf(worker));
  });

  test.each(['a playlist', 'media'])('goes on, with the change declared, once somebody was shown %s', async (what) => {
    const it = await opened();
    const generation = await firstGeneration(it, what);
    it.publish().announce(at25);
    await it.makeSlate(p25);
    const worker = it.startWorker(p25);
    it.deliver(worker, 0, p25);
    it.untilLive();
    expect(playlist(it)).toContain('#EXT-X-DISCONTINUITY\n');
    expect(playlist(it)).toContain(generation);
  });

  /** The GEN that is on air; shown to a viewer or read behind the Channel's back. */
  async function firstGeneration(it: ChannelWorld, shownAs: string): Promise<string> {
    const gen = it.log.saying('period begun').map(({ period }) => String(period).split('-')[0]!)[0]!;
    if (shownAs === 'a playlist') it.channel.text({ kind: 'hls-master' });
    if (shownAs === 'media') it.channel.media({ kind: 'segment', track: 'v720', gen, number: it.status.newestNumber! });
    return gen;
  }

  test('a slate that is no longer wanted does not come: a second plan cancels the first', async () => {
    const it = new ChannelWorld();
    it.channel.open();
    it.publish().announce(at25);
    expect(it.slateEncoders).toHaveLength(2);
    expect(it.slateEncoders[0]!.kills).toBe(1);
    it.receiver.sendSlate(it.slateEncoders[0]!.runId, P30);
    it.slateEncoders[0]!.exit(0);
    await settled();
    expect(it.status.state).toBe('opening');
    await it.makeSlate(p25);
    expect(it.status.state).toBe('starting');
    expect(it.status.segmentMs).toBe(2000);
    expect(it.log.saying('period begun')).toHaveLength(1);
  });

  test('a slate that comes while its plan is in use already is used: silence for a feed without sound', async () => {
    const it = new ChannelWorld();
    it.channel.open();
    it.publish().announce({ ...SOURCE, audio: undefined });
    // The same plan as assumed: the encode under way is its slate.
    expect(it.slateEncoders).toHaveLength(1);
    const worker = it.startWorker();
    await it.makeSlate();
    it.deliver(worker, 0);
    it.untilLive();
    expect(it.listed('a')).toEqual(it.listed('v720'));
  });

  test('a Period whose slate comes late waits for it: then every index that has passed is filled', async () => {
    const { it } = await lateSlate();
    const newest = it.status.newestNumber!;
    it.clock.advance(10_000);
    expect(it.status).toMatchObject({ newestNumber: newest, fresh: false });
    await it.makeSlate(p25);
    expect(it.status).toMatchObject({ onAir: 'slate', fresh: true });
    expect(it.status.newestNumber).toBe(indexAt(p25, it.nowMs - 800) - 1);
    const numbers = it.listed();
    expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i));
  });

  test('a failed slate is tried again while media goes on, and used when it comes', async () => {
    const { it, worker } = await lateSlate();
    it.slateEncoders.at(-1)!.exit(1);
    await settled();
    it.deliver(worker, 1, p25);
    expect(it.status.onAir).toBe('live');
    it.clock.advance(9000);
    expect(it.status).toMatchObject({ onAir: 'live', fresh: false });
    await it.makeSlate(p25);
    expect(it.codes()).toEqual(['SLATE_FAILED']);
    expect(it.status).toMatchObject({ onAir: 'slate', fresh: true });
  });

  /** Somebody watches the assumed 30 fps; the publish is of 25 fps and on air before its slate is made. */
  async function lateSlate() {
    const it = await opened();
    it.listed();
    it.publish().announce(at25);
    const worker = it.startWorker(p25);
    it.deliver(worker, 0, p25);
    it.untilLive();
    return { it, worker };
  }

  test('is fresh until the newest end is two Segments and a second ago, as strict players expect', async () => {
    const { it } = await lateSlate();
    const endMs = it.status.newestEndMs!;
    it.clock.advanceTo(endMs + 4999);
    expect(it.status.fresh).toBe(true);
    it.clock.advanceTo(endMs + 5000);
    expect(it.status.fresh).toBe(false);
  });

  test('forgets the old: bytes do not grow without end', async () => {
    const it = await opened({ settings: { windowMs: 20_000 } });
    it.clock.advance(120_000);
    const { windowBytes } = it.status;
    it.clock.advance(120_000);
    expect(it.status.windowBytes).toBeLessThan(windowBytes * 1.05);
    expect(it.status.windowSegments).toBe(10);
  });
});

describe('the journal', () => {
  /** Says no to what the test names. */
  const refusing = (isRefused: (number: number, gen: string) => boolean) => {
    const journal = openMemoryJournal('i1');
    const begin = (gen: string, number: number) => !isRefused(number, gen) && journal.begin(gen, number);
    return { ...journal, begin };
  };
  const generationsOf = (it: ChannelWorld) =>
    it.log.saying('period begun').map(({ period }) => String(period).split('-')[0]!);

  test('each number is begun once, before its bytes are stored', async () => {
    const begun: number[] = [];
    const journal = openMemoryJournal('i1');
    const it: ChannelWorld = new ChannelWorld({
      journal: {
        ...journal,
        begin(gen, number) {
          expect(it.store.segment({ track: 'v720', gen, number })?.etag).toBeUndefined();
          begun.push(number);
          return journal.begin(gen, number);
        },
      },
    });
    await it.open();
    it.clock.advance(10_000);
    expect(begun).toEqual(begun.map((_, i) => begun[0]! + i));
    expect(begun.at(-1)).toBe(it.status.newestNumber);
  });

  test('a journal with another incarnation than before: the window is made anew under a GEN of that one', async () => {
    const journal = openMemoryJournal('i1');
    const now = { incarnation: 'i1', isRefused: false };
    const it = await opened({
      journal: {
        ...journal,
        get incarnation() {
          return now.incarnation;
        },
        begin(gen, number) {
          if (!now.isRefused) return journal.begin(gen, number);
          Object.assign(now, { incarnation: 'i2', isRefused: false });
          return false;
        },
      },
    });
    now.isRefused = true;
    it.clock.advance(4000);
    const alone = await opened({ journal: refusing(() => false) });
    expect(generationsOf(it)).toHaveLength(2);
    expect(generationsOf(it)[0]).toBe(generationsOf(alone)[0]);
    expect(it.store.segments).toBeGreaterThan(0);
    expect(it.codes()).toEqual(['CHANNEL_FAILED']);
  });

  test('what the window had to let go before its time is in no list, from the same moment on', async () => {
    const it = await opened();
    const before = it.listed();
    Object.defineProperty(it.store, 'heldFrom', { get: () => before[5]! });
    it.clock.advance(2000);
    expect(it.listed()).toEqual([...before.slice(5), before.at(-1)! + 1]);
    expect(playlist(it)).toContain(`#EXT-X-MEDIA-SEQUENCE:${before[5]}`);
  });

  test('a number that was begun before is never served: the window is made anew under another GEN, the publish goes on', async () => {
    let refused = { number: Number.POSITIVE_INFINITY, gen: '' };
    const it = await opened({ journal: refusing((number, gen) => number === refused.number && gen === refused.gen) });
    const feed = it.publish();
    feed.announce();
    const worker = it.startWorker();
    const gen = generationsOf(it)[0]!;
    refused = { number: it.originOf(worker), gen };
    it.clock.advanceTo(startMsOf(P30, refused.number) + 1200);
    expect(() => it.deliver(worker, 0)).not.toThrow();
    expect(it.codes()).toEqual(['CHANNEL_FAILED']);
    expect(it.status.lastFaults[0]?.message).toContain(`${refused.number} of ${gen}`);
    expect(it.store.segment({ track: 'v720', ...refused })?.etag).toBeUndefined();
    expect(it.channel.media({ kind: 'segment', track: 'v720', ...refused }).kind).toBe('unknown');
    expect(playlist(it)).not.toContain(gen);
    expect(feed.closed).toEqual([]);
    it.deliver(worker, 1);
    it.untilLive();
    const numbers = it.listed();
    expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i));
    const answer = it.channel.media({
      kind: 'segment',
      track: 'v720',
      gen: generationsOf(it)[1]!,
      number: numbers.at(-1)!,
    });
    expect(answer.kind).toBe('ready');
  });

  test('one that refuses everything closes this Channel alone; nothing is thrown and nothing is served', async () => {
    let isBroken = false;
    const it = await opened({ journal: refusing(() => isBroken) });
    const feed = it.publish();
    feed.announce();
    const worker = it.startWorker();
    isBroken = true;
    expect(() => it.clock.advance(4000)).not.toThrow();
    expect(it.status.state).toBe('closed');
    expect(it.codes()).toEqual(['CHANNEL_FAILED', 'CHANNEL_FAILED']);
    expect(it.woken).toContain('closed');
    expect(feed.closed).toHaveLength(1);
    expect(worker.inputEnded).toBe(true);
    expect(it.status.windowBytes).toBe(0);
    worker.exit(0);
    expect(() => it.clock.advance(60_000)).not.toThrow();
    expect(it.clock.waiting).toBe(0);
  });

  test('the very last number of an earlier life is not served again either', async () => {
    const probe = await opened();
    const gen = generationsOf(probe)[0]!;
    const first = probe.listed()[0]!;
    const journal = openMemoryJournal('i1');
    journal.begin(gen, first);
    const it = await opened({ journal });
    expect(it.store.segment({ track: 'v720', gen, number: first })?.etag).toBeUndefined();
    expect(it.codes()).toEqual(['CHANNEL_FAILED']);
    expect(it.status.state).toBe('slate');
    expect(playlist(it)).not.toContain(gen);
    expect(it.listed()).toHaveLength(30);
  });
});

describe('close', () => {
  test('closes the feed, drains the encoder, ends the waits, and is done when no encoder is left', async () => {
    const { it, feed, worker } = await live();
    let closed = false;
    const done = it.channel.close().then(() => {
      closed = true;
    });
    expect(feed.closed).toEqual(['the service stops']);
    expect(worker.inputEnded).toBe(true);
    expect(it.woken.at(-1)).toBe('closed');
    expect(it.status.state).toBe('closed');
    await settled();
    expect(closed).toBe(false);
    worker.exit(0);
    await done;
    it.clock.advance(60_000);
    expect(it.clock.waiting).toBe(0);
    expect(it.workers).toHaveLength(1);
  });

  test('waits for encoders that were replaced or left and still drain', async () => {
    const { it, feed, worker } = await live();
    feed.end();
    it.clock.advance(500);
    it.publish('headers-2').announce();
    const second = it.startWorker();
    let closed = false;
    const done = it.channel.close().then(() => {
      closed = true;
    });
    second.exit(0);
    await settled();
    expect(closed).toBe(false);
    worker.exit(0);
    await done;
  });

  test('kills an encoder that still drains after 1.5 s: nobody wants its last Segment', async () => {
    const { it, worker } = await live();
    const done = it.channel.close();
    it.clock.advance(1499);
    expect(worker.kills).toBe(0);
    it.clock.advance(1);
    expect(worker.kills).toBe(1);
    worker.exit(undefined, 'SIGKILL');
    await done;
  });

  test('while the slate is encoded: that encoder is killed and nothing opens', async () => {
    const it = new ChannelWorld();
    it.channel.open();
    await it.channel.close();
    expect(it.slateEncoders[0]!.kills).toBeGreaterThan(0);
    it.receiver.sendSlate(it.slateEncoders[0]!.runId, P30);
    it.slateEncoders[0]!.exit(0);
    await settled();
    expect(it.status.state).toBe('closed');
    expect(it.clock.waiting).toBe(0);
  });

  test('a source that is told after the end starts nothing', async () => {
    const it = await opened();
    const feed = it.publish();
    await it.channel.close();
    feed.announce();
    expect(it.workers).toEqual([]);
  });
});

describe('what an operator reads afterwards', () => {
  test('each change of state has its event and its reason', async () => {
    const it = new ChannelWorld({ settings: { absentTimeoutMs: 60_000 } });
    await it.open();
    const feed = it.publish();
    feed.announce();
    it.deliver(it.startWorker(), 0);
    it.untilLive();
    feed.end('idle');
    it.clock.advance(70_000);
    void it.channel.close();
    const steps = it.log.saying('channel state');
    expect(steps.map(({ event, why }) => [event, why])).toEqual([
      ['slate-ready', 'the slate is encoded'],
      ['publish-in', 'publish p1 has a picture'],
      ['live-segment', expect.stringMatching(/^number \d+ is live$/)],
      ...(steps.some(({ event }) => event === 'slate-segment')
        ? [['slate-segment', expect.stringMatching(/^number \d+ is slate$/)]]
        : []),
      ['publish-out', 'publisher gone: idle; nobody was back within 2000 ms'],
      ['absent-too-long', 'nobody published for 60000 ms'],
      ['close', 'the service stops'],
    ]);
  });

  test('the last EncodeRuns: where each began, what came of it, how it ended', async () => {
    const it = new ChannelWorld();
    await it.open();
    it.publish().announce();
    const first = it.startWorker();
    it.deliver(first, 0);
    const [running] = it.status.runs;
    expect(running).toMatchObject({
      id: 'match-p1-1',
      index: it.originOf(first),
      part: 0,
      segments: 1,
      end: undefined,
    });
    expect(running!.fragments).toBeGreaterThan(1);
    first.exit(undefined, 'SIGSEGV');
    it.clock.advance(3000);
    expect(it.status.runs.map(({ id, end }) => [id, end?.how, end?.wasAsked])).toEqual([
      ['match-p1-1', 'SIGSEGV', false],
      ['match-p1-2', undefined, undefined],
    ]);
  });

  test('20 EncodeRuns are kept', async () => {
    const it = new ChannelWorld();
    await it.open();
    for (let n = 0; n < 30; n++) {
      const feed = it.publish(`headers-${n}`);
      feed.announce();
      it.startWorker().exit(0);
      feed.end();
      it.clock.advance(3000);
    }
    expect(it.status.runs).toHaveLength(20);
    expect(it.status.runs.at(-1)!.id).toContain('p30');
  });

  test('a picture that cannot be decoded: the built-in one is shown, and the fault says what to do', async () => {
    const it = new ChannelWorld({ settings: { slatePath: '/pictures/half time.png' } });
    it.channel.open();
    expect(it.slateEncoders[0]!.request.command.inputs[0]!.url).toBe('file:/pictures/half time.png');
    it.slateEncoders[0]!.exit(1, undefined, ['Invalid data found when processing input']);
    await settled();
    expect(it.slateEncoders).toHaveLength(2);
    expect(it.slateEncoders[1]!.request.command.inputs[0]!.url).toBe('pipe:0');
    await it.makeSlate();
    expect(it.status).toMatchObject({ state: 'slate', onAir: 'slate' });
    expect(it.status.lastFaults).toEqual([
      expect.objectContaining({
        code: 'SLATE_PICTURE',
        message: expect.stringContaining('/pictures/half time.png (ffmpeg ended with code 1'),
        hint: expect.stringContaining('The built-in slate is shown'),
      }),
    ]);
  });
});
