/**
 * A received CMAF header on another timescale and without edit list, and what that edit list says of presentation times.
 * It never touches the sample entry. Invariant: the same header and timescale give the same bytes, and durations are 0
 * (ISO/IEC 23000-19 7.5.1: a CMAF header has no samples).
 */
import { FormatError } from './format-error.ts';
import { readInit } from './init.ts';
import type { InitSegment } from './model.ts';
import { type BoxSpan, boxesIn, FieldReader, fourCc, nameOf, requiredBox } from './reader.ts';

export interface NormalHeader {
  readonly init: InitSegment;
  /** Presentation time = decoding time + composition offset - this, in ticks of the received timescale. */
  readonly editTicks: number;
}

const CONTAINERS: ReadonlySet<string> = new Set(['moov', 'trak', 'mdia', 'mvex']);
/** Edits become times; mehd is a duration; free and skip say nothing. */
const LEFT_OUT: ReadonlySet<string> = new Set(['edts', 'mehd', 'free', 'skip']);
/** Of ftyp: major brand, minor version, compatible brands, as ffmpeg's cmaf muxer writes them. */
const BRANDS = Buffer.from('\0\0\0\x1cftypiso6\0\0\x02\0iso6cmfcmp41', 'latin1');

/** Throws FormatError for edit lists that CMAF does not have. */
export function normalHeader(init: InitSegment, timescale: number): NormalHeader {
  const { bytes } = init;
  const moov = requiredBox(boxesIn(bytes, 0, bytes.length), fourCc('moov'), wholeOf(bytes));
  const header = Buffer.concat([BRANDS, rewritten(bytes, moov, timescale)]);
  return { init: readInit(header), editTicks: readEdit(bytes, moov, init.timescale) };
}

function wholeOf(bytes: Buffer): BoxSpan {
  return { type: fourCc('file'), start: 0, body: 0, end: bytes.length };
}

function rewritten(bytes: Buffer, box: BoxSpan, timescale: number): Buffer {
  const name = nameOf(box.type);
  if (LEFT_OUT.has(name)) return Buffer.alloc(0);
  if (!CONTAINERS.has(name)) return withoutDuration(Buffer.from(bytes.subarray(box.start, box.end)), name, timescale);
  const inside = boxesIn(bytes, box.body, box.end)
    // The movie's user data names the muxer's version: a header would differ by it.
    .filter((child) => name !== 'moov' || nameOf(child.type) !== 'udta')
    .map((child) => rewritten(bytes, child, timescale));
  const size = inside.reduce((sum, child) => sum + child.length, 8);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(size, 0);
  head.write(name, 4, 'latin1');
  return Buffer.concat([head, ...inside]);
}

/** 14496-12 8.2.2, 8.3.2, 8.4.2: two times of the version's width, then timescale or track_ID, then the duration. */
function withoutDuration(copy: Buffer, name: string, timescale: number): Buffer {
  if (name !== 'mvhd' && name !== 'tkhd' && name !== 'mdhd') return copy;
  const isLong = copy.readUInt8(8) !== 0;
  const afterTimes = 12 + (isLong ? 16 : 8);
  if (name === 'mdhd') copy.writeUInt32BE(timescale, afterTimes);
  const duration = afterTimes + (name === 'tkhd' ? 8 : 4);
  copy.fill(0, duration, duration + (isLong ? 8 : 4));
  return copy;
}

/** 8.6.6: at most one empty edit, which delays, and one that begins at a media time. */
function readEdit(bytes: Buffer, moov: BoxSpan, timescale: number): number {
  const inMoov = boxesIn(bytes, moov.body, moov.end);
  const trak = requiredBox(inMoov, fourCc('trak'), moov);
  const edts = boxesIn(bytes, trak.body, trak.end).find(({ type }) => type === fourCc('edts'));
  const elst =
    edts === undefined ? undefined : boxesIn(bytes, edts.body, edts.end).find(({ type }) => type === fourCc('elst'));
  if (elst === undefined) return 0;
  const movieTimescale = readMovieTimescale(bytes, requiredBox(inMoov, fourCc('mvhd'), moov));
  const fields = new FieldReader(bytes, elst);
  const { version } = fields.versionAndFlags();
  const read = (): number => (version === 0 ? fields.u32() : fields.signed64());
  let delayTicks = 0;
  for (let left = fields.u32(); left > 0; left--) {
    const duration = read();
    const mediaTime = version === 0 ? fields.u32() | 0 : fields.signed64();
    fields.skip(4);
    if (mediaTime >= 0) return mediaTime - delayTicks;
    delayTicks += Math.round((duration * timescale) / movieTimescale);
  }
  if (delayTicks === 0) return 0;
  throw new FormatError('CMAF_UNSUPPORTED', 'elst', elst.start, 'has empty edits alone');
}

function readMovieTimescale(bytes: Buffer, mvhd: BoxSpan): number {
  const fields = new FieldReader(bytes, mvhd);
  fields.skip(fields.versionAndFlags().version === 0 ? 8 : 16);
  return Math.max(1, fields.u32());
}
