/** Advice end to end: three real publishers at once, and what the API, the log and the metrics say of each. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, test } from 'vitest';
import type { ChannelStatus } from '../../src/channel/view.ts';
import { MemoryLog } from '../fakes/memory-log.ts';
import {
  type Push,
  type PushOptions,
  startTestService,
  type TestService,
  TINY_LADDER,
  waitFor,
  waitLive,
} from '../rig/service.ts';
import { metricOf } from './service-client.ts';

const KEY = 'advice-test-key-';
const folder = mkdtempSync(join(tmpdir(), 'pitchside-advice-'));
const log = new MemoryLog();
let service: TestService;

beforeAll(async () => {
  const config = join(folder, 'settings.yaml');
  const channels = ['clean', 'far', 'three'].map(
    (id) => `  ${id}: { ladder: ${TINY_LADDER}, keys: { main: ${KEY}${id} } }`,
  );
  writeFileSync(config, `channels:\n${channels.join('\n')}\n`);
  service = await startTestService({ config }, {}, { log });
});
afterAll(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** What somebody sees who looks at one channel. */
function channelOf(channel: string) {
  const adviceOf = async (): Promise<ChannelStatus['advice']> => {
    const answer = await fetch(`http://127.0.0.1:${service.ports.control}/api/v1/channels/${channel}`);
    return ((await answer.json()) as ChannelStatus).advice;
  };
  return {
    adviceOf,
    codesOf: async () => (await adviceOf()).map(({ code }) => code),
    push: (options: PushOptions = {}) => service.push({ channel, key: KEY + channel, size: '320x180', ...options }),
    metric: (name: string, labels = {}) => metricOf(service, `ingest_${name}`, { channel, ...labels }),
    /** Lines that give or withdraw an advice: level and code. */
    logged: () =>
      log.lines
        .filter(({ fields, message }) => fields['channel'] === channel && ('obs' in fields || /^advice/.test(message)))
        .map(({ level, fields }) => `${level} ${fields['code']}`),
    async ended(push: Push): Promise<void> {
      await push.stop();
      await waitFor('no publisher', () => service.directory.get(channel)?.status().publisher === undefined);
    },
  };
}

describe.concurrent('a publisher', () => {
  test('that pushes as it should gets no advice, and its figures are in the metrics', async ({ expect }) => {
    const { push, metric, adviceOf, logged, ended } = channelOf('clean');
    const publisher = push();
    await waitLive(service, 'clean');
    await waitFor('figures', async () => (await metric('source_keyframe_interval_seconds')) > 0);
    await sleep(15_000);
    expect(await adviceOf()).toEqual([]);
    expect(logged()).toEqual([]);
    expect(await metric('source_keyframe_interval_seconds')).toBeCloseTo(2, 1);
    const bps = await metric('source_bits_per_second');
    expect(bps).toBeGreaterThan(300_000);
    expect(bps).toBeLessThan(1_200_000);
    await ended(publisher);
    expect(await metric('source_bits_per_second')).toBe(0);
  });

  test('with -g 250 and audio at 44.1 kHz is told so in the API and by one line of the log each', async ({
    expect,
  }) => {
    const { push, metric, adviceOf, codesOf, logged, ended } = channelOf('far');
    const publisher = push({ gopFrames: 250, audio: 'mono-44100' });
    await waitFor('both', async () => (await codesOf()).length === 2, 40_000);
    const [audio, keyframes] = await adviceOf();
    expect(audio).toMatchObject({ code: 'AUDIO_RATE', level: 'info', ffmpeg: '-ar 48000' });
    expect(keyframes).toMatchObject({ code: 'KEYFRAMES_FAR_APART', level: 'warn' });
    expect(keyframes?.message).toContain('every 8.3 s');
    expect(keyframes?.obs).toContain('Keyframe Interval 2 s');
    await sleep(6_000);
    expect(await codesOf()).toEqual(['AUDIO_RATE', 'KEYFRAMES_FAR_APART']);
    expect(logged()).toEqual(['info AUDIO_RATE', 'warn KEYFRAMES_FAR_APART']);
    expect(await metric('advice_standing', { code: 'KEYFRAMES_FAR_APART' })).toBe(1);
    await ended(publisher);
    expect(await adviceOf()).toEqual([]);
    expect(await metric('advice_standing')).toBe(0);
  });

  test('with B-frames, without audio and with a picture twice the top rung is told all three', async ({ expect }) => {
    const { push, codesOf, ended } = channelOf('three');
    const publisher = push({ audio: 'none', size: '640x360', encoder: ['-bf', '3'] });
    await waitFor('three', async () => (await codesOf()).length === 3, 40_000);
    expect((await codesOf()).sort()).toEqual(['AUDIO_MISSING', 'B_FRAMES', 'PICTURE_TOO_LARGE']);
    await ended(publisher);
  });
});
