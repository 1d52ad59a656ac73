/** CMAF pushed by real encoders end to end: what fits is served and keeps every rule of the checker, what does not is refused with the figure. */
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkStream } from '../../src/check/check-stream.ts';
import { systemClock } from '../../src/system/clock.ts';
import { startCmafPush } from '../rig/cmaf-push.ts';
import { type Push, startTestService, type TestService, TINY_LADDER, waitFor, waitLive } from '../rig/service.ts';
import { metricOf } from './service-client.ts';

const KEY = 'push-test-key-';
const VIDEO = [
  ['180p', '320x180'],
  ['90p', '160x90'],
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
    ['master.m3u8', 'manifest.mpd'].map((name) => checkStream({ url: `${base(channel)}/${name}`, seconds: 8, clock })),
  );
  return results.flatMap((result) => result.findings.filter(({ severity }) => severities.includes(severity)));
}

const faults = (channel: string) => status(channel)?.lastFaults.map(({ code, message }) => `${code} ${message}`) ?? [];

describe.sequential('what fits is on air and keeps every rule', () => {
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
