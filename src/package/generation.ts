/**
 * GEN: the part of media URLs that makes a body unique for ever.
 * It never depends on content. Invariant: another Grid, part grid, number offset, Period or incarnation is another GEN
 * (src/README.md: Generation).
 */
import { createHash } from 'node:crypto';
import type { Grid } from './grid.ts';

/** 10 hex digits; numberOffset is startNumber - startIndex of the Period, ordinal the Period's. */
export function generationOf(grid: Grid, numberOffset: number, ordinal: number, incarnation: string): string {
  const { frameRate, segmentMs, partsPerSegment } = grid;
  const text = `${frameRate.num}/${frameRate.den} ${segmentMs} ${partsPerSegment} ${numberOffset} ${ordinal} ${incarnation}`;
  return createHash('sha256').update(text).digest('hex').slice(0, 10);
}

/** By identity: a header's bytes never change, and plans are compared with every chunk. */
const initHashes = new WeakMap<Buffer, string>();

/** Hash of a CMAF header, for its URL: 16 hex digits. */
export function initHashOf(bytes: Buffer): string {
  const known = initHashes.get(bytes);
  if (known !== undefined) return known;
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  initHashes.set(bytes, hash);
  return hash;
}
