import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import {
  CONTROL_TOKEN_VARIABLE,
  EDGE_SECRET_VARIABLE,
  SETTINGS_FLAGS,
  STREAM_KEY_VARIABLE,
} from '../../../src/config/settings-overrides.ts';

const ROOT = new URL('../../../', import.meta.url).pathname;
const read = (file: string) => readFileSync(`${ROOT}${file}`, 'utf8');

/** Instructions with their continuation lines joined, comments left out. */
const instructions = read('docker/Dockerfile')
  .split('\n')
  .filter((line) => !/^\s*#/.test(line))
  .join('\n')
  .replace(/\\\n/g, ' ')
  .split('\n')
  .filter((line) => line.trim() !== '');
const of = (word: string) => instructions.filter((line) => line.startsWith(`${word} `));

/** Sources of COPY from the build context. */
const copied = of('COPY')
  .filter((line) => !line.includes('--from='))
  .flatMap((line) => line.split(/\s+/).slice(1, -1));

const known = [
  STREAM_KEY_VARIABLE,
  EDGE_SECRET_VARIABLE,
  CONTROL_TOKEN_VARIABLE,
  ...SETTINGS_FLAGS.map(({ variable }) => variable),
];

describe('docker/Dockerfile', () => {
  test('copies only what exists, and .dockerignore lets it through', () => {
    const allowed = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    expect(copied.length).toBeGreaterThan(5);
    for (const source of copied) {
      expect(existsSync(`${ROOT}${source}`), source).toBe(true);
      expect(
        allowed.some((entry) => source === entry || source.startsWith(`${entry}/`)),
        source,
      ).toBe(true);
    }
    for (const entry of allowed) expect(existsSync(`${ROOT}${entry}`), entry).toBe(true);
  });

  test('has two stages, and the second is not root', () => {
    expect(of('FROM')).toEqual(['FROM node:22-bookworm-slim AS build', 'FROM node:22-bookworm-slim']);
    const lastStage = instructions.slice(instructions.lastIndexOf('FROM node:22-bookworm-slim'));
    expect(lastStage).toContain('USER node');
    expect(lastStage.findIndex((line) => line.startsWith('USER'))).toBeGreaterThan(
      lastStage.findLastIndex((line) => /^(RUN|COPY)/.test(line)),
    );
  });

  test('asks /healthz of the control port by node itself', () => {
    const health = of('HEALTHCHECK').join('');
    const command = JSON.parse(/CMD (\[.*\])$/.exec(health)?.[1] ?? '[]') as string[];
    expect(command.slice(0, 2)).toEqual(['node', '-e']);
    expect(command[2]).toContain('127.0.0.1:8081/healthz');
    expect(() => new Function(command[2] ?? '(')).not.toThrow();
  });

  test('sets only variables that the service reads, and no key', () => {
    const variables = [
      ...of('ENV')
        .join(' ')
        .matchAll(/\b(PITCHSIDE_\w+)=/g),
    ].map(([, name]) => name);
    expect(variables.length).toBeGreaterThan(0);
    for (const variable of variables) expect(known).toContain(variable);
    expect(read('docker/Dockerfile')).not.toContain(STREAM_KEY_VARIABLE);
  });
});

interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly profiles?: readonly string[];
  readonly depends_on?: readonly string[] | Readonly<Record<string, { readonly condition: string }>>;
}

describe('docker/compose.yaml', () => {
  const text = read('docker/compose.yaml');
  const compose = parse(text) as {
    readonly services: Readonly<Record<string, Service>>;
    readonly volumes: Readonly<Record<string, unknown>>;
  };
  const services = Object.entries(compose.services);
  const { origin } = compose.services;
  const mounts = services.flatMap(([, { volumes = [] }]) => volumes.map((volume) => volume.split(':')));

  test('has only keys of the Compose Specification that it needs, and of their kind', () => {
    expect(Object.keys(compose)).toEqual(['services', 'volumes']);
    const lists = ['ports', 'volumes', 'tmpfs', 'cap_drop', 'security_opt', 'profiles', 'command'];
    const texts = ['image', 'restart', 'stop_grace_period'];
    for (const [name, service] of services) {
      for (const [key, value] of Object.entries(service)) {
        if (lists.includes(key)) {
          expect(Array.isArray(value) && value.every((item) => typeof item === 'string'), `${name}.${key}`).toBe(true);
        } else if (texts.includes(key)) expect(typeof value, `${name}.${key}`).toBe('string');
        else expect(['build', 'environment', 'depends_on', 'read_only'], `${name}.${key}`).toContain(key);
      }
      expect(service.image).toMatch(/^[a-z0-9./-]+(:[A-Za-z0-9._-]+)?$/);
      for (const value of Object.values(service.environment ?? {})) expect(typeof value, name).toBe('string');
      for (const port of service.ports ?? []) expect(port).toMatch(/^(127\.0\.0\.1:)?\d{1,5}:\d{1,5}(\/udp)?$/);
    }
    // Interpolation: ${NAME:-default} or ${NAME-default}, nothing else.
    for (const [, inner] of text.replace(/^\s*#.*$/gm, '').matchAll(/\$\{([^}]*)\}/g))
      expect(inner).toMatch(/^[A-Z_]+:?-[^${}]*$/);
  });

  test('is an origin built from the top folder, its edges, and what watches it', () => {
    expect(services.map(([name]) => name)).toEqual(['origin', 'varnish', 'caddy', 'nginx', 'prometheus', 'grafana']);
    expect(origin?.build).toEqual({ context: '..', dockerfile: 'docker/Dockerfile' });
    const optional = services.filter(([, { profiles }]) => profiles !== undefined);
    expect(optional.map(([name, { profiles }]) => `${name} ${profiles}`)).toEqual([
      ...['nginx nginx', 'prometheus metrics', 'grafana metrics'],
    ]);
  });

  test('publishes RTMP and the edges to the world; media, control and what watches to loopback alone', () => {
    const published = services.flatMap(([, { ports = [] }]) => ports);
    expect(published.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([
      ...['1935:1935', '80:80', '443:443', '443:443/udp', '8089:8088'],
    ]);
    const onHost = published.map((port) => port.split(':').slice(-2)[0] + (port.endsWith('/udp') ? '/udp' : ''));
    expect(new Set(onHost).size).toBe(onHost.length);
  });

  test('mounts only what exists, read-only, and volumes that it declares', () => {
    const named = mounts.filter(([source]) => !source?.startsWith('./'));
    expect(named.map(([source]) => source).toSorted()).toEqual(Object.keys(compose.volumes).toSorted());
    for (const [source = '', target, mode] of mounts.filter((mount) => !named.includes(mount))) {
      expect(mode, source).toBe('ro');
      expect(target, source).toMatch(/^\//);
      expect(existsSync(`${ROOT}docker/${source}`), source).toBe(true);
    }
  });

  test('waits for services that there are', () => {
    for (const [name, { depends_on: waits = [] }] of services) {
      const awaited: readonly string[] = Array.isArray(waits) ? waits : Object.keys(waits);
      for (const other of awaited) expect(Object.keys(compose.services), name).toContain(other);
      if (!Array.isArray(waits))
        for (const { condition } of Object.values(waits as Record<string, { condition: string }>))
          expect(['service_started', 'service_healthy'], name).toContain(condition);
    }
  });

  test('takes keys and secrets from the environment and holds none; the edges are told the secret of the origin', () => {
    const { environment = {} } = origin ?? {};
    expect(environment[CONTROL_TOKEN_VARIABLE]).toBe(`\${${CONTROL_TOKEN_VARIABLE}:-}`);
    expect(environment[STREAM_KEY_VARIABLE]).toBe(`\${${STREAM_KEY_VARIABLE}:-}`);
    for (const variable of Object.keys(environment)) expect(known).toContain(variable);
    for (const name of ['origin', 'varnish', 'nginx'])
      expect(compose.services[name]?.environment?.[EDGE_SECRET_VARIABLE]).toBe(`\${${EDGE_SECRET_VARIABLE}:-}`);
  });

  test('its origins of the edges are those of the files beside it, by the name that compose gives', () => {
    const edge = (file: string) => read(`docker/edge/${file}`).replace(/^#.*\n/gm, '');
    expect(edge('varnish/origin.compose.vcl')).toBe(edge('varnish/origin.vcl').replace('127.0.0.1', 'origin'));
    const upstream = (file: string) => /^upstream .*$/m.exec(edge(file))?.[0];
    expect(upstream('nginx/origin.compose.conf.template')).toBe(
      upstream('nginx/origin.conf')?.replace('127.0.0.1:8080', 'origin:8080'),
    );
  });
});

describe('docker/edge', () => {
  test('CloudFront: its key is the path and the three directives; no life of its own, nor for errors', () => {
    const settings = JSON.parse(read('docker/edge/cloudfront/settings.json'));
    const [lists, media] = [settings.cachePolicies.mediaPlaylists, settings.cachePolicies.everythingElse];
    const query = lists.ParametersInCacheKeyAndForwardedToOrigin.QueryStringsConfig;
    expect(query).toEqual({
      QueryStringBehavior: 'whitelist',
      QueryStrings: { Quantity: 3, Items: ['_HLS_msn', '_HLS_part', '_HLS_skip'] },
    });
    for (const policy of [lists, media]) {
      const { HeadersConfig, CookiesConfig } = policy.ParametersInCacheKeyAndForwardedToOrigin;
      expect([HeadersConfig.HeaderBehavior, CookiesConfig.CookieBehavior]).toEqual(['none', 'none']);
      expect(policy.MinTTL).toBe(0);
    }
    expect(media.ParametersInCacheKeyAndForwardedToOrigin.QueryStringsConfig.QueryStringBehavior).toBe('none');
    // CloudFront takes the greater of it and max-age, and of most statuses it does not obey no-store.
    for (const { ErrorCachingMinTTL } of settings.customErrorResponses) expect(ErrorCachingMinTTL).toBe(0);
    expect(settings.origin.CustomOriginConfig.OriginReadTimeout).toBeGreaterThan(18);
    const answer = new Function(`${settings.timeFunction.code}; return handler({});`)();
    expect(answer.body).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(answer.headers['cache-control'].value).toBe('no-store');
  });
});

describe('the OBS profile', () => {
  const FOLDER = 'samples/obs/pitchside-profile/';

  test('streams to a custom server without a key', () => {
    expect(JSON.parse(read(`${FOLDER}service.json`))).toEqual({
      type: 'rtmp_custom',
      settings: { server: 'rtmp://127.0.0.1:1935/live', key: '', use_auth: false, bwtest: false },
    });
  });

  test('encodes CBR 6000 with a keyframe each 2 s, no B-frames, and 48 kHz AAC', () => {
    expect(JSON.parse(read(`${FOLDER}streamEncoder.json`))).toMatchObject({
      rate_control: 'CBR',
      bitrate: 6000,
      keyint_sec: 2,
      bf: 0,
    });
    const ini = read(`${FOLDER}basic.ini`);
    expect(ini).toMatch(/^\[Audio\]\nSampleRate=48000$/m);
    expect(ini).toMatch(/^Encoder=obs_x264$/m);
    expect(ini).toMatch(/^AudioEncoder=ffmpeg_aac$/m);
  });
});
