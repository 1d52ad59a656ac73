/**
 * From the pixels of a playing picture to the age of what is seen. Runs unchanged in Node and in browsers; draws nothing, asks no clock.
 * Invariant: an unreadable strip is `undefined`, never a guess (the strip carries a CRC, samples/clock-strip.mjs).
 */
import { decodeClock, rgbaLuma, STRIP_CELLS, STRIP_HEIGHT } from '../../samples/clock-strip.mjs';

/** Size that the strip alone is drawn to: four pixels a cell, so that the nine points of a cell are inside of it. */
export const STRIP_PIXELS = { width: 4 * STRIP_CELLS, height: 10 };

/**
 * @param {ArrayLike<number>} rgba of the strip alone, STRIP_PIXELS in size
 * @returns {number | undefined} what the strip says, in ms
 */
export function readStrip(rgba) {
  const luma = rgbaLuma(rgba, STRIP_PIXELS.width, STRIP_PIXELS.height);
  return decodeClock((x, y) => luma(x, y / STRIP_HEIGHT));
}

/**
 * Milliseconds from the instant a frame was due at the camera to the instant it was seen. The feed is a loop whose strip counts from 0 in
 * each round, so an age beyond one round is not told from the same age less a round.
 * @param {number} stripMs
 * @param {number} seenMs UTC
 * @param {{ readonly startMs: number, readonly loopMs: number }} feed UTC of its first frame; length of a round
 */
export function ageOf(stripMs, seenMs, { startMs, loopMs }) {
  return (seenMs - startMs - stripMs) % loopMs;
}
