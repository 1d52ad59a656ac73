/**
 * Tags of Enhanced RTMP v2 that carry H.264, AAC or MP3, written as the tags that every reader of FLV knows.
 * Pure: other codecs and packet types are left as they are, to be refused by name. ffmpeg before 6.1 reads no enhanced tags.
 */
import { AUDIO, VIDEO } from './flv-tags.ts';

const HEADER_BYTES = 5;
const SEQUENCE_START = 0;
const CODED_FRAMES = 1;
const SEQUENCE_END = 2;
const CODED_FRAMES_X = 3;
const LEGACY_AVC = 7;
const LEGACY_AAC = 0xaf;
const LEGACY_MP3 = 0x2f;

/** The body to read: `body` itself where there is nothing to translate. `tagType` is the FLV TagType. */
export function legacyBody(tagType: number, body: Buffer): Buffer {
  if (body.length < HEADER_BYTES) return body;
  const first = body[0] ?? 0;
  const fourCc = body.toString('latin1', 1, HEADER_BYTES);
  const payload = body.subarray(HEADER_BYTES);
  // ExVideoTagHeader: 1 bit set, 3 bits FrameType, 4 bits VideoPacketType.
  if (tagType === VIDEO && (first & 0x80) !== 0 && fourCc === 'avc1') return video(first, payload) ?? body;
  // ExAudioTagHeader: SoundFormat 9, 4 bits AudioPacketType.
  if (tagType === AUDIO && first >> 4 === 9) return audio(first & 0x0f, fourCc, payload) ?? body;
  return body;
}

function video(first: number, payload: Buffer): Buffer | undefined {
  const head = (first & 0x70) | LEGACY_AVC;
  switch (first & 0x0f) {
    case SEQUENCE_START:
      return Buffer.concat([Buffer.from([head, 0, 0, 0, 0]), payload]);
    case CODED_FRAMES: // SI24 compositionTimeOffset comes first, as in the legacy tag.
      return Buffer.concat([Buffer.from([head, 1]), payload]);
    case CODED_FRAMES_X: // the same with an offset of 0, left out
      return Buffer.concat([Buffer.from([head, 1, 0, 0, 0]), payload]);
    case SEQUENCE_END:
      return Buffer.from([head, 2, 0, 0, 0]);
    default:
      return undefined;
  }
}

function audio(packetType: number, fourCc: string, payload: Buffer): Buffer | undefined {
  if (fourCc === 'mp4a' && packetType <= CODED_FRAMES)
    return Buffer.concat([Buffer.from([LEGACY_AAC, packetType]), payload]);
  if (fourCc === '.mp3' && packetType === CODED_FRAMES) return Buffer.concat([Buffer.from([LEGACY_MP3]), payload]);
  return undefined;
}
