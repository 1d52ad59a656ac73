/**
 * Many durations in little memory: counts in buckets that grow by 5 %, from 0.1 ms to 20 minutes. Pure.
 * It never keeps a sample. Invariant: a percentile is at most 5 % above the true one, and never above the largest.
 */

const LEAST_MS = 0.1;
const GROWTH = 1.05;
const BUCKETS = Math.ceil(Math.log(1_200_000 / LEAST_MS) / Math.log(GROWTH));

export interface SpreadFigures {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export class Spread {
  readonly #counts = new Uint32Array(BUCKETS + 1);
  #count = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  add(ms: number): void {
    const bucket = ms <= LEAST_MS ? 0 : Math.ceil(Math.log(ms / LEAST_MS) / Math.log(GROWTH));
    const index = Math.min(BUCKETS, bucket);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#count += 1;
    this.#max = Math.max(this.#max, ms);
  }

  /** share: 0.99 for p99. 0 of nothing. */
  percentile(share: number): number {
    const wanted = Math.ceil(share * this.#count);
    let seen = 0;
    for (let index = 0; index <= BUCKETS && wanted > 0; index += 1) {
      seen += this.#counts[index] ?? 0;
      if (seen >= wanted) return Math.min(this.#max, LEAST_MS * GROWTH ** index);
    }
    return 0;
  }

  figures(): SpreadFigures {
    const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => tenths(this.percentile(share)));
    return { p50: p50 ?? 0, p95: p95 ?? 0, p99: p99 ?? 0, max: tenths(this.#max) };
  }
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}
