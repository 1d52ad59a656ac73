/**
 * One ffmpeg that pushes over RTMP, fed by the generated match or reading a file by itself.
 * It never restarts: its owner decides. Invariant: `ended` resolves once, and then neither ffmpeg nor feed is left.
 */
import type { Clock } from '../system/clock.ts';
import type {
  EncodeCommand,
  EncodeExit,
  EncodeProcess,
  EncodeProcessListener,
  EncodeProgress,
} from '../transcode/model.ts';
import type { MatchFeed } from './match-feed.ts';

export interface PublisherOptions {
  readonly command: EncodeCommand;
  readonly clock: Clock;
  startEncode(command: EncodeCommand, listener: EncodeProcessListener): EncodeProcess;
  /** Pictures for `pipe:0`; undefined when the command reads files alone. */
  readonly startFeed: (() => MatchFeed) | undefined;
  onProgress(progress: EncodeProgress): void;
}

export interface Publisher {
  /** Why it ended, in words. */
  readonly ended: Promise<string>;
  /** End of stdin where there is one, else SIGKILL; SIGKILL in any case after a second. */
  stop(): Promise<void>;
}

const END_LIMIT_MS = 1000;

/** ffmpeg names its output by the whole address, of which the path has the stream key: also in the server field, also bare. */
function withoutKeys(line: string): string {
  return line.replace(/(rtmps?:\/\/[^\s/]+\/)\S*?(?=:?\s|$)/g, '$1…');
}

/** The line of ffmpeg that says most: what the server said, else its last one that is no progress. It never has a stream key. */
export function exitReason({ code, signal, lastLines }: EncodeExit): string {
  const said = lastLines
    .map((text) => /Server error: (.+?)\.?\s*$/.exec(text)?.[1])
    .findLast((text) => text !== undefined);
  const last = lastLines.findLast((text) => text.trim() !== '' && !/^(frame|size)=/.test(text.trim()));
  const line = said === undefined ? last : `the server says: ${said}`;
  const how = signal === undefined ? `exit code ${code ?? '?'}` : signal;
  return line === undefined ? how : `${withoutKeys(line.trim())} (${how})`;
}

/** Pictures into ffmpeg, no faster than it takes them. */
function pump(feed: MatchFeed, encode: EncodeProcess): void {
  feed.pictures.on('data', (bytes: Buffer) => {
    if (!encode.write(bytes)) feed.pictures.pause();
  });
  feed.pictures.once('end', () => encode.end());
}

export function startPublisher(options: PublisherOptions): Publisher {
  const { command, clock, startFeed, onProgress } = options;
  let feed: MatchFeed | undefined;
  let stopping = false;
  let resolveEnded: (why: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => {
    resolveEnded = resolve;
  });
  const encode = options.startEncode(command, {
    onStart() {
      if (startFeed === undefined || stopping) return;
      feed = startFeed();
      pump(feed, encode);
    },
    onProgress,
    onLogLine: () => undefined,
    onDrain: () => feed?.pictures.resume(),
    onExit(exit) {
      feed?.kill();
      const left = feed === undefined ? Promise.resolve('') : feed.ended;
      void left.then(() => resolveEnded(exitReason(exit)));
    },
  });
  return {
    ended,
    async stop() {
      stopping = true;
      feed?.kill();
      if (startFeed === undefined) encode.kill();
      else encode.end();
      const cancel = clock.after(END_LIMIT_MS, () => encode.kill());
      await ended;
      cancel();
    },
  };
}
