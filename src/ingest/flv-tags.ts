/**
 * What an FLV tag body says about itself (FLV 10.1, E.4.2 and E.4.3; Enhanced RTMP v2 for what is refused by name).
 * Pure: it never decodes media and never trusts a length. Invariant: every body has an answer, malformed ones too.
 */

export const AUDIO = 8;
export const VIDEO = 9;
export const SCRIPT = 18;

export type TagContent =
  | {
      readonly kind: 'video';
      readonly packet: 'sequence-header' | 'nalu' | 'end';
      readonly keyframe: boolean;
      /** Signed: presentation minus decoding time. */
      readonly compositionMs: number;
    }
  | {
      readonly kind: 'aac';
      readonly packet: 'sequence-header' | 'raw';
    }
  | {
      readonly kind: 'mp3';
    }
  | { readonly kind: 'script' }
  /** A codec that is not taken; `name` is for people. */
  | {
      readonly kind: 'unsupported';
      readonly track: 'video' | 'audio';
      readonly name: string;
    }
  /** Carries no media: video commands, empty or cut bodies. */
  | { readonly kind: 'nothing' };

const NOTHING: TagContent = { kind: 'nothing' };

const AVC = 7;
const KEYFRAME = 1;
const COMMAND_FRAME = 5;

const LEGACY_VIDEO: Readonly<Record<number, string>> = {
  2: 'Sorenson H.263',
  3: 'Screen video',
  4: 'On2 VP6',
  5: 'On2 VP6 with alpha',
  6: 'Screen video 2',
  8: 'H.263',
  9: 'MPEG-4 part 2',
  12: 'HEVC (codec id 12)',
};

const LEGACY_AUDIO: Readonly<Record<number, string>> = {
  0: 'linear PCM',
  1: 'ADPCM',
  3: 'linear PCM, little endian',
  4: 'Nellymoser 16 kHz',
  5: 'Nellymoser 8 kHz',
  6: 'Nellymoser',
  7: 'G.711 A-law',
  8: 'G.711 mu-law',
  11: 'Speex',
  15: 'device-specific sound',
};

const FOURCC_NAMES: Readonly<Record<string, string>> = {
  avc1: 'H.264',
  hvc1: 'HEVC',
  vvc1: 'VVC',
  av01: 'AV1',
  vp08: 'VP8',
  vp09: 'VP9',
  mp4a: 'AAC',
  '.mp3': 'MP3',
  Opus: 'Opus',
  fLaC: 'FLAC',
  'ac-3': 'AC-3',
  'ec-3': 'E-AC-3',
};

/** `tagType` is the FLV TagType; other types than audio, video and script carry nothing. */
export function readTagContent(tagType: number, body: Buffer): TagContent {
  if (tagType === SCRIPT) return { kind: 'script' };
  if (body.length === 0) return NOTHING;
  if (tagType === VIDEO) return readVideo(body);
  if (tagType === AUDIO) return readAudio(body);
  return NOTHING;
}

function readVideo(body: Buffer): TagContent {
  const first = body[0] ?? 0;
  // E-RTMP v2, ExVideoTagHeader: the top bit of what was FrameType.
  if ((first & 0x80) !== 0) return readExtended('video', first & 0x0f, body);
  const frameType = first >> 4;
  const codec = first & 0x0f;
  if (frameType === COMMAND_FRAME) return NOTHING;
  if (codec !== AVC)
    return {
      kind: 'unsupported',
      track: 'video',
      name: LEGACY_VIDEO[codec] ?? `codec id ${codec}`,
    };
  if (body.length < 5) return NOTHING;
  const packetType = body[1];
  if (packetType === 2) return { kind: 'video', packet: 'end', keyframe: false, compositionMs: 0 };
  if (packetType !== 0 && packetType !== 1) return NOTHING;
  return {
    kind: 'video',
    packet: packetType === 0 ? 'sequence-header' : 'nalu',
    keyframe: frameType === KEYFRAME,
    // FLV E.4.3.1: CompositionTime is SI24, and is negative in feeds of some encoders.
    compositionMs: body.readIntBE(2, 3),
  };
}

const IDR_NAL_TYPE = 5;

/** Whether a NALU packet holds an IDR picture; `header` is the sequence header's body, whose avcC says how long a length is. */
export function hasIdr(body: Buffer, header: Buffer | undefined): boolean {
  const lengthBytes = ((header?.[9] ?? 3) & 3) + 1;
  for (let at = 5; at + lengthBytes < body.length; ) {
    const start = at + lengthBytes;
    if (((body[start] ?? 0) & 0x1f) === IDR_NAL_TYPE) return true;
    at = start + body.readUIntBE(at, lengthBytes);
  }
  return false;
}

function readAudio(body: Buffer): TagContent {
  const first = body[0] ?? 0;
  const format = first >> 4;
  if (format === 9) return readExtended('audio', first & 0x0f, body);
  if (format === 10) {
    if (body.length < 2) return NOTHING;
    if (body[1] === 0) return { kind: 'aac', packet: 'sequence-header' };
    // An AAC packet without bytes says silence; there is nothing to decode.
    return body.length > 2 ? { kind: 'aac', packet: 'raw' } : NOTHING;
  }
  // 14 is MP3 at 8 kHz.
  if (format === 2 || format === 14) return body.length > 1 ? { kind: 'mp3' } : NOTHING;
  return {
    kind: 'unsupported',
    track: 'audio',
    name: LEGACY_AUDIO[format] ?? `sound format ${format}`,
  };
}

const MULTITRACK = { video: 6, audio: 5 };
const MOD_EX = 7;

function readExtended(track: 'video' | 'audio', packetType: number, body: Buffer): TagContent {
  if (packetType === MULTITRACK[track]) return { kind: 'unsupported', track, name: 'Enhanced RTMP multitrack' };
  if (packetType === MOD_EX) return { kind: 'unsupported', track, name: 'Enhanced RTMP ModEx' };
  if (body.length < 5) return NOTHING;
  const fourCc = body.toString('latin1', 1, 5);
  const name = FOURCC_NAMES[fourCc];
  return {
    kind: 'unsupported',
    track,
    name: name === undefined ? 'an unknown Enhanced RTMP codec' : `${name} by Enhanced RTMP (${fourCc})`,
  };
}
