/**
 * One real edge in front of an origin: Varnish or nginx with the settings of docker/edge with
 * room for ten thousand connections. It never leaves a process behind. Invariant: what decides on caching stands as it is; ports and
 * capacity alone are exchanged.
 */
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { programPath } from '../../e2e/origin-edge.ts';
import { accepts, freePort } from '../ports.ts';
import { type Running, start, until } from '../service-process.ts';

const ROOT = new URL('../../../', import.meta.url).pathname;

export type EdgeName = 'varnish' | 'nginx';

export interface Edge {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  stop(): Promise<void>;
}

/** Copies the edge's settings to `place`, each `from` exchanged where it stands; answers the main file. */
async function settings(name: EdgeName, place: string, pairs: readonly (readonly [string, string])[]): Promise<string> {
  const folder = join(ROOT, 'docker/edge', name);
  const main = name === 'nginx' ? 'nginx.conf' : 'edge.vcl';
  const files = (await readdir(folder)).filter((file) => !file.includes('compose'));
  const texts = await Promise.all(
    files.map(async (file) => [file, await readFile(join(folder, file), 'utf8')] as const),
  );
  for (const [from] of pairs)
    if (texts.filter(([, text]) => text.includes(from)).length !== 1)
      throw new Error(`${folder} does not say ${from.trim()} in one place`);
  for (const [file, text] of texts) {
    const fitted = pairs.reduce((whole, [from, to]) => whole.replace(from, to), text);
    await writeFile(join(place, file), fitted);
  }
  return join(place, main);
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
  const file = await settings('varnish', place, [['.port = "8080"', `.port = "${originPort}"`]]);
  const set = ['thread_pools=2', 'thread_pool_min=100', 'thread_pool_max=2000', 'listen_depth=4096', 'timeout_idle=65'];
  const parameters = set.flatMap((parameter) => ['-p', parameter]);
  const args = ['-F', '-j', 'none', '-n', join(place, 'work'), '-a', `127.0.0.1:${port}`, '-T', 'none'];
  return start(programPath('varnishd', 'varnish'), [...args, '-f', file, '-s', 'malloc,400m', ...parameters]);
}

async function nginx(place: string, port: number, originPort: number): Promise<Running> {
  const inner = `127.0.0.1:${await freePort()}`;
  const file = await settings('nginx', place, [
    ['upstream lists { server 127.0.0.1:8087', `upstream lists { server ${inner}`],
    ['listen 127.0.0.1:8087;', `listen ${inner};`],
    ['\n    listen 8088;', `\n    listen 127.0.0.1:${port} backlog=4096;`],
    ['server 127.0.0.1:8080', `server 127.0.0.1:${originPort}`],
    ['worker_connections 4096;', 'worker_connections 19000;'],
    ['keepalive_timeout 65s;', 'keepalive_timeout 65s; keepalive_requests 1000000;'],
  ]);
  // As root it stays root, since the folder is root's.
  if (process.getuid?.() === 0) await writeFile(file, `user root;\n${await readFile(file, 'utf8')}`);
  return start(programPath('nginx', 'nginx'), ['-p', place, '-c', file, '-e', 'stderr', '-g', 'daemon off;']);
}
