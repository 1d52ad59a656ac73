// The sample edges as they stand in samples/, with their ports exchanged, run in front of an origin of a test.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { ask } from './origin-client.ts';

export const SAMPLES = new URL('../../samples/', import.meta.url).pathname;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface Edge {
  readonly port: number;
  stop(): Promise<void>;
}

async function untilOpen(port: number, child: ChildProcess, said: () => string): Promise<void> {
  for (let turn = 0; turn < 200; turn += 1) {
    if (child.exitCode !== null) throw new Error(`the edge ended: ${said()}`);
    const open = await ask(port, '/nothing').then(
      () => true,
      () => false,
    );
    if (open) return;
    await sleep(50);
  }
  throw new Error(`the edge never answered: ${said()}`);
}

async function startEdge(command: string, args: string[], port: number, folder: string): Promise<Edge> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += String(text)));
  await untilOpen(port, child, () => said);
  return {
    port,
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export async function edgeFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'pitchside-edge-'));
  // The workers of both run as another user.
  await chmod(folder, 0o755);
  return folder;
}

/** The sample as it is, with the two ports exchanged. */
async function samplePorts(
  name: string,
  exchange: readonly (readonly [string, string])[],
  folder: string,
): Promise<string> {
  let text = await readFile(path.join(SAMPLES, name), 'utf8');
  for (const [from, to] of exchange) {
    expect(text.split(from)).toHaveLength(2);
    text = text.replace(from, to);
  }
  const file = path.join(folder, name);
  await writeFile(file, text);
  return file;
}

export async function startNginx(originPort: number): Promise<Edge> {
  const folder = await edgeFolder();
  const port = await freePort();
  const file = await samplePorts(
    'nginx.conf',
    [
      ['\n    listen 8088;', `\n    listen 127.0.0.1:${port};`],
      ['server 127.0.0.1:8080', `server 127.0.0.1:${originPort}`],
    ],
    folder,
  );
  return await startEdge('nginx', ['-p', folder, '-c', file, '-g', 'daemon off;'], port, folder);
}

export async function startVarnish(originPort: number): Promise<Edge> {
  const folder = await edgeFolder();
  const port = await freePort();
  const file = await samplePorts('default.vcl', [['.port = "8080"', `.port = "${originPort}"`]], folder);
  const args = ['-F', '-n', path.join(folder, 'work'), '-a', `127.0.0.1:${port}`, '-f', file, '-s', 'malloc,50m'];
  return await startEdge('varnishd', args, port, folder);
}
