/** Runs an EncodeCommand and keeps everything its listener hears. */
import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { startEncoder } from '../../src/transcode/ffmpeg-process.ts';
import type { EncodeCommand, EncodeExit, EncodeProcess, EncodeProgress } from '../../src/transcode/model.ts';

const FFMPEG = process.env['FFMPEG_PATH'] ?? 'ffmpeg';

export interface HeardRun {
  readonly process: EncodeProcess;
  readonly lines: string[];
  readonly progress: EncodeProgress[];
  readonly commandLines: string[];
  exits: number;
  drains: number;
  readonly exited: Promise<EncodeExit>;
}

export function runCommand(command: EncodeCommand, ffmpegPath = FFMPEG): HeardRun {
  let settle: (exit: EncodeExit) => void = () => undefined;
  const exited = new Promise<EncodeExit>((resolve) => {
    settle = resolve;
  });
  const heard = {
    lines: [] as string[],
    progress: [] as EncodeProgress[],
    commandLines: [] as string[],
    exits: 0,
    drains: 0,
  };
  const encoder = startEncoder({
    ffmpegPath,
    command,
    listener: {
      onStart: (_pid, line) => heard.commandLines.push(line),
      onProgress: (progress) => heard.progress.push(progress),
      onLogLine: (line) => heard.lines.push(line),
      onDrain: () => {
        heard.drains += 1;
      },
      onExit: (exit) => {
        heard.exits += 1;
        settle(exit);
      },
    },
  });
  return Object.assign(heard, { process: encoder, exited });
}

/** Writes everything, waiting for the pipe, then ends the input. */
export async function feed(run: HeardRun, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += 65_536) {
    const drains = run.drains;
    if (!run.process.write(bytes.subarray(at, at + 65_536))) {
      while (run.drains === drains && run.exits === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  run.process.end();
}

/** An FLV made by ffmpeg, as bytes. */
export async function makeFlv(args: readonly string[]): Promise<Buffer> {
  const result = await promisify(execFile)(FFMPEG, ['-v', 'error', ...args, '-f', 'flv', 'pipe:1'], {
    encoding: 'buffer',
    maxBuffer: 256 * 1024 * 1024,
  });
  return result.stdout;
}

/** Runs ffmpeg with bytes on stdin and gives its stdout. */
export function filterThrough(args: readonly string[], input: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn(FFMPEG, ['-v', 'error', ...args]);
    const out: Buffer[] = [];
    child.stdout.on('data', (bytes: Buffer) => out.push(bytes));
    child.stdin.on('error', () => undefined);
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve(Buffer.concat(out)) : reject(new Error(`ffmpeg exited ${code}`)),
    );
    child.stdin.end(input);
  });
}
