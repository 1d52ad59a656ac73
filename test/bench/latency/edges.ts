/**
 * The edges in front of the origin and the alternatives beside it, all of them Debian's programs on free ports of loopback:
 * Varnish with docker/edge/varnish behind an nginx that only ends TLS and HTTP/2, docker/edge/nginx with TLS, and one more
 * nginx with its RTMP module. It never leaves a process behind: each ends by its pid, or with the bench.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { writeNginxSettings, writeVarnishSettings } from '../../rig/edges.ts';
import { accepts, freePort } from '../ports.ts';
import { type Running, start, until } from '../service-process.ts';

/** Debian's libnginx-mod-rtmp. */
const RTMP_MODULE = '/usr/lib/nginx/modules/ngx_rtmp_module.so';
const BODIES = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

export interface Edge {
  /** `https://127.0.0.1:PORT` */
  readonly url: string;
  stop(): Promise<void>;
}

/** undefined when it is there; else what to do. */
export function missingRtmpModule(): string | undefined {
  if (existsSync(RTMP_MODULE)) return undefined;
  return `${RTMP_MODULE} is missing. Get it with: apt-get install -y --no-install-recommends libnginx-mod-rtmp`;
}

async function listening(what: string, process: Running, port: number): Promise<Running> {
  await until(`${what} listens`, () => accepts(port), process);
  return process;
}

/** nginx in a folder of its own; as root it stays root, since the folder is root's. */
async function startNginx(folder: string, name: string, text: string, port: number): Promise<Running> {
  const prefix = join(folder, name);
  await mkdir(prefix, { recursive: true });
  const user = process.getuid?.() === 0 ? 'user root;\n' : '';
  await writeFile(join(prefix, 'nginx.conf'), user + text);
  const args = ['-p', prefix, '-c', join(prefix, 'nginx.conf'), '-e', 'stderr', '-g', 'daemon off;'];
  return listening(name, start('nginx', args), port);
}

/** Self-signed, for loopback. */
async function makeCertificate(folder: string): Promise<string> {
  const [key, certificate] = [join(folder, 'edge.key'), join(folder, 'edge.crt')];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
  const how = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await promisify(execFile)('openssl', [...how, ...subject, '-keyout', key, '-out', certificate]);
  return `ssl_certificate ${certificate}; ssl_certificate_key ${key};`;
}

const tlsFront = (port: number, target: number, certificate: string): string => `
worker_processes 1; pid nginx.pid; error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off; tcp_nodelay on;
  ${BODIES.map((body) => `${body}_temp_path ${body};`).join(' ')}
  upstream cache { server 127.0.0.1:${target} max_fails=0; keepalive 200; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${port} ssl http2;
    ${certificate}
    keepalive_requests 1000000;
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
    proxy_buffering off; proxy_read_timeout 15s;
    location / { proxy_pass http://cache; }
  }
}`;

/** Varnish as shipped, with TLS and HTTP/2 in front. */
export async function openVarnishEdge(folder: string, originPort: number): Promise<Edge> {
  const [port, front] = [await freePort(), await freePort()];
  const settings = join(folder, `vcl-${port}`);
  await mkdir(settings, { recursive: true });
  const vcl = await writeVarnishSettings(settings, originPort);
  const work = ['-F', '-j', 'none', '-n', join(folder, `varnish-${port}`), '-T', 'none', '-s', 'malloc,256m'];
  const pools = ['-p', 'thread_pools=1', '-p', 'thread_pool_min=100', '-p', 'thread_pool_max=1000'];
  const cache = start('varnishd', [...work, '-a', `127.0.0.1:${port}`, '-f', vcl, ...pools]);
  await listening('varnishd', cache, port);
  const tls = await startNginx(folder, `tls-${front}`, tlsFront(front, port, await makeCertificate(folder)), front);
  return {
    url: `https://127.0.0.1:${front}`,
    stop: async () => void (await Promise.all([tls.stop(), cache.stop()])),
  };
}

/** nginx as shipped, with TLS and HTTP/2 where it says to put them. */
export async function openNginxEdge(folder: string, originPort: number): Promise<Edge> {
  const port = await freePort();
  const certificate = await makeCertificate(folder);
  const prefix = join(folder, `nginx-${port}`);
  await mkdir(prefix, { recursive: true });
  const listen = `127.0.0.1:${port} ssl http2; ${certificate} keepalive_requests 1000000`;
  const shipped = await readFile(await writeNginxSettings(prefix, originPort, listen), 'utf8');
  const text = shipped.replace('worker_processes auto;', 'worker_processes 1;');
  const edge = await startNginx(folder, `nginx-${port}`, text, port);
  return { url: `https://127.0.0.1:${port}`, stop: () => edge.stop() };
}

export interface Alternatives {
  readonly rtmpPort: number;
  /** Media playlists: nginx-rtmp's own, and that of `ffmpeg -f hls`. */
  readonly nginxRtmp: string;
  readonly ffmpegHls: string;
  /** To be called when somebody publishes `match`. */
  startFfmpeg(): Promise<void>;
  stop(): Promise<void>;
}

/** Both copy what they get: no encoder costs them time or processor. Two-second Segments, else their own defaults. */
export async function openAlternatives(folder: string, ffmpeg: string): Promise<Alternatives> {
  const [rtmpPort, port] = [await freePort(), await freePort()];
  const [ofNginx, ofFfmpeg] = [join(folder, 'media', 'nginx-rtmp'), join(folder, 'media', 'ffmpeg')];
  for (const path of [ofNginx, ofFfmpeg]) await mkdir(path, { recursive: true });
  const text = `
load_module ${RTMP_MODULE};
worker_processes 1; pid nginx.pid; error_log stderr error;
events { worker_connections 1024; }
rtmp { server { listen 127.0.0.1:${rtmpPort}; chunk_size 4096;
  application live { live on; hls on; hls_path ${ofNginx}; hls_fragment 2s; } } }
http {
  access_log off;
  ${BODIES.map((body) => `${body}_temp_path ${body};`).join(' ')}
  types { application/vnd.apple.mpegurl m3u8; video/mp2t ts; }
  server { listen 127.0.0.1:${port}; root ${join(folder, 'media')};
    add_header Access-Control-Allow-Origin * always; add_header Cache-Control no-cache; }
}`;
  const nginx = await startNginx(folder, `rtmp-${port}`, text, port);
  let copier: Running | undefined;
  return {
    rtmpPort,
    nginxRtmp: `http://127.0.0.1:${port}/nginx-rtmp/match.m3u8`,
    ffmpegHls: `http://127.0.0.1:${port}/ffmpeg/match.m3u8`,
    async startFfmpeg() {
      const list = join(ofFfmpeg, 'match.m3u8');
      const input = ['-v', 'error', '-nostdin', '-i', `rtmp://127.0.0.1:${rtmpPort}/live/match`];
      const output = ['-c', 'copy', '-f', 'hls', '-hls_time', '2', '-hls_flags', 'delete_segments', list];
      copier = start(ffmpeg, [...input, ...output]);
      await until('ffmpeg -f hls wrote its list', () => existsSync(list), copier);
    },
    async stop() {
      await copier?.stop();
      await nginx.stop();
    },
  };
}
