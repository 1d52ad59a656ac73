/**
 * `npm run bench:latency`: glass to glass, by a clock that is read from the picture in a real browser. Nothing is asserted.
 *
 *   npm run bench:latency -- [--latency normal,low,ultra] [--only TEXT,TEXT] [--seconds 40 | --minutes 10] [--jitter 300]
 *                            [--viewers 20] [--settle 15] [--together] [--json FILE]
 *
 * --only: plays whose names (`low/varnish/page-hls`) contain one of these. --settle: seconds after the first picture that do not count
 * for p50 and p95. --together: all players of a route at once. --jitter: each tag of the publisher is up to so many ms late, in order.
 *
 * The clip (360p30 with the clock strip, encoded once) is pushed in real time to the service and to nginx-rtmp. An age is from the
 * instant a frame was due at the publisher to the instant its picture is on the screen (requestVideoFrameCallback). The columns:
 *   first     age of the first picture          stalls    `waiting` of the player, with the longest
 *   ahead     seconds in the buffer (median)    freezes   0.5 s without a picture and without `waiting`: the browser's own
 *   read/bad  strips read, and unreadable ones  busy      share of all processors that was in use, by anything
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Latency } from '../../../src/config/model.ts';
import { provideTestPrograms } from '../../provision/install.ts';
import { NEEDED_PROGRAMS } from '../../provision/programs.ts';
import { openTheatre } from '../../rig/players.ts';
import { missingRtmpModule } from './edges.ts';
import { makeFeedClip } from './feed-clip.ts';
import { type Play, playsOf } from './plays.ts';
import { oneLine, textOf } from './report.ts';
import { type Effort, type Material, runSession, type SessionResult } from './session.ts';

const LATENCIES: readonly Latency[] = ['normal', 'low', 'ultra'];

/** Two rungs that two cores encode beside a browser. */
const LADDER = `
video:
  - { id: 360p, height: 360, bitrate: 1200k, preset: ultrafast }
  - { id: 180p, height: 180, bitrate: 300k, preset: ultrafast }
audio:
  - { id: audio, bitrate: 96k }
`;

interface Options {
  readonly latencies: readonly Latency[];
  readonly isWanted: (play: Play) => boolean;
  readonly effort: Effort;
  readonly json: string | undefined;
}

function readOptions(): Options {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      latency: text,
      only: text,
      seconds: text,
      minutes: text,
      jitter: text,
      viewers: text,
      settle: text,
      json: text,
      together: { type: 'boolean', default: false },
    },
  });
  const number = (name: 'seconds' | 'minutes' | 'jitter' | 'viewers' | 'settle', usual: number): number => {
    const value = Number(values[name] ?? usual);
    if (!(value >= 0)) throw new Error(`--${name} ${values[name]}: a number from 0 is wanted`);
    return value;
  };
  const named = values.latency?.split(',') ?? LATENCIES;
  const latencies = LATENCIES.filter((latency) => named.includes(latency));
  if (latencies.length !== named.length)
    throw new Error(`--latency ${values.latency}: some of ${LATENCIES} are wanted`);
  const only = values.only?.split(',');
  const watchMs = values.minutes === undefined ? number('seconds', 40) * 1000 : number('minutes', 10) * 60_000;
  const effort = {
    watchMs,
    settleMs: number('settle', 15) * 1000,
    jitterMs: number('jitter', 0),
    viewers: number('viewers', 20),
    isTogether: values.together,
  };
  if (effort.settleMs >= watchMs) throw new Error('--settle must be shorter than a play');
  return {
    latencies,
    isWanted: ({ name }) => only?.some((part) => name.includes(part)) ?? true,
    effort,
    json: values.json,
  };
}

async function prepare(folder: string): Promise<Material> {
  const interrupt = new AbortController();
  const programs = await provideTestPrograms(
    NEEDED_PROGRAMS,
    (line) => console.log(`bench: ${line}`),
    interrupt.signal,
  );
  if (programs.kind === 'problem') throw new Error(programs.says);
  Object.assign(process.env, programs.environment);
  const missing = missingRtmpModule();
  if (missing !== undefined) throw new Error(missing);
  const material = {
    folder,
    ffmpeg: process.env['FFMPEG_PATH'] ?? 'ffmpeg',
    clip: join(folder, 'feed.flv'),
    ladderPath: join(folder, 'ladder.yaml'),
  };
  await writeFile(material.ladderPath, LADDER);
  await makeFeedClip(material.ffmpeg, material.clip);
  return material;
}

async function main(): Promise<number> {
  const { latencies, isWanted, effort, json } = readOptions();
  const folder = await mkdtemp(join(tmpdir(), 'bench-latency-'));
  const sessions: SessionResult[] = [];
  try {
    const material = await prepare(folder);
    const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`;
    console.log(
      `${machine}, node ${process.version}; ${effort.watchMs / 1000} s a play, ${effort.viewers} other viewers`,
    );
    const theatre = await openTheatre();
    try {
      for (const latency of latencies) {
        const plays = playsOf(latency).filter(isWanted);
        if (plays.length === 0) continue;
        await mkdir(join(folder, latency));
        const session = await runSession(material, latency, plays, effort, theatre, (result) =>
          console.log(oneLine(result)),
        );
        sessions.push(session);
        console.log(textOf(session));
      }
    } finally {
      await theatre.close();
    }
    if (json !== undefined) await writeFile(json, JSON.stringify({ machine, effort, sessions }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return sessions.some(({ failed }) => failed.length > 0) ? 1 : 0;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  return 2;
});
