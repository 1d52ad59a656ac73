/**
 * What an operator may see of a Channel beyond its status, and do to it.
 * It never waits: what takes time goes on by itself and is told by state and notices. Invariant: what is refused has changed nothing.
 */
import type { Feed } from '../ingest/model.ts';
import type { ErrorCode } from '../system/errors.ts';
import type { EncoderLine } from '../transcode/encoder-log.ts';
import type { WindowStore } from '../window/model.ts';
import type { Encoding } from './encoding.ts';
import { describeLadder, type LadderInUse, newestPicturesOf, type PictureMedia } from './ladder-in-use.ts';
import type { OnAir } from './on-air.ts';
import type { PlanInUse } from './plan-in-use.ts';
import type { ChannelView } from './view.ts';

/** Why something was not done. */
export interface OperationRefusal {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What is done answers undefined when it was, or why it was not. */
export interface ChannelOperation {
  ladder(): LadderInUse;
  /** Newest last; at most 200. */
  encoderLog(): readonly EncoderLine[];
  /** The newest pictures on air, of the smallest rung; undefined while there are none. */
  newestPictures(): PictureMedia | undefined;
  stopPublisher(): OperationRefusal | undefined;
  /** Another encoder in place of the one that works. */
  restartEncoder(): OperationRefusal | undefined;
  /** The ladder of the next publish for the one that is on, too; other Tracks are a declared change. */
  applyLadder(): OperationRefusal | undefined;
}

export interface OperatedChannel extends ChannelView {
  readonly operation: ChannelOperation;
}

/** The Channels as the control room sees them. */
export interface OperatedChannels {
  get(id: string): OperatedChannel | undefined;
  all(): readonly OperatedChannel[];
  /** UTC ms of the Channels' clock. */
  nowMs(): number;
}

const NOBODY_PUBLISHES: OperationRefusal = { code: 'PUBLISH_NONE', message: 'Nobody publishes to this channel.' };
const IS_PUSHED: OperationRefusal = {
  code: 'PUBLISH_PUSHED',
  message: 'This channel is encoded elsewhere and pushed here: do it at that encoder.',
};
const NO_ENCODER: OperationRefusal = {
  code: 'ENCODER_NONE',
  message: 'No encoder is at work: nobody publishes, or one is being started right now.',
};

export interface OperatedParts {
  readonly isPushed: boolean;
  readonly store: WindowStore;
  readonly onAir: OnAir;
  readonly encoding: Encoding;
  plan(): PlanInUse | undefined;
  feed(): Feed | undefined;
  /** The publish that is on begins again, by the ladder of now. */
  beginAgain(): void;
}

export function operationOf(parts: OperatedParts): ChannelOperation {
  const { isPushed, store, onAir, encoding } = parts;
  return {
    ladder: () =>
      describeLadder({
        plan: parts.plan(),
        leftOut: encoding.leftOut,
        timeline: onAir.timeline,
        isPushed,
        arguments: encoding.worker?.liveProcess?.argumentList,
      }),
    encoderLog: () => encoding.words.list(),
    newestPictures: () => newestPicturesOf(onAir.timeline, store),
    stopPublisher() {
      if (isPushed) return IS_PUSHED;
      const feed = parts.feed();
      feed?.close('an operator ended the publish');
      return feed === undefined ? NOBODY_PUBLISHES : undefined;
    },
    restartEncoder() {
      if (isPushed) return IS_PUSHED;
      return encoding.replace('an operator asked for it') ? undefined : NO_ENCODER;
    },
    applyLadder() {
      if (isPushed) return IS_PUSHED;
      if (parts.feed()?.source?.video === undefined) return NOBODY_PUBLISHES;
      parts.beginAgain();
      return undefined;
    },
  };
}
