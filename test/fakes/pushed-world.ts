/**
 * A group that is pushed to, with clock, log and timeline in the test's hand; sources speak bytes, through the body of a request.
 * It never opens a socket. Invariant: what a source sends is made of its own times alone.
 */
import { PushedGroup } from '../../src/channel/pushed-group.ts';
import type { CmafRefusal } from '../../src/cmaf/sink.ts';
import { TrackBody, type TrackInput } from '../../src/cmaf/track-body.ts';
import type { ChannelSettings, Ladder } from '../../src/config/model.ts';
import type { RunSource } from '../../src/package/run-source.ts';
import { openMetrics } from '../../src/system/metrics.ts';
import { audioInit, fragmentBytes, NON_SYNC_FLAGS, SYNC_FLAGS, videoInit } from './boxes.ts';
import { channelSettings } from './channel-settings.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryLog } from './memory-log.ts';
import { ladderOf, rung } from './transcode-plan.ts';

const PUSH_LADDER: Ladder = ladderOf([rung('v720', 720), rung('v360', 360)]);
/** What ffmpeg's mp4 muxer takes for 25 frames a second. */
const TIMESCALE = 12_800;
const FRAME = 512;

/** Frames `from` to `to` of a Track that began at `firstTicks`, in one chunk. */
export function pictures(
  from: number,
  to: number,
  options: { readonly gopFrames?: number; readonly firstTicks?: number; readonly sequence?: number } = {},
): Buffer {
  const { gopFrames = 50, firstTicks = 0, sequence = 1 } = options;
  return fragmentBytes({
    sequence,
    decodeTicks: firstTicks + from * FRAME,
    samples: Array.from({ length: to - from }, (_, i) => ({
      durationTicks: FRAME,
      flags: (from + i) % gopFrames === 0 ? SYNC_FLAGS : NON_SYNC_FLAGS,
      data: Buffer.from([from + i, (from + i) >> 8]),
    })),
  });
}

/** Access units `from` to `to`, in one chunk. */
export function sounds(from: number, to: number, firstTicks = 0, unit = 1024): Buffer {
  return fragmentBytes({
    decodeTicks: firstTicks + from * unit,
    samples: Array.from({ length: to - from }, (_, i) => ({
      durationTicks: unit,
      flags: SYNC_FLAGS,
      data: Buffer.from([from + i, 1]),
    })),
  });
}

export function picturesHeader(variant: { readonly timescale?: number; readonly language?: string } = {}): Buffer {
  return videoInit({ timescale: TIMESCALE, ...variant });
}

export interface SourceOptions {
  readonly gopFrames?: number;
  /** Presentation time of the first picture, in seconds. */
  readonly firstSeconds?: number;
  readonly tracks?: readonly string[];
}

export class PushedWorld {
  readonly clock: ManualClock;
  readonly log = new MemoryLog();
  readonly runs: RunSource[] = [];
  readonly ended: string[] = [];
  readonly faults: string[] = [];
  readonly refusals: CmafRefusal[] = [];
  readonly group: PushedGroup;
  edgeMs: number | undefined;
  plans = 0;
  gone = 0;
  readonly #inputs = new Map<string, TrackInput>();

  constructor(
    options: { readonly ladder?: Ladder; readonly settings?: Partial<ChannelSettings>; nowMs?: number } = {},
  ) {
    const ladder = options.ladder ?? PUSH_LADDER;
    this.clock = new ManualClock(options.nowMs);
    this.group = new PushedGroup({
      settings: channelSettings(ladder, { source: 'cmaf', ...options.settings }),
      clock: this.clock,
      log: this.log,
      metrics: openMetrics(),
      ladder: () => ladder,
      edgeMs: () => this.edgeMs,
      waitsForSlate: () => false,
      onPlan: () => this.plans++,
      onRun: (run) => this.runs.push(run),
      onRunEnd: (id) => this.ended.push(id),
      onMedia: () => undefined,
      onGone: () => this.gone++,
      onFault: (code, message) => this.faults.push(`${code} ${message}`),
    });
  }

  body(track: string): TrackBody {
    const input = this.#inputs.get(track) ?? { name: track, init: undefined };
    this.#inputs.set(track, input);
    const sink = this.group.openBody(track, '192.0.2.1:4000');
    return new TrackBody(
      input,
      {
        onInit: (id, init) => sink.onInit(id, init),
        onFragment: (id, fragment) => sink.onFragment(id, fragment),
        onEnd: (id, how) => sink.onEnd(id, how),
        onRefused: (id, why) => {
          this.refusals.push(why);
          sink.onRefused(id, why);
        },
      },
      1_000_000,
    );
  }

  /** A body with these bytes; the code of its refusal, or 'ok'. */
  send(track: string, ...pieces: readonly Buffer[]): string {
    const body = this.body(track);
    const before = this.refusals.length;
    try {
      for (const piece of pieces) body.push(piece);
      body.end();
    } catch {
      return this.refusals.at(before)?.code ?? 'thrown';
    }
    return 'ok';
  }

  /** A source with one endless body a Track. */
  source(options: SourceOptions = {}): TestSource {
    return new TestSource(this, options);
  }

  /** Indices that the newest run has whole. */
  whole(): number[] {
    return [...(this.runs.at(-1)?.segments.keys() ?? [])].sort((a, b) => a - b);
  }

  carried(): string[] {
    return (this.runs.at(-1)?.plan()?.tracks ?? []).map(({ id }) => id);
  }
}

export class TestSource {
  readonly bodies: ReadonlyMap<string, TrackBody>;
  readonly #world: PushedWorld;
  readonly #options: SourceOptions;
  #second = 0;

  constructor(world: PushedWorld, options: SourceOptions) {
    this.#world = world;
    this.#options = options;
    const tracks = options.tracks ?? ['v720', 'v360', 'a'];
    this.bodies = new Map(tracks.map((track) => [track, world.body(track)]));
    for (const [track, body] of this.bodies) body.push(track === 'a' ? audioInit() : picturesHeader());
  }

  /** Seconds of media, as time passes; Tracks in `without` send nothing. */
  run(seconds: number, without: readonly string[] = []): void {
    const { gopFrames, firstSeconds = 0 } = this.#options;
    for (let i = 0; i < seconds; i++, this.#second++) {
      this.#world.clock.advance(1000);
      const from = this.#second * 25;
      for (const [track, body] of this.bodies) {
        if (without.includes(track)) continue;
        if (track === 'a') {
          const units = [this.#second, this.#second + 1].map((second) => Math.floor((second * 48_000) / 1024));
          body.push(sounds(units[0] ?? 0, units[1] ?? 0, firstSeconds * 48_000));
        } else
          body.push(
            pictures(from, from + 25, {
              ...(gopFrames === undefined ? {} : { gopFrames }),
              firstTicks: firstSeconds * TIMESCALE,
            }),
          );
      }
    }
  }

  abort(): void {
    for (const body of this.bodies.values()) body.abort();
  }
}
