/**
 * One run of a worker's command over a feed in a file, as fast as it goes: its real arguments, posting to a sink on loopback.
 * It never keeps a process: when it resolves, ffmpeg and sink are gone.
 * Invariant: what is added to the command is `-benchmark` and the log level that says its result.
 */
import { createReadStream } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ServiceError } from '../../system/errors.ts';
import { workerCommand } from '../../transcode/arguments.ts';
import { startEncoder } from '../../transcode/ffmpeg-process.ts';
import type { EncodeCommand, EncodeExit, EncodeProcess, TranscodePlan } from '../../transcode/model.ts';
import type { TrialFeed } from './trial-feed.ts';

export interface TrialEncode {
  /** What each Track's POST was. */
  readonly bodies: ReadonlyMap<string, Buffer>;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
}

export interface TrialEncodeRequest {
  readonly ffmpegPath: string;
  readonly plan: TranscodePlan;
  readonly feed: TrialFeed;
  readonly withAudio: boolean;
  /** Of the feed, 0 to 1. */
  onProgress(share: number): void;
  readonly seconds: number;
}

/** Throws ENCODER_EXITED with ffmpeg's own words. */
export async function trialEncode(request: TrialEncodeRequest): Promise<TrialEncode> {
  const { plan, feed, withAudio } = request;
  const sink = await openSink();
  try {
    const command = measured(
      workerCommand({
        plan,
        urlOf: (track) => `${sink.url}/${track}`,
        headers: {},
        start: {
          trimMs: 0,
          audioOffsetSamples: 0,
          hasVideo: true,
          hasAudio: withAudio && feed.hasAudio,
          source: feed.source,
        },
      }),
    );
    const { exit, lines } = await runToEnd(request, command);
    await sink.settled();
    const said = lines
      .map((line) => /bench: utime=([\d.]+)s stime=([\d.]+)s rtime=([\d.]+)s/.exec(line))
      .find((match) => match !== null);
    if (exit.code !== 0 || said === undefined) {
      const last = exit.lastLines.at(-1) ?? `it ended with ${exit.signal ?? exit.code}`;
      throw new ServiceError('ENCODER_EXITED', `the encoder failed: ${last}`, {
        hint: 'pitchside doctor looks at ffmpeg; check FILE at the ladder.',
      });
    }
    const [, user, system, real] = said;
    return { bodies: sink.bodies, cpuSeconds: Number(user) + Number(system), wallSeconds: Number(real) };
  } finally {
    sink.close();
  }
}

function measured(command: EncodeCommand): EncodeCommand {
  const inputs = command.inputs.map(({ url, options }) => ({
    url,
    options: ['-benchmark', ...options.map((option) => (option === 'warning' ? 'info' : option))],
  }));
  return { ...command, inputs };
}

async function runToEnd(
  { ffmpegPath, feed, seconds, onProgress }: TrialEncodeRequest,
  command: EncodeCommand,
): Promise<{ readonly exit: EncodeExit; readonly lines: readonly string[] }> {
  const lines: string[] = [];
  let drained: () => void = () => undefined;
  let encode: EncodeProcess | undefined;
  const exited = new Promise<EncodeExit>((onExit) => {
    encode = startEncoder({
      ffmpegPath,
      command,
      listener: {
        onStart: () => undefined,
        onProgress: ({ outTimeMs }) => onProgress(Math.min(1, (outTimeMs ?? 0) / 1000 / seconds)),
        onLogLine: (line) => lines.push(line),
        onDrain: () => drained(),
        onExit(exit) {
          onExit(exit);
          drained();
        },
      },
    });
  });
  let isOver = false;
  void exited.then(() => {
    isOver = true;
  });
  for await (const bytes of createReadStream(feed.path)) {
    if (isOver) break;
    if (encode?.write(bytes as Buffer) === false)
      await new Promise<void>((resolve) => {
        drained = resolve;
      });
  }
  encode?.end();
  return { exit: await exited, lines };
}

interface Sink {
  readonly url: string;
  readonly bodies: ReadonlyMap<string, Buffer>;
  /** Resolves when every request that came has ended. */
  settled(): Promise<void>;
  close(): void;
}

async function openSink(): Promise<Sink> {
  const bodies = new Map<string, Buffer>();
  const reading = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    const read = new Promise<void>((resolve) => {
      request.on('data', (bytes: Buffer) => chunks.push(bytes));
      request.on('error', () => resolve());
      request.on('close', () => {
        bodies.set((request.url ?? '/').slice(1), Buffer.concat(chunks));
        response.end();
        resolve();
      });
    }).finally(() => reading.delete(read));
    reading.add(read);
  });
  server.requestTimeout = 0;
  await listening(server);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    bodies,
    async settled() {
      await Promise.all(reading);
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
}
