/** From service to service: stopped or killed, the next one on the same data directory has the publisher, who notices nothing. */
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import {
  childrenIn,
  endAll,
  freePorts,
  type Ports,
  type ServeProcess,
  serveOn,
  waitState,
} from '../rig/serve-process.ts';
import { type Push, startPush, TINY_LADDER, waitFor } from '../rig/service.ts';

const folder = mkdtempSync(join(tmpdir(), 'handover-'));
const data = join(folder, 'data');
const args = ['--ladder', TINY_LADDER, '--data', data];
const pushes: Push[] = [];
afterAll(async () => {
  await Promise.all(pushes.map((push) => push.stop('SIGKILL')));
  endAll(folder);
  rmSync(folder, { recursive: true, force: true });
});

const push = (ports: Ports): Push => {
  const started = startPush(`rtmp://127.0.0.1:${ports.rtmp}/live`, {});
  pushes.push(started);
  return started;
};
const isIn = ({ process: { exitCode, signalCode } }: Push) => exitCode === null && signalCode === null;
const segmentsBySource = async (ports: Ports, source: string): Promise<number> => {
  const text = await (await fetch(`http://127.0.0.1:${ports.control}/metrics`)).text();
  return Number(new RegExp(`packager_segments_total\\{.*source="${source}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
};
const ask = async (ports: Ports, name: string, headers = {}) => {
  const answer = await fetch(`http://127.0.0.1:${ports.http}/live/match/180p/${name}`, { headers });
  return { status: answer.status, text: await answer.text() };
};
/** Some milliseconds after the service is gone, more on a busy machine. */
const isKept = ({ http }: Ports): Promise<void> =>
  waitFor(
    'the port is kept',
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(http, '127.0.0.1', () => resolve(socket.destroy().destroyed));
        socket.on('error', () => resolve(false));
      }),
  );
const ends = async (run: ServeProcess, signal: NodeJS.Signals): Promise<void> => {
  const startMs = performance.now();
  run.kill(signal);
  expect(await run.ended).toBe(0);
  expect(performance.now() - startMs).toBeLessThan(5000);
};

test('an upgrade (SIGTERM, start), a kill and a dead RTMP child: the publisher stays, and in the end nothing is left', async () => {
  const ports = await freePorts();
  const first = serveOn(ports, args);
  await waitState(first, 'slate');
  const one = push(ports);
  await waitState(first, 'live');
  const { publisher } = await first.status();
  const [child] = childrenIn(data);
  expect(statSync(join(data, 'run/rtmp.sock')).mode & 0o777).toBe(0o600);
  expect(statSync(join(data, 'run')).mode & 0o777).toBe(0o700);

  // Nobody else gets the directory while it is held, and the first one is named.
  const other = serveOn(await freePorts(), args);
  expect([await other.ended, other.stdout]).toEqual([1, '']);
  expect(other.stderr).toMatch(
    new RegExp(
      `^DATA_DIRECTORY_IN_USE: .* process ${first.pid}, since \\d{4}-.*Z, ports http ${ports.http}, rtmp ${ports.rtmp}, control ${ports.control}\\. .*--data FOLDER\\.\\n$`,
    ),
  );

  await ends(first, 'SIGTERM');
  await isKept(ports);
  const askedOfNone = ask(ports, 'media.m3u8');
  const second = serveOn(ports, args);
  expect((await askedOfNone).status).toBe(200);
  await waitState(second, 'live');
  expect(childrenIn(data)).toEqual([child]);
  expect((await second.status()).publisher?.address).toBe(publisher?.address);
  expect((await second.status()).publisher?.sinceMs).toBeCloseTo(publisher?.sinceMs ?? 0, -2);
  expect(second.logged('publishers taken over from the service before')).toMatchObject([{ pid: child, publishers: 1 }]);
  // The first media of this life was kept by the child: it is from before the encoder.
  const [run] = (await second.status()).runs;
  expect(run?.startedMs).toBeDefined();
  const slates = await segmentsBySource(ports, 'slate');
  await waitFor('more live segments', async () => (await segmentsBySource(ports, 'live')) >= 3);
  expect(await segmentsBySource(ports, 'slate')).toBe(slates);

  second.kill('SIGKILL');
  await second.ended;
  // Who asks while there is no service is answered by the next one; an edge has its own copy and is not kept waiting.
  await isKept(ports);
  const asked = Promise.all(['media.m3u8', 'dvr.m3u8'].map((name) => ask(ports, name)));
  await expect(ask(ports, 'media.m3u8', { via: '1.1 edge' })).rejects.toThrow();
  const third = serveOn(ports, args);
  expect((await asked).map(({ status, text }) => [status, text.slice(0, 7)])).toEqual(Array(2).fill([200, '#EXTM3U']));
  await waitState(third, 'live');
  expect(childrenIn(data)).toEqual([child]);
  expect((await third.status()).publisher?.address).toBe(publisher?.address);
  expect([isIn(one), one.stderr()]).toEqual([true, '']);

  // The child that came from the service before is replaced on its port like any other.
  const list = async (): Promise<readonly string[]> => {
    const text = await (await fetch(`http://127.0.0.1:${ports.http}/live/match/180p/media.m3u8`)).text();
    return text.split('\n').filter((line) => line.endsWith('.m4s'));
  };
  const before = await list();
  process.kill(child ?? 0, 'SIGKILL');
  await waitFor('another child', () => childrenIn(data).length === 1 && childrenIn(data)[0] !== child);
  await waitFor('it listens', () => third.logged('rtmp listening').length === 1);
  const two = push(ports);
  await waitFor('the new publisher', async () => {
    const { publisher: now } = await third.status();
    return now !== undefined && now.address !== publisher?.address;
  });
  await waitState(third, 'live');
  expect((await list()).filter((line) => before.includes(line)).length).toBeGreaterThan(before.length - 12);

  // Nobody comes: after the hold the publisher is let go, and nothing is left.
  await ends(third, 'SIGTERM');
  expect(isIn(two)).toBe(true);
  await waitFor('the hold is over', () => childrenIn(data).length === 0, 16_000);
  await waitFor('the publisher is told', () => !isIn(two), 5_000);
  expect(existsSync(join(data, 'run'))).toBe(false);
});

test('Ctrl-C ends publishers and child at once; a directory that can not be written is no refusal', async () => {
  const ports = await freePorts();
  const run = serveOn(ports, args);
  await waitState(run, 'slate');
  const one = push(ports);
  await waitState(run, 'starting', 'live');
  await ends(run, 'SIGINT');
  expect(childrenIn(data)).toEqual([]);
  expect(existsSync(join(data, 'run'))).toBe(false);
  await waitFor('the publisher is told', () => !isIn(one), 5_000);

  chmodSync(folder, 0o755);
  chmodSync(data, 0o555);
  // Root may write everywhere, so it is somebody else who starts it.
  const poor = serveOn(ports, args, { ...(process.getuid?.() === 0 ? { uid: 65_534 } : {}), cwd: '/' });
  await waitState(poor, 'slate');
  expect(poor.logged('data directory is not locked')).toMatchObject([{ code: 'DATA_DIRECTORY_DEGRADED' }]);
  await ends(poor, 'SIGTERM');
  chmodSync(data, 0o700);
  expect(readdirSync(data).filter((name) => name === 'run')).toEqual([]);
});
