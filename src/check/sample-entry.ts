/**
 * Codec string (RFC 6381) and picture size of a sample entry, read from avcC, hvcC and esds alone.
 * It never decodes pictures; entries it does not know give their four-letter code.
 */
import { type Box, boxAt, boxesIn } from './boxes.ts';

// 14496-12 12.1.3 and 12.2.3: fixed fields before the boxes of a visual and of an audio sample entry
const VISUAL_HEADER = 78;
const AUDIO_HEADER = 28;

const VISUAL = new Set(['avc1', 'avc3', 'hvc1', 'hev1', 'av01', 'vp09', 'encv']);

/** Width and height fields of a visual sample entry: what is shown, after cropping. */
export function pictureSize(entry: Box): { readonly width: number; readonly height: number } | undefined {
  if (!VISUAL.has(entry.type) || entry.body.length < VISUAL_HEADER) return undefined;
  return { width: entry.body.readUInt16BE(24), height: entry.body.readUInt16BE(26) };
}

export function codecOf(entry: Box): string {
  if (entry.type === 'avc1' || entry.type === 'avc3') return avc(entry);
  if (entry.type === 'hvc1' || entry.type === 'hev1') return hevc(entry);
  if (entry.type === 'mp4a') return aac(entry);
  return entry.type;
}

function avc(entry: Box): string {
  const avcC = boxAt(entry.body.subarray(VISUAL_HEADER), 'avcC');
  return avcC === undefined ? entry.type : `${entry.type}.${avcC.body.toString('hex', 1, 4)}`;
}

// 14496-15 E.3
function hevc(entry: Box): string {
  const body = boxAt(entry.body.subarray(VISUAL_HEADER), 'hvcC')?.body;
  if (body === undefined) return entry.type;
  const first = body.readUInt8(1);
  const space = ['', 'A', 'B', 'C'][first >> 6] ?? '';
  let compatibility = 0;
  for (let bit = 0; bit < 32; bit += 1) if (body.readUInt32BE(2) & (1 << bit)) compatibility |= 1 << (31 - bit);
  const constraints = [...body.subarray(6, 12)];
  while (constraints.at(-1) === 0) constraints.pop();
  const level = `${first & 0x20 ? 'H' : 'L'}${body.readUInt8(12)}`;
  return [
    entry.type,
    `${space}${first & 0x1f}`,
    (compatibility >>> 0).toString(16).toUpperCase(),
    level,
    ...constraints.map((byte) => byte.toString(16).toUpperCase()),
  ].join('.');
}

// 14496-1 7.2.6: ES_Descriptor (3) > DecoderConfigDescriptor (4) > DecoderSpecificInfo (5) = AudioSpecificConfig
function aac(entry: Box): string {
  const esds = [...boxesIn(entry.body.subarray(AUDIO_HEADER))].find((box) => box.type === 'esds')?.body;
  const config = esds === undefined ? undefined : decoderConfig(esds.subarray(4));
  if (config === undefined) return entry.type;
  const objectType = `mp4a.${config.objectType.toString(16).padStart(2, '0')}`;
  const first = config.specific?.[0];
  if (config.objectType !== 0x40 || first === undefined) return objectType;
  const five = first >> 3;
  return `${objectType}.${five === 31 ? 32 + (((first & 7) << 3) | ((config.specific?.[1] ?? 0) >> 5)) : five}`;
}

function decoderConfig(descriptors: Buffer): { objectType: number; specific: Buffer | undefined } | undefined {
  const es = descriptor(descriptors);
  if (es?.tag !== 3) return undefined;
  const flags = es.body.readUInt8(2);
  const skip =
    3 +
    (flags & 0x80 ? 2 : 0) +
    (flags & 0x40 ? 1 + es.body.readUInt8(3 + (flags & 0x80 ? 2 : 0)) : 0) +
    (flags & 0x20 ? 2 : 0);
  const config = descriptor(es.body.subarray(skip));
  if (config?.tag !== 4) return undefined;
  const specific = descriptor(config.body.subarray(13));
  return { objectType: config.body.readUInt8(0), specific: specific?.tag === 5 ? specific.body : undefined };
}

function descriptor(bytes: Buffer): { tag: number; body: Buffer } | undefined {
  let at = 1;
  let length = 0;
  for (let i = 0; i < 4 && at < bytes.length; i += 1) {
    const byte = bytes.readUInt8(at);
    at += 1;
    length = (length << 7) | (byte & 0x7f);
    if ((byte & 0x80) === 0) break;
  }
  return bytes.length === 0 ? undefined : { tag: bytes.readUInt8(0), body: bytes.subarray(at, at + length) };
}
