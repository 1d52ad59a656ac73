/**
 * Letters and digits, five by seven dots, drawn by hand for this picture: no font is read anywhere.
 * Unknown characters are blank.
 */
import { fillRect } from './frame.mjs';

/** Seven rows of five dots for each character, one hexadecimal digit pair per row. @type {Record<string, string>} */
const DOTS = {
  0: '0e11131519110e',
  1: '040c040404040e',
  2: '0e11010204081f',
  3: '1f02040201110e',
  4: '02060a121f0202',
  5: '1f101e0101110e',
  6: '0608101e11110e',
  7: '1f010204080808',
  8: '0e11110e11110e',
  9: '0e11110f01020c',
  A: '0e11111f111111',
  B: '1e11111e11111e',
  C: '0e11101010110e',
  D: '1c12111111121c',
  E: '1f10101e10101f',
  F: '1f10101e101010',
  G: '0e11101711110f',
  H: '1111111f111111',
  I: '0e04040404040e',
  K: '11121418141211',
  L: '1010101010101f',
  M: '111b1515111111',
  N: '11111915131111',
  O: '0e11111111110e',
  P: '1e11111e101010',
  R: '1e11111e141211',
  S: '0f10100e01011e',
  T: '1f040404040404',
  U: '1111111111110e',
  V: '11111111110a04',
  W: '1111111515150a',
  X: '11110a040a1111',
  Y: '1111110a040404',
  '/': '00010204081000',
  ':': '000c0c000c0c00',
  '.': '00000000000c0c',
  '-': '0000001f000000',
};

const COLUMNS = 5;
const ROWS = 7;

/**
 * Width of a text in pixels, without the gap after its last letter.
 * @param {string} text
 * @param {number} dot pixels per dot
 */
export function textWidth(text, dot) {
  return Math.max(0, text.length * (COLUMNS + 1) - 1) * dot;
}

/** Height of a line in pixels. @param {number} dot */
export function textHeight(dot) {
  return ROWS * dot;
}

/**
 * @param {import('./frame.mjs').Frame} frame
 * @param {string} text capitals, digits and / : . -
 * @param {number} x
 * @param {number} y
 * @param {number} dot pixels per dot
 * @param {import('./frame.mjs').Colour} colour
 */
export function drawText(frame, text, x, y, dot, colour) {
  [...text].forEach((letter, position) => {
    const dots = DOTS[letter];
    if (dots === undefined) return;
    const left = x + position * (COLUMNS + 1) * dot;
    for (let row = 0; row < ROWS; row += 1) {
      const bits = Number.parseInt(dots.slice(2 * row, 2 * row + 2), 16);
      for (let column = 0; column < COLUMNS; column += 1) {
        if ((bits >> (COLUMNS - 1 - column)) & 1) fillRect(frame, left + column * dot, y + row * dot, dot, dot, colour);
      }
    }
  });
}
