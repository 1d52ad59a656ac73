/**
 * The last EncodeRuns of a Channel, for its status: when and where each began, what came of it, how it ended.
 * It never holds media. Invariant: at most 20 are kept, newest last.
 */
import type { EncodeExit } from '../transcode/model.ts';
import type { Delivered, EncodeRun } from './encode-run.ts';
import type { RunStatus } from './view.ts';

const KEPT = 20;

interface Entry {
  readonly started: Pick<RunStatus, 'id' | 'startedMs' | 'index' | 'part'>;
  readonly delivered: Delivered;
  end: RunStatus['end'];
}

export class RunLog {
  readonly #entries: Entry[] = [];

  began(run: EncodeRun, nowMs: number): void {
    const { index, part } = run.origin;
    this.#entries.push({
      started: { id: run.id, startedMs: nowMs, index, part },
      delivered: run.delivered,
      end: undefined,
    });
    if (this.#entries.length > KEPT) this.#entries.shift();
  }

  /** wasAsked: the worker was told to stop; anything else is the encoder's own end, or a kill for cause. */
  ended(runId: string, { code, signal }: EncodeExit, wasAsked: boolean, nowMs: number): void {
    const entry = this.#entries.find(({ started }) => started.id === runId);
    const how = signal ?? (code === undefined ? 'never started' : `code ${code}`);
    if (entry !== undefined) entry.end = { atMs: nowMs, how, wasAsked };
  }

  list(): readonly RunStatus[] {
    return this.#entries.map(({ started, delivered, end }) => ({ ...started, ...delivered, end }));
  }
}
