/**
 * A Channel with everything around it in the test's hand: clock, log, journal, store, receiver and encoders.
 * The test file itself replaces ffmpeg-process.ts and slate-picture.ts (vi.mock is read by file).
 */
import { Channel, type ChannelParts } from '../../src/channel/channel.ts';
import { type ChannelEntry, readFormerLife } from '../../src/channel/former-life.ts';
import type { ChannelNotice } from '../../src/channel/notices.ts';
import type { SlateShelf } from '../../src/channel/slate-shelf.ts';
import type { ChannelSettings, Ladder } from '../../src/config/model.ts';
import { type Grid, makeGrid } from '../../src/package/grid.ts';
import { openMetrics } from '../../src/system/metrics.ts';
import { openMemoryJournal } from '../../src/window/memory-journal.ts';
import { openMemoryStore } from '../../src/window/memory-store.ts';
import type { Journal, WindowStore } from '../../src/window/model.ts';
import { channelSettings } from './channel-settings.ts';
import { ManualClock } from './manual-clock.ts';
import { encoders, forgetEncoders, type ManualEncoder } from './manual-encoder.ts';
import { MemoryLog } from './memory-log.ts';
import { MemoryReceiver } from './memory-receiver.ts';
import { PublisherFeed } from './publisher-feed.ts';
import { ladderOf, rung } from './transcode-plan.ts';

export const WORLD_LADDER = ladderOf([rung('v720', 720), rung('v360', 360)]);
export const P30 = makeGrid({ num: 30, den: 1 }, 2);

/** What promises have left to do. */
export const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

export interface WorldOptions {
  readonly ladder?: Ladder;
  readonly settings?: Partial<ChannelSettings>;
  readonly journal?: Journal<ChannelEntry>;
  readonly former?: Partial<ChannelParts['former']>;
  readonly slates?: SlateShelf;
  readonly store?: WindowStore;
}

export class ChannelWorld {
  readonly clock = new ManualClock();
  readonly log = new MemoryLog();
  readonly receiver = new MemoryReceiver();
  readonly store: WindowStore;
  readonly metrics = openMetrics();
  readonly journal: Journal<ChannelEntry>;
  readonly channel: Channel;
  /** Keys that the Channel woke. */
  readonly woken: string[] = [];
  /** What the Channel told. */
  readonly notices: ChannelNotice[] = [];
  readonly #hasParts: boolean;
  #publishes = 0;

  constructor(options: WorldOptions = {}) {
    forgetEncoders();
    this.store = options.store ?? openMemoryStore();
    this.journal = options.journal ?? openMemoryJournal('i1');
    const { clock, log, receiver, store, metrics, journal } = this;
    this.#hasParts = (options.settings?.latency ?? 'normal') !== 'normal';
    const settings = channelSettings(options.ladder ?? WORLD_LADDER, options.settings);
    const former = { ...readFormerLife([]), isContinued: false, numbersFrom: 0, ...options.former };
    const health = { state: { kind: 'none' } } as const;
    const window = { store, journal, health, former, slates: options.slates };
    const onNotice = (notice: ChannelNotice) => this.notices.push(notice);
    this.channel = new Channel({ settings, receiver, ffmpegPath: 'ffmpeg', clock, log, metrics, onNotice, ...window });
    this.channel.onReady((key) => this.woken.push(key));
  }

  get nowMs(): number {
    return this.clock.nowMs();
  }

  get status() {
    return this.channel.status();
  }

  get slateEncoders(): ManualEncoder[] {
    return encoders.filter(({ runId }) => runId.includes('slate'));
  }

  get workers(): ManualEncoder[] {
    return encoders.filter(({ runId }) => !runId.includes('slate'));
  }

  /** Index that the run of this worker begins at, as the log says it. */
  originOf(worker: ManualEncoder): number {
    const line = this.log.saying('encoder started').find(({ run }) => run === worker.runId);
    if (line === undefined) throw new Error(`${worker.runId} was not started`);
    return Number(line['origin']);
  }

  /** The newest slate encoder does its work. */
  async makeSlate(grid: Grid = P30, variant = ''): Promise<void> {
    const encoder = this.slateEncoders.at(-1);
    if (encoder === undefined) throw new Error('no slate is wanted');
    this.receiver.sendSlate(encoder.runId, grid, variant, this.#hasParts);
    encoder.exit(0);
    await settled();
  }

  async open(grid: Grid = P30, variant = ''): Promise<void> {
    this.channel.open();
    await this.makeSlate(grid, variant);
  }

  /** A publisher comes in with a keyframe of this moment; its headers are told by `announce`. */
  publish(headersKey = 'headers-1'): PublisherFeed {
    const feed = new PublisherFeed(`p${++this.#publishes}`, this.nowMs);
    feed.headersKey = headersKey;
    this.channel.publish(feed);
    return feed;
  }

  /** The newest worker starts and posts its headers. */
  startWorker(grid: Grid = P30, variant = ''): ManualEncoder {
    const worker = this.workers.at(-1);
    if (worker === undefined) throw new Error('no worker');
    worker.start(4000 + this.workers.length);
    this.receiver.sendHeaders(worker.runId, grid, variant);
    return worker;
  }

  /** The n-th Segment of a worker's run. */
  deliver(worker: ManualEncoder, n: number, grid: Grid = P30, only?: readonly string[]): void {
    this.receiver.sendSegment(worker.runId, grid, this.originOf(worker), n, only);
  }

  /** Lets time pass until a publisher's media is at the edge. */
  untilLive(): void {
    for (let ms = 0; this.status.onAir !== 'live'; ms += 100) {
      if (ms > 20_000) throw new Error('not live after 20 s');
      this.clock.advance(100);
    }
  }

  /** A publish whose first Segment is on air. */
  static async live(options: WorldOptions = {}) {
    const it = new ChannelWorld(options);
    await it.open();
    const feed = it.publish();
    feed.announce();
    const worker = it.startWorker();
    it.deliver(worker, 0);
    it.untilLive();
    return { it, feed, worker };
  }

  /** Listed numbers, newest last. */
  listed(track = 'v720'): number[] {
    const answer = this.channel.text({ kind: 'hls-dvr-media', track });
    if (answer.kind !== 'ready') throw new Error(`the playlist is ${answer.kind}`);
    return [...answer.revision.text.matchAll(/\/(\d+)\.m4s/g)].map((match) => Number(match[1]));
  }

  codes(): string[] {
    return this.status.lastFaults.map(({ code }) => code);
  }
}
