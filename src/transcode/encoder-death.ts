/**
 * What an encoder's exit means, in words for an operator.
 * It never decides what happens next. Invariant: the encoder's last words are always handed on.
 */
import type { EncodeExit } from './model.ts';
import type { SupervisorCommand } from './supervisor.ts';

type Report = Extract<SupervisorCommand, { kind: 'report' }>;

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
