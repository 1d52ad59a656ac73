/** SIGTERM while viewers of all kinds are at it: no answer that began is cut. And the lock of a data directory, held by real processes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { systemClock } from '../../src/system/clock.ts';
import { type InstanceLock, lockFolder } from '../../src/system/instance-lock.ts';
import { endAll, freePorts, serveOn, waitState } from '../rig/serve-process.ts';
import { KEY, type Push, startPush, TINY_LADDER, waitFor } from '../rig/service.ts';

const folder = mkdtempSync(join(tmpdir(), 'drain-'));
let push: Push | undefined;
afterAll(async () => {
  await push?.stop('SIGKILL');
  endAll(folder);
  rmSync(folder, { recursive: true, force: true });
});

interface Outcome {
  readonly path: string;
  /** `none`: the connection was closed before an answer; a client asks again elsewhere. */
  readonly how: 'whole' | 'cut' | 'none';
  readonly status: number;
  readonly beganMs: number;
  readonly endedMs: number;
  readonly retryAfter: string | undefined;
  readonly connection: string | undefined;
  readonly body: string;
}

function ask(port: number, path: string, agent: Agent): Promise<Outcome> {
  return new Promise((resolve) => {
    const beganMs = performance.now();
    const none = { path, status: 0, beganMs, retryAfter: undefined, connection: undefined, body: '' };
    const request = get({ host: '127.0.0.1', port, path, agent }, (response) => {
      let body = '';
      response.setEncoding('latin1').on('data', (text: string) => {
        body += text;
      });
      response.on('error', () => undefined);
      response.on('close', () => {
        const { statusCode: status = 0, headers } = response;
        const more = { retryAfter: headers['retry-after'], connection: headers.connection, body };
        resolve({ ...none, ...more, how: response.complete ? 'whole' : 'cut', status, endedMs: performance.now() });
      });
    });
    request.on('error', () => resolve({ ...none, how: 'none', endedMs: performance.now() }));
  });
}

test('SIGTERM with keep-alive clients, blocking reloads and growing Segments: 0 answers broken, exit 0 within 5 s', async () => {
  const config = join(folder, 'settings.yaml');
  const match = { ladder: TINY_LADDER, keys: { a: KEY }, latency: 'low' };
  writeFileSync(config, JSON.stringify({ channels: { match } }));
  const ports = await freePorts();
  const run = serveOn(ports, ['--config', config, '--data', 'none']);
  await waitState(run, 'slate');
  push = startPush(`rtmp://127.0.0.1:${ports.rtmp}/live`, {});
  await waitState(run, 'live');

  const outcomes: Outcome[] = [];
  const base = '/live/match/180p';
  const agents: Agent[] = [];
  /** Asks on one keep-alive connection until there is no answer any more. */
  const client = async (next: (last: Outcome) => string): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    agents.push(agent);
    let last = await ask(ports.http, `${base}/media.m3u8`, agent);
    while (last.how === 'whole') {
      await sleep(20);
      last = await ask(ports.http, next(last), agent);
      outcomes.push(last);
    }
  };
  const numberOf = (list: string): number => Number(/(\d+)\.m4s\n(?!.*\.m4s\n)/s.exec(list)?.[1] ?? 0);
  let newest = await ask(ports.http, `${base}/media.m3u8`, new Agent());
  const gen = /^(\w+)\/\d+\.m4s$/m.exec(newest.body)?.[1];
  const lists = client(() => `${base}/media.m3u8`);
  const clients = [
    lists,
    ...[0, 1, 2].map((i) => client(() => `${base}/${gen}/${numberOf(newest.body) - i}.m4s`)),
    ...[0, 1, 2].map(() => client(() => `${base}/media.m3u8?_HLS_msn=${numberOf(newest.body) + 2}&_HLS_part=0`)),
    ...[0, 1, 2].map(() => client(() => `${base}/${gen}/${numberOf(newest.body) + 1}.m4s`)),
    client(() => '/time'),
  ];
  const follow = (async () => {
    for (const agent = new Agent({ keepAlive: true }); ; await sleep(100)) {
      const now = await ask(ports.http, `${base}/media.m3u8`, agent);
      if (now.how !== 'whole' || now.status !== 200) return;
      newest = now;
    }
  })();
  await sleep(2_600);
  const idle = new Agent({ keepAlive: true });
  await ask(ports.http, '/time', idle);

  const stopMs = performance.now();
  run.kill('SIGTERM');
  await waitFor('not ready', async () => {
    const answer = await fetch(`http://127.0.0.1:${ports.control}/readyz`).catch(() => undefined);
    return answer === undefined || (answer.status === 503 && (await answer.text()).includes('stopping'));
  });
  expect(await run.ended).toBe(0);
  expect(performance.now() - stopMs).toBeLessThan(5000);
  await Promise.all([...clients, follow]);
  for (const agent of [...agents, idle]) agent.destroy();

  expect(outcomes.filter(({ how }) => how === 'cut')).toEqual([]);
  const late = outcomes.filter(({ endedMs, how }) => endedMs > stopMs + 50 && how === 'whole');
  // Some were in the middle of a Segment and got all of it; whoever waited for something was told at once.
  expect(late.filter(({ status, path }) => status === 200 && path.endsWith('.m4s')).length).toBeGreaterThan(0);
  const refused = outcomes.filter(({ status }) => status === 503);
  expect(refused.length).toBeGreaterThan(0);
  for (const { retryAfter, connection } of refused) expect([retryAfter, connection]).toEqual(['1', 'close']);
  for (const { endedMs, path } of refused) if (path.includes('_HLS_msn')) expect(endedMs - stopMs).toBeLessThan(1000);
  expect(outcomes.filter(({ how, status }) => how === 'whole' && ![200, 404, 503].includes(status))).toEqual([]);
  // Faults have a code of words; the number is how an encoder ended.
  expect(run.stderr).not.toContain('"code":"');
});

test('a data directory has one holder, also of eight that find a killed one, and one that stops is waited for', async () => {
  const clock = systemClock();
  const place = join(folder, 'locked');
  mkdirSync(place);
  const script = `require('net').createServer(c => c.end('?\\n')).listen(process.argv[1], () => console.log('up'))`;
  const killed = spawn(process.execPath, ['-e', script, join(place, 'service.1.sock')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(killed.stdout, 'data');
  // One that answers nonsense is alive all the same.
  expect(await lockFolder(place, clock)).toEqual({ kind: 'held', by: undefined });
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  expect(existsSync(join(place, 'service.1.sock'))).toBe(true);

  const outcomes = await Promise.all(Array.from({ length: 8 }, () => lockFolder(place, clock)));
  const locked = outcomes.flatMap((outcome): InstanceLock[] => (outcome.kind === 'locked' ? [outcome.lock] : []));
  expect(locked).toHaveLength(1);
  const [lock] = locked;
  lock?.tell({ ports: { http: 1 } });
  const held = { pid: process.pid, sinceMs: expect.any(Number), ports: { http: 1 }, isStopping: false };
  expect(await lockFolder(place, clock)).toEqual({ kind: 'held', by: held });
  expect(readdirSync(place).toSorted()).toEqual(['service.2.sock', 'service.json']);

  lock?.tell({ isStopping: true });
  const next = lockFolder(place, clock);
  await sleep(200);
  await lock?.close();
  const taken = await next;
  expect(taken.kind).toBe('locked');
  if (taken.kind === 'locked') await taken.lock.close();
  expect(existsSync(place)).toBe(false);

  // Longer than an address of a socket may be.
  const deep = await lockFolder(join(folder, 'x'.repeat(120)), clock);
  expect(deep.kind).toBe('locked');
  expect((await lockFolder(join(folder, 'x'.repeat(120)), clock)).kind).toBe('held');
  if (deep.kind === 'locked') await deep.lock.close();
});
