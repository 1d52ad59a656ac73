/**
 * ISO BMFF boxes for tests, written here from the standard's tables and not with the writer under test.
 * Low level: box, fullBox, u8..u64. High level: videoInit, audioInit, fragmentBytes.
 */

export type Piece = Uint8Array | number[];

export function bytesOf(...pieces: readonly Piece[]): Buffer {
  return Buffer.concat(pieces.map((piece) => (piece instanceof Uint8Array ? piece : Buffer.from(piece))));
}

export function u16(value: number): number[] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

export function u32(value: number): number[] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

export function s64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}

export function ascii(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

export function zeros(count: number): Buffer {
  return Buffer.alloc(count);
}

export function box(type: string, ...content: readonly Piece[]): Buffer {
  const body = bytesOf(...content);
  return bytesOf(u32(8 + body.length), ascii(type), body);
}

/** The same with size 1 and a 64-bit largesize. */
export function largeBox(type: string, ...content: readonly Piece[]): Buffer {
  const body = bytesOf(...content);
  return bytesOf(u32(1), ascii(type), s64(16 + body.length), body);
}

export function fullBox(type: string, version: number, flags: number, ...content: readonly Piece[]): Buffer {
  return box(type, u32(version * 2 ** 24 + flags), ...content);
}

export function ftyp(brands: readonly string[] = ['iso6', 'cmfc', 'mp41']): Buffer {
  return box('ftyp', ascii(brands[0] ?? 'iso6'), u32(0), ...brands.slice(1).map(ascii));
}

export function styp(...brands: readonly string[]): Buffer {
  return box('styp', ascii(brands[0] ?? 'msdh'), u32(0), ...brands.map(ascii));
}

export interface InitOptions {
  readonly trackId?: number;
  readonly timescale?: number;
  readonly language?: string;
  readonly brands?: readonly string[];
  /** The whole sample entry, to try another codec. */
  readonly entry?: Buffer;
  /** hdlr: vide, soun, or what is to be refused. */
  readonly handler?: string;
  readonly defaults?: {
    readonly durationTicks?: number;
    readonly sizeBytes?: number;
    readonly flags?: number;
  };
  /** Version of tkhd and mdhd: 1 has 64-bit times. */
  readonly version?: 0 | 1;
}

export function visualEntry(type: string, width: number, height: number, ...children: readonly Buffer[]): Buffer {
  const fixed = bytesOf(zeros(6), u16(1), zeros(16), u16(width), u16(height), u32(0x480000), u32(0x480000), zeros(4));
  return box(type, fixed, u16(1), zeros(32), u16(0x18), u16(0xffff), ...children);
}

export function audioEntry(type: string, channels: number, sampleRate: number, ...children: readonly Buffer[]): Buffer {
  return box(type, zeros(6), u16(1), zeros(8), u16(channels), u16(16), zeros(4), u16(sampleRate), u16(0), ...children);
}

const SPS = Buffer.from('67640028acd940780227e5c04400000fa40003a98340', 'hex');
const PPS = Buffer.from('68ebe3cb22c0', 'hex');

/** avcC of High at level 4.0 unless told otherwise. */
export function avcC(profile = 0x64, constraints = 0, level = 0x28): Buffer {
  const sps = bytesOf(u16(SPS.length), SPS);
  const pps = bytesOf(u16(PPS.length), PPS);
  return box('avcC', [1, profile, constraints, level, 0xff, 0xe1], sps, [1], pps, [0xfd, 0xf8, 0xf8, 0]);
}

/** esds around an AudioSpecificConfig; descriptor lengths in the long form that ffmpeg writes. */
export function esds(config: readonly number[] = [0x11, 0x90], objectType = 0x40): Buffer {
  const long = (tag: number, ...content: readonly Piece[]): Buffer => {
    const body = bytesOf(...content);
    return bytesOf([tag, 0x80, 0x80, 0x80, body.length], body);
  };
  const specific = long(5, [...config]);
  const decoder = long(4, [objectType, 0x15, 0, 0, 0], u32(128_000), u32(128_000), specific);
  return fullBox('esds', 0, 0, long(3, u16(1), [0], decoder, long(6, [2])));
}

function languageBits(language: string): number {
  return [...language].reduce((bits, letter) => bits * 32 + (letter.charCodeAt(0) - 0x60), 0);
}

export function trak(options: InitOptions & { readonly entry: Buffer; readonly handler: string }): Buffer {
  const { trackId = 1, timescale = 90_000, language = 'und', version = 0, handler, entry } = options;
  const times = zeros(version === 0 ? 8 : 16);
  const duration = zeros(version === 0 ? 4 : 8);
  const tkhd = fullBox('tkhd', version, 3, times, u32(trackId), zeros(4), duration, zeros(60));
  const mdhd = fullBox('mdhd', version, 0, times, u32(timescale), duration, u16(languageBits(language)), u16(0));
  const hdlr = fullBox('hdlr', 0, 0, zeros(4), ascii(handler), zeros(12), ascii('Handler\0'));
  const stbl = box('stbl', fullBox('stsd', 0, 0, u32(1), entry), fullBox('stts', 0, 0, u32(0)));
  return box('trak', tkhd, box('mdia', mdhd, hdlr, box('minf', box('dinf'), stbl)));
}

function header(options: InitOptions & { readonly entry: Buffer; readonly handler: string }): Buffer {
  const { trackId = 1, defaults = {} } = options;
  const values = [trackId, 1, defaults.durationTicks ?? 0, defaults.sizeBytes ?? 0, defaults.flags ?? 0];
  const mvex = box('mvex', fullBox('trex', 0, 0, ...values.map(u32)));
  const mvhd = fullBox('mvhd', 0, 0, zeros(8), u32(1000), u32(0), zeros(80));
  return bytesOf(ftyp(options.brands), box('moov', mvhd, trak(options), mvex));
}

/** ftyp + moov of an AVC Track, 1920x1080, timescale 90000. */
export function videoInit(options: InitOptions = {}): Buffer {
  return header({
    handler: 'vide',
    entry: visualEntry('avc1', 1920, 1080, avcC()),
    ...options,
  });
}

/** ftyp + moov of an AAC-LC Track, 48 kHz stereo, timescale 48000. */
export function audioInit(options: InitOptions = {}): Buffer {
  return header({
    handler: 'soun',
    timescale: 48_000,
    entry: audioEntry('mp4a', 2, 48_000, esds()),
    ...options,
  });
}

export const SYNC_FLAGS = 0x0200_0000;
export const NON_SYNC_FLAGS = 0x0101_0000;

export interface FakeSample {
  readonly durationTicks?: number;
  readonly flags?: number;
  readonly compositionOffsetTicks?: number;
  readonly data: Uint8Array;
}

export interface FragmentOptions {
  readonly trackId?: number;
  readonly sequence?: number;
  readonly decodeTicks: number | bigint;
  readonly samples: readonly FakeSample[];
  /** 0 writes a 32-bit tfdt. */
  readonly timeVersion?: 0 | 1;
  readonly runVersion?: 0 | 1;
  /** What tfhd says for all samples; what is left out there and in the samples comes from trex. */
  readonly defaults?: {
    readonly durationTicks?: number;
    readonly sizeBytes?: number;
    readonly flags?: number;
  };
  readonly firstSampleFlags?: number;
  /** Which fields each sample has in trun; by default those that any sample states, and the size. */
  readonly writesSizes?: boolean;
  readonly largeMdat?: boolean;
  /** Boxes between moof and mdat. */
  readonly between?: Buffer;
  /** Boxes in traf after the trun. */
  readonly afterRun?: Buffer;
}

/** One moof + mdat. */
export function fragmentBytes(options: FragmentOptions): Buffer {
  const { samples, between = zeros(0) } = options;
  const media = bytesOf(...samples.map((sample) => sample.data));
  const mdat = (options.largeMdat ? largeBox : box)('mdat', media);
  const sizeless = moofBytes(options, 0);
  const dataOffset = sizeless.length + between.length + (options.largeMdat ? 16 : 8);
  return bytesOf(moofBytes(options, dataOffset), between, mdat);
}

function moofBytes(options: FragmentOptions, dataOffset: number): Buffer {
  const { trackId = 1, sequence = 1, decodeTicks, samples, defaults = {}, firstSampleFlags } = options;
  const given = [defaults.durationTicks, defaults.sizeBytes, defaults.flags];
  const tfhdFlags =
    0x20000 | given.reduce<number>((bits, value, i) => (value === undefined ? bits : bits | (8 << i)), 0);
  const tfhd = fullBox(
    'tfhd',
    0,
    tfhdFlags,
    u32(trackId),
    ...given.map((value) => (value === undefined ? [] : u32(value))),
  );
  const time = options.timeVersion === 0 ? u32(Number(decodeTicks)) : s64(decodeTicks);
  const tfdt = fullBox('tfdt', options.timeVersion ?? 1, 0, time);
  const has = {
    duration: samples.some((sample) => sample.durationTicks !== undefined),
    size: options.writesSizes ?? true,
    flags: samples.some((sample) => sample.flags !== undefined),
    offset: samples.some((sample) => sample.compositionOffsetTicks !== undefined),
  };
  const runFlags =
    0x1 |
    (firstSampleFlags === undefined ? 0 : 0x4) |
    (has.duration ? 0x100 : 0) |
    (has.size ? 0x200 : 0) |
    (has.flags ? 0x400 : 0) |
    (has.offset ? 0x800 : 0);
  const entries = samples.map((sample) =>
    bytesOf(
      has.duration ? u32(sample.durationTicks ?? 0) : [],
      has.size ? u32(sample.data.length) : [],
      has.flags ? u32(sample.flags ?? 0) : [],
      has.offset ? u32(sample.compositionOffsetTicks ?? 0) : [],
    ),
  );
  const first = firstSampleFlags === undefined ? [] : u32(firstSampleFlags);
  const trun = fullBox(
    'trun',
    options.runVersion ?? 1,
    runFlags,
    u32(samples.length),
    u32(dataOffset),
    first,
    ...entries,
  );
  return box('moof', fullBox('mfhd', 0, 0, u32(sequence)), box('traf', tfhd, tfdt, trun, options.afterRun ?? zeros(0)));
}

/** Samples of the given sizes whose bytes tell them apart. */
export function samplesOf(sizes: readonly number[], each: Omit<FakeSample, 'data'> = {}): FakeSample[] {
  return sizes.map((size, index) => ({
    ...each,
    data: Buffer.alloc(size, index + 1),
  }));
}

/** Cuts `bytes` at the given places (any order, any range: taken modulo the length). */
export function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const edges = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...edges].map((from, index) => bytes.subarray(from, edges[index] ?? bytes.length));
}
