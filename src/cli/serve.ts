/**
 * `serve`: settings, one service, its addresses, until a signal.
 * It never installs anything. With --json nothing but machine-readable lines goes to stdout, `listening` first.
 */
import type { Settings } from '../config/model.ts';
import { SETTINGS_FLAGS } from '../config/settings-overrides.ts';
import { type Announced, announcement, listeningLine, type Ports, streamKeyOf } from './announcement.ts';
import type { Arguments, Command, CommandIo, Flag } from './command.ts';
import type { Doors } from './service-door.ts';
import { stopSignal, stopWithin } from './stop.ts';

const JSON_FLAG: Flag = { name: 'json', help: 'stdout is JSON lines; the first is {"event":"listening",...}' };

/** The settings of the config room as flags, but for those left out. */
export function settingFlags(leftOut: readonly string[] = []): readonly Flag[] {
  const settings = SETTINGS_FLAGS.filter(({ flag }) => !leftOut.includes(flag));
  return [...settings.map(({ flag, value, help }) => ({ name: flag, value, help })), JSON_FLAG];
}

/** Their values, as loadSettings takes them. */
export function settingValues(args: Arguments): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(SETTINGS_FLAGS.map(({ flag }) => [flag, args.text(flag)]));
}

export function announcedOf(settings: Settings, ports: Ports): Announced {
  return {
    ports,
    hosts: {
      http: settings.http.host,
      rtmp: settings.rtmp.host,
      cmaf: settings.cmaf?.host,
      control: settings.control.host,
    },
    channels: settings.channels.map(({ id, keys, source, ladder }) => ({
      id,
      streamKey: streamKeyOf(id, keys[0]?.secret),
      push:
        source === 'cmaf'
          ? { key: keys[0]?.secret, tracks: [...ladder.video, ...ladder.audio].map((track) => track.id) }
          : undefined,
    })),
  };
}

async function run(doors: Doors, args: Arguments, io: CommandIo): Promise<number> {
  const flags = settingValues(args);
  // From here on: a signal that comes while the service starts is not lost.
  const stopped = stopSignal(io);
  const settings = await doors.loadSettings({
    flags,
    env: io.env,
    workingDirectory: io.workingDirectory,
    note: io.err,
  });
  const log = doors.openLog(settings.logLevel);
  // First of all, and while other processes are asked: who watches what the service before has served is not refused.
  const listener = await doors.listenEarly(settings, io.env);
  const ffmpegPath = await doors.locateFfmpeg(settings.ffmpegPath, io.env);
  const service = await doors.startService({ settings, ffmpegPath, log, clock: doors.clock, listener });
  if (args.on('json')) io.out(listeningLine(service.ports));
  else
    for (const line of ['', 'Pitchside is listening.', '', ...announcement(announcedOf(settings, service.ports))])
      io.out(line);
  const signal = await stopped;
  log.info({ signal }, 'stopping');
  // Service managers say SIGTERM, and start the next version; Ctrl-C and a closed terminal mean the end of it.
  const handsOver = signal === 'SIGTERM';
  if (!(await stopWithin(doors.clock, () => service.stop({ handsOver }))))
    log.warn({}, 'stopped before everything had ended');
  return 0;
}

export function serveCommand(doors: Doors): Command {
  return {
    name: 'serve',
    summary: 'take feeds in over RTMP and serve them as HLS and DASH',
    about: [
      'Takes feeds in over RTMP, encodes each into a ladder of renditions and serves it as HLS and DASH until SIGINT or SIGTERM.',
    ],
    flags: settingFlags(),
    notes: [
      'Settings: defaults < file < PITCHSIDE_* < options (PITCHSIDE_PORT is --port).',
      'PITCHSIDE_STREAM_KEY sets the stream key of the channel that has none; without',
      'it one is made at the first start, kept in the data folder and printed.',
      '',
      'Example: pitchside serve --ladder hd-sports --port 80',
    ],
    run: (args, io) => run(doors, args, io),
  };
}
