/**
 * The ground: stands, boards, striped grass, pitch and rope, drawn once into a picture wider than the camera's.
 * It never draws anything that moves. Invariant: the same seed and size give the same bytes.
 */
import { chance } from './chance.mjs';
import { createFrame, fillEllipse, fillRect, rgb, WHITE } from './frame.mjs';
import { drawText, textHeight, textWidth } from './letters.mjs';

/** How much wider than the camera's picture the ground is. */
const GROUND_WIDTHS = 1.5;
/** Where the grass begins, in parts of the height. */
const GRASS_TOP = 0.25;

const LIGHT_GRASS = rgb(74, 148, 62);
const DARK_GRASS = rgb(58, 128, 50);
const CLAY = rgb(196, 168, 118);
const BOARD = rgb(24, 48, 96);
const SEATS = [
  rgb(52, 58, 78),
  rgb(84, 74, 70),
  rgb(150, 60, 54),
  rgb(196, 186, 170),
  rgb(60, 88, 132),
  rgb(40, 44, 60),
];

/**
 * Pixel row of a spot of the ground.
 * @param {number} y 0..1, far to near
 * @param {number} height of the picture
 */
export function groundRow(y, height) {
  return height * (GRASS_TOP + (1 - GRASS_TOP) * y);
}

/**
 * @param {number} width of the camera's picture
 * @param {number} height
 * @param {number} seed
 * @returns {import('./frame.mjs').Frame}
 */
export function drawGround(width, height, seed) {
  const wide = createFrame(2 * Math.round((width * GROUND_WIDTHS) / 2), height);
  drawStands(wide, chance(seed + 3));
  drawGrass(wide);
  drawBoards(wide);
  drawRope(wide);
  drawPitch(wide);
  return wide;
}

/** @param {import('./frame.mjs').Frame} wide @param {() => number} random */
function drawStands(wide, random) {
  const seat = Math.max(2, 2 * Math.round(wide.height / 240));
  for (let y = 0; y < wide.height * GRASS_TOP; y += seat) {
    for (let x = 0; x < wide.width; x += seat) {
      const colour = SEATS[Math.floor(random() * random() * SEATS.length)];
      if (colour !== undefined) fillRect(wide, x, y, seat, seat, colour);
    }
  }
}

/** Mown stripes that run away from the camera. @param {import('./frame.mjs').Frame} wide */
function drawGrass(wide) {
  const stripe = wide.width / 20;
  for (let row = Math.round(wide.height * GRASS_TOP); row < wide.height; row += 1) {
    const spread = 0.7 + (0.6 * row) / wide.height;
    const step = stripe * spread;
    const first = Math.floor(-wide.width / 2 / step);
    for (let index = first; index <= -first; index += 1) {
      const left = Math.round(wide.width / 2 + index * step);
      const width = Math.round(wide.width / 2 + (index + 1) * step) - left;
      fillRect(wide, left, row, width, 1, index % 2 === 0 ? LIGHT_GRASS : DARK_GRASS);
    }
  }
}

/** @param {import('./frame.mjs').Frame} wide */
function drawBoards(wide) {
  const height = Math.round(wide.height * 0.05);
  const top = Math.round(wide.height * GRASS_TOP) - height;
  fillRect(wide, 0, top, wide.width, height, BOARD);
  const dot = Math.max(1, Math.floor((height * 0.6) / 7));
  const text = 'PITCHSIDE';
  const step = textWidth(text, dot) + 20 * dot;
  for (let x = 6 * dot; x < wide.width; x += step) {
    drawText(wide, text, x, top + Math.round((height - textHeight(dot)) / 2), dot, WHITE);
  }
}

/** @param {import('./frame.mjs').Frame} wide */
function drawRope(wide) {
  const size = Math.max(1, wide.height / 300);
  for (let step = 0; step < 2400; step += 1) {
    const angle = (step / 2400) * 2 * Math.PI;
    const y = groundRow(0.6 + 0.34 * Math.sin(angle), wide.height);
    fillEllipse(wide, wide.width * (0.5 + 0.44 * Math.cos(angle)), y, size * 2, size, WHITE);
  }
}

/** @param {import('./frame.mjs').Frame} wide */
function drawPitch(wide) {
  const top = Math.round(groundRow(0.53, wide.height));
  const bottom = Math.round(groundRow(0.61, wide.height));
  for (let row = top; row < bottom; row += 1) {
    const half = wide.width * (0.095 + (0.008 * (row - top)) / (bottom - top));
    fillRect(wide, wide.width / 2 - half, row, 2 * half, 1, CLAY);
  }
  const line = Math.max(2, wide.width / 900);
  const stump = Math.max(2, wide.height / 300);
  for (const x of [0.425, 0.575]) fillRect(wide, wide.width * x, top, line, bottom - top, WHITE);
  for (const x of [0.42, 0.58]) {
    const height = wide.height * 0.045;
    for (const nth of [-1, 0, 1]) {
      fillRect(wide, wide.width * x + nth * stump * 1.6, groundRow(0.56, wide.height) - height, stump, height, CLAY);
    }
  }
}
