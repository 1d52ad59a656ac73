/**
 * The edges of docker/edge as they stand, with their ports exchanged, run as real programs in front of an origin of a test.
 * It never leaves a process behind: each ends by its pid, with its folder. Debian's packages: varnish, nginx, caddy.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const EDGES = new URL('../../docker/edge/', import.meta.url).pathname;

export interface Edge {
  readonly port: number;
  /** Lines of its access log so far. */
  log(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** A folder that the workers of all three may enter: they run as other users. */
export async function edgeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pitchside-edge-'));
  await chmod(folder, 0o755);
  return folder;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The file with each text, which must be there once, exchanged for another. */
async function exchanged(file: string, exchange: readonly (readonly [string, string])[]): Promise<string> {
  let text = await readFile(join(EDGES, file), 'utf8');
  for (const [from, to] of exchange) {
    if (text.split(from).length !== 2) throw new Error(`${file} does not have once: ${from}`);
    text = text.replace(from, to);
  }
  return text;
}

/** The VCL and its origin in a folder; returns the file to start with. */
export async function writeVarnishSettings(folder: string, originPort: number): Promise<string> {
  await writeFile(join(folder, 'origin.vcl'), await exchanged('varnish/origin.vcl', [['"8080"', `"${originPort}"`]]));
  await writeFile(join(folder, 'edge.vcl'), await exchanged('varnish/edge.vcl', []));
  return join(folder, 'edge.vcl');
}

/** nginx.conf and its origin in a folder; `listen` is what stands behind the word, for example a port and `ssl http2`. */
export async function writeNginxSettings(
  folder: string,
  originPort: number,
  listen: string,
  secret = '',
): Promise<string> {
  const origin: [string, string][] = [
    ['127.0.0.1:8080', `127.0.0.1:${originPort}`],
    ['default "";', `default "${secret}";`],
  ];
  await writeFile(join(folder, 'origin.conf'), await exchanged('nginx/origin.conf', origin));
  const inner = `127.0.0.1:${await freePort()}`;
  const settings = await exchanged('nginx/nginx.conf', [
    ['\n    listen 8088;', `\n    listen ${listen};`],
    ['upstream lists { server 127.0.0.1:8087', `upstream lists { server ${inner}`],
    ['listen 127.0.0.1:8087;', `listen ${inner};`],
  ]);
  await writeFile(join(folder, 'nginx.conf'), settings);
  return join(folder, 'nginx.conf');
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

interface Running {
  readonly said: () => string;
  close(): Promise<void>;
}

/** Runs until close; fails with what the program said when it does not listen within 20 s. */
async function run(
  command: string,
  args: readonly string[],
  port: number,
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Running> {
  const child: ChildProcess = spawn(command, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  let hasEnded = false;
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (said += String(text)));
  const ended = new Promise<void>((resolve) => {
    const end = (): void => {
      hasEnded = true;
      resolve();
    };
    child.once('exit', end);
    child.once('error', end);
  });
  const close = async (): Promise<void> => {
    if (!hasEnded) child.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  const deadlineMs = performance.now() + 20_000;
  while (!(await accepts(port))) {
    if (hasEnded || performance.now() > deadlineMs) {
      await close();
      throw new Error(`${command} does not listen: ${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { said: () => said, close };
}

export async function openNginxEdge(originPort: number, secret = ''): Promise<Edge> {
  const folder = await edgeFolder();
  const port = await freePort();
  const file = await writeNginxSettings(folder, originPort, `127.0.0.1:${port} backlog=4096`, secret);
  const nginx = await run('nginx', ['-p', folder, '-c', file, '-g', 'daemon off;'], port, folder);
  return {
    port,
    close: nginx.close,
    async log() {
      // Written once a second (flush=1s).
      await new Promise((resolve) => setTimeout(resolve, 1500));
      return (await readFile(join(folder, 'access.log'), 'utf8')).split('\n');
    },
  };
}

export async function openVarnishEdge(originPort: number, secret = ''): Promise<Edge> {
  const folder = await edgeFolder();
  const port = await freePort();
  const file = await writeVarnishSettings(folder, originPort);
  const work = join(folder, 'work');
  const pools = ['-p', 'thread_pools=1', '-p', 'thread_pool_min=50', '-p', 'thread_pool_max=1000'];
  const args = ['-F', '-j', 'none', '-n', work, '-a', `127.0.0.1:${port}`, '-T', 'none', '-s', 'malloc,100m', ...pools];
  const varnish = await run('varnishd', [...args, '-f', file, '-p', 'listen_depth=4096'], port, folder, {
    PITCHSIDE_EDGE_SECRET: secret,
  });
  return {
    port,
    close: varnish.close,
    async log() {
      const format = '{"status":%s,"path":"%U","query":"%q","cache":"%{Varnish:handling}x"}';
      const { stdout } = await promisify(execFile)('varnishncsa', ['-n', work, '-d', '-F', format], {
        maxBuffer: 100_000_000,
      });
      return stdout.split('\n');
    },
  };
}

/** Self-signed, for loopback; also the SHA-256 of its public key, by which Chromium can be told to believe it. */
async function makeCertificate(folder: string): Promise<string> {
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-days', '2'];
  const how = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const files = ['-keyout', join(folder, 'edge.key'), '-out', join(folder, 'edge.crt')];
  await promisify(execFile)('openssl', [...how, ...subject, ...files]);
  const script =
    'openssl x509 -in edge.crt -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary';
  const { stdout } = await promisify(execFile)('sh', ['-c', `${script} | openssl base64`], { cwd: folder });
  return stdout.trim();
}

export interface TlsEdge extends Edge {
  /** base64 of the SHA-256 of its public key. */
  readonly publicKeyHash: string;
}

/** Caddy in front of a cache; its port is open for TCP and UDP. */
export async function openCaddyEdge(cachePort: number): Promise<TlsEdge> {
  const folder = await edgeFolder();
  const publicKeyHash = await makeCertificate(folder);
  const port = await freePort();
  const env = {
    SITE: `https://localhost:${port}, https://127.0.0.1:${port}`,
    VARNISH: `127.0.0.1:${cachePort}`,
    CADDY_TLS: `tls ${join(folder, 'edge.crt')} ${join(folder, 'edge.key')}`,
    HOME: folder,
    XDG_DATA_HOME: folder,
    XDG_CONFIG_HOME: folder,
  };
  const file = join(EDGES, 'caddy/Caddyfile');
  const caddy = await run('caddy', ['run', '--config', file, '--adapter', 'caddyfile'], port, folder, env);
  return { port, publicKeyHash, close: caddy.close, log: async () => caddy.said().split('\n') };
}
