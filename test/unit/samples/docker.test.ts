import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { SETTINGS_FLAGS, STREAM_KEY_VARIABLE } from '../../../src/config/settings-overrides.ts';

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

const known = [STREAM_KEY_VARIABLE, ...SETTINGS_FLAGS.map(({ variable }) => variable)];

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

describe('docker/compose.yaml', () => {
  const compose = parse(read('docker/compose.yaml')) as {
    services: Record<
      string,
      {
        build: { context: string; dockerfile: string };
        environment: Record<string, string>;
        ports: string[];
        volumes: string[];
      }
    >;
    volumes: Record<string, unknown>;
  };

  test('is one origin built from the top folder', () => {
    expect(Object.keys(compose.services)).toEqual(['origin']);
    expect(compose.services['origin']?.build).toEqual({ context: '..', dockerfile: 'docker/Dockerfile' });
  });

  test('publishes media and RTMP to the world and control to loopback alone', () => {
    expect(compose.services['origin']?.ports).toEqual(['8080:8080', '1935:1935', '127.0.0.1:8081:8081']);
  });

  test('keeps its data in a volume that it declares', () => {
    expect(compose.services['origin']?.volumes).toEqual(['data:/var/lib/pitchside']);
    expect(Object.keys(compose.volumes)).toEqual(['data']);
  });

  test('takes the key from the environment and holds none', () => {
    const environment = compose.services['origin']?.environment ?? {};
    expect(environment[STREAM_KEY_VARIABLE]).toBe(`\${${STREAM_KEY_VARIABLE}:-}`);
    for (const variable of Object.keys(environment)) expect(known).toContain(variable);
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
