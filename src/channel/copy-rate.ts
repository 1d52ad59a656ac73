/**
 * Watches what a copied Track really needs against what the ladder declares of it.
 * It never changes BANDWIDTH, which players were told. Invariant: a run says it once.
 */
import type { Fragment } from '../cmaf/isobmff/model.ts';
import type { Grid } from '../package/grid.ts';
import type { TrackFacts } from '../package/model.ts';
import type { WorkerFault } from './worker-fault.ts';

export class CopyRate {
  readonly #track: TrackFacts;
  readonly #grid: Grid;
  #bytes = 0;
  #ticks = 0;
  #isSaid = false;

  constructor(track: TrackFacts, grid: Grid) {
    this.#track = track;
    this.#grid = grid;
  }

  /** The fault of a Segment above BANDWIDTH (RFC 8216bis 4.4.6.2: the peak segment bit rate), the first time. */
  take(fragment: Fragment): WorkerFault | undefined {
    this.#bytes += fragment.bytes.length;
    this.#ticks += fragment.durationTicks;
    if (this.#ticks < this.#grid.segmentTicks) return undefined;
    const { id, peakBps } = this.#track;
    const bps = (this.#bytes * 8 * this.#grid.videoTimescale) / this.#ticks;
    this.#bytes = 0;
    this.#ticks = 0;
    if (bps <= peakBps || this.#isSaid) return undefined;
    this.#isSaid = true;
    return {
      level: 'warn',
      code: 'PUBLISH_COPY',
      message: `the feed reaches ${kilobits(bps)} in a segment, and the copied rung ${id} is declared with ${kilobits(peakBps)} at most`,
      hint: `Set the encoder to a constant rate of the ladder's bitrate for ${id}, or raise bitrate and maxrate there.`,
      lines: [],
    };
  }
}

function kilobits(bps: number): string {
  return `${Math.round(bps / 1000)}k`;
}
