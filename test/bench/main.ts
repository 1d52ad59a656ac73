/**
 * `npm run bench`: what the service costs, beside the nearest alternative or its goal. Nothing is asserted.
 *
 *   npm run bench -- [--rounds N] [--only NAME] [--quick]
 *
 * --rounds: rounds of each figure (5), of which the median and the extremes are printed. --only: one of the names below, several
 * with commas. --quick: one short round of everything, to see that it runs; its figures mean little. All of it takes 20 minutes.
 *
 *   cpu-two-core, cpu-heavy   CPU of all processes of a channel (service, RTMP child, ffmpeg) beside bare ffmpeg to null with
 *                             the same input, pacing, graph and encoder options: the shipped two-core ladder, and one that takes
 *                             nearly two cores. Rounds that fall behind real time are left out and done again, at most twice each.
 *   fragment                  microseconds to read a CMAF fragment of 200 kB, beside mp4box
 *   playlist                  milliseconds from one more Segment to the new text of a four-hour playlist, beside hls-parser at once
 *   publish                   seconds from an RTMP publish to the first Segment of it that can be played
 *   recovery                  an encoder that is killed, for source GOPs of 2, 4 and 8.3 s: seconds until live media is on air, frames missing
 *   restart                   seconds from the start of the service to its first playlist with 15 min and 4 h kept, beside nothing kept
 *   spool                     the window on disk: CPU and bytes written beside --data none, and a Segment of the long window beside nginx (needs nginx and wrk)
 *   memory                    MB of one more channel above the bytes of its window
 *   origin                    requests a second and per core beside nginx with the same bytes in files and beside bare node:http (needs nginx and wrk)
 *   waiters                   milliseconds to answer 1,000 and 10,000 held requests, beside a bare loop of socket.write
 *   ingest                    CPU of the RTMP child for one publish at 6 and 20 Mbit/s, beside node-media-server alone
 *   encode                    CPU of ffmpeg with its CMAF outputs beside the same without
 *   tuning                    PSNR, SSIM, bytes and CPU of the encoder options of latency low and ultra, beside normal
 *
 * Linux alone (/proc). On a machine with other work to do look at the spread, not at the median.
 */
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { run as cmaf } from './cmaf.ts';
import { run as cpu } from './cpu.ts';
import { run as encode } from './encode.ts';
import { run as ingest } from './ingest.ts';
import { type BenchLine, textOf } from './line.ts';
import { HEAVY_LADDER, type Material, makeMaterial, writeLadder } from './material.ts';
import { run as memory } from './memory.ts';
import { run as origin } from './origin.ts';
import { run as playlist } from './playlist.ts';
import { run as publish } from './publish.ts';
import { run as recovery } from './recovery.ts';
import { run as restart } from './restart.ts';
import { run as spool } from './spool.ts';
import { run as tuning } from './tuning.ts';
import { run as waiters } from './waiters.ts';

interface Effort {
  readonly rounds: number;
  readonly quick: boolean;
}
type Bench = (material: Material, effort: Effort) => Promise<readonly BenchLine[]>;

const TWO_CORE = fileURLToPath(new URL('../../ladders/two-core.yaml', import.meta.url));

const timing = ({ rounds, quick }: Effort) => ({ rounds, seconds: quick ? 5 : 20, settleSeconds: quick ? 2 : 6 });

const BENCHES: Readonly<Record<string, Bench>> = {
  'cpu-two-core': (material, effort) =>
    cpu(material, { what: 'two-core', ladderPath: TWO_CORE, atMost: 1.15 }, timing(effort)),
  'cpu-heavy': async (material, effort) => {
    const ladderPath = await writeLadder(material, 'heavy', HEAVY_LADDER);
    return cpu(material, { what: 'a ladder of two cores', ladderPath, atMost: 1.05 }, timing(effort));
  },
  fragment: (_, { rounds }) => cmaf(rounds),
  playlist: (_, { rounds }) => playlist(rounds),
  publish: (material, { rounds }) => publish(material, rounds),
  recovery: (material, { rounds }) => recovery(material, rounds),
  restart: (material, { rounds }) => restart(material, rounds),
  spool: (material, { rounds, quick }) => spool(material, rounds, quick ? 5 : 10),
  tuning: (material, { rounds }) => tuning(material, rounds),
  memory: (material, { rounds, quick }) => memory(material, rounds, quick ? 8 : 30),
  origin: (_, { rounds, quick }) => origin(rounds, quick ? 1 : 2),
  waiters: (_, { rounds }) => waiters(rounds),
  ingest: (material, { rounds, quick }) => ingest(material, rounds, quick ? 3 : 8),
  encode: (_, { rounds }) => encode(rounds),
};

function readOptions(): { readonly names: readonly string[]; readonly effort: Effort } {
  const { values } = parseArgs({
    options: { rounds: { type: 'string' }, only: { type: 'string' }, quick: { type: 'boolean', default: false } },
  });
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a whole number from 1');
  const names = values.only?.split(',') ?? Object.keys(BENCHES);
  const unknown = names.find((name) => BENCHES[name] === undefined);
  if (unknown !== undefined)
    throw new Error(`there is no bench ${unknown}; there are ${Object.keys(BENCHES).join(', ')}`);
  return { names, effort: { rounds, quick: values.quick } };
}

async function main(): Promise<number> {
  const { names, effort } = readOptions();
  const material = await makeMaterial();
  const [processor] = cpus();
  console.log(`${cpus().length} x ${processor?.model ?? 'unknown'}, node ${process.version}, ${material.ffmpeg}`);
  let failed = 0;
  for (const name of names) {
    try {
      for (const line of (await BENCHES[name]?.(material, effort)) ?? []) console.log(textOf(line));
    } catch (error) {
      failed += 1;
      console.log(`${name} | could not be measured | ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  return 2;
});
