import { describe, expect, it } from 'vitest';
import { type WorkerStart, workerCommand } from '../../src/transcode/arguments.ts';
import type { TranscodePlan } from '../../src/transcode/model.ts';
import { feed, filterThrough, makeFlv, runCommand } from '../fakes/encoder-run.ts';
import { openPostSink } from '../fakes/post-sink.ts';
import { gridOf, ladderOf, planOf, rate, rung, sourceOf } from '../fakes/transcode-plan.ts';

const SECONDS = 6.5;
const whole: WorkerStart = { trimMs: 0, audioOffsetSamples: 0, hasVideo: true, hasAudio: true };

function match(fps: string, more: readonly string[] = [], size = '320x180', sound = 'sine=r=48000'): Promise<Buffer> {
  const picture = ['-f', 'lavfi', '-i', `testsrc2=s=${size}:r=${fps}`, '-f', 'lavfi', '-i', sound];
  const video = ['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '0', '-g', '30', '-b:v', '600k'];
  return makeFlv([...picture, '-t', `${SECONDS}`, ...video, '-c:a', 'aac', ...more]);
}

/** So much bitrate that copies of one picture are nearer to each other than to its neighbours. */
const FINE = { bitrateBps: 12_000_000, maxrateBps: 12_000_000, bufferBits: 12_000_000 };

async function encode(plan: TranscodePlan, flv: Buffer, start: WorkerStart) {
  await using sink = await openPostSink();
  const headers = { Authorization: 'Bearer 5ecret' };
  const run = runCommand(workerCommand({ plan, urlOf: sink.urlOf, headers, start }));
  await feed(run, flv);
  const exit = await run.exited;
  const tracks = [...(start.hasVideo ? plan.video : []), ...(start.hasAudio ? plan.audio : [])].map(({ id }) => id);
  if (exit.code === 0) await sink.ended(tracks);
  return { bodies: sink.bodies, exit, run, tracks };
}

function videoChunks(plan: TranscodePlan, result: Awaited<ReturnType<typeof encode>>, id: string) {
  const track = plan.video.find((candidate) => candidate.id === id);
  const body = result.bodies.get(id);
  if (track === undefined || body === undefined) throw new Error(`no track ${id}`);
  const frameTicks = (plan.grid.videoTimescale * track.frameRate.den) / track.frameRate.num;
  return { chunks: body.chunks, frameTicks, track };
}

describe('a worker run by a real ffmpeg', () => {
  for (const [name, frameRate] of [
    ['25', rate(25)],
    ['29.97', rate(30000, 1001)],
    ['50', rate(50)],
    ['59.94', rate(60000, 1001)],
  ] as const) {
    it(`cuts ${name} fps into parts of equal frames with keyframes exactly on the segment grid`, async () => {
      const ladder = ladderOf([rung('hi', 180), rung('lo', 90, { frameRate: 'half' })]);
      const plan = planOf(ladder, sourceOf(320, 180, frameRate));
      const result = await encode(plan, await match(`${frameRate.num}/${frameRate.den}`), whole);
      expect(result.exit).toMatchObject({ code: 0, signal: undefined });
      expect(result.run.lines.filter((line) => !/deprecated|probesize/i.test(line))).toEqual([]);
      for (const id of ['hi', 'lo']) {
        const { chunks, frameTicks, track } = videoChunks(plan, result, id);
        expect(Number.isInteger(frameTicks)).toBe(true);
        const perPart = track.segmentFrames / plan.grid.partsPerSegment;
        expect(chunks.length).toBeGreaterThanOrEqual(16);
        for (const [index, chunk] of chunks.slice(0, -1).entries()) {
          expect(chunk.samples).toBe(perPart);
          expect(chunk.decodeTicks).toBe(index * perPart * frameTicks);
          expect(chunk.durationTicks).toBe(perPart * frameTicks);
          expect(chunk.isSync).toBe(index % plan.grid.partsPerSegment === 0);
        }
      }
      const audio = result.bodies.get('a')?.chunks ?? [];
      expect(audio.slice(0, -1).every((chunk, index) => chunk.decodeTicks === (index - 1) * 1024)).toBe(true);
      expect(result.bodies.get('hi')?.headers['authorization']).toBe('Bearer 5ecret');
      expect(result.run.commandLines[0]).not.toContain('5ecret');
    });
  }

  it('begins exactly at a trim, with the same pictures a worker from 0 has there', async () => {
    const plan = planOf(ladderOf([rung('hi', 180, FINE)]), sourceOf(320, 180, rate(30)));
    const flv = await match('30');
    const reference = await encode(plan, flv, whole);
    for (const trimMs of [2000, 2800]) {
      const trimmed = await encode(plan, flv, { ...whole, trimMs, audioOffsetSamples: 512 });
      const chunks = trimmed.bodies.get('hi')?.chunks ?? [];
      expect(chunks[0]).toMatchObject({ decodeTicks: 0, samples: 12, isSync: true });
      const syncs = chunks.filter((chunk) => chunk.isSync).map((chunk) => (chunk.decodeTicks / 90 + trimMs) % 2000);
      expect(syncs).toEqual([trimMs % 2000, 0, 0]);
      const [from, all] = [await pictures(trimmed, 'hi'), await pictures(reference, 'hi')];
      const first = (trimMs * 30) / 1000;
      // The same source picture on every slot: lossy copies of one frame are nearer to each other than to the next frame.
      for (const offset of [0, 1, 20, 60]) {
        const frame = from[offset];
        const distances = [-1, 0, 1].map((by) => distance(frame, all[first + offset + by]));
        expect(distances.indexOf(Math.min(...distances))).toBe(1);
      }
      const audio = trimmed.bodies.get('a')?.chunks ?? [];
      expect(audio[1]?.decodeTicks).toBe(512);
      expect(audio.slice(1, -1).every((chunk, index) => chunk.decodeTicks === 512 + index * 1024)).toBe(true);
      expect(trimmed.bodies.get('hi')?.init.equals(reference.bodies.get('hi')?.init ?? Buffer.alloc(0))).toBe(true);
    }
  });

  it('halves 50 fps into 25 without drift: every second picture on its own slot', async () => {
    const source = sourceOf(320, 180, rate(50));
    const plan = planOf(ladderOf([rung('hi', 180, FINE)]), { ...source, frameRate: rate(25) });
    const result = await encode(plan, await match('50'), { ...whole, source });
    const reference = await encode(planOf(ladderOf([rung('hi', 180, FINE)]), source), await match('50'), whole);
    const [halved, all] = [await pictures(result, 'hi'), await pictures(reference, 'hi')];
    for (const slot of [0, 1, 2, 3, 10, 75]) {
      const distances = [-1, 0, 1].map((by) => distance(halved[slot], all[2 * slot + by]));

      expect(distances.indexOf(Math.min(...distances))).toBe(1);
    }
  });

  it('encodes a feed without sound, and one without picture', async () => {
    const plan = planOf(ladderOf([rung('hi', 180)]), sourceOf(320, 180, rate(25)));
    const flv = await match('25');
    const silent = await filterThrough(
      ['-f', 'flv', '-i', 'pipe:0', '-map', '0:v', '-c', 'copy', '-f', 'flv', 'pipe:1'],
      flv,
    );
    const mute = await encode(plan, silent, { ...whole, hasAudio: false });
    expect([...mute.bodies.keys()]).toEqual(['hi']);
    expect(mute.bodies.get('hi')?.chunks[0]).toMatchObject({ decodeTicks: 0, samples: 10, isSync: true });
    const sound = await filterThrough(
      ['-f', 'flv', '-i', 'pipe:0', '-map', '0:a', '-c', 'copy', '-f', 'flv', 'pipe:1'],
      flv,
    );
    const radio = await encode(plan, sound, { ...whole, hasVideo: false });
    expect([...radio.bodies.keys()]).toEqual(['a']);
    expect(radio.bodies.get('a')?.chunks[1]?.decodeTicks).toBe(0);
  });

  it('pads a feed of another shape and keeps the grid of its channel', async () => {
    const plan = planOf(ladderOf([rung('hi', 180)]), sourceOf(320, 180, rate(25)));
    const { conformPlan } = await import('../../src/transcode/plan.ts');
    const padded = conformPlan(plan, sourceOf(240, 180, rate(25)));
    expect(padded.video[0]?.pad).toBe(true);
    const result = await encode(padded, await match('25', [], '240x180'), whole);
    const [frame] = await pictures(result, 'hi');
    // Black on the left and the right, picture in the middle row.
    expect(frame?.[90 * 320 + 5]).toBe(16);
    expect(frame?.[90 * 320 + 315]).toBe(16);
    expect(frame?.[90 * 320 + 45]).toBeGreaterThan(20);
  });
});

/** Luma of every picture of a video track. */
async function pictures(result: Awaited<ReturnType<typeof encode>>, id: string): Promise<Buffer[]> {
  const body = result.bodies.get(id);
  const mp4 = Buffer.concat([body?.init ?? Buffer.alloc(0), ...(body?.chunks ?? []).map((chunk) => chunk.bytes)]);
  const args = [
    '-f',
    'mp4',
    '-i',
    'pipe:0',
    '-fps_mode',
    'passthrough',
    '-pix_fmt',
    'yuv420p',
    '-f',
    'rawvideo',
    'pipe:1',
  ];
  const raw = await filterThrough(args, mp4);
  const size = (320 * 180 * 3) / 2;
  return Array.from({ length: Math.floor(raw.length / size) }, (_, index) =>
    raw.subarray(index * size, (index + 1) * size),
  );
}

function distance(a: Buffer | undefined, b: Buffer | undefined): number {
  if (a === undefined || b === undefined) return Number.POSITIVE_INFINITY;
  let sum = 0;
  for (let at = 0; at < 320 * 180; at++) sum += ((a[at] ?? 0) - (b[at] ?? 0)) ** 2;
  return sum;
}

describe('the end of a worker', () => {
  it('is a kill when it is killed: SIGKILL, one exit, broken bodies', async () => {
    await using sink = await openPostSink();
    const plan = planOf(ladderOf([rung('hi', 180)]), sourceOf(320, 180, rate(25)));
    const run = runCommand(workerCommand({ plan, urlOf: sink.urlOf, headers: {}, start: whole }));
    const flv = await match('25');
    run.process.write(flv);
    await sink.chunks('hi', 2);
    run.process.kill();
    expect(await run.exited).toMatchObject({ signal: 'SIGKILL' });
    await sink.ended(['hi', 'a']);
    expect(sink.bodies.get('hi')?.complete).toBe(false);
    expect(run.exits).toBe(1);
    // Writing to the dead is harmless.
    expect(run.process.write(flv)).toBe(true);
    run.process.end();
  });

  it('is clean when the input ends: code 0 and complete bodies', async () => {
    const plan = planOf(ladderOf([rung('hi', 180)]), sourceOf(320, 180, rate(25)));
    const result = await encode(plan, await match('25'), whole);
    expect(result.exit).toMatchObject({ code: 0 });
    expect(result.bodies.get('hi')?.complete).toBe(true);
    expect(result.bodies.get('a')?.complete).toBe(true);
    expect(result.run.progress.length).toBeGreaterThan(0);
  });

  it('carries the last lines of an ffmpeg that cannot reach its receiver', async () => {
    const plan = planOf(ladderOf([rung('hi', 180)]), sourceOf(320, 180, rate(25)));
    const urlOf = () => 'http://127.0.0.1:9/x';
    const run = runCommand(workerCommand({ plan, urlOf, headers: {}, start: whole }));
    await feed(run, await match('25'));
    const exit = await run.exited;
    expect(exit.code).not.toBe(0);
    expect(exit.lastLines.join('\n')).toContain('Connection refused');
  });
});

describe('the grid of the tests', () => {
  it('has whole frames in every part', () => {
    for (const frameRate of [rate(24), rate(25), rate(60000, 1001)]) {
      const grid = gridOf(frameRate);
      expect(grid.segmentFrames % grid.partsPerSegment).toBe(0);
    }
  });
});
