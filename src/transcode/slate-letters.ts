/**
 * Capital letters in cells of 5x7, as many as the slate says, and how to set them.
 * It never knows pixels' colours. Invariant: a cell is a whole number of pixels, so edges are sharp at any size.
 */

/** Seven rows from the top, five bits each, the leftmost the highest. */
const LETTERS: Readonly<Record<string, readonly number[]>> = {
  A: [0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001],
  B: [0b11110, 0b10001, 0b10001, 0b11110, 0b10001, 0b10001, 0b11110],
  C: [0b01111, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b01111],
  D: [0b11110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b11110],
  E: [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111],
  G: [0b01111, 0b10000, 0b10000, 0b10011, 0b10001, 0b10001, 0b01111],
  H: [0b10001, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001],
  I: [0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b11111],
  K: [0b10001, 0b10010, 0b10100, 0b11000, 0b10100, 0b10010, 0b10001],
  L: [0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111],
  P: [0b11110, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000, 0b10000],
  R: [0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001],
  S: [0b01111, 0b10000, 0b10000, 0b01110, 0b00001, 0b00001, 0b11110],
  T: [0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100],
  W: [0b10001, 0b10001, 0b10001, 0b10101, 0b10101, 0b11011, 0b10001],
};

const COLUMNS = 5;
const ADVANCE = COLUMNS + 1;

/** Width in pixels of `text` at `cell` pixels a cell, without the gap after the last letter. */
export function textWidth(text: string, cell: number): number {
  return (text.length * ADVANCE - 1) * cell;
}

/** Calls `paint` for every pixel of `text` with its upper left corner at (left, top). Unknown letters are blank. */
export function drawText(
  text: string,
  left: number,
  top: number,
  cell: number,
  paint: (x: number, y: number) => void,
): void {
  for (const [index, letter] of [...text].entries()) {
    const rows = LETTERS[letter] ?? [];
    for (const [row, bits] of rows.entries()) {
      for (let column = 0; column < COLUMNS; column++) {
        if ((bits & (1 << (COLUMNS - 1 - column))) === 0) continue;
        fillCell(left + (index * ADVANCE + column) * cell, top + row * cell, cell, paint);
      }
    }
  }
}

function fillCell(left: number, top: number, cell: number, paint: (x: number, y: number) => void): void {
  for (let y = 0; y < cell; y++) for (let x = 0; x < cell; x++) paint(left + x, top + y);
}
