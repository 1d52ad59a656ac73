/**
 * Takes POSTs of CMAF from a real ffmpeg and reads as much of them as encoder tests need.
 * It never judges: init bytes, and per chunk its time, its frames and whether it begins with a sync sample.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

interface SunkChunk {
  readonly decodeTicks: number;
  readonly samples: number;
  readonly durationTicks: number;
  readonly isSync: boolean;
  readonly bytes: Buffer;
}

export interface SunkBody {
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly init: Buffer;
  readonly chunks: SunkChunk[];
  /** False when the connection broke before the final chunk. */
  complete: boolean;
}

export interface PostSink extends AsyncDisposable {
  readonly bodies: ReadonlyMap<string, SunkBody>;
  urlOf(track: string): string;
  /** Resolves when the tracks' bodies have ended or broken. */
  ended(tracks: readonly string[]): Promise<void>;
  /** Resolves when the track has that many chunks. */
  chunks(track: string, count: number): Promise<void>;
}

export async function openPostSink(): Promise<PostSink> {
  const bodies = new Map<string, SunkBody>();
  const over = new Set<string>();
  const watchers = new Set<() => void>();
  const wake = () => {
    for (const watcher of watchers) watcher();
  };
  const server = createServer((request, response) => {
    const track = (request.url ?? '/').slice(1);
    let rest = Buffer.alloc(0);
    let init = Buffer.alloc(0);
    let moof: Buffer | undefined;
    const body: SunkBody = {
      headers: request.headers,
      get init() {
        return init;
      },
      chunks: [],
      complete: false,
    };
    bodies.set(track, body);
    request.on('data', (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes]);
      while (rest.length >= 8 && rest.length >= rest.readUInt32BE(0)) {
        const size = rest.readUInt32BE(0);
        const box = rest.subarray(0, size);
        rest = rest.subarray(size);
        const type = box.toString('latin1', 4, 8);
        if (type === 'ftyp' || type === 'moov') init = Buffer.concat([init, box]);
        else if (type === 'moof') moof = box;
        else if (type === 'mdat' && moof !== undefined) body.chunks.push(readChunk(moof, box));
        else throw new Error(`a ${type} box in a CMAF track`);
      }
      wake();
    });
    const end = () => {
      over.add(track);
      wake();
    };
    request.on('end', () => {
      body.complete = request.complete;
      response.end();
      end();
    });
    request.on('error', end);
    request.on('close', end);
  });
  server.requestTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const until = (met: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!met()) return;
        watchers.delete(look);
        resolve();
      };
      watchers.add(look);
      look();
    });
  return {
    bodies,
    urlOf: (track) => `http://127.0.0.1:${port}/${track}`,
    ended: (tracks) => until(() => tracks.every((track) => over.has(track))),
    chunks: (track, count) => until(() => (bodies.get(track)?.chunks.length ?? 0) >= count),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function find(bytes: Buffer, type: string): Buffer {
  const at = bytes.indexOf(type, 0, 'latin1');
  if (at < 4) throw new Error(`no ${type}`);
  return bytes.subarray(at - 4, at - 4 + bytes.readUInt32BE(at - 4));
}

function readChunk(moof: Buffer, mdat: Buffer): SunkChunk {
  const tfhd = find(moof, 'tfhd');
  const tfhdFlags = tfhd.readUInt32BE(8) & 0xffffff;
  let at = 16;
  if (tfhdFlags & 0x1) at += 8;
  if (tfhdFlags & 0x2) at += 4;
  const defaultDuration = tfhdFlags & 0x8 ? tfhd.readUInt32BE(at) : 0;
  if (tfhdFlags & 0x8) at += 4;
  if (tfhdFlags & 0x10) at += 4;
  const defaultFlags = tfhdFlags & 0x20 ? tfhd.readUInt32BE(at) : 0;
  const tfdt = find(moof, 'tfdt');
  const trun = find(moof, 'trun');
  const flags = trun.readUInt32BE(8) & 0xffffff;
  const samples = trun.readUInt32BE(12);
  at = 16;
  if (flags & 0x1) at += 4;
  let firstFlags = defaultFlags;
  if (flags & 0x4) {
    firstFlags = trun.readUInt32BE(at);
    at += 4;
  }
  let durationTicks = 0;
  for (let index = 0; index < samples; index++) {
    durationTicks += flags & 0x100 ? trun.readUInt32BE(at) : defaultDuration;
    if (flags & 0x100) at += 4;
    if (flags & 0x200) at += 4;
    if (flags & 0x400) {
      if (index === 0) firstFlags = trun.readUInt32BE(at);
      at += 4;
    }
    if (flags & 0x800) at += 4;
  }
  return {
    decodeTicks: Number(tfdt.readBigInt64BE(12)),
    samples,
    durationTicks,
    isSync: (firstFlags & 0x10000) === 0,
    bytes: Buffer.concat([moof, mdat]),
  };
}
