/**
 * The encoders of one Channel: the worker of the publish, one that is to take over from it, and those that end.
 * It never decides what a publish is encoded as. Invariant: a worker that runs is ended by another only once that one has made
 * media, or because it can't go on; and when `close` resolves no process is left.
 */
import type { Feed, SourceDescription } from '../ingest/model.ts';
import { EncoderLog } from '../transcode/encoder-log.ts';
import type { LeftOut } from '../transcode/rung-policy.ts';
import type { ChannelParts } from './channel.ts';
import { EndingWorkers } from './ending-workers.ts';
import type { OnAir } from './on-air.ts';
import type { PlanInUse } from './plan-in-use.ts';
import type { Death } from './run-health.ts';
import { RunLog } from './run-log.ts';
import { RungKeeper } from './rung-keeper.ts';
import type { SourceCopy } from './source-copy.ts';
import type { RunStatus } from './view.ts';
import { Worker } from './worker.ts';
import type { WorkerFault } from './worker-fault.ts';

/** What a publish is encoded from and as; `plan` has all rungs. */
export interface EncodingJob {
  readonly feed: Feed;
  readonly source: SourceDescription;
  readonly plan: PlanInUse;
  readonly copy: SourceCopy | undefined;
}

export interface EncodingOptions {
  readonly parts: ChannelParts;
  readonly onAir: OnAir;
  readonly waitsForSlate: () => boolean;
  readonly onFault: (fault: WorkerFault) => void;
}

export class Encoding {
  readonly #options: EncodingOptions;
  readonly #ending = new EndingWorkers();
  readonly #rungs: RungKeeper;
  readonly #log = new RunLog();
  /** The encoders' own words, over all runs. */
  readonly words: EncoderLog;
  #job: EncodingJob | undefined;
  #worker: Worker | undefined;
  /** Has a rung more than the worker, and takes over with its first media. */
  #successor: { readonly worker: Worker; readonly rung: string } | undefined;
  #runCount = 0;

  constructor(options: EncodingOptions) {
    this.#options = options;
    const { parts, onFault } = options;
    this.words = new EncoderLog(parts.clock);
    this.#rungs = new RungKeeper({ parts, onFault, onDue: () => this.#bringBack() });
  }

  get isRunning(): boolean {
    return this.#worker !== undefined;
  }

  get worker(): Worker | undefined {
    return this.#worker;
  }

  /** The last EncodeRuns. */
  get runs(): readonly RunStatus[] {
    return this.#log.list();
  }

  get leftOut(): readonly LeftOut[] {
    return this.#rungs.leftOut;
  }

  /** A new worker in place of whatever runs. */
  begin(job: EncodingJob): void {
    this.end();
    this.#job = job;
    this.#rungs.inUse(job.plan);
    // Nothing is lost by a trial now: there is no worker that it could disturb.
    this.#rungs.due();
    const worker: Worker = this.#newWorker(job, {
      onMedia: () => undefined,
      onDeath: (death) => this.#died(death),
      onOverload: (lagMs) => this.#overloaded(worker, lagMs),
    });
    this.#worker = worker;
    worker.start();
  }

  end(): void {
    this.#dropSuccessor();
    this.#ending.end(this.#worker);
    this.#worker = undefined;
  }

  /** The publisher is back within the grace. False: its worker can't go on. */
  adopt(feed: Feed): boolean {
    if (this.#worker?.adopt(feed) !== true) return false;
    this.#dropSuccessor();
    if (this.#job !== undefined) this.#job = { ...this.#job, feed };
    return true;
  }

  /** The feed's stamps have a new base. */
  restart(reason: string): void {
    this.#dropSuccessor();
    this.#worker?.kill(reason);
  }

  /** Another process in place of the one that works; nothing is skipped. False: none works. */
  replace(reason: string): boolean {
    if (this.#worker?.liveProcess === undefined) return false;
    this.#dropSuccessor();
    this.#worker.replace(reason, false);
    return true;
  }

  async close(): Promise<void> {
    this.#rungs.close();
    this.end();
    await this.#ending.close(this.#options.parts.clock);
  }

  #died({ blame, crash }: Death): void {
    if (blame !== undefined) this.#rungs.fault(blame);
    else if (crash !== undefined) this.#rungs.crash(crash);
  }

  #overloaded(worker: Worker, lagMs: number): void {
    const { onFault } = this.#options;
    this.#dropSuccessor();
    if (!this.#rungs.overload(lagMs)) {
      const message = `the encoder is ${seconds(lagMs)} behind the feed: it begins again with the newest keyframe`;
      const hint = 'Free the machine, or take a ladder with fewer or smaller rungs or a faster preset.';
      onFault({ level: 'warn', code: 'ENCODER_OVERLOADED', message, hint, lines: [] });
    }
    worker.replace(`${seconds(lagMs)} behind the feed`, true);
  }

  /** The wait of a rung is over: a second worker with it, beside the one that runs. */
  #bringBack(): void {
    const job = this.#job;
    if (this.#worker === undefined || job === undefined || this.#successor !== undefined) return;
    const rung = this.#rungs.due();
    if (rung === undefined) return;
    const worker: Worker = this.#newWorker(job, {
      onMedia: () => this.#takeOver(worker),
      onDeath: (death) => {
        const isTrial = this.#trialFailed(worker, death.blame?.reason ?? 'the encoder ended');
        if (!isTrial) this.#died(death);
      },
      onOverload: (lagMs) => {
        const isTrial = this.#trialFailed(worker, `${seconds(lagMs)} behind the feed`);
        if (!isTrial) this.#overloaded(worker, lagMs);
      },
    });
    this.#successor = { worker, rung };
    worker.start();
  }

  #takeOver(worker: Worker): void {
    if (this.#successor?.worker !== worker) return;
    this.#successor = undefined;
    this.#ending.end(this.#worker);
    this.#worker = worker;
  }

  /** Who fails on trial fails by the rung that is tried, and the worker that runs goes on. False: it is no trial any more. */
  #trialFailed(worker: Worker, reason: string): boolean {
    const successor = this.#successor;
    if (successor?.worker !== worker) return false;
    this.#dropSuccessor();
    this.#rungs.trialFailed({ rung: successor.rung, reason });
    return true;
  }

  #dropSuccessor(): void {
    const successor = this.#successor;
    this.#successor = undefined;
    this.#ending.end(successor?.worker);
  }

  #newWorker(
    { feed, source, plan, copy }: EncodingJob,
    on: {
      readonly onMedia: () => void;
      readonly onDeath: (death: Death) => void;
      readonly onOverload: (lagMs: number) => void;
    },
  ): Worker {
    const { parts, onAir, waitsForSlate, onFault } = this.#options;
    return new Worker({
      parts,
      encoderLog: this.words,
      feed,
      source,
      plan: () => this.#rungs.inUse(plan),
      copy,
      nextRunId: () => `${parts.settings.id}-${feed.identity.id}-${++this.#runCount}`,
      resumeAt: () => onAir.resumeAt(plan.grid),
      waitsForSlate,
      onRun: (run) => {
        this.#log.began(run, parts.clock.nowMs());
        onAir.join(run);
      },
      onRunEnd: (runId, exit, wasAsked) => {
        this.#log.ended(runId, exit, wasAsked, parts.clock.nowMs());
        onAir.leave(runId);
      },
      onMedia: () => {
        on.onMedia();
        onAir.advance();
      },
      onFault,
      onDeath: on.onDeath,
      onOverload: on.onOverload,
    });
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
