/**
 * The service as it is shipped (`node dist/main.js serve`), in a process of its own, and ffmpeg pushing a clip into it.
 * It never leaves a process behind: what it started it ends by pid, also when the bench is interrupted.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelStatus } from '../../src/channel/view.ts';
import type { Latency } from '../../src/config/model.ts';
import type { Material } from './material.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
/** Every channel has its own. */
const keyOf = (channel: string) => `a-bench-key-${channel}`;
const streamOf = (channel: string) => `${channel}?key=${keyOf(channel)}`;
const FREE_PORTS = ['--port', '0', '--rtmp-port', '0', '--control-port', '0'];

export interface Running {
  readonly pid: number;
  readonly hasEnded: boolean;
  /** The last of what it said. */
  said(): string;
  /** Ends it and waits until it is gone. */
  stop(): Promise<void>;
}

interface Started extends Running {
  /** SIGKILL, and waits. */
  kill(): Promise<void>;
}

export interface ServiceProcess extends Started {
  /** `http://127.0.0.1:PORT/live` */
  readonly origin: string;
  readonly ports: { readonly http: number; readonly rtmp: number; readonly control: number };
  /** What follows `rtmp://HOST:PORT/live/`. */
  streamOf(channel: string): string;
  status(channel: string): Promise<ChannelStatus>;
  push(channel: string): Running;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

/** Starts a program; what it says on stderr is kept, the newest 20 kB. */
export function start(program: string, args: readonly string[], onLine?: (line: string) => void): Started {
  const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-20_000);
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (out + text).split('\n');
    out = lines.pop() ?? '';
    for (const line of lines) onLine?.(line);
  });
  const gone = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      said += error.message;
      resolve();
    });
    child.once('close', () => resolve());
  }).then(() => running.delete(child));
  return {
    pid: child.pid ?? 0,
    get hasEnded() {
      return !running.has(child);
    },
    said: () => said,
    async stop() {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await gone;
      clearTimeout(late);
    },
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

interface ServiceTweaks {
  /** Settings of the origin. */
  readonly http?: Readonly<Record<string, unknown>>;
  /** A folder; else nothing is kept. */
  readonly data?: string;
}

/** One service with these channels on one ladder; resolves when their slate is on air. */
export async function startService(
  material: Material,
  ladderPath: string,
  channels: readonly string[],
  latency: Latency = 'normal',
  { http = {}, data = 'none' }: ServiceTweaks = {},
): Promise<ServiceProcess> {
  const config = join(material.folder, `settings-${channels.length}.yaml`);
  const settings = channels.map((id) => [id, { ladder: ladderPath, keys: { primary: keyOf(id) }, latency }]);
  await writeFile(
    config,
    JSON.stringify({ channels: Object.fromEntries(settings), ffmpeg: material.ffmpeg, http }, undefined, 1),
  );
  let ports: { readonly http: number; readonly rtmp: number; readonly control: number } | undefined;
  const serve = ['serve', '--json', '--config', config, '--data', data, '--log-level', 'warn', ...FREE_PORTS];
  const service = start(process.execPath, ['dist/main.js', ...serve], (line) => {
    ports ??= JSON.parse(line);
  });
  await until('the service listens', () => ports !== undefined, service);
  const at = ports ?? { http: 0, rtmp: 0, control: 0 };
  const status = async (channel: string) =>
    (await (await fetch(`http://127.0.0.1:${at.control}/api/v1/channels/${channel}`)).json()) as ChannelStatus;
  for (const channel of channels)
    await until('the slate is on air', async () => (await status(channel)).onAir !== 'starting', service);
  return {
    pid: service.pid,
    get hasEnded() {
      return service.hasEnded;
    },
    said: () => service.said(),
    stop: () => service.stop(),
    kill: () => service.kill(),
    origin: `http://127.0.0.1:${at.http}/live`,
    ports: at,
    streamOf,
    status,
    push(channel) {
      const url = `rtmp://127.0.0.1:${at.rtmp}/live/${streamOf(channel)}`;
      const input = ['-hide_banner', '-nostdin', '-loglevel', 'warning', '-re', '-stream_loop', '-1'];
      return start(material.ffmpeg, [...input, '-i', material.clip, '-c', 'copy', '-f', 'flv', url]);
    },
  };
}

/** Polls every 20 ms; fails with the last words of `of` when that has ended or 60 s have passed. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, of: Running): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!(await condition())) {
    if (of.hasEnded || performance.now() > endMs) throw new Error(`not reached: ${what}\n${of.said().slice(-2000)}`);
    await sleep(20);
  }
}
