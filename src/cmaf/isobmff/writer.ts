/**
 * Chunks out: a received one with another time and number, or a new one made of samples (ISO/IEC 14496-12 8.8).
 * It never changes its input. Invariant: after a write every offset in the moof still points at the same byte of media.
 */
import { type FragmentLayout, locateFragment } from './fragment.ts';
import type { Fragment, Sample } from './model.ts';
import { type BoxSpan, FieldReader } from './reader.ts';

export interface Stamp {
  /** baseMediaDecodeTime, may be negative. */
  readonly decodeTicks: number;
  /** mfhd number; taken modulo 2^32. */
  readonly sequence: number;
}

export interface FragmentContents extends Stamp {
  readonly trackId: number;
  /** May be empty: a chunk that says "nothing here". */
  readonly samples: readonly Sample[];
  /** The media, in pieces of any size that together are exactly the samples. */
  readonly data: readonly Uint8Array[];
}

/** A copy with tfdt and mfhd replaced. A 32-bit tfdt becomes 64-bit: media time in UTC does not fit into 32. */
export function restampFragment(fragment: Fragment, stamp: Stamp): Buffer {
  const copy = fragment.timeIs64Bit ? Buffer.from(fragment.bytes) : withLongTime(fragment);
  const sequenceMoved = !fragment.timeIs64Bit && fragment.sequenceOffset > fragment.timeOffset;
  writeSigned64(copy, stamp.decodeTicks, fragment.timeOffset);
  copy.writeUInt32BE(modulo32(stamp.sequence), fragment.sequenceOffset + (sequenceMoved ? 4 : 0));
  return copy;
}

/** One moof(mfhd, traf(tfhd, tfdt v1, trun v1)) and its mdat, as small as it gets. Throws RangeError when the data is not the samples. */
export function writeFragment(contents: FragmentContents): Buffer {
  const { samples, data } = contents;
  const shape = shapeOf(samples);
  const tfhdBytes = 16 + 4 * (Number(shape.durationTicks !== undefined) + Number(shape.flags !== undefined));
  const trunBytes = 20 + (shape.firstFlags === undefined ? 0 : 4) + samples.length * shape.sampleBytes;
  const trafBytes = 8 + tfhdBytes + 20 + trunBytes;
  const moofBytes = 8 + 16 + trafBytes;
  let mdatBytes = 8;
  for (const piece of data) mdatBytes += piece.length;
  let sampleBytes = 8;
  for (const sample of samples) sampleBytes += sample.sizeBytes;
  if (sampleBytes !== mdatBytes)
    throw new RangeError(`samples of ${sampleBytes - 8} bytes, but data of ${mdatBytes - 8}`);

  const bytes = Buffer.allocUnsafe(moofBytes + mdatBytes);
  let at = writeBox(bytes, 0, moofBytes, 'moof');
  at = writeBox(bytes, at, 16, 'mfhd', 0);
  at = bytes.writeUInt32BE(modulo32(contents.sequence), at);
  at = writeBox(bytes, at, trafBytes, 'traf');
  at = writeTrackHeader(bytes, at, tfhdBytes, contents.trackId, shape);
  at = writeBox(bytes, at, 20, 'tfdt', 0x0100_0000);
  at = writeSigned64(bytes, contents.decodeTicks, at);
  at = writeRun(bytes, at, trunBytes, moofBytes + 8, samples, shape);
  at = writeBox(bytes, at, mdatBytes, 'mdat');
  for (const piece of data) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** What can be said once for all samples; undefined members must be said for each. */
interface RunShape {
  readonly durationTicks: number | undefined;
  readonly flags: number | undefined;
  readonly firstFlags: number | undefined;
  readonly hasCompositionOffsets: boolean;
  /** Bytes of one entry of the trun. */
  readonly sampleBytes: number;
}

function shapeOf(samples: readonly Sample[]): RunShape {
  const first = samples[0];
  const rest = samples[1] ?? first;
  const durationTicks = samples.every((sample) => sample.durationTicks === first?.durationTicks)
    ? first?.durationTicks
    : undefined;
  const flags = samples.every((sample, index) => index === 0 || sample.flags === rest?.flags) ? rest?.flags : undefined;
  const hasCompositionOffsets = samples.some((sample) => sample.compositionOffsetTicks !== 0);
  return {
    durationTicks,
    flags,
    firstFlags: flags !== undefined && first?.flags !== flags ? first?.flags : undefined,
    hasCompositionOffsets,
    sampleBytes:
      4 + 4 * (Number(durationTicks === undefined) + Number(flags === undefined) + Number(hasCompositionOffsets)),
  };
}

/** 8.8.7, with default-base-is-moof as 23000-19 7.5.14 demands. */
function writeTrackHeader(bytes: Buffer, from: number, size: number, trackId: number, shape: RunShape): number {
  const flags = 0x02_0000 | (shape.durationTicks === undefined ? 0 : 0x8) | (shape.flags === undefined ? 0 : 0x20);
  let at = writeBox(bytes, from, size, 'tfhd', flags);
  at = bytes.writeUInt32BE(trackId, at);
  if (shape.durationTicks !== undefined) at = bytes.writeUInt32BE(shape.durationTicks, at);
  if (shape.flags !== undefined) at = bytes.writeUInt32BE(shape.flags, at);
  return at;
}

/** 8.8.8, version 1: composition offsets are signed. */
function writeRun(
  bytes: Buffer,
  from: number,
  size: number,
  dataOffset: number,
  samples: readonly Sample[],
  shape: RunShape,
): number {
  const perSample =
    0x200 |
    (shape.durationTicks === undefined ? 0x100 : 0) |
    (shape.flags === undefined ? 0x400 : 0) |
    (shape.hasCompositionOffsets ? 0x800 : 0);
  const perRun = 0x1 | (shape.firstFlags === undefined ? 0 : 0x4);
  let at = writeBox(bytes, from, size, 'trun', 0x0100_0000 | perRun | (samples.length === 0 ? 0 : perSample));
  at = bytes.writeUInt32BE(samples.length, at);
  at = bytes.writeInt32BE(dataOffset, at);
  if (shape.firstFlags !== undefined) at = bytes.writeUInt32BE(shape.firstFlags, at);
  for (const sample of samples) {
    if (shape.durationTicks === undefined) at = bytes.writeUInt32BE(sample.durationTicks, at);
    at = bytes.writeUInt32BE(sample.sizeBytes, at);
    if (shape.flags === undefined) at = bytes.writeUInt32BE(sample.flags, at);
    if (shape.hasCompositionOffsets) at = bytes.writeInt32BE(sample.compositionOffsetTicks, at);
  }
  return at;
}

/** A box header, and version and flags for a FullBox; returns where the payload begins. */
function writeBox(bytes: Buffer, at: number, size: number, name: string, versionAndFlags?: number): number {
  bytes.writeUInt32BE(size, at);
  bytes.write(name, at + 4, 'latin1');
  return versionAndFlags === undefined ? at + 8 : bytes.writeUInt32BE(versionAndFlags, at + 8);
}

function writeSigned64(bytes: Buffer, value: number, at: number): number {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a time in ticks`);
  const high = Math.floor(value / 2 ** 32);
  return bytes.writeUInt32BE(value - high * 2 ** 32, bytes.writeInt32BE(high, at));
}

function modulo32(value: number): number {
  return ((value % 2 ** 32) + 2 ** 32) % 2 ** 32;
}

/** A copy whose tfdt is version 1, four bytes longer; sizes, data offsets and saio offsets follow. */
function withLongTime(fragment: Fragment): Buffer {
  const { bytes, timeOffset } = fragment;
  const layout = locateFragment(bytes);
  const grown = Buffer.allocUnsafe(bytes.length + 4);
  bytes.copy(grown, 0, 0, timeOffset);
  bytes.copy(grown, timeOffset + 8, timeOffset + 4);
  for (const box of [layout.moof, layout.traf, layout.tfdt]) addToSize(grown, box);
  grown.writeUInt8(1, layout.tfdt.body);
  for (const trun of layout.truns) shiftDataOffset(bytes, grown, trun, timeOffset);
  shiftAuxiliaryOffsets(bytes, grown, layout, timeOffset);
  return grown;
}

function addToSize(bytes: Buffer, box: BoxSpan): void {
  const at = box.body - box.start === 16 ? box.start + 12 : box.start;
  bytes.writeUInt32BE(bytes.readUInt32BE(at) + 4, at);
}

function shiftDataOffset(original: Buffer, grown: Buffer, trun: BoxSpan, insertedAt: number): void {
  const fields = new FieldReader(original, trun);
  const { flags } = fields.versionAndFlags();
  fields.skip(4);
  if ((flags & 0x1) === 0) return;
  const at = fields.skip(4);
  grown.writeInt32BE(original.readInt32BE(at) + 4, at > insertedAt ? at + 4 : at);
}

/** 8.7.9: saio counts from the moof (default-base-is-moof); what stood before tfdt's time has not moved. */
function shiftAuxiliaryOffsets(original: Buffer, grown: Buffer, layout: FragmentLayout, insertedAt: number): void {
  for (const saio of layout.saios) {
    const fields = new FieldReader(original, saio);
    const { version, flags } = fields.versionAndFlags();
    if ((flags & 0x1) !== 0) fields.skip(8);
    const count = fields.u32();
    for (let index = 0; index < count; index++) {
      const at = fields.skip(version === 0 ? 4 : 8) + (version === 0 ? 0 : 4);
      const offset = original.readUInt32BE(at);
      if (offset > insertedAt) grown.writeUInt32BE(offset + 4, at > insertedAt ? at + 4 : at);
    }
  }
}
