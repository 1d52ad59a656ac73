/**
 * A service, a publisher whose picture flashes while its sound beeps, and a viewer of everything, for the rows of the fault matrix:
 * what viewers get while a fault is done is measured in figures. It ends all it started.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { metricOf, viewerOf, type Watch, watchChannel } from '../e2e/service-client.ts';
import { type Look, lookAt, makeClip, PLAIN_VIDEO } from '../rig/feeds.ts';
import { KEY, startTestService, type TestService, waitFor, waitLive } from '../rig/service.ts';
import { Publisher } from './publisher.ts';

const CHANNEL = 'match';
/** "In sync" is 20 ms; a flash is seen on a slot of the grid, at most half a frame of 30 fps from its stamp. */
export const APART_MS = 20 + 1000 / 60;

interface Measured {
  readonly slate: number;
  readonly encoderStarts: number;
  readonly periods: number;
  /** How long after its own end the latest Segment came. */
  readonly worstLateMs: number;
  readonly look: Look;
}

export class FaultStage {
  readonly service: TestService;
  readonly publisher: Publisher;
  readonly #watch: Watch;
  readonly #folder: string;

  private constructor(service: TestService, publisher: Publisher, watch: Watch, folder: string) {
    this.service = service;
    this.publisher = publisher;
    this.#watch = watch;
    this.#folder = folder;
  }

  static async open(): Promise<FaultStage> {
    const folder = mkdtempSync(join(tmpdir(), 'fault-stage-'));
    await makeClip(folder, 'plain', { seconds: 16.5 });
    await makeClip(folder, 'size', { seconds: 8.5, size: '480x270' });
    await makeClip(folder, 'rate', { seconds: 8.5, filter: 'fps=25', video: [...PLAIN_VIDEO, '-g', '50'] });
    const parameters = [...PLAIN_VIDEO, '-profile:v', 'baseline', '-level', '4.0'];
    await makeClip(folder, 'parameters', { seconds: 8.5, video: parameters });
    const service = await startTestService();
    const clip = join(folder, 'plain.flv');
    const publisher = new Publisher({ port: service.ports.rtmp, streamName: `${CHANNEL}?key=${KEY}`, clip });
    await publisher.start();
    await waitLive(service);
    return new FaultStage(service, publisher, watchChannel(service), folder);
  }

  changeClip(name: string): void {
    this.publisher.tell({ kind: 'clip', clip: join(this.#folder, `${name}.flv`) });
  }

  status() {
    const channel = this.service.directory.get(CHANNEL);
    if (channel === undefined) throw new Error('there is no channel');
    return channel.status();
  }

  /** How many pictures have come later than this against their own stamps. */
  async picturesLaterThan(seconds: number): Promise<number> {
    const labels = { channel: CHANNEL, stage: 'arrived' };
    const within = await metricOf(this.service, 'stage_seconds_bucket', { ...labels, le: String(seconds) });
    return (await metricOf(this.service, 'stage_seconds_count', labels)) - within;
  }

  /** What viewers get while `act` runs and until three Segments after it are media again. */
  async measure(act: () => Promise<unknown>): Promise<Measured> {
    const before = await this.#counters();
    const sampling = this.#sampleLateness();
    await act();
    await waitFor('media', () => this.status().onAir === 'live' && this.status().state === 'live');
    const edge = this.status().newestNumber ?? 0;
    await waitFor('three more Segments', () => (this.status().newestNumber ?? 0) >= edge + 3);
    const worstLateMs = await sampling.end();
    const after = await this.#counters();
    const measured = {
      slate: after.slate - before.slate,
      encoderStarts: after.encoderStarts - before.encoderStarts,
      periods: after.periods - before.periods,
      worstLateMs,
      look: await lookAt(this.service, CHANNEL, this.#folder, 2),
    };
    const { look, ...figures } = measured;
    if (process.env['FAULTS_SAY'] !== undefined) console.log(JSON.stringify({ ...figures, apartMs: look.apartMs }));
    return measured;
  }

  #sampleLateness(): { end(): Promise<number> } {
    let [worstLateMs, isOver] = [0, false];
    const sampling = (async () => {
      for (let newest = this.status().newestNumber; !isOver; await sleep(20)) {
        const { newestNumber, newestEndMs = 0 } = this.status();
        if (newestNumber === newest) continue;
        newest = newestNumber;
        worstLateMs = Math.max(worstLateMs, Date.now() - newestEndMs);
      }
    })();
    return {
      async end() {
        isOver = true;
        await sampling;
        return Math.round(worstLateMs);
      },
    };
  }

  async #counters() {
    const { service } = this;
    return {
      slate: await metricOf(service, 'packager_segments_total', { source: 'slate' }),
      encoderStarts: await metricOf(service, 'encoder_starts_total'),
      periods: await metricOf(service, 'packager_periods_total'),
    };
  }

  /** What no fault may do, in words: something declared, a number missing, a Segment of another length, a URL that was not as listed. */
  async broken(): Promise<readonly string[]> {
    const { segments } = await viewerOf(this.service, CHANNEL).playlist('180p', 'dvr.m3u8');
    const first = segments[0]?.number ?? 0;
    const lines = segments.flatMap(({ number, isDiscontinuity, durationSeconds }, i) => [
      ...(isDiscontinuity ? [`${number} is a discontinuity`] : []),
      ...(durationSeconds === 2 ? [] : [`${number} has ${durationSeconds} s`]),
      ...(number === first + i ? [] : [`${number} stands where ${first + i} belongs`]),
    ]);
    return [...this.#watch.faults, ...lines];
  }

  async end(): Promise<void> {
    await this.publisher.end();
    await this.#watch.end();
    await this.service.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
