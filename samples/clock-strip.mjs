/**
 * The clock strip: UTC in milliseconds as 64 black and white cells along the top edge of a picture, and back again.
 * It runs unchanged in Node and in browsers, never draws and never asks what time it is.
 * Invariant: `decodeClock` answers the very value that was encoded or `undefined`, never a guess (CRC-16 over the time).
 *
 * Format, left to right over the whole width, STRIP_HEIGHT of the picture's height, white = 1:
 *
 *   cells 0..5    sync 1 0 1 1 0 0   both levels are known here: the threshold is half-way between them
 *   cells 6..47   UTC in ms since 1970, 42 bits, most significant first (until the year 2109)
 *   cells 48..63  CRC-16/CCITT-FALSE (polynomial 0x1021, start 0xFFFF) over the time as six bytes, big-endian
 *
 * The picture may be scaled and compressed as long as a cell stays about two pixels wide; it may not be cropped or padded.
 */

export const STRIP_CELLS = 64;
/** Height of the strip in parts of the picture's height. */
export const STRIP_HEIGHT = 1 / 18;

const SYNC = [1, 0, 1, 1, 0, 0];
const TIME_BITS = 42;
const CRC_BITS = 16;
/** White and black of the sync cells must be at least this far apart (of 255). */
const LEAST_CONTRAST = 48;

/**
 * The luma of a picture: x and y in 0..1 from the top left corner, the answer in 0..255.
 * @typedef {(x: number, y: number) => number} LumaSampler
 */

/**
 * @param {number} ms whole milliseconds
 * @returns {number} 16 bits
 */
function crcOf(ms) {
  let crc = 0xffff;
  for (let byte = 5; byte >= 0; byte -= 1) {
    crc ^= (Math.floor(ms / 256 ** byte) % 256) << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}

/**
 * @param {number} ms UTC, rounded down to whole milliseconds; 0 to 2^42 - 1
 * @returns {number[]} STRIP_CELLS bits, 1 = white, from left to right
 */
export function encodeClock(ms) {
  const whole = Math.floor(ms);
  if (!(whole >= 0 && whole < 2 ** TIME_BITS)) throw new RangeError(`no clock strip for ${ms} ms`);
  const bits = [...SYNC];
  for (let bit = TIME_BITS - 1; bit >= 0; bit -= 1) bits.push(Math.floor(whole / 2 ** bit) % 2);
  const crc = crcOf(whole);
  for (let bit = CRC_BITS - 1; bit >= 0; bit -= 1) bits.push((crc >> bit) & 1);
  return bits;
}

/**
 * Mean luma of the middle of a cell: nine points, away from the edges that scaling smears.
 * @param {LumaSampler} luma
 * @param {number} cell
 */
function cellLuma(luma, cell) {
  let sum = 0;
  for (const dx of [0.35, 0.5, 0.65]) {
    for (const dy of [0.3, 0.5, 0.7]) sum += luma((cell + dx) / STRIP_CELLS, dy * STRIP_HEIGHT);
  }
  return sum / 9;
}

/**
 * @param {LumaSampler} luma
 * @returns {number | undefined} UTC in ms, or undefined where no whole and undamaged strip is to be seen
 */
export function decodeClock(luma) {
  const levels = Array.from({ length: STRIP_CELLS }, (_, cell) => cellLuma(luma, cell));
  const white = Math.min(...levels.filter((_, cell) => SYNC[cell] === 1));
  const black = Math.max(...levels.filter((_, cell) => SYNC[cell] === 0));
  if (!(white - black >= LEAST_CONTRAST)) return undefined;
  const threshold = (white + black) / 2;
  let ms = 0;
  let crc = 0;
  levels.forEach((level, cell) => {
    const bit = level > threshold ? 1 : 0;
    if (cell >= SYNC.length + TIME_BITS) crc = crc * 2 + bit;
    else if (cell >= SYNC.length) ms = ms * 2 + bit;
  });
  return crc === crcOf(ms) ? ms : undefined;
}

/**
 * A sampler over a luma plane (the Y of I420, or 8-bit grey).
 * @param {ArrayLike<number>} plane
 * @param {number} width
 * @param {number} height
 * @returns {LumaSampler}
 */
export function planeLuma(plane, width, height) {
  return (x, y) => plane[Math.floor(y * height) * width + Math.floor(x * width)] ?? 0;
}

/**
 * A sampler over RGBA bytes, as `getImageData(...).data` gives them.
 * @param {ArrayLike<number>} rgba
 * @param {number} width
 * @param {number} height
 * @returns {LumaSampler}
 */
export function rgbaLuma(rgba, width, height) {
  return (x, y) => {
    const at = 4 * (Math.floor(y * height) * width + Math.floor(x * width));
    return 0.2126 * (rgba[at] ?? 0) + 0.7152 * (rgba[at + 1] ?? 0) + 0.0722 * (rgba[at + 2] ?? 0);
  };
}
