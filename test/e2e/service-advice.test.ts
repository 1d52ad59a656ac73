/** Advice end to end: real pushes, what the API, the log and the metrics say of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ChannelStatus } from '../../src/channel/view.ts';
import { MemoryLog } from '../fakes/memory-log.ts';
import { type Push, startTestService, type TestService, waitFor, waitLive } from '../rig/service.ts';
import { metricOf } from './service-client.ts';

const log = new MemoryLog();
let service: TestService;

beforeAll(async () => {
  service = await startTestService({}, {}, { log });
});
afterAll(async () => {
  await service?.stop();
});

async function adviceOf(): Promise<ChannelStatus['advice']> {
  const answer = await fetch(`http://127.0.0.1:${service.ports.control}/api/v1/channels/match`);
  const { advice } = (await answer.json()) as ChannelStatus;
  return advice;
}

const codesOf = async () => (await adviceOf()).map(({ code }) => code);
const logged = (code: string) => log.lines.filter(({ fields }) => fields['code'] === code);

async function ended(push: Push): Promise<void> {
  await push.stop();
  await waitFor('no publisher', () => service.directory.get('match')?.status().publisher === undefined);
}

describe.sequential('a publisher', () => {
  test('that pushes as it should gets no advice, and its figures are in the metrics', async () => {
    const push = service.push();
    await waitLive(service);
    await waitFor('figures', async () => (await metricOf(service, 'ingest_source_keyframe_interval_seconds')) > 0);
    await sleep(15_000);
    expect(await adviceOf()).toEqual([]);
    expect(log.lines.filter(({ fields }) => 'obs' in fields)).toEqual([]);
    expect(await metricOf(service, 'ingest_source_keyframe_interval_seconds')).toBeCloseTo(2, 1);
    const bps = await metricOf(service, 'ingest_source_bits_per_second');
    expect(bps).toBeGreaterThan(300_000);
    expect(bps).toBeLessThan(1_200_000);
    await ended(push);
    expect(await metricOf(service, 'ingest_source_bits_per_second')).toBe(0);
  });

  test('with -g 250 and audio at 44.1 kHz is told so in the API and by one line of the log', async () => {
    const push = service.push({ gopFrames: 250, audio: 'mono-44100' });
    await waitFor('both', async () => (await codesOf()).length === 2, 30_000);
    const [audio, keyframes] = await adviceOf();
    expect(audio).toMatchObject({ code: 'AUDIO_RATE', level: 'info', ffmpeg: '-ar 48000' });
    expect(keyframes).toMatchObject({ code: 'KEYFRAMES_FAR_APART', level: 'warn' });
    expect(keyframes?.message).toContain('every 8.3 s');
    expect(keyframes?.obs).toContain('Keyframe Interval 2 s');
    await sleep(6_000);
    expect(await codesOf()).toEqual(['AUDIO_RATE', 'KEYFRAMES_FAR_APART']);
    expect(logged('KEYFRAMES_FAR_APART').map(({ level }) => level)).toEqual(['warn']);
    expect(logged('AUDIO_RATE').map(({ level }) => level)).toEqual(['info']);
    expect(await metricOf(service, 'ingest_advice_standing', { code: 'KEYFRAMES_FAR_APART' })).toBe(1);
    await ended(push);
    expect(await adviceOf()).toEqual([]);
  });

  test('with B-frames, without audio and with a picture twice the top rung is told all three', async () => {
    const push = service.push({ audio: 'none', size: '640x360', encoder: ['-bf', '3'] });
    const wanted = ['AUDIO_MISSING', 'B_FRAMES', 'PICTURE_TOO_LARGE'];
    await waitFor('three', async () => (await codesOf()).length === 3, 30_000);
    expect((await codesOf()).sort()).toEqual(wanted);
    await ended(push);
  });
});
