// A push that was taken and broke is made again; a refusal ends it. matchSound() runs the sample once; everything else is fake.
import { describe, expect, test, vi } from 'vitest';
import { readArguments } from '../../../src/cli/arguments.ts';
import { pushCommand } from '../../../src/cli/push.ts';
import { keptIo } from '../../fakes/control-command-io.ts';
import { fakeDoors } from '../../fakes/control-doors.ts';

const SENT = { frame: 150, fps: 30, speed: 1, dropped: 0, duplicated: 0, bitrateBps: 2_500_000 };

function start(...argv: string[]) {
  const io = keptIo();
  const doors = fakeDoors();
  const command = pushCommand(doors);
  const ended = command
    .run(readArguments(command, [...argv, 'rtmp://h/live/match?key=s3cret']), io)
    .catch((error: Error) => error.message);
  // The sound is made by a real child process, which takes as long as the machine lets it.
  const encode = (at: number) =>
    vi.waitFor(() => doors.encodes[at] ?? Promise.reject(new Error('not yet')), { timeout: 30_000 });
  const broken = async (at: number, outTimeMs: number): Promise<void> => {
    const { listener, exit } = await encode(at);
    listener.onProgress({ ...SENT, outTimeMs });
    exit('rtmp: Connection reset by peer');
    await doors.clock.advance(0);
  };
  return { io, doors, ended, encode, broken };
}

describe('a push that ends', () => {
  test('is made again after a second when it had been taken, and says so', async () => {
    const { io, doors, ended, encode, broken } = start();
    await broken(0, 5000);
    expect(doors.encodes).toHaveLength(1);
    await doors.clock.advance(1000);
    const again = await encode(1);
    again.listener.onProgress({ ...SENT, outTimeMs: 1000 });
    expect(io.stdout.join('\n')).toContain('again in 1 s');
    expect(io.stdout.at(-1)).toBe('1 s sent, 2.50 Mbit/s, 30 fps, speed 1.00, 1 reconnect');
    await broken(1, 1000);
    expect(io.stdout.at(-1)).toContain('again in 2 s');
    io.stop();
    expect(await ended).toBe(0);
  });

  test('is over when it was never taken, or with --once', async () => {
    const refused = start();
    await refused.broken(0, 0);
    expect(await refused.ended).toContain('Connection reset by peer');
    const once = start('--once');
    await once.broken(0, 60_000);
    expect(await once.ended).toContain('Connection reset by peer');
  });
});
