/**
 * What the CMAF outputs of a worker cost: CPU of the ladder's ffmpeg with POSTs to a sink that throws everything away,
 * against the same ffmpeg with the same input and graph and no muxer (`-f null`), as fast as they go. Runs are taken in turn.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { workerCommand } from '../../src/transcode/arguments.ts';
import type { EncodeCommand } from '../../src/transcode/model.ts';
import { feed, makeFlv, runCommand } from '../fakes/encoder-run.ts';
import { ladderOf, planOf, rate, rung, sourceOf } from '../fakes/transcode-plan.ts';
import { type BenchLine, lineOf, median } from './line.ts';

const SECONDS = 10;

export async function run(rounds: number): Promise<readonly BenchLine[]> {
  const flv = await makeFlv([
    ...['-f', 'lavfi', '-i', 'testsrc2=s=1280x720:r=30,noise=alls=6:allf=t', '-f', 'lavfi', '-i', 'sine=r=48000'],
    ...[
      '-t',
      `${SECONDS}`,
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
      '-bf',
      '0',
      '-g',
      '60',
      '-b:v',
      '6M',
      '-c:a',
      'aac',
    ],
  ]);
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.end());
  });
  server.requestTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const ladder = ladderOf([rung('720', 720), rung('480', 480), rung('270', 270)]);
  const command = workerCommand({
    plan: planOf(ladder, sourceOf(1280, 720, rate(30))),
    urlOf: (track) => `http://127.0.0.1:${port}/${track}`,
    headers: {},
    start: { trimMs: 0, audioOffsetSamples: 0, hasVideo: true, hasAudio: true },
  });
  const posted: Cost[] = [];
  const bare: Cost[] = [];
  try {
    for (let index = 0; index < rounds; index++) {
      posted.push(await costOf(measured(command), flv));
      bare.push(await costOf(measured(withoutMuxer(command)), flv));
    }
  } finally {
    server.closeAllConnections();
    server.close();
  }
  const total = ({ ffmpegSeconds, nodeSeconds }: Cost) => ffmpegSeconds + nodeSeconds;
  const per = (costs: readonly Cost[]) => (median(costs.map(total)) / SECONDS).toFixed(3);
  const ratios = posted.map((cost, index) => total(cost) / total(bare[index] ?? cost));
  const note = `720p, 480p, 270p superfast: ${per(posted)} and ${per(bare)} s of CPU a second of media, this process with its sink included`;
  return [lineOf({ what: 'encoder alone: CMAF by POST / null', note }, ratios)];
}

interface Cost {
  readonly ffmpegSeconds: number;
  readonly nodeSeconds: number;
}

/** ffmpeg's own account (`-benchmark`, said at level info when it ends). */
function measured(command: EncodeCommand): EncodeCommand {
  const inputs = command.inputs.map(({ url, options }) => ({
    url,
    options: ['-benchmark', ...options.map((option) => (option === 'warning' ? 'info' : option))],
  }));
  return { ...command, inputs };
}

/** The same encoders, each to a muxer that throws everything away. */
export function withoutMuxer(command: EncodeCommand): EncodeCommand {
  const outputs = command.outputs.map(({ options }) => ({
    url: '-',
    options: [...options.slice(0, options.indexOf('-f')), '-f', 'null'],
  }));
  return { ...command, outputs };
}

async function costOf(command: EncodeCommand, flv: Buffer): Promise<Cost> {
  const before = process.cpuUsage();
  const run = runCommand(command);
  await feed(run, flv);
  const exit = await run.exited;
  const node = process.cpuUsage(before);
  const said = run.lines
    .map((line) => /bench: utime=([\d.]+)s stime=([\d.]+)s/.exec(line))
    .find((match) => match !== null);
  if (exit.code !== 0 || said === undefined) throw new Error(`ffmpeg: ${exit.lastLines.slice(-5).join('\n')}`);
  return { ffmpegSeconds: Number(said[1]) + Number(said[2]), nodeSeconds: (node.user + node.system) / 1e6 };
}
