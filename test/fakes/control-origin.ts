/**
 * A stand-in for the origin while the console is tested: ffmpeg's own live HLS and DASH of a test picture, over HTTP with CORS.
 * It is no example of good packaging; it is only something that both players can play.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ControlOrigin {
  readonly port: number;
  close(): Promise<void>;
}

const TYPES: Readonly<Record<string, string>> = {
  m3u8: 'application/vnd.apple.mpegurl',
  mpd: 'application/dash+xml',
  m4s: 'video/mp4',
};

function startEncoder(folder: string): ChildProcess {
  const args = [
    ...['-nostdin', '-loglevel', 'error', '-re', '-f', 'lavfi', '-i', 'testsrc2=s=640x360:r=25'],
    ...['-re', '-f', 'lavfi', '-i', 'sine=440:r=48000', '-filter_complex', '[0:v]split[a][b];[b]scale=320:180[c]'],
    ...['-map', '[a]', '-map', '[c]', '-map', '1:a', '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'],
    ...['-g', '25', '-sc_threshold', '0', '-b:v:0', '800k', '-b:v:1', '200k', '-c:a', 'aac', '-f', 'dash'],
    ...[
      '-seg_duration',
      '1',
      '-window_size',
      '10',
      '-extra_window_size',
      '10',
      '-use_timeline',
      '0',
      '-adaptation_sets',
    ],
    ...['id=0,streams=v id=1,streams=a', '-hls_playlist', '1', '-hls_master_name', 'master.m3u8', 'manifest.mpd'],
  ];
  return spawn('ffmpeg', args, {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

/** The players' first request has to find something: the encoder needs a moment for its first segments. */
async function waitForManifests(folder: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (['manifest.mpd', 'master.m3u8'].every((name) => existsSync(join(folder, name)))) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('ffmpeg wrote no manifests within 20 s');
}

export async function openControlOrigin(): Promise<ControlOrigin> {
  const folder = mkdtempSync(join(tmpdir(), 'control-origin-'));
  const encoder = startEncoder(folder);
  const server = createServer((request, response) => {
    const name = new URL(request.url ?? '/', 'http://origin').pathname.split('/').at(-1) ?? '';
    response.setHeader('Access-Control-Allow-Origin', '*');
    if (name === 'time') {
      response.end(new Date().toISOString());
      return;
    }
    try {
      const body = readFileSync(join(folder, name));
      response.setHeader('Content-Type', TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'text/plain');
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await waitForManifests(folder);
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const ended = new Promise((resolve) => encoder.once('exit', resolve));
      encoder.kill('SIGKILL');
      await ended;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
