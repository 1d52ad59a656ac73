/**
 * What systemd does with a socket unit: it listens and never accepts, hands the socket to the service, and starts that again whenever it ends.
 * It never outlives the test's process. Invariant: one service at a time.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ServicePorts } from '../chaos/service-under-test.ts';
import { ROOT } from './service.ts';

/** Blocked in spawnSync its loop never runs, so that it accepts nothing. */
const PROGRAM = `
const { spawnSync } = require('node:child_process');
const server = require('node:net').createServer().listen(0, '127.0.0.1', () => {
  const serve = ['-c', 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"', process.execPath, ...process.argv.slice(1)];
  for (;;) spawnSync('sh', serve, { stdio: ['ignore', 'inherit', 'ignore', server._handle.fd] });
});`;

export class ServiceManager {
  readonly #manager: ChildProcess;
  readonly #data: string;
  /** One a life, in order. */
  readonly #listening: ServicePorts[] = [];
  #told: () => void = () => undefined;

  /** `flags` without ports and data directory. */
  constructor(data: string, flags: readonly string[]) {
    this.#data = data;
    const free = ['--rtmp-port', '0', '--control-port', '0', '--json'];
    const serve = [join(ROOT, 'dist/main.js'), 'serve', ...free, '--data', data, ...flags];
    const manager = spawn(process.execPath, ['-e', PROGRAM, '--', ...serve], { stdio: ['ignore', 'pipe', 'inherit'] });
    process.once('exit', () => this.#kill());
    createInterface({ input: manager.stdout }).on('line', (line) => {
      this.#listening.push(JSON.parse(line));
      this.#told();
    });
    this.#manager = manager;
  }

  /** Resolves when this life, the first is 1, says that it listens. */
  async life(number: number): Promise<ServicePorts> {
    for (;;) {
      const ports = this.#listening[number - 1];
      if (ports !== undefined) return ports;
      await new Promise<void>((told) => {
        this.#told = told;
      });
    }
  }

  /** As it says itself; undefined: there is none, or it was stopped in order. */
  get servicePid(): number | undefined {
    try {
      return (JSON.parse(readFileSync(join(this.#data, 'run/service.json'), 'utf8')) as { readonly pid: number }).pid;
    } catch {
      return undefined;
    }
  }

  async end(): Promise<void> {
    if (this.#manager.exitCode !== null || this.#manager.signalCode !== null) return;
    const gone = once(this.#manager, 'exit');
    this.#kill();
    await gone;
  }

  #kill(): void {
    const pid = this.servicePid;
    this.#manager.kill('SIGKILL');
    try {
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
}
