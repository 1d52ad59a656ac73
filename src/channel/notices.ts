/**
 * What happens to a Channel, as it is told to whoever listens: the console's event stream and the webhooks.
 * It never waits for a listener. Invariant: one that fails disturbs neither the Channel nor the others.
 */
import { messageOf } from '../system/errors.ts';
import type { Logger } from '../system/log.ts';

interface OfChannel {
  readonly channel: string;
  /** UTC ms. */
  readonly atMs: number;
}

interface StateNotice extends OfChannel {
  readonly kind: 'state';
  readonly from: string;
  readonly to: string;
  readonly event: string;
  readonly why: string;
}

/** Somebody with a picture is in. Who comes back within the grace, or changes its headers, was never out: nothing is told. */
interface PublishNotice extends OfChannel {
  readonly kind: 'publish';
  readonly address: string;
  /** In words, as in the status. */
  readonly source: string;
}

interface UnpublishNotice extends OfChannel {
  readonly kind: 'unpublish';
  readonly why: string;
}

interface FaultNotice extends OfChannel {
  readonly kind: 'fault';
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export type ChannelNotice = StateNotice | PublishNotice | UnpublishNotice | FaultNotice;

export class NoticeBoard {
  readonly #listeners = new Set<(notice: ChannelNotice) => void>();
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** The returned function ends it. */
  listen(listener: (notice: ChannelNotice) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  tell(notice: ChannelNotice): void {
    for (const listener of this.#listeners) {
      try {
        listener(notice);
      } catch (thrown) {
        this.#log.error({ kind: notice.kind, problem: messageOf(thrown) }, 'a notice could not be told');
      }
    }
  }
}
