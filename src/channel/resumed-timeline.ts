/**
 * The timeline of a Channel as its former life left it, as far as the window still has it; a new one where there was none.
 * It never refuses: entries that cannot be understood are said, and left behind under another mark.
 * Invariant: a GEN of the former life is gone on with only where the journal has all that was served under it.
 */
import { resumable } from '../package/resume.ts';
import { Timeline } from '../package/timeline.ts';
import { randomId } from '../system/ids.ts';
import type { ChannelParts } from './channel.ts';
import { timelineSettings } from './timing.ts';

export interface ResumedTimeline {
  readonly timeline: Timeline;
  /** Of GENs, beside the journal's incarnation. */
  readonly mark: string;
}

export function resumeTimeline(parts: ChannelParts): ResumedTimeline {
  const { settings, journal, store, clock, log, former } = parts;
  const { snapshot, problem, isContinued, numbersFrom } = former;
  const mark = problem === undefined ? former.mark : randomId(4);
  const timing = { ...timelineSettings(settings, journal.incarnation + mark), numbersFrom };
  if (problem !== undefined) {
    journal.note({ kind: 'anew', mark });
    const message =
      'the journal is of another version or broken: the channel begins anew, what was in its window is in no list any more';
    log.error({ code: 'JOURNAL_VERSION', channel: settings.id, problem }, message);
  }
  if (snapshot === undefined) return { timeline: new Timeline(timing), mark };
  const media = {
    hasSegment: (track: string, gen: string, number: number) => store.segment({ track, gen, number }) !== undefined,
    partBytes: (track: string, gen: string, number: number, part: number) =>
      store.part({ track, gen, number }, part)?.bytes,
  };
  const held = resumable(snapshot, media, isContinued);
  const { unfinished } = held;
  const bytesOf = (track: string, part: number): Buffer =>
    (unfinished && media.partBytes(track, unfinished.period.gen, unfinished.number, part)) ?? Buffer.alloc(0);
  const timeline = new Timeline(timing, { snapshot: held, bytesOf, atMs: clock.nowMs() });
  return { timeline, mark };
}
