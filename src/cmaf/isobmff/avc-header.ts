/**
 * A CMAF header (ISO/IEC 23000-19 7.3.1: ftyp and moov of one Track) for H.264 that nobody of ours encoded, made of its avcC record.
 * It never parses parameter sets: sizes are an argument. Invariant: the same arguments give the same bytes.
 */

export interface AvcHeaderContents {
  readonly trackId: number;
  readonly timescale: number;
  /** Size after cropping; square pixels. */
  readonly width: number;
  readonly height: number;
  /** AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1), as received. */
  readonly avcC: Uint8Array;
}

type Piece = Uint8Array | readonly number[];

const UNITY_MATRIX = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000].flatMap(u32);
const LANGUAGE_UND = 0x55c4;

/** ftyp and moov as ffmpeg's cmaf muxer lays them out, without its udta. */
export function writeAvcHeader(contents: AvcHeaderContents): Buffer {
  const ftyp = box('ftyp', ascii('iso6'), u32(0x200), ascii('iso6'), ascii('cmfc'), ascii('mp41'));
  const trex = fullBox('trex', 0, u32(contents.trackId), u32(1), zeros(12));
  return Buffer.concat([ftyp, box('moov', movieHeader(), track(contents), box('mvex', trex))]);
}

/** 14496-12 8.2.2: duration 0, as 23000-19 7.5.1 demands of a header. */
function movieHeader(): Buffer {
  return fullBox(
    'mvhd',
    0,
    ...[zeros(8), u32(1000), zeros(4), u32(0x1_0000), u16(0x100), zeros(10), UNITY_MATRIX, zeros(24), u32(2)],
  );
}

function track(contents: AvcHeaderContents): Buffer {
  const { trackId, timescale, width, height } = contents;
  // 8.3.2: enabled and in the movie.
  const tkhd = fullBox(
    'tkhd',
    3,
    ...[
      zeros(8),
      u32(trackId),
      zeros(4),
      zeros(4),
      zeros(16),
      UNITY_MATRIX,
      u32(width * 0x1_0000),
      u32(height * 0x1_0000),
    ],
  );
  const mdhd = fullBox('mdhd', 0, zeros(8), u32(timescale), zeros(4), u16(LANGUAGE_UND), zeros(2));
  const hdlr = fullBox('hdlr', 0, zeros(4), ascii('vide'), zeros(12), ascii('VideoHandler\0'));
  const dref = fullBox('dref', 0, u32(1), fullBox('url ', 1));
  const minf = box('minf', fullBox('vmhd', 1, zeros(8)), box('dinf', dref), sampleTable(contents));
  return box('trak', tkhd, box('mdia', mdhd, hdlr, minf));
}

function sampleTable(contents: AvcHeaderContents): Buffer {
  return box(
    'stbl',
    ...[fullBox('stsd', 0, u32(1), sampleEntry(contents)), fullBox('stts', 0, u32(0)), fullBox('stsc', 0, u32(0))],
    ...[fullBox('stsz', 0, u32(0), u32(0)), fullBox('stco', 0, u32(0))],
  );
}

/** 12.1.3 and 14496-15 5.4.2.1: `avc1`, whose parameter sets stand in avcC alone. */
function sampleEntry({ width, height, avcC }: AvcHeaderContents): Buffer {
  const seventyTwoDpi = u32(0x48_0000);
  return box(
    'avc1',
    ...[zeros(6), u16(1), zeros(16), u16(width), u16(height), seventyTwoDpi, seventyTwoDpi, zeros(4), u16(1)],
    ...[zeros(32), u16(0x18), u16(0xffff), box('avcC', avcC), box('pasp', u32(1), u32(1))],
  );
}

function box(name: string, ...content: readonly Piece[]): Buffer {
  const pieces = content.map((piece) => (piece instanceof Uint8Array ? piece : Buffer.from(piece)));
  const size = pieces.reduce((sum, piece) => sum + piece.length, 8);
  return Buffer.concat([Buffer.from([...u32(size), ...ascii(name)]), ...pieces]);
}

/** A box with version 0. */
function fullBox(name: string, flags: number, ...content: readonly Piece[]): Buffer {
  return box(name, u32(flags), ...content);
}

function u16(value: number): number[] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

function u32(value: number): number[] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

function ascii(text: string): number[] {
  return [...Buffer.from(text, 'latin1')];
}

function zeros(count: number): number[] {
  return new Array<number>(count).fill(0);
}
