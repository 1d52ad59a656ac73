/**
 * What the service tells a publisher about its feed, as a colleague would: what was seen, with figures, and what to set.
 * Data alone: it never refuses a feed. Invariant: a code means the same for ever; its message is for people.
 */

/** Every code; samples/README.md has the table of them. Codes are stable: add, never rename. */
export type AdviceCode =
  | 'KEYFRAMES_FAR_APART'
  | 'KEYFRAMES_IRREGULAR'
  | 'B_FRAMES'
  | 'FRAME_RATE_VARIABLE'
  | 'FRAMES_MISSING'
  | 'BITRATE_HIGH'
  | 'BITRATE_LOW'
  | 'BITRATE_UNSTABLE'
  | 'AUDIO_RATE'
  | 'AUDIO_APART'
  | 'AUDIO_MISSING'
  | 'CLOCK_DRIFT'
  | 'MEDIA_LATE'
  | 'PICTURE_TOO_LARGE';

export interface Advice {
  readonly code: AdviceCode;
  /** `warn`: viewers may see or hear it. `info`: it costs something and gives nothing. */
  readonly level: 'info' | 'warn';
  /** What was seen, with its figures, in whole sentences. */
  readonly message: string;
  /** Menu path and value in OBS Studio. */
  readonly obs: string;
  /** What to add to or change in an ffmpeg command line. */
  readonly ffmpeg: string;
  /** UTC ms of when it was given. */
  readonly sinceMs: number;
}

export interface AdviceChange {
  readonly kind: 'given' | 'withdrawn';
  readonly advice: Advice;
  /** This code was given earlier in this publish: it has been said. */
  readonly again: boolean;
}

/** What the ladder makes of the feed at best; bitrate and picture are judged against it. */
export interface TopRung {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  readonly bitrateBps: number;
}

/** Measured on the feed; undefined where it cannot be told yet. */
export interface SourceFigures {
  /** Audio and video, bits per second of media. */
  readonly bitrateBps: number | undefined;
  /** The newest whole GOP. */
  readonly keyframeIntervalMs: number | undefined;
  /** The encoder's clock against ours; above 0 it runs fast. */
  readonly driftPpm: number | undefined;
  /** Mean distance of audio stamps from the newest picture's over the newest whole window; above 0 audio is ahead. */
  readonly audioLeadMs: number | undefined;
}

export interface AdviceListener {
  onAdvice(change: AdviceChange): void;
  /** Every few seconds; undefined when the publish is over. */
  onFigures(figures: SourceFigures | undefined): void;
}
