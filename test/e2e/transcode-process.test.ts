import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { locateFfmpeg } from '../../src/transcode/locate.ts';
import type { EncodeCommand } from '../../src/transcode/model.ts';
import { feed, runCommand } from '../fakes/encoder-run.ts';

const FAKE = fileURLToPath(new URL('../fakes/fake-ffmpeg.js', import.meta.url));

function command(wish: string): EncodeCommand {
  return {
    inputs: [{ url: 'pipe:0', options: ['-f', 'flv'] }],
    filterGraph: '',
    outputs: [{ url: `fake://${wish}`, options: ['-headers', 'X-Key: abc\r\n', '-f', 'mp4'] }],
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('an encoder process', () => {
  it('ends cleanly with its input, after having taken every byte', async () => {
    const run = runCommand(command('drain'), FAKE);
    await feed(run, randomBytes(1_000_000));
    expect(await run.exited).toEqual({ code: 0, signal: undefined, lastLines: [] });
    expect(run.exits).toBe(1);
  });

  it('reports the code it dies with', async () => {
    const run = runCommand(command('die?ms=20&code=3'), FAKE);
    expect(await run.exited).toMatchObject({ code: 3, signal: undefined });
  });

  it('dies of a kill that comes before its start', async () => {
    const run = runCommand(command('hang'), FAKE);
    run.process.kill();
    expect(await run.exited).toMatchObject({ code: undefined, signal: 'SIGKILL' });
    expect(run.commandLines).toEqual([]);
    expect(isAlive(run.process.pid ?? -1)).toBe(false);
  });

  it('dies of a kill although it ignores signals and the end of its input', async () => {
    const run = runCommand(command('hang'), FAKE);
    while (run.commandLines.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    run.process.end();
    run.process.kill();
    expect(await run.exited).toMatchObject({ signal: 'SIGKILL' });
  });

  it('survives a process that closes its stdin (EPIPE)', async () => {
    const run = runCommand(command('deaf?ms=150&code=4'), FAKE);
    const timer = setInterval(() => run.process.write(randomBytes(100_000)), 5);
    const exit = await run.exited;
    clearInterval(timer);
    expect(exit.code).toBe(4);
    // Its own last words and its code tell the story; ours of the broken pipe would hide them.
    expect(exit.lastLines.join('\n')).not.toMatch(/EPIPE|ECONNRESET/);
  });

  it('says when its pipe is full and when it is not any more', async () => {
    const run = runCommand(command('late?ms=100'), FAKE);
    while (run.commandLines.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const before = run.drains;
    expect(run.process.write(randomBytes(2_000_000))).toBe(false);
    while (run.drains === before) await new Promise((resolve) => setTimeout(resolve, 5));
    run.process.end();
    expect(await run.exited).toMatchObject({ code: 0 });
  });

  it('is killed when its caller ignores back-pressure up to 64 MB', async () => {
    const run = runCommand(command('hang'), FAKE);
    const block = Buffer.alloc(8 * 1024 * 1024);
    for (let index = 0; index < 9; index++) run.process.write(block);
    const exit = await run.exited;
    expect(exit.signal).toBe('SIGKILL');
    expect(exit.lastLines.join('\n')).toContain('input backlog');
  });

  it('keeps the last 100 lines, with progress taken out and read', async () => {
    const run = runCommand(command('talk?lines=250'), FAKE);
    run.process.end();
    const exit = await run.exited;
    expect(exit.lastLines).toEqual(Array.from({ length: 100 }, (_, index) => `line ${150 + index}`));
    expect(run.lines).toHaveLength(250);
    expect(run.progress).toEqual([
      { frame: 12, fps: 0, speed: undefined, outTimeMs: 400, dropped: 2, duplicated: 1 },
      { frame: 24, fps: 30, speed: 1.01, outTimeMs: 800, dropped: 2, duplicated: 1 },
    ]);
  });

  it('reports a program that is not there as an exit with the reason', async () => {
    const run = runCommand(command('drain'), '/nowhere/ffmpeg');
    const exit = await run.exited;
    expect(exit).toMatchObject({ code: undefined, signal: undefined });
    expect(exit.lastLines.join('\n')).toContain('ENOENT');
    expect(run.commandLines).toEqual([]);
    expect(run.process.write(Buffer.from('x'))).toBe(true);
  });

  it('runs beside another program: a path belongs to a command, not to the service', async () => {
    const [good, bad] = [runCommand(command('drain'), FAKE), runCommand(command('drain'), '/nowhere/ffmpeg')];
    good.process.end();
    bad.process.end();
    expect(await good.exited).toMatchObject({ code: 0 });
    expect(await bad.exited).toMatchObject({ code: undefined });
  });
});

describe('finding a real ffmpeg', () => {
  it('finds the one on PATH or the one named, with its version', async () => {
    const location = await locateFfmpeg({ setting: undefined, environment: process.env });
    expect(location).toMatchObject({ kind: 'found' });
  });

  it('refuses a named program that is no ffmpeg', async () => {
    const location = await locateFfmpeg({ setting: process.execPath, environment: process.env });
    expect(location).toMatchObject({ kind: 'missing', path: process.execPath });
  });
});
