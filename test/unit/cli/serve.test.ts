import { describe, expect, test } from 'vitest';
import { announcement, streamKeyOf, urlHost } from '../../../src/cli/announcement.ts';
import { readArguments } from '../../../src/cli/arguments.ts';
import { serveCommand } from '../../../src/cli/serve.ts';
import type { SettingsRequest } from '../../../src/cli/service-door.ts';
import { STOP_LIMIT_MS } from '../../../src/cli/stop.ts';
import type { OriginListener } from '../../../src/origin/listener.ts';
import { keptIo } from '../../fakes/control-command-io.ts';
import { fakeDoors, fakeSettings } from '../../fakes/control-doors.ts';

function serve(doors = fakeDoors(), ...argv: string[]) {
  const io = keptIo({ PITCHSIDE_STREAM_KEY: 'x' });
  const command = serveCommand(doors);
  return { io, doors, code: command.run(readArguments(command, argv), io) };
}

describe('serve', () => {
  test('with --json prints the listening event first and nothing else', async () => {
    const { io, doors, code } = serve(fakeDoors(), '--json');
    await doors.clock.advance(0);
    expect(io.stdout).toEqual(['{"event":"listening","http":8080,"rtmp":1935,"control":8081}']);
    io.stop();
    expect(await code).toBe(0);
    expect(io.stdout).toHaveLength(1);
  });

  test('prints page, OBS lines and addresses for people', async () => {
    const { io, doors, code } = serve();
    await doors.clock.advance(0);
    await expect(`${io.stdout.join('\n')}\n`).toMatchFileSnapshot('../../golden/serve-announcement.txt');
    io.stop();
    await code;
  });

  test('hands flags and environment to the settings as they are', async () => {
    let seen: SettingsRequest | undefined;
    const doors = fakeDoors({
      loadSettings: async (request) => {
        seen = request;
        return fakeSettings();
      },
    });
    const { io, code } = serve(doors, '--port', '0', '--rtmp-port', '1936', '--ladder', 'sd');
    io.stop();
    await code;
    expect(seen?.flags).toMatchObject({ port: '0', 'rtmp-port': '1936', ladder: 'sd', data: undefined });
    expect(seen?.env['PITCHSIDE_STREAM_KEY']).toBe('x');
  });

  test('has the port opened before anything else is asked for, and hands it to the service', async () => {
    const listener = {} as OriginListener;
    const asked: string[] = [];
    const doors = fakeDoors({
      listenEarly: async ({ http }) => {
        asked.push(`listen on ${http.host}`);
        return listener;
      },
      locateFfmpeg: async () => {
        asked.push('ffmpeg');
        return '/usr/bin/ffmpeg';
      },
    });
    const { io, code } = serve(doors);
    await doors.clock.advance(0);
    expect(asked).toEqual(['listen on 0.0.0.0', 'ffmpeg']);
    expect(doors.started[0]?.listener).toBe(listener);
    io.stop();
    await code;
  });

  test('ends with 0 after a signal that came while it was still starting', async () => {
    const { io, doors, code } = serve();
    io.stop();
    expect(await code).toBe(0);
    expect(doors.stops).toBe(1);
  });

  test.each([
    ['SIGTERM', true],
    ['SIGINT', false],
    ['SIGHUP', false],
  ] as const)('after %s publishers are kept for the next service: %s', async (signal, handsOver) => {
    const { io, doors, code } = serve();
    await doors.clock.advance(0);
    io.stop(signal);
    expect(await code).toBe(0);
    expect(doors.stoppedHow).toEqual({ handsOver });
  });

  test('ends within 5 s even when the service hangs', async () => {
    const doors = fakeDoors();
    doors.hang = true;
    const { io, code } = serve(doors);
    await doors.clock.advance(0);
    io.stop();
    await doors.clock.advance(STOP_LIMIT_MS);
    expect(await code).toBe(0);
    expect(STOP_LIMIT_MS).toBeLessThan(5000);
  });
});

describe('the announcement', () => {
  test.each([
    ['0.0.0.0', 'localhost'],
    ['::', 'localhost'],
    ['127.0.0.1', 'localhost'],
    ['10.0.0.5', '10.0.0.5'],
    ['fd00::5', '[fd00::5]'],
    ['studio.lan', 'studio.lan'],
  ])('shows the host %s as %s', (host, shown) => {
    expect(urlHost(host)).toBe(shown);
  });

  test('escapes a secret for the query that it is part of', () => {
    expect(streamKeyOf('match', 'a&b=c')).toBe('match?key=a%26b%3Dc');
    expect(streamKeyOf('match', undefined)).toBeUndefined();
  });

  test('says what to do where a channel has no key', () => {
    const lines = announcement({
      ports: { http: 1, rtmp: 2, control: 3 },
      hosts: { http: '::', rtmp: '::', control: '::1' },
      channels: [{ id: 'a', streamKey: undefined }],
    });
    expect(lines.join('\n')).toContain('give the channel a key');
  });
});
