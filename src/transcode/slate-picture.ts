/**
 * The still picture of the slate: a floodlit pitch at night and two lines of text, drawn in any size as raw RGB24.
 * It never uses a font or an image file. Invariant: the same size gives the same bytes.
 */
import { drawText, textWidth } from './slate-letters.ts';

/** Packed RGB24, rows from the top, no padding. */
export interface SlatePicture {
  readonly width: number;
  readonly height: number;
  readonly rgb: Buffer;
}

type Colour = readonly [number, number, number];

const SKY_TOP: Colour = [6, 11, 26];
const SKY_LOW: Colour = [16, 32, 62];
const GRASS_FAR: Colour = [10, 58, 42];
const GRASS_NEAR: Colour = [20, 92, 56];
const LINE: Colour = [176, 214, 190];
const LIGHT: Colour = [232, 242, 255];
const WORDS: Colour = [246, 248, 244];
const QUIET_WORDS: Colour = [158, 184, 196];

/** Where the grass begins, in parts of the height. */
const HORIZON = 0.6;

/** Draws the slate, `width` x `height` pixels. */
export function slatePicture(width = 1280, height = 720): SlatePicture {
  const picture: SlatePicture = { width, height, rgb: Buffer.alloc(width * height * 3) };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) put(picture, x, y, shade(x / width, y / height, width / height));
  }
  words(picture);
  return picture;
}

function put({ rgb, width }: SlatePicture, x: number, y: number, colour: Colour): void {
  const at = (y * width + x) * 3;
  rgb[at] = colour[0];
  rgb[at + 1] = colour[1];
  rgb[at + 2] = colour[2];
}

function mix(a: Colour, b: Colour, share: number): Colour {
  const s = Math.min(1, Math.max(0, share));
  return [
    Math.round(a[0] + (b[0] - a[0]) * s),
    Math.round(a[1] + (b[1] - a[1]) * s),
    Math.round(a[2] + (b[2] - a[2]) * s),
  ];
}

/** The colour at (u, v) in 0..1 of width and height; `aspect` keeps lamps round. */
function shade(u: number, v: number, aspect: number): Colour {
  const base = v < HORIZON ? mix(SKY_TOP, SKY_LOW, v / HORIZON) : grass(u, v);
  return mix(base, LIGHT, floodlights(u, v, aspect));
}

/** The pitch in perspective: position on the grass from the row below the horizon, then its mown stripes and its lines. */
function grass(u: number, v: number): Colour {
  const row = (v - HORIZON) / (1 - HORIZON);
  const depth = 1 / (0.22 + row);
  const across = (u - 0.5) * depth;
  const stripe = Math.floor(depth * 6) % 2 === 0 ? 0.06 : 0;
  const turf = mix(GRASS_FAR, GRASS_NEAR, row * 0.9 + stripe);
  // Half a line's width grows towards the viewer, so that far lines do not break up.
  const thick = 0.004 * depth + 0.004;
  return mix(turf, LINE, pitchLine(across, depth, thick) * 0.62);
}

function pitchLine(across: number, depth: number, thick: number): number {
  const near = (distance: number, width: number): number =>
    1 - Math.min(1, Math.max(0, Math.abs(distance) / width - 0.5));
  const insideSides = Math.abs(across) <= 1.18;
  const insideEnds = depth >= 0.95 && depth <= 3.9;
  const sides = insideEnds ? near(Math.abs(across) - 1.18, thick) : 0;
  const ends = insideSides ? Math.max(near(depth - 0.95, thick), near(depth - 3.9, thick * 3)) : 0;
  const halfway = insideEnds ? near(across, thick * 0.6) : 0;
  const circle = near(Math.hypot(across, (depth - 1.75) * 0.62) - 0.36, thick * 0.8);
  const boxDeep = Math.abs(depth - 1.9) <= 0.55;
  const box = boxDeep && Math.abs(across) < 1.18 ? near(Math.abs(across) - 0.86, thick) : 0;
  const boxEdge = Math.abs(across) >= 0.86 && insideSides ? near(Math.abs(depth - 1.9) - 0.55, thick * 1.6) : 0;
  return Math.max(sides, ends, halfway, circle, box, boxEdge);
}

/** Two masts of lamps and the haze around them. */
function floodlights(u: number, v: number, aspect: number): number {
  let light = 0;
  // Measured in parts of the shorter side: the masts of a portrait picture are narrow, too.
  const size = Math.min(1, aspect);
  for (const mast of [0.12, 0.88]) {
    const dx = ((u - mast) * aspect) / size;
    const dy = (v - 0.2) / size;
    light += 0.2 * Math.exp(-(dx * dx + dy * dy) * 14);
    if (Math.abs(dx) < 0.004 && v > 0.2 && v < HORIZON) light += 0.12;
    light = Math.max(light, lamps(dx, dy));
  }
  return Math.min(1, light);
}

function lamps(dx: number, dy: number): number {
  const column = Math.round(dx / 0.032);
  const row = Math.round(dy / 0.032);
  if (Math.abs(column) > 2 || Math.abs(row) > 1) return 0;
  const distance = Math.hypot(dx - column * 0.032, dy - row * 0.032);
  return Math.min(1, Math.max(0, (0.0125 - distance) / 0.004));
}

function words(picture: SlatePicture): void {
  const { width, height } = picture;
  const paint = (colour: Colour) => (x: number, y: number) => {
    if (x >= 0 && y >= 0 && x < width && y < height) put(picture, x, y, colour);
  };
  const centred = (text: string, cell: number, top: number, colour: Colour): void =>
    drawText(text, Math.round((width - textWidth(text, cell)) / 2), Math.round(top), cell, paint(colour));
  // The largest whole cell that leaves a margin: letters stay crisp.
  const title = Math.max(1, Math.floor(Math.min((width * 0.62) / textWidth('PITCHSIDE', 1), height * 0.024)));
  const line = 'WE WILL BE RIGHT BACK';
  const small = Math.max(1, Math.floor(Math.min((width * 0.7) / textWidth(line, 1), title * 0.42)));
  centred('PITCHSIDE', title, height * 0.27, WORDS);
  centred(line, small, height * 0.27 + title * 10.5, QUIET_WORDS);
}
