/**
 * esds: which audio it is (ISO/IEC 14496-1 7.2.6, ISO/IEC 14496-3 1.6).
 * It never looks at access units. Invariant: reads stay inside the box, whatever the descriptors' lengths say.
 */
import { FormatError } from './format-error.ts';
import { type BoxSpan, FieldReader } from './reader.ts';

export interface AudioConfig {
  /** objectTypeIndication: 0x40 is MPEG-4 audio. */
  readonly objectType: number;
  /** 2 AAC-LC, 5 HE-AAC, 29 HE-AAC v2; undefined when there is no AudioSpecificConfig. */
  readonly audioObjectType: number | undefined;
  /** From channelConfiguration; undefined when it is written elsewhere (0) or unknown. */
  readonly channels: number | undefined;
}

const ES_DESCRIPTOR = 3;
const DECODER_CONFIG = 4;
const DECODER_SPECIFIC_INFO = 5;
const MPEG4_AUDIO = 0x40;

/** Throws FormatError when the descriptors do not nest as 7.2.6.5 says. */
export function readAudioConfig(bytes: Buffer, esds: BoxSpan): AudioConfig {
  const fields = new FieldReader(bytes, esds);
  fields.versionAndFlags();
  expectDescriptor(fields, esds, ES_DESCRIPTOR);
  fields.skip(2);
  const flags = fields.u8();
  if ((flags & 0x80) !== 0) fields.skip(2);
  if ((flags & 0x40) !== 0) fields.skip(fields.u8());
  if ((flags & 0x20) !== 0) fields.skip(2);
  expectDescriptor(fields, esds, DECODER_CONFIG);
  const objectType = fields.u8();
  fields.skip(12);
  if (objectType !== MPEG4_AUDIO) return { objectType, audioObjectType: undefined, channels: undefined };
  const length = expectDescriptor(fields, esds, DECODER_SPECIFIC_INFO);
  return { objectType, ...readAudioSpecificConfig(fields.take(length)) };
}

/** Tag, then a length of one to four bytes: seven bits each, the top bit says that another follows. */
function expectDescriptor(fields: FieldReader, esds: BoxSpan, tag: number): number {
  const at = fields.at;
  const found = fields.u8();
  if (found !== tag)
    throw new FormatError('CMAF_BOX_INVALID', 'esds', at, `descriptor ${found} where ${tag} must stand`);
  let length = 0;
  for (let count = 0; count < 4; count++) {
    const byte = fields.u8();
    length = length * 128 + (byte & 0x7f);
    if ((byte & 0x80) === 0) return length;
  }
  throw new FormatError('CMAF_BOX_INVALID', 'esds', esds.start, 'a descriptor length of more than four bytes');
}

/** ISO/IEC 14496-3 1.6.2.1: audioObjectType, samplingFrequency, channelConfiguration. */
function readAudioSpecificConfig(config: Buffer): Pick<AudioConfig, 'audioObjectType' | 'channels'> {
  let at = 0;
  const bits = (count: number): number => {
    let value = 0;
    for (; count > 0; count--, at++) value = value * 2 + (((config[at >> 3] ?? 0) >> (7 - (at & 7))) & 1);
    return value;
  };
  if (config.length < 2) return { audioObjectType: undefined, channels: undefined };
  const short = bits(5);
  const audioObjectType = short === 31 ? 32 + bits(6) : short;
  if (bits(4) === 15) bits(24);
  const configuration = bits(4);
  // Table 1.19: 1 to 6 are that many channels, 7 is 7.1.
  const channels = configuration === 7 ? 8 : configuration;
  return {
    audioObjectType,
    channels: channels >= 1 && channels <= 8 ? channels : undefined,
  };
}
