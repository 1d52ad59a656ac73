import { describe, expect, test, vi } from 'vitest';
import { indexAt, startMsOf } from '../../../src/package/grid.ts';
import { ChannelWorld, P30 } from '../../fakes/channel-world.ts';
import type { ManualEncoder } from '../../fakes/manual-encoder.ts';
import type { PublisherFeed } from '../../fakes/publisher-feed.ts';
import { ladderOf, rung } from '../../fakes/transcode-plan.ts';

vi.mock('../../../src/transcode/ffmpeg-process.ts', () => import('../../fakes/manual-encoder.ts'));
vi.mock('../../../src/transcode/slate-picture.ts', () => ({ slatePicture: () => ({ rgb: Buffer.from('picture') }) }));

const { live } = ChannelWorld;

const tracksOf = ({ request }: ManualEncoder) =>
  request.command.outputs.map(({ url }) => new URL(url).pathname.split('/')[2]);
const lastOf = (it: ChannelWorld): ManualEncoder => it.workers.at(-1)!;
const text = (it: ChannelWorld, track: string) => it.channel.text({ kind: 'hls-media', track });
const gaugeOf = async (it: ChannelWorld) => (await it.metrics.rungsLeftOut.get()).values[0]?.value;

/** Ends as ffmpeg ends when the body of this Track breaks. */
function breakRung(worker: ManualEncoder, track: string): void {
  const url = worker.request.command.outputs.find((output) => output.url.endsWith(`/${track}`))?.url;
  worker.exit(1, undefined, [
    'av_interleaved_write_frame(): Broken pipe',
    `Error writing trailer of ${url}: Broken pipe`,
  ]);
}

/** Time passes while this worker makes each Segment as it ends. */
function play(it: ChannelWorld, worker: ManualEncoder, ms: number): void {
  const endMs = it.nowMs + ms;
  const origin = it.originOf(worker);
  for (let index = indexAt(P30, it.nowMs); startMsOf(P30, index + 1) <= endMs; index++) {
    it.clock.advanceTo(startMsOf(P30, index + 1));
    if (index >= origin) it.deliver(worker, index - origin);
  }
  it.clock.advanceTo(endMs);
}

/** Live, and v720 has ended two encoders: the third is on air without it. */
async function withoutTop() {
  const { it, feed, worker } = await live();
  breakRung(worker, 'v720');
  breakRung(it.startWorker(), 'v720');
  const third = it.startWorker();
  play(it, third, 6000);
  return { it, feed, worker: third };
}

describe('a rung that ends its encoder', () => {
  test('once: the next one has it again', async () => {
    const { it, worker } = await live();
    breakRung(worker, 'v720');
    expect(tracksOf(lastOf(it))).toEqual(['v720', 'v360', 'a']);
    expect(it.status.droppedRungs).toEqual([]);
  });

  test('twice: the next one is without it, which is said once, with its reason and what to do', async () => {
    const { it, worker } = await live();
    breakRung(worker, 'v720');
    breakRung(it.startWorker(), 'v720');
    expect(tracksOf(lastOf(it))).toEqual(['v360', 'a']);
    expect(it.status.droppedRungs).toEqual([{ id: 'v720', reason: expect.stringMatching(/^failed: .*Broken pipe/) }]);
    const said = it.status.lastFaults.filter(({ code }) => code === 'RUNG_FAILED');
    expect(said).toEqual([
      expect.objectContaining({
        message: expect.stringContaining('in 60 s'),
        hint: expect.stringContaining('play on'),
      }),
    ]);
    expect(await gaugeOf(it)).toBe(1);
  });

  test('is known by the body that was refused', async () => {
    const { it, worker } = await live();
    const refused = { code: 'CMAF_TIME_BACKWARDS', message: 'it goes back', hint: '' } as const;
    it.receiver.run(worker.runId).sink.onRefused('v720', refused);
    worker.exit(1);
    const second = it.startWorker();
    it.receiver.run(second.runId).sink.onRefused('v720', refused);
    second.exit(1);
    expect(it.status.droppedRungs).toEqual([{ id: 'v720', reason: 'failed: it goes back' }]);
  });

  test('its playlist is gone, its media is not, and the others go on without a missing number', async () => {
    const { it } = await withoutTop();
    expect(text(it, 'v720')).toEqual({ kind: 'gone' });
    const numbers = it.listed('v360');
    expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i));
    const list = it.channel.text({ kind: 'hls-dvr-media', track: 'v360' });
    const gens = list.kind === 'ready' ? [...list.revision.text.matchAll(/([0-9a-f]{10})\/(\d+)\.m4s/g)] : [];
    const [, gen = '', number = ''] = gens[0] ?? [];
    expect(new Set(gens.map((match) => match[1])).size).toBe(2);
    expect(it.channel.media({ kind: 'segment', track: 'v720', gen, number: Number(number) }).kind).toBe('ready');
    const master = it.channel.text({ kind: 'hls-master' });
    expect(master.kind === 'ready' && master.revision.text).not.toContain('v720');
  });

  test('the slate of the whole ladder serves: nothing is encoded for the ladder without it', async () => {
    const { it, feed } = await withoutTop();
    feed.end('closed');
    it.clock.advance(10_000);
    expect(it.status).toMatchObject({ onAir: 'slate', fresh: true });
    expect(it.slateEncoders).toHaveLength(1);
    expect(text(it, 'v720').kind).toBe('gone');
  });

  test('unnamed deaths, and deaths by several, leave all in', async () => {
    const { it, worker } = await live();
    worker.exit(undefined, 'SIGSEGV');
    it.startWorker().exit(1, undefined, ['Error writing trailer of http://x/v720: Broken pipe']);
    it.clock.advance(10_000);
    expect(tracksOf(lastOf(it))).toEqual(['v720', 'v360', 'a']);
  });
});

describe('an encoder that crashes without a word', () => {
  async function crashes(count: number, act: (worker: ManualEncoder, it: ChannelWorld) => void) {
    const { it } = await live();
    for (let n = 0; n < count; n++) {
      act(it.startWorker(), it);
      // The back-off of the third death on.
      it.clock.advance(600);
    }
    return it;
  }

  test('four times within 30 s: back-off as ever, and the next one is without the top rung', async () => {
    const it = await crashes(4, (worker) => worker.exit(undefined, 'SIGSEGV'));
    expect(tracksOf(lastOf(it))).toEqual(['v360', 'a']);
    expect(it.status.droppedRungs).toEqual([
      { id: 'v720', reason: 'failed: SIGSEGV ended the encoder 4 times within 30 s' },
    ]);
    expect(it.codes().filter((code) => code === 'ENCODER_EXITED')).toHaveLength(4);
    expect(it.codes()).toContain('RUNG_FAILED');
  });

  test('three times: all rungs again', async () => {
    const it = await crashes(3, (worker) => worker.exit(undefined, 'SIGKILL'));
    expect(tracksOf(lastOf(it))).toEqual(['v720', 'v360', 'a']);
  });

  test('is not what exits with a code, or was killed by us', async () => {
    const coded = await crashes(6, (worker) => worker.exit(1, undefined, ['pipe:0: Invalid data']));
    expect(coded.status.droppedRungs).toEqual([]);
    const { it, feed } = await live();
    for (let n = 0; n < 6; n++) {
      const worker = it.startWorker();
      feed.jump();
      worker.exit(undefined, 'SIGKILL');
      it.clock.advance(600);
    }
    expect(it.status.droppedRungs).toEqual([]);
  });
});

describe('a rung whose wait is over', () => {
  test('is tried by a second encoder, which takes over with its first media', async () => {
    const { it, worker } = await withoutTop();
    play(it, worker, 60_000);
    const trial = it.startWorker();
    expect(tracksOf(trial)).toEqual(['v720', 'v360', 'a']);
    expect([worker.inputEnded, worker.exited]).toEqual([false, false]);
    it.deliver(trial, 0);
    expect(worker.inputEnded).toBe(true);
    worker.exit(0);
    play(it, trial, 8000);
    // Its list would be short: until it has six Segments it is withdrawn as before, and 410 says so.
    expect(text(it, 'v720')).toEqual({ kind: 'gone' });
    play(it, trial, 6000);
    expect(it.status).toMatchObject({ onAir: 'live', droppedRungs: [] });
    expect(it.status.tracks.map(({ id }) => id)).toEqual(['v720', 'v360', 'a']);
    expect(text(it, 'v720').kind).toBe('ready');
    const [of720, of360] = [it.listed('v720'), it.listed('v360')];
    expect(of720.at(-1)).toBe(of360.at(-1));
    expect(of360).toEqual(of360.map((_, i) => of360[0]! + i));
    expect(await gaugeOf(it)).toBe(0);
  });

  test('and that fails again costs nobody anything: the encoder that runs goes on, the wait doubles', async () => {
    const { it, worker } = await withoutTop();
    play(it, worker, 60_000);
    breakRung(it.startWorker(), 'v720');
    expect([worker.inputEnded, worker.kills]).toEqual([false, 0]);
    expect(it.status.droppedRungs).toEqual([{ id: 'v720', reason: expect.stringMatching(/^failed again/) }]);
    const workers = it.workers.length;
    play(it, worker, 118_000);
    expect(it.workers).toHaveLength(workers);
    expect(it.status.onAir).toBe('live');
    play(it, worker, 4000);
    expect(it.workers).toHaveLength(workers + 1);
  });

  test('while nobody publishes is in the first encoder of the next publish', async () => {
    const { it, feed } = await withoutTop();
    feed.end('closed');
    it.clock.advance(61_000);
    it.publish().announce();
    expect(tracksOf(lastOf(it))).toEqual(['v720', 'v360', 'a']);
  });

  test('waits while another rung is on trial, and has its turn then', async () => {
    const ladder = ladderOf([rung('v720', 720), rung('v480', 480), rung('v360', 360)]);
    const { it, worker } = await live({ ladder });
    breakRung(worker, 'v720');
    breakRung(it.startWorker(), 'v720');
    breakRung(it.startWorker(), 'v480');
    it.clock.advance(1000);
    breakRung(it.startWorker(), 'v480');
    it.clock.advance(1000);
    const last = it.startWorker();
    expect(tracksOf(last)).toEqual(['v360', 'a']);
    play(it, last, 62_000);
    const first = lastOf(it);
    expect(tracksOf(first)).toEqual(['v720', 'v360', 'a']);
    const trial = it.startWorker();
    play(it, last, 60_000);
    expect(lastOf(it)).toBe(trial);
    it.deliver(trial, Math.floor(62_000 / 2000));
    expect(last.inputEnded).toBe(true);
    play(it, trial, 6000);
    expect(tracksOf(lastOf(it))).toEqual(['v720', 'v480', 'v360', 'a']);
  });

  test('two encoders end with their publisher', async () => {
    const { it, feed, worker } = await withoutTop();
    play(it, worker, 60_000);
    const trial = it.startWorker();
    feed.end('closed');
    expect([worker.inputEnded, trial.inputEnded]).toEqual([true, true]);
  });
});

/** Tags keep coming, nothing comes out, until this encoder is ended. */
function fallBehind(it: ChannelWorld, feed: PublisherFeed, worker: ManualEncoder): void {
  for (let at = 0; at < 30_000 && worker.kills === 0; at += 100) {
    feed.heardUs = it.clock.monotonicUs();
    feed.pictureMs = it.nowMs;
    it.clock.advance(100);
    feed.starts = [it.nowMs - 6000, it.nowMs - 1000];
  }
  expect(worker.kills).toBe(1);
}

describe('an encoder slower than its feed', () => {
  async function slow() {
    const { it, feed, worker } = await live();
    fallBehind(it, feed, worker);
    worker.exit(undefined, 'SIGKILL');
    return { it, feed, next: it.startWorker() };
  }

  test('is ended before it is 4 s behind; the next one is without the top rung and begins with the newest keyframe', async () => {
    const { it, feed, next } = await slow();
    expect(tracksOf(next)).toEqual(['v360', 'a']);
    expect(feed.inputs.at(-1)?.fromMs).toBe(feed.starts[1]);
    expect(it.status.droppedRungs).toEqual([
      { id: 'v720', reason: expect.stringMatching(/^shed: machine too slow \([123]\.\d s/) },
    ]);
    // Asked for: no death of an encoder.
    expect(it.codes()).toEqual(['RUNG_SHED']);
    expect((await it.metrics.encoderExits.get()).values).toEqual([]);
  });

  test('with one rung left begins again with the newest keyframe, and says so', async () => {
    const { it, feed, next } = await slow();
    it.deliver(next, 0);
    fallBehind(it, feed, next);
    next.exit(undefined, 'SIGKILL');
    expect(tracksOf(lastOf(it))).toEqual(['v360', 'a']);
    expect(it.codes()).toEqual(['RUNG_SHED', 'ENCODER_OVERLOADED']);
  });

  test('gets its rung back when it has kept up for 2 min', async () => {
    const { it, feed, next } = await slow();
    feed.pictureMs = undefined;
    play(it, next, 118_000);
    expect(lastOf(it)).toBe(next);
    play(it, next, 4000);
    expect(tracksOf(lastOf(it))).toEqual(['v720', 'v360', 'a']);
  });
});
