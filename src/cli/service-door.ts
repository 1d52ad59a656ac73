/**
 * The doors that commands go through, as types: what a command needs and what a test can stand in for.
 * It never imports a room at run time, so that `--help` and `--version` load nothing.
 */
import type { ChannelDirectory } from '../channel/view.ts';
import type { Finding } from '../check/model.ts';
import type { Settings } from '../config/model.ts';
import type { Clock } from '../system/clock.ts';
import type { Logger, LogLevel } from '../system/log.ts';
import type { EncodeCommand, EncodeProcess, EncodeProcessListener } from '../transcode/model.ts';
import type { Ports } from './announcement.ts';

export interface ServiceOptions {
  readonly settings: Settings;
  readonly ffmpegPath: string;
  readonly log: Logger;
  readonly clock: Clock;
}

export interface RunningService {
  readonly ports: Ports;
  readonly directory: ChannelDirectory;
  stop(): Promise<void>;
}

/** Values of flags and of the environment, not yet checked. */
export interface SettingsRequest {
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  /** Takes a line about a setting that was taken otherwise than written. */
  note(line: string): void;
}

export interface ProvisionRequest {
  readonly setting: string | undefined;
  /** False only looks. */
  readonly install: boolean;
  /** Stops what is being installed. */
  readonly signal: AbortSignal;
  say(line: string): void;
}

export interface CheckRequest {
  readonly url: string;
  readonly seconds: number;
  /** Ends the reading early; what was found until then is the answer. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

export interface Doors {
  readonly clock: Clock;
  openLog(level: LogLevel): Logger;
  /** Settings with a key for every channel that can get one. */
  loadSettings(request: SettingsRequest): Promise<Settings>;
  startService(options: ServiceOptions): Promise<RunningService>;
  /** The ffmpeg to use; throws FFMPEG_MISSING, FFMPEG_TOO_OLD, FFMPEG_NO_ENCODER. */
  locateFfmpeg(setting: string | undefined, env: Readonly<Record<string, string | undefined>>): Promise<string>;
  /** The same, installing what is missing; says what it does before it does it. Throws PROVISION_FAILED. */
  provisionFfmpeg(request: ProvisionRequest): Promise<string>;
  startEncode(ffmpegPath: string, command: EncodeCommand, listener: EncodeProcessListener): EncodeProcess;
  checkStream(request: CheckRequest): Promise<readonly Finding[]>;
}
