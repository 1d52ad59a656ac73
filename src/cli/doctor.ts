/**
 * `doctor`: whether this machine can do what the settings ask, and what to do where it cannot.
 * It never changes anything: no key is made, no folder, no port kept. Exit code 1 when there is a problem.
 */
import type { ChannelSettings, Settings } from '../config/model.ts';
import { capacityOf } from '../plan/capacity.ts';
import { ServiceError } from '../system/errors.ts';
import type { Arguments, Command, CommandIo, Flag } from './command.ts';
import { type DoctorFinding, doctorFindings, type Need, problemsIn } from './doctor/doctor-findings.ts';
import type { MachineFacts, WantedPort } from './doctor/machine-facts.ts';
import { MATCH_PICTURE } from './push-command.ts';
import { settingFlags, settingValues } from './serve.ts';
import type { Doors } from './service-door.ts';

/** A feed of the commonest kind, as large as the machine may have to take. */
const FEED = { width: 1280, height: 720, frameRate: { num: 30, den: 1 } };
const ENCODE_SECONDS = 2;

const NO_ENCODE: Flag = { name: 'no-encode', help: 'do not measure the encoder (some seconds of all cores)' };
const JSON_FLAG: Flag = { name: 'json', help: 'findings as JSON instead of text' };

function portsOf({ http, rtmp, rtmps, cmaf, control }: Settings): readonly WantedPort[] {
  const listens = { http, rtmp, rtmps, cmaf, control };
  return Object.entries(listens).flatMap(([name, listen]) =>
    listen === undefined ? [] : [{ name, host: listen.host, port: listen.port }],
  );
}

/** What the channels' windows and media come to, by the arithmetic of `plan`. */
export function needOf(channels: readonly ChannelSettings[], cores: number | undefined, isOnDisk: boolean): Need {
  const capacities = channels.flatMap(({ ladder, latency, windowMs }) => {
    const audience = { viewers: 1, mix: { hls: 1, 'll-hls': 0, dash: 0, 'll-dash': 0 }, shields: 1, offload: 0 };
    const height = Math.max(FEED.height, ...ladder.video.map((rung) => rung.height ?? 0));
    const source = { ...FEED, width: Math.round((height * 8) / 9) * 2, height };
    const result = capacityOf({ ladder, latency, source, windowMs, ...audience, joinSeconds: 1 });
    return result.kind === 'ok' ? [{ ...result.capacity.windowBytes, ...result.capacity.residentBytes, windowMs }] : [];
  });
  return {
    isOnDisk,
    windowBytes: capacities.reduce((sum, { peak }) => sum + peak, 0),
    residentBytes: capacities.reduce((sum, { peak, usual, diskOut }) => sum + (isOnDisk ? usual + diskOut : peak), 0),
    // The window's bytes are those of its time and a minute.
    mediaBps: capacities.reduce((sum, { average, windowMs }) => sum + (average * 8000) / (windowMs + 60_000), 0),
    cores,
  };
}

/** Cores of all channels that are encoded here; undefined when it cannot be measured. */
async function coresOf(
  doors: Doors,
  facts: MachineFacts,
  channels: readonly ChannelSettings[],
  io: CommandIo,
): Promise<number | undefined> {
  if (facts.ffmpeg.kind !== 'found') return undefined;
  try {
    const encoded = channels.filter(({ source, ladder }) => source === 'rtmp' && ladder.video.length > 0);
    const cores = await doors.calibrate({
      ffmpegPath: facts.ffmpeg.path,
      ladders: encoded,
      latency: 'normal',
      clip: { kind: 'match', picture: MATCH_PICTURE },
      seconds: ENCODE_SECONDS,
      onProgress: (what, share) => void io.progress(`${what}, ${Math.round(share * 100)} %`),
    });
    return cores.reduce<number>((sum, one) => sum + (one ?? 0), 0);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    io.err(`${error.code}: ${error.message}`);
    return undefined;
  } finally {
    io.progress(undefined);
  }
}

async function run(doors: Doors, args: Arguments, io: CommandIo): Promise<number> {
  const flags = settingValues(args);
  const reading = await doors.readSettings({ flags, env: io.env, workingDirectory: io.workingDirectory });
  const settings = reading.kind === 'ok' ? reading.settings : undefined;
  const facts = await doors.examineMachine({
    clock: doors.clock,
    ffmpegSetting: settings?.ffmpegPath ?? args.text('ffmpeg'),
    env: io.env,
    ports: settings === undefined ? [] : portsOf(settings),
    dataDirectory: settings?.dataDirectory,
  });
  const channels = settings?.channels ?? [];
  const cores = args.on('no-encode') ? undefined : await coresOf(doors, facts, channels, io);
  const problems = reading.kind === 'bad' ? reading.problems : [];
  const findings: readonly DoctorFinding[] = [
    ...problems.map((said) => ({
      check: 'settings',
      verdict: 'problem' as const,
      said,
      fix: 'Correct it; pitchside check FILE looks at the file alone.',
    })),
    ...(settings === undefined
      ? []
      : [{ check: 'settings', verdict: 'ok' as const, said: channelsText(channels), fix: '' }]),
    ...doctorFindings(facts, needOf(channels, cores, settings?.dataDirectory !== undefined)),
  ];
  if (args.on('json')) io.out(JSON.stringify({ findings, facts }, undefined, 2));
  else for (const line of doctorLines(findings)) io.out(line);
  return problemsIn(findings) ? 1 : 0;
}

function channelsText(channels: readonly ChannelSettings[]): string {
  return channels.map(({ id, ladder, latency }) => `${id} (${ladder.name}, ${latency})`).join(', ');
}

function doctorLines(findings: readonly DoctorFinding[]): readonly string[] {
  const widest = Math.max(...findings.map(({ check }) => check.length));
  return findings.flatMap(({ verdict, check, said, fix }) => [
    `${verdict.padEnd(7)}  ${check.padEnd(widest)}  ${said}`,
    ...(fix === '' ? [] : [`${' '.repeat(widest + 11)}${fix}`]),
  ]);
}

export function doctorCommand(doors: Doors): Command {
  return {
    name: 'doctor',
    summary: 'look whether this machine can do what the settings ask',
    about: [
      'Looks at ffmpeg, ports, clock, disk, memory, open-file limit, Node and, by encoding two seconds of the generated match, at the cores; says what to do where something is wrong. Exit code 1 when there is a problem.',
    ],
    flags: [...settingFlags(['log-level']).filter(({ name }) => name !== 'json'), NO_ENCODE, JSON_FLAG],
    notes: ['Example: pitchside doctor --config pitchside.yaml'],
    run: (args, io) => run(doors, args, io),
  };
}
