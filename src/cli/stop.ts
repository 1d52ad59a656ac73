/**
 * Waiting for the wish to stop, and stopping within a bound.
 * Invariant: after the first signal a command ends within STOP_LIMIT_MS, whatever hangs.
 */
import type { Clock } from '../system/clock.ts';
import type { CommandIo, StopSignal } from './command.ts';

/** Whoever waits for an exit waits 5 s; the rest is for the process to end. */
export const STOP_LIMIT_MS = 4500;

/** Resolves at the first stop signal, with its name. */
export function stopSignal(io: CommandIo): Promise<StopSignal> {
  return new Promise((resolve) => {
    const forget = io.onStopSignal((signal) => {
      forget();
      resolve(signal);
    });
  });
}

const PARENT_POLL_MS = 500;

/**
 * Resolves when the parent process has gone. `npm run` passes a signal on to its shell alone, which dies and leaves its child behind:
 * a demo that nobody can see any more would run for ever.
 */
export function parentGone(clock: Clock, io: CommandIo): Promise<void> {
  const parent = io.parentId();
  return new Promise((resolve) => {
    const look = () => {
      if (io.parentId() === parent) clock.after(PARENT_POLL_MS, look);
      else resolve();
    };
    look();
  });
}

/** Runs `stop`; false when it has not ended within the limit. */
export async function stopWithin(clock: Clock, stop: () => Promise<void>, limitMs = STOP_LIMIT_MS): Promise<boolean> {
  let cancel: () => void = () => undefined;
  const late = new Promise<boolean>((resolve) => {
    cancel = clock.after(limitMs, () => resolve(false));
  });
  const done = stop().then(() => true);
  try {
    return await Promise.race([done, late]);
  } finally {
    cancel();
  }
}
