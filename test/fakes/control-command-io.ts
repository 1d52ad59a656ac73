/** The process as a command sees it, in memory: lines are kept, signals are sent by the test. */
import type { CommandIo, StopSignal } from '../../src/cli/command.ts';

export interface KeptIo extends CommandIo {
  readonly stdout: string[];
  readonly stderr: string[];
  stop(signal?: StopSignal): void;
  parent: number;
}

export function keptIo(env: Readonly<Record<string, string>> = {}): KeptIo {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const listeners = new Set<(signal: StopSignal) => void>();
  return {
    stdout,
    stderr,
    env,
    workingDirectory: '/',
    parent: 100,
    out: (line) => stdout.push(line),
    err: (line) => stderr.push(line),
    progress: () => false,
    stop(signal = 'SIGINT') {
      for (const listener of [...listeners]) listener(signal);
    },
    parentId() {
      return this.parent;
    },
    onStopSignal(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
