/**
 * What the receiver hands over, and to whom. It knows Tracks by name and nothing of Channels.
 * Invariant: for one body the sink hears its items in order, then at most one of onEnd and onRefused.
 */
import type { ErrorCode } from '../system/errors.ts';
import type { Fragment, InitSegment } from './isobmff/model.ts';

/** clean: the source said that the Track is over. aborted: the connection broke inside a body. */
type TrackEnd = 'clean' | 'aborted';

/** Why a body was refused: the same code, message and hint that its source is answered. */
export interface CmafRefusal {
  readonly code: ErrorCode;
  readonly message: string;
  /** What the source must do about it. */
  readonly hint: string;
}

/**
 * Calls are synchronous. onInit and onFragment may throw a ServiceError (CMAF_OFF_GRID, CMAF_TIME_BACKWARDS, ...)
 * to refuse the body: its source is answered 400 with that code, and onRefused follows.
 */
export interface CmafSink {
  /** A CMAF header that differs from the last one of this Track; the same header sent again is not told. */
  onInit(track: string, init: InitSegment): void;
  /**
   * A chunk, as soon as its mdat is whole; beganMs is when its first bytes came (UTC ms), where known. Duplicates are told: to ignore them is the
   * packager's.
   */
  onFragment(track: string, fragment: Fragment, beganMs?: number): void;
  /**
   * clean: a body that brought its own header and media has ended (ffmpeg: one body for the life of the encoder), or a
   * segment with brand `lmsg` has. The end of a body that is one segment or one header says nothing and is not told.
   */
  onEnd(track: string, how: TrackEnd): void;
  onRefused(track: string, refusal: CmafRefusal): void;
}
