/**
 * What the API does beyond one Channel: drain, ladders read again, thumbnails. The composition root makes one.
 * It never answers HTTP.
 */
import type { OperatedChannel, OperationRefusal } from '../channel/operation.ts';
import type { Thumbnail } from '../channel/thumbnails.ts';

export interface LadderReload {
  /** LADDER_INVALID with all problems; the ladder in force stays. */
  readonly refusal?: OperationRefusal & { readonly problems?: readonly string[] };
  readonly applies: 'now' | 'next-publish';
}

export interface Operator {
  /** Not ready by wish, or stopping. */
  readonly isDraining: boolean;
  drain(): OperationRefusal | undefined;
  undrain(): OperationRefusal | undefined;
  reloadLadder(channel: OperatedChannel, applyNow: boolean): Promise<LadderReload>;
  thumbnail(channel: OperatedChannel): Promise<Thumbnail>;
}
