/**
 * Reads an H.264 sequence parameter set (ITU-T H.264, 7.3.2.1 and Annex E) and the avcC record that carries it
 * (ISO/IEC 14496-15, 5.3.3). Pure. It never throws on what a publisher sent: malformed sets are `undefined`.
 */

export interface Sps {
  readonly profileIdc: number;
  readonly constraintFlags: number;
  readonly levelIdc: number;
  readonly chromaFormatIdc: number;
  readonly bitDepth: number;
  /** After cropping, in coded samples. */
  readonly width: number;
  readonly height: number;
  /** Display width at square pixels; the height stays. */
  readonly displayWidth: number;
  readonly interlaced: boolean;
  /** Frames per second of the VUI timing, when it is there. */
  readonly timingFps: number | undefined;
}

const SPS_NAL_TYPE = 7;
const EXTENDED_SAR = 255;
const MAX_SIZE = 16384;
/** 7.3.2.1.1: the profiles whose sets carry chroma format and bit depths. */
const HIGH_PROFILES = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);

/** Table E-1, from aspect_ratio_idc 1. */
const SAMPLE_ASPECT: readonly (readonly [number, number])[] = [
  [1, 1],
  [12, 11],
  [10, 11],
  [16, 11],
  [40, 33],
  [24, 11],
  [20, 11],
  [32, 11],
  [80, 33],
  [18, 11],
  [15, 11],
  [64, 33],
  [160, 99],
  [4, 3],
  [3, 2],
  [2, 1],
];

/** The first SPS of an avcC record, or undefined. */
export function spsOfAvcConfiguration(avcC: Buffer): Buffer | undefined {
  if (avcC.length < 8 || avcC[0] !== 1) return undefined;
  if (((avcC[5] ?? 0) & 0x1f) === 0) return undefined;
  const length = avcC.readUInt16BE(6);
  const sps = avcC.subarray(8, 8 + length);
  return sps.length === length && length > 0 ? sps : undefined;
}

/** `nal` begins with its NAL header byte. */
export function readSps(nal: Buffer): Sps | undefined {
  if (nal.length < 4 || ((nal[0] ?? 0) & 0x1f) !== SPS_NAL_TYPE) return undefined;
  const bits = new BitReader(withoutEmulationPrevention(nal.subarray(1)));
  const sps = readFields(bits);
  return bits.isOverrun ? undefined : sps;
}

/** 7.3.1: 0x000003 in the payload stands for 0x0000. */
function withoutEmulationPrevention(bytes: Buffer): Buffer {
  const out = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  let zeros = 0;
  for (const byte of bytes) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    out[length++] = byte;
  }
  return out.subarray(0, length);
}

function readFields(bits: BitReader): Sps | undefined {
  const profileIdc = bits.u(8);
  const constraintFlags = bits.u(8);
  const levelIdc = bits.u(8);
  bits.ue();
  const chroma = HIGH_PROFILES.has(profileIdc)
    ? readChroma(bits)
    : { formatIdc: 1, bitDepth: 8, separatePlanes: false };
  bits.ue(); // log2_max_frame_num_minus4
  skipPictureOrder(bits);
  bits.ue(); // max_num_ref_frames
  bits.u(1);
  const widthMbs = bits.ue() + 1;
  const heightUnits = bits.ue() + 1;
  const frameMbsOnly = bits.u(1);
  if (frameMbsOnly === 0) bits.u(1);
  bits.u(1); // direct_8x8_inference_flag
  const heightMbs = heightUnits * (2 - frameMbsOnly);
  const crop = bits.u(1) === 1 ? readCrop(bits) : { x: 0, y: 0 };
  // Table 6-1 and (7-19) to (7-22): crop units depend on the chroma format.
  const array = chroma.separatePlanes ? 0 : chroma.formatIdc;
  const unitX = array === 1 || array === 2 ? 2 : 1;
  const unitY = (array === 1 ? 2 : 1) * (2 - frameMbsOnly);
  const width = widthMbs * 16 - crop.x * unitX;
  const height = heightMbs * 16 - crop.y * unitY;
  if (width < 1 || height < 1 || width > MAX_SIZE || height > MAX_SIZE) return undefined;
  const vui = bits.u(1) === 1 ? readVui(bits) : { aspect: 1, timingFps: undefined };
  return {
    profileIdc,
    constraintFlags,
    levelIdc,
    chromaFormatIdc: chroma.formatIdc,
    bitDepth: chroma.bitDepth,
    width,
    height,
    displayWidth: Math.max(1, Math.round(width * vui.aspect)),
    interlaced: frameMbsOnly === 0,
    timingFps: vui.timingFps,
  };
}

function readChroma(bits: BitReader): {
  formatIdc: number;
  bitDepth: number;
  separatePlanes: boolean;
} {
  const formatIdc = bits.ue();
  const separatePlanes = formatIdc === 3 && bits.u(1) === 1;
  const luma = bits.ue() + 8;
  const chroma = bits.ue() + 8;
  bits.u(1); // qpprime_y_zero_transform_bypass_flag
  if (bits.u(1) === 1) {
    const lists = formatIdc === 3 ? 12 : 8;
    for (let list = 0; list < lists; list++) if (bits.u(1) === 1) skipScalingList(bits, list < 6 ? 16 : 64);
  }
  return { formatIdc, bitDepth: Math.max(luma, chroma), separatePlanes };
}

/** 7.3.2.1.1.1 */
function skipScalingList(bits: BitReader, size: number): void {
  let next = 8;
  for (let i = 0; i < size && next !== 0 && !bits.isOverrun; i++) next = (next + bits.se() + 256) & 0xff;
}

function skipPictureOrder(bits: BitReader): void {
  const type = bits.ue();
  if (type === 0) bits.ue();
  if (type !== 1) return;
  bits.u(1);
  bits.se();
  bits.se();
  const cycle = bits.ue();
  for (let i = 0; i < cycle && !bits.isOverrun; i++) bits.se();
}

function readCrop(bits: BitReader): { x: number; y: number } {
  const x = bits.ue() + bits.ue();
  const y = bits.ue() + bits.ue();
  return { x, y };
}

/** E.1.1, as far as the timing. */
function readVui(bits: BitReader): {
  aspect: number;
  timingFps: number | undefined;
} {
  let aspect = 1;
  if (bits.u(1) === 1) aspect = readAspect(bits);
  if (bits.u(1) === 1) bits.u(1); // overscan
  if (bits.u(1) === 1) {
    bits.u(4); // video_format, video_full_range_flag
    if (bits.u(1) === 1) bits.u(24);
  }
  if (bits.u(1) === 1) {
    bits.ue();
    bits.ue();
  }
  if (bits.u(1) === 0) return { aspect, timingFps: undefined };
  const unitsInTick = bits.u(32);
  const timeScale = bits.u(32);
  // E.2.1: two ticks make a frame.
  const fps = timeScale / (2 * unitsInTick);
  return {
    aspect,
    timingFps: Number.isFinite(fps) && fps > 0 ? fps : undefined,
  };
}

function readAspect(bits: BitReader): number {
  const idc = bits.u(8);
  const [width, height] = idc === EXTENDED_SAR ? [bits.u(16), bits.u(16)] : (SAMPLE_ASPECT[idc - 1] ?? [1, 1]);
  const aspect = width / height;
  // Beyond these nobody means it.
  return aspect >= 0.25 && aspect <= 4 ? aspect : 1;
}

class BitReader {
  readonly #bytes: Buffer;
  #at = 0;
  /** True once more was read than there is. */
  isOverrun = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  u(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) {
      const byte = this.#bytes[this.#at >> 3];
      if (byte === undefined) {
        this.isOverrun = true;
        return 0;
      }
      value = value * 2 + ((byte >> (7 - (this.#at & 7))) & 1);
      this.#at++;
    }
    return value;
  }

  /** 9.1: unsigned Exp-Golomb. */
  ue(): number {
    let zeros = 0;
    while (this.u(1) === 0) {
      if (this.isOverrun || zeros === 31) {
        this.isOverrun = true;
        return 0;
      }
      zeros++;
    }
    return 2 ** zeros - 1 + this.u(zeros);
  }

  /** 9.1.1: signed Exp-Golomb. */
  se(): number {
    const code = this.ue();
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }
}
