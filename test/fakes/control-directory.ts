/** A ChannelDirectory whose statuses a test sets by hand; it serves no media. */
import type { ChannelOperation, OperatedChannel, OperatedChannels } from '../../src/channel/operation.ts';
import type { ChannelStatus } from '../../src/channel/view.ts';
import type { PageInfo } from '../../src/control/api.ts';
import type { Operator } from '../../src/control/operator.ts';

export function channelStatus(changes: Partial<ChannelStatus> = {}): ChannelStatus {
  return {
    id: 'match',
    state: 'live',
    onAir: 'live',
    fresh: true,
    newestNumber: 895_302_117,
    newestEndMs: 1_790_604_236_000,
    windowBytes: 48_300_000,
    windowSegments: 450,
    disk: { kind: 'ok' },
    segmentMs: 2000,
    tracks: [
      {
        id: 'v720',
        kind: 'video',
        codec: 'avc1.64001f',
        bitrateBps: 2_800_000,
        width: 1280,
        height: 720,
        frameRate: '30',
      },
      {
        id: 'v360',
        kind: 'video',
        codec: 'avc1.4d401e',
        bitrateBps: 800_000,
        width: 640,
        height: 360,
        frameRate: '30',
      },
      {
        id: 'a128',
        kind: 'audio',
        codec: 'mp4a.40.2',
        bitrateBps: 128_000,
        width: undefined,
        height: undefined,
        frameRate: undefined,
      },
    ],
    droppedRungs: [{ id: 'v1080', reason: 'the source has 720 lines' }],
    publisher: {
      address: '127.0.0.1:53114',
      sinceMs: 1_790_604_000_000,
      source: '1280x720 30 fps h264, aac 48 kHz',
    },
    encoder: { pid: 4242, fps: 30, speed: 1.01 },
    ladder: 'two-core',
    advice: [],
    runs: [],
    lastFaults: [],
    ...changes,
  };
}

/** Of a Channel that nobody publishes to. */
const IDLE_OPERATION: ChannelOperation = {
  ladder: () => ({ ladder: 'two-core', rungs: [], arguments: null }),
  encoderLog: () => [],
  newestPictures: () => undefined,
  stopPublisher: () => ({ code: 'PUBLISH_NONE', message: 'Nobody publishes to this channel.' }),
  restartEncoder: () => ({ code: 'ENCODER_NONE', message: 'No encoder is at work.' }),
  applyLadder: () => ({ code: 'PUBLISH_NONE', message: 'Nobody publishes to this channel.' }),
};

export function pageInfo(httpPort: number): PageInfo {
  const streamKey = (id: string) => `${id}?key=S3CRET`;
  return { httpPort, rtmpPort: 1935, version: '0.1.0', startedMs: 1_790_600_000_000, streamKey };
}

/** Drains and does nothing else. */
export function idleOperator(): Operator {
  let isDraining = false;
  return {
    get isDraining() {
      return isDraining;
    },
    drain: () => {
      isDraining = true;
      return undefined;
    },
    undrain: () => {
      isDraining = false;
      return undefined;
    },
    reloadLadder: () => Promise.resolve({ applies: 'next-publish' }),
    thumbnail: () => Promise.resolve({ kind: 'none' }),
  };
}

export interface ControlDirectory extends OperatedChannels {
  set(...statuses: readonly ChannelStatus[]): void;
}

export function controlDirectory(nowMs: () => number, ...first: readonly ChannelStatus[]): ControlDirectory {
  let statuses = first;
  const view = (status: ChannelStatus): OperatedChannel => ({
    id: status.id,
    text: () => ({ kind: 'unknown' }),
    media: () => ({ kind: 'unknown' }),
    onReady: () => () => undefined,
    holdMs: 2000,
    segmentMs: 2000,
    status: () => status,
    operation: IDLE_OPERATION,
  });
  return {
    set: (...next) => {
      statuses = next;
    },
    get: (id) => {
      const status = statuses.find((one) => one.id === id);
      return status && view(status);
    },
    all: () => statuses.map(view),
    nowMs,
  };
}
