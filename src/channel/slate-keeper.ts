/**
 * Sees to it that the plan in use gets its slate: from the shelf at once where it was encoded before, else one encode at a time, tried
 * again after a failure; of the operator's picture where there is one that can be used, else of the built-in one.
 * It never puts a slate on air. Invariant: a slate that is no longer wanted is not told.
 */
import type { Slate } from '../package/slate.ts';
import { slateBytes } from '../package/slate-bytes.ts';
import type { ChannelParts } from './channel.ts';
import type { PlanInUse } from './plan-in-use.ts';
import { encodeSlate } from './slate-maker.ts';
import { slateKey } from './slate-shelf.ts';

const RETRY_MS = 5000;

export interface SlateKeeperOptions {
  readonly parts: Pick<ChannelParts, 'receiver' | 'ffmpegPath' | 'clock' | 'slates'>;
  readonly channel: string;
  /** Absolute path of a PNG; it was one when the service started. */
  readonly picturePath?: string | undefined;
  readonly onSlate: (plan: PlanInUse, slate: Slate) => void;
  readonly onFailed: (message: string) => void;
  /** The picture cannot be used; the built-in one is made instead. */
  readonly onPictureFailed: (message: string) => void;
}

export class SlateKeeper {
  readonly #options: SlateKeeperOptions;
  #job: { readonly key: string; cancel(): void } | undefined;
  #cancelRetry: () => void = () => undefined;
  #count = 0;

  constructor(options: SlateKeeperOptions) {
    this.#options = options;
  }

  /** A slate is being encoded. */
  get isBusy(): boolean {
    return this.#job !== undefined;
  }

  /** The slate of this plan is wanted now, and no other. */
  want(plan: PlanInUse, isInBackground: boolean): void {
    if (this.#job?.key === plan.key) return;
    this.close();
    const { picturePath, parts, onSlate } = this.#options;
    const known = parts.slates?.read(slateKey(plan.plan, { ...parts, picturePath }));
    if (known === undefined) this.#make(plan, isInBackground, picturePath);
    else onSlate(plan, known);
  }

  #make(plan: PlanInUse, isInBackground: boolean, picturePath: string | undefined): void {
    const { parts, channel, onSlate, onFailed, onPictureFailed } = this.#options;
    const job = encodeSlate({
      runId: `${channel}-slate-${++this.#count}`,
      plan: plan.plan,
      grid: plan.grid,
      facts: plan.facts,
      receiver: parts.receiver,
      ffmpegPath: parts.ffmpegPath,
      clock: parts.clock,
      isInBackground,
      picturePath,
    });
    const current = { key: plan.key, cancel: () => job.cancel() };
    this.#job = current;
    void job.done.then((outcome) => {
      if (this.#job !== current) return;
      this.#job = undefined;
      if (outcome.kind === 'ok') {
        onSlate(plan, outcome.slate);
        parts.slates?.write(slateKey(plan.plan, { ...parts, picturePath }), slateBytes(plan.grid, outcome.inputs));
        return;
      }
      const why = `${outcome.reason}; ffmpeg's last words: ${outcome.lastLines.slice(-3).join(' / ')}`;
      if (picturePath !== undefined) {
        this.#make(plan, isInBackground, undefined);
        onPictureFailed(`no slate could be made of ${picturePath} (${why})`);
        return;
      }
      this.#cancelRetry = parts.clock.after(RETRY_MS, () => this.want(plan, isInBackground));
      onFailed(why);
    });
  }

  close(): void {
    this.#cancelRetry();
    const job = this.#job;
    this.#job = undefined;
    job?.cancel();
  }
}
