/**
 * What encoders say to an RTMP server, as bytes and as messages: recorded from ffmpeg through a proxy, or written as OBS does.
 * It never changes a byte; that is rtmp-mutations.ts. Channel names are CHANNEL_MARK, to be replaced by one as long.
 */
import { connect, createServer, type Socket } from 'node:net';
import { type AmfValue, AUDIO, amf0, COMMAND, DATA, message, SET_CHUNK_SIZE, VIDEO } from '../fakes/rtmp-client.ts';

export const CHANNEL_MARK = 'lane-00';

export interface RtmpMessage {
  readonly csid: number;
  readonly type: number;
  readonly stamp: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export interface Conversation {
  readonly name: string;
  /** C0, C1 and C2. */
  readonly handshake: Buffer;
  /** All after the handshake, as the encoder cut it. */
  readonly chunks: Buffer;
  readonly messages: readonly RtmpMessage[];
}

const HANDSHAKE_BYTES = 1 + 2 * 1536;

/** Passes `run`'s connection on to the RTMP server at `port` and keeps what the encoder said. */
export async function recordConversation(
  name: string,
  port: number,
  run: (proxyPort: number) => Promise<void>,
): Promise<Conversation> {
  const said: Buffer[] = [];
  const sockets: Socket[] = [];
  const server = createServer((encoder) => {
    const upstream = connect(port, '127.0.0.1');
    sockets.push(encoder, upstream);
    encoder.on('data', (bytes) => said.push(bytes));
    for (const socket of [encoder, upstream]) socket.on('error', () => socket.destroy());
    encoder.pipe(upstream).pipe(encoder);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await run(typeof address === 'object' && address ? address.port : 0);
  for (const socket of sockets) socket.destroy();
  server.close();
  const bytes = Buffer.concat(said);
  const chunks = bytes.subarray(HANDSHAKE_BYTES);
  return { name, handshake: bytes.subarray(0, HANDSHAKE_BYTES), chunks, messages: readMessages(chunks) };
}

/** The order and the extras of OBS 30: releaseStream, FCPublish, AMF0 metadata, chunks of 4096, deleteStream at the end. */
export function obsConversation(app: string, key: string): Conversation {
  const tcUrl = `rtmp://127.0.0.1/${app}`;
  const flash = { app, type: 'nonprivate', flashVer: 'FMLE/3.0 (compatible; FMSc/1.0)', swfUrl: tcUrl, tcUrl };
  const command = (stamp: number, streamId: number, ...values: readonly AmfValue[]): RtmpMessage => ({
    csid: 3,
    type: COMMAND,
    stamp,
    streamId,
    payload: amf0(...values),
  });
  const meta = { duration: 0, width: 64, height: 48, videocodecid: 7, framerate: 30, audiocodecid: 10, stereo: true };
  const avcc = Buffer.from(
    '1700000000014d400affe1001a674d400ae8c3fcb80b50101014000003000400000300ca3c489e01000468ee3c80',
    'hex',
  );
  const media = Array.from({ length: 12 }, (_, i): RtmpMessage[] => [
    {
      csid: 4,
      type: VIDEO,
      stamp: i * 33,
      streamId: 1,
      payload: Buffer.concat([
        Buffer.from([i % 6 === 0 ? 0x17 : 0x27, 1, 0, 0, 0, 0, 0, 1, 0x2c, 0x65]),
        Buffer.alloc(300, i),
      ]),
    },
    {
      csid: 4,
      type: AUDIO,
      stamp: i * 33,
      streamId: 1,
      payload: Buffer.concat([Buffer.from([0xaf, 1]), Buffer.alloc(90, i)]),
    },
  ]).flat();
  const messages: RtmpMessage[] = [
    { csid: 2, type: SET_CHUNK_SIZE, stamp: 0, streamId: 0, payload: Buffer.from([0, 0, 0x10, 0]) },
    command(0, 0, 'connect', 1, flash),
    { csid: 2, type: 5, stamp: 0, streamId: 0, payload: Buffer.from([0, 0x26, 0x25, 0xa0]) },
    command(0, 0, 'releaseStream', 2, null, key),
    command(0, 0, 'FCPublish', 3, null, key),
    command(0, 0, 'createStream', 4, null),
    command(0, 1, 'publish', 5, null, key, 'live'),
    { csid: 4, type: DATA, stamp: 0, streamId: 1, payload: amf0('@setDataFrame', 'onMetaData', meta) },
    { csid: 4, type: VIDEO, stamp: 0, streamId: 1, payload: avcc },
    { csid: 4, type: AUDIO, stamp: 0, streamId: 1, payload: Buffer.from('af001190', 'hex') },
    ...media,
    command(400, 0, 'FCUnpublish', 6, null, key),
    command(400, 0, 'deleteStream', 7, null, 1),
  ];
  const handshake = Buffer.concat([Buffer.from([3]), Buffer.alloc(2 * 1536, 0x5a)]);
  return { name: 'obs', handshake, chunks: writeMessages(messages), messages };
}

/** Type 0 chunks of the size that the messages themselves set, where it is one that can be written. */
export function writeMessages(messages: readonly RtmpMessage[]): Buffer {
  let chunkSize = 128;
  return Buffer.concat(
    messages.map(({ csid, type, stamp, streamId, payload }) => {
      const bytes = message(type, payload, stamp, csid, streamId, chunkSize);
      const size = type === SET_CHUNK_SIZE && payload.length >= 4 ? payload.readUInt32BE(0) : 0;
      if (size >= 1 && size <= 0x7fffffff) chunkSize = Math.min(size, 0xffffff);
      return bytes;
    }),
  );
}

interface Assembly {
  stamp: number;
  delta: number;
  isExtended: boolean;
  length: number;
  type: number;
  streamId: number;
  parts: Buffer[];
  have: number;
}

/** RTMP 5.3.1, for honest bytes only; a cut message at the end is left out. */
function readMessages(bytes: Buffer): RtmpMessage[] {
  const streams = new Map<number, Assembly>();
  const messages: RtmpMessage[] = [];
  let chunkSize = 128;
  let at = 0;
  while (at < bytes.length) {
    const first = bytes[at] ?? 0;
    at += 1;
    let csid = first & 0x3f;
    if (csid === 0) csid = 64 + (bytes[at++] ?? 0);
    const fmt = first >> 6;
    if (at + ([11, 7, 3, 0][fmt] ?? 0) + 4 > bytes.length) break;
    const stream = streams.get(csid) ?? newAssembly();
    streams.set(csid, stream);
    at = readHeader(bytes, at, fmt, stream);
    const size = Math.min(chunkSize, stream.length - stream.have);
    if (at + size > bytes.length) break;
    stream.parts.push(bytes.subarray(at, at + size));
    stream.have += size;
    at += size;
    if (stream.have < stream.length) continue;
    const { type, stamp, streamId } = stream;
    const payload = Buffer.concat(stream.parts);
    if (type === SET_CHUNK_SIZE) chunkSize = payload.readUInt32BE(0);
    messages.push({ csid, type, stamp, streamId, payload });
    stream.parts = [];
    stream.have = 0;
  }
  return messages;
}

function newAssembly(): Assembly {
  return { stamp: 0, delta: 0, isExtended: false, length: 0, type: 0, streamId: 0, parts: [], have: 0 };
}

function readHeader(bytes: Buffer, from: number, fmt: number, stream: Assembly): number {
  let at = from;
  let field = 0;
  if (fmt <= 2) {
    field = bytes.readUIntBE(at, 3);
    stream.isExtended = field === 0xffffff;
  }
  if (fmt <= 1) {
    stream.length = bytes.readUIntBE(at + 3, 3);
    stream.type = bytes[at + 6] ?? 0;
  }
  if (fmt === 0) stream.streamId = bytes.readUInt32LE(at + 7);
  at += [11, 7, 3, 0][fmt] ?? 0;
  if (stream.isExtended) {
    field = bytes.readUInt32BE(at);
    at += 4;
  }
  if (fmt === 0) stream.stamp = field;
  if (fmt === 1 || fmt === 2) stream.delta = field;
  if (fmt !== 0 && stream.have === 0) stream.stamp += stream.delta;
  return at;
}
