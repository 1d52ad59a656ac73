/**
 * Hostile sessions by the thousand against an RTMP ingest that has an honest publisher, and what must hold meanwhile.
 * It prints its seed. Bytes of the sessions under way when the child ends are kept in files; `FUZZ_REPLAY=FILE` sends one again,
 * `FUZZ_SEED=N` goes through the same sessions (but for what ffmpeg says anew each time).
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Feed, RtmpIngest } from '../../src/ingest/model.ts';
import { openRtmpIngest } from '../../src/ingest/rtmp-ingest.ts';
import { systemClock } from '../../src/system/clock.ts';
import type { Logger } from '../../src/system/log.ts';
import { openMetrics } from '../../src/system/metrics.ts';
import { residentMb } from '../bench/process-tree.ts';
import { CHANNEL_MARK, type Conversation, obsConversation, recordConversation } from './rtmp-conversations.ts';
import { mutate } from './rtmp-mutations.ts';
import { FFMPEG, waitFor } from './service.ts';

const SECRET = 'a-key-for-the-lanes';
const LANES = 10;
/** A session that is not over by then is stuck: deadlines are far below. */
const STUCK_MS = 15_000;
const CLIP_FRAMES = 60;

export interface FuzzReport {
  readonly seed: number;
  readonly seconds: number;
  readonly sessions: number;
  /** Of them, those that got in. */
  readonly publishes: number;
  /** Of the child, after each quarter of the sessions. */
  readonly residentMb: readonly [number, number, number, number];
  readonly childStarts: number;
  readonly live: LiveReport;
  /** Feeds that were begun and never ended. */
  readonly feedsLeft: number;
}

interface LiveReport {
  readonly frames: number;
  readonly expectedFrames: number;
  /** Frames that are not the next one of the clip. */
  readonly wrong: number;
  /** Ends, jumps, and changes of the source. */
  readonly events: readonly string[];
  readonly longestGapMs: number;
}

/** Runs `sessions` mutated conversations; rejects when the child ended, with where the bytes are. */
export async function fuzzIngest(sessions: number): Promise<FuzzReport> {
  const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`fuzz: FUZZ_SEED=${seed}, ${sessions} sessions`);
  const folder = mkdtempSync(join(tmpdir(), 'ingest-fuzz-'));
  const target = new Target();
  try {
    await target.open(folder);
    const conversations = [await target.record(), obsConversation('live', `${CHANNEL_MARK}?key=${SECRET}`)] as const;
    const [replayed] = [process.env['FUZZ_REPLAY']].filter((path) => path !== undefined && path !== '');
    if (replayed !== undefined) await target.session(readFileSync(replayed), 0);
    const startMs = performance.now();
    const quarter = async (part: number) => {
      const at = (share: number) => Math.floor((sessions * share) / 4);
      await target.run(conversations, seed, at(part - 1), at(part));
      return target.restingMb();
    };
    const resident = [await quarter(1), await quarter(2), await quarter(3), await quarter(4)] as const;
    const seconds = (performance.now() - startMs) / 1000;
    return await target.report({ seed, sessions, seconds, residentMb: resident });
  } finally {
    await target.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

class Target {
  readonly #metrics = openMetrics();
  #ingest: RtmpIngest | undefined;
  #childPid = 0;
  #publishes = 0;
  #open = 0;
  #live: LiveFeed | undefined;
  #push: ReturnType<typeof spawn> | undefined;
  #clip = '';
  readonly #underWay = new Map<number, Buffer>();

  async open(folder: string): Promise<void> {
    const lanes = Array.from({ length: LANES + 1 }, (_, lane) => ({ channel: laneName(lane), secrets: [SECRET] }));
    this.#ingest = await openRtmpIngest({
      host: '127.0.0.1',
      port: 0,
      keys: [{ channel: 'live', secrets: ['a-key-of-the-live-one'] }, ...lanes],
      limits: { maxConnectionsPerAddress: 64, guessDelayMs: 0, idleTimeoutMs: 3_000, publishTimeoutMs: 4_000 },
      log: this.#log(),
      clock: systemClock(),
      metrics: this.#metrics,
      onFeed: (feed) => this.#onFeed(feed),
      onRefused: () => undefined,
    });
    this.#clip = join(folder, 'clip.flv');
    await ffmpeg([...source(CLIP_FRAMES), '-y', this.#clip]);
    const url = `rtmp://127.0.0.1:${this.port}/live/live?key=a-key-of-the-live-one`;
    const args = ['-v', 'error', '-re', '-stream_loop', '-1', '-i', this.#clip, '-c', 'copy', '-f', 'flv', url];
    this.#push = spawn(FFMPEG, args, { stdio: 'ignore' });
    await waitFor('the live publisher is in', () => (this.#live?.report().frames ?? 0) > 5);
  }

  get port(): number {
    return this.#ingest?.port ?? 0;
  }

  record(): Promise<Conversation> {
    return recordConversation('ffmpeg', this.port, async (proxyPort) => {
      await ffmpeg([...source(6), `rtmp://127.0.0.1:${proxyPort}/live/${CHANNEL_MARK}?key=${SECRET}`]);
    });
  }

  /** Sessions `from` to below `to`, LANES at a time, each lane on a name of its own. */
  async run(
    conversations: readonly [Conversation, ...Conversation[]],
    seed: number,
    from: number,
    to: number,
  ): Promise<void> {
    let next = from;
    const lane = async (index: number) => {
      while (next < to) {
        const session = next++;
        const bytes = onLane(mutate(conversations, seed, session), index);
        this.#underWay.set(session, bytes);
        await this.session(bytes, session);
        await this.#expectChild(seed);
        this.#underWay.delete(session);
      }
    };
    await Promise.all(Array.from({ length: LANES }, (_, index) => lane(index + 1)));
  }

  /** All bytes of one session, in up to three writes, then FIN; every 20th is cut off instead. */
  session(bytes: Buffer, number: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, '127.0.0.1');
      const stuck = setTimeout(() => {
        socket.destroy();
        reject(new Error(`session ${number} is stuck; its bytes: ${keep(bytes, String(number))}`));
      }, STUCK_MS);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        clearTimeout(stuck);
        resolve();
      });
      socket.resume();
      const cut = number % 3 === 0 ? Math.floor(bytes.length / 2) : bytes.length;
      socket.write(bytes.subarray(0, cut));
      setImmediate(() => {
        if (cut < bytes.length) socket.write(bytes.subarray(cut));
        if (number % 20 === 0) socket.resetAndDestroy();
        else socket.end();
      });
    });
  }

  async #expectChild(seed: number): Promise<void> {
    if ((await this.#childStarts()) === 1) return;
    const files = [...this.#underWay].map(([session, bytes]) => keep(bytes, `${seed}-${session}`));
    throw new Error(`the child ended; what was being said, for FUZZ_REPLAY: ${files.join(' ')}`);
  }

  async #childStarts(): Promise<number> {
    return (await this.#metrics.rtmpChildStarts.get()).values[0]?.value ?? 0;
  }

  /** The least of some seconds: what garbage collection leaves. */
  async restingMb(): Promise<number> {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 15; i++) {
      least = Math.min(least, residentMb(this.#childPid));
      await sleep(100);
    }
    return Math.round(least);
  }

  async report(run: Pick<FuzzReport, 'seed' | 'sessions' | 'seconds' | 'residentMb'>): Promise<FuzzReport> {
    await waitFor('every publish but the live one is over', () => this.#open === 1, 6_000).catch(() => undefined);
    const live = this.#live?.report();
    if (live === undefined) throw new Error('there was no live publisher');
    const report = {
      ...run,
      seconds: Math.round(run.seconds * 10) / 10,
      publishes: this.#publishes,
      live,
      childStarts: await this.#childStarts(),
      feedsLeft: this.#open - 1,
    };
    console.log(`fuzz: ${JSON.stringify(report)}`);
    return report;
  }

  async close(): Promise<void> {
    this.#push?.kill('SIGKILL');
    await this.#ingest?.close();
  }

  #onFeed(feed: Feed): void {
    this.#open += 1;
    feed.listen({
      onSource: () => {
        // What the service does with a feed has to bear it too.
        if (feed.identity.channel !== 'live') feed.attach({ fromMs: 0, originMs: 0, write: () => undefined });
      },
      onSourceChanged: () => undefined,
      onJump: () => undefined,
      onEnd: () => {
        this.#open -= 1;
      },
    });
    if (feed.identity.channel === 'live') this.#live ??= new LiveFeed(feed, clipFrames(this.#clip));
    else this.#publishes += 1;
  }

  #log(): Logger {
    const none = () => undefined;
    const log: Logger = { debug: none, info: none, warn: none, error: none, child: () => log };
    const keepPid = (fields: object, text: string) => {
      if (text === 'rtmp listening') this.#childPid = (fields as { pid: number }).pid;
    };
    return { ...log, debug: keepPid, info: keepPid, child: () => log };
  }
}

/** Every picture of the live publisher is held against the clip that it pushes round and round. */
class LiveFeed {
  readonly #clip: readonly string[];
  readonly #events: string[] = [];
  readonly #startMs = performance.now();
  #frames = 0;
  #wrong = 0;
  #next: number | undefined;
  #lastMs: number | undefined;
  #longestGapMs = 0;

  constructor(feed: Feed, clip: readonly string[]) {
    this.#clip = clip;
    feed.listen({
      onSource: () => {
        const { oldestMs = 0 } = feed.keyframeRange() ?? {};
        feed.attach({ fromMs: oldestMs, originMs: Math.floor(oldestMs) - 2_000, write: (tag) => this.#onTag(tag) });
      },
      onSourceChanged: () => this.#events.push('source changed'),
      onJump: () => this.#events.push('jump'),
      onEnd: (how) => this.#events.push(how),
    });
  }

  #onTag(tag: Buffer): void {
    const picture = pictureOf(tag);
    if (picture === undefined) return;
    const nowMs = performance.now();
    if (this.#lastMs !== undefined) this.#longestGapMs = Math.max(this.#longestGapMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    this.#frames += 1;
    const expected = this.#next ?? this.#clip.indexOf(picture);
    if (picture !== this.#clip[expected]) this.#wrong += 1;
    this.#next = (expected + 1) % this.#clip.length;
  }

  report(): LiveReport {
    const seconds = (performance.now() - this.#startMs) / 1000;
    return {
      frames: this.#frames,
      expectedFrames: Math.round(seconds * 30),
      wrong: this.#wrong,
      events: [...this.#events],
      longestGapMs: Math.round(this.#longestGapMs),
    };
  }
}

/** The body of an FLV tag that has a picture (FLV E.4.3.1: AVC NALU), else undefined. */
function pictureOf(tag: Buffer): string | undefined {
  if (tag[0] !== 9 || tag[12] !== 1) return undefined;
  return tag.toString('latin1', 11, 11 + tag.readUIntBE(1, 3));
}

function clipFrames(path: string): string[] {
  const bytes = readFileSync(path);
  const frames: string[] = [];
  for (let at = 13; at + 11 < bytes.length; at += 15 + bytes.readUIntBE(at + 1, 3)) {
    const picture = pictureOf(bytes.subarray(at));
    if (picture !== undefined) frames.push(picture);
  }
  return frames;
}

function source(frames: number): string[] {
  return [
    ...['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=96x64:r=30', '-f', 'lavfi', '-i', 'sine=r=48000'],
    ...['-t', String(frames / 30), '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '30'],
    ...['-pix_fmt', 'yuv420p', '-c:a', 'aac', '-b:a', '64k', '-f', 'flv'],
  ];
}

async function ffmpeg(args: readonly string[]): Promise<void> {
  const child = spawn(FFMPEG, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  if (code !== 0) throw new Error(`ffmpeg ${args.at(-1)} ended with ${String(code)}`);
}

const laneName = (lane: number) => `lane-${String(lane).padStart(2, '0')}`;

/** Every CHANNEL_MARK becomes the lane's name, which is as long. */
function onLane(bytes: Buffer, lane: number): Buffer {
  const name = laneName(lane);
  const copy = Buffer.from(bytes);
  for (let at = copy.indexOf(CHANNEL_MARK); at >= 0; at = copy.indexOf(CHANNEL_MARK, at + 1)) copy.write(name, at);
  return copy;
}

function keep(bytes: Buffer, name: string): string {
  const path = join(tmpdir(), `pitchside-fuzz-${name}.bin`);
  writeFileSync(path, bytes);
  return path;
}
