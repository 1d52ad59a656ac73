// biome-ignore-all lint/suspicious/noTemplateCurlyInString: settings files write variables that way.
// Settings: order of the layers, what they mean together, secrets that never appear. Files are real, in a folder of the test's own.
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Settings } from '../../../src/config/model.ts';
import { redactSettings } from '../../../src/config/redact-settings.ts';
import { loadSettings, type SettingsInput, type SettingsReading } from '../../../src/config/settings.ts';
import { SETTINGS_FLAGS } from '../../../src/config/settings-overrides.ts';
import { ensureStreamKey, withStreamKeys } from '../../../src/config/stream-key.ts';

let base = '';
let cwd = '';
let count = 0;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'pitchside-settings-'));
});
afterAll(() => rm(base, { recursive: true }));
beforeEach(async () => {
  cwd = join(base, String(count++));
  await mkdir(cwd);
});

const HOME = { HOME: '/home/op' };

async function load(file: string | undefined, rest: Partial<SettingsInput> = {}): Promise<SettingsReading> {
  if (file === undefined) return loadSettings({ flags: {}, env: HOME, cwd, ...rest });
  await writeFile(join(cwd, 's.yaml'), file);
  return loadSettings({ flags: {}, env: HOME, cwd, configFile: 's.yaml', ...rest });
}

async function good(file: string | undefined, rest: Partial<SettingsInput> = {}): Promise<Settings> {
  const reading = await load(file, rest);
  if (reading.kind === 'bad') throw new Error(reading.problems.join('\n'));
  return reading.settings;
}

async function problems(file: string | undefined, rest: Partial<SettingsInput> = {}): Promise<readonly string[]> {
  const reading = await load(file, rest);
  return reading.kind === 'bad' ? reading.problems : ['(none)'];
}

describe('the limits of the RTMP port', () => {
  const defaults = {
    messageBytes: 8_388_608,
    chunkStreams: 16,
    connections: 128,
    connectionsPerAddress: 16,
    names: 64,
    bytesPerSecond: 12_500_000,
    handshakeSeconds: 5,
    idleSeconds: 8,
  };

  test('have safe defaults, and each that is written changes alone', async () => {
    expect((await good(undefined)).rtmp.limits).toEqual(defaults);
    const { rtmp } = await good(
      'rtmp: { port: 1936, limits: { connections: 500, idleSeconds: 3 } }\nchannels: { a: {} }\n',
    );
    expect(rtmp).toEqual({ host: '0.0.0.0', port: 1936, limits: { ...defaults, connections: 500, idleSeconds: 3 } });
  });

  test('are kept within what holds the promises of the gate', async () => {
    const lines = await problems(
      'rtmp: { limits: { idleSeconds: 10, messageBytes: 1, chunkStreams: 1.5, connection: 3 } }\nchannels: { a: {} }\n',
    );
    expect(lines).toHaveLength(4);
    expect(lines.join('\n')).toContain('expected a whole number from 1 to 9, for example 8');
    expect(lines.join('\n')).toContain('did you mean connections?');
  });
});

describe('without a settings file', () => {
  test('there is one channel, match, with the ladder two-core and no key yet', async () => {
    const settings = await good(undefined);
    expect(redactSettings(settings)).toMatchObject({
      http: { host: '0.0.0.0', port: 8080 },
      rtmp: { host: '0.0.0.0', port: 1935 },
      control: { host: '127.0.0.1', port: 8081 },
      dataDirectory: '/home/op/.local/state/pitchside',
      logLevel: 'info',
      channels: [
        {
          id: 'match',
          ladder: 'two-core',
          keys: [],
          latency: 'normal',
          windowMs: 900_000,
          whenAbsent: 'slate',
          slatePath: undefined,
          takeover: 'refuse',
          reconnectGraceMs: 2000,
          absentTimeoutMs: undefined,
        },
      ],
    });
    expect(settings.ffmpegPath).toBeUndefined();
  });

  test('PITCHSIDE_STREAM_KEY is the key of the channel', async () => {
    const { channels } = await good(undefined, { env: { ...HOME, PITCHSIDE_STREAM_KEY: 'correct-horse' } });
    expect(channels[0]?.keys).toEqual([{ name: 'primary', secret: 'correct-horse' }]);
  });

  test('--ladder takes a shipped name, or a path relative to the current folder', async () => {
    expect((await good(undefined, { flags: { ladder: 'hd-sports' } })).channels[0]?.ladder.name).toBe('hd-sports');
    await writeFile(join(cwd, 'own.yaml'), 'video: [{ id: a, height: 90, bitrate: 100k }]');
    const { channels } = await good(undefined, { flags: { ladder: './own.yaml' } });
    expect(channels[0]).toMatchObject({ ladderPath: join(cwd, 'own.yaml'), ladder: { name: 'own' } });
  });

  test('an unknown ladder lists the shipped ones and has the code LADDER_UNKNOWN', async () => {
    expect(await load(undefined, { flags: { ladder: 'two-cores' } })).toEqual({
      kind: 'bad',
      code: 'LADDER_UNKNOWN',
      problems: [
        '--ladder: there is no shipped ladder of this name; did you mean two-core? shipped are hd, hd-sports, passthrough, pushed, sd, two-core; your own is named by its path, such as ./my-ladder.yaml',
      ],
    });
  });

  test('XDG_STATE_HOME moves the data directory, a relative one is ignored (XDG Base Directory 0.8)', async () => {
    const at = async (state: string) =>
      (await good(undefined, { env: { ...HOME, XDG_STATE_HOME: state } })).dataDirectory;
    expect(await at('/state')).toBe('/state/pitchside');
    expect(await at('state')).toBe('/home/op/.local/state/pitchside');
  });

  test('--data none keeps nothing, another --data is relative to the current folder', async () => {
    expect((await good(undefined, { flags: { data: 'none' } })).dataDirectory).toBeUndefined();
    expect((await good(undefined, { flags: { data: 'd' } })).dataDirectory).toBe(join(cwd, 'd'));
  });
});

describe('the order is defaults < file < PITCHSIDE_* < flags', () => {
  const file = 'http: { host: 10.0.0.1, port: 1 }\nlogLevel: warn\nffmpeg: bin/ffmpeg\ndata: keep\n';

  test('for every layer', async () => {
    const env = { ...HOME, PITCHSIDE_PORT: '2', PITCHSIDE_LOG_LEVEL: 'error' };
    expect((await good(undefined)).http.port).toBe(8080);
    expect((await good(file)).http.port).toBe(1);
    expect((await good(file, { env })).http.port).toBe(2);
    expect((await good(file, { env, flags: { port: '0' } })).http).toMatchObject({ host: '10.0.0.1', port: 0 });
    expect((await good(file)).logLevel).toBe('warn');
    expect((await good(file, { env })).logLevel).toBe('error');
    expect((await good(file, { env, flags: { 'log-level': 'debug' } })).logLevel).toBe('debug');
  });

  test('paths in the file are relative to the file, on the command line to the current folder', async () => {
    await mkdir(join(cwd, 'etc'));
    await writeFile(join(cwd, 'etc/s.yaml'), file);
    const flags = { config: 'etc/s.yaml' };
    expect(await good(undefined, { flags })).toMatchObject({
      ffmpegPath: join(cwd, 'etc/bin/ffmpeg'),
      dataDirectory: join(cwd, 'etc/keep'),
    });
    expect(await good(undefined, { flags: { ...flags, ffmpeg: 'ff', data: 'x' } })).toMatchObject({
      ffmpegPath: join(cwd, 'ff'),
      dataDirectory: join(cwd, 'x'),
    });
  });

  test('an empty variable counts as not set', async () => {
    expect((await good(undefined, { env: { ...HOME, PITCHSIDE_PORT: '', PITCHSIDE_STREAM_KEY: '' } })).http.port).toBe(
      8080,
    );
  });

  test('every flag has its variable', () => {
    expect(SETTINGS_FLAGS.map(({ flag, variable }) => `--${flag} ${variable}`)).toEqual([
      '--config PITCHSIDE_CONFIG',
      '--host PITCHSIDE_HOST',
      '--port PITCHSIDE_PORT',
      '--rtmp-host PITCHSIDE_RTMP_HOST',
      '--rtmp-port PITCHSIDE_RTMP_PORT',
      '--cmaf-host PITCHSIDE_CMAF_HOST',
      '--cmaf-port PITCHSIDE_CMAF_PORT',
      '--control-host PITCHSIDE_CONTROL_HOST',
      '--control-port PITCHSIDE_CONTROL_PORT',
      '--ladder PITCHSIDE_LADDER',
      '--data PITCHSIDE_DATA',
      '--ffmpeg PITCHSIDE_FFMPEG',
      '--access-log PITCHSIDE_ACCESS_LOG',
      '--log-level PITCHSIDE_LOG_LEVEL',
    ]);
  });

  test('wrong flags and variables are named, all at once', async () => {
    const flags = { port: '70000', 'rtmp-port': '-1', host: 'a b', 'log-level': 'loud', data: true };
    expect(await problems(undefined, { flags, env: { ...HOME, PITCHSIDE_CONTROL_PORT: 'tcp://10.0.0.1:80' } })).toEqual(
      [
        '--host: "a b" does not fit; expected an address to listen on without port, for example 0.0.0.0, ::, 127.0.0.1',
        '--port: "70000" is no port; expected a port from 0 (any free one) to 65535, for example 8080',
        '--rtmp-port: "-1" is no port; expected a port from 0 (any free one) to 65535, for example 8080',
        'PITCHSIDE_CONTROL_PORT: "tcp://10.0.0.1:80" was set by Kubernetes for a Service of this name (set enableServiceLinks: false); expected a port from 0 (any free one) to 65535, for example 8080',
        '--data: has no value; write --data FOLDER',
        '--log-level: "loud" does not fit; expected one of debug, info, warn, error, silent',
      ],
    );
  });

  test('two listeners on one port are refused, any number on 0 are not', async () => {
    expect(await problems('http: { port: 8081 }\n')).toEqual([
      'ports: http and control both want port 8081; give each its own, or 0 for any free one',
    ]);
    const flags = { port: '0', 'rtmp-port': '0', 'control-port': '0' };
    expect((await good(undefined, { flags })).control.port).toBe(0);
  });
});

describe('the channels block', () => {
  test('with every key', async () => {
    await writeFile(join(cwd, 'own.yaml'), 'video: [{ id: a, height: 90, bitrate: 100k }]');
    const { channels } = await good(
      [
        'channels:',
        '  final:',
        '    ladder: ./own.yaml',
        '    keys: { main: "${MAIN}", backup: backup-secret }',
        '    latency: normal',
        '    window: 6h',
        '    windowSize: 40G',
        '    whenAbsent: slate',
        '    takeover: refuse',
        '    reconnectGrace: 500ms',
        '  b2: {}',
      ].join('\n'),
      { env: { ...HOME, MAIN: 'main-secret' } },
    );
    expect(channels).toMatchObject([
      {
        id: 'final',
        ladder: { name: 'own' },
        keys: [
          { name: 'main', secret: 'main-secret' },
          { name: 'backup', secret: 'backup-secret' },
        ],
        windowMs: 21_600_000,
        windowBytes: 40e9,
        reconnectGraceMs: 500,
      },
      { id: 'b2', ladder: { name: 'two-core' }, keys: [], windowMs: 900_000 },
    ]);
  });

  test('a window is two minutes in memory alone, at most a quarter of an hour, and takes twice what its ladder makes', async () => {
    const { channels } = await good('data: none\nchannels:\n  a: {}\n');
    expect(channels[0]).toMatchObject({ windowMs: 120_000, windowBytes: expect.any(Number) });
    const [{ ladder, windowBytes = 0 } = {}] = channels;
    const bps = ladder?.video.reduce((sum, { maxrateBps }) => sum + maxrateBps, 0) ?? 0;
    expect(windowBytes / ((bps / 8) * 240)).toBeGreaterThan(2);
    expect(await problems('data: none\nchannels:\n  a: { window: 4h }\n')).toEqual([
      's.yaml:3:16 channels.a.window: 4h is too long for memory alone (data: none); expected at most 15m, or a data folder',
    ]);
    expect(await problems('channels:\n  a: { windowSize: 5M }\n  b: { windowSize: lots }\n')).toEqual([
      's.yaml:2:20 channels.a.windowSize: 5M is too small; expected a size in bytes from 10M to 100T, for example 20G',
      's.yaml:3:20 channels.b.windowSize: lots is no size with a unit (M, G, T); expected a size in bytes from 10M to 100T, for example 20G',
    ]);
  });

  test('what is planned is refused by name with "not yet" and CONFIG_NOT_YET, never ignored', async () => {
    const reading = await load('tls: { port: 443 }\nhttp: { tls: {} }\nchannels:\n  a:\n    record: true\n');
    expect(reading).toEqual({
      kind: 'bad',
      code: 'CONFIG_NOT_YET',
      problems: [
        's.yaml:1:1 tls: not yet: TLS (put a TLS proxy in front)',
        's.yaml:2:9 http.tls: not yet: TLS (put a TLS proxy in front of this port)',
        's.yaml:5:5 channels.a.record: not yet: recording',
      ],
    });
  });

  test('rtmps names its two files relative to the settings file, and wants a port of its own', async () => {
    const reading = await load('rtmps: { port: 1443, certificate: tls/cert.pem, key: /etc/key.pem }\n');
    if (reading.kind === 'bad') throw new Error(reading.problems.join());
    expect(reading.settings.rtmps).toMatchObject({ host: '0.0.0.0', port: 1443, keyPath: '/etc/key.pem' });
    expect(reading.settings.rtmps?.certificatePath).toMatch(/\/.+\/tls\/cert\.pem$/);
    expect(await problems('rtmps: { port: 1935, certificate: c, key: k }\n')).toEqual([
      'ports: rtmp and rtmps both want port 1935; give each its own, or 0 for any free one',
    ]);
    expect(await problems('rtmps: { port: 443, certificate: c }\n')).toEqual([expect.stringContaining('rtmps.key')]);
  });

  test('cmaf is off unless it is named, and on loopback unless told otherwise', async () => {
    const settingsOf = async (text: string) => {
      const reading = await load(text);
      if (reading.kind === 'bad') throw new Error(reading.problems.join());
      return reading.settings;
    };
    expect((await settingsOf('channels: { a: {} }\n')).cmaf).toBeUndefined();
    const { cmaf, channels } = await settingsOf('cmaf: {}\nchannels: { a: { source: cmaf } }\n');
    expect(cmaf).toEqual({ host: '127.0.0.1', port: 8082 });
    expect(channels[0]?.source).toBe('cmaf');
    expect(await problems('cmaf: { port: 8080 }\n')).toEqual([
      'ports: http and cmaf both want port 8080; give each its own, or 0 for any free one',
    ]);
  });

  test('what a pushed channel cannot be is said by name', async () => {
    expect(await problems('channels:\n  a: { source: cmaf }\n')).toEqual([
      expect.stringContaining('channels.a.source: nothing is open for cmaf; add cmaf: { port: 8082 }'),
    ]);
    expect(
      await problems(
        'cmaf: {}\nchannels:\n  a: { source: cmaf, ladder: passthrough, latency: low }\n  b: { ladder: passthrough, latency: ultra }\n',
      ),
    ).toEqual([
      expect.stringContaining('channels.a.ladder: ladder passthrough copies an RTMP feed'),
      expect.stringContaining('channels.a.latency: low is for encoded channels; a pushed one is normal'),
      expect.stringContaining('channels.b.latency: ultra is for encoded channels; a copied one is normal'),
    ]);
  });

  test('mistakes of every kind are listed at once, without any secret', async () => {
    const lines = await problems(
      'chanels: {}\nhttp: { port: http }\nlogLevel: loud\nchannels:\n  Match_1: {}\n  a: { window: 120, ladder: 7, latency: fast, reconnectGrace: 1h }\n  b: { keys: { x: hunter2 } }\n  c: { keys: secret-in-the-wrong-place }\n  d: { keys: { x: "a b c d e f g" }, window: 5s }\n',
    );
    expect(lines).toEqual([
      's.yaml:1:1 chanels: unknown key; did you mean channels? The keys here are http, rtmp, rtmps, cmaf, control, webhooks, data, ffmpeg, logLevel, channels',
      's.yaml:2:15 http.port: http is no port; expected a port from 0 (any free one) to 65535, for example 8080',
      's.yaml:3:11 logLevel: loud does not fit; expected one of debug, info, warn, error, silent',
      's.yaml:5:3 channels.Match_1: the name does not fit; expected a channel id: 1 to 63 of a-z, 0-9 and -, for example match',
      's.yaml:6:16 channels.a.window: 120 is a whole number; expected a duration from 20s to 24h, for example 15m',
      's.yaml:6:29 channels.a.ladder: 7 is a whole number; expected the name of a shipped ladder or a path, for example two-core or ./my-ladder.yaml',
      's.yaml:6:41 channels.a.latency: fast does not fit; expected one of normal, low, ultra',
      's.yaml:6:63 channels.a.reconnectGrace: 1h is too long; expected a duration from 0ms to 10s, for example 2s',
      's.yaml:7:19 channels.b.keys.x: does not fit; expected 8 to 128 of A-Z a-z 0-9 . _ ~ - (long and random)',
      's.yaml:8:14 channels.c.keys: is text; expected a mapping of names to secrets such as { primary: SECRET }',
      's.yaml:9:19 channels.d.keys.x: does not fit; expected 8 to 128 of A-Z a-z 0-9 . _ ~ - (long and random)',
      's.yaml:9:46 channels.d.window: 5s is too short; expected a duration from 20s to 24h, for example 15m',
    ]);
  });

  test('a file without channels in its block is refused', async () => {
    expect(await problems('channels: {}\n')).toEqual([
      's.yaml:1:11 channels: has no channel; expected a mapping of channel ids to channels such as { match: { ladder: two-core } }',
    ]);
  });

  test('more than 64 channels are refused before any ladder is read', async () => {
    const file = `channels:\n${Array.from({ length: 65 }, (_, index) => `  c${index}: { ladder: none-such }\n`).join('')}`;
    expect(await problems(file)).toEqual([
      's.yaml:2:3 channels: has more than 64; expected a mapping of channel ids to channels such as { match: { ladder: two-core } }',
    ]);
  });

  test('one secret in two channels is refused, for nobody could tell whose feed it is', async () => {
    const lines = await problems(
      'channels:\n  a: { keys: { x: same-secret } }\n  b: { keys: { y: same-secret, z: "${S}" } }\n  long-name: {}\n',
      { env: { ...HOME, S: 'long-name' } },
    );
    expect(lines).toEqual([
      's.yaml:3:19 channels.b.keys.y: the same secret as in channel a; every channel needs its own, or nobody knows whose feed it is',
      's.yaml:3:35 channels.b.keys.z: the secret is the id of a channel; take a long random one',
    ]);
  });

  test('an undefined, empty or malformed variable is a problem that names it', async () => {
    const file = 'channels:\n  a: { keys: { x: "${NOPE}", y: "${EMPTY}", z: "${A:-b}" } }\n';
    expect(await problems(file, { env: { ...HOME, EMPTY: '' } })).toEqual([
      's.yaml:2:19 channels.a.keys.x: the environment variable NOPE is not set; set it before the start',
      's.yaml:2:33 channels.a.keys.y: the environment variable EMPTY is empty; set it before the start',
      's.yaml:2:48 channels.a.keys.z: not a variable; write ${NAME}, or $${ for plain ${',
    ]);
  });

  test('$${ stands for the characters ${ themselves', async () => {
    expect((await good('data: "/srv/$${x}/${USER}"\n', { env: { ...HOME, USER: 'op' } })).dataDirectory).toBe(
      '/srv/${x}/op',
    );
  });

  test('a value that came from the environment is never shown, only its variable', async () => {
    const lines = await problems('logLevel: "${LEVEL}"\n', { env: { ...HOME, LEVEL: 'very-secret' } });
    expect(lines).toEqual([
      's.yaml:1:11 logLevel: "${LEVEL}" does not fit; expected one of debug, info, warn, error, silent',
    ]);
  });

  test('an unknown ladder is reported at its place, a bad one by the places in its own file', async () => {
    await writeFile(join(cwd, 'bad.yaml'), 'video: 1\n');
    expect(
      await problems('channels:\n  a: { ladder: hd-sport }\n  b: { ladder: bad.yaml }\n  c: { ladder: ./gone.yaml }\n'),
    ).toEqual([
      's.yaml:2:16 channels.a.ladder: there is no shipped ladder of this name; did you mean hd-sports? shipped are hd, hd-sports, passthrough, pushed, sd, two-core; your own is named by its path, such as ./my-ladder.yaml',
      's.yaml:4:16 channels.c.ladder: there is no file gone.yaml; shipped are hd, hd-sports, passthrough, pushed, sd, two-core; your own is named by its path, such as ./my-ladder.yaml',
      'bad.yaml:1:8 video: 1 is a whole number; expected a list of 1 to 10 video renditions',
    ]);
  });

  test('--ladder and PITCHSIDE_STREAM_KEY are refused where they could mean several channels', async () => {
    const rest = { flags: { ladder: 'sd' }, env: { ...HOME, PITCHSIDE_STREAM_KEY: 'correct-horse' } };
    expect(await problems('channels: { a: {}, b: {} }\n', rest)).toEqual([
      'PITCHSIDE_STREAM_KEY: would be the key of a and b; give each channel its own keys',
      '--ladder: there are several channels; name the ladder of each in the settings file',
    ]);
    expect((await good('channels: { a: {} }\n', rest)).channels[0]).toMatchObject({
      ladder: { name: 'sd' },
      keys: [{ secret: 'correct-horse' }],
    });
  });

  test('a file that is missing, a folder, binary or too large is a problem with its reason', async () => {
    expect(await load(undefined, { configFile: 'gone.yaml' })).toEqual({
      kind: 'bad',
      code: 'CONFIG_UNREADABLE',
      problems: ['gone.yaml: the settings: there is no such file; check the name'],
    });
    expect(await problems(undefined, { configFile: '/dev/null' })).toEqual([
      '/dev/null: the settings: it is no ordinary file; name a YAML file',
    ]);
    await writeFile(join(cwd, 'binary.yaml'), Buffer.from([0x61, 0xff, 0xfe]));
    expect(await problems(undefined, { configFile: 'binary.yaml' })).toEqual([
      'binary.yaml: the settings: it is not UTF-8 text; save it as UTF-8',
    ]);
    expect(await problems('# x\n'.repeat(260_000))).toEqual([
      's.yaml:1:1: the file is larger than 1 MB; this is not a file that a person wrote for this',
    ]);
  });

  test('no text makes it throw', async () => {
    const soup = fc
      .array(
        fc.constantFrom(
          'channels:',
          '\n  ',
          ' a',
          ': ',
          '{',
          '}',
          '[',
          'keys',
          '${',
          '}',
          '- ',
          '1',
          '"',
          'http',
          '*a',
          '&a ',
        ),
        {
          maxLength: 40,
        },
      )
      .map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(soup, async (text) => {
        const reading = await load(text);
        if (reading.kind === 'bad') expect(reading.problems.length).toBeGreaterThan(0);
      }),
      { numRuns: 150 },
    );
  });
});

describe('the guards of the origin', () => {
  const limits = { connections: 16_000, waiting: 16_000, megabytesInFlight: 4096 };
  const times = { stallSeconds: 30, bodySeconds: 120, requestSeconds: 20 };

  test('are open by default, with limits, and no access log', async () => {
    const { http } = await good(undefined);
    expect(http).toEqual({
      host: '0.0.0.0',
      port: 8080,
      lock: undefined,
      proxies: undefined,
      accessLog: undefined,
      limits: { ...limits, ...times },
    });
  });

  test('with every key', async () => {
    const { http } = await good(
      [
        'http:',
        '  lock: { header: X-Azure-FDID, secrets: ["${NOW}", next-secret], addresses: [203.0.113.0/24, "2001:db8::/32", 192.0.2.7] }',
        '  proxies: { addresses: [10.0.0.0/8], field: Forwarded }',
        '  accessLog: logs/access.log',
        '  limits: { connections: 100, stallSeconds: 5 }',
      ].join('\n'),
      { env: { ...HOME, NOW: 'now-secret' } },
    );
    expect(http).toMatchObject({
      lock: {
        header: 'X-Azure-FDID',
        secrets: ['now-secret', 'next-secret'],
        addresses: ['203.0.113.0/24', '2001:db8::/32', '192.0.2.7'],
      },
      proxies: { addresses: ['10.0.0.0/8'], field: 'forwarded' },
      accessLog: join(cwd, 'logs/access.log'),
      limits: { ...limits, ...times, connections: 100, stallSeconds: 5 },
    });
  });

  test('PITCHSIDE_EDGE_SECRET locks alone, wins over the file’s secrets and leaves its addresses', async () => {
    const env = { ...HOME, PITCHSIDE_EDGE_SECRET: 'first-secret,second-secret' };
    const secrets = ['first-secret', 'second-secret'];
    expect((await good(undefined, { env })).http.lock).toEqual({ header: 'X-Origin-Key', secrets, addresses: [] });
    const file = 'http: { lock: { header: X-Mine, secrets: [in-the-file], addresses: [192.0.2.7] } }\n';
    expect((await good(file, { env })).http.lock).toEqual({ header: 'X-Mine', secrets, addresses: ['192.0.2.7'] });
    const empty = { ...HOME, PITCHSIDE_EDGE_SECRET: '' };
    expect((await good(undefined, { env: empty })).http.lock).toBeUndefined();
  });

  test('--access-log is a file beside the current folder, stdout or none', async () => {
    const target = async (text: string) =>
      (await good('http: { accessLog: a.log }\n', { flags: { 'access-log': text } })).http;
    expect((await target('b.log')).accessLog).toBe(join(cwd, 'b.log'));
    expect((await target('stdout')).accessLog).toBe('stdout');
    expect((await target('none')).accessLog).toBeUndefined();
  });

  test('mistakes are named, without the secret', async () => {
    const lines = await problems(
      [
        'http:',
        '  lock: { secrets: [hunter2], addresses: [10.0.0.0/33, "fe80::1%eth0", example.com], header: "X Y" }',
        '  proxies: { addresses: [10.0.0.1], field: Via }',
        '  limits: { connections: 1 }',
      ].join('\n'),
    );
    expect(lines.join('\n')).not.toContain('hunter2');
    expect(lines.map((line) => line.split(' ')[1])).toEqual([
      'http.lock.secrets[0]:',
      'http.lock.addresses[0]:',
      'http.lock.addresses[1]:',
      'http.lock.addresses[2]:',
      'http.lock.header:',
      'http.proxies.field:',
      'http.limits.connections:',
    ]);
    expect(await problems('http: { lock: {} }\n')).toEqual([
      's.yaml:1:15 http.lock: has neither secrets nor addresses: nobody could ask; expected a mapping such as { secrets: [SECRET] } or { addresses: [203.0.113.0/24] }',
    ]);
    const env = { ...HOME, PITCHSIDE_EDGE_SECRET: 'hunter2' };
    const wrong = await load(undefined, { env });
    expect(wrong.kind === 'bad' && wrong.problems.join('\n')).toMatch(/^PITCHSIDE_EDGE_SECRET: does not fit/);
    expect(JSON.stringify(wrong)).not.toContain('hunter2');
  });
});

describe('the token of the control port and webhooks', () => {
  const TOKEN = 'abcDEF0123456789+/==';
  const HOOK = 'https://hooks.example/T0KEN?key=QUERY';

  test('are off unless given; PITCHSIDE_CONTROL_TOKEN wins over the file, an empty one does not', async () => {
    expect(await good(undefined)).toMatchObject({ control: { token: undefined }, webhooks: [] });
    const file = `control: { token: "${TOKEN}" }\n`;
    const tokenBy = async (text: string | undefined, variable: string) =>
      (await good(text, { env: { ...HOME, PITCHSIDE_CONTROL_TOKEN: variable } })).control.token;
    expect((await good(file)).control).toEqual({ host: '127.0.0.1', port: 8081, token: TOKEN });
    expect([
      await tokenBy(file, 'other-token-of-16'),
      await tokenBy(file, ''),
      await tokenBy(undefined, TOKEN),
    ]).toEqual(['other-token-of-16', TOKEN, TOKEN]);
  });

  test('webhooks get all events unless told otherwise; secrets may come from the environment', async () => {
    const file = [
      'webhooks:',
      `  - { url: "${HOOK}" }`,
      '  - { url: "http://127.0.0.1:9000/in", events: [fault], secret: "${HOOK_SECRET}" }',
    ].join('\n');
    const { webhooks } = await good(file, { env: { ...HOME, HOOK_SECRET: 'a-secret-of-16-or-more' } });
    expect(webhooks).toEqual([
      { url: HOOK, events: ['publish', 'unpublish', 'fault'], secret: undefined },
      { url: 'http://127.0.0.1:9000/in', events: ['fault'], secret: 'a-secret-of-16-or-more' },
    ]);
  });

  test('mistakes are named, without token, secret or URL', async () => {
    const lines = await problems(
      [
        'control: { token: hunter2 }',
        'webhooks:',
        '  - { url: "ftp://h2.example/hunter2", secret: hunter2 }',
        '  - { url: "https://user:hunter2@h.example/", events: [] }',
        '  - { url: "https://h.example/#hunter2", events: [state] }',
        '  - { events: [fault] }',
      ].join('\n'),
    );
    expect(lines.join('\n')).not.toContain('hunter2');
    expect(lines.map((line) => line.split(' ')[1])).toEqual([
      'control.token:',
      'webhooks[0].url:',
      'webhooks[0].secret:',
      'webhooks[1].url:',
      'webhooks[1].events:',
      'webhooks[2].url:',
      'webhooks[2].events[0]:',
      'webhooks[3].url:',
    ]);
    const many = `webhooks:${Array.from({ length: 17 }, () => '\n  - { url: "http://a.example/" }').join('')}\n`;
    expect(await problems(many)).toEqual([expect.stringContaining('webhooks:')]);
    const wrong = await load(undefined, { env: { ...HOME, PITCHSIDE_CONTROL_TOKEN: 'hunter2' } });
    expect(wrong.kind === 'bad' && wrong.problems.join('\n')).toMatch(
      /^PITCHSIDE_CONTROL_TOKEN: the token does not fit/,
    );
    expect(JSON.stringify(wrong)).not.toContain('hunter2');
  });

  test('are not in redacted settings', async () => {
    const file = `control: { token: "${TOKEN}" }\nwebhooks: [{ url: "${HOOK}", secret: a-secret-of-16-or-more }]\n`;
    const text = JSON.stringify(redactSettings(await good(file)));
    expect(text).not.toMatch(/abcDEF|T0KEN|QUERY|a-secret-of/);
    expect(text).toContain('"webhooks":[{"url":"https://hooks.example"');
  });
});

test('redacted settings hold no secret', async () => {
  const lock = 'http: { lock: { secrets: [edge-secret-1] } }\n';
  const settings = await good(`${lock}channels: { a: { keys: { main: top-secret-1 } } }\n`);
  const text = JSON.stringify(redactSettings(settings));
  expect(text).not.toContain('top-secret-1');
  expect(text).not.toContain('edge-secret-1');
  expect(text).toContain('"keys":[{"name":"main","secret":"***"}]');
});

describe('the stream key of a channel without keys', () => {
  test('is made once, kept for this user alone, and the same at the next start', async () => {
    const data = join(cwd, 'state/pitchside');
    const first = await ensureStreamKey(data, 'match');
    expect(first).toMatchObject({ made: true, file: join(data, 'keys/match.key') });
    expect(first.key.secret).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect((await stat(data)).mode & 0o777).toBe(0o700);
    expect((await stat(join(data, 'keys/match.key'))).mode & 0o777).toBe(0o600);
    expect(await ensureStreamKey(data, 'match')).toEqual({ ...first, made: false });
    expect((await ensureStreamKey(data, 'other')).key.secret).not.toBe(first.key.secret);
  });

  test('is one and the same for two services that start at once', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, () => ensureStreamKey(cwd, 'match')));
    expect(new Set(made.map(({ key }) => key.secret)).size).toBe(1);
    expect(made.filter((one) => one.made)).toHaveLength(1);
  });

  test('is made anew at each start when nothing is kept', async () => {
    const [a, b] = [await ensureStreamKey(undefined, 'match'), await ensureStreamKey(undefined, 'match')];
    expect(a.file).toBeUndefined();
    expect(a.key.secret).not.toBe(b.key.secret);
  });

  test('fails with DATA_DIRECTORY and what to do when the folder cannot be used or the file is damaged', async () => {
    await writeFile(join(cwd, 'file'), '');
    await expect(ensureStreamKey(join(cwd, 'file'), 'match')).rejects.toMatchObject({
      code: 'DATA_DIRECTORY',
      hint: expect.stringContaining('--data FOLDER'),
    });
    await mkdir(join(cwd, 'keys'));
    await writeFile(join(cwd, 'keys/match.key'), 'short\n');
    await expect(ensureStreamKey(cwd, 'match')).rejects.toMatchObject({
      code: 'DATA_DIRECTORY',
      hint: expect.stringContaining('delete it'),
    });
    expect(await readFile(join(cwd, 'keys/match.key'), 'utf8')).toBe('short\n');
  });

  test('is filled into the settings only where a channel has none', async () => {
    const settings = await good('data: d\nchannels: { a: { keys: { x: has-its-own } }, b: {} }\n');
    const { settings: complete, filled } = await withStreamKeys(settings);
    expect([...filled.keys()]).toEqual(['b']);
    expect(complete.channels.map(({ keys }) => keys[0]?.secret)).toEqual(['has-its-own', filled.get('b')?.key.secret]);
  });
});
