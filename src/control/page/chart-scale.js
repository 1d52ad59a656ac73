/**
 * From samples to the lines and areas of a chart. Pure: numbers in, SVG path text out.
 * A box is WIDTH x HEIGHT; x is time, the newest at the right edge. Invariant: nothing is drawn outside of the box, and an unknown sample leaves a hole.
 */

/** @typedef {readonly (number | undefined)[]} Values One for each time; undefined is not known. */

export const WIDTH = 300;
export const HEIGHT = 100;

/** The least of 1, 2, 2.5 or 5 times a power of ten that is not below either. @param {number} highest @param {number} floor above 0 */
export function topOf(highest, floor) {
  const wanted = Math.max(highest, floor);
  const power = 10 ** Math.floor(Math.log10(wanted));
  for (const step of [1, 2, 2.5, 5]) if (step * power >= wanted * (1 - 1e-9)) return step * power;
  return 10 * power;
}

/** @param {readonly number[]} timesMs rising @param {number} endMs @param {number} spanMs */
export function placesOf(timesMs, endMs, spanMs) {
  return timesMs.map((atMs) => Math.min(WIDTH, Math.max(0, WIDTH - ((endMs - atMs) / spanMs) * WIDTH)));
}

/** @param {number} value @param {number} top */
export function heightOf(value, top) {
  return HEIGHT - (Math.min(Math.max(value, 0), top) / top) * HEIGHT;
}

const point = (/** @type {number} */ x, /** @type {number} */ y) => `${x.toFixed(1)} ${y.toFixed(1)}`;

/** @param {Values} values @param {readonly number[]} places @param {number} top */
export function linePath(values, places, top) {
  let path = '';
  let penDown = false;
  places.forEach((x, index) => {
    const value = values[index];
    if (value !== undefined) path += `${penDown ? 'L' : 'M'}${point(x, heightOf(value, top))}`;
    penDown = value !== undefined;
  });
  return path;
}

/** The places of each unbroken stretch: first and one past the last. @param {readonly boolean[]} known @returns {[number, number][]} */
function stretches(known) {
  /** @type {[number, number][]} */
  const found = [];
  known.forEach((isKnown, index) => {
    const last = found.at(-1);
    if (!isKnown) return;
    if (last?.[1] === index) last[1] = index + 1;
    else found.push([index, index + 1]);
  });
  return found;
}

/**
 * Areas that stand upon one another, first at the bottom. Where no series is known there is a hole; where some are, the others are 0.
 * @param {readonly Values[]} series @param {readonly number[]} places @param {number} top @returns {string[]} a path for each series
 */
export function stackPaths(series, places, top) {
  const known = places.map((_x, index) => series.some((values) => values[index] !== undefined));
  const parts = stretches(known);
  /** @type {number[]} */
  let floor = places.map(() => 0);
  return series.map((values) => {
    const base = floor;
    const roof = base.map((below, index) => below + (values[index] ?? 0));
    floor = roof;
    const edge = (/** @type {readonly number[]} */ heights, /** @type {number} */ index) =>
      point(places[index] ?? 0, heightOf(heights[index] ?? 0, top));
    return parts
      .map(([from, to]) => {
        const indices = Array.from({ length: to - from }, (_none, step) => from + step);
        const up = indices.map((index) => edge(roof, index));
        const down = indices.toReversed().map((index) => edge(base, index));
        return `M${[...up, ...down].join('L')}Z`;
      })
      .join('');
  });
}

/** The highest sum of all series at one time. @param {readonly Values[]} series */
export function highestSum(series) {
  const length = Math.max(0, ...series.map((values) => values.length));
  let highest = 0;
  for (let index = 0; index < length; index += 1)
    highest = Math.max(
      highest,
      series.reduce((sum, values) => sum + (values[index] ?? 0), 0),
    );
  return highest;
}

/** Which sample is nearest to a place of the box. @param {readonly number[]} places @param {number} x */
export function nearestTo(places, x) {
  let best = -1;
  places.forEach((place, index) => {
    if (best < 0 || Math.abs(place - x) < Math.abs((places[best] ?? 0) - x)) best = index;
  });
  return best;
}
