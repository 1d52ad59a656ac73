/**
 * The encoder of one publish: does what the supervisor says with a real ffmpeg, the feed's ring and the CMAF receiver.
 * It never decides when to restart and never commits media. Invariant: each process has its own EncodeRun, whose zero is
 * the start of the first Segment that is not on air yet.
 */
import type { CmafRun } from '../cmaf/receiver.ts';
import type { CmafSink } from '../cmaf/sink.ts';
import type { Feed, SourceDescription, WorkerInput } from '../ingest/model.ts';
import { audioOffset } from '../package/grid.ts';
import type { RunOrigin } from '../package/segmenter.ts';
import { workerCommand } from '../transcode/arguments.ts';
import type { EncoderLog } from '../transcode/encoder-log.ts';
import { redactCommandLine, startEncoder } from '../transcode/ffmpeg-process.ts';
import type {
  EncodeCommand,
  EncodeExit,
  EncodeProcess,
  EncodeProcessListener,
  EncodeProgress,
} from '../transcode/model.ts';
import {
  idleSupervisor,
  type SupervisorCommand,
  type SupervisorEvent,
  type SupervisorLimits,
  type SupervisorState,
  superviseWorker,
  supervisorLimits,
} from '../transcode/supervisor.ts';
import type { ChannelParts } from './channel.ts';
import { CopyRate } from './copy-rate.ts';
import { EncodeRun } from './encode-run.ts';
import { OwedMedia } from './owed-media.ts';
import { encodedRungs, type PlanInUse } from './plan-in-use.ts';
import { noteNoEncoder, noteProgress, RunFigures } from './run-figures.ts';
import { type Death, RunHealth } from './run-health.ts';
import { type RunStart, runStart } from './run-start.ts';
import type { CopyStart, SourceCopy } from './source-copy.ts';
import type { WorkerFault } from './worker-fault.ts';

export interface WorkerOptions {
  readonly parts: ChannelParts;
  readonly encoderLog: EncoderLog;
  readonly feed: Feed;
  readonly source: SourceDescription;
  /** Asked for each process: rungs may be left out, or be back. Grid and latency never change. */
  readonly plan: () => PlanInUse;
  /** Of a plan with a copied Track; its base is chosen. */
  readonly copy: SourceCopy | undefined;
  readonly nextRunId: () => string;
  /** The first place that is not on air yet. */
  readonly resumeAt: () => RunOrigin;
  readonly waitsForSlate: () => boolean;
  readonly onRun: (run: EncodeRun) => void;
  /** wasAsked: the worker was told to stop. */
  readonly onRunEnd: (runId: string, exit: EncodeExit, wasAsked: boolean) => void;
  /** Segments became whole. */
  readonly onMedia: () => void;
  readonly onFault: (fault: WorkerFault) => void;
  /** A process ended unasked; told before the next one is started. */
  readonly onDeath: (death: Death) => void;
  /** The process has fallen behind its feed for good. */
  readonly onOverload: (lagMs: number) => void;
}

/** What belongs to one process. */
interface LiveRun {
  readonly run: EncodeRun;
  readonly cmaf: CmafRun;
  readonly process: EncodeProcess;
  /** Media time that is stamp 0 of the process's input. */
  readonly inputOriginMs: number;
  readonly health: RunHealth;
  readonly owed: OwedMedia;
  input: { detach(): void } | undefined;
}

/** What hangs for 1.5 s is seen within 2 s, also on a busy machine. */
const TICK_MS = 100;

export class Worker {
  readonly #options: WorkerOptions;
  readonly #limits: SupervisorLimits;
  #plan: PlanInUse;
  #feed: Feed;
  /** Of the feed that the current process was started on. */
  #headersKey: string | undefined;
  #state: SupervisorState;
  #live: LiveRun | undefined;
  #progress: EncodeProgress | undefined;
  #stopped: (() => void)[] = [];
  #cancelTick: () => void = () => undefined;
  /** The next process begins with the newest keyframe, not with the first place that is not on air. */
  #skips = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#feed = options.feed;
    this.#plan = options.plan();
    this.#limits = supervisorLimits(this.#plan.grid);
    this.#state = idleSupervisor(options.parts.clock.nowMs());
  }

  start(): void {
    this.#tell({ kind: 'start' });
    this.#tick();
  }

  /** Resolves when no process is left; a worker that does not end by itself is killed. */
  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#stopped.push(resolve);
      this.#live?.input?.detach();
      this.#tell({ kind: 'stop' });
      this.#settle();
    });
  }

  /**
   * The publisher is back within the grace: the process goes on with the new feed, and constant rate and audio resampling
   * fill the hole. False when its sequence headers differ or no process is there to go on.
   */
  adopt(feed: Feed): boolean {
    const live = this.#live;
    const newestMs = feed.keyframeRange()?.newestMs;
    if (live === undefined || newestMs === undefined || this.#state.wanted !== 'worker') return false;
    // The new publish has its keyframes elsewhere: another base, so another run.
    if (this.#options.copy !== undefined) return false;
    if (feed.headersKey === undefined || feed.headersKey !== this.#headersKey) return false;
    if (live.health.isHoleTooLong(newestMs)) return false;
    live.input?.detach();
    this.#feed = feed;
    const write = (bytes: Buffer) => this.#feedIn(live.process, bytes);
    live.input = feed.attach({ fromMs: newestMs, originMs: live.inputOriginMs, isContinuation: true, write });
    return true;
  }

  /** Ends the current process at once; the supervisor replaces it, with a new base. */
  kill(reason: string): void {
    this.#options.parts.log.warn({ reason }, 'encoder killed');
    this.#live?.health.noteKill();
    this.#live?.process.kill();
  }

  /** Another process at once, with the plan of now; with `skips` without what this one had not encoded yet. Not counted as a death. */
  replace(reason: string, skips: boolean): void {
    this.#options.parts.log.info({ reason }, 'encoder replaced');
    this.#skips = skips;
    this.#tell({ kind: 'replace' });
  }

  encoder(): { pid: number; fps: number; speed: number | undefined } | undefined {
    const pid = this.#live?.process.pid;
    return pid === undefined ? undefined : { pid, fps: this.#progress?.fps ?? 0, speed: this.#progress?.speed };
  }

  /** The process whose media goes on air; undefined while one is starting or ending. */
  get liveProcess(): EncodeProcess | undefined {
    return this.#state.name === 'live' ? this.#live?.process : undefined;
  }

  #tick(): void {
    // Its feed is paused: what waits is still owed.
    if (this.#live?.owed.isFull === true) this.#tell({ kind: 'tags-in' });
    this.#tell({ kind: 'tick' });
    this.#watchLag();
    if (this.#isOver()) return;
    this.#cancelTick = this.#options.parts.clock.after(TICK_MS, () => this.#tick());
  }

  #watchLag(): void {
    const live = this.#live;
    if (live === undefined || this.#state.name !== 'live') return;
    const { parts, onOverload } = this.#options;
    const nowMs = parts.clock.nowMs();
    const { pictureMs } = this.#feed.statistics();
    if (pictureMs === undefined) return;
    const { verdict, lagMs } = live.health.look(nowMs, live.owed.untilMs(nowMs, pictureMs));
    parts.metrics.encoderLag.set({ channel: parts.settings.id }, lagMs / 1000);
    if (verdict.kind === 'overload') onOverload(verdict.lagMs);
    if (verdict.kind !== 'silent-rung') return;
    const reason = `it made nothing for ${Math.round(verdict.behindMs)} ms while the others went on`;
    live.health.noteFault(verdict.rung, reason);
    this.kill(`rung ${verdict.rung}: ${reason}`);
  }

  #isOver(): boolean {
    return this.#state.wanted === 'stop' && this.#live === undefined && this.#state.name === 'idle';
  }

  #settle(): void {
    if (!this.#isOver()) return;
    this.#cancelTick();
    for (const resolve of this.#stopped.splice(0)) resolve();
  }

  #tell(event: SupervisorEvent): void {
    const step = superviseWorker(this.#state, event, this.#options.parts.clock.nowMs(), this.#limits);
    this.#state = step.state;
    for (const command of step.commands) this.#obey(command);
  }

  #obey(command: SupervisorCommand): void {
    switch (command.kind) {
      case 'spawn':
        this.#spawn();
        break;
      case 'kill':
        this.#live?.process.kill();
        break;
      case 'end-input':
        this.#live?.process.end();
        break;
      case 'report':
        this.#report(command);
        break;
    }
  }

  #report({ level, code, message, hint, lastLines }: SupervisorCommand & { kind: 'report' }): void {
    if (level === 'info') this.#options.parts.log.info({ code }, message);
    else this.#options.onFault({ level, code, message, hint, lines: lastLines.slice(-5) });
  }

  #spawn(): void {
    const { parts, source } = this.#options;
    this.#plan = this.#options.plan();
    const plan = this.#plan;
    const feed = this.#feed;
    const { copy, resumeAt } = this.#options;
    const leavesGaps = this.#options.parts.settings.whenAbsent === 'gap';
    const start = runStart({ plan, feed, copy, wanted: resumeAt(), skips: this.#skips, leavesGaps });
    this.#skips = false;
    const delivers = new Set(
      plan.facts.filter(({ kind }) => kind === 'video' || source.audio !== undefined).map(({ id }) => id),
    );
    const posted = [...delivers].filter((id) => id !== copy?.track.id);
    const run = new EncodeRun({
      id: this.#options.nextRunId(),
      grid: plan.grid,
      origin: start.origin,
      facts: plan.facts,
      delivers,
      slate: () => plan.slate,
      waitsForSlate: this.#options.waitsForSlate,
    });
    const cmaf = parts.receiver.openRun({ runId: run.id, tracks: posted, sink: this.#sink(run, posted) });
    const command = this.#command(cmaf, plan, start);
    const [{ ffmpegPath }, { encoderLog: log }] = [parts, this.#options];
    const process = startEncoder({ ffmpegPath, command, listener: this.#listener(run), log });
    parts.metrics.encoderStarts.inc({ channel: parts.settings.id });
    const live: LiveRun = {
      run,
      cmaf,
      process,
      inputOriginMs: start.inputOriginMs,
      health: new RunHealth(
        run,
        encodedRungs(plan),
        posted.map((track) => ({ track, url: cmaf.urlOf(track) })),
      ),
      owed: new OwedMedia(),
      input: undefined,
    };
    this.#live = live;
    this.#headersKey = feed.headersKey;
    this.#options.onRun(run);
    live.input = feed.attach({
      fromMs: start.fromMs,
      originMs: start.inputOriginMs,
      write: (bytes) => this.#feedIn(process, bytes),
      ...this.#copyInto(run, start.copy),
    });
  }

  #command({ urlOf, headers }: CmafRun, { plan, grid }: PlanInUse, { origin, trimMs }: RunStart): EncodeCommand {
    const { source } = this.#options;
    return workerCommand({
      plan,
      urlOf,
      headers,
      start: {
        trimMs,
        audioOffsetSamples: audioOffset(grid, origin.index, origin.part),
        hasVideo: true,
        hasAudio: source.audio !== undefined,
        source: source.video,
      },
    });
  }

  /** The feed's own pictures go past the encoder into the run; all tags of the run take their times from the copy's base. */
  #copyInto(run: EncodeRun, start: CopyStart | undefined): Pick<WorkerInput, 'timeOf'> {
    const { copy, onMedia, onFault, parts } = this.#options;
    if (copy === undefined || start === undefined) return {};
    const { id } = copy.track;
    const rate = new CopyRate(copy.track, this.#plan.grid);
    const copied = copy.openRun(start, (fragment) => {
      const outcome = run.onFragment(id, fragment);
      if (outcome.kind === 'dropped')
        parts.metrics.fragmentsDropped.inc({ channel: parts.settings.id, reason: outcome.reason });
      if (outcome.kind === 'media') onMedia();
      const fault = rate.take(fragment);
      if (fault !== undefined) onFault(fault);
    });
    if (copied === undefined) return {};
    run.onInit(id, copied.init);
    return { timeOf: copied.timeOf };
  }

  #feedIn(process: EncodeProcess, bytes: Buffer): void {
    const live = this.#live;
    if (live?.process !== process) return;
    if (!process.write(bytes)) {
      live.owed.full();
      this.#feed.setFlow(false);
    }
    this.#tell({ kind: 'tags-in' });
  }

  #sink(run: EncodeRun, posted: readonly string[]): CmafSink {
    const { parts, onMedia, onFault } = this.#options;
    const channel = parts.settings.id;
    const figures = new RunFigures(parts, run, this.#plan.grid, posted);
    return {
      onInit: (track, init) => {
        if (run.onInit(track, init)) return;
        const message = `track ${track} has timescale ${init.timescale}, not the grid's`;
        onFault({
          level: 'error',
          code: 'CMAF_OFF_GRID',
          message,
          hint: 'This is a fault of the service: report it.',
          lines: [],
        });
      },
      onFragment: (track, fragment, beganMs) => {
        if (this.#live?.run === run) this.#tell({ kind: 'chunk-out' });
        const outcome = run.onFragment(track, fragment);
        figures.chunk(track, beganMs);
        if (outcome.kind === 'dropped') parts.metrics.fragmentsDropped.inc({ channel, reason: outcome.reason });
        if (outcome.kind === 'media') onMedia();
      },
      onEnd: (track, how) => parts.log.debug({ track, how, run: run.id }, 'track ended'),
      onRefused: (track, { code, message, hint }) => {
        if (this.#live?.run === run) this.#live.health.noteFault(track, message);
        onFault({ level: 'error', code, message: `track ${track}: ${message}`, hint, lines: [] });
      },
    };
  }

  #listener(run: EncodeRun): EncodeProcessListener {
    const { parts, onRunEnd, onDeath } = this.#options;
    const channel = parts.settings.id;
    return {
      onStart: (pid, commandLine) => {
        parts.log.info({ pid, run: run.id, origin: run.origin.index, part: run.origin.part }, 'encoder started');
        parts.log.debug({ command: redactCommandLine(commandLine) }, 'encoder command');
        this.#tell({ kind: 'started', pid });
      },
      onProgress: (progress) => {
        noteProgress(parts, this.#progress, progress);
        this.#progress = progress;
      },
      onLogLine: (line) => parts.log.debug({ line }, 'encoder says'),
      onDrain: () => {
        if (this.#live?.run === run) this.#live.owed.drained(parts.clock.nowMs());
        this.#feed.setFlow(true);
      },
      onExit: (exit) => {
        parts.log.info({ run: run.id, code: exit.code, signal: exit.signal }, 'encoder ended');
        const isUnasked = this.#state.wanted !== 'stop' && !this.#state.replaced;
        if (isUnasked)
          parts.metrics.encoderExits.inc({ channel, reason: exit.signal ?? `code-${exit.code ?? 'none'}` });
        const death = this.#live?.health.judge(exit, this.#state.killed);
        this.#release(run);
        onRunEnd(run.id, exit, this.#state.wanted === 'stop');
        this.#feed.setFlow(true);
        if (isUnasked && death !== undefined) onDeath(death);
        this.#tell({ kind: 'exited', exit });
        this.#settle();
      },
    };
  }

  #release(run: EncodeRun): void {
    const live = this.#live;
    if (live === undefined || live.run !== run) return;
    live.input?.detach();
    // The last bytes of a flushed body may still be in a socket: the run is closed a moment later.
    this.#options.parts.clock.after(1000, () => live.cmaf.close());
    this.#live = undefined;
    noteNoEncoder(this.#options.parts);
    this.#progress = undefined;
  }
}
