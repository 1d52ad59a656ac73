/**
 * How far apart the Tracks of one encoder bring the media of the same Segment.
 * Pure: arrivals come as arguments. Invariant: at most KEPT Segments are remembered, and each is told once.
 */
import { type Grid, indexAt } from '../package/grid.ts';

const KEPT = 4;
/** Ticks become ms with a rest; no frame is so short. */
const ROUNDING_MS = 0.5;

export class RenditionSkew {
  readonly #grid: Grid;
  readonly #tracks: ReadonlySet<string>;
  /** By index: when the last media of the Segment was there, UTC ms, of each Track. */
  readonly #arrivals = new Map<number, Map<string, number>>();
  #toldIndex: number;

  /** `firstIndex`: where the run begins; before it the encoder makes nothing. */
  constructor(grid: Grid, firstIndex: number, tracks: readonly string[]) {
    this.#grid = grid;
    this.#toldIndex = firstIndex - 1;
    this.#tracks = new Set(tracks);
  }

  /**
   * A Track has come up to outMs (media time, UTC ms).
   * @returns ms between the first and the last Track of the Segment that is complete with it, if one is
   */
  take(track: string, outMs: number, nowMs: number): number | undefined {
    const index = indexAt(this.#grid, outMs + ROUNDING_MS) - 1;
    if (index <= this.#toldIndex || !this.#tracks.has(track)) return undefined;
    const arrivals = this.#arrivals.get(index) ?? new Map<string, number>();
    this.#arrivals.set(index, arrivals);
    if (!arrivals.has(track)) arrivals.set(track, nowMs);
    if (arrivals.size < this.#tracks.size) {
      this.#forgetBelow(index - KEPT + 1);
      return undefined;
    }
    this.#toldIndex = index;
    this.#forgetBelow(index + 1);
    const times = [...arrivals.values()];
    return Math.max(...times) - Math.min(...times);
  }

  #forgetBelow(index: number): void {
    for (const known of this.#arrivals.keys()) if (known < index) this.#arrivals.delete(known);
  }
}
