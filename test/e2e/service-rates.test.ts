/** The frame rates end to end: real pushes, one service, HLS and DASH read by the strict checker. */

import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { checkStream } from '../../src/check/check-stream.ts';
import { systemClock } from '../../src/system/clock.ts';
import { rowsOf } from '../rig/matrix.ts';
import { ROOT, startTestService, type TestService, waitLive } from '../rig/service.ts';

const RATES = rowsOf(['24000/1001', '24', '25', '30000/1001', '30', '50', '60000/1001', '60'], (rate) => rate, [
  '24000/1001',
  '25',
  '50',
  '60000/1001',
]);
const LADDER = resolve(ROOT, 'test/fixtures/ladders/tiny.yaml');
const KEY = 'rates-test-key-';

const folder = mkdtempSync(join(tmpdir(), 'pitchside-rates-'));
let service: TestService;

const channelOf = (rate: string) => `r${rate.replace('/', '-')}`;

beforeAll(async () => {
  const channels = RATES.map(
    (rate) => `  ${channelOf(rate)}: { ladder: ${LADDER}, keys: { main: ${KEY}${channelOf(rate)} } }`,
  );
  const config = join(folder, 'settings.yaml');
  await writeFile(config, `channels:\n${channels.join('\n')}\n`);
  service = await startTestService({ config }, {});
});

afterAll(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe.concurrent.each(RATES)('%s frames a second', (rate) => {
  test('HLS and DASH keep every rule of the checker', async ({ expect }) => {
    const channel = channelOf(rate);
    const push = service.push({ rate, size: '320x180', bitrate: '400k', channel, key: KEY + channel });
    await waitLive(service, channel);
    const base = `http://127.0.0.1:${service.ports.http}/live/${channel}`;
    const clock = systemClock();
    const [hls, dash] = await Promise.all(
      ['master.m3u8', 'manifest.mpd'].map((name) => checkStream({ url: `${base}/${name}`, seconds: 8, clock })),
    );
    await push.stop();
    const serious = [...(hls?.findings ?? []), ...(dash?.findings ?? [])].filter(({ severity }) => severity !== 'note');
    expect(serious).toEqual([]);
    expect(hls?.summary).toBeDefined();
    const status = service.directory.get(channel)?.status();
    expect(status?.segmentMs).toBe(rate.includes('1001') ? 2002 : 2000);
  });
});
