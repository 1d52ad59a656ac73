/**
 * The health of one process by its rungs: how far each has come, how far all are behind the feed, and whose fault its end was.
 * It never ends a process. Invariant: what was seen before the end counts more than the process's last words.
 */
import { type LagVerdict, startLagWatch, watchLag } from '../transcode/lag-watch.ts';
import type { EncodeExit } from '../transcode/model.ts';
import { type BlamedOutput, blameOf } from '../transcode/rung-blame.ts';
import type { EncodeRun } from './encode-run.ts';

/** The grace of 2 s, and what an encoder holds. */
const MAX_HOLE_MS = 4000;

export interface RungBlame {
  readonly rung: string;
  readonly reason: string;
}

/** What is known of an end that nobody asked for. */
export interface Death {
  /** The one rung whose fault it was. */
  readonly blame: RungBlame | undefined;
  /** The signal of somebody else, where no rung is to blame. */
  readonly crash: string | undefined;
}

export class RunHealth {
  readonly #run: EncodeRun;
  readonly #encoded: readonly string[];
  readonly #outputs: readonly BlamedOutput[];
  #lag = startLagWatch();
  #seen: RungBlame | undefined;
  #isKilled = false;

  /** `encoded`: the rungs of the command; `outputs`: all its outputs in order. */
  constructor(run: EncodeRun, encoded: readonly string[], outputs: readonly BlamedOutput[]) {
    this.#run = run;
    this.#encoded = encoded;
    this.#outputs = outputs;
  }

  /** What is missing before this media time is slate already: another process need not work it off. */
  isHoleTooLong(untilMs: number): boolean {
    return untilMs - Math.min(...this.#encoded.map((rung) => this.#run.outMs(rung))) > MAX_HOLE_MS;
  }

  look(nowMs: number, owedMs: number): { readonly verdict: LagVerdict; readonly lagMs: number } {
    const outMs = new Map(this.#encoded.map((rung) => [rung, this.#run.outMs(rung)]));
    const isUnderWay = this.#encoded.every((rung) => this.#run.hasBrought(rung));
    const { watch, verdict } = watchLag(this.#lag, { nowMs, owedMs, outMs, isUnderWay });
    this.#lag = watch;
    return { verdict, lagMs: Math.max(0, owedMs - Math.min(owedMs, ...outMs.values())) };
  }

  /** The first fault of a rung is the cause of those that follow. */
  noteFault(rung: string, reason: string): void {
    this.#seen ??= { rung, reason };
  }

  /** It is ended for a reason of ours. */
  noteKill(): void {
    this.#isKilled = true;
  }

  /** `wasKilled`: by the supervisor. */
  judge(exit: EncodeExit, wasKilled: boolean): Death {
    const blame = this.#blameFor(exit);
    const isOurs = wasKilled || this.#isKilled;
    return { blame, crash: blame === undefined && !isOurs ? exit.signal : undefined };
  }

  #blameFor(exit: EncodeExit): RungBlame | undefined {
    if (this.#seen !== undefined) return this.#seen;
    const said = blameOf(exit.lastLines, this.#outputs);
    return said === undefined ? undefined : { rung: said.track, reason: said.line };
  }
}
