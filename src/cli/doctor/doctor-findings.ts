/**
 * What the doctor says of a machine's facts: one line each, and what to do. Pure.
 * It never asks the machine. Invariant: what is no `ok` has a fix that is a whole sentence.
 */
import type { MachineFacts } from './machine-facts.ts';

type Verdict = 'ok' | 'warning' | 'problem' | 'unknown';

export interface DoctorFinding {
  readonly check: string;
  readonly verdict: Verdict;
  readonly said: string;
  /** Empty where all is well. */
  readonly fix: string;
}

/** What the settings ask of a machine. */
export interface Need {
  /** Bytes of all windows at most. */
  readonly windowBytes: number;
  /** What of them is in memory, at most: all of it without a disk, with one what goes on while it is out of order. */
  readonly residentBytes: number;
  /** False with `--data none`. */
  readonly isOnDisk: boolean;
  /** Bits a second that all channels make. */
  readonly mediaBps: number;
  /** Cores that all channels' encoders keep busy; undefined when it was not measured. */
  readonly cores: number | undefined;
}

const LEAST_NODE = [20, 19] as const;
/** One descriptor for each request that is held: a shield holds one for each list. */
const ENOUGH_FILES = 4096;
/** Above this share an encoder falls behind as soon as anything else runs. */
const MOST_BUSY = 0.8;
/** A disk has other work, and sync is dear. */
const WRITE_RESERVE = 4;

export function doctorFindings(facts: MachineFacts, need: Need): readonly DoctorFinding[] {
  return [
    nodeFinding(facts),
    ...ffmpegFindings(facts),
    ...facts.ports.map(portFinding),
    clockFinding(facts),
    ...diskFindings(facts, need),
    memoryFinding(facts, need),
    filesFinding(facts),
    coresFinding(facts, need),
  ];
}

export function problemsIn(findings: readonly DoctorFinding[]): boolean {
  return findings.some(({ verdict }) => verdict === 'problem');
}

function ok(check: string, said: string): DoctorFinding {
  return { check, verdict: 'ok', said, fix: '' };
}

function nodeFinding({ nodeVersion }: MachineFacts): DoctorFinding {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  const [leastMajor, leastMinor] = LEAST_NODE;
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return ok('node', nodeVersion);
  const fix = `Install Node ${leastMajor}.${leastMinor} or newer.`;
  return { check: 'node', verdict: 'problem', said: `${nodeVersion} is too old`, fix };
}

function ffmpegFindings({ ffmpeg, hardwareEncoders, hasVmaf }: MachineFacts): readonly DoctorFinding[] {
  if (ffmpeg.kind !== 'found') return [{ check: 'ffmpeg', verdict: 'problem', said: ffmpeg.message, fix: ffmpeg.hint }];
  const hardware = hardwareEncoders.length === 0 ? 'none built in' : hardwareEncoders.join(', ');
  return [
    ok('ffmpeg', `${ffmpeg.version} at ${ffmpeg.path} (${ffmpeg.origin}), with libx264 and aac`),
    ok('hardware', `encoders in this ffmpeg: ${hardware} (ladders use libx264); libvmaf ${hasVmaf ? 'yes' : 'no'}`),
  ];
}

function portFinding({ name, host, port, fault }: MachineFacts['ports'][number]): DoctorFinding {
  const check = `port ${name}`;
  if (fault === undefined) return ok(check, port === 0 ? 'any free one' : `${host}:${port} is free`);
  const said = `${host}:${port}: ${fault}`;
  const fix =
    fault === 'EADDRINUSE'
      ? `Stop what listens on ${port} (ss -ltnp), or take another port.`
      : fault === 'EACCES'
        ? `Take a port above 1023, or let Node have this one (setcap cap_net_bind_service).`
        : `Correct the address of ${name} in the settings.`;
  return { check, verdict: 'problem', said, fix };
}

function clockFinding({ clockSync: { synchronised, how } }: MachineFacts): DoctorFinding {
  if (synchronised === true) return ok('clock', `synchronised (${how})`);
  if (synchronised === undefined)
    return {
      check: 'clock',
      verdict: 'unknown',
      said: `unknown: ${how}`,
      fix: 'See on the host that its clock is synchronised (chronyc tracking, timedatectl); media time is UTC.',
    };
  const fix = 'Switch time synchronisation on (timedatectl set-ntp true, or chrony); media time is UTC.';
  return { check: 'clock', verdict: 'problem', said: `not synchronised (${how})`, fix };
}

function diskFindings({ disk }: MachineFacts, { windowBytes, mediaBps, isOnDisk }: Need): readonly DoctorFinding[] {
  if (!isOnDisk) return [ok('disk', 'nothing is kept on it (data: none)')];
  const { folder, freeBytes, writeBytesPerSecond } = disk;
  const space = `${folder}: ${megabytes(freeBytes ?? 0)} MB free, a window is ${megabytes(windowBytes)} MB`;
  const spaceFinding: DoctorFinding =
    freeBytes === undefined
      ? {
          check: 'disk',
          verdict: 'unknown',
          said: `${folder} does not say its free space`,
          fix: `Look at df ${folder}.`,
        }
      : freeBytes >= windowBytes
        ? ok('disk', space)
        : { check: 'disk', verdict: 'problem', said: space, fix: 'Make space, or set a shorter window.' };
  const needed = (mediaBps / 8) * WRITE_RESERVE;
  if (writeBytesPerSecond === undefined) {
    const fix = 'Make it writable for this user, or name another folder with --data.';
    return [spaceFinding, { check: 'disk speed', verdict: 'problem', said: `${folder} cannot be written to`, fix }];
  }
  const speed = `${megabytes(writeBytesPerSecond)} MB/s, media is ${(mediaBps / 8e6).toFixed(1)} MB/s`;
  const fix = 'Take another disk for the data folder; a window there would fall behind.';
  return [
    spaceFinding,
    writeBytesPerSecond >= needed
      ? ok('disk speed', speed)
      : { check: 'disk speed', verdict: 'warning', said: speed, fix },
  ];
}

/** Half of the memory for windows leaves the other half for encoders. */
function memoryFinding({ memoryBytes }: MachineFacts, { residentBytes }: Need): DoctorFinding {
  const said = `${megabytes(memoryBytes)} MB, windows take ${megabytes(residentBytes)} MB of it at most`;
  if (residentBytes <= memoryBytes / 2) return ok('memory', said);
  return { check: 'memory', verdict: 'problem', said, fix: 'Set a shorter window, or give the machine more memory.' };
}

function filesFinding({ openFiles }: MachineFacts): DoctorFinding {
  const check = 'open files';
  if (openFiles === undefined)
    return {
      check,
      verdict: 'unknown',
      said: 'the limit is not told',
      fix: `See that ulimit -n is ${ENOUGH_FILES} or more.`,
    };
  if (openFiles >= ENOUGH_FILES) return ok(check, openFiles === Number.POSITIVE_INFINITY ? 'no limit' : `${openFiles}`);
  const fix = `Raise it to ${ENOUGH_FILES} or more (ulimit -n, LimitNOFILE= in systemd): each held request takes one.`;
  return { check, verdict: 'warning', said: `${openFiles} at most`, fix };
}

function coresFinding({ cores }: MachineFacts, need: Need): DoctorFinding {
  const check = 'cores';
  if (need.cores === undefined)
    return {
      check,
      verdict: 'unknown',
      said: `${cores}, the encoder was not measured`,
      fix: 'Leave --no-encode out, with an ffmpeg that works.',
    };
  const said = `${cores}, the encoder keeps ${need.cores.toFixed(2)} busy`;
  if (need.cores <= cores * MOST_BUSY) return ok(check, said);
  const fix =
    'Take faster presets, fewer or smaller rungs, or more cores (pitchside plan --calibrate tells what each brings).';
  return { check, verdict: need.cores > cores ? 'problem' : 'warning', said, fix };
}

function megabytes(bytes: number): string {
  const figure = bytes / 1e6;
  return figure < 10 ? figure.toFixed(1) : Math.round(figure).toLocaleString('en-US');
}
