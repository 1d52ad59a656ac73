/**
 * One real edge in front of an origin: Varnish with samples/default.vcl, nginx with samples/nginx.conf, with room for ten thousand
 * connections. It never leaves a process behind. Invariant: what decides on caching is the sample as it stands; ports and capacity
 * alone are exchanged.
 */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { programPath } from '../../e2e/origin-edge.ts';
import { type Running, start, until } from '../service-process.ts';

const SAMPLES = new URL('../../../samples/', import.meta.url).pathname;

export type EdgeName = 'varnish' | 'nginx';

export interface Edge {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  stop(): Promise<void>;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });

function exchanged(text: string, pairs: readonly (readonly [string, string])[]): string {
  return pairs.reduce((whole, [from, to]) => {
    if (whole.split(from).length !== 2) throw new Error(`the sample does not say ${from.trim()} once`);
    return whole.replace(from, to);
  }, text);
}

export async function openEdge(name: EdgeName, folder: string, originPort: number): Promise<Edge> {
  const port = await freePort();
  const place = join(folder, `${name}-${port}`);
  await mkdir(place, { recursive: true });
  // The workers of both run as another user.
  for (const path of [folder, place]) await chmod(path, 0o755);
  const process = name === 'varnish' ? await varnish(place, port, originPort) : await nginx(place, port, originPort);
  await until(`${name} listens`, () => accepts(port), process);
  return { url: `http://127.0.0.1:${port}`, stop: () => process.stop() };
}

async function varnish(place: string, port: number, originPort: number): Promise<Running> {
  const text = await readFile(join(SAMPLES, 'default.vcl'), 'utf8');
  const file = join(place, 'default.vcl');
  await writeFile(file, exchanged(text, [['.port = "8080"', `.port = "${originPort}"`]]));
  const set = ['thread_pools=2', 'thread_pool_min=100', 'thread_pool_max=2000', 'listen_depth=4096', 'timeout_idle=65'];
  const parameters = set.flatMap((parameter) => ['-p', parameter]);
  const args = ['-F', '-j', 'none', '-n', join(place, 'work'), '-a', `127.0.0.1:${port}`, '-T', 'none'];
  return start(programPath('varnishd', 'varnish'), [...args, '-f', file, '-s', 'malloc,400m', ...parameters]);
}

async function nginx(place: string, port: number, originPort: number): Promise<Running> {
  const text = await readFile(join(SAMPLES, 'nginx.conf'), 'utf8');
  const file = join(place, 'nginx.conf');
  const user = process.getuid?.() === 0 ? 'user root;\n' : '';
  const fitted = exchanged(text, [
    ['\n    listen 8088;', `\n    listen 127.0.0.1:${port} backlog=4096;`],
    ['server 127.0.0.1:8080', `server 127.0.0.1:${originPort}`],
    ['worker_connections 4096;', 'worker_connections 19000;'],
    ['keepalive_timeout 65s;', 'keepalive_timeout 65s; keepalive_requests 1000000;'],
  ]);
  await writeFile(file, user + fitted);
  return start(programPath('nginx', 'nginx'), ['-p', place, '-c', file, '-e', 'stderr', '-g', 'daemon off;']);
}
