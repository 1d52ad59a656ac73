// nginx with settings of a bench's own: finds the program, starts it in a temporary folder on a free port, ends it by pid.
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { connect } from './origin-client.ts';

export interface Edge {
  readonly port: number;
  readonly pid: number;
  close(): Promise<void>;
}

/** Debian keeps servers in /usr/sbin, which is not on every user's PATH. */
export function programPath(name: string, debianPackage: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  for (const folder of folders) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // Not here: the next folder.
    }
  }
  throw new Error(`${name} is missing. Get it with: apt-get install -y --no-install-recommends ${debianPackage}`);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

async function accepts(port: number): Promise<boolean> {
  try {
    const { socket } = await connect(port);
    socket.destroy();
    return true;
  } catch {
    return false;
  }
}

/** Runs until close; fails with what the program said when it does not listen within 20 s. */
async function run(program: string, args: readonly string[], folder: string, port: number): Promise<Edge> {
  const child: ChildProcess = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout?.on('data', (text) => {
    said += text;
  });
  child.stderr?.on('data', (text) => {
    said += text;
  });
  let hasExited = false;
  const exited = new Promise<void>((resolve) => {
    const end = (): void => {
      hasExited = true;
      resolve();
    };
    child.once('exit', end);
    child.once('error', end);
  });
  const close = async (): Promise<void> => {
    if (!hasExited) child.kill('SIGTERM');
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  const deadlineMs = performance.now() + 20_000;
  while (!(await accepts(port))) {
    if (hasExited || performance.now() > deadlineMs) {
      await close();
      throw new Error(`${program} does not listen: ${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { port, pid: child.pid ?? 0, close };
}

/** `http` is what stands in nginx's http block, `location` in its one location; ORIGIN is replaced by host:port. */
export async function openNginx(http: string, location: string, originPort: number): Promise<Edge> {
  const program = programPath('nginx', 'nginx');
  const folder = await mkdtemp(join(tmpdir(), 'edge-nginx-'));
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const settings = `
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr warn;
    events { worker_connections 2048; }
    http {
      access_log off;
      ${temporary.join('\n')}
      upstream origin { server 127.0.0.1:${originPort} max_fails=0; keepalive 300; keepalive_requests 100000; }
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      ${http}
      server { listen 127.0.0.1:${port} backlog=2048; location / { ${location} } }
    }`;
  await writeFile(join(folder, 'nginx.conf'), settings);
  return run(program, ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'], folder, port);
}
