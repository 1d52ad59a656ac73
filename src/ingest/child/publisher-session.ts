/**
 * One accepted connection: the library's session, let through the gate step by step.
 * It never answers Start before the host has admitted the publish, and passes media only while publishing.
 * Invariant: nothing a peer sends reaches beyond this object except admitted tags; every end destroys the socket.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../../system/clock.ts';
import { messageOf } from '../../system/errors.ts';
import type { PublishEndReason, RefusalReason } from '../link-messages.ts';
import { guardChunks, RtmpProtocolError } from './chunk-guard.ts';
import { readConnectTarget } from './connect-target.ts';
import { type InvokeMessage, type LibraryPacket, type LibrarySession, openSession } from './library.ts';
import type { RtmpLimits } from './limits.ts';
import { TokenBucket } from './token-bucket.ts';

const APPLICATION = 'live';
const RTMP_VERSION = 3;
const DEFAULT_ACKNOWLEDGEMENT_BYTES = 1_250_000;
const KIND_AMF3_DATA = 15;
const KIND_SCRIPT = 18;
const KIND_VIDEO = 9;
const KIND_AUDIO = 8;
const EX_AUDIO_FORMAT = 9;
/** The library hands packets with this flag on and stores them nowhere. */
const PASS_ON_ONLY = 6;
/** Between deleteStream and the end of the socket, at most. */
const LEAVE_MS = 5_000;

export interface PublishTag {
  readonly kind: number;
  readonly stamp: number;
  /** Monotonic us at which the socket's bytes were read. */
  readonly arrivalUs: number;
  readonly body: Buffer;
}

export type Admission =
  | {
      readonly kind: 'admitted';
      readonly channel: string;
      readonly id: string;
    }
  | { readonly kind: 'refused'; readonly reason: RefusalReason };

/** What the gate does for a session. */
export interface SessionHost {
  /** Decides about a publish of `live/streamName`; an admitted channel is taken until `onEnd`. */
  admit(session: PublisherSession, streamName: string): Admission;
  onPublish(session: PublisherSession, id: string, channel: string): void;
  onTag(session: PublisherSession, tag: PublishTag): void;
  onRefused(session: PublisherSession, reason: RefusalReason): void;
  /** The socket is gone or will not be listened to any more; called once. */
  onEnd(session: PublisherSession, reason: PublishEndReason, detail: string): void;
}

type State = 'new' | 'connected' | 'publishing' | 'over';

/** Thrown to leave the library's parser once the session is over. */
class SessionOver extends Error {}

export class PublisherSession {
  readonly address: string;
  /** Whom this connection is counted to. */
  readonly group: string;
  readonly acceptedUs: number;
  #state: State = 'new';
  /** `?...` of the URL that connect named, or nothing. */
  #connectQuery = '';
  #arrivalUs: number;
  #lastMediaUs = 0;
  #inBytes = 0;
  #acknowledgedBytes = 0;
  #paused = false;
  #waiting = false;
  #ended = false;
  readonly #session: LibrarySession;
  readonly #socket: Socket;
  readonly #host: SessionHost;
  readonly #limits: RtmpLimits;
  readonly #clock: Clock;
  readonly #bucket: TokenBucket;

  constructor(socket: Socket, group: string, host: SessionHost, limits: RtmpLimits, clock: Clock) {
    this.group = group;
    this.#socket = socket;
    this.#host = host;
    this.#limits = limits;
    this.#clock = clock;
    this.address = `${socket.remoteAddress}:${socket.remotePort}`;
    this.acceptedUs = clock.monotonicUs();
    this.#arrivalUs = this.acceptedUs;
    this.#bucket = new TokenBucket(limits.bytesPerSecond, this.acceptedUs);
    this.#session = openSession(socket);
    this.#wire();
    socket.on('data', (data) => this.#onData(data));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#end('publisher-gone', ''));
  }

  /** Stops reading from the publisher; its TCP window closes. */
  pause(): void {
    if (this.#state === 'over') return;
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused || this.#state === 'over') return;
    this.#paused = false;
    this.#lastMediaUs = this.#clock.monotonicUs();
    if (!this.#waiting) this.#socket.resume();
  }

  /** Reads nothing for so long; independent of pause() and resume(). */
  waitFor(delayMs: number): void {
    if (delayMs === 0 || this.#waiting || this.#state === 'over') return;
    this.#waiting = true;
    this.#socket.pause();
    this.#clock.after(delayMs, () => {
      this.#waiting = false;
      if (!this.#paused && this.#state !== 'over') this.#socket.resume();
    });
  }

  /** At once, unless it is over: who was refused or said deleteStream has been given its time to leave. */
  close(reason: PublishEndReason, detail: string): void {
    if (this.#ended) return;
    this.#end(reason, detail);
    this.#socket.destroy();
  }

  /** Ends the session when a deadline has passed; the gate calls it a few times a second. */
  checkDeadlines(nowUs: number): void {
    if (this.#state === 'over') return;
    const ageMs = (nowUs - this.acceptedUs) / 1000;
    if (this.#state === 'publishing') {
      const idleMs = (nowUs - this.#lastMediaUs) / 1000;
      if (!this.#paused && idleMs > this.#limits.idleTimeoutMs) this.close('idle', 'no media');
      return;
    }
    if (ageMs > this.#limits.publishTimeoutMs || (this.#state === 'new' && ageMs > this.#limits.handshakeTimeoutMs))
      this.#drop('timeout');
  }

  #wire(): void {
    const { rtmp } = this.#session;
    guardChunks(rtmp, this.#limits, () => this.#state === 'publishing');
    rtmp.onOutputCallback = (bytes) => this.#write(bytes);
    rtmp.onPacketCallback = (packet) => this.#onPacket(packet);
    const connect = rtmp.onConnect.bind(rtmp);
    rtmp.onConnect = (message) => this.#onConnect(message, connect);
    rtmp.onPublish = (message) => this.#onPublish(message);
    rtmp.onPlay = () => this.#onPlay();
    rtmp.onDeleteStream = () => {
      if (this.#state !== 'publishing') return;
      this.#end('publisher-gone', '');
      // GStreamer takes a socket that closes before it does for an error: it may leave first.
      this.#clock.after(LEAVE_MS, () => this.#socket.destroy());
      throw new SessionOver();
    };
  }

  #onData(data: Buffer): void {
    if (this.#state === 'over') return;
    this.#arrivalUs = this.#clock.monotonicUs();
    try {
      // RTMP 5.2.2: C0 is the version; anything else is another protocol on this port.
      if (this.#inBytes === 0 && data[0] !== RTMP_VERSION) throw new RtmpProtocolError('not RTMP');
      this.#inBytes += data.length;
      if (this.#state !== 'publishing' && this.#inBytes > this.#limits.maxStrangerBytes)
        throw new RtmpProtocolError('too much before a publish');
      this.#session.onData(data);
      this.#acknowledge();
      this.waitFor(this.#bucket.take(data.length, this.#arrivalUs));
    } catch (thrown) {
      if (!(thrown instanceof SessionOver)) this.#fail(thrown);
    }
  }

  #fail(thrown: unknown): void {
    if (this.#state !== 'publishing') {
      this.#drop('protocol');
      return;
    }
    // The library's own messages may quote what the peer sent; ours never do.
    const detail = thrown instanceof RtmpProtocolError ? messageOf(thrown) : 'a message cannot be read';
    this.close('protocol', detail);
  }

  #write(bytes: Buffer): void {
    if (this.#socket.destroyed) return;
    if (this.#socket.writableLength > this.#limits.maxOutputBytes)
      throw new RtmpProtocolError('the peer does not read its replies');
    this.#socket.write(bytes);
  }

  /** RTMP 5.4.3: bytes received are acknowledged within the peer's window; strict encoders stall without. */
  #acknowledge(): void {
    const { rtmp } = this.#session;
    const window = rtmp.ackSize ?? DEFAULT_ACKNOWLEDGEMENT_BYTES;
    const every = Math.max(2_500, Math.floor(window / 2));
    if (this.#state === 'new') return;
    if (this.#inBytes - this.#acknowledgedBytes < every) return;
    this.#acknowledgedBytes = this.#inBytes;
    rtmp.sendACK(this.#inBytes % 2 ** 32);
  }

  #onConnect(message: InvokeMessage, connect: (message: InvokeMessage) => void): void {
    if (this.#state !== 'new') throw new RtmpProtocolError('connect was sent twice');
    const { cmdObj } = message;
    if (typeof cmdObj !== 'object' || cmdObj === null) throw new RtmpProtocolError('connect without a command object');
    const target = readConnectTarget(cmdObj);
    if (target === undefined) throw new RtmpProtocolError('connect without app or tcUrl');
    this.#connectQuery = target.query;
    if (target.application !== APPLICATION)
      this.#refuse('unknown-application', () =>
        this.#session.rtmp.sendInvokeMessage(0, {
          cmd: '_error',
          transId: 1,
          cmdObj: null,
          info: {
            level: 'error',
            code: 'NetConnection.Connect.Rejected',
            description: '[ AccessManager.Reject ] : unknown application.',
          },
        }),
      );
    connect({ ...message, cmdObj: { ...cmdObj, app: APPLICATION } });
    this.#state = 'connected';
  }

  #onPlay(): void {
    const { rtmp } = this.#session;
    this.#refuse('player', () =>
      rtmp.sendStatusMessage(
        rtmp.parserPacket.header.stream_id,
        'error',
        'NetStream.Play.Failed',
        'This server takes publishers only. Play over HTTP.',
      ),
    );
  }

  #onPublish(message: InvokeMessage): void {
    if (this.#state !== 'connected') throw new RtmpProtocolError('publish out of order');
    if (typeof message.streamName !== 'string') throw new RtmpProtocolError('publish without a name');
    const { rtmp } = this.#session;
    rtmp.streamId = rtmp.parserPacket.header.stream_id;
    // Where the encoder has the key in its server field, the stream name is the channel alone.
    const { streamName } = message;
    const query = streamName.includes('?') ? '' : this.#connectQuery;
    const admission = this.#host.admit(this, `${streamName}${query}`);
    if (admission.kind === 'refused') this.#refusePublish(admission.reason, rtmp.streamId);
    else this.#start(admission.id, admission.channel);
  }

  #start(id: string, channel: string): void {
    const session = this.#session;
    const { rtmp } = session;
    rtmp.streamName = channel;
    rtmp.streamQuery = {};
    session.onConnect({
      app: APPLICATION,
      name: channel,
      host: rtmp.streamHost ?? '',
      query: {},
    });
    session.broadcast.publishGraceMs = 0;
    session.onPush();
    if (session.broadcast.publisher !== session) this.#refusePublish('already-publishing', rtmp.streamId ?? 0);
    session.broadcast.subscribers.set(id, {
      protocol: 'flv',
      ip: '',
      sendBuffer: (flvTag) => this.#onFlvTag(flvTag),
    });
    this.#state = 'publishing';
    this.#lastMediaUs = this.#arrivalUs;
    rtmp.respondPublish();
    this.#host.onPublish(this, id, channel);
  }

  #refusePublish(reason: RefusalReason, streamId: number): void {
    const isFull = reason === 'already-publishing' || reason === 'too-many-names';
    const why =
      reason === 'already-publishing'
        ? 'Somebody is publishing to this channel already.'
        : isFull
          ? 'Too many publishers are in.'
          : 'The stream key is not valid.';
    const code = isFull ? 'NetStream.Publish.BadName' : 'NetStream.Publish.Unauthorized';
    this.#refuse(reason, () => this.#session.rtmp.sendStatusMessage(streamId, 'error', code, why));
  }

  /** Says why, reads nothing more, and destroys the socket when the peer has had time to read it. */
  #refuse(reason: RefusalReason, reply: () => void): never {
    reply();
    this.#host.onRefused(this, reason);
    this.#end('closed', reason);
    this.#socket.end();
    this.#clock.after(this.#limits.refusalMs, () => this.#socket.destroy());
    throw new SessionOver();
  }

  /** For strangers that never came as far as a publish. */
  #drop(reason: RefusalReason): void {
    this.#host.onRefused(this, reason);
    this.close('closed', reason);
  }

  #onPacket(packet: LibraryPacket): void {
    const { broadcast } = this.#session;
    if (this.#state !== 'publishing' || broadcast.publisher !== this.#session)
      throw new RtmpProtocolError('media without a publish');
    if (packet.codec_type === KIND_AMF3_DATA) asScript(packet);
    if (packet.size === 0) return;
    if (packet.codec_type !== KIND_SCRIPT) this.#lastMediaUs = this.#arrivalUs;
    keepOutOfCaches(packet);
    try {
      broadcast.broadcastMessage(packet);
    } catch (thrown) {
      // Metadata are hints: what the library cannot read of them is left out, the picture goes on.
      if (packet.codec_type !== KIND_SCRIPT || thrown instanceof SessionOver) throw thrown;
    }
    broadcast.flvGopCache = null;
    broadcast.rtmpGopCache = null;
  }

  #onFlvTag(flvTag: Buffer): void {
    const body = flvTag.subarray(11, flvTag.length - 4);
    this.#host.onTag(this, {
      kind: flvTag[0] ?? 0,
      stamp: (flvTag.readUIntBE(4, 3) | ((flvTag[7] ?? 0) << 24)) >>> 0,
      arrivalUs: this.#arrivalUs,
      body,
    });
    if (this.#state === 'over') throw new SessionOver();
  }

  #end(reason: PublishEndReason, detail: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#state = 'over';
    const { broadcast } = this.#session;
    if (broadcast.publisher === this.#session) {
      broadcast.subscribers.clear();
      // At once, not after the library's grace period, in which the same address would get shifted stamps.
      broadcast.donePublish(this.#session);
      broadcast._finishPublish();
    }
    this.#session.rtmp.inPackets.clear();
    this.#host.onEnd(this, reason, detail);
  }
}

/** RTMP 7.1.2: an AMF3 data message is a zero byte, then AMF0 as a rule. */
function asScript(packet: LibraryPacket): void {
  packet.codec_type = KIND_SCRIPT;
  packet.flags = 5;
  packet.data = packet.data.subarray(1);
  packet.size = Math.max(0, packet.size - 1);
}

/** Packets of Enhanced RTMP are passed on to be named, but never kept: the library takes unknown ones for an audio header. */
function keepOutOfCaches(packet: LibraryPacket): void {
  const first = packet.data[0] ?? 0;
  if (packet.codec_type === KIND_VIDEO && (first & 0x80) !== 0) packet.flags = PASS_ON_ONLY;
  if (packet.codec_type === KIND_AUDIO && first >> 4 === EX_AUDIO_FORMAT) packet.flags = PASS_ON_ONLY;
}
