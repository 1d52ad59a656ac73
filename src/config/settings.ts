/**
 * The settings of one start: defaults < settings file < PITCHSIDE_* < flags, all checked, with every problem at once.
 * It reads files and writes none; a channel without keys comes out with `keys: []` and stream-key.ts makes its key.
 * Invariant: a key or value that is not understood, or planned and not there yet, is a problem and never ignored.
 */
import { homedir } from 'node:os';
import { dirname, isAbsolute, resolve } from 'node:path';
import { channelProblems, portProblems, sourceProblems } from './channel-problems.ts';
import type { ChannelSettings, HttpSettings, Listen, Settings } from './model.ts';
import { settingsNotYet } from './not-yet.ts';
import { commonCode, formatProblems, type Problem, type ProblemCode } from './problem.ts';
import { type Override, type Overrides, readOverrides, type SettingsFlags } from './settings-overrides.ts';
import {
  type ChannelFile,
  CMAF_PORT,
  EDGE_SECRET_HEADER,
  type SettingsFile,
  settingsFileSchema,
} from './settings-schema.ts';
import { checkShape } from './shape.ts';
import { findLadder, shownPath } from './shipped-ladders.ts';
import { pictureFault } from './slate-file.ts';
import { readTextFile } from './text-file.ts';
import { type Environment, replaceVariables } from './variables.ts';
import { defaultWindowBytes, defaultWindowMs, windowProblems } from './window-settings.ts';
import { readYaml, type YamlSource } from './yaml-source.ts';

const MAX_SETTINGS_BYTES = 1_000_000;
const DEFAULT_CHANNEL = 'match';
const DEFAULT_LADDER = 'two-core';

export interface SettingsInput {
  /** Values of SETTINGS_FLAGS. */
  readonly flags: SettingsFlags;
  readonly env: Environment;
  readonly cwd: string;
  /** Wins over `--config` and PITCHSIDE_CONFIG. */
  readonly configFile?: string;
}

export type SettingsReading =
  | {
      readonly kind: 'ok';
      readonly settings: Settings;
      /** What was taken otherwise than written, one line each. */
      readonly notes: readonly string[];
    }
  | {
      readonly kind: 'bad';
      /** CONFIG_NOT_YET, LADDER_UNKNOWN, ... where all problems are of that kind, else CONFIG_INVALID. */
      readonly code: ProblemCode;
      readonly problems: readonly string[];
    };

interface FileReading {
  /** undefined: there is no file, or its shape is wrong. */
  readonly file: SettingsFile | undefined;
  readonly source: YamlSource | undefined;
  readonly problems: readonly Problem[];
}

interface Layers {
  readonly file: SettingsFile;
  readonly source: YamlSource | undefined;
  /** Paths in the file are relative to it. */
  readonly fileDirectory: string;
  readonly overrides: Overrides;
  readonly cwd: string;
  readonly env: Environment;
}

export async function loadSettings({ flags, env, cwd, configFile }: SettingsInput): Promise<SettingsReading> {
  const overrides = readOverrides(flags, env);
  const named = configFile ?? overrides.values.get('config')?.text;
  const path = named === undefined ? undefined : resolve(cwd, named);
  const { file, source, problems } =
    path === undefined
      ? { file: settingsFileSchema.parse({}), source: undefined, problems: [] }
      : await readSettingsFile(path, shownPath(path, cwd), env);
  const early = [...overrides.problems, ...problems];
  if (file === undefined) return bad(early, []);
  const layers = { file, source, fileDirectory: path === undefined ? cwd : dirname(path), overrides, cwd, env };
  const listens = listensOf(layers);
  const rtmps = rtmpsOf(layers);
  const cmaf = cmafOf(layers);
  const found = await channelsOf(layers);
  const wrong = [
    ...early,
    ...portProblems({ ...listens, ...(rtmps === undefined ? {} : { rtmps }), ...(cmaf === undefined ? {} : { cmaf }) }),
    ...channelProblems(found.channels, source, overrides.streamKey),
    ...sourceProblems(found.channels, source, cmaf !== undefined),
    ...windowProblems(found.channels, source, dataDirectoryOf(layers) !== undefined),
    ...found.problems,
  ];
  if (wrong.length > 0 || found.ladderLines.length > 0) return bad(wrong, found.ladderLines);
  const level = overrides.values.get('log-level')?.text;
  const ffmpeg = overrides.values.get('ffmpeg');
  const settings: Settings = {
    ...listens,
    rtmps,
    cmaf,
    dataDirectory: dataDirectoryOf(layers),
    ffmpegPath: ffmpeg === undefined ? resolved(layers.fileDirectory, file.ffmpeg) : resolve(cwd, ffmpeg.text),
    logLevel: LOG_LEVELS.find((known) => known === level) ?? file.logLevel,
    webhooks: file.webhooks.map(({ url, events, secret }) => ({ url, events, secret })),
    channels: found.channels,
  };
  return { kind: 'ok', settings, notes: found.notes };
}

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

function bad(problems: readonly Problem[], ladderLines: readonly string[]): SettingsReading {
  const code =
    problems.length === 0 ? 'LADDER_INVALID' : ladderLines.length > 0 ? 'CONFIG_INVALID' : commonCode(problems);
  return { kind: 'bad', code, problems: [...formatProblems(problems), ...ladderLines] };
}

async function readSettingsFile(path: string, shownAs: string, env: Environment): Promise<FileReading> {
  const fail = (problems: readonly Problem[]): FileReading => ({ file: undefined, source: undefined, problems });
  const text = await readTextFile(path, MAX_SETTINGS_BYTES);
  if (text.kind !== 'ok')
    return fail([
      { code: 'CONFIG_UNREADABLE', source: shownAs, place: undefined, path: '', text: `the settings: ${text.reason}` },
    ]);
  const reading = readYaml(text.text, shownAs, {
    code: 'CONFIG_INVALID',
    maxBytes: MAX_SETTINGS_BYTES,
    example: '`channels:` and one channel',
  });
  if (reading.kind === 'bad') return fail(reading.problems);
  const { source } = reading;
  const { value, problems } = replaceVariables(source, env);
  const shape = checkShape(settingsFileSchema, source, value, { notYet: settingsNotYet, secret: isSecretPath });
  if (shape.kind === 'bad') {
    // An unset variable and the value that does not fit because of it are one mistake.
    const places = new Set(problems.map(({ path: named }) => named));
    return fail([...problems, ...shape.problems.filter((problem) => !places.has(problem.path))]);
  }
  return problems.length > 0 ? fail(problems) : { file: shape.value, source, problems };
}

/** Everything under `keys` and `lock`, the token, and what is said of webhooks, whose URLs are secrets too; also where somebody wrote the secret itself in its place. */
function isSecretPath(path: readonly PropertyKey[]): boolean {
  if (path[0] === 'http' && path[1] === 'lock') return path[2] !== 'addresses' && path[2] !== 'header';
  if (path[0] === 'control') return path[1] === 'token';
  if (path[0] === 'webhooks') return path[2] === 'secret' || path[2] === 'url';
  return path[0] === 'channels' && path[2] === 'keys';
}

function listensOf(layers: Layers): Pick<Settings, 'http' | 'rtmp' | 'control'> {
  const { file, overrides } = layers;
  const listen = (written: Listen, prefix: '' | 'rtmp-' | 'control-'): Listen => {
    const port = overrides.values.get(`${prefix}port`)?.text;
    return {
      host: overrides.values.get(`${prefix}host`)?.text ?? written.host,
      port: port === undefined ? written.port : Number(port),
    };
  };
  const rtmp = { ...listen(file.rtmp, 'rtmp-'), limits: file.rtmp.limits };
  const http = { ...listen(file.http, ''), ...guardsOf(layers) };
  const token = overrides.controlToken ?? file.control.token;
  return { http, rtmp, control: { ...listen(file.control, 'control-'), token } };
}

/** Who may ask, whose word counts, what is written down, what it may cost. */
function guardsOf({ file, fileDirectory, overrides, cwd }: Layers): Omit<HttpSettings, keyof Listen> {
  const { lock, proxies, limits, accessLog: written } = file.http;
  const { edgeSecrets } = overrides;
  const fromVariable = edgeSecrets.length === 0 ? {} : { secrets: edgeSecrets };
  const override = overrides.values.get('access-log')?.text;
  const target = override ?? written;
  const isFile = target !== 'none' && target !== 'stdout';
  return {
    lock:
      lock === undefined && edgeSecrets.length === 0
        ? undefined
        : { header: EDGE_SECRET_HEADER, secrets: [], addresses: [], ...lock, ...fromVariable },
    proxies: proxies && { addresses: proxies.addresses, field: PROXY_FIELDS[proxies.field] },
    accessLog: isFile ? resolve(override === undefined ? fileDirectory : cwd, target) : ACCESS_LOG_WORDS[target],
    limits,
  };
}

const PROXY_FIELDS = { 'X-Forwarded-For': 'x-forwarded-for', Forwarded: 'forwarded' } as const;
const ACCESS_LOG_WORDS = { none: undefined, stdout: 'stdout' } as const;

function rtmpsOf({ file, fileDirectory }: Layers): Settings['rtmps'] {
  if (file.rtmps === undefined) return undefined;
  const { host, port, certificate, key } = file.rtmps;
  return { host, port, certificatePath: resolve(fileDirectory, certificate), keyPath: resolve(fileDirectory, key) };
}

/** Off unless the settings file, a variable or a flag names it. */
function cmafOf({ file, overrides }: Layers): Listen | undefined {
  const [host, port] = [overrides.values.get('cmaf-host')?.text, overrides.values.get('cmaf-port')?.text];
  if (file.cmaf === undefined && host === undefined && port === undefined) return undefined;
  const written = file.cmaf ?? { host: '127.0.0.1', port: CMAF_PORT };
  return { host: host ?? written.host, port: port === undefined ? written.port : Number(port) };
}

function dataDirectoryOf({ file, fileDirectory, overrides, cwd, env }: Layers): string | undefined {
  const override = overrides.values.get('data')?.text;
  const written = override ?? file.data;
  if (written === undefined) return defaultDataDirectory(env);
  return written === 'none' ? undefined : resolve(override === undefined ? fileDirectory : cwd, written);
}

/** XDG Base Directory 0.8: all paths must be absolute; a relative one is invalid and ignored. */
function defaultDataDirectory(env: Environment): string {
  const { XDG_STATE_HOME: state, HOME: home } = env;
  if (state !== undefined && isAbsolute(state)) return resolve(state, 'pitchside');
  return resolve(home !== undefined && isAbsolute(home) ? home : homedir(), '.local/state/pitchside');
}

function resolved(base: string, path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(base, path);
}

interface FoundChannels {
  readonly channels: readonly ChannelSettings[];
  readonly problems: readonly Problem[];
  /** Problems inside ladder files: formatted by the file they are in. */
  readonly ladderLines: readonly string[];
  readonly notes: readonly string[];
}

async function channelsOf(layers: Layers): Promise<FoundChannels> {
  const { file, overrides } = layers;
  const written = Object.entries(file.channels ?? { [DEFAULT_CHANNEL]: DEFAULT_CHANNEL_FILE });
  const withoutKeys = written.filter(([, { keys }]) => Object.keys(keys ?? {}).length === 0);
  const ladder = overrides.values.get('ladder');
  const channels: ChannelSettings[] = [];
  const problems: Problem[] = [];
  const ladderLines: string[] = [];
  const notes = new Set<string>();
  if (written.length > 1 && ladder !== undefined)
    problems.push(
      outsideProblem(ladder.source, 'there are several channels; name the ladder of each in the settings file'),
    );
  for (const [id, channel] of written) {
    const found = await ladderOf(layers, id, channel, written.length > 1 ? undefined : ladder);
    const slatePath = resolved(layers.fileDirectory, channel.slate);
    const fault = slatePath === undefined ? undefined : await pictureFault(slatePath);
    if (fault !== undefined)
      problems.push(layers.source?.problem(['channels', id, 'slate'], fault) ?? outsideProblem('slate', fault));
    if (found.kind === 'unknown') problems.push(found.problem);
    else if (found.kind === 'bad') ladderLines.push(...found.problems.filter((line) => !ladderLines.includes(line)));
    else {
      for (const note of found.notes) notes.add(note);
      const isDefault = withoutKeys.length === 1 && withoutKeys[0]?.[0] === id;
      channels.push(
        channelOf(id, channel, found, slatePath, {
          streamKey: isDefault ? overrides.streamKey : undefined,
          hasDisk: dataDirectoryOf(layers) !== undefined,
        }),
      );
    }
  }
  return { channels, problems, ladderLines, notes: [...notes] };
}

const DEFAULT_CHANNEL_FILE: ChannelFile = {
  source: 'rtmp',
  latency: 'normal',
  whenAbsent: 'slate',
  takeover: 'refuse',
  reconnectGrace: 2000,
  absentTimeout: 'never',
};

type FoundLadder =
  | Extract<Awaited<ReturnType<typeof findLadder>>, { kind: 'ok' | 'bad' }>
  | { readonly kind: 'unknown'; readonly problem: Problem };

async function ladderOf(
  { source, fileDirectory, cwd }: Layers,
  id: string,
  channel: ChannelFile,
  override: Override | undefined,
): Promise<FoundLadder> {
  const found = await findLadder(
    override?.text ?? channel.ladder ?? DEFAULT_LADDER,
    override === undefined ? fileDirectory : cwd,
    cwd,
  );
  if (found.kind !== 'unknown') return found;
  const { code, text } = found;
  if (override !== undefined || source === undefined)
    return { kind: 'unknown', problem: { ...outsideProblem(override?.source ?? 'ladder', text), code } };
  return { kind: 'unknown', problem: source.problem(['channels', id, 'ladder'], text, { code }) };
}

function outsideProblem(source: string, text: string): Problem {
  return { code: 'CONFIG_INVALID', source, place: undefined, path: '', text };
}

function channelOf(
  id: string,
  { keys, source, latency, window, windowSize, whenAbsent, takeover, reconnectGrace, absentTimeout }: ChannelFile,
  { path, ladder }: Extract<FoundLadder, { kind: 'ok' }>,
  slatePath: string | undefined,
  { streamKey, hasDisk }: { readonly streamKey: string | undefined; readonly hasDisk: boolean },
): ChannelSettings {
  const windowMs = window ?? defaultWindowMs(hasDisk);
  const written = Object.entries(keys ?? {}).map(([name, secret]) => ({ name, secret }));
  return {
    id,
    ladderPath: path,
    ladder,
    keys: written.length === 0 && streamKey !== undefined ? [{ name: 'primary', secret: streamKey }] : written,
    source,
    latency,
    windowMs,
    windowBytes: windowSize ?? defaultWindowBytes(ladder, windowMs),
    whenAbsent,
    slatePath,
    takeover,
    reconnectGraceMs: reconnectGrace,
    absentTimeoutMs: absentTimeout === 'never' ? undefined : absentTimeout,
  };
}
