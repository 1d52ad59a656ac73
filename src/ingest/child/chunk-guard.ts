/**
 * Bounds and corrects the library's RTMP chunk parser, message by message (Adobe RTMP 1.0, 5.3 and 5.4).
 * It never decides who may publish. Invariant: a peer's declared lengths are checked before a byte is reserved for
 * them, and whatever is thrown from here ends that connection only.
 */
import type { LibraryMessage, LibraryRtmp } from './library.ts';
import type { RtmpLimits } from './limits.ts';

const SET_CHUNK_SIZE = 1;
const ABORT = 2;
const WINDOW_ACKNOWLEDGEMENT_SIZE = 5;
const AUDIO = 8;
const VIDEO = 9;
const PING_REQUEST = 6;
const PING_RESPONSE = 7;
const MAX_CHUNK_SIZE = 0xffffff;

/** What the peer did against the protocol, in words for the log. */
export class RtmpProtocolError extends Error {
  override readonly name = 'RtmpProtocolError';
}

/** Replaces the parser's methods on this one instance; `mayPublish` tells whether media is taken at all. */
export function guardChunks(rtmp: LibraryRtmp, limits: RtmpLimits, mayPublish: () => boolean): void {
  guardHeaders(rtmp, limits);
  guardAllocation(rtmp, limits, mayPublish);
  const handle = rtmp.packetHandler.bind(rtmp);
  rtmp.packetHandler = () => {
    // An empty message carries nothing, and the library reads past its end.
    const { type, length } = rtmp.parserPacket.header;
    if (length > 0 || type <= WINDOW_ACKNOWLEDGEMENT_SIZE) handle();
  };
  rtmp.controlHandler = () => takeControl(rtmp);
  rtmp.eventHandler = () => answerPing(rtmp);
}

function guardHeaders(rtmp: LibraryRtmp, limits: RtmpLimits): void {
  const Message = rtmp.parserPacket.constructor as new (fmt: number, csid: number) => LibraryMessage;
  rtmp.packetParse = () => {
    const fmt = (rtmp.parserBuffer[0] ?? 0) >> 6;
    const csid = chunkStreamId(rtmp.parserBuffer, rtmp.parserBasicBytes);
    let message = rtmp.inPackets.get(csid);
    if (message === undefined) {
      if (rtmp.inPackets.size >= limits.maxChunkStreams) throw new RtmpProtocolError('too many chunk streams');
      message = new Message(fmt, csid);
      rtmp.inPackets.set(csid, message);
    }
    // The parser would take the new length for the message under way, and step backwards through its input.
    if (message.bytes > 0 && fmt !== 3) throw new RtmpProtocolError('a message header inside a message');
    rtmp.parserPacket = message;
    message.header.fmt = fmt;
    message.header.cid = csid;
    rtmp.chunkMessageHeaderRead();
  };
}

/** RTMP 5.3.1.1: 0 in six bits means 64 + one byte, 1 means 64 + two bytes, low byte first. */
function chunkStreamId(header: Buffer, basicBytes: number): number {
  if (basicBytes === 2) return 64 + (header[1] ?? 0);
  if (basicBytes === 3) return 64 + (header[1] ?? 0) + (header[2] ?? 0) * 256;
  return (header[0] ?? 0) & 0x3f;
}

function guardAllocation(rtmp: LibraryRtmp, limits: RtmpLimits, mayPublish: () => boolean): void {
  const allocate = rtmp.packetAlloc.bind(rtmp);
  rtmp.packetAlloc = () => {
    const message = rtmp.parserPacket;
    const { type, length } = message.header;
    const isMedia = type === AUDIO || type === VIDEO;
    if (isMedia && !mayPublish()) throw new RtmpProtocolError('media without a publish');
    if (length > (isMedia ? limits.maxMediaBytes : limits.maxCommandBytes))
      throw new RtmpProtocolError('a message is too large');
    let assembly = length;
    for (const other of rtmp.inPackets.values()) if (other !== message) assembly += other.capacity;
    const most = mayPublish() ? limits.maxAssemblyBytes : 2 * limits.maxCommandBytes;
    if (assembly > most) throw new RtmpProtocolError('too many large messages under way');
    // RTMP 5.3.1.3: stamps are modulo 2^32; the library would drop everything after 49.7 days.
    message.clock %= 2 ** 32;
    allocate();
  };
}

function takeControl(rtmp: LibraryRtmp): void {
  const { header, payload } = rtmp.parserPacket;
  if (header.type !== SET_CHUNK_SIZE && header.type !== ABORT && header.type !== WINDOW_ACKNOWLEDGEMENT_SIZE) return;
  // RTMP 5.4: the payload of these is one 32-bit number.
  if (header.length < 4) throw new RtmpProtocolError('a control message is too short');
  const value = payload.readUInt32BE(0);
  if (header.type === WINDOW_ACKNOWLEDGEMENT_SIZE) {
    rtmp.ackSize = value;
    return;
  }
  if (header.type === ABORT) {
    const aborted = rtmp.inPackets.get(value);
    if (aborted !== undefined) aborted.bytes = 0;
    return;
  }
  // RTMP 5.4.1: at least 1, top bit zero.
  if (value < 1 || value > 0x7fffffff) throw new RtmpProtocolError('the chunk size is out of range');
  rtmp.inChunkSize = Math.min(value, MAX_CHUNK_SIZE);
}

/** RTMP 7.1.7: a ping request is answered with its own stamp. */
function answerPing(rtmp: LibraryRtmp): void {
  const { header, payload } = rtmp.parserPacket;
  if (header.length >= 6 && payload.readUInt16BE(0) === PING_REQUEST)
    rtmp.sendStreamStatus(PING_RESPONSE, payload.readUInt32BE(2));
}
