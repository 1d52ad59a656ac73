/**
 * Stands in for ffmpeg-process.ts: encoders that do what the test says, when it says so.
 * It never starts a process and never ends one by itself, not even when killed: the test lets it exit.
 */
import type { EncoderRequest } from '../../src/transcode/ffmpeg-process.ts';
import type { EncodeProcess } from '../../src/transcode/model.ts';

export class ManualEncoder implements EncodeProcess {
  readonly request: EncoderRequest;
  readonly written: string[] = [];
  pid: number | undefined;
  /** False: its pipe is full. */
  takes = true;
  inputEnded = false;
  kills = 0;
  exited = false;

  constructor(request: EncoderRequest) {
    this.request = request;
  }

  /** Of the CMAF run that it posts to. */
  get runId(): string {
    return new URL(this.request.command.outputs[0]?.url ?? '').pathname.split('/')[1] ?? '';
  }

  /** All arguments, for a look at a filter. */
  get arguments(): string {
    const { inputs, filterGraph, outputs } = this.request.command;
    return [
      ...inputs.flatMap(({ options }) => options),
      filterGraph,
      ...outputs.flatMap(({ options }) => options),
    ].join(' ');
  }

  write(bytes: Buffer): boolean {
    this.written.push(bytes.length > 200 ? `${bytes.length} bytes` : bytes.toString());
    return this.takes;
  }

  end(): void {
    this.inputEnded = true;
  }

  kill(): void {
    this.kills += 1;
  }

  start(pid = 4000): void {
    this.pid = pid;
    this.request.listener.onStart(pid, 'ffmpeg');
  }

  drain(): void {
    this.takes = true;
    this.request.listener.onDrain();
  }

  exit(code: number | undefined, signal?: string, lastLines: readonly string[] = []): void {
    if (this.exited) return;
    this.exited = true;
    this.request.listener.onExit({ code, signal, lastLines });
  }
}

/** All that were started since the last `forgetEncoders`. */
export const encoders: ManualEncoder[] = [];

export function forgetEncoders(): void {
  encoders.length = 0;
}

export function startEncoder(request: EncoderRequest): ManualEncoder {
  const encoder = new ManualEncoder(request);
  encoders.push(encoder);
  return encoder;
}

export function redactCommandLine(commandLine: string): string {
  return commandLine;
}
