// Requests a second of the origin beside nginx serving the same bytes from files: one worker, loopback, wrk with one
// thread and 64 connections. Rounds alternate between the two, so that both meet the same neighbours on the machine.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ask, openTestOrigin } from '../e2e/origin-client.ts';
import { openNginx, programPath } from '../e2e/origin-edge.ts';
import { FakeChannel } from '../fakes/channel-view.ts';
import { type BenchLine, lineOf, median } from './line.ts';

const SEGMENT_PATH = '/live/match/v720/g1/900000001.m4s';
const PLAYLIST_PATH = '/live/match/v720/media.m3u8';
const PLAYLIST = `#EXTM3U\n${'#EXTINF:2.00000,\n900000001.m4s\n'.repeat(64)}`;

async function requestsPerSecond(wrk: string, url: string, seconds: number, etag: string | undefined): Promise<number> {
  const header = etag === undefined ? [] : ['-H', `If-None-Match: ${etag}`];
  const { stdout } = await promisify(execFile)(wrk, ['-t1', '-c64', `-d${seconds}s`, ...header, url]);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`wrk saw errors: ${stdout}`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
}

/** rounds x 6 runs of `seconds` each. */
export async function run(rounds: number, seconds: number): Promise<readonly BenchLine[]> {
  const wrk = programPath('wrk', 'wrk');
  const files = await mkdtemp(join(tmpdir(), 'bench-origin-'));
  const segment = Buffer.alloc(1_000_000, 7);
  await writeFile(join(files, 'segment.m4s'), segment);
  await writeFile(join(files, 'media.m3u8'), PLAYLIST);
  const channel = new FakeChannel();
  channel.setMedia({ kind: 'segment', track: 'v720', gen: 'g1', number: 900000001 }, segment);
  channel.setText({ kind: 'hls-media', track: 'v720' }, PLAYLIST);
  const origin = await openTestOrigin([channel]);
  const nginx = await openNginx(
    'sendfile on; tcp_nopush on; open_file_cache max=100; keepalive_requests 10000000;',
    `root ${files};`,
    origin.port,
  );
  const cases = [
    { what: '1 MB segment, 200', ours: SEGMENT_PATH, theirs: '/segment.m4s', conditional: false },
    { what: '2 kB playlist, 200', ours: PLAYLIST_PATH, theirs: '/media.m3u8', conditional: false },
    { what: '2 kB playlist, 304', ours: PLAYLIST_PATH, theirs: '/media.m3u8', conditional: true },
  ];
  try {
    const lines: BenchLine[] = [];
    for (const { what, ours, theirs, conditional } of cases) {
      const etagAt = async (port: number, path: string) =>
        conditional ? (await ask(port, path)).headers.etag : undefined;
      const etags = [await etagAt(origin.port, ours), await etagAt(nginx.port, theirs)];
      const at = { ours: `http://127.0.0.1:${origin.port}${ours}`, theirs: `http://127.0.0.1:${nginx.port}${theirs}` };
      const pairs: (readonly [number, number])[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const one = await requestsPerSecond(wrk, at.ours, seconds, etags[0]);
        pairs.push([one, await requestsPerSecond(wrk, at.theirs, seconds, etags[1])]);
      }
      const ratios = pairs.map(([one, other]) => one / other);
      const medians = [median(pairs.map(([one]) => one)), median(pairs.map(([, other]) => other))];
      const note = `origin ${medians[0]?.toFixed(0)}, nginx ${medians[1]?.toFixed(0)} requests a second`;
      lines.push(lineOf({ what: `${what}: origin / nginx`, note }, ratios));
    }
    return lines;
  } finally {
    await nginx.close();
    await origin.close();
    await rm(files, { recursive: true, force: true });
  }
}
