/**
 * Sample rate and channels from an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1) or an MPEG audio frame header
 * (ISO/IEC 11172-3, 2.4.1.3). Pure; malformed headers are `undefined`.
 */

export interface AudioShape {
  readonly sampleRate: number;
  readonly channels: number;
}

/** Table 1.18. */
const AAC_RATES: readonly number[] = [
  96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
];
/** Table 1.19, by channelConfiguration. */
const AAC_CHANNELS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 8];
const EXPLICIT_RATE = 15;
const ESCAPE_OBJECT_TYPE = 31;

/** `config` is the AudioSpecificConfig without the FLV bytes before it. SBR's doubled rate is left to the decoder. */
export function readAudioSpecificConfig(config: Buffer): AudioShape | undefined {
  if (config.length < 2) return undefined;
  const bits = [...config.subarray(0, 8)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  let at = 0;
  const read = (count: number): number => {
    const value = Number.parseInt(bits.slice(at, at + count), 2);
    at += count;
    return at <= bits.length ? value : Number.NaN;
  };
  if (read(5) === ESCAPE_OBJECT_TYPE) read(6);
  const rateIndex = read(4);
  const sampleRate = rateIndex === EXPLICIT_RATE ? read(24) : (AAC_RATES[rateIndex] ?? 0);
  const configuration = read(4);
  if (Number.isNaN(configuration) || !(sampleRate > 0)) return undefined;
  // 0 defers to a program config element, which is stereo in every encoder that does it live.
  const channels = configuration === 0 ? 2 : (AAC_CHANNELS[configuration] ?? 2);
  return { sampleRate, channels };
}

const MPEG1_RATES: readonly number[] = [44100, 48000, 32000];

/** `frame` begins with the sync word. */
export function readMpegAudioHeader(frame: Buffer): AudioShape | undefined {
  if (frame.length < 4) return undefined;
  if (frame[0] !== 0xff || ((frame[1] ?? 0) & 0xe0) !== 0xe0) return undefined;
  const version = ((frame[1] ?? 0) >> 3) & 3;
  const base = MPEG1_RATES[((frame[2] ?? 0) >> 2) & 3];
  if (base === undefined || version === 1) return undefined;
  const divisor = version === 3 ? 1 : version === 2 ? 2 : 4;
  const mono = (frame[3] ?? 0) >> 6 === 3;
  return { sampleRate: base / divisor, channels: mono ? 1 : 2 };
}
