/**
 * A picture in memory as I420 (YUV 4:2:0, BT.709, limited range) and the few strokes that a drawn match needs.
 * It never reads a font or a file. Invariant: strokes are clipped to the frame and touch all three planes.
 */

/** Luma and chroma of one colour. @typedef {{ y: number, u: number, v: number }} Colour */
/**
 * `bytes` holds Y, U and V one after another, as YUV4MPEG2 wants them; the planes are views of it. Width and height are even.
 * @typedef {{ width: number, height: number, bytes: Uint8Array, y: Uint8Array, u: Uint8Array, v: Uint8Array }} Frame
 */

/**
 * @param {number} width
 * @param {number} height
 * @returns {Frame}
 */
export function createFrame(width, height) {
  const luma = width * height;
  const chroma = luma / 4;
  const bytes = new Uint8Array(luma + 2 * chroma);
  return {
    width,
    height,
    bytes,
    y: bytes.subarray(0, luma),
    u: bytes.subarray(luma, luma + chroma),
    v: bytes.subarray(luma + chroma),
  };
}

/**
 * BT.709, limited range, from 8-bit RGB.
 * @param {number} r
 * @param {number} g
 * @param {number} b
 * @returns {Colour}
 */
export function rgb(r, g, b) {
  const luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return {
    y: Math.round(16 + (luma * 219) / 255),
    u: Math.round(128 + (((b - luma) / 1.8556) * 224) / 255),
    v: Math.round(128 + (((r - luma) / 1.5748) * 224) / 255),
  };
}

export const WHITE = rgb(255, 255, 255);
export const BLACK = rgb(0, 0, 0);

/**
 * Fills columns from..to-1 of one row. Short spans are written by hand: a call of fill costs more than ten pixels.
 * @param {Uint8Array} plane
 * @param {number} from
 * @param {number} to
 * @param {number} value
 */
function span(plane, from, to, value) {
  if (to - from > 32) plane.fill(value, from, to);
  else for (let at = from; at < to; at += 1) plane[at] = value;
}

/**
 * @param {Frame} frame
 * @param {number} row
 * @param {number} from
 * @param {number} to
 * @param {Colour} colour
 */
function fillRow(frame, row, from, to, colour) {
  const left = Math.max(0, from);
  const right = Math.min(frame.width, to);
  if (row < 0 || row >= frame.height || right <= left) return;
  span(frame.y, row * frame.width + left, row * frame.width + right, colour.y);
  if (row % 2 !== 0) return;
  const base = (row / 2) * (frame.width / 2);
  span(frame.u, base + (left >> 1), base + ((right + 1) >> 1), colour.u);
  span(frame.v, base + (left >> 1), base + ((right + 1) >> 1), colour.v);
}

/**
 * @param {Frame} frame
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 * @param {Colour} colour
 */
export function fillRect(frame, x, y, width, height, colour) {
  const left = Math.round(x);
  const top = Math.round(y);
  const bottom = top + Math.round(height);
  const right = left + Math.round(width);
  for (let row = top; row < bottom; row += 1) fillRow(frame, row, left, right, colour);
}

/**
 * @param {Frame} frame
 * @param {number} centreX
 * @param {number} centreY
 * @param {number} radiusX
 * @param {number} radiusY
 * @param {Colour} colour
 */
export function fillEllipse(frame, centreX, centreY, radiusX, radiusY, colour) {
  const bottom = Math.ceil(centreY + radiusY);
  for (let row = Math.floor(centreY - radiusY); row <= bottom; row += 1) {
    const part = 1 - ((row + 0.5 - centreY) / radiusY) ** 2;
    if (part <= 0) continue;
    const half = radiusX * Math.sqrt(part);
    fillRow(frame, row, Math.round(centreX - half), Math.round(centreX + half), colour);
  }
}

/**
 * Copies the whole of `source` to (x, y); both even and the source inside the frame.
 * @param {Frame} frame
 * @param {Frame} source
 * @param {number} x
 * @param {number} y
 */
export function stamp(frame, source, x, y) {
  copyRows(frame.y, frame.width, x, y, source.y, source.width);
  copyRows(frame.u, frame.width / 2, x / 2, y / 2, source.u, source.width / 2);
  copyRows(frame.v, frame.width / 2, x / 2, y / 2, source.v, source.width / 2);
}

/**
 * @param {Uint8Array} to
 * @param {number} toStride
 * @param {number} x
 * @param {number} y
 * @param {Uint8Array} from
 * @param {number} fromStride also the width that is copied
 */
function copyRows(to, toStride, x, y, from, fromStride) {
  let at = y * toStride + x;
  for (let start = 0; start < from.length; start += fromStride, at += toStride) {
    to.set(from.subarray(start, start + fromStride), at);
  }
}

/**
 * Fills the frame from a wider picture of the same height, beginning at column `x` (even) of that picture: a camera's pan.
 * @param {Frame} frame
 * @param {Frame} wide
 * @param {number} x
 */
export function pan(frame, wide, x) {
  panPlane(frame.y, frame.width, wide.y, wide.width, x);
  panPlane(frame.u, frame.width / 2, wide.u, wide.width / 2, x / 2);
  panPlane(frame.v, frame.width / 2, wide.v, wide.width / 2, x / 2);
}

/**
 * @param {Uint8Array} to
 * @param {number} width
 * @param {Uint8Array} from
 * @param {number} fromStride
 * @param {number} x
 */
function panPlane(to, width, from, fromStride, x) {
  let start = x;
  for (let at = 0; at < to.length; at += width, start += fromStride) to.set(from.subarray(start, start + width), at);
}
