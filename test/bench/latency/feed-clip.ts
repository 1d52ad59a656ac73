/**
 * The feed as it is pushed: a clip of the generated match with the clock strip, and its tags for ever.
 * The clip is encoded once, since two cores have better to do during the run; its strip counts from 0, and who pushes it says when
 * it began. Invariant: a round is whole frames and whole AAC access units, so stamps go on evenly over its end.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** 960 frames at 30 fps, 1500 access units of 1024 samples at 48 kHz, 16 GOPs. */
export const LOOP_MS = 32_000;
const FPS = 30;
const ACCESS_UNITS = (LOOP_MS * 48) / 1024;

const CLIP = { width: 640, height: 360, fps: FPS, kbps: 1500 } as const;

export interface FeedTag {
  /** FLV TagType: 8 audio, 9 video, 18 script. */
  readonly type: number;
  readonly stampMs: number;
  readonly body: Buffer;
}

export interface Round {
  /** Metadata and sequence headers: once, before all else. */
  readonly headers: readonly FeedTag[];
  /** Rising stamps from 0, below LOOP_MS. */
  readonly media: readonly FeedTag[];
}

/** Encoded like a good publisher does: no B-frames, no look-ahead, an IDR every 2 s. */
export async function makeFeedClip(ffmpeg: string, path: string): Promise<void> {
  const generator = new URL('../../../samples/match-feed.mjs', import.meta.url).pathname;
  const seconds = LOOP_MS / 1000;
  const command = `"$NODE" "$GENERATOR" --size ${CLIP.width}x${CLIP.height} --fps ${FPS} --seconds ${seconds} --start 0 |
    "$FFMPEG" -v error -y -f yuv4mpegpipe -i pipe:0 -f lavfi -i "$("$NODE" "$GENERATOR" --beep --seconds ${seconds + 1})" \
      -c:v libx264 -preset veryfast -tune zerolatency -bf 0 -g ${2 * FPS} -keyint_min ${2 * FPS} -sc_threshold 0 -pix_fmt yuv420p \
      -b:v ${CLIP.kbps}k -maxrate ${CLIP.kbps}k -bufsize ${CLIP.kbps}k -c:a aac -b:a 96k -ar 48000 -ac 2 -f flv "$CLIP"`;
  const env = { ...process.env, NODE: process.execPath, GENERATOR: generator, FFMPEG: ffmpeg, CLIP: path };
  await promisify(execFile)('/bin/sh', ['-c', command], { env });
}

/** FLV 10.1, E.3 and E.4.1. Whole tags only. */
function tagsOf(flv: Buffer): FeedTag[] {
  const tags: FeedTag[] = [];
  for (let at = flv.readUInt32BE(5) + 4; at + 11 <= flv.length; ) {
    const size = flv.readUIntBE(at + 1, 3);
    const stampMs = flv.readUIntBE(at + 4, 3) + ((flv[at + 7] ?? 0) << 24);
    tags.push({ type: (flv[at] ?? 0) & 0x1f, stampMs, body: flv.subarray(at + 11, at + 11 + size) });
    at += 11 + size + 4;
  }
  return tags;
}

const isHeader = ({ type, body }: FeedTag): boolean => type === 18 || body[1] === 0;

/** @throws when the clip is not a whole round */
export function roundOf(flv: Buffer): Round {
  const tags = tagsOf(flv);
  const headers = tags.filter(isHeader).map((tag) => ({ ...tag, stampMs: 0 }));
  // AVC end of sequence (AVCPacketType 2) would end the feed.
  const video = tags.filter((tag) => tag.type === 9 && tag.body[1] === 1 && tag.stampMs < LOOP_MS);
  const audio = tags
    .filter((tag) => tag.type === 8 && !isHeader(tag))
    .slice(0, ACCESS_UNITS)
    .map((tag, i) => ({ ...tag, stampMs: Math.round((i * 1024) / 48) }));
  const frames = (LOOP_MS * FPS) / 1000;
  if (video.length !== frames || audio.length !== ACCESS_UNITS)
    throw new Error(
      `the clip has ${video.length} frames of ${frames} and ${audio.length} access units of ${ACCESS_UNITS}`,
    );
  return { headers, media: [...video, ...audio].toSorted((a, b) => a.stampMs - b.stampMs) };
}

/** Which tag is the `index`-th of the endless feed, with its stamp there. */
export function tagAt({ media }: Round, index: number): FeedTag {
  const round = Math.floor(index / media.length);
  const tag = media[index % media.length] as FeedTag;
  return { ...tag, stampMs: tag.stampMs + round * LOOP_MS };
}
