/**
 * The door of the room: a run from its plan to its figures, phase by phase: joining, watching, the spike, after it.
 * It never runs longer than planned. Invariant: rates are of whole phases, from clock reading to clock reading.
 */
import { setInterval } from 'node:timers';
import type { Clock } from '../system/clock.ts';
import { messageOf, ServiceError } from '../system/errors.ts';
import { mayLoad } from './consent.ts';
import { Crowd } from './crowd.ts';
import { EdgeLog } from './edge-log.ts';
import type { ClientOptions } from './http-client.ts';
import { Ledger } from './ledger.ts';
import { VIEWER_KINDS, type ViewerKind } from './model.ts';
import { countsBetween, type OriginCounts, readOriginCounts } from './origin-metrics.ts';
import { type Mix, planSwarm, type StreamFacts, type SwarmPlan, type SwarmWish } from './plan.ts';
import { type PhaseName, type PhaseReport, phaseReport, type SwarmReport } from './report.ts';
import { surveyStream } from './survey.ts';

export interface SwarmOptions {
  readonly wish: SwarmWish;
  /** The one host beside loopback that may be loaded. */
  readonly consentedHost: string | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Hears of the plan before the first viewer. */
  readonly onPlan: (plan: SwarmPlan) => void;
  /** Hears every few seconds how it goes. */
  readonly onProgress: (line: string) => void;
}

/** A spike is over when what it set off is. */
const SPIKE_MS = 6000;
/** After the last one has joined, until its buffer is full. */
const SETTLE_MS = 4000;
const PROGRESS_MS = 5000;
const WICKET_MS = 1000;

/** Throws HTTP_NOT_FOUND when there is nothing to watch. */
export async function runSwarm(options: SwarmOptions): Promise<SwarmReport> {
  const { wish, clock, consentedHost } = options;
  const client = { nowMs: () => clock.nowMs(), isAllowed: (host: string) => mayLoad(host, consentedHost) };
  const facts = await surveyStream(wish, client);
  const plan = planSwarm(wish, facts, openFiles());
  options.onPlan(plan);
  const edgeLog = wish.edgeLogFile === undefined ? undefined : await openEdgeLog(wish.edgeLogFile, plan);
  const run = new Run(options, plan, facts, client, edgeLog);
  return await run.whole();
}

/** Node raises the soft limit to the hard one at its start; without a limit, what one machine has ports for. */
function openFiles(): number {
  const report = process.report?.getReport() as { userLimits?: { open_files?: { soft?: unknown } } } | undefined;
  const soft = Number(report?.userLimits?.open_files?.soft);
  return Number.isFinite(soft) && soft > 0 ? soft : 28_000;
}

/** Throws HTTP_NOT_FOUND when there is no such log. */
async function openEdgeLog(file: string, { hlsUrl }: SwarmPlan): Promise<EdgeLog> {
  const channel = new URL('.', hlsUrl).pathname;
  try {
    return await EdgeLog.open(file, channel);
  } catch (thrown) {
    throw new ServiceError('HTTP_NOT_FOUND', `${file} cannot be read: ${messageOf(thrown)}`, {
      hint: 'Name the log that the edge writes on this machine with --edge-log, and let this user read it.',
      cause: thrown,
    });
  }
}

class Run {
  readonly #options: SwarmOptions;
  readonly #plan: SwarmPlan;
  readonly #facts: StreamFacts;
  readonly #crowd: Crowd;
  readonly #phases: PhaseReport[] = [];
  #ledger = new Ledger();
  #startMs: number;
  #origin: OriginCounts | undefined;
  #peakRss = 0;
  readonly #edgeLog: EdgeLog | undefined;

  constructor(
    options: SwarmOptions,
    plan: SwarmPlan,
    facts: StreamFacts,
    client: ClientOptions,
    edgeLog: EdgeLog | undefined,
  ) {
    this.#edgeLog = edgeLog;
    this.#options = options;
    this.#plan = plan;
    this.#facts = facts;
    this.#startMs = options.clock.nowMs();
    this.#crowd = new Crowd({
      clock: options.clock,
      client,
      habits: { thinkMs: plan.thinkMs },
      seed: plan.seed,
      maxRequestsPerSecond: plan.maxRequestsPerSecond,
      urlOf: (kind) => (kind === 'dash' ? plan.mpdUrl : plan.hlsUrl),
      connectionsOf: (kind) => plan.connectionsOf[kind],
      ledger: () => this.#ledger,
    });
  }

  async whole(): Promise<SwarmReport> {
    const { clock } = this.#options;
    // The clock's timers do not keep the process alive; this one does, and says how it goes.
    const progress = setInterval(() => this.#progress(), PROGRESS_MS);
    const beganMs = clock.nowMs();
    const cpuBefore = cpuSeconds();
    try {
      this.#origin = await this.#readOrigin();
      await this.#course();
    } finally {
      clearInterval(progress);
      this.#crowd.close();
    }
    const seconds = Math.round(clock.nowMs() - beganMs) / 1000;
    return {
      plan: this.#plan,
      seconds,
      wasStopped: this.#options.signal.aborted,
      ...this.#memory(),
      cpuSeconds: cpuSeconds() - cpuBefore,
      phases: this.#phases,
    };
  }

  #memory() {
    this.#peakRss = Math.max(this.#peakRss, process.memoryUsage.rss());
    return { rssMb: Math.round(this.#peakRss / 1e6) };
  }

  /** Phases last as long as planned from when they begin: on a machine that cannot keep up each of them is measured all the same. */
  async #course(): Promise<void> {
    const { durationMs, rampMs, spike, counts, joinCounts } = this.#plan;
    const joinedMs = Math.min(durationMs, rampMs + SETTLE_MS);
    this.#crowd.join(kindsOf(counts), rampMs);
    await this.#phase('joining', joinedMs);
    if (spike === undefined || spike.viewers === 0 || spike.atMs >= durationMs) {
      await this.#phase('watching', durationMs - joinedMs);
      return;
    }
    const spikeMs = Math.max(joinedMs, spike.atMs);
    await this.#phase('watching', spikeMs - joinedMs);
    if (spike.what === 'join') this.#crowd.join(kindsOf(joinCounts), WICKET_MS);
    else {
      this.#crowd.disturb(spike.viewers, WICKET_MS, (share) =>
        // Not to the oldest Segment: it leaves the window while it is being asked for.
        spike.what === 'reload' ? { kind: 'reload' } : { kind: 'rewind', share: 0.1 + 0.8 * share },
      );
    }
    await this.#phase('spike', Math.min(SPIKE_MS, durationMs - spikeMs));
    await this.#phase('after', durationMs - spikeMs - SPIKE_MS);
  }

  /** Waits so long or until the end, and closes the books of what came since the phase before. */
  async #phase(name: PhaseName, forMs: number): Promise<void> {
    const { clock, signal } = this.#options;
    if (forMs <= 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const cancel = clock.after(forMs, resolve);
      const stop = (): void => {
        cancel();
        resolve();
      };
      signal.addEventListener('abort', stop, { once: true });
    });
    const [ledger, startMs, before] = [this.#ledger, this.#startMs, this.#origin];
    this.#ledger = new Ledger();
    this.#startMs = clock.nowMs();
    this.#origin = await this.#readOrigin();
    const origin = before === undefined || this.#origin === undefined ? undefined : countsBetween(before, this.#origin);
    const seconds = (this.#startMs - startMs) / 1000;
    const edgeLog = await this.#edgeLog?.take();
    const of = { name, seconds, viewers: this.#crowd.viewers, ledger, origin, edgeLog };
    this.#phases.push(phaseReport(of, this.#plan, this.#facts));
  }

  async #readOrigin(): Promise<OriginCounts | undefined> {
    const { metricsUrl } = this.#plan;
    return metricsUrl === undefined ? undefined : await readOriginCounts(metricsUrl);
  }

  #progress(): void {
    this.#memory();
    const seconds = (this.#options.clock.nowMs() - this.#startMs) / 1000;
    const rate = seconds < 1 ? '' : `, ${Math.round(this.#ledger.requests / seconds)} requests a second`;
    this.#options.onProgress(`${this.#crowd.viewers} viewers${rate}`);
  }
}

/** Of this process, in its own code and in the kernel for it. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** In turn, so that a crowd that grows has its mix at any time. */
function kindsOf(counts: Mix): readonly ViewerKind[] {
  return VIEWER_KINDS.flatMap((kind) =>
    Array.from({ length: counts[kind] }, (_, index) => ({ kind, place: (index + 0.5) / counts[kind] })),
  )
    .toSorted((a, b) => a.place - b.place)
    .map(({ kind }) => kind);
}
