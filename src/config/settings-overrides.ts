/**
 * Flags and `PITCHSIDE_*` variables: one table of both, which --help and the README are made from too.
 * A flag wins over its variable. An empty variable counts as not set, as compose files write it.
 */
import type { z } from 'zod';
import type { Problem } from './problem.ts';
import {
  accessLogSchema,
  hostSchema,
  ladderReferenceSchema,
  logLevelSchema,
  pathSchema,
  portSchema,
  secretSchema,
  tokenSchema,
} from './settings-schema.ts';
import { wrongTextOf } from './shape.ts';
import type { Environment } from './variables.ts';

/** What node:util's parseArgs gives for the flags of SETTINGS_FLAGS, without the dashes. */
export type SettingsFlags = Readonly<Record<string, string | boolean | undefined>>;

export interface SettingsFlag {
  readonly flag: string;
  readonly variable: string;
  readonly value: string;
  readonly help: string;
  readonly schema: z.ZodType;
}

export const SETTINGS_FLAGS = [
  entry('config', 'FILE', 'settings file (YAML)', pathSchema),
  entry('host', 'ADDRESS', 'where the origin listens (0.0.0.0)', hostSchema),
  entry('port', 'PORT', 'port of the origin (8080); 0 picks a free one', portSchema),
  entry('rtmp-host', 'ADDRESS', 'where RTMP listens (0.0.0.0)', hostSchema),
  entry('rtmp-port', 'PORT', 'port of RTMP (1935); 0 picks a free one', portSchema),
  entry('cmaf-host', 'ADDRESS', 'where CMAF ingest listens (127.0.0.1)', hostSchema),
  entry('cmaf-port', 'PORT', 'port of CMAF ingest (off); 0 picks a free one', portSchema),
  entry('control-host', 'ADDRESS', 'where health, metrics and console listen (127.0.0.1)', hostSchema),
  entry('control-port', 'PORT', 'port of health, metrics and console (8081); 0 picks a free one', portSchema),
  entry('ladder', 'LADDER', 'ladder by name or path (two-core)', ladderReferenceSchema),
  entry('data', 'FOLDER', 'data folder, or none to keep nothing', pathSchema),
  entry('ffmpeg', 'PATH', 'the ffmpeg program to use', pathSchema),
  entry('access-log', 'FILE', 'a line for each request: a file, stdout or none (none)', accessLogSchema),
  entry('log-level', 'LEVEL', 'debug, info, warn, error or silent (info)', logLevelSchema),
] as const satisfies readonly SettingsFlag[];

/** No flag: a secret on the command line is seen by every user of the machine. */
export const STREAM_KEY_VARIABLE = 'PITCHSIDE_STREAM_KEY';

/** No flag, as above. Two with a comma between while one is changed for the other. */
export const EDGE_SECRET_VARIABLE = 'PITCHSIDE_EDGE_SECRET';

/** No flag, as above. */
export const CONTROL_TOKEN_VARIABLE = 'PITCHSIDE_CONTROL_TOKEN';

export interface Override {
  readonly text: string;
  /** `--port` or `PITCHSIDE_PORT`. */
  readonly source: string;
}

export interface Overrides {
  readonly values: ReadonlyMap<string, Override>;
  readonly streamKey: string | undefined;
  readonly controlToken: string | undefined;
  /** Empty: not given. */
  readonly edgeSecrets: readonly string[];
  readonly problems: readonly Problem[];
}

export function readOverrides(flags: SettingsFlags, environment: Environment): Overrides {
  const values = new Map<string, Override>();
  const problems: Problem[] = [];
  const wrong = (source: string, text: string) =>
    problems.push({ code: 'CONFIG_INVALID', source, place: undefined, path: '', text });
  for (const { flag, variable, value, schema } of SETTINGS_FLAGS) {
    const given = flags[flag];
    if (typeof given === 'boolean') {
      if (given) wrong(`--${flag}`, `has no value; write --${flag} ${value}`);
      continue;
    }
    const written = given ?? environment[variable];
    if (written === undefined || (given === undefined && written === '')) continue;
    const source = given === undefined ? variable : `--${flag}`;
    const fault = wrongTextOf(schema, written);
    if (fault === undefined) values.set(flag, { text: written, source });
    else wrong(source, fault);
  }
  const streamKey = environment[STREAM_KEY_VARIABLE] || undefined;
  // The value of a secret is never part of a text.
  if (streamKey !== undefined && !secretSchema.safeParse(streamKey).success)
    wrong(STREAM_KEY_VARIABLE, `the secret does not fit; expected ${secretSchema.meta()?.title}`);
  const controlToken = environment[CONTROL_TOKEN_VARIABLE] || undefined;
  if (controlToken !== undefined && !tokenSchema.safeParse(controlToken).success)
    wrong(CONTROL_TOKEN_VARIABLE, `the token does not fit; expected ${tokenSchema.meta()?.title}`);
  const edgeSecrets = environment[EDGE_SECRET_VARIABLE]?.split(',').filter((secret) => secret !== '') ?? [];
  if (edgeSecrets.length > 2 || edgeSecrets.some((secret) => !secretSchema.safeParse(secret).success))
    wrong(EDGE_SECRET_VARIABLE, `does not fit; expected one or two of ${secretSchema.meta()?.title}, a comma between`);
  return { values, streamKey, controlToken, edgeSecrets, problems };
}

function entry<F extends string>(flag: F, value: string, help: string, schema: z.ZodType) {
  return { flag, variable: `PITCHSIDE_${flag.toUpperCase().replaceAll('-', '_')}`, value, help, schema };
}
