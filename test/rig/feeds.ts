/**
 * Feeds for end-to-end tests: clips whose picture flashes white while its sound beeps, once a second; their FLV tags, to be
 * rewritten by a test; a publisher that sends tags as they come due; and a look into what became of flash and beep.
 */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { viewerOf } from '../e2e/service-client.ts';
import { RtmpClient, VIDEO } from '../fakes/rtmp-client.ts';
import { type FlvTag, readFlv, setChunkSize } from './flv-file.ts';
import { FFMPEG, type TestService } from './service.ts';

/** The service under test runs in this process: nothing may block it. */
const run = promisify(execFile);

export interface ClipOptions {
  readonly seconds?: number;
  readonly size?: string;
  /** Of the flashing picture: yuv420p has even sizes alone. */
  readonly format?: string;
  /** ffmpeg's filters after the flashing picture. */
  readonly filter?: string;
  /** Encoder options of the picture: they replace `-preset ultrafast -tune zerolatency -g 60 -pix_fmt yuv420p`. */
  readonly video?: readonly string[];
  /** Encoder options of the sound; none: no sound at all. */
  readonly audio?: readonly string[] | 'none';
}

export const PLAIN_VIDEO = ['-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '60', '-pix_fmt', 'yuv420p'];
const PLAIN_AUDIO = ['-c:a', 'aac', '-b:a', '96k', '-ac', '2'];

/** Encodes a clip, faster than real time, into an FLV file. Flash and beep: the first 100 ms of every second. */
export async function makeClip(folder: string, name: string, options: ClipOptions = {}): Promise<FlvTag[]> {
  const {
    seconds = 22,
    size = '320x180',
    format = 'yuv420p',
    filter = '',
    video = PLAIN_VIDEO,
    audio = PLAIN_AUDIO,
  } = options;
  const flash = `scale=${size.replace('x', ':')},setsar=1,format=${format},drawbox=color=white:t=fill:enable='lt(mod(t,1),0.099)'${filter === '' ? '' : `,${filter}`}`;
  const beep = `aevalsrc=exprs='0.5*sin(2*PI*1000*t)*lt(mod(t,1),0.1)|0.5*sin(2*PI*1000*t)*lt(mod(t,1),0.1)':s=48000`;
  const file = join(folder, `${name}.flv`);
  const sound = audio === 'none' ? [] : ['-f', 'lavfi', '-i', beep];
  await run(FFMPEG, [
    ...['-loglevel', 'error', '-y', '-f', 'lavfi', '-i', `testsrc2=s=${size}:r=30`, ...sound],
    ...['-t', String(seconds), '-vf', flash, '-c:v', 'libx264', ...video, ...(audio === 'none' ? [] : audio), file],
  ]);
  return readFlv(readFileSync(file));
}

export interface TagPush {
  readonly client: RtmpClient;
  /** Resolves when all tags are sent or the push was stopped. */
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

/** Sends each tag when its stamp is due; `late` ms are added to the due time alone, as a network does. */
export function sendTags(client: RtmpClient, tags: readonly (FlvTag & { readonly late?: number })[]): TagPush {
  let isOver = false;
  const firstStamp = Math.min(...tags.map(({ stamp }) => stamp));
  const done = (async () => {
    const startMs = performance.now();
    for (const { type, stamp, body, late = 0 } of tags) {
      const aheadMs = stamp - firstStamp + late - (performance.now() - startMs);
      if (aheadMs > 0) await sleep(aheadMs);
      if (isOver || client.closed) return;
      client.send(type, body, stamp, type === VIDEO ? 6 : 4, 1);
    }
  })();
  return {
    client,
    done,
    async stop() {
      isOver = true;
      client.destroy();
      await done;
    },
  };
}

export async function pushTags(port: number, streamName: string, tags: readonly FlvTag[]): Promise<TagPush> {
  const client = await new RtmpClient(port).publish(streamName);
  setChunkSize(client, 4096);
  return sendTags(client, tags);
}

export interface Look {
  readonly frames: number;
  /** Share of the frames that differ from the one before. */
  readonly movingShare: number;
  /** Seconds of media time at which a flash, a beep began. */
  readonly flashes: readonly number[];
  readonly beeps: readonly number[];
  /** Largest distance of a beep from its flash, in ms; undefined without a pair. */
  readonly apartMs: number | undefined;
}

/** Decodes the newest `count` Segments of the 180p rung and of the sound. */
export async function lookAt(
  service: Pick<TestService, 'ports'>,
  channel: string,
  folder: string,
  count = 3,
): Promise<Look> {
  const [picture, sound] = await Promise.all(
    ['180p', 'audio'].map((track) => takeNewest(service, channel, track, folder, count)),
  );
  if (picture === undefined || sound === undefined) throw new Error('there are no Segments');
  const bytes = await decode(picture.file, ['-vf', 'scale=16:9:flags=area,format=gray', '-fps_mode', 'passthrough']);
  const frames = Array.from({ length: bytes.length / 144 }, (_, i) => bytes.subarray(i * 144, (i + 1) * 144));
  const moving = frames.filter((frame, i) => i > 0 && !frame.equals(frames[i - 1] ?? frame)).length;
  const bright = frames.map(isWhite);
  const perSecond = frames.length / picture.seconds;
  const pcm = await decode(sound.file, ['-f', 's16le', '-ac', '1', '-ar', '48000']);
  const samples = new Int16Array(new Uint8Array(pcm).buffer);
  const loud = loudMs(samples);
  const flashes = onsets(bright).map((i) => picture.start + i / perSecond);
  const beeps = onsets(loud).map((i) => sound.start + i / 1000);
  const distances = flashes.flatMap((flash) => {
    const near = beeps.map((beep) => Math.abs(beep - flash)).filter((seconds) => seconds < 0.5);
    return near.length === 0 ? [] : [Math.min(...near) * 1000];
  });
  return {
    frames: frames.length,
    movingShare: moving / Math.max(1, frames.length - 1),
    flashes,
    beeps,
    apartMs: distances.length === 0 ? undefined : Math.max(...distances),
  };
}

/** By the middle of 16 x 9 cells: a portrait picture has black bars beside it. */
function isWhite(frame: Buffer): boolean {
  return [...frame].filter((value, i) => i % 16 >= 6 && i % 16 <= 9 && value > 200).length > 32;
}

/** True from where on something begins: the indices at which false becomes true. */
function onsets(signal: readonly boolean[]): number[] {
  return signal.flatMap((now, i) => (now && i > 0 && !signal[i - 1] ? [i] : []));
}

/** Per ms, whether a sample of the last 5 ms is loud. */
function loudMs(samples: Int16Array): boolean[] {
  const peaks = Array.from({ length: Math.floor(samples.length / 48) }, (_, ms) =>
    samples.subarray(ms * 48, ms * 48 + 48).reduce((peak, value) => Math.max(peak, Math.abs(value)), 0),
  );
  return peaks.map((_, ms) => Math.max(...peaks.slice(Math.max(0, ms - 4), ms + 1)) > 4000);
}

async function decode(file: string, options: readonly string[]): Promise<Buffer> {
  const format = options.includes('-f') ? [] : ['-f', 'rawvideo'];
  const args = ['-loglevel', 'error', '-i', file, ...options, ...format, '-'];
  return (await run(FFMPEG, args, { maxBuffer: 2 ** 27, encoding: 'buffer' })).stdout;
}

async function takeNewest(
  service: Pick<TestService, 'ports'>,
  channel: string,
  track: string,
  folder: string,
  count: number,
) {
  const viewer = viewerOf(service, channel);
  const { segments } = await viewer.playlist(track);
  const newest = segments.slice(-count);
  const map = segments.findLast((segment) => segment.map !== undefined)?.map ?? '';
  const bodies = await Promise.all([map, ...newest.map(({ uri }) => uri)].map((uri) => viewer.get(`${track}/${uri}`)));
  const bytes = Buffer.concat(bodies.map(({ body }) => body));
  const file = join(folder, `${channel}-${track}.mp4`);
  writeFileSync(file, bytes);
  // ISO/IEC 14496-12, 8.8.12 and 8.4.2: the first tfdt and the mdhd of the only track; both of version 1 or 0.
  const timescale = readTime(bytes, 'mdhd', { version0: 16, version1: 24 });
  const tfdt = bytes.indexOf('tfdt');
  const start = bytes[tfdt + 4] === 1 ? Number(bytes.readBigUInt64BE(tfdt + 8)) : bytes.readUInt32BE(tfdt + 8);
  const seconds = newest.reduce((sum, { durationSeconds }) => sum + durationSeconds, 0);
  return { file, start: start / timescale, seconds };
}

function readTime(bytes: Buffer, box: string, offset: { version0: number; version1: number }): number {
  const at = bytes.indexOf(box);
  return bytes.readUInt32BE(at + (bytes[at + 4] === 1 ? offset.version1 : offset.version0));
}

/** A settings file's lines for channels that share a ladder, each with the key `KEY-id`. */
export function channelsYaml(ladder: string, key: string, ids: readonly string[]): string {
  const lines = ids.map((id) => `  ${id}: { ladder: ${ladder}, keys: { main: ${key}-${id} } }`);
  return ['channels:', ...lines, ''].join('\n');
}
