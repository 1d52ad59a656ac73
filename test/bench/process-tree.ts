/**
 * What processes cost, read from /proc (Linux alone): CPU and resident memory of one process and of all below it.
 * It never starts or ends a process. Invariant: user and system time both count, of all threads, ended ones too.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  readonly cpuTicks: number;
}

let ticksPerSecond = 0;

/** Seconds of CPU so far, by process id. */
export type CpuByProcess = ReadonlyMap<number, { readonly name: string; readonly seconds: number }>;

export function cpuOfTree(root: number): CpuByProcess {
  if (ticksPerSecond === 0) ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return new Map(
    treeOf(root).map(({ pid, name, cpuTicks }) => [pid, { name, seconds: cpuTicks / ticksPerSecond }] as const),
  );
}

/** Resident MB of one process (VmRSS, in which shared libraries count whole). */
export function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1000;
}

/** The process and all its descendants that are alive now. */
export function treeOf(root: number): readonly ProcessStat[] {
  const all = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => statOf(Number(entry)) ?? []);
  const found = all.filter(({ pid }) => pid === root);
  for (let at = 0; at < found.length; at++) found.push(...all.filter(({ parent }) => parent === found[at]?.pid));
  return found;
}

function statOf(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // Ended since the folder was listed.
    return undefined;
  }
  // proc(5): the name stands in parentheses and may hold blanks; state is field 3, ppid 4, utime 14, stime 15.
  const close = text.lastIndexOf(')');
  const fields = text.slice(close + 2).split(' ');
  const name = text.slice(text.indexOf('(') + 1, close);
  return { pid, name, parent: Number(fields[1]), cpuTicks: Number(fields[11]) + Number(fields[12]) };
}
