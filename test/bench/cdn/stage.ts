/**
 * A real service with a feed on the smallest ladder, an edge before it, and `pitchside swarm` before that, each a process of its own.
 * It never judges. Invariant: one stage has one service, so its edges and crowds meet the same objects; each crowd has an edge that is empty.
 */
import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Latency } from '../../../src/config/model.ts';
import type { SwarmReport } from '../../../src/swarm/report.ts';
import type { Material } from '../material.ts';
import { type Running, type ServiceProcess, start, startService } from '../service-process.ts';
import { type EdgeName, openEdge } from './edges.ts';

export type LadderName = 'two-rungs' | 'six-seconds' | 'one-rung';

export interface Show {
  readonly report: SwarmReport;
  /** The origin's access log of the run. */
  readonly originLog: string;
}

export interface Stage {
  readonly service: ServiceProcess;
  /** A swarm through a fresh edge. */
  run(edge: EdgeName, args: readonly string[]): Promise<Show>;
  stop(): Promise<void>;
}

export function ladderPath(name: LadderName): string {
  return new URL(`./${name}.yaml`, import.meta.url).pathname;
}

/** 270p30 with a tone, copied in a loop: the encoder's share of the processor is that of the ladder. */
export async function makeClip(material: Material): Promise<void> {
  const input = [
    ...['-v', 'error', '-y', '-f', 'lavfi', '-i', 'testsrc2=s=480x270:r=30'],
    ...['-f', 'lavfi', '-i', 'sine=r=48000'],
  ];
  const video = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', '60', '-keyint_min', '60'];
  const rest = ['-sc_threshold', '0', '-b:v', '500k', '-c:a', 'aac', '-b:a', '96k', '-t', '20', material.clip];
  await promisify(execFile)(material.ffmpeg, [...input, ...video, ...rest]);
}

/** `profiles`: a folder for V8's CPU profiles of the swarms. */
export async function openStage(
  material: Material,
  latency: Latency,
  ladder: LadderName,
  profiles: string | undefined,
): Promise<Stage> {
  const accessLog = join(material.folder, `access-${performance.now()}.log`);
  const service = await startService(material, ladderPath(ladder), ['match'], latency, { http: { accessLog } });
  const push = service.push('match');
  while ((await service.status('match')).onAir !== 'live') await sleep(200);
  // So that a list has its three target durations.
  await sleep(ladder === 'six-seconds' ? 20_000 : 8000);
  return {
    service,
    async run(name, args) {
      const { size } = await stat(accessLog);
      const edge = await openEdge(name, join(material.folder), service.ports.http);
      try {
        const report = await swarm(edge.url, service.ports.control, args, profiles);
        await edge.stop();
        await sleep(LOG_FLUSH_MS);
        return { report, originLog: (await readFile(accessLog)).subarray(size).toString('utf8') };
      } finally {
        await edge.stop();
      }
    },
    async stop() {
      await push.stop();
      await service.stop();
    },
  };
}

/** The origin writes its log behind. */
const LOG_FLUSH_MS = 600;

function swarm(
  edgeUrl: string,
  control: number,
  args: readonly string[],
  profiles: string | undefined,
): Promise<SwarmReport> {
  const metrics = `http://127.0.0.1:${control}/metrics`;
  const fixed = ['--json', '--url', `${edgeUrl}/live/match`, '--metrics', metrics, '--max-rate', '50000'];
  const node = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`];
  // Ten thousand viewers are what survives each collection of a small nursery.
  node.push('--max-semi-space-size=64');
  return new Promise((resolve, reject) => {
    let said: string | undefined;
    const child: Running = start(process.execPath, [...node, 'dist/main.js', 'swarm', ...fixed, ...args], (line) => {
      said = line;
    });
    const poll = setInterval(() => {
      if (!child.hasEnded) return;
      clearInterval(poll);
      if (said === undefined) reject(new Error(child.said()));
      else resolve(JSON.parse(said) as SwarmReport);
    }, 100);
  });
}
