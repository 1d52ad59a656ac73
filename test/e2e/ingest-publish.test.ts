import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Feed, FeedEnd, RtmpIngest, SourceDescription } from '../../src/ingest/model.ts';
import { openRtmpIngest } from '../../src/ingest/rtmp-ingest.ts';
import { systemClock } from '../../src/system/clock.ts';
import { ServiceError } from '../../src/system/errors.ts';
import type { Logger } from '../../src/system/log.ts';
import { openMetrics } from '../../src/system/metrics.ts';

const VIDEO_INPUT = ['-re', '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=25'];
const AUDIO_INPUT = ['-re', '-f', 'lavfi', '-i', 'sine=sample_rate=48000'];
const X264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '25', '-pix_fmt', 'yuv420p'];
const AAC = ['-c:a', 'aac', '-ac', '2'];

const clock = systemClock();
const metrics = openMetrics();
const folder = mkdtempSync(join(tmpdir(), 'ingest-test-'));
const pushes: ChildProcess[] = [];
let ingest: RtmpIngest;
let childPid = 0;
const logged: string[] = [];
function keep(fields: object, message: string): void {
  logged.push(JSON.stringify(fields) + message);
  // At debug for the first child, at info for one that replaces it.
  if (message === 'rtmp listening') childPid = (fields as { pid: number }).pid;
}
const log: Logger = {
  debug: (fields, message) => keep(fields, message),
  info: (fields, message) => keep(fields, message),
  warn: (fields, message) => logged.push(JSON.stringify(fields) + message),
  error: (fields, message) => logged.push(JSON.stringify(fields) + message),
  child: () => log,
};

/** A publish as the Channel sees it. */
class Seen {
  sources: SourceDescription[] = [];
  changes: SourceDescription[] = [];
  jumps = 0;
  end: FeedEnd | undefined;
  readonly feed: Feed;

  constructor(feed: Feed) {
    this.feed = feed;
    feed.listen({
      onSource: (source) => this.sources.push(source),
      onSourceChanged: (source) => this.changes.push(source),
      onJump: () => {
        this.jumps++;
      },
      onEnd: (how) => {
        this.end = how;
      },
    });
  }
}
const publishes: Seen[] = [];

async function until(condition: () => boolean, withinMs: number): Promise<number> {
  const start = Date.now();
  while (!condition()) {
    if (Date.now() - start > withinMs) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return Date.now() - start;
}

function push(args: readonly string[], name = 'match?key=the-secret', loglevel = 'error'): ChildProcess {
  const url = `rtmp://127.0.0.1:${ingest.port}/live/${name}`;
  const child = spawn('ffmpeg', ['-v', loglevel, ...args, '-f', 'flv', url], { stdio: ['ignore', 'ignore', 'pipe'] });
  pushes.push(child);
  return child;
}

async function publish(args: readonly string[]): Promise<{ seen: Seen; child: ChildProcess }> {
  const count = publishes.length;
  const child = push(args);
  await until(() => publishes.length > count, 10_000);
  return { seen: publishes[count] as Seen, child };
}

async function stop({ seen, child }: { seen: Seen; child: ChildProcess }): Promise<void> {
  child.kill('SIGKILL');
  await until(() => seen.end !== undefined, 1_000);
}

/** What ffprobe reads from FLV: the streams, and the first video packet with its flags. */
function probe(flv: Buffer): {
  types: string[];
  first: { flags: string; pts_time: string };
  frames: number;
  errors: string;
} {
  const path = join(folder, 'attached.flv');
  writeFileSync(path, flv);
  const run = spawnSync('ffprobe', ['-v', 'error', '-of', 'json', '-show_streams', '-show_packets', path], {
    encoding: 'utf8',
  });
  const { streams, packets } = JSON.parse(run.stdout) as {
    streams: { codec_type: string }[];
    packets: { codec_type: string; flags: string; pts_time: string }[];
  };
  const videos = packets.filter((packet) => packet.codec_type === 'video');
  const decode = spawnSync('ffmpeg', ['-v', 'error', '-i', path, '-f', 'null', '-'], { encoding: 'utf8' });
  return {
    types: streams.map((stream) => stream.codec_type).toSorted(),
    first: videos[0] ?? packets[0] ?? { flags: '', pts_time: '' },
    frames: videos.length,
    errors: run.stderr + decode.stderr,
  };
}

/** The link's socket, as the child's arguments name it. */
function socketOf(pid: number): string {
  const { stdout } = spawnSync('cat', [`/proc/${pid}/cmdline`], { encoding: 'utf8' });
  return stdout.split('\0').find((argument) => argument.endsWith('.sock')) ?? '';
}

const open = (port = 0) =>
  openRtmpIngest({
    host: '127.0.0.1',
    port,
    keys: [{ channel: 'match', secrets: ['the-secret'] }],
    log,
    clock,
    metrics,
    onFeed: (feed) => publishes.push(new Seen(feed)),
    onRefused: () => undefined,
  });

beforeAll(async () => {
  ingest = await open();
});

afterAll(async () => {
  for (const child of pushes) child.kill('SIGKILL');
  await ingest.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('a publisher with picture and sound', () => {
  let publisher: Awaited<ReturnType<typeof publish>>;

  it('is described with its first keyframe', async () => {
    publisher = await publish([...VIDEO_INPUT, ...AUDIO_INPUT, ...X264, ...AAC]);
    await until(() => publisher.seen.sources.length === 1, 2_000);
    expect(publisher.seen.sources[0]).toMatchObject({
      video: { codec: 'h264', width: 320, height: 180, frameRate: { num: 25, den: 1 } },
      audio: { codec: 'aac', sampleRate: 48000, channels: 2 },
    });
    expect(publisher.seen.sources[0]?.encoder).toContain('Lavf');
  });

  it('is replayed to a worker as FLV that ffmpeg decodes without a complaint, from a keyframe, on the time asked for', async () => {
    const { feed } = publisher.seen;
    await until(() => (feed.keyframeRange()?.newestMs ?? 0) - (feed.keyframeRange()?.oldestMs ?? 0) >= 1_900, 6_000);
    const newestMs = feed.keyframeRange()?.newestMs ?? 0;
    const originMs = Math.floor(newestMs / 2_000) * 2_000 - 2_000;
    const written: Buffer[] = [];
    const worker = feed.attach({ fromMs: newestMs, originMs, write: (bytes) => written.push(bytes) });
    const atOnce = written.length;
    await new Promise((resolve) => setTimeout(resolve, 700));
    worker.detach();
    const after = written.length;
    const { types, first, frames, errors } = probe(Buffer.concat(written));
    expect(errors).toBe('');
    expect(types).toEqual(['audio', 'video']);
    expect(first.flags).toContain('K');
    expect(Math.abs(Number(first.pts_time) * 1000 + originMs - newestMs)).toBeLessThanOrEqual(1);
    expect(frames).toBeGreaterThan(12);
    expect(after).toBeGreaterThan(atOnce + 20);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(written.length).toBe(after);
  });

  it('has media times that are UTC of arrival', () => {
    const newestMs = publisher.seen.feed.keyframeRange()?.newestMs ?? 0;
    expect(Math.abs(clock.nowMs() - newestMs)).toBeLessThan(1_500);
  });

  it('is gone within a second of SIGKILL, and its channel is free at once', async () => {
    const { seen, child } = publisher;
    child.kill('SIGKILL');
    const tookMs = await until(() => seen.end !== undefined, 1_000);
    expect(tookMs).toBeLessThan(1_000);
    expect(seen.end).toBe('publisher-gone');
    expect(seen.jumps).toBe(0);
    const again = await publish([...VIDEO_INPUT, ...X264]);
    await until(() => again.seen.sources.length === 1, 3_000);
    expect(again.seen.sources[0]?.audio).toBeUndefined();
    const written: Buffer[] = [];
    again.seen.feed.attach({
      fromMs: clock.nowMs(),
      originMs: clock.nowMs() - 5_000,
      write: (bytes) => written.push(bytes),
    });
    await until(() => written.length > 30, 3_000);
    expect(probe(Buffer.concat(written))).toMatchObject({ types: ['video'], errors: '' });
    await stop(again);
  });
});

describe('other publishers', () => {
  it('gives an audio-only feed after 2 s', async () => {
    const one = await publish([...AUDIO_INPUT, ...AAC]);
    await until(() => one.seen.sources.length === 1, 5_000);
    expect(one.seen.sources[0]).toMatchObject({ video: undefined, audio: { codec: 'aac' } });
    const written: Buffer[] = [];
    one.seen.feed.attach({
      fromMs: clock.nowMs(),
      originMs: clock.nowMs() - 5_000,
      write: (bytes) => written.push(bytes),
    });
    await until(() => written.length > 50, 3_000);
    expect(probe(Buffer.concat(written))).toMatchObject({ types: ['audio'], errors: '' });
    await stop(one);
  });

  it('takes video with B-frames and MP3', async () => {
    const one = await publish([
      ...VIDEO_INPUT,
      ...AUDIO_INPUT,
      '-c:v',
      'libx264',
      '-preset',
      'veryfast',
      '-bf',
      '2',
      '-g',
      '25',
      '-c:a',
      'libmp3lame',
      '-ar',
      '44100',
      '-ac',
      '1',
    ]);
    await until(() => one.seen.sources.length === 1, 5_000);
    expect(one.seen.sources[0]).toMatchObject({ audio: { codec: 'mp3', sampleRate: 44100, channels: 1 } });
    const written: Buffer[] = [];
    one.seen.feed.attach({
      fromMs: clock.nowMs(),
      originMs: clock.nowMs() - 5_000,
      write: (bytes) => written.push(bytes),
    });
    await until(() => written.length > 50, 4_000);
    expect(probe(Buffer.concat(written))).toMatchObject({ types: ['audio', 'video'], errors: '' });
    await stop(one);
  });

  it('tells ffmpeg why a wrong key and a second publisher are refused', async () => {
    const first = await publish([...VIDEO_INPUT, ...X264]);
    const words = await Promise.all(
      ['match?key=another-secret', 'match?key=the-secret'].map(
        (name) =>
          new Promise<string>((resolve) => {
            const child = push([...VIDEO_INPUT, ...X264], name);
            let text = '';
            child.stderr?.on('data', (bytes) => {
              text += bytes;
            });
            child.on('close', () => resolve(text));
          }),
      ),
    );
    expect(words[0]).toContain('The stream key is not valid');
    expect(words[1]).toContain('Somebody is publishing');
    expect(first.seen.end).toBeUndefined();
    await stop(first);
  });

  it('never logs a key, right or wrong', () => {
    expect(logged.length).toBeGreaterThan(5);
    expect(logged.join('\n')).not.toMatch(/the-secret|another-secret/);
  });
});

describe('the RTMP child', () => {
  it('shows no key in its environment or arguments', () => {
    const shown = spawnSync('cat', [`/proc/${childPid}/environ`, `/proc/${childPid}/cmdline`], {
      encoding: 'utf8',
    }).stdout;
    expect(shown).toContain('PATH=');
    expect(shown).not.toMatch(/the-secret|PITCHSIDE/);
  });

  it('keeps its socket in a folder of its own that nobody else may enter', () => {
    const socket = socketOf(childPid);
    expect(statSync(dirname(socket)).mode & 0o777).toBe(0o700);
    expect(socket.length).toBeLessThan(100);
  });

  it('is replaced on the same port after SIGKILL; its feeds end and a publisher gets in again', async () => {
    const one = await publish([...VIDEO_INPUT, ...X264]);
    const { port } = ingest;
    const before = childPid;
    // Not 0: that is this test's own process group.
    expect(childPid).toBeGreaterThan(0);
    process.kill(childPid, 'SIGKILL');
    await until(() => one.seen.end !== undefined, 1_000);
    expect(one.seen.end).toBe('child-exited');
    await until(() => childPid !== before, 10_000);
    expect(ingest.port).toBe(port);
    const again = await publish([...VIDEO_INPUT, ...X264]);
    await until(() => again.seen.sources.length === 1, 3_000);
    await stop(again);
  });

  it('is not started twice on a port: PORT_IN_USE names it', async () => {
    const error: unknown = await open(ingest.port).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ServiceError);
    expect((error as ServiceError).code).toBe('PORT_IN_USE');
    expect((error as ServiceError).message).toContain(String(ingest.port));
  });

  it('is refused an address that is not ours: PORT_FORBIDDEN', async () => {
    const error: unknown = await openRtmpIngest({
      host: '192.0.2.1',
      port: 0,
      keys: [],
      log,
      clock,
      metrics,
      onFeed: () => undefined,
      onRefused: () => undefined,
    }).catch((thrown: unknown) => thrown);
    expect((error as ServiceError).code).toBe('PORT_FORBIDDEN');
  });

  it('leaves no process, port or folder behind when it is closed', async () => {
    const other = await open();
    const pid = Number(/"pid":(\d+)/.exec(logged.findLast((line) => line.endsWith('rtmp listening')) ?? '')?.[1]);
    const own = dirname(socketOf(pid));
    expect(existsSync(own)).toBe(true);
    await other.close();
    expect(existsSync(own)).toBe(false);
    expect(() => process.kill(pid, 0)).toThrow();
    await new Promise<void>((resolve, reject) => {
      const server = createServer().on('error', reject);
      server.listen(other.port, '127.0.0.1', () => server.close(() => resolve()));
    });
  });
});
