/** The tags of an FLV file, and what one has to know to send them over RTMP again. It never touches files or sockets of its own. */
import { type RtmpClient, SET_CHUNK_SIZE, VIDEO } from '../fakes/rtmp-client.ts';

export interface FlvTag {
  readonly type: number;
  readonly stamp: number;
  readonly body: Buffer;
}

/** FLV 10.1, E.3 and E.4.1. */
export function readFlv(bytes: Buffer): FlvTag[] {
  const tags: FlvTag[] = [];
  for (let at = 13; at + 11 <= bytes.length; ) {
    const length = bytes.readUIntBE(at + 1, 3);
    const stamp = bytes.readUIntBE(at + 4, 3) + (bytes[at + 7] ?? 0) * 2 ** 24;
    tags.push({ type: bytes[at] ?? 0, stamp, body: bytes.subarray(at + 11, at + 11 + length) });
    at += 11 + length + 4;
  }
  return tags;
}

export const isHeader = ({ type, body }: FlvTag): boolean =>
  type === VIDEO ? body[1] === 0 : (body[0] ?? 0) >> 4 === 10 && body[1] === 0;
export const isKeyframe = ({ type, body }: FlvTag): boolean => type === VIDEO && (body[0] ?? 0) >> 4 === 1;

/** RTMP 5.4.1: what is sent after it is cut anew. */
export function setChunkSize(client: RtmpClient, bytes: number): void {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  client.send(SET_CHUNK_SIZE, payload, 0, 2);
  client.chunkSize = bytes;
}
