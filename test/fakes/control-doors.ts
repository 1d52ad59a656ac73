/** Doors that open on nothing: a service and an encoder that only note what they are asked. */
import type { CheckResult } from '../../src/check/check-stream.ts';
import type { Finding } from '../../src/check/model.ts';
import type { Doors } from '../../src/cli/service-door.ts';
import type { Settings } from '../../src/config/model.ts';
import type { ServiceOptions, StopHow } from '../../src/service.ts';
import type { EncodeCommand, EncodeProcessListener } from '../../src/transcode/model.ts';
import { type HandClock, handClock } from './control-clock.ts';
import { type ControlDirectory, channelStatus, controlDirectory } from './control-directory.ts';
import { keptLog } from './control-quiet-log.ts';
import { machineFacts } from './machine-facts.ts';

interface FakeEncode {
  readonly command: EncodeCommand;
  readonly listener: EncodeProcessListener;
  readonly asked: ('end' | 'kill')[];
  exit(lastLine: string): void;
}

export interface FakeDoors extends Doors {
  readonly clock: HandClock;
  readonly directory: ControlDirectory;
  readonly started: ServiceOptions[];
  readonly encodes: FakeEncode[];
  stops: number;
  /** How the service was last stopped. */
  stoppedHow: StopHow | undefined;
  /** Makes the service's stop() hang. */
  hang: boolean;
}

export function fakeSettings(changes: Partial<Settings> = {}): Settings {
  return {
    http: {
      host: '0.0.0.0',
      port: 0,
      limits: {
        connections: 16_000,
        waiting: 16_000,
        megabytesInFlight: 4096,
        stallSeconds: 30,
        bodySeconds: 120,
        requestSeconds: 20,
      },
    },
    rtmp: {
      host: '0.0.0.0',
      port: 0,
      limits: {
        messageBytes: 8_388_608,
        chunkStreams: 16,
        connections: 128,
        connectionsPerAddress: 16,
        names: 64,
        bytesPerSecond: 12_500_000,
        handshakeSeconds: 5,
        idleSeconds: 8,
      },
    },
    control: { host: '127.0.0.1', port: 0, token: undefined },
    webhooks: [],
    dataDirectory: undefined,
    ffmpegPath: undefined,
    logLevel: 'silent',
    channels: [
      {
        id: 'match',
        ladderPath: '/ladders/two-core.yaml',
        ladder: { name: 'two-core', segmentSeconds: 2, frameRate: 'auto', video: [], audio: [] },
        keys: [{ name: 'primary', secret: 'S3CRET' }],
        source: 'rtmp',
        latency: 'normal',
        windowMs: 120_000,
        windowBytes: 1e9,
        whenAbsent: 'slate',
        slatePath: undefined,
        takeover: 'refuse',
        reconnectGraceMs: 2000,
        absentTimeoutMs: undefined,
      },
    ],
    ...changes,
  };
}

export function checkResult(findings: readonly Finding[]): CheckResult {
  const read = {
    url: 'http://h/master.m3u8',
    mode: 'hls',
    seconds: 20,
    tracks: 3,
    texts: 12,
    objects: 30,
    bytes: 4e6,
  } as const;
  const count = (severity: Finding['severity']) => findings.filter((one) => one.severity === severity).length;
  return { findings, summary: { ...read, errors: count('error'), warnings: count('warning'), notes: count('note') } };
}

export function fakeDoors(changes: Partial<Omit<Doors, 'clock'>> = {}): FakeDoors {
  const clock = handClock();
  const directory = controlDirectory(() => clock.nowMs(), channelStatus({ onAir: 'slate' }));
  const doors: FakeDoors = {
    clock,
    directory,
    started: [],
    encodes: [],
    stops: 0,
    stoppedHow: undefined,
    hang: false,
    openLog: () => keptLog(),
    loadSettings: async () => fakeSettings(),
    listenEarly: async () => undefined,
    async startService(options) {
      doors.started.push(options);
      return {
        ports: { http: 8080, rtmp: 1935, control: 8081 },
        directory,
        async stop(how) {
          doors.stops += 1;
          doors.stoppedHow = how;
          if (doors.hang) await new Promise(() => undefined);
        },
      };
    },
    locateFfmpeg: async () => '/usr/bin/ffmpeg',
    provisionFfmpeg: async () => '/usr/bin/ffmpeg',
    checkStream: async () => checkResult([]),
    async runSwarm() {
      throw new Error('no swarm here');
    },
    checkFile: async () => undefined,
    readSettings: async () => ({ kind: 'ok', settings: fakeSettings(), notes: [] }),
    findLadder: async () => ({ kind: 'unknown', code: 'LADDER_UNKNOWN', text: 'there is no such ladder' }),
    calibrate: async ({ ladders }) => ladders.map(() => 0.5),
    tryLadder: async () => ({ ladder: 'tiny', clip: 'a clip', seconds: 2, rungs: [], steps: [], dropped: [] }),
    examineMachine: async () => machineFacts(),
    startEncode(_path, command, listener) {
      const encode: FakeEncode = {
        command,
        listener,
        asked: [],
        exit: (line) => listener.onExit({ code: 1, signal: undefined, lastLines: [line] }),
      };
      doors.encodes.push(encode);
      const ask = (what: 'end' | 'kill') => {
        encode.asked.push(what);
        if (what === 'kill') listener.onExit({ code: undefined, signal: 'SIGKILL', lastLines: [] });
      };
      return { pid: 1, write: () => true, end: () => ask('end'), kill: () => ask('kill') };
    },
    ...changes,
  };
  return doors;
}
