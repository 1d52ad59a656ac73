/**
 * The service as it is shipped (`node dist/main.js serve`) in a process of its own: its ports, its children's pids, its log.
 * It never leaves a process behind. What the log says at level error is kept for the verdict.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ChannelStatus } from '../../src/channel/view.ts';
import { ROOT, TINY_LADDER, waitFor } from '../rig/service.ts';

export interface ServicePorts {
  readonly http: number;
  readonly rtmp: number;
  readonly control: number;
}

export interface LogLine {
  readonly level: number;
  readonly time: string;
  readonly code?: string;
  readonly channel?: string;
  readonly msg: string;
}

export interface ChannelUnderTest {
  readonly id: string;
  readonly latency: 'normal' | 'low';
  readonly takeover: 'refuse' | 'replace';
}

export const keyOf = (channel: string): string => `a-chaos-key-${channel}`;
const ERROR = 50;
const MAX_ERRORS = 1_000;

export class ServiceUnderTest {
  readonly ports: ServicePorts;
  /** What it said at level error, the first thousand. */
  readonly errors: readonly LogLine[];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, ports: ServicePorts, errors: readonly LogLine[]) {
    this.#child = child;
    this.ports = ports;
    this.errors = errors;
  }

  static async start(
    folder: string,
    channels: readonly ChannelUnderTest[],
    onLine: (line: LogLine) => void = () => undefined,
  ): Promise<ServiceUnderTest> {
    const config = join(folder, 'settings.yaml');
    const settings = channels.map(({ id, ...more }) => [id, { ladder: TINY_LADDER, keys: { a: keyOf(id) }, ...more }]);
    writeFileSync(config, JSON.stringify({ channels: Object.fromEntries(settings) }));
    const free = ['--port', '0', '--rtmp-port', '0', '--control-port', '0'];
    const args = ['dist/main.js', 'serve', '--json', '--config', config, '--data', 'none', ...free];
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    const errors: LogLine[] = [];
    createInterface({ input: child.stderr }).on('line', (text) => {
      const line = logLine(text);
      onLine(line);
      if (line.level >= ERROR && errors.length < MAX_ERRORS) errors.push(line);
    });
    const ended = once(child, 'exit').then(() => {
      throw new Error(`the service did not start: ${errors.at(-1)?.msg}`);
    });
    const [first] = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended]);
    ended.catch(() => undefined);
    const service = new ServiceUnderTest(child, JSON.parse(first as string) as ServicePorts, errors);
    for (const { id } of channels)
      await waitFor(`${id} has its slate`, async () => (await service.status(id)).onAir !== 'starting', 60_000);
    return service;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async status(channel: string): Promise<ChannelStatus> {
    return (await (
      await fetch(`http://127.0.0.1:${this.ports.control}/api/v1/channels/${channel}`)
    ).json()) as ChannelStatus;
  }

  /** Of the process that takes RTMP; undefined while there is none. Read from /proc: Linux alone. */
  rtmpChildPid(): number | undefined {
    const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
    return pids.map(Number).find((pid) => parentOf(pid) === this.pid && commandOf(pid).includes('ingest/child/main'));
  }

  async stop(): Promise<void> {
    if (this.hasEnded) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await gone;
    clearTimeout(late);
  }
}

/** What is no JSON is what Node says of itself before it ends. */
function logLine(text: string): LogLine {
  try {
    const line = JSON.parse(text) as LogLine & { readonly level: unknown };
    return { ...line, level: Number(line.level) };
  } catch {
    return { level: ERROR, time: new Date().toISOString(), code: 'STDERR', msg: text };
  }
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // ended since the folder was listed
    return '';
  }
}

const commandOf = (pid: number): string => readProc(pid, 'cmdline');
const parentOf = (pid: number): number => Number(/^PPid:\s+(\d+)/m.exec(readProc(pid, 'status'))?.[1]);
