/**
 * `npm run bench:cdn`: does the origin's load depend on objects or on viewers? Nothing is asserted.
 *
 *   npm run bench:cdn -- [--only SCENE,...] [--viewers 10,100,1000] [--seconds 20] [--joins 10000] [--profile FOLDER]
 *
 * A real service on the smallest ladder with a feed, a real edge with the shipped settings, `pitchside swarm` as the audience (seed 1,
 * a whim a minute each, ordinary live: 60 % HLS, 30 % blocking HLS, 10 % DASH). A crowd is measured for --seconds after it has joined. A
 * crowd that this machine does not serve on time is named so; goals beyond what was held are extrapolated, and said to be. That no object was
 * asked for twice is read from the origin's access log, URL by URL.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Latency } from '../../../src/config/model.ts';
import { locateFfmpeg } from '../../../src/transcode/locate.ts';
import type { Material } from '../material.ts';
import type { EdgeName } from './edges.ts';
import { plannedOf } from './planned.ts';
import { type LadderName, makeClip, openStage, type Stage } from './stage.ts';
import { type Measured, measuredOf, planLine, rowOf, spikeLines, verdictsOf } from './verdict.ts';

interface Scene {
  readonly latency: Latency;
  readonly ladder: LadderName;
  readonly edge: EdgeName;
  readonly mix: string;
  readonly crowds: readonly number[];
  /** Where the goal is set. */
  readonly goalViewers: number;
  readonly connections: number;
}

const ORDINARY = {
  latency: 'normal',
  ladder: 'two-rungs',
  mix: 'hls=60,ll-hls=30,dash=10',
  goalViewers: 10_000,
  connections: 1,
  crowds: [10, 100, 1000],
} as const satisfies Omit<Scene, 'edge'>;
const LOW = { latency: 'low', edge: 'varnish', mix: 'll-hls=100', connections: 4, goalViewers: 1500 } as const;
const SCENES: Readonly<Record<string, Scene>> = {
  'normal-varnish': { ...ORDINARY, edge: 'varnish' },
  'normal-nginx': { ...ORDINARY, edge: 'nginx' },
  'six-varnish': { ...ORDINARY, ladder: 'six-seconds', edge: 'varnish', crowds: [10, 1000, 10_000] },
  'six-nginx': { ...ORDINARY, ladder: 'six-seconds', edge: 'nginx', crowds: [10, 1000, 10_000] },
  'low-varnish': { ...LOW, ladder: 'two-rungs', crowds: [10, 100, 300] },
  'low-one-rung': { ...LOW, ladder: 'one-rung', crowds: [10, 300, 1500] },
};
const SPIKE = { base: 100, joins: 10_000 };

interface Options {
  readonly crowds: readonly number[] | undefined;
  readonly seconds: number;
  readonly joins: number;
  readonly profiles: string | undefined;
}

async function crowd(stage: Stage, scene: Scene, viewers: number, seconds: number): Promise<Measured> {
  // Joining itself is a spike; that is measured elsewhere.
  const rampSeconds = Math.max(2, Math.ceil(viewers / 400));
  const duration = `${rampSeconds + 4 + seconds}s`;
  const args = ['--viewers', `${viewers}`, '--mix', scene.mix, '--ramp', `${rampSeconds}s`, '--duration', duration];
  const show = await stage.run(scene.edge, [...args, '--connections', `${scene.connections}`]);
  // Low-latency viewers wait for parts.
  const segmentMs = scene.latency !== 'normal' ? 0 : scene.ladder === 'six-seconds' ? 6000 : 2000;
  return measuredOf(show, viewers, segmentMs);
}

async function play(name: string, scene: Scene, material: Material, options: Options) {
  const stage = await openStage(material, scene.latency, scene.ladder, options.profiles);
  const all: Measured[] = [];
  try {
    for (const viewers of options.crowds ?? scene.crowds) {
      const measured = await crowd(stage, scene, viewers, options.seconds);
      all.push(measured);
      console.log(rowOf(name, measured));
      console.log(planLine(measured, await plannedOf(scene.ladder, scene.latency, scene.mix, measured.viewers)));
      for (const line of measured.capped) console.log(`  capped: ${line}`);
    }
  } finally {
    await stage.stop();
  }
  for (const line of verdictsOf(name, all, scene.goalViewers)) console.log(line);
}

async function spike(material: Material, { joins, profiles }: Options): Promise<void> {
  const stage = await openStage(material, 'normal', 'two-rungs', profiles);
  try {
    const args = ['--viewers', `${SPIKE.base}`, '--mix', ORDINARY.mix, '--ramp', '2s', '--connections', '1'];
    const show = await stage.run('varnish', [...args, '--duration', '45s', '--spike', `${joins}@12s`]);
    for (const line of spikeLines('spike through varnish', show)) console.log(line);
  } finally {
    await stage.stop();
  }
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { only: text, viewers: text, seconds: text, joins: text, profile: text } });
  const names = values.only?.split(',') ?? [...Object.keys(SCENES), 'spike'];
  const unknown = names.find((name) => SCENES[name] === undefined && name !== 'spike');
  if (unknown !== undefined)
    throw new Error(`there is no scene ${unknown}, but ${Object.keys(SCENES).join(', ')}, spike`);
  const options: Options = {
    crowds: values.viewers?.split(',').map(Number),
    seconds: Number(values.seconds ?? 20),
    joins: Number(values.joins ?? SPIKE.joins),
    profiles: values.profile,
  };
  const located = await locateFfmpeg({ setting: undefined, environment: process.env });
  if (located.kind !== 'found') throw new Error(`${located.message}. ${located.hint}`);
  const folder = await mkdtemp(join(tmpdir(), 'bench-cdn-'));
  try {
    const material = { folder, ffmpeg: located.path, clip: join(folder, 'clip.flv') };
    await makeClip(material);
    const load = loadavg()[0]?.toFixed(1);
    console.log(`${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, node ${process.version}, load average ${load}`);
    for (const name of names) {
      const scene = SCENES[name];
      if (scene === undefined) await spike(material, options);
      else await play(name, scene, material, options);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
});
