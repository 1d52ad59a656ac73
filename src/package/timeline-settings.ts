/** What a timeline goes by, in time. It never says how: that is the timeline's. Invariant: nothing of it changes while the service runs. */
import type { Keeping } from './kept-segments.ts';

export interface TimelineSettings extends Keeping {
  readonly incarnation: string;
  /** Parts are published one by one, each as soon as it is there; else a Segment is published whole or not at all. */
  readonly publishesParts: boolean;
  /** After the end of an index (of a part, where parts are published), when what has not come is replaced by slate. */
  readonly fillDelayMs: number;
  /** The same while the publisher's tags keep coming: its encoder is late or being replaced, and its pictures are worth a wait. */
  readonly patienceMs: number;
  /** A publisher that was not heard for so long is not waited for any more. */
  readonly silenceMs: number;
  /** How long players may hold an MPD that does not show the newest Period: its life and its update period. */
  readonly tailMs: number;
  /** Slate before the first instant, so that a player opened early finds a whole playlist. */
  readonly backfillMs: number;
  /** No number of a presentation that begins is below this one: of a life before that nothing else is known of. 0 unless said otherwise. */
  readonly numbersFrom?: number;
  /**
   * What an index without any media becomes once a publisher has been on air; slate unless said otherwise. A Segment that was
   * begun, or has some of its Tracks, is finished with slate either way.
   */
  readonly whenAbsent?: 'slate' | 'gap';
}
