/**
 * How fast the encoder's clock runs against ours, from the smallest delay (arrival minus stamp) of each window.
 * Pure. The network only ever adds delay, so the smallest is nearest to the clocks' own difference.
 * Invariant: at most MAX_POINTS are kept; a step of the delay (another route) is no drift.
 */
import { fitLine } from './source-window.ts';

const MAX_POINTS = 60;
/** One minute: enough for a figure. */
const FIGURE_POINTS = 12;
/** Two minutes: enough to speak of it. */
const STEADY_POINTS = 24;
/** No clock is off by more; that is an uplink that does not keep up. */
const NO_CLOCK_PPM = 2_000;

export class DriftMeter {
  #points: { x: number; y: number }[] = [];

  /** One window: its time and its smallest delay, both in ms. */
  take(atMs: number, leastDelayMs: number): void {
    this.#points.push({ x: atMs, y: leastDelayMs });
    if (this.#points.length > MAX_POINTS) this.#points.shift();
  }

  forget(): void {
    this.#points = [];
  }

  /** Above 0 the encoder's clock runs fast. Undefined before a minute has been seen. */
  get ppm(): number | undefined {
    if (this.#points.length < FIGURE_POINTS) return undefined;
    const ppm = slopePpm(this.#points);
    return Math.abs(ppm) > NO_CLOCK_PPM ? undefined : ppm;
  }

  /** The same when both halves of at least two minutes say so too. */
  get steadyPpm(): number | undefined {
    const { ppm } = this;
    if (ppm === undefined || this.#points.length < STEADY_POINTS) return undefined;
    const middle = Math.floor(this.#points.length / 2);
    const halves = [this.#points.slice(0, middle), this.#points.slice(middle)].map(slopePpm);
    return halves.every((half) => half * Math.sign(ppm) >= Math.abs(ppm) / 2) ? ppm : 0;
  }

  /** Smallest delay of all windows kept, in ms. */
  get leastDelayMs(): number | undefined {
    return this.#points.length === 0 ? undefined : Math.min(...this.#points.map(({ y }) => y));
  }
}

function slopePpm(points: readonly { readonly x: number; readonly y: number }[]): number {
  return -fitLine(points).slope * 1e6;
}
