/**
 * A raw RTMP client for tests: it says whatever it is told to, in any order, and keeps all bytes that come back.
 * It never waits for replies by itself. Messages are cut into chunks of `chunkSize` (128 until told otherwise).
 */
import { connect, type Socket } from 'node:net';

export const COMMAND = 20;
export const AUDIO = 8;
export const VIDEO = 9;
export const DATA = 18;
export const SET_CHUNK_SIZE = 1;

export type AmfValue = string | number | boolean | null | { readonly [name: string]: AmfValue };

export function amf0(...values: readonly AmfValue[]): Buffer {
  return Buffer.concat(values.map(amfOne));
}

function amfOne(value: AmfValue): Buffer {
  if (value === null) return Buffer.from([5]);
  if (typeof value === 'boolean') return Buffer.from([1, value ? 1 : 0]);
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(9);
    bytes.writeDoubleBE(value, 1);
    return bytes;
  }
  if (typeof value === 'string') return Buffer.concat([Buffer.from([2]), amfName(value)]);
  const fields = Object.entries(value).flatMap(([name, field]) => [amfName(name), amfOne(field)]);
  return Buffer.concat([Buffer.from([3]), ...fields, Buffer.from([0, 0, 9])]);
}

function amfName(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

export class RtmpClient {
  readonly socket: Socket;
  received = Buffer.alloc(0);
  closed = false;
  chunkSize = 128;

  /** Any address of 127.0.0.0/8 may be the client's own. */
  constructor(port: number, localAddress = '127.0.0.1') {
    this.socket = connect({ port, host: '127.0.0.1', localAddress });
    this.socket.on('data', (bytes) => {
      this.received = Buffer.concat([this.received, bytes]);
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.closed = true;
    });
  }

  /** C0 C1 C2, with S0 S1 S2 awaited in between. Rejects at once where nobody listens. */
  async handshake(): Promise<this> {
    const c1 = Buffer.alloc(1536, 7);
    this.socket.write(Buffer.concat([Buffer.from([3]), c1]));
    await this.until(() => this.received.length >= 3073 || this.closed);
    if (this.received.length < 3073) throw new Error('the RTMP server closed the connection in the handshake');
    this.socket.write(Buffer.alloc(1536, 7));
    return this;
  }

  send(type: number, payload: Buffer, stamp = 0, csid = 3, streamId = 0): this {
    this.socket.write(message(type, payload, stamp, csid, streamId, this.chunkSize));
    return this;
  }

  command(...values: readonly AmfValue[]): this {
    return this.send(COMMAND, amf0(...values));
  }

  connect(app = 'live'): this {
    return this.command('connect', 1, {
      app,
      tcUrl: `rtmp://127.0.0.1/${app}`,
    });
  }

  /** handshake, connect, createStream, publish; then wait for an answer or the end. */
  async publish(streamName: string): Promise<this> {
    await this.handshake();
    this.connect().command('createStream', 2, null);
    this.send(COMMAND, amf0('publish', 3, null, streamName, 'live'), 0, 3, 1);
    await this.until(() => this.said('NetStream.Publish.') || this.closed);
    return this;
  }

  said(text: string): boolean {
    return this.received.includes(text);
  }

  async until(condition: () => boolean, withinMs = 5_000): Promise<void> {
    const end = Date.now() + withinMs;
    while (!condition()) {
      if (Date.now() > end) throw new Error('the RTMP server did not answer');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  untilClosed(withinMs = 5_000): Promise<void> {
    return this.until(() => this.closed, withinMs);
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** One RTMP message as a type 0 chunk and type 3 chunks (RTMP 5.3.1). */
export function message(
  type: number,
  payload: Buffer,
  stamp: number,
  csid: number,
  streamId: number,
  chunkSize: number,
): Buffer {
  const extended = stamp >= 0xffffff;
  const header = Buffer.alloc(12);
  header[0] = csid;
  header.writeUIntBE(extended ? 0xffffff : stamp, 1, 3);
  header.writeUIntBE(payload.length, 4, 3);
  header[7] = type;
  header.writeUInt32LE(streamId, 8);
  const more = Buffer.alloc(extended ? 4 : 0);
  if (extended) more.writeUInt32BE(stamp);
  const parts: Buffer[] = [header, more];
  for (let at = 0; at < payload.length; at += chunkSize) {
    if (at > 0) parts.push(Buffer.from([0xc0 | csid]), more);
    parts.push(payload.subarray(at, at + chunkSize));
  }
  return Buffer.concat(parts);
}
