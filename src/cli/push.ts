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
import {
  type FileStreams,
  filePush,
  MATCH_PICTURE,
  type MatchPicture,
  matchPush,
  readFileStreams,
  shownUrl,
} from './push-command.ts';
import type { Doors } from './service-door.ts';
import { stopSignal } from './stop.ts';

const LINE_EVERY_MS = 5000;

const SHAPE: CommandShape = {
  name: 'push',
  summary: 'push a file, or a generated match, to an RTMP address',
  operands: '[FILE] URL',
  maxOperands: 2,
  about: [
    'Pushes FILE in a loop at its own rate, or without FILE a generated match in real time, and says what is sent. H.264 and AAC are copied, everything else is encoded. A connection that breaks after it was taken is made again. URL is rtmp://HOST/live/STREAM_KEY, or the server alone with --key.',
  ],
  flags: [
    { name: 'key', value: 'STREAM_KEY', help: 'stream key, when URL is the server alone (CHANNEL?key=SECRET)' },
    { name: 'size', value: 'WxH', help: `picture of the generated match (${MATCH_PICTURE.size})` },
    {
      name: 'fps',
      value: 'RATE',
      help: `its frame rate: 24, 25, 30, 50, 60, 23.976, 29.97 or 59.94 (${MATCH_PICTURE.fps})`,
    },
    { name: 'once', help: 'end when the connection ends' },
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

/** What has been sent, on one line: `12 s sent, 2.86 Mbit/s, 30 fps, 1 reconnect`. */
export function progressLine({ outTimeMs, bitrateBps, frame, fps, speed }: EncodeProgress, reconnects = 0): string {
  return [
    outTimeMs === undefined ? `${frame} frames sent` : `${(outTimeMs / 1000).toFixed(0)} s sent`,
    ...(bitrateBps === undefined ? [] : [`${(bitrateBps / 1e6).toFixed(2)} Mbit/s`]),
    `${fps} fps`,
    ...(speed === undefined ? [] : [`speed ${speed.toFixed(2)}`]),
    ...(reconnects === 0 ? [] : [reconnects === 1 ? '1 reconnect' : `${reconnects} reconnects`]),
  ].join(', ');
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

/** What was taken for so long before it broke is worth another try; a refusal comes at once. */
const WORTH_RETRYING_MS = 3000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 10_000;

interface PushRun {
  readonly doors: Doors;
  readonly io: CommandIo;
  readonly ffmpegPath: string;
  readonly command: EncodeCommand;
  readonly picture: MatchPicture | undefined;
  readonly stopped: Promise<undefined>;
}

/** One connection from begin to end; `why` is undefined after a stop. */
async function pushOnce(
  { doors, io, ffmpegPath, command, picture, stopped }: PushRun,
  reconnects: number,
): Promise<{ readonly why: string | undefined; readonly sentMs: number }> {
  let nextLineUs = 0;
  let sentMs = 0;
  const publisher = startPublisher({
    command,
    clock: doors.clock,
    startEncode: (encode, listener) => doors.startEncode(ffmpegPath, encode, listener),
    startFeed: picture === undefined ? undefined : () => startMatchFeed(picture),
    onProgress(progress) {
      sentMs = progress.outTimeMs ?? sentMs;
      const line = progressLine(progress, reconnects);
      if (io.progress(line)) return;
      const now = doors.clock.monotonicUs();
      if (now < nextLineUs) return;
      nextLineUs = now + LINE_EVERY_MS * 1000;
      io.out(line);
    },
  });
  const why = await Promise.race([publisher.ended, stopped]);
  await publisher.stop();
  io.progress(undefined);
  return { why, sentMs };
}

async function run(doors: Doors, args: Arguments, io: CommandIo): Promise<number> {
  const target = pushTarget(args);
  const picture = matchPicture(args, SHAPE.name);
  const stopped = stopSignal(io).then(() => undefined);
  const ffmpegPath = await doors.locateFfmpeg(args.text('ffmpeg'), io.env);
  const command = await commandFor(target, ffmpegPath, io);
  const of = { doors, io, ffmpegPath, command, stopped };
  const push: PushRun = { ...of, picture: target.file === undefined ? picture : undefined };
  io.out(`Pushing ${target.file ?? 'the generated match'} to ${shownUrl(target.url)} (Ctrl-C ends it)`);
  let pauseMs = FIRST_PAUSE_MS;
  for (let reconnects = 0, wasUp = false; ; reconnects++) {
    const { why, sentMs } = await pushOnce(push, reconnects);
    if (why === undefined) return 0;
    const isUp = sentMs >= WORTH_RETRYING_MS;
    if (args.on('once') || !(isUp || wasUp)) {
      throw new ServiceError('ENCODER_EXITED', `the push ended: ${why}`, {
        hint: 'Check address and stream key, and whether somebody else publishes.',
      });
    }
    pauseMs = isUp ? FIRST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
    wasUp = true;
    io.out(`The push ended (${why}); again in ${pauseMs / 1000} s.`);
    const isStopped = await Promise.race([stopped.then(() => true), pause(doors, pauseMs)]);
    if (isStopped) return 0;
  }
}

/** The Clock's timers do not keep a process alive. */
async function pause({ clock }: Doors, ms: number): Promise<false> {
  const alive = setInterval(() => undefined, 2 ** 30);
  try {
    return await new Promise<false>((resolve) => clock.after(ms, () => resolve(false)));
  } finally {
    clearInterval(alive);
  }
}

export function pushCommand(doors: Doors): Command {
  return { ...SHAPE, run: (args, io) => run(doors, args, io) };
}
