/** `serve` as a process: what it says when it cannot start, and that it leaves nothing behind when it ends. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ChannelStatus } from '../../src/channel/view.ts';
import { KEY, ROOT, startPush, TINY_LADDER, waitFor } from '../rig/service.ts';

const PROGRAM = join(ROOT, 'dist/main.js');
const FREE_PORTS = ['--port', '0', '--rtmp-port', '0', '--control-port', '0'];
const folder = mkdtempSync(join(tmpdir(), 'service-start-'));
const started: ChildProcess[] = [];

beforeAll(() => {
  const newest = Math.max(...stampsOf(join(ROOT, 'src')));
  const isBuilt = existsSync(PROGRAM) && Math.max(...stampsOf(join(ROOT, 'dist'))) > newest;
  if (!isBuilt) execFileSync('npm', ['run', '-s', 'build'], { cwd: ROOT });
});
afterAll(() => {
  for (const child of started) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

function stampsOf(directory: string): number[] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => statSync(join(parentPath, name)).mtimeMs);
}

interface Run {
  readonly child: ChildProcess;
  stdout: string;
  stderr: string;
  readonly ended: Promise<number | null>;
}

type Environment = Readonly<Record<string, string>>;

function serve(args: readonly string[], env: Environment = {}): Run {
  const child = spawn(process.execPath, [PROGRAM, 'serve', ...args], {
    cwd: folder,
    env: { ...process.env, PITCHSIDE_STREAM_KEY: KEY, XDG_STATE_HOME: join(folder, 'state'), ...env },
    // A process group of its own, as a shell gives it: the terminal's Ctrl-C goes to all of it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  const run: Run = { child, stdout: '', stderr: '', ended: new Promise((resolve) => child.once('close', resolve)) };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    run.stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    run.stderr += text;
  });
  return run;
}

/** Exit 1 and one line on stderr, `CODE: what is wrong. What to do.`; answers the line. */
async function cannotStart(args: readonly string[], env: Environment = {}): Promise<string> {
  const run = serve(args, env);
  expect([await run.ended, run.stdout]).toEqual([1, '']);
  expect(run.stderr).toMatch(/^[A-Z][A-Z_]+: [^\n]+\n$/);
  return run.stderr.trim();
}

const named = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe('a port that is taken', () => {
  test.each([
    ['--port', /^PORT_IN_USE: HTTP port \d+ is in use\. .*--port/],
    ['--rtmp-port', /^PORT_IN_USE: RTMP port \d+ is in use\. .*--rtmp-port/],
    ['--control-port', /^PORT_IN_USE: .*control port .*\d+ is in use\. .*--control-port/],
  ])('of %s is PORT_IN_USE in one line that says what to do', async (flag, line) => {
    const taken = createServer().listen(0, '0.0.0.0');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as AddressInfo;
    const ports = [...FREE_PORTS, '--control-host', '0.0.0.0', flag, String(port)];
    expect(await cannotStart([...ports, '--data', 'none'])).toMatch(line);
    taken.close();
  });
});

describe('a ladder or settings file', () => {
  test('that is unknown is LADDER_UNKNOWN, with the ladders that there are', async () => {
    const line = await cannotStart(['--ladder', 'nope', '--data', 'none']);
    expect(line).toMatch(/^LADDER_UNKNOWN: .*hd, hd-sports, passthrough, pushed, sd, two-core/);
  });

  test('that is wrong is told by file, line and column, all problems at once', async () => {
    named('bad.yaml', 'video:\n  - id: a\n    heigth: 90\n    bitrate: much\n');
    const line = await cannotStart(['--ladder', './bad.yaml', '--data', 'none']);
    expect(line).toMatch(/^LADDER_INVALID: .*bad\.yaml:3:5 video\[0\]\.heigth: .*bad\.yaml:4:14 video\[0\]\.bitrate: /);
    named('settings.yaml', 'channels:\n  match: { ladder: two-core, widow: 15m }\nlogLevel: loud\n');
    expect(await cannotStart(['--config', 'settings.yaml', '--data', 'none'])).toMatch(
      /^CONFIG_INVALID: .*settings\.yaml:2:30 channels\.match\.widow: .*settings\.yaml:3:11 logLevel: /,
    );
    named('broken.yaml', 'channels:\n  match: [\n');
    expect(await cannotStart(['--config', 'broken.yaml', '--data', 'none'])).toMatch(
      /^CONFIG_INVALID: .*broken\.yaml:\d+:\d+/,
    );
  });

  test('that cannot be read is CONFIG_UNREADABLE or LADDER_UNKNOWN with its name', async () => {
    mkdirSync(join(folder, 'folder.yaml'));
    expect(await cannotStart(['--config', 'nofile.yaml', '--data', 'none'])).toMatch(
      /^CONFIG_UNREADABLE: nofile\.yaml/,
    );
    expect(await cannotStart(['--config', 'folder.yaml', '--data', 'none'])).toMatch(
      /^CONFIG_UNREADABLE: folder\.yaml/,
    );
    expect(await cannotStart(['--ladder', './folder.yaml', '--data', 'none'])).toMatch(
      /^CONFIG_UNREADABLE: .*folder\.yaml/,
    );
    expect(await cannotStart(['--ladder', './nofile.yaml', '--data', 'none'])).toMatch(
      /^LADDER_UNKNOWN: .*nofile\.yaml/,
    );
  });

  test('that asks for what is not there yet is CONFIG_NOT_YET, by name', async () => {
    named('later.yaml', 'channels:\n  match: { ladder: two-core, record: true }\n');
    expect(await cannotStart(['--config', 'later.yaml', '--data', 'none'])).toMatch(
      /^CONFIG_NOT_YET: later\.yaml:2:\d+ channels\.match\.record: .*not yet/,
    );
  });
});

describe('ffmpeg', () => {
  const script = (name: string, text: string): string => {
    const path = named(name, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o755);
    return path;
  };

  test('that is nowhere is FFMPEG_MISSING', async () => {
    const nowhere = { PATH: join(folder, 'nothing'), FFMPEG_PATH: '', FFMPEG_BIN: join(folder, 'nothing/ffmpeg') };
    expect(await cannotStart(['--data', 'none'], nowhere)).toMatch(/^FFMPEG_MISSING: .*install/i);
    expect(await cannotStart(['--data', 'none', '--ffmpeg', './nowhere'])).toMatch(/^FFMPEG_MISSING: .*nowhere/);
  });

  test('that is too old is FFMPEG_TOO_OLD, without x264 FFMPEG_NO_ENCODER, and no ffmpeg at all is said so', async () => {
    const old = script('old', 'echo "ffmpeg version 4.4.2 Copyright"');
    expect(await cannotStart(['--data', 'none'], { FFMPEG_PATH: old })).toMatch(/^FFMPEG_TOO_OLD: .*4\.4\.2.*5\.1/);
    const poor = script(
      'poor',
      'case "$*" in *-version*) echo "ffmpeg version 6.0 Copyright";; *) echo " A..... aac AAC";; esac',
    );
    expect(await cannotStart(['--data', 'none'], { FFMPEG_PATH: poor })).toMatch(/^FFMPEG_NO_ENCODER: .*libx264/);
    const other = script('other', 'exit 3');
    expect(await cannotStart(['--data', 'none'], { FFMPEG_PATH: other })).toMatch(/^FFMPEG_MISSING: /);
  });
});

describe('a data folder', () => {
  test('that was named is made, and so is the default: the window is kept in it', async () => {
    const taken = createServer().listen(0, '0.0.0.0');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as AddressInfo;
    const noStart = ['--rtmp-port', '0', '--control-port', '0', '--port', String(port)];
    await cannotStart([...noStart, '--data', './kept/here']);
    expect(existsSync(join(folder, 'kept/here'))).toBe(true);
    await cannotStart(noStart);
    expect(existsSync(join(folder, 'state'))).toBe(true);
    taken.close();
  });

  test('that cannot be written is DATA_DIRECTORY, whether a key has to be kept in it or not', async () => {
    const file = named('a-file', '');
    for (const env of [{ PITCHSIDE_STREAM_KEY: '' }, {}]) {
      expect(await cannotStart([...FREE_PORTS, '--data', file], env)).toMatch(/^DATA_DIRECTORY: .*a-file.*--data/);
      expect(await cannotStart([...FREE_PORTS, '--data', join(file, 'below')], env)).toMatch(/^DATA_DIRECTORY: /);
    }
  });
});

/** Pids of all that a process has started, and what those have. */
function descendantsOf(pid: number): number[] {
  const table = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  const pairs = table.map((line) => line.trim().split(/\s+/).map(Number));
  const children = pairs.filter(([, parent]) => parent === pid).map(([child = 0]) => child);
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
}

function isRunning(pid: number): boolean {
  try {
    // A zombie has ended; only its parent has not asked yet.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a live service', () => {
  test.each<[string, NodeJS.Signals, boolean, boolean]>([
    ['SIGTERM', 'SIGTERM', false, false],
    ['SIGINT to its whole process group', 'SIGINT', true, false],
    ['SIGTERM while its encoder hangs', 'SIGTERM', false, true],
  ])('ends with 0 within 5 s after %s and leaves no process', async (_what, signal, isGroup, hangs) => {
    const run = serve([...FREE_PORTS, '--data', 'none', '--ladder', TINY_LADDER, '--json']);
    const pid = run.child.pid ?? 0;
    await waitFor('it listens', () => run.stdout.includes('\n'));
    const ports = JSON.parse(run.stdout);
    expect(ports).toEqual({
      event: 'listening',
      http: expect.any(Number),
      rtmp: expect.any(Number),
      control: expect.any(Number),
    });
    let encoderPid = 0;
    const push = startPush(`rtmp://127.0.0.1:${ports.rtmp}/live`, {});
    await waitFor('live', async () => {
      const answer = await fetch(`http://127.0.0.1:${ports.control}/api/v1/channels/match`);
      const status = (await answer.json()) as ChannelStatus;
      encoderPid = status.encoder?.pid ?? 0;
      return status.state === 'live';
    });
    if (hangs) process.kill(encoderPid, 'SIGSTOP');
    const processes = descendantsOf(pid);
    // The RTMP child and the encoder.
    expect(processes.length).toBeGreaterThanOrEqual(2);
    const startMs = performance.now();
    process.kill(isGroup ? -pid : pid, signal);
    expect(await run.ended).toBe(0);
    expect(performance.now() - startMs).toBeLessThan(5000);
    expect(processes.filter(isRunning)).toEqual([]);
    await push.stop('SIGKILL');
    const lines = run.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.filter(({ level, code }) => level >= 50 || typeof code === 'string')).toEqual([]);
    expect(run.stderr).not.toContain(KEY);
  });

  test('that is killed itself leaves no process and no socket behind', async () => {
    const run = serve([...FREE_PORTS, '--data', 'none', '--ladder', TINY_LADDER, '--json'], { TMPDIR: folder });
    await waitFor('it listens', () => run.stdout.includes('\n'));
    const push = startPush(`rtmp://127.0.0.1:${JSON.parse(run.stdout).rtmp}/live`, {});
    await waitFor('it encodes', () => run.stderr.includes('encoder started'));
    const processes = descendantsOf(run.child.pid ?? 0);
    expect(processes.length).toBeGreaterThanOrEqual(2);
    run.child.kill('SIGKILL');
    await waitFor('all have ended', () => processes.filter(isRunning).length === 0, 5000);
    expect(readdirSync(folder).filter((name) => name.startsWith('pitchside-'))).toEqual([]);
    await push.stop('SIGKILL');
  });
});
