/**
 * One frame of the broadcast: ground under a moving camera, players and ball, score bug, flash box and clock strip.
 * It never asks what time it is. Invariant: the picture depends on size, seed, programme time and UTC alone.
 */
import { encodeClock, STRIP_CELLS, STRIP_HEIGHT } from '../clock-strip.mjs';
import { BLACK, createFrame, fillEllipse, fillRect, pan, rgb, stamp, WHITE } from './frame.mjs';
import { drawGround, groundRow } from './ground.mjs';
import { drawText, textHeight, textWidth } from './letters.mjs';
import { createPlay } from './play.mjs';

/** The box that turns white for FLASH_MS on each whole even second of UTC and is black otherwise; parts of width and height. */
export const FLASH_BOX = { x: 0.9, y: 0.08, width: 0.08, height: 0.1 };
export const FLASH_EVERY_MS = 2000;
const FLASH_MS = 100;

const SKIN = rgb(196, 150, 118);
const SHADOW = rgb(36, 84, 34);
const BALL = rgb(190, 30, 36);
const BUG = rgb(14, 28, 58);
const ACCENT = rgb(240, 190, 40);
/** Shirt and trousers. */
const KITS = {
  field: [rgb(238, 238, 230), rgb(222, 222, 214)],
  bat: [rgb(30, 84, 190), rgb(24, 62, 150)],
  umpire: [rgb(30, 30, 34), rgb(70, 70, 76)],
};

/**
 * @param {{ width: number, height: number, seed: number }} options even sizes
 * @returns {(programmeSeconds: number, utcMs: number) => import('./frame.mjs').Frame} always the same Frame, drawn anew
 */
export function createPicture({ width, height, seed }) {
  const frame = createFrame(width, height);
  const ground = drawGround(width, height, seed);
  const play = createPlay(seed);
  const bug = createBug(width, height);
  const travel = ground.width - width;

  return (programmeSeconds, utcMs) => {
    const scene = play(programmeSeconds);
    const wanted = scene.camera * ground.width - width / 2;
    const cameraX = 2 * Math.round(Math.min(travel, Math.max(0, wanted)) / 2);
    pan(frame, ground, cameraX);
    const column = /** @param {number} x */ (x) => x * ground.width - cameraX;
    for (const player of scene.players.toSorted((a, b) => a.y - b.y)) drawPlayer(frame, column(player.x), player);
    drawBall(frame, column(scene.ball.x), scene.ball);
    bug(frame, scene, utcMs);
    drawFlash(frame, utcMs);
    drawStrip(frame, utcMs);
    return frame;
  };
}

/** Pixels of a player's height at a spot. @param {number} y @param {number} height */
function playerSize(y, height) {
  return height * (0.06 + 0.06 * y);
}

/**
 * @param {import('./frame.mjs').Frame} frame
 * @param {number} x
 * @param {import('./play.mjs').Player} player
 */
function drawPlayer(frame, x, player) {
  const size = playerSize(player.y, frame.height);
  if (x < -size || x > frame.width + size) return;
  const feet = groundRow(player.y, frame.height);
  const [shirt, trousers] = KITS[player.kit];
  if (shirt === undefined || trousers === undefined) return;
  const swing = player.stride === 0 ? 0.06 : 0.17 * Math.sin(player.stride * Math.PI);
  const thick = Math.max(1, size * 0.1);
  fillEllipse(frame, x, feet, size * 0.3, size * 0.06, SHADOW);
  for (const side of [-1, 1]) {
    const foot = x + side * swing * size;
    fillRect(frame, (x + foot) / 2 - thick / 2, feet - size * 0.45, thick, size * 0.24, trousers);
    fillRect(frame, foot - thick / 2, feet - size * 0.22, thick, size * 0.22, trousers);
    fillRect(frame, x - side * (swing * size + thick) - thick / 2, feet - size * 0.74, thick * 0.8, size * 0.26, SKIN);
  }
  fillEllipse(frame, x, feet - size * 0.62, size * 0.13, size * 0.2, shirt);
  fillEllipse(frame, x, feet - size * 0.9, size * 0.08, size * 0.09, SKIN);
  if (player.kit === 'bat') fillRect(frame, x - size * 0.26, feet - size * 0.4, thick, size * 0.4, ACCENT);
}

/**
 * @param {import('./frame.mjs').Frame} frame
 * @param {number} x
 * @param {import('./play.mjs').Ball} ball
 */
function drawBall(frame, x, ball) {
  const size = playerSize(ball.y, frame.height);
  const feet = groundRow(ball.y, frame.height);
  const radius = Math.max(2, frame.height / 130);
  fillEllipse(frame, x, feet, radius, radius / 2, SHADOW);
  fillEllipse(frame, x, feet - Math.max(radius, ball.height * size), radius, radius, BALL);
}

/** @param {number} value */
const twoDigits = (value) => String(value).padStart(2, '0');

/**
 * The score bug at the bottom left: redrawn once a second, copied into every frame.
 * @param {number} width
 * @param {number} height
 * @returns {(frame: import('./frame.mjs').Frame, scene: import('./play.mjs').Scene, utcMs: number) => void}
 */
function createBug(width, height) {
  const letters = 'PIT 000/0  00.0  WICKET  00:00:00'.length;
  const dot = Math.max(1, Math.min(Math.round(height / 260), Math.floor(width / (letters * 6 + 8))));
  const even = /** @param {number} pixels */ (pixels) => 2 * Math.ceil(pixels / 2);
  const bug = createFrame(even(textWidth('0'.repeat(letters), dot) + 6 * dot), even(textHeight(dot) + 6 * dot));
  const left = even(width * 0.02);
  const top = even(height * 0.94) - bug.height;
  let shown = '';

  return (frame, { score, last }, utcMs) => {
    const utc = Math.floor(utcMs / 1000) % 86400;
    const clock = [Math.floor(utc / 3600), Math.floor(utc / 60) % 60, utc % 60].map(twoDigits).join(':');
    const total = `PIT ${score.runs}/${score.wickets}`.padEnd(11);
    const overs = `${Math.floor(score.balls / 6)}.${score.balls % 6}`.padEnd(6);
    const text = `${total}${overs}${last.padEnd(8)}${clock}`;
    if (text !== shown) {
      fillRect(bug, 0, 0, bug.width, bug.height, BUG);
      fillRect(bug, 0, 0, 2 * dot, bug.height, ACCENT);
      drawText(bug, text, 4 * dot, 3 * dot, dot, WHITE);
      shown = text;
    }
    stamp(frame, bug, left, top);
  };
}

/** @param {import('./frame.mjs').Frame} frame @param {number} utcMs */
function drawFlash(frame, utcMs) {
  const { x, y, width, height } = FLASH_BOX;
  const colour = utcMs % FLASH_EVERY_MS < FLASH_MS ? WHITE : BLACK;
  fillRect(frame, x * frame.width, y * frame.height, width * frame.width, height * frame.height, colour);
}

/** @param {import('./frame.mjs').Frame} frame @param {number} utcMs */
function drawStrip(frame, utcMs) {
  const height = Math.ceil(frame.height * STRIP_HEIGHT);
  encodeClock(utcMs).forEach((bit, cell) => {
    const left = Math.round((cell * frame.width) / STRIP_CELLS);
    const right = Math.round(((cell + 1) * frame.width) / STRIP_CELLS);
    fillRect(frame, left, 0, right - left, height, bit === 1 ? WHITE : BLACK);
  });
}
