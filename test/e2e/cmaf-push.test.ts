/** CMAF pushed by real encoders end to end: what fits is served and keeps every rule of the checker, what does not is refused with the figure. */
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkStream } from '../../src/check/check-stream.ts';
import { systemClock } from '../../src/system/clock.ts';
import { fragmentBytes, samplesOf } from '../fakes/boxes.ts';
import { startCmafPush } from '../rig/cmaf-push.ts';
import { type Push, startTestService, type TestService, TINY_LADDER, waitFor, waitLive } from '../rig/service.ts';
import { metricOf, viewerOf, watchChannel } from './service-client.ts';

const KEY = 'push-test-key-';
const VIDEO = [
  ['180p', '320x180', '300k'],
  ['90p', '160x90', '100k'],
] as const;
const IDS = ['endless', 'b-frames', 'dash', 'absolute', 'off-grid', 'fast', 'killed', 'errors'];

const folder = mkdtempSync(join(tmpdir(), 'pitchside-push-'));
const pushes: Push[] = [];
let service: TestService;

beforeAll(async () => {
  const channels = IDS.map((id) => `  ${id}: { source: cmaf, ladder: ${TINY_LADDER}, keys: { main: ${KEY}${id} } }`);
  const config = join(folder, 'settings.yaml');
  await writeFile(config, `cmaf: { port: 0 }\nchannels:\n${channels.join('\n')}\n`);
  service = await startTestService({ config }, {});
});

afterAll(async () => {
  await Promise.all(pushes.map((push) => push.stop('SIGKILL')));
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const port = () => service.ports.cmaf ?? 0;
const status = (channel: string) => service.directory.get(channel)?.status();
const base = (channel: string) => `http://127.0.0.1:${service.ports.http}/live/${channel}`;

function push(channel: string, more: Partial<Parameters<typeof startCmafPush>[0]> = {}): Push {
  const started = startCmafPush({ port: port(), channel, key: KEY + channel, video: VIDEO, ...more });
  pushes.push(started);
  return started;
}

async function findings(channel: string, severities: readonly string[]) {
  const clock = systemClock();
  const results = await Promise.all(
    ['master.m3u8', 'manifest.mpd'].map((name) => checkStream({ url: `${base(channel)}/${name}`, seconds: 7, clock })),
  );
  return results.flatMap((result) => result.findings.filter(({ severity }) => severities.includes(severity)));
}

const faults = (channel: string) => status(channel)?.lastFaults.map(({ code, message }) => `${code} ${message}`) ?? [];

describe.concurrent('what fits is on air and keeps every rule', () => {
  test.each([
    ['endless', 'one endless POST a Track, times from 0', {}, 'relative'],
    [
      'b-frames',
      'the same with B-frames, at 29.97',
      { rate: '30000/1001', encoder: ['-bf', '2', '-flags', '+cgop', '-x264-params', 'rc-lookahead=10'] },
      'relative',
    ],
    [
      'dash',
      'what -f dash -method PUT sends, B-frames and edit lists too',
      { muxer: 'dash', encoder: ['-bf', '2'] },
      'relative',
    ],
  ] as const)('%s: %s', async (channel, _what, options, times) => {
    const started = push(channel, options);
    await waitLive(service, channel);
    await waitFor(
      'some Segments',
      async () => (status(channel)?.windowSegments ?? 0) > 0 && status(channel)?.state === 'live',
    );
    expect(await findings(channel, ['error', 'warning'])).toEqual([]);
    expect(status(channel)?.publisher?.source).toBe(`CMAF push, ${times} times: 180p, 90p, audio`);
    expect(status(channel)?.state).toBe('live');
    expect(faults(channel)).toEqual([]);
    await started.stop();
  });
});

describe.sequential('times', () => {
  test('absolute times are taken as they are: the numbers follow from them', async () => {
    const offsetSeconds = 2 * Math.ceil((Date.now() / 1000 + 1.5) / 2);
    const started = push('absolute', { offsetSeconds });
    await waitLive(service, 'absolute');
    await waitFor('a second Segment', () => (status('absolute')?.newestNumber ?? 0) > offsetSeconds / 2);
    expect(status('absolute')?.publisher?.source).toContain('absolute times');
    const playlist = await viewerOf(service, 'absolute').playlist('180p', 'dvr.m3u8');
    const live = playlist.segments.filter(({ map }) => map !== undefined).at(-1);
    expect(live?.number).toBe(offsetSeconds / 2);
    expect(live?.startMs).toBe(offsetSeconds * 1000);
    expect(await findings('absolute', ['error', 'warning'])).toEqual([]);
    await started.stop();
  });

  test('a source that does not push in real time is refused with the figure', async () => {
    const started = push('fast', { isRealTime: false });
    await waitFor('the refusal', () => faults('fast').some((fault) => fault.startsWith('CMAF_TIME_AHEAD')));
    expect(faults('fast').join('\n')).toMatch(/media is 1\d\.\d s ahead of now\. Push in real time \(ffmpeg: -re/);
    await started.stop('SIGKILL');
  });

  test('keyframes every 2.4 s are refused with the figure and what to set', async () => {
    const started = push('off-grid', { gopFrames: 60 });
    await waitFor('the refusal', () => faults('off-grid').some((fault) => fault.startsWith('CMAF_OFF_GRID')));
    const said = faults('off-grid').join('\n');
    expect(said).toContain('Track 180p: keyframes are 2.400 s (60 frames) apart, the last one 0.400 s (10 frames)');
    expect(said).toContain('Segments are 2 s (50 frames)');
    expect(said).toContain('-g 50 -keyint_min 50 -sc_threshold 0');
    await waitFor('the end of the push', () => started.process.exitCode !== null);
    await waitFor('slate', () => status('off-grid')?.onAir === 'slate');
  });

  test('an encoder that is killed and started again: slate between, numbers go on, every rule is kept', async () => {
    const first = push('killed');
    await waitLive(service, 'killed');
    const watch = watchChannel(service, 'killed');
    const before = status('killed')?.newestNumber ?? 0;
    await waitFor('two Segments', () => (status('killed')?.newestNumber ?? 0) >= before + 2);
    await first.stop('SIGKILL');
    await waitFor('slate', () => status('killed')?.onAir === 'slate');
    await waitFor('the publisher is gone', () => status('killed')?.publisher === undefined);
    push('killed');
    await waitLive(service, 'killed');
    await waitFor('live at the edge', () => status('killed')?.onAir === 'live');
    expect(await findings('killed', ['error'])).toEqual([]);
    expect(await watch.end()).toEqual([]);
  });
});

describe('refusals by status (DASH-IF Live Media Ingest, interface 1, receiver status codes)', () => {
  const send = async (path: string, more: RequestInit & { duplex?: 'half' } = {}) => {
    const answer = await fetch(`http://127.0.0.1:${port()}${path}`, {
      method: 'POST',
      body: new Uint8Array(0),
      ...more,
      headers: { authorization: `Bearer ${KEY}errors`, ...more.headers },
    });
    const text = await answer.text();
    return [answer.status, text === '' ? '' : String(JSON.parse(text).code)];
  };
  const media = fragmentBytes({ decodeTicks: 0, samples: samplesOf([10], { durationTicks: 512 }) });

  test('an empty body tests the publishing point', async () => {
    expect(await send('/cmaf/errors/180p')).toEqual([200, '']);
    expect(await send('/cmaf/errors/180p', { method: 'PUT' })).toEqual([200, '']);
  });

  test('403 for a wrong key, 404 for an unknown channel or Track, 415, 412, 400', async () => {
    const before = await metricOf(service, 'ingest_refusals_total', { reason: 'CMAF_FORBIDDEN' });
    expect(await send('/cmaf/errors/180p', { headers: { authorization: 'Bearer wrong-key' } })).toEqual([
      403,
      'CMAF_FORBIDDEN',
    ]);
    expect(await metricOf(service, 'ingest_refusals_total', { reason: 'CMAF_FORBIDDEN' })).toBe(before + 1);
    expect(await send('/cmaf/nowhere/180p')).toEqual([404, 'HTTP_NOT_FOUND']);
    expect(await send('/cmaf/errors/1080p')).toEqual([404, 'CMAF_UNKNOWN_TRACK']);
    expect(await send('/cmaf/errors/180p', { headers: { 'content-type': 'video/mp2t' } })).toEqual([
      415,
      'CMAF_MEDIA_TYPE',
    ]);
    expect(await send('/cmaf/errors/180p', { body: new Uint8Array(media) })).toEqual([412, 'CMAF_NO_HEADER']);
    expect(await send('/cmaf/errors/180p', { body: new Uint8Array(4096) })).toEqual([400, 'CMAF_BOX_INVALID']);
  });

  test('the key may stand in the query, and a manifest is taken and not used', async () => {
    const answer = await fetch(`http://127.0.0.1:${port()}/cmaf/errors/live.mpd?key=${KEY}errors`, {
      method: 'PUT',
      body: '<MPD/>',
    });
    expect(answer.status).toBe(200);
  });
});
