/**
 * One CMAF chunk (moof + mdat) as a Fragment: ISO/IEC 14496-12 8.8 under the limits of ISO/IEC 23000-19 7.3.2.
 * It never copies media and never compares one Fragment with another: continuity is the packager's.
 * Invariant: what it returns is consistent with its bytes: every sample lies inside the mdat.
 */
import { FormatError } from './format-error.ts';
import type { Fragment, InitSegment, Sample, SampleDefaults } from './model.ts';
import { type BoxSpan, boxAt, boxesIn, FieldReader, fourCc, nameOf, readSigned64, requiredBox } from './reader.ts';

const MOOF = fourCc('moof');
const MDAT = fourCc('mdat');
const MFHD = fourCc('mfhd');
const TRAF = fourCc('traf');
const TFHD = fourCc('tfhd');
const TFDT = fourCc('tfdt');
const TRUN = fourCc('trun');
const SAIO = fourCc('saio');

/** A run may state millions of samples in 20 bytes when all fields are defaults; a chunk of 65,536 is no live chunk. */
export const MAX_SAMPLES = 65_536;

const IS_NON_SYNC = 0x0001_0000;
const DEPENDS_ON_SHIFT = 24;

/** The boxes of a chunk that are read or patched. */
export interface FragmentLayout {
  readonly moof: BoxSpan;
  readonly mfhd: BoxSpan;
  readonly traf: BoxSpan;
  readonly tfhd: BoxSpan;
  readonly tfdt: BoxSpan;
  readonly truns: readonly BoxSpan[];
  readonly saios: readonly BoxSpan[];
  readonly mdat: BoxSpan;
}

/** Finds the boxes of a chunk: moof first, mdat next. Throws FormatError. */
export function locateFragment(bytes: Buffer): FragmentLayout {
  const moof = boxAt(bytes, 0, bytes.length);
  if (moof.type !== MOOF) throw new FormatError('CMAF_BOX_INVALID', nameOf(moof.type), 0, 'a chunk begins with moof');
  const mdat = boxAt(bytes, moof.end, bytes.length);
  if (mdat.type !== MDAT)
    throw new FormatError('CMAF_BOX_INVALID', nameOf(mdat.type), moof.end, 'mdat must follow moof');
  const inMoof = boxesIn(bytes, moof.body, moof.end);
  const trafs = inMoof.filter((box) => box.type === TRAF);
  if (trafs.length > 1) {
    // ISO/IEC 23000-19 7.3.2.3: one traf. ffmpeg writes two when picture and sound share one output.
    throw new FormatError('CMAF_UNSUPPORTED', 'moof', 0, `${trafs.length} traf boxes; a CMAF chunk has one Track`);
  }
  const traf = requiredBox(inMoof, TRAF, moof);
  const inTraf = boxesIn(bytes, traf.body, traf.end);
  return {
    moof,
    mdat,
    traf,
    mfhd: requiredBox(inMoof, MFHD, moof),
    tfhd: requiredBox(inTraf, TFHD, traf),
    // 23000-19 7.5.16: tfdt is in every chunk.
    tfdt: requiredBox(inTraf, TFDT, traf),
    truns: inTraf.filter((box) => box.type === TRUN),
    saios: inTraf.filter((box) => box.type === SAIO),
  };
}

/**
 * Reads a chunk. `bytes` is moof and mdat and nothing else; `gapBytes` is the length of boxes that stood between them
 * and were left out: `bytes` is then patched so that its data offsets hold. Throws FormatError.
 */
export function readFragment(bytes: Buffer, init: Pick<InitSegment, 'defaults' | 'kind'>, gapBytes = 0): Fragment {
  const layout = locateFragment(bytes);
  if (layout.mdat.end !== bytes.length) {
    throw new FormatError(
      'CMAF_BOX_INVALID',
      'mdat',
      layout.mdat.start,
      `${bytes.length - layout.mdat.end} bytes follow it`,
    );
  }
  const mfhd = new FieldReader(bytes, layout.mfhd);
  mfhd.versionAndFlags();
  const sequenceOffset = mfhd.skip(4);
  const header = readTrackFragmentHeader(bytes, layout.tfhd, init.defaults);
  const time = readDecodeTime(bytes, layout.tfdt);
  const samples: Sample[] = [];
  const dataOffset = readRuns(bytes, layout, header.defaults, gapBytes, samples);
  let durationTicks = 0;
  for (const sample of samples) durationTicks += sample.durationTicks;
  return {
    bytes,
    trackId: header.trackId,
    sequence: bytes.readUInt32BE(sequenceOffset),
    decodeTicks: time.ticks,
    durationTicks,
    samples,
    dataOffset,
    timeOffset: time.offset,
    timeIs64Bit: time.is64Bit,
    sequenceOffset,
    isIndependent: init.kind === 'audio' || isSync(samples[0]),
  };
}

/** The bytes of each sample, in order; views, not copies. */
export function sampleData(fragment: Fragment): Buffer[] {
  let at = fragment.dataOffset;
  return fragment.samples.map((sample) => {
    const from = at;
    at += sample.sizeBytes;
    return fragment.bytes.subarray(from, at);
  });
}

/** 8.8.3.1: a sync sample that does not say it depends on others (depends_on 0 is "unknown", so sync counts). */
function isSync(sample: Sample | undefined): boolean {
  if (sample === undefined) return false;
  return (sample.flags & IS_NON_SYNC) === 0 && ((sample.flags >>> DEPENDS_ON_SHIFT) & 3) !== 1;
}

/** 8.8.7: track_ID and the defaults that replace those of trex. */
function readTrackFragmentHeader(
  bytes: Buffer,
  box: BoxSpan,
  trex: SampleDefaults,
): { readonly trackId: number; readonly defaults: SampleDefaults } {
  const fields = new FieldReader(bytes, box);
  const { flags } = fields.versionAndFlags();
  const trackId = fields.u32();
  if ((flags & 0x1) !== 0) {
    // 23000-19 7.5.14: base-data-offset-present shall not be set; the offset would be one into the sender's file.
    throw new FormatError(
      'CMAF_UNSUPPORTED',
      'tfhd',
      box.start,
      'base_data_offset is present; CMAF counts from the moof',
    );
  }
  if ((flags & 0x2) !== 0) {
    const entry = fields.u32();
    if (entry !== 1)
      throw new FormatError('CMAF_UNSUPPORTED', 'tfhd', box.start, `sample entry ${entry}; only the first is read`);
  }
  const defaults = {
    durationTicks: (flags & 0x8) !== 0 ? fields.u32() : trex.durationTicks,
    sizeBytes: (flags & 0x10) !== 0 ? fields.u32() : trex.sizeBytes,
    flags: (flags & 0x20) !== 0 ? fields.u32() : trex.flags,
  };
  return { trackId, defaults };
}

/** 8.8.12. Version 1 is read as signed: ffmpeg writes AAC priming as 2^64 - 1024. */
function readDecodeTime(
  bytes: Buffer,
  box: BoxSpan,
): {
  readonly ticks: number;
  readonly offset: number;
  readonly is64Bit: boolean;
} {
  const fields = new FieldReader(bytes, box);
  const is64Bit = fields.versionAndFlags().version !== 0;
  const offset = fields.skip(is64Bit ? 8 : 4);
  return {
    ticks: is64Bit ? readSigned64(bytes, offset, box) : bytes.readUInt32BE(offset),
    offset,
    is64Bit,
  };
}

/** All runs into `samples`; returns where the first sample begins. Runs must follow each other without holes. */
function readRuns(
  bytes: Buffer,
  { truns, mdat }: FragmentLayout,
  defaults: SampleDefaults,
  gapBytes: number,
  samples: Sample[],
): number {
  let dataOffset: number | undefined;
  let dataEnd = mdat.body;
  for (const trun of truns) {
    const before = samples.length;
    const start = readRun(bytes, trun, defaults, gapBytes, samples) ?? (dataOffset === undefined ? undefined : dataEnd);
    // 23000-19 7.5.17: data-offset-present shall be set. Without it the first run would begin inside the moof.
    if (start === undefined)
      throw new FormatError('CMAF_BOX_INVALID', 'trun', trun.start, 'the first run has no data_offset');
    if (samples.length === before) continue;
    if (dataOffset === undefined) dataOffset = start;
    else if (start !== dataEnd)
      throw new FormatError('CMAF_UNSUPPORTED', 'trun', trun.start, 'the runs do not follow each other');
    dataEnd = start;
    for (let index = before; index < samples.length; index++) dataEnd += samples[index]?.sizeBytes ?? 0;
    if (start < mdat.body || dataEnd > mdat.end) {
      const what = `samples at ${start}..${dataEnd}, but the mdat holds ${mdat.body}..${mdat.end}`;
      throw new FormatError('CMAF_BOX_INVALID', 'trun', trun.start, what);
    }
  }
  return dataOffset ?? mdat.body;
}

/** 8.8.8: one run; returns its data_offset when it has one. */
function readRun(
  bytes: Buffer,
  box: BoxSpan,
  defaults: SampleDefaults,
  gapBytes: number,
  into: Sample[],
): number | undefined {
  const fields = new FieldReader(bytes, box);
  const { version, flags } = fields.versionAndFlags();
  const count = fields.u32();
  if (into.length + count > MAX_SAMPLES) {
    throw new FormatError('CMAF_TOO_LARGE', 'trun', box.start, `${count} samples, at most ${MAX_SAMPLES} are taken`);
  }
  let dataOffset: number | undefined;
  if ((flags & 0x1) !== 0) {
    const at = fields.skip(4);
    dataOffset = bytes.readInt32BE(at) - gapBytes;
    if (gapBytes > 0) bytes.writeInt32BE(dataOffset, at);
  }
  const firstFlags = (flags & 0x4) !== 0 ? fields.u32() : undefined;
  const hasDuration = (flags & 0x100) !== 0;
  const hasSize = (flags & 0x200) !== 0;
  const hasFlags = (flags & 0x400) !== 0;
  const hasCompositionOffset = (flags & 0x800) !== 0;
  const sampleBytes = 4 * (Number(hasDuration) + Number(hasSize) + Number(hasFlags) + Number(hasCompositionOffset));
  let at = fields.skip(count * sampleBytes);
  // The reads below stay inside what skip() has just proved to be there.
  for (let index = 0; index < count; index++) {
    let { durationTicks, sizeBytes, flags: sampleFlags } = defaults;
    let compositionOffsetTicks = 0;
    if (hasDuration) {
      durationTicks = bytes.readUInt32BE(at);
      at += 4;
    }
    if (hasSize) {
      sizeBytes = bytes.readUInt32BE(at);
      at += 4;
    }
    if (hasFlags) {
      sampleFlags = bytes.readUInt32BE(at);
      at += 4;
    }
    // 8.8.8.3: first_sample_flags replaces the flags of the first sample of the run only.
    if (index === 0 && firstFlags !== undefined) sampleFlags = firstFlags;
    if (hasCompositionOffset) {
      // 8.8.8.2: unsigned in version 0, signed in version 1.
      compositionOffsetTicks = version === 0 ? bytes.readUInt32BE(at) : bytes.readInt32BE(at);
      at += 4;
    }
    into.push({
      durationTicks,
      sizeBytes,
      flags: sampleFlags,
      compositionOffsetTicks,
    });
  }
  return dataOffset;
}
