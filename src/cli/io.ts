/**
 * The process as commands see it: streams, environment, signals.
 * It never ends the process but at a second stop signal, which means at once.
 */
import type { Clock } from '../system/clock.ts';
import type { CommandIo, StopSignal } from './command.ts';

const STOP_SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/** 128 + SIGINT, as shells count. */
const EXIT_AT_ONCE = 130;

/** A terminal signals the whole group and `npm run` passes the same wish on: twice within this is once. */
const SAME_WISH_US = 300_000;

const TO_LINE_START = '\r\u001b[2K';

function progress(line: string | undefined): boolean {
  if (!process.stderr.isTTY) return false;
  process.stderr.write(`${TO_LINE_START}${(line ?? '').slice(0, process.stderr.columns - 1)}`);
  return true;
}

export function processIo(clock: Clock): CommandIo {
  // A reader that left (`| head`) is no reason to stop serving.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const listeners = new Set<(signal: StopSignal) => void>();
  let listening = false;
  let firstUs: number | undefined;
  const onSignal = (signal: StopSignal) => {
    const nowUs = clock.monotonicUs();
    if (firstUs !== undefined) {
      if (nowUs - firstUs > SAME_WISH_US) process.exit(EXIT_AT_ONCE);
      return;
    }
    firstUs = nowUs;
    for (const listener of [...listeners]) listener(signal);
  };
  return {
    env: process.env,
    workingDirectory: process.cwd(),
    out: (line) => process.stdout.write(`${line}\n`),
    err: (line) => process.stderr.write(`${line}\n`),
    progress,
    parentId: () => process.ppid,
    onStopSignal(listener) {
      // From the first wish to hear of signals on: until then their default action is right.
      if (!listening) {
        listening = true;
        for (const signal of STOP_SIGNALS) process.on(signal, () => onSignal(signal));
      }
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
