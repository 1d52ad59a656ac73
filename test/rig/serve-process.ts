/**
 * `serve` as it is shipped, in a process of its own on chosen ports, so that a second one can take its place.
 * It never leaves a process behind: `endAll` kills what a test has left, RTMP children included.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import type { ChannelStatus } from '../../src/channel/view.ts';
import { KEY, ROOT, waitFor } from './service.ts';

export interface Ports {
  readonly http: number;
  readonly rtmp: number;
  readonly control: number;
}

export interface ServeProcess {
  readonly pid: number;
  stdout: string;
  stderr: string;
  readonly ended: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
  status(): Promise<ChannelStatus>;
  /** Resolves with its lines of the log whose message is this. */
  logged(message: string): Record<string, unknown>[];
}

const started: ChildProcess[] = [];

export async function freePorts(): Promise<Ports> {
  const servers = await Promise.all(
    [0, 1, 2].map(async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      return server;
    }),
  );
  const [http = 0, rtmp = 0, control = 0] = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return { http, rtmp, control };
}

export function serveOn(
  ports: Ports,
  args: readonly string[],
  options: { uid?: number; cwd?: string } = {},
): ServeProcess {
  const all = [
    '--port',
    `${ports.http}`,
    '--rtmp-port',
    `${ports.rtmp}`,
    '--control-port',
    `${ports.control}`,
    '--json',
  ];
  const child = spawn(process.execPath, [join(ROOT, 'dist/main.js'), 'serve', ...all, ...args], {
    env: { ...process.env, PITCHSIDE_STREAM_KEY: KEY, PITCHSIDE_LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
  started.push(child);
  const run: ServeProcess = {
    pid: child.pid ?? 0,
    stdout: '',
    stderr: '',
    ended: new Promise((resolve) => child.once('close', resolve)),
    kill: (signal) => void child.kill(signal),
    status: async () =>
      (await (await fetch(`http://127.0.0.1:${ports.control}/api/v1/channels/match`)).json()) as ChannelStatus,
    logged: (message) =>
      run.stderr
        .split('\n')
        .filter((line) => line.includes(`"msg":"${message}"`))
        .map((line) => JSON.parse(line)),
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    run.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    run.stderr += text;
  });
  return run;
}

export async function waitState(run: ServeProcess, ...states: readonly string[]): Promise<void> {
  await waitFor(
    `state ${states.join(' or ')}`,
    async () => run.stdout.includes('\n') && states.includes((await run.status()).state),
    40_000,
  );
}

/** Of the RTMP children whose socket is below this folder. Read from /proc: Linux alone. */
export function childrenIn(folder: string): number[] {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return pids.map(Number).filter((pid) => {
    const command = read(`/proc/${pid}/cmdline`);
    return (
      command.includes('ingest/child/main') && command.includes(folder) && !/\) Z /.test(read(`/proc/${pid}/stat`))
    );
  });
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // ended
  }
}

export function endAll(folder: string): void {
  for (const child of started) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  for (const pid of childrenIn(folder)) process.kill(pid, 'SIGKILL');
}
