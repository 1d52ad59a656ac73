/**
 * Reads what ffmpeg says about its progress: the `frame= ... speed=` line on stderr and the key=value lines of `-progress`.
 * It never decides what a figure means. Invariant: a figure ffmpeg does not know (N/A, negative) is undefined or 0, never NaN.
 */
import type { EncodeProgress } from './model.ts';

/** The progress in one stderr line, or undefined when the line is something else. */
export function parseProgressLine(line: string): EncodeProgress | undefined {
  // With audio alone ffmpeg leaves frame= and fps= out: `size=N/A time=00:00:01.00 bitrate=N/A speed=1x`.
  if (!/^\s*(frame=|size=|L?size=)/.test(line) || !/\btime=/.test(line)) return undefined;
  return progressOf((key) => new RegExp(`(?:^|\\s)${key}=\\s*(\\S+)`).exec(line)?.[1]);
}

/** The progress in one block of `-progress` output (the lines up to and with `progress=`). */
export function parseProgressBlock(lines: readonly string[]): EncodeProgress {
  const values = new Map<string, string>();
  for (const line of lines) {
    const at = line.indexOf('=');
    if (at > 0) values.set(line.slice(0, at).trim(), line.slice(at + 1).trim());
  }
  return progressOf((key) => values.get(PROGRESS_KEYS[key] ?? key));
}

const PROGRESS_KEYS: Readonly<Record<string, string>> = { time: 'out_time', dup: 'dup_frames', drop: 'drop_frames' };

function progressOf(value: (key: string) => string | undefined): EncodeProgress {
  return {
    frame: numberOf(value('frame')) ?? 0,
    fps: numberOf(value('fps')) ?? 0,
    speed: numberOf(value('speed')?.replace(/x$/, '')),
    outTimeMs: timeMs(value('time')),
    bitrateBps: bitsPerSecond(value('bitrate')),
    dropped: numberOf(value('drop')) ?? 0,
    duplicated: numberOf(value('dup')) ?? 0,
  };
}

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const number = Number(text);
  return Number.isFinite(number) && number >= 0 ? number : undefined;
}

/** `2853.1kbits/s`; N/A with several outputs. */
function bitsPerSecond(text: string | undefined): number | undefined {
  const kilobits = numberOf(/^([\d.]+)kbits\/s$/.exec(text ?? '')?.[1]);
  return kilobits === undefined ? undefined : kilobits * 1000;
}

/** `00:01:02.34`; before the first packet ffmpeg prints `-577014:32:22.77` or N/A. */
function timeMs(text: string | undefined): number | undefined {
  const match = /^(\d+):(\d\d):(\d\d(?:\.\d+)?)$/.exec(text ?? '');
  if (match === null) return undefined;
  return Math.round((Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3])) * 1000);
}
