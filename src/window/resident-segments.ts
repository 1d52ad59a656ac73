/**
 * Which finished Segments have their bytes in memory, oldest first: those that a file has as well (`hot`), and those that are in
 * memory alone (`unstored`). Pure: it says what has to go, the store does it. Invariant: both are bounded by time and by bytes,
 * however long the disk is out of order.
 */
import type { SegmentKey } from './model.ts';
import { nameOf } from './segment-writer.ts';

interface Bounds {
  readonly ms: number;
  readonly bytes: number;
}

/** What players of the live window ask for. */
export const HOT_BOUNDS: Bounds = { ms: 60_000, bytes: 64 * 1024 * 1024 };
/** While the disk is out of order: as much as `--data none` keeps. */
export const UNSTORED_BOUNDS: Bounds = { ms: 120_000, bytes: 256 * 1024 * 1024 };

interface Resident {
  readonly key: SegmentKey;
  readonly sizeBytes: number;
  readonly publishedMs: number;
}

class Shelf {
  readonly #residents = new Map<string, Resident>();
  #bytes = 0;

  add(resident: Resident): void {
    this.#residents.set(nameOf(resident.key), resident);
    this.#bytes += resident.sizeBytes;
  }

  take(key: SegmentKey): Resident | undefined {
    const resident = this.#residents.get(nameOf(key));
    if (resident === undefined) return undefined;
    this.#residents.delete(nameOf(key));
    this.#bytes -= resident.sizeBytes;
    return resident;
  }

  has(key: SegmentKey): boolean {
    return this.#residents.has(nameOf(key));
  }

  keys(): SegmentKey[] {
    return [...this.#residents.values()].map(({ key }) => key);
  }

  /** The oldest, when it is over the bounds; never one of the newest number. */
  over(bounds: Bounds, nowMs: number, newest: number): SegmentKey | undefined {
    const [oldest] = this.#residents.values();
    if (oldest === undefined || oldest.key.number >= newest) return undefined;
    return this.#bytes > bounds.bytes || oldest.publishedMs < nowMs - bounds.ms ? oldest.key : undefined;
  }
}

export class ResidentSegments {
  readonly #hot = new Shelf();
  readonly #unstored = new Shelf();

  /** In memory alone, for now. */
  add(key: SegmentKey, sizeBytes: number, publishedMs: number): void {
    this.#unstored.add({ key, sizeBytes, publishedMs });
  }

  /** It is in its file as well. False: it has left meanwhile. */
  stored(key: SegmentKey): boolean {
    const resident = this.#unstored.take(key);
    if (resident !== undefined) this.#hot.add(resident);
    return resident !== undefined;
  }

  /** The files are gone: what is in memory is in memory alone. */
  unstoreAll(): void {
    for (const key of [...this.#hot.keys(), ...this.#unstored.keys()]) {
      const resident = this.#hot.take(key) ?? this.#unstored.take(key);
      if (resident !== undefined) this.#unstored.add(resident);
    }
  }

  /** Its bytes are not in memory any more. True: and in no file. */
  gone(key: SegmentKey): boolean {
    this.#hot.take(key);
    return this.#unstored.take(key) !== undefined;
  }

  isUnstored(key: SegmentKey): boolean {
    return this.#unstored.has(key);
  }

  isResident(key: SegmentKey): boolean {
    return this.#hot.has(key) || this.#unstored.has(key);
  }

  unstored(): SegmentKey[] {
    return this.#unstored.keys();
  }

  /** What is read from its file from now on. While files may not be readable, memory keeps as much as it may. */
  nextToCool(nowMs: number, newest: number, isDiskOk: boolean): SegmentKey | undefined {
    return this.#hot.over(isDiskOk ? HOT_BOUNDS : UNSTORED_BOUNDS, nowMs, newest);
  }

  /** What is lost: memory keeps no more, and no file has it. */
  nextToLose(nowMs: number, newest: number): SegmentKey | undefined {
    return this.#unstored.over(UNSTORED_BOUNDS, nowMs, newest);
  }
}
