/**
 * How far back a Channel's viewers can go, and what that may take: on a disk hours, in memory alone minutes.
 * It never looks at the disk.
 */
import type { ChannelSettings, Ladder } from './model.ts';
import type { Problem } from './problem.ts';
import { formatDurationMs } from './quantities.ts';
import type { YamlSource } from './yaml-source.ts';

const ON_DISK_MS = 15 * 60_000;
const IN_MEMORY_MS = 2 * 60_000;
const LONGEST_IN_MEMORY_MS = 15 * 60_000;
/** A Segment stays a minute after it left the lists; the rest is for what encoders make above their maxrate for a while. */
const KEPT_MS = 2 * 60_000;
const MARGIN = 2;

export function defaultWindowMs(hasDisk: boolean): number {
  return hasDisk ? ON_DISK_MS : IN_MEMORY_MS;
}

/** Twice what the ladder's encoders may make in the window: it stops what nobody has foreseen, not what is meant. */
export function defaultWindowBytes({ video, audio }: Ladder, windowMs: number): number {
  const videoBps = video.reduce((sum, { maxrateBps }) => sum + maxrateBps, 0);
  const audioBps = audio.reduce((sum, { bitrateBps }) => sum + bitrateBps, 0);
  return Math.ceil(((videoBps + audioBps) / 8000) * (windowMs + KEPT_MS) * MARGIN);
}

export function windowProblems(
  channels: readonly ChannelSettings[],
  source: YamlSource | undefined,
  hasDisk: boolean,
): Problem[] {
  if (hasDisk) return [];
  const longest = formatDurationMs(LONGEST_IN_MEMORY_MS);
  return channels
    .filter(({ windowMs }) => windowMs > LONGEST_IN_MEMORY_MS)
    .flatMap(({ id, windowMs }) => {
      const text = `${formatDurationMs(windowMs)} is too long for memory alone (data: none); expected at most ${longest}, or a data folder`;
      return source?.problem(['channels', id, 'window'], text) ?? [];
    });
}
