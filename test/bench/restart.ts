/**
 * From the start of the service to its first playlist, over what a former life left: windows of 15 min and of 4 h, made without
 * encoding by the Channel's own code. Beside it a start with nothing, which has its slate to encode first. Then the publisher that
 * stays connected over a kill and over an upgrade: how long after its media is back the first of it is on air.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fewerEntries } from '../../src/channel/former-life.ts';
import { indexAt, makeGrid } from '../../src/package/grid.ts';
import { entryOf } from '../../src/package/journal-entry.ts';
import { Timeline } from '../../src/package/timeline.ts';
import { systemClock } from '../../src/system/clock.ts';
import { openLog } from '../../src/system/log.ts';
import { openMetrics } from '../../src/system/metrics.ts';
import { openDiskWindow, thisMachine } from '../../src/window/disk-window.ts';
import { nodeFileSystem } from '../../src/window/file-system.ts';
import { fakeSlate, fakeTrack } from '../fakes/media.ts';
import { type BenchLine, lineOf, median } from './line.ts';
import { type Material, TINY_LADDER, writeLadder } from './material.ts';
import { type Running, type ServiceProcess, start, startService, until } from './service-process.ts';

const CHANNEL = 'match';
const TRACKS = ['v720', 'v480', 'v360', 'v240', 'audio'];
const MINUTE_MS = 60_000;

export async function run(material: Material, rounds: number): Promise<readonly BenchLine[]> {
  const ladder = await writeLadder(material, 'tiny', TINY_LADDER);
  const lines: BenchLine[] = [];
  const nothing = await rounded(rounds, () => startWithNothing(material, ladder));
  lines.push(
    lineOf(
      { what: 'start to first playlist, nothing kept: the slate is encoded', unit: 's' },
      nothing.map(({ seconds }) => seconds),
    ),
  );
  for (const minutes of [15, 240]) {
    const all = await startOver(material, ladder, minutes, rounds);
    const note = `the service says ${median(all.map(({ tookMs }) => tookMs)).toFixed(0)} ms to go on, ${all[0]?.segments} Segments of ${TRACKS.length} Tracks`;
    lines.push(
      lineOf(
        { what: `start to first playlist, ${minutes} min kept`, unit: 's', below: 2, note },
        all.map(({ seconds }) => seconds),
      ),
      lineOf(
        { what: `  ratio to nothing kept` },
        all.map(({ seconds }, i) => seconds / (nothing[i]?.seconds ?? Number.NaN)),
      ),
    );
  }
  const ends = [
    ['normal', 'kill'],
    ['normal', 'stop'],
    ['low', 'kill'],
  ] as const;
  for (const [latency, how] of ends) lines.push(...(await mediaBack(material, ladder, rounds, latency, how)));
  return lines;
}

/** The service is started again at once, and the next one takes over its publisher. */
async function mediaBack(
  material: Material,
  ladder: string,
  rounds: number,
  latency: 'normal' | 'low',
  how: 'kill' | 'stop',
): Promise<BenchLine[]> {
  const data = await mkdtemp(join(material.folder, 'back-'));
  const startOne = () => startService(material, ladder, [CHANNEL], latency, { data });
  let service = await startOne();
  const push = service.push(CHANNEL);
  const [away, back]: [number[], number[]] = [[], []];
  try {
    await isLive(service, push);
    for (let round = 0; round < rounds; round++) {
      // At any phase of the Segment.
      await sleep(6000 + Math.random() * 2000);
      const goneMs = performance.now();
      await service[how]();
      service = await startOne();
      await until('its publisher', async () => (await service.status(CHANNEL)).publisher !== undefined, service);
      const returnedMs = performance.now();
      await isLive(service, push);
      away.push((returnedMs - goneMs) / 1000);
      back.push((performance.now() - returnedMs) / 1000);
    }
    const what = `latency ${latency}, ${how === 'kill' ? 'killed' : 'stopped in order'}: the publisher is back to its media on air`;
    const note = `away for ${median(away).toFixed(2)} s (${Math.min(...away).toFixed(2)} to ${Math.max(...away).toFixed(2)})`;
    return [lineOf({ what, unit: 's', below: 2, note }, back)];
  } finally {
    await push.stop();
    await service.stop();
    await rm(data, { recursive: true, force: true });
  }
}

async function isLive(service: ServiceProcess, push: Running): Promise<void> {
  await until('live', async () => (await service.status(CHANNEL)).state === 'live', push);
}

async function rounded<T>(rounds: number, once: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  for (let round = 0; round < rounds; round++) all.push(await once());
  return all;
}

interface Started {
  readonly seconds: number;
  readonly tookMs: number;
  readonly segments: number;
}

/** One window, and as many starts on it. */
async function startOver(
  material: Material,
  ladder: string,
  minutes: number,
  rounds: number,
): Promise<readonly Started[]> {
  const data = await mkdtemp(join(material.folder, 'restart-'));
  try {
    await fill(join(data, 'channels', CHANNEL), minutes * MINUTE_MS);
    return await rounded(rounds, () => startOn(material, ladder, data, minutes));
  } finally {
    await rm(data, { recursive: true, force: true });
  }
}

async function startWithNothing(material: Material, ladder: string): Promise<Started> {
  const data = await mkdtemp(join(material.folder, 'restart-'));
  try {
    return await startOn(material, ladder, data, 0);
  } finally {
    await rm(data, { recursive: true, force: true });
  }
}

/** A window that ends a moment ago, written by the very code that a Channel writes it with. */
async function fill(folder: string, windowMs: number): Promise<void> {
  const clock = systemClock();
  const log = openLog('silent');
  const parts = { channel: CHANNEL, maxBytes: 64e9, clock, log, metrics: openMetrics(), snapshot: fewerEntries };
  // Nothing is lost of a disk that is there at the end: hours of Segments are not waited for one by one.
  const unsynced = { ...nodeFileSystem, sync: async () => undefined, syncFile: async () => undefined };
  const machine = { ...thisMachine(folder), fileSystem: unsynced };
  const { store, journal, health, close } = await openDiskWindow({ folder, ...parts }, machine);
  const grid = makeGrid({ num: 30, den: 1 }, 2);
  const tracks = TRACKS.map((id) => fakeTrack(id, grid));
  const timeline = new Timeline({
    ...{ incarnation: journal.incarnation, windowMs, retentionMs: 60_000, publishesParts: false },
    ...{ fillDelayMs: 800, patienceMs: 0, silenceMs: 0, tailMs: 6000, backfillMs: windowMs },
  });
  const nowMs = clock.nowMs();
  if (indexAt(grid, nowMs) === 0) throw new Error('the clock is not set');
  for (const event of timeline.open({ grid, tracks, slate: fakeSlate(grid, tracks) }, nowMs)) {
    if (event.kind === 'segment') journal.begin(event.record.gen, event.record.number);
    journal.note(entryOf(event, nowMs));
    const object = { contentType: 'video/mp4', publishedMs: nowMs };
    if (event.kind === 'period')
      for (const { id, initHash, init } of event.period.tracks)
        store.putInit(id, event.period.gen, initHash, { bytes: init.bytes, ...object });
    if (event.kind !== 'segment') continue;
    const { gen, number } = event.record;
    store.putSegment({ key: { track: event.track, gen, number }, parts: event.parts, ...object });
    // The window writes behind: it shall not hold hours of it in memory.
    if (number % 64 === 0) await sleep(1);
  }
  await close();
  if (health.state.kind !== 'ok') throw new Error(`the window could not be written: ${JSON.stringify(health.state)}`);
}

async function startOn(material: Material, ladder: string, data: string, minutes: number): Promise<Started> {
  const config = join(data, 'settings.yaml');
  const channel = { ladder, keys: { primary: 'a-bench-key-of-16' }, window: `${Math.max(15, minutes)}m` };
  await writeFile(config, JSON.stringify({ channels: { [CHANNEL]: channel }, ffmpeg: material.ffmpeg }));
  let http: number | undefined;
  const free = ['--port', '0', '--rtmp-port', '0', '--control-port', '0'];
  const beganMs = performance.now();
  const service = start(
    process.execPath,
    ['dist/main.js', 'serve', '--json', '--config', config, '--data', data, ...free],
    (line) => {
      http ??= (JSON.parse(line) as { readonly http: number }).http;
    },
  );
  try {
    await until('it listens', () => http !== undefined, service);
    const track = minutes > 0 ? TRACKS[0] : '180p';
    let text = '';
    await until(
      'the first playlist',
      async () => {
        const answer = await fetch(`http://127.0.0.1:${http}/live/${CHANNEL}/${track}/dvr.m3u8`);
        text = await answer.text();
        return answer.status === 200;
      },
      service,
    );
    const seconds = (performance.now() - beganMs) / 1000;
    const said = service.said().match(/"tookMs":(\d+)/)?.[1];
    return { seconds, tookMs: Number(said ?? Number.NaN), segments: text.match(/^#EXTINF/gm)?.length ?? 0 };
  } finally {
    await service.stop();
  }
}
