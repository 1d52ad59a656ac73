/**
 * `push`: a file, or the generated match, to an RTMP address until a signal or the other side ends it.
 * It never shows the stream key again that it was given.
 */
import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf, ServiceError } from '../system/errors.ts';
import type { EncodeCommand, EncodeProgress } from '../transcode/model.ts';
import { usageError } from './arguments.ts';
import type { Arguments, Command, CommandIo, CommandShape } from './command.ts';
import { matchSound, startMatchFeed } from './match-feed.ts';
import { matchPicture } from './match-picture.ts';
import { startPublisher } from './publisher.ts';
import { type FileStreams, filePush, MATCH_PICTURE, matchPush, readFileStreams, shownUrl } from './push-command.ts';
import type { Doors } from './service-door.ts';
import { stopSignal } from './stop.ts';

const LINE_EVERY_MS = 5000;

const SHAPE: CommandShape = {
  name: 'push',
  summary: 'push a file, or a generated match, to an RTMP address',
  operands: '[FILE] URL',
  maxOperands: 2,
  about: [
    'Pushes FILE in a loop at its own rate, or without FILE a generated match in real time. H.264 and AAC are copied, everything else is encoded. URL is rtmp://HOST/live/STREAM_KEY, or the server alone with --key.',
  ],
  flags: [
    { name: 'key', value: 'STREAM_KEY', help: 'stream key, when URL is the server alone (CHANNEL?key=SECRET)' },
    { name: 'size', value: 'WxH', help: `picture of the generated match (${MATCH_PICTURE.size})` },
    {
      name: 'fps',
      value: 'RATE',
      help: `its frame rate: 24, 25, 30, 50, 60, 23.976, 29.97 or 59.94 (${MATCH_PICTURE.fps})`,
    },
    {
      name: 'ffmpeg',
      value: 'PATH',
      help: 'the ffmpeg to use (FFMPEG_PATH, else ffmpeg-static, else the one on PATH)',
    },
  ],
  notes: ["Example: pitchside push match.mp4 'rtmp://localhost/live/match?key=SECRET'"],
};

export interface PushTarget {
  readonly file: string | undefined;
  readonly url: string;
}

/** Throws USAGE. */
export function pushTarget(args: Arguments): PushTarget {
  const { operands } = args;
  const server = operands.at(-1);
  if (server === undefined || !/^rtmps?:\/\/[^/]+\/./.test(server)) {
    throw usageError('the last argument has to be an address like rtmp://HOST/live/STREAM_KEY', SHAPE.name);
  }
  const key = args.text('key');
  const url = key === undefined ? server : `${server.replace(/\/+$/, '')}/${key}`;
  return { file: operands.length > 1 ? operands[0] : undefined, url };
}

export function progressLine(progress: EncodeProgress): string {
  const seconds = progress.outTimeMs === undefined ? '' : `${(progress.outTimeMs / 1000).toFixed(0)} s pushed, `;
  const speed = progress.speed === undefined ? '' : `, speed ${progress.speed.toFixed(2)}`;
  return `${seconds}${progress.frame} frames, ${progress.fps} fps${speed}`;
}

/** `ffmpeg -i FILE` without an output always fails; what it says about the streams is the answer. */
async function probeFile(ffmpegPath: string, file: string): Promise<FileStreams> {
  await access(file).catch((error: unknown) => {
    throw new ServiceError('USAGE', `the file cannot be read: ${messageOf(error)}`, { hint: 'Check its name.' });
  });
  const stderr = await new Promise<string>((answer) => {
    execFile(ffmpegPath, ['-hide_banner', '-nostdin', '-i', file], { timeout: 20_000 }, (_error, _stdout, text) =>
      answer(text),
    );
  });
  const streams = readFileStreams(stderr);
  if (streams.video !== undefined) return streams;
  throw new ServiceError('USAGE', `ffmpeg finds no picture in ${file}`, { hint: 'Push a file with a video stream.' });
}

async function commandFor(target: PushTarget, ffmpegPath: string, io: CommandIo): Promise<EncodeCommand> {
  if (target.file === undefined) return matchPush(target.url, await matchSound());
  const file = resolve(io.workingDirectory, target.file);
  return filePush(file, target.url, await probeFile(ffmpegPath, file));
}

async function run(doors: Doors, args: Arguments, io: CommandIo): Promise<number> {
  const target = pushTarget(args);
  const picture = matchPicture(args, SHAPE.name);
  const stopped = stopSignal(io).then(() => undefined);
  const ffmpegPath = await doors.locateFfmpeg(args.text('ffmpeg'), io.env);
  const command = await commandFor(target, ffmpegPath, io);
  let nextLineUs = 0;
  const publisher = startPublisher({
    command,
    clock: doors.clock,
    startEncode: (encode, listener) => doors.startEncode(ffmpegPath, encode, listener),
    startFeed: target.file === undefined ? () => startMatchFeed(picture) : undefined,
    onProgress(progress) {
      const now = doors.clock.monotonicUs();
      if (now < nextLineUs) return;
      nextLineUs = now + LINE_EVERY_MS * 1000;
      io.out(progressLine(progress));
    },
  });
  io.out(`Pushing ${target.file ?? 'the generated match'} to ${shownUrl(target.url)} (Ctrl-C ends it)`);
  const why = await Promise.race([publisher.ended, stopped]);
  await publisher.stop();
  if (why === undefined) return 0;
  throw new ServiceError('ENCODER_EXITED', `the push ended: ${why}`, {
    hint: 'Check address and stream key, and whether somebody else publishes.',
  });
}

export function pushCommand(doors: Doors): Command {
  return { ...SHAPE, run: (args, io) => run(doors, args, io) };
}
