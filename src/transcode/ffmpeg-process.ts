/**
 * One ffmpeg process: runs an EncodeCommand, takes its input, reports what it says and how it ends.
 * The only owner of fluent-ffmpeg, and the place of its quirks. It never restarts anything.
 * Invariants: onExit comes exactly once; a kill before the start is a kill; nothing thrown by a dying pipe escapes.
 */
import type { ChildProcess } from 'node:child_process';
import Ffmpeg from 'fluent-ffmpeg';
import type { EncoderLog } from './encoder-log.ts';
import type { EncodeCommand, EncodeProcess, EncodeProcessListener } from './model.ts';
import { parseProgressLine } from './progress.ts';

export interface EncoderRequest {
  readonly ffmpegPath: string;
  readonly command: EncodeCommand;
  readonly listener: EncodeProcessListener;
  /** What it says, and its start and end, is noted there too. */
  readonly log?: EncoderLog;
  /** -20 (first) to 19 (last); 0 or undefined: as this process. */
  readonly niceness?: number;
}

const LAST_LINES = 100;
/** A caller that ignores back-pressure for this long has lost its process: 64 MB are 25 s at 20 Mbit/s. */
const INPUT_LIMIT_BYTES = 64 * 1024 * 1024;

interface LineRing {
  get(): string;
}
type EndCall = (error: unknown, stdout?: LineRing, stderr?: LineRing) => void;

/** The parts of a fluent-ffmpeg command that its types leave out. */
interface CommandInternals {
  ffmpegProc?: ChildProcess;
  _checkCapabilities(done: (error?: unknown) => void): void;
  _getFfmpegPath(done: (error: unknown, path: string) => void): void;
  availableEncoders(done: (error: unknown, encoders: object) => void): void;
  _spawnFfmpeg(args: string[], options: object, started: (...of: unknown[]) => void, ended: EndCall): void;
}

/** Starts the command. Failures to start, too, arrive as onExit (code undefined, the reason as the last line). */
export function startEncoder(request: EncoderRequest): EncodeProcess {
  const run = new EncoderRun(request.listener, request.log);
  run.start(request);
  return run;
}

/** The command line as a person may see it: the values of `-headers` hold the ingest secret and are left out. */
export function redactCommandLine(commandLine: string): string {
  return commandLine.replace(/(-headers )[\s\S]*?\r\n(?= )/g, '$1<hidden>');
}

/** The same of the arguments themselves. */
function redactArguments(args: readonly string[]): string[] {
  return args.map((arg, at) => (args[at - 1] === '-headers' ? '<hidden>' : arg));
}

class EncoderRun implements EncodeProcess {
  readonly #listener: EncodeProcessListener;
  readonly #log: EncoderLog | undefined;
  readonly #lastLines: string[] = [];
  #child: ChildProcess | undefined;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #killed = false;
  #inputEnded = false;
  #exited = false;
  #full = false;

  constructor(listener: EncodeProcessListener, log: EncoderLog | undefined) {
    this.#listener = listener;
    this.#log = log;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get argumentList(): readonly string[] | undefined {
    return this.#child && redactArguments(this.#child.spawnargs.slice(1));
  }

  start({ ffmpegPath, command, niceness }: EncoderRequest): void {
    const fluent = fluentCommand(ffmpegPath, command, niceness ?? 0);
    fluent.on('start', (line: string) => {
      const child = (fluent as unknown as CommandInternals).ffmpegProc;
      if (child !== undefined) this.#started(child, line);
    });
    fluent.on('stderr', (line: string) => this.#line(line));
    fluent.on('end', () => this.#finish(undefined));
    // Without this listener the library's 'error' would end the service.
    fluent.on('error', (error: Error) => this.#finish(error));
    try {
      fluent.run();
    } catch (error) {
      queueMicrotask(() => this.#finish(error));
    }
  }

  write(bytes: Buffer): boolean {
    if (this.#exited || this.#killed || this.#inputEnded) return true;
    const stdin = this.#child?.stdin;
    if (this.#pendingBytes + (stdin?.writableLength ?? 0) + bytes.length > INPUT_LIMIT_BYTES) {
      this.#remember(`input backlog above ${INPUT_LIMIT_BYTES} bytes: killed`);
      this.kill();
      return true;
    }
    if (stdin === undefined || stdin === null) {
      // Between run() and the spawn lie some turns of the loop.
      this.#pending.push(bytes);
      this.#pendingBytes += bytes.length;
      this.#full = true;
      return false;
    }
    if (!stdin.writable) return true;
    const flowing = stdin.write(bytes);
    if (!flowing) this.#full = true;
    return flowing;
  }

  end(): void {
    this.#inputEnded = true;
    this.#child?.stdin?.end();
  }

  kill(): void {
    this.#killed = true;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#child?.kill('SIGKILL');
  }

  #started(child: ChildProcess, line: string): void {
    this.#child = child;
    child.stdin?.on('error', (error: NodeJS.ErrnoException) => {
      // EPIPE and ECONNRESET are a process that ended: its exit and its own last words tell the story.
      if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') this.#remember(`stdin: ${error.message}`);
    });
    child.stdin?.on('drain', () => this.#drained());
    if (child.pid === undefined) return;
    // The library forgets a kill that comes before the spawn and leaves an orphan.
    if (this.#killed) {
      child.kill('SIGKILL');
      return;
    }
    this.#log?.add(`-- ffmpeg ${child.pid} started`);
    this.#listener.onStart(child.pid, redactCommandLine(line));
    this.#flushPending(child);
  }

  #flushPending(child: ChildProcess): void {
    if (this.#killed) return;
    let flowing = true;
    for (const bytes of this.#pending) flowing = child.stdin?.write(bytes) ?? true;
    this.#pending = [];
    this.#pendingBytes = 0;
    if (this.#inputEnded) child.stdin?.end();
    else if (flowing) this.#drained();
  }

  #drained(): void {
    if (!this.#full || this.#exited) return;
    this.#full = false;
    this.#listener.onDrain();
  }

  #line(line: string): void {
    if (this.#exited || line.trim() === '') return;
    const progress = parseProgressLine(line);
    if (progress !== undefined) {
      this.#listener.onProgress(progress);
      return;
    }
    this.#remember(line);
    this.#listener.onLogLine(line);
  }

  #remember(line: string): void {
    this.#log?.add(line);
    this.#lastLines.push(line);
    if (this.#lastLines.length > LAST_LINES) this.#lastLines.shift();
  }

  #finish(error: unknown): void {
    if (this.#exited) return;
    // Asked of the process itself: the library's message has them in words only.
    const code = this.#child?.exitCode ?? undefined;
    const signal = this.#child?.signalCode ?? undefined;
    // libuv's negative errno is the code of a process that never was.
    const ran = signal !== undefined || (code !== undefined && code >= 0);
    if (!ran && error !== undefined) {
      this.#remember(error instanceof Error ? error.message : String(error));
    }
    this.#exited = true;
    this.#pending = [];
    if (ran) this.#log?.add(`-- ffmpeg ${this.#child?.pid} ended, ${signal ?? `code ${code}`}`);
    this.#listener.onExit({ code: ran ? code : undefined, signal, lastLines: this.#lastLines });
  }
}

function fluentCommand(ffmpegPath: string, command: EncodeCommand, niceness: number): Ffmpeg.FfmpegCommand {
  const fluent = Ffmpeg({ niceness, stdoutLines: LAST_LINES });
  // Stdin is written by us: the library's stream input buffers without bound.
  for (const input of command.inputs) {
    fluent.input(input.url);
    addOptions(input.options, (...options) => fluent.inputOptions(...options));
  }
  if (command.filterGraph !== '') fluent.complexFilter(command.filterGraph);
  for (const output of command.outputs) {
    fluent.output(output.url);
    addOptions(output.options, (...options) => fluent.outputOptions(...options));
  }
  overrideInternals(fluent as unknown as CommandInternals, ffmpegPath);
  return fluent;
}

/** As arguments, not as a list: options of a list are split at a single blank (`X-Key: abc`). */
function addOptions(options: readonly string[], add: (...options: string[]) => unknown): void {
  if (options.length === 0) return;
  add(...options);
}

/**
 * No side processes (the library runs `-formats` and `-encoders` first and misreads ffmpeg 7's table), a path per command instead of one
 * per process, and failures to spawn as an 'error' event (the library calls back without the rings it then reads: a TypeError).
 */
function overrideInternals(internals: CommandInternals, ffmpegPath: string): void {
  const empty: LineRing = { get: () => '' };
  const spawn = internals._spawnFfmpeg.bind(internals);
  internals._checkCapabilities = (done) => done();
  internals.availableEncoders = (done) => done(null, {});
  internals._getFfmpegPath = (done) => done(null, ffmpegPath);
  internals._spawnFfmpeg = (args, options, started, ended) => {
    const safely: EndCall = (error, stdout = empty, stderr = empty) => ended(error, stdout, stderr);
    try {
      // A process group of its own: the terminal's Ctrl-C is for the service, which then ends its encoders in order.
      spawn(args, { ...options, detached: true }, started, safely);
    } catch (error) {
      safely(error);
    }
  };
}
