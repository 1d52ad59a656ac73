/**
 * What of this machine matters to the service, as facts: programs asked, ports tried, a file written and removed.
 * It never judges, and leaves nothing behind. Invariant: a fact that cannot be had is undefined, with nothing thrown.
 */
import { execFile } from 'node:child_process';
import { open, readFile, rm, stat, statfs } from 'node:fs/promises';
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import type { Clock } from '../../system/clock.ts';
import { type FfmpegLocation, locateFfmpeg } from '../../transcode/locate.ts';
import { portFault } from '../free-port.ts';

export interface WantedPort {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

export interface MachineRequest {
  readonly clock: Clock;
  readonly ffmpegSetting: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly ports: readonly WantedPort[];
  /** undefined: nothing is kept. */
  readonly dataDirectory: string | undefined;
}

export interface MachineFacts {
  readonly nodeVersion: string;
  readonly ffmpeg: FfmpegLocation;
  /** Hardware H.264 encoders that this ffmpeg was built with. */
  readonly hardwareEncoders: readonly string[];
  readonly hasVmaf: boolean;
  readonly ports: readonly (WantedPort & { readonly fault: string | undefined })[];
  /** `how` is the program that said it, or why nobody could. */
  readonly clockSync: { readonly synchronised: boolean | undefined; readonly how: string };
  readonly disk: {
    readonly folder: string;
    readonly freeBytes: number | undefined;
    readonly writeBytesPerSecond: number | undefined;
  };
  readonly memoryBytes: number;
  readonly openFiles: number | undefined;
  readonly cores: number;
}

export async function examineMachine(request: MachineRequest): Promise<MachineFacts> {
  const ffmpeg = await locateFfmpeg({ setting: request.ffmpegSetting, environment: request.env });
  const encoders = ffmpeg.kind === 'found' ? await said(ffmpeg.path, ['-hide_banner', '-encoders']) : undefined;
  const filters = ffmpeg.kind === 'found' ? await said(ffmpeg.path, ['-hide_banner', '-filters']) : undefined;
  const ports = [];
  for (const wanted of request.ports) ports.push({ ...wanted, fault: await faultOf(wanted) });
  return {
    nodeVersion: process.versions.node,
    ffmpeg,
    hardwareEncoders: hardwareEncodersIn(encoders ?? ''),
    hasVmaf: /^ *\S+ +libvmaf /m.test(filters ?? ''),
    ports,
    clockSync: await clockSync(),
    disk: await diskFacts(request),
    memoryBytes: await memoryLimit(),
    openFiles: await openFileLimit(),
    cores: availableParallelism(),
  };
}

export function hardwareEncodersIn(encoders: string): readonly string[] {
  const names = [...encoders.matchAll(/^ *V\S* +(h264_(?:nvenc|qsv|vaapi|videotoolbox|amf|v4l2m2m|mf))\b/gm)];
  return names.map((match) => match[1] ?? '');
}

/** Port 0 is any free one. */
async function faultOf({ host, port }: WantedPort): Promise<string | undefined> {
  return port === 0 ? undefined : portFault(host, port);
}

/** Standard output of a program, undefined when it is not there or failed. */
function said(program: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = { timeout: 5000, maxBuffer: 4 * 1024 * 1024, killSignal: 'SIGKILL' } as const;
    execFile(program, [...args], options, (error, stdout) => resolve(error === null ? stdout : undefined));
  });
}

async function clockSync(): Promise<MachineFacts['clockSync']> {
  const systemd = (await said('timedatectl', ['show', '-p', 'NTPSynchronized', '--value']))?.trim();
  if (systemd === 'yes' || systemd === 'no') return { synchronised: systemd === 'yes', how: 'timedatectl' };
  const chrony = await said('chronyc', ['-n', 'tracking']);
  const leap = /^Leap status\s*:\s*(.+)$/m.exec(chrony ?? '')?.[1];
  if (leap !== undefined) return { synchronised: !/not synchroni[sz]ed/i.test(leap), how: 'chronyc' };
  const ntp = await said('ntpq', ['-c', 'rv']);
  if (ntp !== undefined) return { synchronised: /sync_ntp|sync_pps|sync_uhf/.test(ntp), how: 'ntpq' };
  return { synchronised: undefined, how: 'neither timedatectl nor chronyc nor ntpq answers here' };
}

const PROBE_BYTES = 16 * 1024 * 1024;

async function diskFacts({ dataDirectory, clock }: MachineRequest): Promise<MachineFacts['disk']> {
  const folder = await nearestFolder(dataDirectory ?? tmpdir());
  const space = await statfs(folder).catch(() => undefined);
  const probe = join(folder, `.pitchside-doctor-${process.pid}`);
  const startUs = clock.monotonicUs();
  const written = await writeThrough(probe).catch(() => false);
  const seconds = (clock.monotonicUs() - startUs) / 1e6;
  await rm(probe, { force: true }).catch(() => undefined);
  return {
    folder,
    freeBytes: space === undefined ? undefined : space.bavail * space.bsize,
    writeBytesPerSecond: written ? PROBE_BYTES / seconds : undefined,
  };
}

/** To the disk itself, not into its cache. */
async function writeThrough(path: string): Promise<boolean> {
  const handle = await open(path, 'wx', 0o600);
  try {
    await handle.write(Buffer.alloc(PROBE_BYTES, 0x5a));
    await handle.sync();
    return true;
  } finally {
    await handle.close();
  }
}

/** The folder, or the one above it that is there. */
async function nearestFolder(path: string): Promise<string> {
  const isFolder = await stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  return isFolder || dirname(path) === path ? path : nearestFolder(dirname(path));
}

/** A container's limit where there is one (cgroup v2). */
async function memoryLimit(): Promise<number> {
  const limit = Number(await readFile('/sys/fs/cgroup/memory.max', 'utf8').catch(() => ''));
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}

/** Of this process: Node raises the soft limit to the hard one when it starts. */
async function openFileLimit(): Promise<number | undefined> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const soft =
    /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1] ?? (await said('sh', ['-c', 'ulimit -n']))?.trim();
  if (soft === 'unlimited') return Number.POSITIVE_INFINITY;
  return soft === undefined || !/^\d+$/.test(soft) ? undefined : Number(soft);
}
