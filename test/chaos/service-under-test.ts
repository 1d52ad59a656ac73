/**
 * The service as it is shipped (`node dist/main.js serve`) in a process of its own: its ports, its children's pids, its log.
 * It never leaves a process behind. What the log says at level error is kept for the verdict.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
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
/** After it is back: sockets to the process that is gone may be noticed a little later. */
const AWAY_SLACK_MS = 1_000;

export interface ServiceOptions {
  readonly onLine?: (line: LogLine) => void;
  /** What it keeps is in the folder and outlives a kill; else in memory. */
  readonly isKept?: boolean;
}

export class ServiceUnderTest {
  readonly ports: ServicePorts;
  /** What it said at level error, the first thousand. */
  readonly errors: readonly LogLine[];
  readonly #start: (ports: ServicePorts) => Promise<Started>;
  #child: ChildProcess;
  /** When it was killed and not back yet, or when it was back. */
  #awayUntilMs = Number.NEGATIVE_INFINITY;

  private constructor(started: Started, errors: readonly LogLine[], start: (ports: ServicePorts) => Promise<Started>) {
    this.#child = started.child;
    this.#start = start;
    this.ports = started.ports;
    this.errors = errors;
  }

  static async start(
    folder: string,
    channels: readonly ChannelUnderTest[],
    { onLine = () => undefined, isKept = false }: ServiceOptions = {},
  ): Promise<ServiceUnderTest> {
    const config = join(folder, 'settings.yaml');
    const settings = channels.map(({ id, ...more }) => [id, { ladder: TINY_LADDER, keys: { a: keyOf(id) }, ...more }]);
    writeFileSync(config, JSON.stringify({ channels: Object.fromEntries(settings) }));
    const errors: LogLine[] = [];
    const take = (line: LogLine) => {
      onLine(line);
      if (line.level >= ERROR && errors.length < MAX_ERRORS) errors.push(line);
    };
    const start = (ports: ServicePorts) => {
      const at = ['--port', ports.http, '--rtmp-port', ports.rtmp, '--control-port', ports.control].map(String);
      return spawnService(['--config', config, '--data', isKept ? join(folder, 'data') : 'none', ...at], take);
    };
    const service = new ServiceUnderTest(await start({ http: 0, rtmp: 0, control: 0 }), errors, start);
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

  /** Ends it (SIGTERM: an upgrade); on the same ports and data again so much later. Resolves when it listens. */
  async killFor(ms: number, signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    this.#awayUntilMs = Number.POSITIVE_INFINITY;
    const gone = once(this.#child, 'exit');
    this.#child.kill(signal);
    await gone;
    await sleep(ms);
    this.#child = (await this.#start(this.ports)).child;
    this.#awayUntilMs = performance.now();
  }

  /** A request that was sent then may have been lost with the process that was killed. */
  wasAway(sentMs: number): boolean {
    return sentMs < this.#awayUntilMs + AWAY_SLACK_MS;
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

interface Started {
  readonly child: ChildProcess;
  readonly ports: ServicePorts;
}

async function spawnService(flags: readonly string[], onLine: (line: LogLine) => void): Promise<Started> {
  const child = spawn(process.execPath, ['dist/main.js', 'serve', '--json', ...flags], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  let last: LogLine | undefined;
  createInterface({ input: child.stderr }).on('line', (text) => {
    last = logLine(text);
    onLine(last);
  });
  const ended = once(child, 'exit').then(() => {
    throw new Error(`the service did not start: ${last?.msg}`);
  });
  const [first] = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended]);
  ended.catch(() => undefined);
  return { child, ports: JSON.parse(first as string) as ServicePorts };
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
