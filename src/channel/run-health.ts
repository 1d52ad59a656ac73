/**
 * The health of one process by its rungs: how far each has come, how far all are behind the feed, and whose fault its end was.
 * It never ends a process. Invariant: what was seen before the end counts more than the process's last words.
 */
import { type LagVerdict, startLagWatch, watchLag } from '../transcode/lag-watch.ts';
import type { EncodeExit } from '../transcode/model.ts';
import { type BlamedOutput, blameOf } from '../transcode/rung-blame.ts';
import type { EncodeRun } from './encode-run.ts';

export interface RungBlame {
  readonly rung: string;
  readonly reason: string;
}

export class RunHealth {
  readonly #run: EncodeRun;
  readonly #encoded: readonly string[];
  readonly #outputs: readonly BlamedOutput[];
  #lag = startLagWatch();
  #seen: RungBlame | undefined;

  /** `encoded`: the rungs of the command; `outputs`: all its outputs in order. */
  constructor(run: EncodeRun, encoded: readonly string[], outputs: readonly BlamedOutput[]) {
    this.#run = run;
    this.#encoded = encoded;
    this.#outputs = outputs;
  }

  /** Media time up to which all its rungs have come out. */
  get leastOutMs(): number {
    return Math.min(...this.#encoded.map((rung) => this.#run.outMs(rung)));
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

  blameFor(exit: EncodeExit): RungBlame | undefined {
    if (this.#seen !== undefined) return this.#seen;
    const said = blameOf(exit.lastLines, this.#outputs);
    return said === undefined ? undefined : { rung: said.track, reason: said.line };
  }
}
