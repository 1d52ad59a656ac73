/**
 * Draws that a seed decides: the same seed, the same crowd. Pure: the state is a number that is handed on.
 * It is no cryptography. Invariant: two neighbouring seeds give unrelated draws (mulberry32 mixes each step whole).
 */

export interface Draw {
  /** From 0, below 1. */
  readonly value: number;
  readonly seed: number;
}

export function draw(seed: number): Draw {
  const next = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(next ^ (next >>> 15), next | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return { value: ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296, seed: next };
}

/** The seed of the n-th viewer of a crowd. */
export function seedOf(crowd: number, n: number): number {
  return Math.imul(crowd ^ Math.imul(n + 1, 0x9e3779b1), 0x85ebca6b) | 0;
}
