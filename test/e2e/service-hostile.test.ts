/**
 * A whole service under hostile peers and without its RTMP child for a moment: the publisher that is in, the window and the
 * viewers notice as little as can be.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keptLog } from '../fakes/control-quiet-log.ts';
import { RtmpClient } from '../fakes/rtmp-client.ts';
import { obsConversation } from '../rig/rtmp-conversations.ts';
import { mutate } from '../rig/rtmp-mutations.ts';
import { KEY, startTestService, type TestService, waitFor, waitLive } from '../rig/service.ts';
import { metricOf, type Watch, watchChannel } from './service-client.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const SESSIONS = 300;
const log = keptLog();
let service: TestService;
let watch: Watch;
let isOver = false;

/** As encoders do that reconnect by themselves: gone for a second, then back. */
function keepPushing(): void {
  const push = service.push();
  push.process.once('exit', () => {
    setTimeout(() => {
      if (!isOver) keepPushing();
    }, 1_000);
  });
}

beforeAll(async () => {
  service = await startTestService({}, {}, { log });
  keepPushing();
  await waitLive(service);
  watch = watchChannel(service);
});
afterAll(async () => {
  isOver = true;
  await service?.stop();
});

const status = () => service.directory.get('match')?.status();
const slate = () => metricOf(service, 'packager_segments_total', { channel: 'match', source: 'slate' });

test(`${SESSIONS} mutated conversations, right and wrong keys: same encoder, no slate, nothing declared`, async () => {
  console.log(`fuzz: FUZZ_SEED=${SEED}`);
  const before = { pid: status()?.encoder?.pid, slate: await slate(), publisher: status()?.publisher?.address };
  const conversations = [
    obsConversation('live', `match?key=${KEY}`),
    obsConversation('live', KEY),
    obsConversation('live', 'match?key=some-other-key'),
  ] as const;
  let next = 0;
  const lane = async (index: number) => {
    while (next < SESSIONS) {
      const bytes = mutate([...conversations], SEED, next++);
      // Many addresses: one alone is slowed down after its wrong keys.
      const one = new RtmpClient(service.ports.rtmp, `127.0.${index}.${(next % 250) + 1}`);
      one.socket.end(bytes);
      await one.untilClosed(15_000);
    }
  };
  await Promise.all([1, 2, 3, 4].map(lane));
  const edge = status()?.newestNumber ?? 0;
  await waitFor('two more Segments', () => (status()?.newestNumber ?? 0) >= edge + 2);
  const after = { pid: status()?.encoder?.pid, slate: await slate(), publisher: status()?.publisher?.address };
  expect(after).toEqual(before);
  expect(await metricOf(service, 'ingest_rtmp_child_starts_total')).toBe(1);
  expect(await metricOf(service, 'ingest_refusals_total')).toBeGreaterThan(SESSIONS / 4);
  expect(watch.faults).toEqual([]);
});

test('the RTMP child is killed: it is replaced on its port, the publisher comes back by itself, viewers see one Period', async () => {
  const periods = await metricOf(service, 'packager_periods_total');
  const listening = () => log.lines.filter(({ message: said }) => said === 'rtmp listening');
  const { pid = 0 } = (listening().at(-1)?.fields ?? {}) as { pid?: number };
  expect(pid).toBeGreaterThan(0);
  const edge = status()?.newestNumber ?? 0;
  process.kill(pid, 'SIGKILL');
  await waitFor('it is replaced', () => listening().length === 2, 5_000);
  await waitFor('the publisher is back', () => status()?.state === 'live' && status()?.publisher !== undefined);
  await waitFor('media at the edge', () => (status()?.newestNumber ?? 0) >= edge + 4 && status()?.onAir === 'live');
  expect(await metricOf(service, 'packager_periods_total')).toBe(periods);
  expect(await watch.end()).toEqual([]);
  expect(watch.taken.size).toBeGreaterThan(6);
});
