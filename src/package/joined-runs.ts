/**
 * The EncodeRuns that a timeline takes media from, newest first. It never takes any itself.
 * Invariant: a run that left is kept only while it has something whole that is not behind the edge.
 */
import { indexAt } from './grid.ts';
import type { AssembledSegment } from './model.ts';
import type { PeriodPlan } from './period-plan.ts';
import { hasMediaFrom, type RunSource } from './run-source.ts';

export class JoinedRuns {
  #runs: readonly RunSource[] = [];
  /** Runs that left and are kept only for what they have whole. */
  readonly #left = new Set<string>();

  get all(): readonly RunSource[] {
    return this.#runs;
  }

  /** Runs that have not ended. */
  get expected(): readonly RunSource[] {
    return this.#runs.filter(({ id }) => !this.#left.has(id));
  }

  join(run: RunSource): void {
    this.#left.delete(run.id);
    this.#runs = [run, ...this.#runs.filter((other) => other.id !== run.id)];
  }

  leave(runId: string, edgeMs: number): void {
    this.#left.add(runId);
    this.forgetLeft(edgeMs);
  }

  forgetLeft(edgeMs: number): void {
    if (this.#left.size === 0) return;
    this.#runs = this.#runs.filter((run) => !this.#left.has(run.id) || hasMediaFrom(run, edgeMs));
    for (const id of this.#left) if (!this.#runs.some((run) => run.id === id)) this.#left.delete(id);
  }

  /** What the newest run that fits has whole of the index at this media time. */
  partly(fits: (plan: PeriodPlan) => boolean, edgeMs: number): ReadonlyMap<string, AssembledSegment> | undefined {
    for (const run of this.#runs) {
      const plan = run.plan();
      const tracks = plan !== undefined && fits(plan) ? run.segments.get(indexAt(plan.grid, edgeMs)) : undefined;
      if (tracks !== undefined) return tracks;
    }
    return undefined;
  }
}
