/** What goes wrong around one live channel, and that another channel and the same channel's viewers never notice. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { RUNG_LIMITS } from '../../src/transcode/rung-policy.ts';
import { keptLog } from '../fakes/control-quiet-log.ts';
import { amf0, COMMAND, message, RtmpClient, VIDEO } from '../fakes/rtmp-client.ts';
import { KEY, type Push, startTestService, type TestService, TINY_LADDER, waitFor, waitLive } from '../rig/service.ts';
import { ask, send } from './origin-client.ts';
import { metricOf, type Viewer, viewerOf, type Watch, watchChannel } from './service-client.ts';

const OTHER_KEY = 'another-key-of-18x';
const folder = mkdtempSync(join(tmpdir(), 'service-faults-'));
const log = keptLog();
let service: TestService;
let viewer: Viewer;
let push: Push;
let watches: readonly Watch[] = [];
let other: { readonly pid: number | undefined; readonly slate: number; readonly publisher: string | undefined };

beforeAll(async () => {
  // More encoders are killed here than accidents would; the rungs are not what is tested (alone/service-rungs).
  Object.assign(RUNG_LIMITS, { crashes: 100 });
  const channels = [`  match: { ladder: ${TINY_LADDER}, keys: { primary: ${KEY} } }`];
  channels.push(`  other: { ladder: ${TINY_LADDER}, keys: { primary: ${OTHER_KEY} } }`);
  const config = join(folder, 'settings.yaml');
  writeFileSync(config, ['channels:', ...channels, ''].join('\n'));
  service = await startTestService({ config }, {}, { log });
  viewer = viewerOf(service);
  push = service.push();
  service.push({ channel: 'other', key: OTHER_KEY, audio: 'none' });
  watches = [watchChannel(service), watchChannel(service, 'other')];
  await Promise.all([waitLive(service), waitLive(service, 'other')]);
});
afterAll(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const status = (channel = 'match') => service.directory.get(channel)?.status();
const encoderPid = (channel = 'match') => status(channel)?.encoder?.pid;
const slateSegments = (channel = 'match') => metricOf(service, 'packager_segments_total', { channel, source: 'slate' });
const picture = async (channel: string) => ({
  pid: encoderPid(channel),
  slate: await slateSegments(channel),
  publisher: status(channel)?.publisher?.address,
});

async function kill(pid: number | undefined): Promise<void> {
  if (pid === undefined) throw new Error('there is no such process');
  process.kill(pid, 'SIGKILL');
}

/** Two more Segments, the last of them media. */
async function mediaGoesOn(channel = 'match'): Promise<void> {
  const edge = status(channel)?.newestNumber ?? 0;
  await waitFor('media goes on', () => {
    const now = status(channel);
    return (now?.newestNumber ?? 0) >= edge + 2 && now?.onAir === 'live' && now.publisher !== undefined;
  });
}

/** Segments of slate committed while `act` runs and until media goes on. */
async function slateDuring(act: () => Promise<void>): Promise<number> {
  const before = await slateSegments();
  await act();
  await mediaGoesOn();
  return (await slateSegments()) - before;
}

describe.sequential('another channel never notices', () => {
  beforeEach(async () => {
    other = await picture('other');
  });

  /** Viewers of both channels saw nothing wrong so far, nothing was declared, and the other channel never left the air. */
  afterEach(async () => {
    for (const watch of watches) expect(watch.faults).toEqual([]);
    expect(await picture('other')).toEqual(other);
    expect(status('other')?.state).toBe('live');
  });

  describe.sequential('at the RTMP port', () => {
    const player = async (client: RtmpClient) => {
      await client.handshake();
      client.connect();
      await client.until(() => client.said('NetConnection.Connect.Success'));
      client.send(COMMAND, amf0('play', 4, null, `match?key=${KEY}`), 0, 3, 1);
    };
    test.each<[string, string, (client: RtmpClient) => Promise<unknown>]>([
      ['a wrong key', 'wrong-key', (client) => client.publish('match?key=not-the-key-at-all')],
      ['no key', 'no-key', (client) => client.publish('match')],
      ['an unknown channel', 'wrong-key', (client) => client.publish(`nobody?key=${KEY}`)],
      ['another channel’s key', 'wrong-key', (client) => client.publish(`match?key=${OTHER_KEY}`)],
      ['a second publisher', 'already-publishing', (client) => client.publish(`match?key=${KEY}`)],
      ['a player', 'player', player],
      [
        'an unknown application',
        'unknown-application',
        async (client) => {
          await client.handshake();
          client.connect('vod');
        },
      ],
      [
        'bytes that are no RTMP',
        'protocol',
        async (client) => client.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      ],
    ])('%s is refused by reason and code, and the publisher that is in goes on', async (_what, reason, act) => {
      const before = await picture('match');
      const lines = log.lines.length;
      const counted = await metricOf(service, 'ingest_refusals_total', { reason });
      const client = new RtmpClient(service.ports.rtmp);
      await act(client);
      await client.untilClosed();
      expect(client.said('NetStream.Publish.Start') || client.said('NetStream.Play.Start')).toBe(false);
      await waitFor('it is counted', async () => {
        return (await metricOf(service, 'ingest_refusals_total', { reason })) === counted + 1;
      });
      expect(log.lines.slice(lines)).toContainEqual({
        level: 'warn',
        fields: expect.objectContaining({ code: 'PUBLISH_REFUSED', reason, hint: expect.stringMatching(/\w \w/) }),
        message: expect.any(String),
      });
      expect(JSON.stringify(log.lines)).not.toContain(KEY);
      expect(await picture('match')).toEqual(before);
    });

    test('a source that stops in the middle of a message leaves the key free', async () => {
      await push.stop('SIGKILL');
      await waitFor('its publisher is gone', () => status()?.publisher === undefined);
      const half = await new RtmpClient(service.ports.rtmp).publish(`match?key=${KEY}`);
      expect(half.said('NetStream.Publish.Start')).toBe(true);
      const whole = message(VIDEO, Buffer.alloc(4000, 0x17), 0, 6, 1, 128);
      half.socket.write(whole.subarray(0, 2000));
      await waitFor('it is in', () => status()?.publisher !== undefined);
      half.destroy();
      await waitFor('it is gone', () => status()?.publisher === undefined);
      push = service.push();
      await mediaGoesOn();
    });
  });

  describe.sequential('an encoder that is killed', () => {
    test('is replaced at once: media is back, no Segment is missing and nothing is declared', async () => {
      const pid = encoderPid();
      const starts = await metricOf(service, 'encoder_starts_total', { channel: 'match' });
      const slate = await slateDuring(async () => {
        const startMs = performance.now();
        await kill(pid);
        await waitFor('another encoder', () => encoderPid() !== undefined && encoderPid() !== pid, 2000);
        expect(performance.now() - startMs).toBeLessThan(1000);
      });
      expect(slate).toBeLessThanOrEqual(2);
      expect(await metricOf(service, 'encoder_starts_total', { channel: 'match' })).toBe(starts + 1);
      expect(await metricOf(service, 'encoder_exits_total', { channel: 'match', reason: 'SIGKILL' })).toBe(1);
      expect(status()?.lastFaults.at(-1)?.code ?? status()?.lastFaults[0]?.code).toBe('ENCODER_EXITED');
    });

    test('three times in a row backs off, says so, and comes back', async () => {
      const lines = log.lines.length;
      const slate = await slateDuring(async () => {
        for (let death = 0; death < 3; death++) {
          await waitFor('an encoder', () => encoderPid() !== undefined);
          const pid = encoderPid();
          await kill(pid);
          await waitFor('it is gone', () => encoderPid() !== pid);
        }
      });
      expect(slate).toBeLessThanOrEqual(3);
      const said = log.lines.slice(lines).filter(({ fields }) => 'code' in fields && fields.code === 'ENCODER_EXITED');
      expect(said.length).toBeGreaterThanOrEqual(3);
      expect(status()?.encoder).toBeDefined();
    });
  });

  describe.sequential('what hangs', () => {
    test('an encoder that takes tags and makes nothing is killed and replaced', async () => {
      const pid = encoderPid() ?? 0;
      const slate = await slateDuring(async () => {
        process.kill(pid, 'SIGSTOP');
        await waitFor('another encoder', () => encoderPid() !== undefined && encoderPid() !== pid, 5000);
      });
      expect(slate).toBeLessThanOrEqual(3);
      expect(status()?.lastFaults.map(({ code }) => code)).toContain('ENCODER_STALLED');
    });

    test('a publisher that sends nothing for 4 s is slate meanwhile, and media once it goes on', async () => {
      const slate = await slateDuring(async () => {
        push.process.kill('SIGSTOP');
        await sleep(4000);
        expect([status()?.onAir, status()?.fresh]).toEqual(['slate', true]);
        push.process.kill('SIGCONT');
      });
      expect(slate).toBeGreaterThanOrEqual(1);
      expect(slate).toBeLessThanOrEqual(4);
    });
  });

  describe.sequential('bad requests', () => {
    test('at the CMAF port get a code and a hint, and media goes on', async () => {
      const before = await picture('match');
      const command = readFileSync(`/proc/${encoderPid()}/cmdline`, 'utf8');
      const [, port = '', path = ''] = /http:\/\/127\.0\.0\.1:(\d+)(\/[^\0]+)/.exec(command) ?? [];
      expect(await send(Number(port), '\x00\x01garbage\r\n\r\n')).toMatch(
        /^HTTP\/1\.1 400 .*"code":"HTTP_BAD_REQUEST"/s,
      );
      const refused = async (target: string, method: string) => {
        const answer = await ask(Number(port), target, {}, method);
        return [answer.status, JSON.parse(answer.body.toString())];
      };
      const told = (code: string) => ({ code, message: expect.any(String), hint: expect.stringMatching(/\w/) });
      expect(await refused(path, 'POST')).toEqual([403, told('CMAF_FORBIDDEN')]);
      expect(await refused('/nobody/180p', 'POST')).toEqual([404, told('HTTP_NOT_FOUND')]);
      expect(await refused(path, 'GET')).toEqual([405, told('HTTP_METHOD')]);
      expect(await refused(`${path}/../../x`, 'POST')).toEqual([403, told('CMAF_FORBIDDEN')]);
      expect(await picture('match')).toEqual(before);
    });

    test.each<[string, string, string, number, string]>([
      ['..', 'GET', '/live/match/../../etc/passwd', 404, 'HTTP_NOT_FOUND'],
      ['%00', 'GET', '/live/match/%00master.m3u8', 404, 'HTTP_NOT_FOUND'],
      ['%2e%2e', 'GET', '/live/%2e%2e/master.m3u8', 404, 'HTTP_NOT_FOUND'],
      ['a channel that is not', 'GET', '/live/nobody/master.m3u8', 404, 'HTTP_NOT_FOUND'],
      ['a 64 kB query', 'GET', `/live/match/master.m3u8?${'q'.repeat(65_536)}`, 414, 'HTTP_URI_TOO_LONG'],
      ['another method', 'DELETE', '/live/match/master.m3u8', 405, 'HTTP_METHOD'],
      ['a method nobody knows', 'BREW', '/live/match/master.m3u8', 501, 'HTTP_METHOD'],
    ])('at the origin: %s', async (_what, method, path, status, code) => {
      const before = await picture('match');
      const head = `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
      const answer = await send(service.ports.http, head);
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(answer).toMatch(/^Cache-Control: \S/im);
      expect(answer).toMatch(/^Access-Control-Allow-Origin: \*/im);
      expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toEqual({ code, message: expect.any(String) });
      expect(await picture('match')).toEqual(before);
    });

    test('connections that say nothing or never end do not hold the origin up', async () => {
      const idle = Array.from({ length: 50 }, () => createConnection(service.ports.http, '127.0.0.1'));
      for (const socket of idle) socket.on('error', () => undefined);
      for (const socket of idle.slice(0, 25)) socket.write('GET /live/match/master.m3u8 HTTP/1.1\r\nX-Slow: ');
      await sleep(200);
      const startMs = performance.now();
      expect((await viewer.get('master.m3u8')).status).toBe(200);
      expect(performance.now() - startMs).toBeLessThan(2000);
      for (const socket of idle) socket.destroy();
    });
  });
});

describe.sequential('the RTMP child', () => {
  test('that is killed comes back on the same port, and the window stands', async () => {
    const line = log.lines.find(({ message: said }) => said === 'rtmp listening');
    const lines = log.lines.length;
    await kill((line?.fields as { readonly pid?: number } | undefined)?.pid);
    await waitFor('it is replaced', () =>
      log.lines.slice(lines).some(({ message: said }) => said === 'rtmp listening'),
    );
    expect(log.lines.slice(lines)).toContainEqual({
      level: 'error',
      fields: expect.objectContaining({ code: 'RTMP_CHILD_EXITED' }),
      message: expect.any(String),
    });
    expect(await metricOf(service, 'ingest_rtmp_child_starts_total')).toBe(2);
    await waitFor('no publisher', () => status()?.publisher === undefined && status('other')?.publisher === undefined);
    push = service.push();
    service.push({ channel: 'other', key: OTHER_KEY, audio: 'none' });
    await Promise.all([mediaGoesOn(), mediaGoesOn('other')]);
  });

  test('and all that came before: what was listed is there with the body it had, and one Period was enough', async () => {
    for (const watch of watches) expect(await watch.end()).toEqual([]);
    expect(await metricOf(service, 'packager_periods_total')).toBe(2);
    for (const channel of ['match', 'other']) {
      const { segments } = await viewerOf(service, channel).playlist('180p', 'dvr.m3u8');
      expect(segments.filter(({ map }) => map !== undefined)).toHaveLength(1);
    }
  });
});
