/** The time-shift window in memory alone (`--data none`). It never touches a disk. */
import type { WindowStore } from './model.ts';
import { ObjectStore } from './object-store.ts';

/**
 * An empty window. `bytes` counts each byte once, `segments` the finished Segments of all Tracks.
 * The inits of a generation leave when its last Segment does and a newer generation is being written.
 */
export function openMemoryStore(): WindowStore {
  return new ObjectStore();
}
