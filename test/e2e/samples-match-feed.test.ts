import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { decodeClock, planeLuma } from '../../samples/clock-strip.mjs';
import { FLASH_BOX } from '../../samples/match/picture.mjs';
import { beepSource } from '../../samples/match-feed.mjs';

const GENERATOR = new URL('../../samples/match-feed.mjs', import.meta.url).pathname;
const FFMPEG = process.env['FFMPEG_PATH'] ?? 'ffmpeg';
const EVEN_SECOND_MS = 1_700_000_000_000;

const running = new Set<number>();
afterEach(() => {
  for (const pid of running) process.kill(pid, 'SIGKILL');
  running.clear();
});

function start(command: string, args: readonly string[]) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const { pid } = child;
  if (pid !== undefined) {
    running.add(pid);
    child.on('exit', () => running.delete(pid));
  }
  // A reader that leaves early is part of several tests.
  child.stdin.on('error', () => undefined);
  child.stdout.on('error', () => undefined);
  return child;
}

/** The generator piped into ffmpeg: what ffmpeg wrote to its stdout. */
async function throughFfmpeg(feedArgs: readonly string[], ffmpegArgs: readonly string[]): Promise<Buffer> {
  const feed = start(process.execPath, [GENERATOR, ...feedArgs]);
  const ffmpeg = start(FFMPEG, [
    '-hide_banner',
    '-loglevel',
    'error',
    '-f',
    'yuv4mpegpipe',
    '-i',
    'pipe:0',
    ...ffmpegArgs,
    'pipe:1',
  ]);
  feed.stdout.pipe(ffmpeg.stdin);
  return await collect(ffmpeg);
}

async function collect(child: ReturnType<typeof start>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let complaint = '';
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  const [code] = await once(child, 'close');
  expect(complaint).toBe('');
  expect(code).toBe(0);
  return Buffer.concat(chunks);
}

/** Luma planes of `gray` raw video. */
function planesOf(raw: Buffer, width: number, height: number): Buffer[] {
  const size = width * height;
  expect(raw.length % size).toBe(0);
  return Array.from({ length: raw.length / size }, (_, index) => raw.subarray(index * size, (index + 1) * size));
}

describe('the generated match', () => {
  test.each([
    ['23.976', 24000, 1001],
    ['25', 25, 1],
    ['29.97', 30000, 1001],
    ['30', 30, 1],
    ['50', 50, 1],
    ['59.94', 60000, 1001],
  ])('at %s every frame is read by ffmpeg and shows its own UTC', async (fps, num, den) => {
    const args = ['--fps', fps, '--seconds', '3', '--size', '320x180'];
    const planes = planesOf(await throughFfmpeg(args, ['-f', 'rawvideo', '-pix_fmt', 'gray']), 320, 180);
    expect(planes).toHaveLength(Math.round((3 * num) / den));
    planes.forEach((plane, index) => {
      expect(decodeClock(planeLuma(plane, 320, 180))).toBe(Math.floor(EVEN_SECOND_MS + (index * 1000 * den) / num));
    });
  });

  test('the clock strip is read back from 720p scaled to 426x240 and encoded by x264 at 300 kbit/s', async () => {
    const encoded = await throughFfmpeg(
      ['--seconds', '4', '--fps', '30'],
      [
        '-vf',
        'scale=426:240:flags=fast_bilinear',
        '-c:v',
        'libx264',
        '-preset',
        'superfast',
        '-tune',
        'zerolatency',
        '-b:v',
        '300k',
        '-maxrate',
        '300k',
        '-bufsize',
        '300k',
        '-g',
        '60',
        '-f',
        'h264',
      ],
    );
    const decoder = start(FFMPEG, [
      '-hide_banner',
      '-loglevel',
      'error',
      '-f',
      'h264',
      '-i',
      'pipe:0',
      '-f',
      'rawvideo',
      '-pix_fmt',
      'gray',
      'pipe:1',
    ]);
    decoder.stdin.end(encoded);
    const planes = planesOf(await collect(decoder), 426, 240);
    expect(planes).toHaveLength(120);
    planes.forEach((plane, index) => {
      expect(decodeClock(planeLuma(plane, 426, 240))).toBe(Math.floor(EVEN_SECOND_MS + (index * 1000) / 30));
    });
  });

  test.each(['25', '29.97', '50'])(
    'flash and beep begin within one frame of each other at %s, each even second',
    async (fps) => {
      const raw = await throughFfmpeg(
        ['--fps', fps, '--seconds', '7', '--size', '320x180'],
        ['-f', 'rawvideo', '-pix_fmt', 'gray'],
      );
      const rate = fps === '29.97' ? 30000 / 1001 : Number(fps);
      const lit = planesOf(raw, 320, 180).map((plane) => {
        return planeLuma(plane, 320, 180)(FLASH_BOX.x + FLASH_BOX.width / 2, FLASH_BOX.y + FLASH_BOX.height / 2) > 128;
      });
      const flashes = lit.flatMap((on, index) => (on && !lit[index - 1] ? [index / rate] : []));
      const beeps = await beepStarts(7);
      expect(flashes).toHaveLength(4);
      expect(beeps).toHaveLength(4);
      flashes.forEach((at, index) => {
        expect(beeps[index]).toBeCloseTo(2 * index, 2);
        expect(Math.abs(at - (beeps[index] ?? Number.NaN))).toBeLessThanOrEqual(1 / rate + 0.001);
      });
    },
  );

  test('the same seed gives the same bytes, another seed another match', async () => {
    const digest = async (seed: string) => {
      const bytes = await collect(
        start(process.execPath, [GENERATOR, '--seconds', '1', '--size', '320x180', '--seed', seed]),
      );
      return createHash('sha256').update(bytes).digest('hex');
    };
    const [first, again, other] = [await digest('7'), await digest('7'), await digest('8')];
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  test('--realtime begins on an even second and gives each frame when it is due', async () => {
    const feed = start(process.execPath, [
      GENERATOR,
      '--realtime',
      '--seconds',
      '2',
      '--size',
      '128x128',
      '--fps',
      '25',
    ]);
    const delays: number[] = [];
    let pending = Buffer.alloc(0);
    let firstMs: number | undefined;
    const frameBytes = 6 + (128 * 128 * 3) / 2;
    feed.stdout.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      if (firstMs === undefined) {
        const header = pending.indexOf('\n') + 1;
        if (header === 0) return;
        firstMs = 0;
        pending = pending.subarray(header);
      }
      while (pending.length >= frameBytes) {
        const utcMs = decodeClock(planeLuma(pending.subarray(6), 128, 128));
        if (utcMs === undefined) throw new Error('no clock strip');
        firstMs = firstMs || utcMs;
        delays.push(Date.now() - utcMs);
        pending = pending.subarray(frameBytes);
      }
    });
    await once(feed, 'close');
    expect(delays).toHaveLength(50);
    expect((firstMs ?? 1) % 2000).toBe(0);
    expect(delays.toSorted((a, b) => a - b)[25]).toBeLessThan(40);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(-3);
  });

  test('a reader that stops reading stops the generator: nothing is queued', async () => {
    const feed = start(process.execPath, [GENERATOR, '--size', '1280x720']);
    await once(feed.stdout, 'readable');
    const kilobytes = async () => Number(await collect(start('ps', ['-o', 'rss=', '-p', String(feed.pid)])));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const before = await kilobytes();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect((await kilobytes()) - before).toBeLessThan(10_000);
    feed.kill('SIGTERM');
    expect(await once(feed, 'exit')).toEqual([0, null]);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s ends it at once, quietly, also in the middle of a frame nobody reads',
    async (signal) => {
      const feed = start(process.execPath, [GENERATOR]);
      let complaint = '';
      feed.stderr.on('data', (chunk: Buffer) => {
        complaint += chunk.toString();
      });
      await once(feed.stdout, 'readable');
      const startMs = performance.now();
      feed.kill(signal);
      expect(await once(feed, 'exit')).toEqual([0, null]);
      expect(performance.now() - startMs).toBeLessThan(1000);
      expect(complaint).toBe('');
    },
  );

  test('it ends quietly when its reader leaves', async () => {
    const feed = start(process.execPath, [GENERATOR, '--size', '320x180']);
    let complaint = '';
    feed.stderr.on('data', (chunk: Buffer) => {
      complaint += chunk.toString();
    });
    await once(feed.stdout, 'data');
    feed.stdout.destroy();
    expect(await once(feed, 'exit')).toEqual([0, null]);
    expect(complaint).toBe('');
  });

  test('a wrong option is one line on stderr and exit code 2', async () => {
    const feed = start(process.execPath, [GENERATOR, '--fps', '31']);
    let complaint = '';
    feed.stderr.on('data', (chunk: Buffer) => {
      complaint += chunk.toString();
    });
    expect(await once(feed, 'close')).toEqual([2, null]);
    expect(complaint).toMatch(/^match-feed: --fps 31: one of .* is wanted\n$/);
  });
});

/** Where 1 kHz begins, in seconds: energy of 5 ms windows of the sound as PCM. */
async function beepStarts(seconds: number): Promise<number[]> {
  const ffmpeg = start(FFMPEG, [
    '-hide_banner',
    '-loglevel',
    'error',
    '-f',
    'lavfi',
    '-i',
    beepSource(seconds),
    '-ac',
    '1',
    '-f',
    's16le',
    'pipe:1',
  ]);
  const pcm = await collect(ffmpeg);
  const window = 240;
  const loud = Array.from({ length: Math.floor(pcm.length / 2 / window) }, (_, index) => {
    let energy = 0;
    for (let sample = index * window; sample < (index + 1) * window; sample += 1)
      energy += pcm.readInt16LE(2 * sample) ** 2;
    return Math.sqrt(energy / window) > 3000;
  });
  return loud.flatMap((on, index) => (on && !loud[index - 1] ? [(index * window) / 48000] : []));
}
