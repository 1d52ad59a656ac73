/**
 * The doors that commands go through, as types: what a command needs and what a test can stand in for.
 * It never imports a room at run time, so that `--help` and `--version` load nothing.
 */
import type { CheckOptions, CheckResult } from '../check/check-stream.ts';
import type { FileReport } from '../config/check-file.ts';
import type { Settings } from '../config/model.ts';
import type { SettingsReading } from '../config/settings.ts';
import type { LadderLookup } from '../config/shipped-ladders.ts';
import type { OriginListener } from '../origin/listener.ts';
import type { LadderTrial } from '../plan/ladder-trial.ts';
import type { RunningService, ServiceOptions } from '../service.ts';
import type { SwarmReport } from '../swarm/report.ts';
import type { SwarmOptions } from '../swarm/run-swarm.ts';
import type { Clock } from '../system/clock.ts';
import type { Logger, LogLevel } from '../system/log.ts';
import type { EncodeCommand, EncodeProcess, EncodeProcessListener } from '../transcode/model.ts';
import type { MachineFacts, MachineRequest } from './doctor/machine-facts.ts';
import type { CalibrateRequest, LadderTrialRequest } from './trial/run-trial.ts';

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

export interface Doors {
  readonly clock: Clock;
  openLog(level: LogLevel): Logger;
  /** Settings with a key for every channel that can get one. */
  loadSettings(request: SettingsRequest): Promise<Settings>;
  /** Opens the origin's port and begins to load the service; undefined: the service is to open it. */
  listenEarly(settings: Settings, env: SettingsRequest['env']): Promise<OriginListener | undefined>;
  startService(options: ServiceOptions): Promise<RunningService>;
  /** The ffmpeg to use; throws FFMPEG_MISSING, FFMPEG_TOO_OLD, FFMPEG_NO_ENCODER. */
  locateFfmpeg(setting: string | undefined, env: Readonly<Record<string, string | undefined>>): Promise<string>;
  /** The same, installing what is missing; says what it does before it does it. Throws PROVISION_FAILED. */
  provisionFfmpeg(request: ProvisionRequest): Promise<string>;
  startEncode(ffmpegPath: string, command: EncodeCommand, listener: EncodeProcessListener): EncodeProcess;
  /** Throws HTTP_NOT_FOUND when there is nothing to read. */
  checkStream(options: CheckOptions): Promise<CheckResult>;
  /** Throws HTTP_NOT_FOUND when there is nothing to watch. */
  runSwarm(options: SwarmOptions): Promise<SwarmReport>;
  /** Problems of a ladder or settings file; undefined when there is no such file. */
  checkFile(path: string, request: Omit<SettingsRequest, 'flags' | 'note'>): Promise<FileReport | undefined>;
  /** Settings as they are: nothing is made, no key, no folder. */
  readSettings(request: Omit<SettingsRequest, 'note'>): Promise<SettingsReading>;
  /** A shipped ladder by name, or one by its path. */
  findLadder(reference: string, workingDirectory: string): Promise<LadderLookup>;
  /** Cores for each ladder. Throws ENCODER_EXITED. */
  calibrate(request: CalibrateRequest): Promise<readonly (number | undefined)[]>;
  /** Throws LADDER_INVALID, ENCODER_EXITED, USAGE. */
  tryLadder(request: LadderTrialRequest): Promise<LadderTrial>;
  examineMachine(request: MachineRequest): Promise<MachineFacts>;
}
