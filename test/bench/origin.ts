// The origin beside nginx serving the same bytes with the same fields from files, and beside bare node:http writing them from memory:
// loopback, wrk with one thread and 64 connections, one worker each. Rounds alternate between the three, so that all meet the same
// neighbours on the machine. Per core: requests for each second of CPU that the server's process took, by /proc.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { type Answer, ask, openTestOrigin } from '../e2e/origin-client.ts';
import { openNginx, programPath } from '../e2e/origin-edge.ts';
import { FakeChannel } from '../fakes/channel-view.ts';
import { type BenchLine, lineOf, median } from './line.ts';
import { cpuOfTree } from './process-tree.ts';

const SEGMENT_PATH = '/live/match/v720/g1/900000001.m4s';
const PLAYLIST_PATH = '/live/match/v720/media.m3u8';
const PLAYLIST = `#EXTM3U\n${'#EXTINF:2.00000,\n900000001.m4s\n'.repeat(64)}`;

/** What the two others are asked for instead. */
interface Case {
  readonly what: string;
  readonly path: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly conditional: boolean;
  /** The goals: at least so much of nginx's rate per core, and of bare node:http's. */
  readonly ofNginx: number;
  readonly ofNode: number | undefined;
}

const CASES: readonly Case[] = [
  { what: '1 MB segment', path: SEGMENT_PATH, fields: {}, conditional: false, ofNginx: 1, ofNode: undefined },
  { what: '2 kB playlist', path: PLAYLIST_PATH, fields: {}, conditional: false, ofNginx: 0.4, ofNode: 0.9 },
  { what: '2 kB playlist, 304', path: PLAYLIST_PATH, fields: {}, conditional: true, ofNginx: 0.4, ofNode: 0.9 },
  {
    what: '2 kB playlist, gzip',
    path: PLAYLIST_PATH,
    fields: { 'accept-encoding': 'gzip' },
    conditional: false,
    ofNginx: 0.4,
    ofNode: 0.9,
  },
];

export interface Rate {
  readonly perSecond: number;
  readonly perCpuSecond: number;
}

/** One run of wrk; `cpuSeconds` is read before and after. */
export async function rateOf(
  wrk: string,
  url: string,
  seconds: number,
  fields: Readonly<Record<string, string>>,
  cpuSeconds: () => number,
): Promise<Rate> {
  const headers = Object.entries(fields).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const before = cpuSeconds();
  const { stdout } = await promisify(execFile)(wrk, ['-t1', '-c64', `-d${seconds}s`, ...headers, url]);
  const spent = cpuSeconds() - before;
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`wrk saw errors: ${stdout}`);
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  return { perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]), perCpuSecond: requests / spent };
}

/** CPU of this process. */
export function ownSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

export function secondsOfTree(pid: number): number {
  return [...cpuOfTree(pid).values()].reduce((sum, { seconds }) => sum + seconds, 0);
}

/** Fields that say how long a thing may be kept and who may read it; the rest nginx makes of its file. */
const OF_POLICY = /^(cache-control|cdn-cache-control|surrogate|access-control|timing-allow|cross-origin|x-content)/;

export function policyFields({ headers }: Answer): string {
  const ours = Object.entries(headers).filter(([name]) => OF_POLICY.test(name));
  return ours.map(([name, value]) => `add_header ${name} "${value}";`).join(' ');
}

/** An answer as bare node:http writes it: what Node adds by itself is left out. */
function plainAnswer({ status, rawHeaders, body }: Answer) {
  const byNode = /^(date|connection|keep-alive)$/i;
  const fields = rawHeaders.filter((_, index) => !byNode.test(rawHeaders[index - (index % 2)] ?? ''));
  return { status, fields, body };
}

/** Writes the origin's answers as they are, by path, coding and tag: what node:http costs without an origin. */
async function openBareNode(originPort: number): Promise<{ readonly port: number; readonly server: Server }> {
  const answers = new Map<string, ReturnType<typeof plainAnswer>>();
  for (const { path, fields } of CASES) {
    const answer = await ask(originPort, path, fields);
    const { etag = '' } = answer.headers;
    const unchanged = await ask(originPort, path, { ...fields, 'if-none-match': etag });
    const coding = fields['accept-encoding'] ?? '';
    answers.set(`${path} ${coding} `, plainAnswer(answer)).set(`${path} ${coding} ${etag}`, plainAnswer(unchanged));
  }
  const server = createServer((request, response) => {
    const { 'accept-encoding': coding = '', 'if-none-match': tag = '' } = request.headers;
    const answer = answers.get(`${request.url} ${coding} ${tag}`);
    if (answer === undefined) throw new Error('asked for something else');
    response.writeHead(answer.status, answer.fields).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, server };
}

/** rounds x 12 runs of `seconds` each. */
export async function run(rounds: number, seconds: number): Promise<readonly BenchLine[]> {
  const wrk = programPath('wrk', 'wrk');
  const files = await mkdtemp(join(tmpdir(), 'bench-origin-'));
  const segment = Buffer.alloc(1_000_000, 7);
  await writeFile(join(files, 'segment.m4s'), segment);
  await writeFile(join(files, 'media.m3u8'), PLAYLIST);
  await writeFile(join(files, 'media.m3u8.gz'), gzipSync(PLAYLIST));
  const channel = new FakeChannel();
  channel.setMedia({ kind: 'segment', track: 'v720', gen: 'g1', number: 900000001 }, segment);
  channel.setText({ kind: 'hls-media', track: 'v720' }, PLAYLIST);
  const origin = await openTestOrigin([channel]);
  const bare = await openBareNode(origin.port);
  const [media, list] = [SEGMENT_PATH, PLAYLIST_PATH].map(async (path) => policyFields(await ask(origin.port, path)));
  const nginx = await openNginx(
    'sendfile on; tcp_nopush on; gzip_static on; open_file_cache max=100; keepalive_requests 10000000;',
    `root ${files}; ${await list} location = /segment.m4s { ${await media} }`,
    origin.port,
  );
  const nginxSeconds = () => secondsOfTree(nginx.pid);
  try {
    const lines: BenchLine[] = [];
    for (const one of CASES) {
      const theirPath = one.path === SEGMENT_PATH ? '/segment.m4s' : '/media.m3u8';
      const sides = [
        { url: `http://127.0.0.1:${origin.port}${one.path}`, cpu: ownSeconds },
        { url: `http://127.0.0.1:${nginx.port}${theirPath}`, cpu: nginxSeconds },
        { url: `http://127.0.0.1:${bare.port}${one.path}`, cpu: ownSeconds },
      ];
      const fields = await Promise.all(
        sides.map(async ({ url }) => {
          const { port, pathname } = new URL(url);
          const { etag = '' } = (await ask(Number(port), pathname, one.fields)).headers;
          return one.conditional ? { ...one.fields, 'If-None-Match': etag } : one.fields;
        }),
      );
      const rates: Rate[][] = [];
      for (let round = 0; round < rounds; round += 1) {
        const row: Rate[] = [];
        for (const [at, { url, cpu }] of sides.entries())
          row.push(await rateOf(wrk, url, seconds, fields[at] ?? {}, cpu));
        rates.push(row);
      }
      lines.push(...linesOf(one, rates));
    }
    return lines;
  } finally {
    await nginx.close();
    await origin.close();
    bare.server.closeAllConnections();
    bare.server.close();
    await rm(files, { recursive: true, force: true });
  }
}

function linesOf({ what, ofNginx, ofNode }: Case, rates: readonly (readonly Rate[])[]): BenchLine[] {
  const ratio = (other: number, of: keyof Rate) =>
    rates.map((row) => (row[0]?.[of] ?? Number.NaN) / (row[other]?.[of] ?? Number.NaN));
  const middle = (side: number, of: keyof Rate) => median(rates.map((row) => row[side]?.[of] ?? Number.NaN)).toFixed(0);
  const all = (of: keyof Rate) => `origin ${middle(0, of)}, nginx ${middle(1, of)}, bare node:http ${middle(2, of)}`;
  return [
    lineOf(
      {
        what: `${what}: origin / nginx, per core`,
        atLeast: ofNginx,
        note: `${all('perCpuSecond')} requests a CPU second`,
      },
      ratio(1, 'perCpuSecond'),
    ),
    lineOf({ what: `${what}: origin / nginx`, note: `${all('perSecond')} requests a second` }, ratio(1, 'perSecond')),
    lineOf(
      { what: `${what}: origin / bare node:http, per core`, ...(ofNode === undefined ? {} : { atLeast: ofNode }) },
      ratio(2, 'perCpuSecond'),
    ),
    // What node:http itself leaves of nginx: the share of the distance that is not ours.
    lineOf(
      { what: `${what}: bare node:http / nginx, per core` },
      rates.map((row) => (row[2]?.perCpuSecond ?? Number.NaN) / (row[1]?.perCpuSecond ?? Number.NaN)),
    ),
  ];
}
