/**
 * One picture of CMAF media as a JPEG, by one short ffmpeg.
 * It never waits for longer than 5 s and never takes the machine from encoders. Invariant: no process is left when it resolves.
 */
import { spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import type { Clock } from '../system/clock.ts';

export interface StillRequest {
  readonly ffmpegPath: string;
  /** CMAF header and a Segment that begins with an IDR picture; the first picture is taken. */
  readonly media: readonly Buffer[];
  /** Of the longer side. */
  readonly longerSide: number;
  readonly clock: Clock;
}

export type StillPicture =
  | { readonly kind: 'made'; readonly jpeg: Buffer }
  | { readonly kind: 'failed'; readonly reason: string };

const LIMIT_MS = 5000;
const MAX_JPEG_BYTES = 1024 * 1024;
const LAST_WORDS = 500;
const NICENESS = 10;

/** ffmpeg's arguments: media on stdin, one JPEG on stdout. */
function stillArguments(longerSide: number): string[] {
  const size = `w='if(gte(iw,ih),${longerSide},-2)':h='if(gte(iw,ih),-2,${longerSide})'`;
  return [
    ...['-hide_banner', '-loglevel', 'error', '-threads', '1', '-skip_frame', 'nokey', '-f', 'mp4', '-i', 'pipe:0'],
    ...['-an', '-frames:v', '1', '-vf', `scale=${size}:flags=bilinear`, '-q:v', '5', '-f', 'mjpeg', 'pipe:1'],
  ];
}

export function makeStill({ ffmpegPath, media, longerSide, clock }: StillRequest): Promise<StillPicture> {
  return new Promise((resolve) => {
    const child = spawn(ffmpegPath, stillArguments(longerSide), { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    const jpeg: Buffer[] = [];
    let size = 0;
    let words = '';
    const cancelLimit = clock.after(LIMIT_MS, () => {
      words += ` killed after ${LIMIT_MS} ms`;
      child.kill('SIGKILL');
    });
    child.stdout.on('data', (bytes: Buffer) => {
      size += bytes.length;
      if (size > MAX_JPEG_BYTES) child.kill('SIGKILL');
      else jpeg.push(bytes);
    });
    child.stderr.on('data', (bytes: Buffer) => {
      words = (words + bytes.toString()).slice(-LAST_WORDS);
    });
    // It may end when it has its picture, without the rest.
    child.stdin.on('error', () => undefined);
    child.once('error', (error) => {
      words += error.message;
    });
    child.once('close', (code) => {
      cancelLimit();
      const isMade = code === 0 && size > 0 && size <= MAX_JPEG_BYTES;
      resolve(isMade ? { kind: 'made', jpeg: Buffer.concat(jpeg) } : { kind: 'failed', reason: words.trim() });
    });
    lower(child.pid);
    for (const bytes of media) child.stdin.write(bytes);
    child.stdin.end();
  });
}

function lower(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, NICENESS);
  } catch {
    // It has ended already, or this system knows no priorities: it is short anyway.
  }
}
