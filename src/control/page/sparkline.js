/**
 * A line of the last minute, as an SVG path. Pure: samples in, path text out.
 */

export const SPARK_SAMPLES = 60;

/**
 * The path in a box of 60 x 16, newest sample at the right edge. The scale starts at 0 and never ends below `floor`,
 * so that noise around a small value does not look like a storm. Unknown samples leave a hole.
 * @param {readonly (number | undefined)[]} samples oldest first
 * @param {number} floor
 */
export function sparkPath(samples, floor) {
  const shown = samples.slice(-SPARK_SAMPLES);
  const top = Math.max(floor, ...shown.map((value) => value ?? 0));
  let path = '';
  let penDown = false;
  shown.forEach((value, index) => {
    if (value === undefined) {
      penDown = false;
      return;
    }
    const x = SPARK_SAMPLES - shown.length + index + 1;
    const y = 15 - (14 * value) / top;
    path += `${penDown ? 'L' : 'M'}${x} ${y.toFixed(1)}`;
    penDown = true;
  });
  return path;
}
