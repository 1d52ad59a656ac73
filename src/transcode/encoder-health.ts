/**
 * What an encoder's exit and its speed mean, in words for an operator.
 * It never kills: overload is reported, and whether a rung is taken out is decided elsewhere.
 * Invariant: one report when an overload begins and one when it ends.
 */
import type { EncodeExit, EncodeProgress } from './model.ts';
import type { SupervisorCommand } from './supervisor.ts';

type Report = Extract<SupervisorCommand, { kind: 'report' }>;

interface SpeedSample {
  readonly nowMs: number;
  readonly outTimeMs: number;
  readonly fedMs: number | undefined;
}

export interface Overload {
  /** Media time of the newest tag fed, where the caller says it. */
  readonly fedMs: number | undefined;
  /** The window's samples, oldest first. */
  readonly samples: readonly SpeedSample[];
  readonly reported: boolean;
}

/** Slower than its feed by this much over the whole window is overload; less is the noise of progress lines. */
const TOLERANCE = 0.03;
/** A progress line comes twice a second; more samples than this mean a faster clock of lines, not more truth. */
const MOST_SAMPLES = 64;

export function startOverload(): Overload {
  return { fedMs: undefined, samples: [], reported: false };
}

/**
 * Speed below 1 for longer than windowMs. ffmpeg's own `speed=` is an average since its start (below 1 for ever after a late
 * first frame), so the speed is taken over the window; a feed that itself comes slowly is no overload.
 */
export function overloadAfter(
  before: Overload,
  progress: EncodeProgress,
  nowMs: number,
  windowMs: number,
): { readonly overload: Overload; readonly report?: Report } {
  if (progress.outTimeMs === undefined) return { overload: before };
  const newest: SpeedSample = { nowMs, outTimeMs: progress.outTimeMs, fedMs: before.fedMs };
  // The oldest sample kept is the newest that is at least a window old.
  const all = [...before.samples, newest].slice(-MOST_SAMPLES);
  const firstInside = all.findIndex((sample) => nowMs - sample.nowMs < windowMs);
  const samples = all.slice(Math.max(0, firstInside - 1));
  const oldest = samples[0];
  if (oldest === undefined || nowMs - oldest.nowMs < windowMs) return { overload: { ...before, samples } };
  const speed = (newest.outTimeMs - oldest.outTimeMs) / (nowMs - oldest.nowMs);
  const slow = speed < feedSpeed(oldest, newest) - TOLERANCE;
  if (slow === before.reported) return { overload: { ...before, samples } };
  return { overload: { ...before, samples, reported: slow }, report: speedReport(slow, speed, windowMs) };
}

function feedSpeed(oldest: SpeedSample, newest: SpeedSample): number {
  if (oldest.fedMs === undefined || newest.fedMs === undefined) return 1;
  return Math.min(1, (newest.fedMs - oldest.fedMs) / (newest.nowMs - oldest.nowMs));
}

function speedReport(slow: boolean, speed: number, windowMs: number): Report {
  const figure = speed.toFixed(2);
  return slow
    ? {
        kind: 'report',
        level: 'warn',
        code: 'ENCODER_OVERLOADED',
        message: `the encoder is overloaded: speed ${figure} over ${windowMs} ms`,
        hint: 'Take a ladder with fewer or smaller rungs or a faster preset, or free the machine.',
        lastLines: [],
      }
    : {
        kind: 'report',
        level: 'info',
        code: 'ENCODER_OVERLOADED',
        message: `the encoder keeps up again: speed ${figure}`,
        hint: '',
        lastLines: [],
      };
}

/** Why a worker ended and what happens next. */
export function deathsReport(
  exit: EncodeExit,
  next: { readonly waitMs: number; readonly deaths: number; readonly windowMs: number },
): Report {
  const how =
    exit.signal !== undefined
      ? `was ended by ${exit.signal}`
      : exit.code === undefined
        ? 'could not be started'
        : `exited with code ${exit.code}`;
  if (next.waitMs === 0) {
    return {
      kind: 'report',
      level: 'warn',
      code: 'ENCODER_EXITED',
      message: `the encoder ${how} and is replaced at once`,
      hint: '',
      lastLines: exit.lastLines,
    };
  }
  return {
    kind: 'report',
    level: 'error',
    code: 'ENCODER_EXITED',
    message: `the encoder ${how}, ${next.deaths} times within ${next.windowMs / 1000} s; next try in ${next.waitMs} ms`,
    hint: 'Read its last lines: a full disk, too little memory and a feed that cannot be decoded look like this.',
    lastLines: exit.lastLines,
  };
}
