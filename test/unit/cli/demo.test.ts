import { describe, expect, test } from 'vitest';
import { readArguments } from '../../../src/cli/arguments.ts';
import { demoCommand } from '../../../src/cli/demo.ts';
import type { Doors, SettingsRequest } from '../../../src/cli/service-door.ts';
import { keptIo } from '../../fakes/control-command-io.ts';
import { channelStatus } from '../../fakes/control-directory.ts';
import { fakeDoors, fakeSettings } from '../../fakes/control-doors.ts';

/** matchSound() runs the sample once; everything else is fake. */
async function started(
  changes: Partial<Omit<Doors, 'clock'>> = {},
  argv: string[] = [],
  env: Record<string, string> = {},
) {
  const doors = fakeDoors(changes);
  const io = keptIo(env);
  const command = demoCommand(doors);
  const code = command.run(readArguments(command, argv), io);
  await expect.poll(() => doors.encodes.length, { timeout: 8000 }).toBe(1);
  return { doors, io, code };
}

describe('demo', () => {
  test('pushes the match into its own RTMP port with its own key, and ends push and service with a signal', async () => {
    const { doors, io, code } = await started();
    const [encode] = doors.encodes;
    expect(encode?.command.outputs[0]?.url).toBe('rtmp://127.0.0.1:1935/live/match?key=S3CRET');
    expect(encode?.command.inputs.map(({ url }) => url)[0]).toBe('pipe:0');
    io.stop();
    await doors.clock.advance(2000);
    expect(await code).toBe(0);
    expect(encode?.asked).toEqual(['end', 'kill']);
    expect(doors.stops).toBe(1);
    expect(doors.encodes).toHaveLength(1);
  });

  test('says when it is playable: live media at the edge, not slate', async () => {
    const { doors, io, code } = await started();
    await doors.clock.advance(3000);
    expect(io.stdout.join('\n')).not.toContain('Playable');
    doors.directory.set(channelStatus({ onAir: 'live', fresh: true }));
    await doors.clock.advance(500);
    expect(io.stdout.at(-1)).toMatch(/^Playable after 3\.\d s: open http:\/\/localhost:8081\/ /);
    io.stop();
    await doors.clock.advance(2000);
    await code;
  });

  test('with --json keeps stdout for events', async () => {
    const { doors, io, code } = await started({}, ['--json']);
    doors.directory.set(channelStatus());
    await doors.clock.advance(500);
    io.stop();
    await doors.clock.advance(2000);
    await code;
    expect(io.stdout.map((line) => JSON.parse(line).event)).toEqual(['listening', 'playable']);
  });

  test('pushes again when the push dies', async () => {
    const { doors, io, code } = await started();
    doors.encodes[0]?.exit('rtmp: Connection reset by peer');
    await doors.clock.advance(1500);
    expect(doors.encodes).toHaveLength(2);
    expect(io.stdout.join('\n')).toContain(
      'The push ended (rtmp: Connection reset by peer (exit code 1)); pushing again.',
    );
    io.stop();
    await doors.clock.advance(2000);
    await code;
  });

  test('ends when its parent has gone, which nobody else would tell it', async () => {
    const { doors, io, code } = await started();
    io.parent = 1;
    await doors.clock.advance(3000);
    expect(await code).toBe(0);
    expect(doors.stops).toBe(1);
  });

  test('keeps nothing and reads no settings file of the environment', async () => {
    let seen: SettingsRequest | undefined;
    const env = { PITCHSIDE_CONFIG: '/etc/real.yaml', PITCHSIDE_STREAM_KEY: 'mine' };
    const { doors, io, code } = await started(
      {
        loadSettings: async (request) => {
          seen = request;
          return fakeSettings();
        },
      },
      [],
      env,
    );
    io.stop();
    await doors.clock.advance(2000);
    await code;
    expect(seen?.flags).toMatchObject({ data: 'none', config: undefined, 'log-level': 'warn' });
    expect(seen?.env).toEqual({ PITCHSIDE_STREAM_KEY: 'mine' });
  });

  test('stops installing at a signal', async () => {
    let aborted = false;
    const doors = fakeDoors({
      provisionFfmpeg: ({ signal }) =>
        new Promise((_resolve, reject) => {
          signal.onabort = () => {
            aborted = true;
            reject(new Error('aborted'));
          };
        }),
    });
    const io = keptIo();
    const command = demoCommand(doors);
    const code = command.run(readArguments(command, []), io);
    io.stop();
    expect(await code).toBe(0);
    expect(aborted).toBe(true);
    expect(doors.started).toEqual([]);
  });
});
