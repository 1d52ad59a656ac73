import { describe, expect, test } from 'vitest';
import { readArguments } from '../../../src/cli/arguments.ts';
import { swarmCommand } from '../../../src/cli/swarm.ts';
import type { SwarmOptions } from '../../../src/swarm/run-swarm.ts';
import { keptIo } from '../../fakes/control-command-io.ts';
import { fakeDoors } from '../../fakes/control-doors.ts';

async function swarm(...argv: string[]) {
  const io = keptIo();
  const asked: SwarmOptions[] = [];
  const doors = fakeDoors({
    async runSwarm(options) {
      asked.push(options);
      return { plan: {}, seconds: 1, wasStopped: false, rssMb: 1, phases: [{ errors: 0 }] } as never;
    },
  });
  const command = swarmCommand(doors);
  const code = await command.run(readArguments(command, ['--json', ...argv]), io).catch((error: unknown) => error);
  return { code, wish: asked[0]?.wish, consentedHost: asked[0]?.consentedHost, out: io.stdout };
}

const URL = 'http://127.0.0.1:8080/live/match';

describe('swarm', () => {
  test('needs an address: nothing is loaded by default', async () => {
    expect((await swarm()).code).toMatchObject({ code: 'USAGE', message: expect.stringContaining('--url') });
  });

  test.each([
    ['http://203.0.113.9/live/match', '203.0.113.9'],
    ['https://edge.example/live/match/master.m3u8', 'edge.example'],
  ])('refuses %s until its host is named', async (url, host) => {
    const refused = await swarm('--url', url);
    expect(refused.wish).toBeUndefined();
    expect(refused.code).toMatchObject({ code: 'USAGE', hint: expect.stringContaining(`--i-may-load ${host}`) });
    expect((await swarm('--url', url, '--i-may-load', 'example.org')).wish).toBeUndefined();
    const allowed = await swarm('--url', url, '--i-may-load', host);
    expect([allowed.code, allowed.consentedHost]).toEqual([0, host]);
  });

  test('refuses metrics and MPDs of other hosts, too', async () => {
    expect((await swarm('--url', URL, '--metrics', 'http://origin.example/metrics')).wish).toBeUndefined();
    expect((await swarm('--url', URL, '--mpd', 'http://origin.example/m.mpd')).wish).toBeUndefined();
  });

  test.each([
    [`${URL}`, 'match/master.m3u8', 'match/manifest.mpd'],
    [`${URL}/`, 'match/master.m3u8', 'match/manifest.mpd'],
    [`${URL}/dvr.m3u8`, 'match/dvr.m3u8', 'match/manifest.mpd'],
    [`${URL}/dvr.mpd`, 'match/master.m3u8', 'match/dvr.mpd'],
  ])('%s: %s and %s', async (url, hls, mpd) => {
    const base = 'http://127.0.0.1:8080/live/';
    expect((await swarm('--url', url)).wish).toMatchObject({ hlsUrl: base + hls, mpdUrl: base + mpd });
  });

  test('reads mix, times and spike', async () => {
    const { wish } = await swarm(
      '--url',
      URL,
      '--mix',
      'dash=1,hls=3',
      '--duration',
      '2m',
      '--spike',
      '500@30s:rewind',
      '--think',
      '0s',
    );
    expect(wish).toMatchObject({
      mix: { hls: 3, 'll-hls': 0, dash: 1 },
      durationMs: 120_000,
      spike: { viewers: 500, atMs: 30_000, what: 'rewind' },
      thinkMs: undefined,
    });
    expect((await swarm('--url', URL, '--spike', '500@30')).wish?.spike).toEqual({
      viewers: 500,
      atMs: 30_000,
      what: 'join',
    });
    expect((await swarm('--url', URL)).wish).toMatchObject({ viewers: 10, mix: { hls: 60, 'll-hls': 30, dash: 10 } });
  });

  test.each([
    ['--mix', 'hls=0'],
    ['--mix', 'vlc=3'],
    ['--spike', '500'],
    ['--spike', '500@soon'],
    ['--duration', '60'],
    ['--viewers', '0'],
    ['--connections', '7'],
    ['--url', 'ftp://127.0.0.1/'],
  ])('%s %s is wrong usage', async (flag, value) => {
    const { code, wish } = await swarm(...(flag === '--url' ? [] : ['--url', URL]), flag, value);
    expect(wish).toBeUndefined();
    expect(code).toMatchObject({ code: 'USAGE' });
  });
});
