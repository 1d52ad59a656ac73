/**
 * What an operator asks of the whole service: readiness off and on, ladders read again, pictures of what is on air.
 * It never answers HTTP and never touches a Channel that was not named. Invariant: while the service stops it is not ready, whatever is asked.
 */
import type { Channel } from './channel/channel.ts';
import type { OperatedChannel, OperationRefusal } from './channel/operation.ts';
import { ladderChangeProblem } from './channel/plan-in-use.ts';
import { type ThumbnailParts, Thumbnails } from './channel/thumbnails.ts';
import type { LadderWatch } from './config/ladder-watch.ts';
import type { ChannelSettings } from './config/model.ts';
import type { LadderReload, Operator } from './control/operator.ts';

const STOPPING: OperationRefusal = { code: 'SERVICE_STOPPING', message: 'The service is stopping.' };

export interface OperatorParts extends ThumbnailParts {
  readonly channels: ReadonlyMap<string, Channel>;
  readonly settings: readonly ChannelSettings[];
}

export class ServiceOperator implements Operator {
  readonly #parts: OperatorParts;
  readonly #thumbnails: Thumbnails;
  #watch: LadderWatch | undefined;
  #isDrained = false;
  #isStopping = false;

  constructor(parts: OperatorParts) {
    this.#parts = parts;
    this.#thumbnails = new Thumbnails(parts);
  }

  /** The ladders are watched from now on. */
  watches(watch: LadderWatch): void {
    this.#watch = watch;
  }

  stops(): void {
    this.#isStopping = true;
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  get isDraining(): boolean {
    return this.#isStopping || this.#isDrained;
  }

  drain(): undefined {
    this.#isDrained = true;
  }

  undrain(): OperationRefusal | undefined {
    if (this.#isStopping) return STOPPING;
    this.#isDrained = false;
    return undefined;
  }

  thumbnail(channel: OperatedChannel) {
    return this.#thumbnails.of(channel);
  }

  async reloadLadder({ id, operation }: OperatedChannel, applyNow: boolean): Promise<LadderReload> {
    const settings = this.#parts.settings.find((channel) => channel.id === id);
    const verdict = settings && (await this.#watch?.reload(settings.ladderPath));
    if (settings === undefined || verdict === undefined) return { refusal: STOPPING, applies: 'next-publish' };
    if (verdict.kind === 'bad') return invalid(verdict.problems);
    const problem = ladderChangeProblem(settings.ladder, verdict.ladder);
    if (problem !== undefined) return invalid([problem]);
    if (!applyNow) return { applies: 'next-publish' };
    const refusal = operation.applyLadder();
    // Without a publish there is nothing to do at once.
    if (refusal?.code === 'PUBLISH_NONE') return { applies: 'next-publish' };
    return refusal === undefined ? { applies: 'now' } : { refusal, applies: 'next-publish' };
  }
}

function invalid(problems: readonly string[]): LadderReload {
  const message = `The ladder in force stays: ${problems.join(' | ')}`;
  return { refusal: { code: 'LADDER_INVALID', message, problems }, applies: 'next-publish' };
}
