/**
 * The RFC 6381 codec string of a sample entry, made of its configuration box and nothing else.
 * It never guesses: an entry it cannot name is CMAF_UNSUPPORTED.
 * Invariant: the string depends on the configuration bytes alone, so equal headers give equal strings.
 */
import { readAudioConfig } from './audio-config.ts';
import { FormatError } from './format-error.ts';
import { type BoxSpan, FieldReader, fourCc, nameOf, requiredBox } from './reader.ts';

type CodecRecipe = (bytes: Buffer, children: readonly BoxSpan[], entry: BoxSpan) => string;

const RECIPES: ReadonlyMap<string, CodecRecipe> = new Map<string, CodecRecipe>([
  ['avc1', avcCodec],
  ['avc3', avcCodec],
  ['hvc1', hevcCodec],
  ['hev1', hevcCodec],
  ['av01', av1Codec],
  ['vp09', vp9Codec],
  ['mp4a', mp4aCodec],
  ['ac-3', nameAlone],
  ['ec-3', nameAlone],
  ['Opus', nameAlone],
  ['fLaC', nameAlone],
]);

/** `children` are the boxes inside the sample entry. Throws FormatError. */
export function codecString(bytes: Buffer, entry: BoxSpan, children: readonly BoxSpan[]): string {
  const recipe = RECIPES.get(nameOf(entry.type));
  if (recipe === undefined) {
    throw new FormatError(
      'CMAF_UNSUPPORTED',
      nameOf(entry.type),
      entry.start,
      'is no sample entry this packager can announce',
    );
  }
  return recipe(bytes, children, entry);
}

function hex2(value: number): string {
  return value.toString(16).padStart(2, '0');
}

function decimal2(value: number): string {
  return String(value).padStart(2, '0');
}

/** RFC 6381 3.3 and ISO/IEC 14496-15 5.3.3.1: profile, constraint flags and level of avcC as six hex digits. */
function avcCodec(bytes: Buffer, children: readonly BoxSpan[], entry: BoxSpan): string {
  const fields = new FieldReader(bytes, requiredBox(children, fourCc('avcC'), entry));
  fields.skip(1);
  return `${nameOf(entry.type)}.${hex2(fields.u8())}${hex2(fields.u8())}${hex2(fields.u8())}`;
}

/** ISO/IEC 14496-15 Annex E.3. */
function hevcCodec(bytes: Buffer, children: readonly BoxSpan[], entry: BoxSpan): string {
  const fields = new FieldReader(bytes, requiredBox(children, fourCc('hvcC'), entry));
  fields.skip(1);
  const profile = fields.u8();
  const compatibility = fields.u32();
  const constraints = [...fields.take(6)];
  const level = fields.u8();
  // "in reverse bit order": the first flag becomes the lowest bit; leading zeros are left out.
  let reversed = 0;
  for (let bit = 0; bit < 32; bit++) if ((compatibility >>> bit) & 1) reversed += 2 ** (31 - bit);
  const space = ['', 'A', 'B', 'C'][profile >>> 6] ?? '';
  const tier = (profile & 0x20) === 0 ? 'L' : 'H';
  // "trailing bytes that are zero may be omitted"
  while (constraints.at(-1) === 0) constraints.pop();
  const upper = (value: number): string => value.toString(16).toUpperCase();
  const parts = [`${space}${profile & 0x1f}`, upper(reversed), `${tier}${level}`, ...constraints.map(upper)];
  return `${nameOf(entry.type)}.${parts.join('.')}`;
}

/** AV1 Codec ISO Media File Format Binding, 5: the optional tail is written whole or, when all of it is default, not at all. */
function av1Codec(bytes: Buffer, children: readonly BoxSpan[], entry: BoxSpan): string {
  const fields = new FieldReader(bytes, requiredBox(children, fourCc('av1C'), entry));
  fields.skip(1);
  const profileAndLevel = fields.u8();
  const shape = fields.u8();
  const highBitDepth = (shape & 0x40) !== 0;
  const depth = highBitDepth ? ((shape & 0x20) !== 0 ? 12 : 10) : 8;
  const tier = (shape & 0x80) === 0 ? 'M' : 'H';
  const base = `av01.${profileAndLevel >>> 5}.${decimal2(profileAndLevel & 0x1f)}${tier}.${decimal2(depth)}`;
  const subsampledBoth = (shape & 0x0c) === 0x0c;
  const subsampling = `${(shape >>> 3) & 1}${(shape >>> 2) & 1}${subsampledBoth ? shape & 3 : 0}`;
  const tail = `${(shape >>> 4) & 1}.${subsampling}.${colourTail(bytes, children)}`;
  return tail === '0.110.01.01.01.0' ? base : `${base}.${tail}`;
}

/** colr of type nclx (ISO/IEC 14496-12 12.1.5), or BT.709 limited range. */
function colourTail(bytes: Buffer, children: readonly BoxSpan[]): string {
  const box = children.find((child) => child.type === fourCc('colr'));
  if (box === undefined) return '01.01.01.0';
  const fields = new FieldReader(bytes, box);
  if (fields.u32() !== fourCc('nclx')) return '01.01.01.0';
  return `${decimal2(fields.u16())}.${decimal2(fields.u16())}.${decimal2(fields.u16())}.${fields.u8() >>> 7}`;
}

/** VP Codec ISO Media File Format Binding: profile, level, bit depth of vpcC. */
function vp9Codec(bytes: Buffer, children: readonly BoxSpan[], entry: BoxSpan): string {
  const fields = new FieldReader(bytes, requiredBox(children, fourCc('vpcC'), entry));
  fields.versionAndFlags();
  return `vp09.${decimal2(fields.u8())}.${decimal2(fields.u8())}.${decimal2(fields.u8() >>> 4)}`;
}

/** RFC 6381 3.3: objectTypeIndication in hex; for MPEG-4 audio (0x40) also the audio object type in decimal. */
function mp4aCodec(bytes: Buffer, children: readonly BoxSpan[], entry: BoxSpan): string {
  const config = readAudioConfig(bytes, requiredBox(children, fourCc('esds'), entry));
  const type = `mp4a.${config.objectType.toString(16).toUpperCase().padStart(2, '0')}`;
  return config.audioObjectType === undefined ? type : `${type}.${config.audioObjectType}`;
}

function nameAlone(_bytes: Buffer, _children: readonly BoxSpan[], entry: BoxSpan): string {
  return nameOf(entry.type);
}
