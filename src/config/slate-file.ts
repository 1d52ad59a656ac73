/**
 * Whether a file can be the picture of a slate, by its first bytes (PNG, ISO/IEC 15948 5.2, 11.2.2).
 * It never decodes: ffmpeg does, when the slate is made. Invariant: what is no PNG of a sane size never reaches ffmpeg.
 */
import { readFileHead } from './text-file.ts';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Signature, then the IHDR chunk: length, type, width, height. */
const HEAD_BYTES = 24;
const MOST_FILE_BYTES = 32_000_000;
/** Above 8K the decoder's memory is the operator's risk, not the viewers' gain. */
const MOST_PIXELS_ASIDE = 8192;

/** What is wrong with it and what would be right; undefined: it will do. */
export async function pictureFault(path: string): Promise<string | undefined> {
  const file = await readFileHead(path, HEAD_BYTES, 'name a PNG file');
  if (file.kind !== 'ok') return `${path}: ${file.reason}`;
  const { bytes, sizeBytes } = file;
  const isPng =
    bytes.length >= HEAD_BYTES && bytes.subarray(0, 8).equals(SIGNATURE) && bytes.toString('latin1', 12, 16) === 'IHDR';
  if (!isPng) return `${path}: is no PNG file; save the picture as PNG (16:9, for example 1920x1080)`;
  if (sizeBytes > MOST_FILE_BYTES)
    return `${path}: has ${sizeBytes} bytes; a slate has ${MOST_FILE_BYTES} at most, 1920x1080 is plenty`;
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  if (Math.min(width, height) < 16 || Math.max(width, height) > MOST_PIXELS_ASIDE)
    return `${path}: is ${width}x${height}; a slate has 16 to ${MOST_PIXELS_ASIDE} pixels a side, 1920x1080 is plenty`;
  return undefined;
}
