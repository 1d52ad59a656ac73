/**
 * `demo`: everything in one command: ffmpeg, a service, and a generated match pushed into it over real RTMP.
 * It never writes outside the package but for what it says it installs; stream key and window live in memory.
 */
import type { ChannelSettings, Settings } from '../config/model.ts';
import type { RunningService } from '../service.ts';
import { ServiceError } from '../system/errors.ts';
import { announcement, listeningLine, pageUrl, streamKeyOf } from './announcement.ts';
import type { Arguments, Command, CommandIo, Flag } from './command.ts';
import { freePortNear } from './free-port.ts';
import { matchSound, startMatchFeed } from './match-feed.ts';
import { type Publisher, startPublisher } from './publisher.ts';
import { MATCH_PICTURE, matchPush } from './push-command.ts';
import { announcedOf, settingFlags, settingValues } from './serve.ts';
import type { Doors, SettingsRequest } from './service-door.ts';
import { parentGone, stopSignal, stopWithin } from './stop.ts';

const POLL_MS = 250;
const PUSH_AGAIN_MS = 1000;
/** Longer than that and a person wants to know that it is still being waited for. */
const SLOW_START_MS = 30_000;

interface DemoPush {
  stop(): Promise<void>;
}

/** The demo is there to be seen: where a default port is taken, the next free one serves as well. */
async function withFreePorts(settings: Settings, args: Arguments, say: (line: string) => void): Promise<Settings> {
  const ports = { http: settings.http.port, rtmp: settings.rtmp.port, control: settings.control.port };
  const flags = { http: 'port', rtmp: 'rtmp-port', control: 'control-port' } as const;
  const taken: number[] = [];
  for (const name of ['http', 'rtmp', 'control'] as const) {
    const { host, port } = settings[name];
    const free = args.text(flags[name]) === undefined ? await freePortNear(host, port, taken) : port;
    if (free !== port) say(`Port ${port} is in use: ${name} listens on ${free === 0 ? 'any free one' : free} instead.`);
    taken.push(free);
    ports[name] = free;
  }
  return {
    ...settings,
    http: { ...settings.http, port: ports.http },
    rtmp: { ...settings.rtmp, port: ports.rtmp },
    control: { ...settings.control, port: ports.control },
  };
}

/** Pushes until it is stopped; a push that ends is started again, and said. */
function keepPushing(
  doors: Doors,
  ffmpegPath: string,
  url: string,
  sound: string,
  say: (line: string) => void,
): DemoPush {
  let stopping = false;
  let cancel: () => void = () => undefined;
  let publisher: Publisher | undefined;
  const push = () => {
    const current = startPublisher({
      command: matchPush(url, sound),
      clock: doors.clock,
      startEncode: (command, listener) => doors.startEncode(ffmpegPath, command, listener),
      startFeed: () => startMatchFeed(MATCH_PICTURE),
      onProgress: () => undefined,
    });
    publisher = current;
    void current.ended.then((why) => {
      if (stopping) return;
      say(`The push ended (${why}); pushing again.`);
      cancel = doors.clock.after(PUSH_AGAIN_MS, push);
    });
  };
  push();
  return {
    async stop() {
      stopping = true;
      cancel();
      await publisher?.stop();
    },
  };
}

/** Calls once, when a Segment of the match is at the live edge. Returns the way to stop looking. */
function whenPlayable(
  doors: Doors,
  service: RunningService,
  channel: string,
  tell: (afterMs: number | undefined) => void,
): () => void {
  const startMs = doors.clock.nowMs();
  let cancel: () => void = () => undefined;
  let warned = false;
  const look = () => {
    const status = service.directory.get(channel)?.status();
    const afterMs = doors.clock.nowMs() - startMs;
    if (status?.onAir === 'live' && status.fresh) {
      tell(afterMs);
      return;
    }
    if (afterMs > SLOW_START_MS && !warned) {
      warned = true;
      tell(undefined);
    }
    cancel = doors.clock.after(POLL_MS, look);
  };
  look();
  return () => cancel();
}

function demoChannel(settings: Settings): ChannelSettings & { readonly secret: string } {
  const channel = settings.channels[0];
  const secret = channel?.keys[0]?.secret;
  if (channel === undefined || secret === undefined) {
    throw new ServiceError('CONFIG_INVALID', 'the demo needs a channel with a stream key', {
      hint: 'Unset PITCHSIDE_* variables that change channels, or use serve.',
    });
  }
  return { ...channel, secret };
}

/** undefined when a stop came first. */
async function provision(
  doors: Doors,
  args: Arguments,
  io: CommandIo,
  say: (line: string) => void,
  stopped: Promise<unknown>,
): Promise<string | undefined> {
  const abort = new AbortController();
  const path = doors.provisionFfmpeg({
    setting: args.text('ffmpeg') ?? io.env['PITCHSIDE_FFMPEG'],
    install: !args.on('no-install'),
    signal: abort.signal,
    say,
  });
  const first = await Promise.race([path, stopped.then(() => undefined)]);
  if (first !== undefined) return first;
  abort.abort();
  await path.catch(() => undefined);
  return undefined;
}

/** What is printed for people would drown in the log of `info`. */
function quieter(flag: Flag): Flag {
  return flag.name === 'log-level' ? { ...flag, help: flag.help.replace('(info)', '(warn)') } : flag;
}

/** A settings file of the environment is for real feeds: the demo brings its own channel and keeps nothing. */
function demoSettings(args: Arguments, io: CommandIo): SettingsRequest {
  const { PITCHSIDE_CONFIG: _, ...env } = io.env;
  const level = args.text('log-level') ?? env['PITCHSIDE_LOG_LEVEL'] ?? 'warn';
  return {
    flags: { ...settingValues(args), data: 'none', 'log-level': level },
    env,
    workingDirectory: io.workingDirectory,
    note: io.err,
  };
}

async function run(doors: Doors, args: Arguments, io: CommandIo): Promise<number> {
  const json = args.on('json');
  // With --json stdout belongs to machines.
  const say = (line: string) => (json ? io.err(line) : io.out(line));
  const stopped = Promise.race([stopSignal(io), parentGone(doors.clock, io)]);
  const ffmpegPath = await provision(doors, args, io, say, stopped);
  if (ffmpegPath === undefined) return 0;
  const settings = await withFreePorts(await doors.loadSettings(demoSettings(args, io)), args, say);
  const channel = demoChannel(settings);
  const sound = await matchSound();
  const log = doors.openLog(settings.logLevel);
  const service = await doors.startService({ settings, ffmpegPath, log, clock: doors.clock });
  const announced = announcedOf(settings, service.ports);
  if (json) io.out(listeningLine(service.ports));
  else
    for (const line of [
      '',
      'Pitchside demo: a generated match, pushed over RTMP, encoded and served here.',
      '',
      ...announcement(announced),
    ])
      say(line);
  const url = `rtmp://127.0.0.1:${service.ports.rtmp}/live/${streamKeyOf(channel.id, channel.secret)}`;
  const push = keepPushing(doors, ffmpegPath, url, sound, say);
  const forget = whenPlayable(doors, service, channel.id, (afterMs) => {
    if (afterMs === undefined) say('Still waiting for the first segment; --log-level info tells what happens.');
    else if (json) io.out(JSON.stringify({ event: 'playable', channel: channel.id, afterMs: Math.round(afterMs) }));
    else say(`Playable after ${(afterMs / 1000).toFixed(1)} s: open ${pageUrl(announced)} (Ctrl-C ends everything)`);
  });
  await stopped;
  forget();
  await stopWithin(doors.clock, async () => {
    await Promise.all([push.stop(), service.stop()]);
  });
  return 0;
}

export function demoCommand(doors: Doors): Command {
  return {
    name: 'demo',
    summary: 'serve a generated match: no feed, no settings, no ffmpeg needed',
    about: [
      'Gets ffmpeg if there is none (says first what it will install), serves on the default ports or the next free ones, pushes a generated match into itself over RTMP and prints where to watch it. Nothing is kept. Ctrl-C ends everything.',
    ],
    flags: [
      { name: 'no-install', help: 'install nothing; without a usable ffmpeg say what to do and exit 2' },
      ...settingFlags(['config', 'data']).map(quieter),
    ],
    run: (args, io) => run(doors, args, io),
  };
}
